"""Regions of interest that were drawn in ImageJ or Fiji: a ROI file, or a zip of them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.io.polygons import Mask, NoAreaError, Patch, polygon_patch

if TYPE_CHECKING:
    from roifile import ImagejRoi

__all__ = ["ROI_MAGIC", "ZIP_MAGIC", "add_roi", "is_roi", "roi_files", "roi_patch", "roi_plane"]

Coordinates = npt.NDArray[np.float64]

ROI_MAGIC = b"Iout"
ZIP_MAGIC = b"PK\x03\x04"

MOST_ROIS = 200_000
"""Entries of a zip: more cells than any picture shows, and a list that is read in a second."""
LARGEST_ROI = 2**26
"""Bytes of one ROI: 64 MiB hold eight million points."""
LARGEST_SET = 2**30
"""Bytes of all ROIs of a zip, unpacked."""
_ENTRY = b"PK\x01\x02"  # begins each entry of a zip's directory (APPNOTE 4.3.12)

_NO_AREA = {
    3: "a line", 4: "a freehand line", 5: "a segmented line", 6: "an empty selection",
    9: "an angle", 10: "a set of points",
}  # fmt: skip
"""Types of ROI without an area (RoiDecoder.java)."""
_OVAL = 2
_AREAS = {0, 1, _OVAL, 7, 8}  # polygon, rectangle, oval, freehand, traced
_FEWEST_POINTS = 3
_POSITION, _SECOND_HEADER = 56, 60
"""Where the number of the image stands, and where the rest of the header does (RoiDecoder.java)."""
_NO_REGION = {1: "a text", 2: "an arrow", 4: "a picture"}  # subtypes


def roi_files(path: Path, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Give name and bytes of each ROI of a file: itself, or the entries of a zip.

    Entries are read one by one and never written anywhere, whatever their names are.

    Raises
    ------
    UnreadableError
        If the zip is damaged or holds no ROI.
    UnsupportedError
        If it holds more than can be meant.
    """
    if data.startswith(ROI_MAGIC):
        yield path.stem, data
        return
    if (count := data.count(_ENTRY)) > MOST_ROIS:  # before a list of them is made
        raise UnsupportedError(
            f"the zip lists {count:,} files, more than {MOST_ROIS:,}",
            where=str(path),
            remedy="give the region as a mask image",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [e for e in archive.infolist() if is_roi(e.filename)]
            if not entries:
                raise UnreadableError(
                    "the zip holds no ROI (no entry ends in .roi)",
                    where=str(path),
                    remedy="save the ROI set from the ROI Manager: More, Save",
                )
            left = LARGEST_SET
            for entry in entries:
                content = _unpack(path, archive, entry, min(left, LARGEST_ROI))
                left -= len(content)
                yield entry.filename.removesuffix(".roi"), content
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error,
            RuntimeError, NotImplementedError) as error:  # fmt: skip
        if isinstance(error, UnreadableError | UnsupportedError):
            raise
        raise UnreadableError(
            f"the zip of ROIs is damaged ({error})", where=str(path), remedy="save it again"
        ) from error


def is_roi(name: str) -> bool:
    """Whether an entry of a zip is a ROI by its name, and not what macOS puts beside every file.

    Examples
    --------
    >>> is_roi("set/0001.roi"), is_roi("__MACOSX/set/._0001.roi")
    (True, False)
    """
    base = name.rpartition("/")[2]
    return base.lower().endswith(".roi") and not base.startswith("._")


def _unpack(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    """Read an entry as far as the limit, whatever it claims its size to be."""
    with archive.open(entry) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise UnsupportedError(
            f"the zip unpacks to more than {limit:,} bytes at {entry.filename!r}",
            where=str(path),
            remedy="give the region as a mask image",
        )
    return data


def add_roi(mask: Mask, path: Path, name: str, data: bytes) -> int:
    """Add the pixels of one ROI to a mask, in place; see `roi_patch`.

    Returns
    -------
    int
        Number of pixels that were worked on.
    """
    patch = roi_patch((mask.shape[0], mask.shape[1]), path, name, data)
    patch.add_to(mask)
    return patch.mask.size


def roi_patch(shape: tuple[int, int], path: Path, name: str, data: bytes) -> Patch:
    """Pixels of one ROI, in its bounding box and within a picture of (Y, X) pixels.

    A pixel belongs to it if its middle lies in it: rectangle, rounded or not, oval, polygon,
    freehand and traced selection, and composites with holes and several pieces. Coordinates are
    those of pixels' corners, as ImageJ's are for areas; sub-pixel ones are used where there are
    any. ImageJ's own ovals of whole pixels may differ from this at single pixels of the edge.

    Raises
    ------
    UnreadableError
        If the ROI is damaged.
    NoAreaError
        If it has no area.
    UnsupportedError
        If it has curves.
    """
    from roifile import ImagejRoi

    where = f"{path} ({name})"
    try:
        roi = ImagejRoi.frombytes(data)
        kind = int(roi.roitype)
        what = _NO_REGION.get(int(roi.subtype)) or _NO_AREA.get(kind)
        if what is None and kind not in _AREAS:
            what = "of a type that is not known"
        if what is not None:
            raise NoAreaError(
                f"this ROI is {what}: it has no area",
                where=where,
                remedy="draw an area: a rectangle, an oval, a polygon or a freehand selection",
            )
        return _patch(shape, roi)
    except (ValueError, TypeError, IndexError, OverflowError, RuntimeError, struct.error) as error:
        if isinstance(error, UnsupportedError):
            raise type(error)(error.what, where=where, remedy=error.remedy) from error
        if isinstance(error, NotImplementedError):
            raise UnsupportedError(
                "this ROI has curves", where=where, remedy="interpolate it in Fiji first"
            ) from error
        raise UnreadableError(
            f"the ROI is damaged ({error})", where=where, remedy="save it again in Fiji"
        ) from error


def roi_plane(data: bytes) -> tuple[int, int]:
    """Slice and frame that a ROI was drawn in, from 1; 0 where it is for all of them.

    In a stack that is no hyperstack, the number of the image stands for the slice.

    Examples
    --------
    >>> from roifile import ImagejRoi
    >>> roi_plane(ImagejRoi(position=3).tobytes()), roi_plane(ImagejRoi(t_position=2).tobytes())
    ((3, 0), (0, 2))
    """
    second = int.from_bytes(data[_SECOND_HEADER : _SECOND_HEADER + 4], "big")
    depth, time = 0, 0
    if 0 < second <= len(data) - 16:
        depth, time = struct.unpack_from(">ii", data, second + 8)
    position = int.from_bytes(data[_POSITION : _POSITION + 4], "big")
    return (depth, time) if depth or time else (position, 0)


def _patch(shape: tuple[int, int], roi: ImagejRoi) -> Patch:
    from roifile import ROI_TYPE

    if roi.composite:
        path = roi.multi_coordinates
        if path is None or not np.isfinite(path).all():
            raise ValueError("its path is missing or not finite")
        rings = [ring.astype(np.float64) for ring in roi.path2coords(path)]
    elif roi.roitype in {ROI_TYPE.RECT, ROI_TYPE.OVAL}:
        return _box_patch(shape, roi)
    else:
        rings = [np.asarray(roi.coordinates(), dtype=np.float64)]
        if not np.isfinite(rings[0]).all():
            raise ValueError("its points are not finite")
    rings = [ring for ring in rings if len(ring) >= _FEWEST_POINTS]
    if not rings:
        raise ValueError("its outline has less than three points")
    return polygon_patch(rings, shape)


def _box_patch(shape: tuple[int, int], roi: ImagejRoi) -> Patch:
    """Rectangles, rounded ones and ovals: a corner is a quarter of an ellipse."""
    if roi.subpixelrect:
        left, top, width, height = roi.xd, roi.yd, roi.widthd, roi.heightd
    else:
        left, top = float(roi.left), float(roi.top)
        width, height = float(roi.right - roi.left), float(roi.bottom - roi.top)
    if not (np.isfinite([left, top, width, height]).all() and width > 0 and height > 0):
        raise ValueError(f"its box is {width} × {height}")
    rounded = float(max(roi.rounded_rect_arc_size, 0))  # the diameter of its corners
    oval = int(roi.roitype) == _OVAL
    round_y, round_x = (
        (height / 2, width / 2) if oval else (min(rounded, height) / 2, min(rounded, width) / 2)
    )
    first_row, y = _reach(top, height, shape[0], round_y)
    first_column, x = _reach(left, width, shape[1], round_x)
    return Patch(y[:, None] ** 2 + x[None, :] ** 2 <= 1.0, (first_row, first_column))


def _reach(begin: float, length: float, size: int, rounding: float) -> tuple[int, Coordinates]:
    """The first pixel of one axis in the box, and how far into its rounding each lies, 0 to 1."""
    first = int(np.ceil(np.clip(begin, 0, size) - 0.5))
    last = int(np.ceil(np.clip(begin + length, 0, size) - 0.5))
    middle = np.arange(first, last) + 0.5 - begin
    into = rounding - np.minimum(middle, length - middle)
    depth = np.maximum(into, 0.0) / rounding if rounding > 0 else np.zeros(len(middle))
    return first, depth
