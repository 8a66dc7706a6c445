"""Numbers and names in words: how the report writes a count, a quantity, a file name."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["between", "counted", "joined", "quantity", "rounded", "visible"]

MISSING = "–"
"""What stands where there is no number."""

_CONTROL_PICTURES = 0x2400  # Unicode block: U+0000 is drawn as U+2400, newline as U+240A
_DELETE_PICTURE = 0x2421
_REPLACEMENT = 0xFFFD
_SURROGATES = range(0xD800, 0xE000)  # stand for undecodable bytes of a file name; not text
_LINE_ENDS = {0x2028: 0x240A, 0x2029: 0x240A, 0x85: 0x240A}
# Embedding marks that would let a name be shown in another order than it has.
_BIDIRECTIONAL = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F}
_VISIBLE = (
    {code: _CONTROL_PICTURES + code for code in range(0x20)}
    | {0x7F: _DELETE_PICTURE}
    | dict.fromkeys(range(128, 160), _REPLACEMENT)
    | dict.fromkeys(_SURROGATES, _REPLACEMENT)
    | dict.fromkeys(_BIDIRECTIONAL, _REPLACEMENT)
    | _LINE_ENDS
)


def visible(text: object, longest: int = 0) -> str:
    r"""Show a name so that a person sees what is in it.

    Control characters become their pictures, halves of characters and marks that turn the
    direction of reading become U+FFFD. Escaping for HTML is not done here.

    Parameters
    ----------
    text
        Anything that has a ``str``; None and NaN give an empty text.
    longest
        Cut the middle out of what is longer than this many characters; 0 never cuts.

    Examples
    --------
    >>> visible("a\nb.tif"), visible("experiment_07_control.tif", 15)
    ('a␊b.tif', 'experim…rol.tif')
    """
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return ""
    shown = str(text).translate(_VISIBLE)
    if longest and len(shown) > longest:
        end = (longest - 1) // 2
        shown = shown[: longest - 1 - end] + "…" + shown[len(shown) - end :]
    return shown


def counted(number: float, noun: str, plural: str = "") -> str:
    """Write a number with its noun.

    Examples
    --------
    >>> counted(1, "picture"), counted(12345, "cell")
    ('1 picture', '12,345 cells')
    """
    return f"{number:,.0f} {noun if number == 1 else plural or noun + 's'}"


def quantity(value: object, digits: int = 3) -> str:
    """Write a measured number with `digits` significant digits, never in powers of ten.

    Whole parts are written out in full; a number that is not there is a dash.

    Examples
    --------
    >>> quantity(1234.56), quantity(12.345), quantity(0.012345), quantity(float("nan"))
    ('1,235', '12.3', '0.0123', '–')
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return MISSING
    if not math.isfinite(number):
        return MISSING
    if number == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(number)))
    return f"{number:,.{min(max(decimals, 0), 12)}f}"


def rounded(value: float, digits: int = 3) -> str:
    """Write a number as `quantity` does, without zeros that carry nothing.

    For counts and round lengths, where ``20.0`` would claim what nobody measured.

    Examples
    --------
    >>> rounded(20.0), rounded(27.5), rounded(12345.0)
    ('20', '27.5', '12,345')
    """
    text = quantity(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def between(low: float, high: float) -> str:
    """Write a range; a dash where there is none.

    Examples
    --------
    >>> between(5.0, 68.0), between(float("nan"), 1.0)
    ('5 to 68', '–')
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return MISSING
    return f"{rounded(low)} to {rounded(high)}"


def joined(parts: Sequence[str], most: int = 0) -> str:
    """Join as a sentence does, and say how many were left out beyond `most`.

    Examples
    --------
    >>> joined(["a", "b", "c"]), joined(["a", "b", "c", "d"], most=2)
    ('a, b and c', 'a, b and 2 more')
    """
    kept = list(parts)
    if most and len(kept) > most:
        kept = [*kept[:most], f"{len(parts) - most:,} more"]
    if len(kept) < 2:
        return "".join(kept)
    return ", ".join(kept[:-1]) + " and " + kept[-1]
