"""Files of Thermo's Cellomics (ArrayScan, CellInsight): ``AS_09125_050116030001_D03f00d0.tif``."""

from __future__ import annotations

import re

from cellwright.io.pattern import WELL, Pattern, Place, number_text, well_name

__all__ = ["PATTERN"]

_NAME = re.compile(
    rf"(?P<plate>.+)_(?P<well>{WELL})f(?P<field>[0-9]{{2,3}})(?:d(?P<channel>[0-9]{{1,2}}))?\Z"
)


def match(name: str, folder: str) -> Place | None:
    """Take a name apart.

    Examples
    --------
    >>> place = match("AS_09125_050116030001_D03f00d0", "")
    >>> place.rest, place.well, place.position, place.channel
    ('AS_09125_050116030001_D03f00', 'D03', '0', 'd0')
    """
    found = _NAME.match(name)
    if found is None:
        return None
    return Place(
        rest=f"{found['plate']}_{found['well']}f{found['field']}",
        folder=folder,
        plate=found["plate"],
        well=well_name(found["well"]),
        position=number_text(found["field"]),
        channel=f"d{int(found['channel'])}" if found["channel"] else "",
        certainty="alone" if found["channel"] else "together",
    )


PATTERN = Pattern(
    name="cellomics",
    title="Cellomics (ArrayScan, CellInsight)",
    example="AS_09125_050116030001_D03f00d0.tif",
    meaning="plate, well, field (f) and channel (d), both counted from 0",
    match=match,
)
