"""Files of Yokogawa's CellVoyager CV7000 and CV8000: ``NAME_D08_T0001F001L01A01Z01C01.tif``.

``MeasurementDetail.mrf`` beside them has the pixel size, ``MeasurementData.mlf`` the height
and time of each picture, and a ``.mes`` file what was asked for.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from cellwright.core.image import Spacing
from cellwright.io.pattern import WELL, Description, Pattern, Place, well_name
from cellwright.io.patterns.instrument_xml import even_step, number_of, read_records

__all__ = ["PATTERN"]

_NAME = re.compile(
    rf"(?P<plate>.+)_(?P<well>{WELL})_T(?P<time>[0-9]{{4}})F(?P<field>[0-9]{{3,5}})"
    r"L(?P<line>[0-9]{2})A(?P<action>[0-9]{2})Z(?P<z>[0-9]{2,4})C(?P<channel>[0-9]{2})\Z"
)
_CORRECTION = re.compile(r"(?:SC|DC)_.+_M[0-9]{2}_CH[0-9]{2}\Z")
_DETAIL, _DATA = "MeasurementDetail.mrf", "MeasurementData.mlf"


def match(name: str, folder: str) -> Place | None:
    """Take a name apart.

    Examples
    --------
    >>> place = match("P_D08_T0001F002L01A02Z03C02", "")
    >>> place.rest, place.well, place.position, place.channel, place.depth, place.variant
    ('P_D08_F002L01', 'D08', '2', 'C02', 3, 'A02')
    """
    if _CORRECTION.match(name):
        return Place(
            rest=name,
            folder=folder,
            skip="a shading or dark correction, not a picture",
            certainty="together",
        )
    found = _NAME.match(name)
    if found is None:
        return None
    line = int(found["line"])
    return Place(
        rest=f"{found['plate']}_{found['well']}_F{found['field']}L{found['line']}",
        folder=folder,
        plate=found["plate"],
        well=well_name(found["well"]),
        position=str(int(found["field"])) + (f", timeline {line}" if line > 1 else ""),
        frame=(int(found["time"]),),
        channel=f"C{found['channel']}",
        depth=int(found["z"]),
        variant=f"A{found['action']}",
    )


def describe(folder: Path) -> Description | None:
    """Read pixel size, distance of planes, interval and stains."""
    detail, data = folder / _DETAIL, folder / _DATA
    settings = sorted(folder.glob("*.mes"))
    if not detail.is_file() and not data.is_file() and not settings:
        return None
    sizes: dict[str, set[float]] = {"Horizontal": set(), "Vertical": set()}
    if detail.is_file():
        for record in read_records(detail, {"MeasurementChannel": set()}):
            for axis, values in sizes.items():
                size = number_of(record.attributes.get(f"{axis}PixelDimension"))
                if size is not None and size > 0:
                    values.add(size)
    across, down = (v.pop() if len(v) == 1 else None for v in sizes.values())
    depth, interval = _steps(data) if data.is_file() else (None, None)
    channels = _stains(settings[0]) if len(settings) == 1 else {}
    read = [path.name for path in (detail, data) if path.is_file()]
    return Description(
        spacing=Spacing(z=depth, y=down, x=across),
        channels=channels,
        interval=interval,
        notes=(f"distances are from {' and '.join(read)}",) if read else (),
    )


def _steps(path: Path) -> tuple[float | None, float | None]:
    """Micrometres from plane to plane and seconds from time point to time point."""
    stacks: dict[tuple[str, ...], dict[int, float]] = {}
    times: dict[tuple[str, ...], dict[int, float]] = {}
    for record in read_records(path, {"MeasurementRecord": set()}):
        of = record.attributes
        if of.get("Type") != "IMG":
            continue
        index, point = of.get("ZIndex", ""), of.get("TimePoint", "")
        height, moment = number_of(of.get("Z")), _moment(of.get("Time", ""))
        place = tuple(
            of.get(part, "")
            for part in ("Row", "Column", "FieldIndex", "TimelineIndex", "ActionIndex", "Ch")
        )
        if height is not None and index.isdecimal():
            stacks.setdefault((*place, point), {})[int(index)] = height
        if moment is not None and point.isdecimal():
            times.setdefault((*place, index), {})[int(point)] = moment
    in_depth = even_step([[s[n] for n in sorted(s)] for s in stacks.values()])
    in_time = even_step([[t[n] for n in sorted(t)] for t in times.values()])
    return in_depth, in_time


def _moment(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except (ValueError, OverflowError, OSError):
        return None


def _stains(path: Path) -> dict[str, str]:
    """Names of the channels whose stain somebody typed in."""
    names = {}
    for record in read_records(path, {"Channel": set()}):
        number, stain = record.attributes.get("Ch", ""), record.attributes.get("Fluorophore", "")
        if number.isdecimal() and stain.strip():
            names[f"C{int(number):02d}"] = stain.strip()
    return names


PATTERN = Pattern(
    name="cv8000",
    title="CellVoyager (CV7000, CV8000)",
    example="NAME_D08_T0001F001L01A01Z01C01.tif",
    meaning=(
        "name, well, time point (T), field (F), timeline (L), action (A), plane (Z), channel (C); "
        "MeasurementDetail.mrf and MeasurementData.mlf beside them give the distances"
    ),
    match=match,
    describe=describe,
)
