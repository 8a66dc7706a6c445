"""Formats that are known by their first bytes, but that no reader here opens.

A picture of such a format is named for what it is, instead of being taken for rubbish.
"""

from __future__ import annotations

__all__ = ["MICROSCOPE_FORMATS", "foreign_format"]

MICROSCOPE_FORMATS = frozenset({"an Amira file"})
"""Those that surely hold pictures: meeting one is worth a failure, not a mere note."""

_STARTS = (
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 picture (or an old Nikon ND2 file)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document (or a Zeiss ZVI file)"),
    (b"# AmiraMesh", "an Amira file"),
    (b"# Avizo", "an Amira file"),
    (b"SIMPLE  =", "a FITS file"),
    (b"GIF8", "a GIF picture"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
)


def foreign_format(head: bytes) -> str:
    """Name the format of a file's first bytes, with its article; empty if it is not known.

    Examples
    --------
    >>> foreign_format(b"# AmiraMesh 3D ASCII 2.0")
    'an Amira file'
    >>> foreign_format(b"hello")
    ''
    """
    for start, name in _STARTS:
        if head.startswith(start):
            if start.startswith(b"PK") and b"word/" in head:
                return "an office document"
            return name
    if head.startswith((b"RIFF",)) and head[8:12] == b"WEBP":
        return "a WebP picture"
    return ""
