"""The orientation that a camera noted (EXIF 2.3, a small TIFF inside JPEG and PNG)."""

from __future__ import annotations

import struct

__all__ = ["exif_orientation"]

_ORIENTATION = 274
_SHORT = 3


def exif_orientation(exif: bytes) -> int:
    """Value of the tag Orientation, 1 to 8; 1 where there is none or it cannot be read.

    Parameters
    ----------
    exif
        The bytes from ``II`` or ``MM`` on.

    Examples
    --------
    >>> exif_orientation(bytes.fromhex("49492a0008000000 0100 12010300010000000600 0000"))
    6
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return 1
    (start,) = struct.unpack_from(order + "I", exif, 4)
    if start + 2 > len(exif):
        return 1
    (count,) = struct.unpack_from(order + "H", exif, start)
    for place in range(start + 2, min(start + 2 + 12 * count, len(exif) - 9), 12):
        code, kind, _, value = struct.unpack_from(order + "HHIH", exif, place)
        if code == _ORIENTATION and kind == _SHORT:
            return value if 1 <= value <= 8 else 1
    return 1
