"""Doses as people write them, in one unit."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cellwright.core.errors import UsageError

__all__ = ["Dose", "in_one_unit", "parse_dose"]

_PREFIXES = {
    "": 1.0, "k": 1e3, "d": 1e-1, "c": 1e-2, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12,
    "f": 1e-15,
}  # fmt: skip
_MICRO = ("µ", "μ")
_AMOUNT = re.compile(r"(?P<prefix>[kdcmunpf]?)(?P<of>mol/l|mol|M|g|l|U|IU|Gy|J)")
_PER = re.compile(r"(?P<prefix>[kdcmunp]?)(?P<of>l|L|m2)")
_SHARES = {"%": 1e-2, "‰": 1e-3, "ppm": 1e-6}


@dataclass(frozen=True)
class Dose:
    """A dose in the basic unit of its kind.

    Attributes
    ----------
    value
        In `kind`.
    kind
        The unit without prefixes (``g``, ``g/l``, ``mol/l``), or as it was written.
    """

    value: float
    kind: str


def parse_dose(value: float, unit: str) -> Dose:
    """Read a dose; a unit that is not known stays as it is, and compares with itself only.

    Parameters
    ----------
    value
        The number.
    unit
        Such as ``ng/ml``, ``uM``, ``µg``, ``%``; empty for a bare number.

    Raises
    ------
    UsageError
        If the number is negative or none.

    Examples
    --------
    >>> parse_dose(2, "uM"), parse_dose(500, "ng/ml").kind
    (Dose(value=2e-06, kind='mol/l'), 'g/l')
    """
    if not (math.isfinite(value) and value >= 0):
        raise UsageError(f"{value} is no dose", remedy="write a number from 0 on")
    factor, kind = _factor(unit.strip())
    return Dose(value * factor, kind)


def _factor(unit: str) -> tuple[float, str]:
    text = unit
    for sign in _MICRO:
        text = text.replace(sign, "u")
    text = text.replace(" ", "")
    if text in _SHARES:
        return _SHARES[text], "share"
    of, slash, per = text.partition("/")
    if of.lower() in {f"{prefix}mol" for prefix in _PREFIXES} and slash:
        of = of.lower()
    amount = _AMOUNT.fullmatch(of)
    if amount is None:
        return 1.0, unit
    factor, kind = _PREFIXES[amount["prefix"]], amount["of"]
    if slash:
        below = _PER.fullmatch(per)
        if below is None:
            return 1.0, unit
        power = 2 if below["of"] == "m2" else 1  # a square centimetre is 1e-4 square metres
        factor /= _PREFIXES[below["prefix"]] ** power
        kind += "/" + below["of"].lower()
    return factor, "mol/l" if kind == "M" else kind


def in_one_unit(doses: Sequence[tuple[float, str]]) -> tuple[list[float], str]:
    """Bring doses of one compound into the unit in which most of them were written.

    Parameters
    ----------
    doses
        Numbers with their units.

    Returns
    -------
    list of float, str
        The numbers, and their unit.

    Raises
    ------
    UsageError
        If two units are of different kinds, such as grams and moles.

    Examples
    --------
    >>> in_one_unit([(40, "ng"), (80, "ng"), (0.16, "µg")])
    ([40.0, 80.0, 160.0], 'ng')
    """
    units = [unit.strip() for _, unit in doses]
    read = [parse_dose(value, unit) for value, unit in doses]
    kinds = {dose.kind for dose in read if dose.value > 0}
    if len(kinds) > 1:
        raise UsageError(
            f"doses in {' and '.join(sorted({unit or 'no unit' for unit in units}))} cannot be "
            "compared",
            remedy="write the doses of a compound in one unit",
        )
    given = [unit for (value, _), unit in zip(doses, units, strict=True) if value > 0]
    chosen = max(dict.fromkeys(given), key=given.count, default="")
    factor, _ = _factor(chosen)
    # a dose of this very unit stays the number that was written
    return [
        float(value) if unit == chosen else float(f"{dose.value / factor:.12g}")
        for (value, _), unit, dose in zip(doses, units, read, strict=True)
    ], chosen
