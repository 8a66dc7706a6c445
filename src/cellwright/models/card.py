"""The card of a model: what a person should know of it before it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cellwright.models.description import ENSEMBLE, Architecture, Description, Normalisation

__all__ = ["card_lines"]

_INTERVAL = {"value", "low", "high"}
"""Names of an estimate with the ends of its interval; it may also have ``n`` and ``unit``."""
_SHOWN = 12  # digits of a hash, which tell networks of one name apart
_DIGITS = 4  # significant ones, of numbers that were computed
_LONGEST_TABLE = 100  # rows


def card_lines(description: Description) -> tuple[str, ...]:
    """Write the card of a model in words.

    A mapping with ``value``, ``low`` and ``high`` is shown as an estimate with its interval, one
    of lists of the same length as a table.

    Examples
    --------
    >>> for line in _tree({"ap_50": {"value": 0.85, "low": 0.82, "high": 0.87, "n": 67}}): line
    'ap_50: 0.85 (0.82 to 0.87, n = 67)'
    """
    return tuple(_printable(line) for line in _card(description))


def _card(card: Description) -> Iterator[str]:
    yield f"{card.name}, version {card.version}: {card.description}"
    yield f"finds: single objects of the kind {card.object!r}" + (
        f", of the classes {', '.join(kind.name for kind in card.classes)}" if card.classes else ""
    )
    yield (
        f"sizes: objects of {_span(card.sizes)} px across; the network sees them best at "
        f"{card.diameter:g} px, and bears {_span(card.diameters)} px without rescaling"
    )
    if card.spacing is not None:
        yield f"pixel size in training: {card.spacing[0]:g} × {card.spacing[1]:g} µm"
    else:
        yield "pixel size in training: several, or not known"
    yield f"licence: {card.licence}"
    yield f"made by: {', '.join(card.authors)}"
    for work in card.cite:
        where = f"https://doi.org/{work.doi}" if work.doi is not None else work.url
        yield f"to cite: {work.text} ({where})"
    maps = ", ".join(card.channels)
    yield f"network: {card.architecture.name}, {len(card.channels)} maps ({maps})"
    yield from _members(card.architecture)
    yield f"decoder: {card.decoder.name}, version {card.decoder.version}"
    yield f"brightness: {_brightness(card.normalisation)}"
    yield f"tiles: {card.tile} px, with {card.halo} px around them"
    yield "trained on:" if card.sources else "trained on: not stated"
    for origin in card.sources:
        yield (
            f"  {origin.name}: {origin.pictures:,} pictures, {origin.objects:,} objects, "
            f"{origin.licence}, {origin.url}"
        )
    for title, part in (
        ("scores", card.scores),
        ("calibration", card.calibration),
        ("training pictures", {k: v for k, v in card.fingerprint.items() if k != "vectors"}),
    ):
        yield f"{title}:" if part else f"{title}: not stated"
        yield from (f"  {line}" for line in _tree(part))


def _members(architecture: Architecture) -> Iterator[str]:
    """The networks of an ensemble, as far as its file tells."""
    told = architecture.options.get("members")
    members = [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []
    if architecture.name != ENSEMBLE or not members:
        return
    yield f"  the mean of {len(members)} networks, each of which is asked:"
    for one in members:
        own = one.get("architecture")
        kind = own.get("name") if isinstance(own, Mapping) else None
        weights = str(one.get("weights"))[:_SHOWN]
        yield (
            f"  {one.get('name')}: version {one.get('version')}, {kind}, {one.get('licence')}, "
            f"weights {weights}…"
        )


def _brightness(how: Normalisation) -> str:
    cut = f", cut off at {_span(how.clip)}" if how.clip is not None else ""
    if how.how == "linear":
        return f"intensity {how.zero:g} becomes 0, {how.one:g} becomes 1, in every plane{cut}"
    if how.how == "deviations":
        return f"the mean of a plane becomes 0, its standard deviation 1{cut}"
    return f"percentile {how.low:g} of a plane becomes 0, {how.high:g} becomes 1{cut}"


def _span(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}"


def _tree(part: Mapping[str, Any]) -> Iterator[str]:
    """Write a free part, whatever it holds."""
    columns = list(part.values())
    if columns and all(_is_column(c) and len(c) == len(columns[0]) for c in columns):
        yield from _table(list(part), columns)
        return
    for name, value in part.items():
        if isinstance(value, Mapping) and not value.keys() >= _INTERVAL:
            yield f"{name}:"
            yield from (f"  {line}" for line in _tree(value))
        else:
            yield f"{name}: {_words(value)}"


def _is_column(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 1


def _table(names: Sequence[str], columns: Sequence[Sequence[Any]]) -> Iterator[str]:
    rows = [names, *([_words(cell) for cell in row] for row in zip(*columns, strict=True))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    for row in rows[: _LONGEST_TABLE + 1]:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    if len(rows) > _LONGEST_TABLE + 1:
        yield f"… and {len(rows) - _LONGEST_TABLE - 1} more"


def _words(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}"
    if isinstance(value, Mapping):
        if not value.keys() >= _INTERVAL:
            return ", ".join(f"{name}: {_words(part)}" for name, part in value.items())
        unit = f" {value['unit']}" if "unit" in value else ""
        n = f", n = {_words(value['n'])}" if "n" in value else ""
        ends = f"{_words(value['low'])} to {_words(value['high'])}"
        return f"{_words(value['value'])}{unit} ({ends}{n})"
    if _is_column(value):
        return ", ".join(_words(part) for part in value)
    return str(value)


def _printable(line: str) -> str:
    """Take what could write over a terminal out of a text that came with a file."""
    return "".join(c if c.isprintable() else " " for c in line)
