"""Files of the Operetta and the Opera Phenix (Harmony): ``r01c01f01p01-ch1sk1fk1fl1.tiff``.

Harmony writes ``Index.idx.xml`` (``Index.xml`` before version 5) beside them.
"""

from __future__ import annotations

import re
from pathlib import Path

from cellwright.core.image import Spacing
from cellwright.io.pattern import (
    Description,
    Pattern,
    Place,
    folder_parts,
    number_text,
    well_at,
)
from cellwright.io.patterns.instrument_xml import Record, even_step, number_of, read_records

__all__ = ["PATTERN"]

_NAME = re.compile(
    r"r(?P<row>[0-9]{2})c(?P<column>[0-9]{2})f(?P<field>[0-9]{1,5})p(?P<plane>[0-9]{1,4})"
    r"-ch(?P<channel>[0-9]{1,3})(?:sk(?P<slow>[0-9]{1,6}))?(?:fk(?P<fast>[0-9]{1,6}))?"
    r"(?:fl(?P<flim>[0-9]{1,4}))?\Z"
)
_INDICES = ("Index.idx.xml", "Index.xml")
_FIELDS = frozenset(
    {"ChannelID", "ChannelName", "ImageResolutionX", "ImageResolutionY", "PositionZ",
     "AbsPositionZ", "PlaneID", "TimepointID", "MeasurementTimeOffset", "Row", "Col", "FieldID"}
)  # fmt: skip
_UM_PER_M = 1e6


def match(name: str, folder: str) -> Place | None:
    """Take a name apart.

    Examples
    --------
    >>> place = match("r02c12f03p01-ch2sk4fk1fl1", "P1__2020-01-02-Measurement 1/Images")
    >>> place.rest, place.plate, place.well, place.position, place.channel, place.frame
    ('r02c12f03', 'P1', 'B12', '3', 'ch2', (4, 1))
    """
    found = _NAME.match(name)
    if found is None:
        return None
    well = well_at(int(found["row"]), int(found["column"]))
    if not well:
        return None
    parts = folder_parts(folder)
    above = parts[:-1] if parts and parts[-1].casefold() == "images" else parts
    return Place(
        rest=f"r{found['row']}c{found['column']}f{found['field']}",
        folder=folder,
        plate=above[-1].partition("__")[0] if above else "",
        well=well,
        position=number_text(found["field"]),
        frame=(int(found["slow"] or 0), int(found["fast"] or 0)),
        channel=f"ch{int(found['channel'])}",
        depth=int(found["plane"]),
        variant=f"fl{int(found['flim'])}" if found["flim"] else "",
    )


def describe(folder: Path) -> Description | None:
    """Read pixel size, distance of planes, channel names and interval from the index."""
    for name in _INDICES:
        path = folder / name
        if path.is_file():
            return _described(path)
    return None


def _described(path: Path) -> Description:
    # Harmony 6 and 7 keep what is of a channel in Map/Entry, others in each Image.
    records = read_records(path, {"Image": _FIELDS, "Entry": _FIELDS, "Plate": {"PlateID"}})
    channels: dict[str, str] = {}
    sizes: dict[str, set[float]] = {"x": set(), "y": set()}
    plates: list[str] = []
    for record in records:
        identifier = record.texts.get("ChannelID") or record.attributes.get("ChannelID", "")
        title = record.texts.get("ChannelName", "")
        if identifier.isdecimal() and title:
            channels.setdefault(f"ch{int(identifier)}", title)
        for axis in "xy":
            size = number_of(record.texts.get(f"ImageResolution{axis.upper()}"))
            if size is not None and size > 0:
                sizes[axis].add(round(size * _UM_PER_M, 9))
        if record.name == "Plate" and record.texts.get("PlateID"):
            plates.append(record.texts["PlateID"])
    only = {axis: values.pop() if len(values) == 1 else None for axis, values in sizes.items()}
    images = [record for record in records if record.name == "Image"]
    depth = _step_of_planes(images)
    return Description(
        spacing=Spacing(z=depth, y=only["y"], x=only["x"]),
        channels=channels,
        interval=_interval(images),
        plate=plates[0] if len(plates) == 1 else "",
        notes=(f"channel names and distances are from {path.name}",),
    )


def _step_of_planes(images: list[Record]) -> float | None:
    """Micrometres from plane to plane: AbsPositionZ moves with the focus, PositionZ may not."""
    for name in ("PositionZ", "AbsPositionZ"):
        stacks: dict[tuple[str, ...], dict[int, float]] = {}
        for record in images:
            height, plane = number_of(record.texts.get(name)), record.texts.get("PlaneID", "")
            if height is not None and plane.isdecimal():
                key = tuple(
                    record.texts.get(part, "")
                    for part in ("Row", "Col", "FieldID", "ChannelID", "TimepointID")
                )
                stacks.setdefault(key, {})[int(plane)] = height * _UM_PER_M
        step = even_step([[stack[n] for n in sorted(stack)] for stack in stacks.values()])
        if step is not None:
            return step
    return None


def _interval(images: list[Record]) -> float | None:
    """Seconds from one time point to the next, by the first picture of each."""
    times: dict[int, float] = {}
    for record in images:
        offset = number_of(record.texts.get("MeasurementTimeOffset"))
        point = record.texts.get("TimepointID", "")
        if offset is not None and point.isdecimal():
            times[int(point)] = min(offset, times.get(int(point), offset))
    return even_step([[times[n] for n in sorted(times)]])


PATTERN = Pattern(
    name="operetta",
    title="Harmony (Operetta, Opera Phenix)",
    example="r01c01f01p01-ch1sk1fk1fl1.tiff",
    meaning=(
        "row, column, field, plane (p), channel (ch), slow and fast time point (sk, fk); "
        "Index.idx.xml beside them names the channels and gives the distances"
    ),
    match=match,
    describe=describe,
)
