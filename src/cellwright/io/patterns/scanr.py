"""Files of Olympus' scan^R: ``NAME--W00001--P00001--Z00000--T00000--DAPI.tif``.

CellCognition and MitoCheck write the same parts in another order.
"""

from __future__ import annotations

import re

from cellwright.io.pattern import Pattern, Place, well_name

__all__ = ["PATTERN"]

_PART = re.compile(r"([WPZT])([0-9]{3,6})\Z")
_PARTS = frozenset("WPZT")


def match(name: str, folder: str) -> Place | None:
    """Take a name apart; the number of a well is no well, as it depends on the plate.

    Examples
    --------
    >>> place = match("A2--W00002--P00001--Z00000--T00003--DAPI", "")
    >>> place.rest, place.well, place.frame, place.channel
    ('A2--W00002--P00001', 'A02', (3,), 'DAPI')
    """
    *words, channel = name.split("--")
    found: dict[str, str] = {}
    prefix = []
    for word in words:
        part = _PART.match(word)
        if part is None:
            prefix.append(word)
        elif part[1] in found:
            return None
        else:
            found[part[1]] = part[2]
    if found.keys() != _PARTS or not channel:
        return None
    return Place(
        rest="--".join([*prefix, f"W{found['W']}", f"P{found['P']}"]),
        folder=folder,
        well=next((well_name(word) for word in prefix if well_name(word)), ""),
        position=str(int(found["P"])),
        frame=(int(found["T"]),),
        channel=channel,
        depth=int(found["Z"]),
    )


PATTERN = Pattern(
    name="scanr",
    title="scan^R",
    example="A2--W00002--P00001--Z00000--T00000--DAPI.tif",
    meaning="name, number of the well (W), position (P), plane (Z), time point (T), channel",
    match=match,
)
