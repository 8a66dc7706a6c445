"""Formats that are known by their first bytes, but that no reader here opens.

A picture of such a format is named for what it is, instead of being taken for rubbish.
"""

from __future__ import annotations

__all__ = ["foreign_format"]

_STARTS = (
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 picture (or an old Nikon ND2 file)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document (or a Zeiss ZVI file)"),
    (b"# Amira Project", "an Amira project (it names pictures, and holds none)"),
    (b"# Amira-Script", "an Amira project (it names pictures, and holds none)"),
    (b"# Avizo Project", "an Avizo project (it names pictures, and holds none)"),
    (b"# HyperSurface", "a surface of Amira"),
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
    >>> foreign_format(b"# Amira Project 630")
    'an Amira project (it names pictures, and holds none)'
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
