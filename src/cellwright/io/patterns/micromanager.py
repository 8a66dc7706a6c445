"""Single files of Micro-Manager: ``img_channel000_position002_time000000004_z001.tif``."""

from __future__ import annotations

import re

from cellwright.io.pattern import Pattern, Place, folder_parts, number_text, well_name

__all__ = ["PATTERN"]

_NEW = re.compile(
    r"img_channel(?P<channel>[0-9]{3})_position(?P<position>[0-9]{3})"
    r"_time(?P<time>[0-9]{9})_z(?P<z>[0-9]{3})\Z"
)
_OLD = re.compile(r"img_(?P<time>[0-9]{9})_(?P<channel>.+)_(?P<z>[0-9]{3})\Z")
_SITE = re.compile(r"([A-P][0-9]{1,2})-Site_([0-9]{1,4})\Z")


def match(name: str, folder: str) -> Place | None:
    """Take a name apart; the folder is the position where the name has none.

    Examples
    --------
    >>> place = match("img_000000004_DAPI_001", "run/B2-Site_0")
    >>> place.folder, place.rest, place.well, place.position, place.frame, place.channel
    ('run', 'B2-Site_0/img', 'B02', '0', (4,), 'DAPI')
    """
    found = _NEW.match(name)
    if found is not None:
        return Place(
            rest=f"img_position{found['position']}",
            folder=folder,
            position=number_text(found["position"]),
            frame=(int(found["time"]),),
            channel=f"channel{found['channel']}",
            depth=int(found["z"]),
        )
    found = _OLD.match(name)
    if found is None:
        return None
    *above, last = folder_parts(folder) or [""]
    site = _SITE.match(last)
    return Place(
        rest=f"{last}/img" if last else "img",
        folder="/".join(above),
        well=well_name(site[1]) if site else "",
        position=site[2] if site else last,
        frame=(int(found["time"]),),
        channel=found["channel"],
        depth=int(found["z"]),
    )


PATTERN = Pattern(
    name="micromanager",
    title="Micro-Manager",
    example="img_channel000_position002_time000000004_z001.tif",
    meaning="channel, position, time point and plane; before version 2 the position is the folder",
    match=match,
)
