"""Files of the Incucyte: exported ``VID1234_B2_1_00d04h00m.tif``, or its own archive.

The channel is a word of the prefix (``EXP_green_B2_1_…``) or the folder (``phase/VID…``),
whichever the export was told to write. The archive holds ``A1-1-C1.tif`` in
``ScanData/YYMM/DD/HHMM/NUMBER``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cellwright.io.pattern import Pattern, Place, folder_parts, number_text, well_name

__all__ = ["PATTERN"]

_WELL = r"(?P<well>[A-P][0-9]{1,2})"
_NAME = re.compile(
    rf"(?:(?P<prefix>.+)_)?{_WELL}_(?P<field>[0-9]{{1,3}})_"
    r"(?:(?P<d>[0-9]{2,3})d(?P<h>[0-9]{2})h(?P<m>[0-9]{2})m"
    r"|(?P<year>[0-9]{4})y(?P<month>[0-9]{2})m(?P<day>[0-9]{2})d_(?P<hour>[0-9]{2})h"
    r"(?P<minute>[0-9]{2})m)\Z"
)
_ARCHIVED = re.compile(rf"{_WELL}-(?P<field>[0-9]{{1,3}})-(?P<channel>Ph|P|C[0-9]{{1,2}})\Z")
_MONTH, _TWO, _FOUR = (re.compile(r"[0-9]{%d}\Z" % n) for n in (4, 2, 4))  # noqa: UP031
_CHANNELS = frozenset(
    {"phase", "red", "green", "nir", "orange", "brightfield", "bf", "ph", "blue", "yellow"}
)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def match(name: str, folder: str) -> Place | None:
    """Take a name apart.

    Examples
    --------
    >>> place = match("VID12_B2_1_01d04h30m", "run/phase")
    >>> place.rest, place.folder, place.well, place.channel, place.seconds / 3600
    ('VID12_B2_1', 'run', 'B02', 'phase', 28.5)
    """
    found = _NAME.match(name)
    if found is None:
        return _archived(name, folder)
    well, seconds = well_name(found["well"]), _seconds(found)
    if not well or seconds is None:
        return None
    parts = folder_parts(folder)
    prefix = found["prefix"] or ""
    words = prefix.split("_") if prefix else []
    channels = [word for word in words if word.casefold() in _CHANNELS]
    channel = ""
    if len(channels) == 1:
        channel = channels[0]
        words.remove(channel)
    elif not channels and parts and parts[-1].casefold() in _CHANNELS:
        channel = parts.pop()
    plate = "_".join(words)
    rest = f"{found['well']}_{found['field']}"
    return Place(
        rest=f"{plate}_{rest}" if plate else rest,
        folder="/".join(parts),
        plate=plate,
        well=well,
        position=number_text(found["field"]),
        frame=(int(seconds),),
        seconds=seconds,
        channel=channel,
    )


def _seconds(found: re.Match[str]) -> float | None:
    if found["d"] is not None:
        days, hours, minutes = int(found["d"]), int(found["h"]), int(found["m"])
        return float(_DAY * days + _HOUR * hours + _MINUTE * minutes)
    numbers = [int(found[part]) for part in ("year", "month", "day", "hour", "minute")]
    return _since_epoch(*numbers)


def _since_epoch(year: int, month: int, day: int, hour: int, minute: int) -> float | None:
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _archived(name: str, folder: str) -> Place | None:
    found = _ARCHIVED.match(name)
    parts = folder_parts(folder)
    if found is None or len(parts) < 4 or not well_name(found["well"]):
        return None
    month, day, hour, vessel = parts[-4:]
    if not (_MONTH.match(month) and _TWO.match(day) and _FOUR.match(hour) and vessel.isdecimal()):
        return None
    seconds = _since_epoch(
        2000 + int(month[:2]), int(month[2:]), int(day), int(hour[:2]), int(hour[2:])
    )
    if seconds is None:
        return None
    return Place(
        rest=f"{found['well']}-{found['field']}",
        folder="/".join([*parts[:-4], vessel]),
        plate=vessel,
        well=well_name(found["well"]),
        position=number_text(found["field"]),
        frame=(int(seconds),),
        seconds=seconds,
        channel=found["channel"],
    )


PATTERN = Pattern(
    name="incucyte",
    title="Incucyte",
    example="VID1234_B2_1_00d04h00m.tif",
    meaning=(
        "prefix (the vessel), well, field, and days, hours and minutes since the first scan, or "
        "date and time; a word of the prefix or the folder names the channel (phase, red, green)"
    ),
    match=match,
)
