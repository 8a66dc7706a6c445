"""Lengths, durations and amounts of memory, as people write them.

A length is kept in micrometres, a duration in seconds, an amount of memory in bytes.
"""

from __future__ import annotations

import re

from cellwright.core.errors import UsageError

__all__ = ["parse_duration", "parse_length", "parse_memory", "parse_size"]

# Micrometres per unit; the spellings are those found in OME-XML, ImageJ and TIFF headers.
_LENGTHS = {
    "um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0,
    "micrometre": 1.0, "micrometers": 1.0, "micrometres": 1.0, "\\u00b5m": 1.0,
    "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3, "å": 1e-4, "angstrom": 1e-4,
    "ångström": 1e-4, "pm": 1e-6, "mm": 1e3, "millimeter": 1e3, "millimetre": 1e3,
    "cm": 1e4, "centimeter": 1e4, "centimetre": 1e4, "m": 1e6, "meter": 1e6, "metre": 1e6,
    "inch": 25400.0, "in": 25400.0,
}  # fmt: skip
_DURATIONS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "msec": 1e-3, "s": 1.0,
    "sec": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "day": 86400.0,
}  # fmt: skip
_MEMORY = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
    "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
}  # fmt: skip
_NUMBER = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*(\S*)\s*\Z")


def _split(text: str, what: str, example: str) -> tuple[float, str]:
    match = _NUMBER.match(text)
    if match is None:
        raise UsageError(f"{text!r} is not {what}", remedy=f"write it like {example}")
    return float(match[1]), match[2].casefold()


def length_in_um(unit: str) -> float | None:
    """Micrometres in one `unit`, or None for a unit that is not a length.

    Examples
    --------
    >>> length_in_um("nm"), length_in_um("pixel")
    (0.001, None)
    """
    return _LENGTHS.get(unit.strip().casefold())


def duration_in_s(unit: str) -> float | None:
    """Seconds in one `unit`, or None for a unit that is not a duration."""
    return _DURATIONS.get(unit.strip().casefold())


def parse_length(text: str) -> float:
    """Read a length such as ``0.65um`` or ``650 nm`` in micrometres.

    Raises
    ------
    UsageError
        Without a unit, or with one that is not a length.

    Examples
    --------
    >>> parse_length("650 nm")
    0.65
    """
    number, unit = _split(text, "a length", "0.65um or 650nm")
    scale = _LENGTHS.get(unit)
    if scale is None or number <= 0:
        raise UsageError(f"{text!r} is not a length with a unit", remedy="write it like 0.65um")
    return number * scale


def parse_size(text: str) -> tuple[float, str]:
    """Read an object size such as ``12um`` or ``18px``: a number, and ``um`` or ``px``.

    Examples
    --------
    >>> parse_size("18px"), parse_size("0.012 mm")
    ((18.0, 'px'), (12.0, 'um'))
    """
    number, unit = _split(text, "a size", "12um or 18px")
    if unit in {"px", "pixel", "pixels"} and number > 0:
        return number, "px"
    return parse_length(text), "um"


def parse_duration(text: str) -> float:
    """Read a duration such as ``5min`` in seconds.

    Examples
    --------
    >>> parse_duration("5min")
    300.0
    """
    number, unit = _split(text, "a duration", "30s, 5min or 1h")
    scale = _DURATIONS.get(unit)
    if scale is None or number <= 0:
        raise UsageError(f"{text!r} is not a duration with a unit", remedy="write it like 5min")
    return number * scale


def parse_memory(text: str) -> int:
    """Read an amount of memory such as ``4GB`` in bytes.

    Examples
    --------
    >>> parse_memory("4GB"), parse_memory("1.5 GiB")
    (4000000000, 1610612736)
    """
    number, unit = _split(text, "an amount of memory", "4GB or 900MB")
    scale = _MEMORY.get(unit)
    if scale is None or number <= 0:
        raise UsageError(f"{text!r} is not an amount of memory", remedy="write it like 4GB")
    return int(number * scale)
