"""TIFF files that Leica's LAS AF and LAS X export: ``NAME_Series014_t00_z000_ch00.tif``.

The maker documents nothing in public. The names are those of published data and of programs
that read them: ``Series002_z00_ch00``, ``Embryo01_t00_z00_ch00``, ``NAME_s00_z000_RAW_ch00``,
``NAME_Position 1_t000_z00_RAW_ch00``, ``NAME_Merged_RAW_ch00``.
"""

from __future__ import annotations

import re

from cellwright.io.pattern import Pattern, Place, number_text

__all__ = ["PATTERN"]

_NAME = re.compile(
    r"(?P<rest>.*?[^_])(?:_t(?P<time>[0-9]{1,6}))?(?:_z(?P<z>[0-9]{1,6}))?(?P<raw>_RAW)?"
    r"_ch(?P<channel>[0-9]{2})\Z"
)
_SERIES = re.compile(r"(?:^|[_ ])Series ?[0-9]{3}")
_POSITION = re.compile(r"_s([0-9]{1,4})\Z|_(?:Position ?|Pos)([0-9]{1,4})(?:_S[0-9]{3})?\Z")


def match(name: str, folder: str) -> Place | None:
    """Take a name apart.

    A picture with its colours and the ``RAW`` one beside it are two.

    Examples
    --------
    >>> place = match("cells_Series014_t01_z002_ch00", "")
    >>> place.rest, place.frame, place.depth, place.channel, place.certainty
    ('cells_Series014', (1,), 2, 'ch00', 'alone')
    >>> match("cells_ch00", "").certainty
    'together'
    """
    found = _NAME.match(name)
    if found is None:
        return None
    position = _POSITION.search(found["rest"])
    sure = found["time"] or found["z"] or found["raw"] or _SERIES.search(found["rest"])
    return Place(
        rest=found["rest"] + (found["raw"] or ""),
        folder=folder,
        position=number_text(position[1] or position[2]) if position else "",
        frame=(int(found["time"] or 0),),
        channel=f"ch{found['channel']}",
        depth=int(found["z"]) if found["z"] else None,
        certainty="alone" if sure else "together",
    )


PATTERN = Pattern(
    name="leica",
    title="Leica LAS AF, LAS X (exported TIFF)",
    example="cells_Series014_t00_z000_ch00.tif",
    meaning=(
        "name of the picture, time point (t), plane (z) and channel (ch), all counted from 0. "
        "Not documented by the maker: as published data are named"
    ),
    match=match,
    alike=False,  # a folder holds series of different kinds
)
