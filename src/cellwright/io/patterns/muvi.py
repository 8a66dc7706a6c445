"""Folders of the MuviCyte: ``A01/POINT 00001/BRIGHT/STACK_00000/00004.jpg``.

The maker documents nothing in public. The folders are those that programs for its pictures
expect (AutoStabilizer 1.4.4, 2025: ``A01/POINT 00001/BRIGHT``; others have one
``STACK_NNNNN`` a time point within). The names of the files within are taken to be numbers:
of the plane within a STACK folder, of the frame where there is none.
"""

from __future__ import annotations

import re

from cellwright.io.pattern import Pattern, Place, folder_parts, number_text, well_name

__all__ = ["PATTERN"]

_POINT = re.compile(r"(?i)point[ _]?([0-9]{3,6})\Z")
_STACK = re.compile(r"(?i)stack[ _]?([0-9]{3,6})\Z")
_NUMBERS = re.compile(r"[0-9]{1,18}")


def match(name: str, folder: str) -> Place | None:
    """Take the folders apart.

    Examples
    --------
    >>> place = match("00004", "run/A01/POINT 00002/BRIGHT/STACK_00007")
    >>> place.folder, place.rest, place.well, place.channel, place.frame, place.depth
    ('run', 'A01/POINT 00002', 'A01', 'BRIGHT', (7,), 4)
    """
    parts = folder_parts(folder)
    stack = _STACK.match(parts[-1]) if parts else None
    if stack is not None:
        parts.pop()
    if len(parts) < 3:
        return None
    *above, well, point, channel = parts
    place = _POINT.match(point)
    numbers = tuple(int(digits) for digits in _NUMBERS.findall(name))
    if place is None or not well_name(well):
        return None
    frame: tuple[int, ...] = numbers or (0,)
    depth: int | None = None
    if stack is not None:
        frame, depth = (int(stack[1]),), numbers[-1] if numbers else 0
    return Place(
        rest=f"{well}/{point}",
        folder="/".join(above),
        plate=above[-1] if above else "",
        well=well_name(well),
        position=number_text(place[1]),
        frame=frame,
        channel=channel,
        depth=depth,
    )


PATTERN = Pattern(
    name="muvi",
    title="MuviCyte",
    example="A01/POINT 00001/BRIGHT/STACK_00000/00004.jpg",
    meaning=(
        "folders of the well, the point, the channel and, where there are some, the time point; "
        "the files are numbered. Not documented by the maker: as public programs expect it"
    ),
    match=match,
)
