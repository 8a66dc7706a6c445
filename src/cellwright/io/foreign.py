"""Formats that are known by their first bytes, but that no reader here opens.

A picture of such a format is named for what it is, instead of being taken for rubbish.
"""

from __future__ import annotations

__all__ = ["MICROSCOPE_FORMATS", "foreign_format"]

MICROSCOPE_FORMATS = frozenset(
    {
        "a Nikon ND2 file",
        "a Zeiss CZI file",
        "a Leica LIF file",
        "an Olympus OIB file",
        "an MRC volume",
        "an Amira file",
    }
)
"""Those that surely hold pictures: meeting one is worth a failure, not a mere note."""

_STARTS = (
    (b"\xda\xce\xbe\x0a", "a Nikon ND2 file"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 picture (or an old Nikon ND2 file)"),
    (b"ZISRAWFILE", "a Zeiss CZI file"),
    (b"\x70\x00\x00\x00", "a Leica LIF file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Olympus OIB file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (ilastik, Imaris and others)"),
    (b"# AmiraMesh", "an Amira file"),
    (b"# Avizo", "an Amira file"),
    (b"SIMPLE  =", "a FITS file"),
    (b"GIF8", "a GIF picture"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
)
_MRC_MARK = slice(208, 212)  # the word MAP of CCP4 and MRC2014 headers
_LIF_TEST = 0x2A  # the byte that follows the length of a LIF file's first block


def foreign_format(head: bytes) -> str:
    """Name the format of a file's first bytes, with its article; empty if it is not known.

    Examples
    --------
    >>> foreign_format(b"ZISRAWFILE" + bytes(22))
    'a Zeiss CZI file'
    >>> foreign_format(b"hello")
    ''
    """
    if len(head) >= 1024 and head[_MRC_MARK] == b"MAP ":
        return "an MRC volume"
    for start, name in _STARTS:
        if head.startswith(start):
            if name == "a Leica LIF file" and head[8:9] != bytes([_LIF_TEST]):
                continue
            if start.startswith(b"PK") and b"word/" in head:
                return "an office document"
            return name
    if head.startswith((b"RIFF",)) and head[8:12] == b"WEBP":
        return "a WebP picture"
    return ""
