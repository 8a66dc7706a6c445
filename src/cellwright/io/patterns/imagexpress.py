"""Files of Molecular Devices' ImageXpress (MetaXpress): ``PLATE_E07_s1_w1UUID.tif``."""

from __future__ import annotations

import re

from cellwright.io.pattern import WELL, Pattern, Place, folder_parts, number_text, well_name

__all__ = ["PATTERN"]

_NAME = re.compile(
    rf"(?:(?P<plate>.+)_)?(?P<well>{WELL})(?:_s(?P<site>[0-9]{{1,4}}))?"
    r"(?:_w(?P<wave>[0-9]{1,2}))?(?:_z(?P<z>[0-9]{1,4}))?(?P<thumb>_thumb)?"
    r"(?P<uuid>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?\Z"
)
_STEP = re.compile(r"(?i)(zstep|timepoint)_?([0-9]{1,6})\Z")


def match(name: str, folder: str) -> Place | None:
    """Take a name apart; folders ``TimePoint_N`` and ``ZStep_N`` belong to it.

    Examples
    --------
    >>> place = match("P_E07_s1_w2B14915F6-0679-4494-82D1-F80894B32A66", "P/ZStep_5")
    >>> place.rest, place.folder, place.well, place.channel, place.depth
    ('P_E07_s1', 'P', 'E07', 'w2', 5)
    """
    found = _NAME.match(name)
    if found is None:
        return None
    parts = folder_parts(folder)
    steps: dict[str, int] = {}
    while parts and (step := _STEP.match(parts[-1])) and step[1].lower() not in steps:
        steps[step[1].lower()] = int(step[2])
        parts.pop()
    depth = int(found["z"]) if found["z"] else steps.get("zstep")
    plate = found["plate"] or ""
    rest = f"{plate}_{found['well']}" if plate else found["well"]
    both = found["site"] is not None and found["wave"] is not None
    if found["uuid"] or steps or both:
        certainty = "alone"
    elif found["site"] or found["wave"]:
        certainty = "together"
    else:
        certainty = "asked"  # a letter and two digits alone are in too many names
    return Place(
        rest=rest + (f"_s{found['site']}" if found["site"] else ""),
        folder="/".join(parts),
        plate=plate,
        well=well_name(found["well"]),
        position=number_text(found["site"]),
        frame=(steps.get("timepoint", 0),),
        channel=f"w{int(found['wave'])}" if found["wave"] else "",
        depth=depth if depth else None,  # ZStep_0 holds the projection
        skip="a thumbnail, not a picture" if found["thumb"] else "",
        tail=found["uuid"] or "",
        certainty=certainty,  # type: ignore[arg-type]
    )


PATTERN = Pattern(
    name="imagexpress",
    title="ImageXpress",
    example="PLATE_E07_s1_w1.tif",
    meaning=(
        "plate, well, s and the site, w and the wavelength, then often a random number; folders "
        "TimePoint_N hold frames, folders ZStep_N planes, and the folder above them projections; "
        "_thumb marks thumbnails"
    ),
    match=match,
)
