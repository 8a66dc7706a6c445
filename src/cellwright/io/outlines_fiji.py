"""Outlines for ImageJ and Fiji: a zip of ROI files, as its ROI Manager opens and saves them.

What ImageJ demands of a ROI stands in its ``RoiDecoder.java``: corners are 16-bit numbers
counted from the corner of the bounding box, those below -5000 are taken as unsigned, and
floating-point ones follow where the bit for sub-pixel resolution is set. An area's integer
corners are corners of pixels, so a traced ROI holds exactly the pixels of its label. Objects
with holes or in several pieces are composite ROIs, whose path is run through as ours is:
the pieces clockwise, the holes the other way, so that both rules for filling agree.
"""

from __future__ import annotations

import zipfile
from typing import BinaryIO

import numpy as np

from cellwright.io.outline import Outlined, OutlineWriter
from cellwright.io.tracing import Outline, trace_outlines

__all__ = ["WRITER", "encode_roi", "write_fiji"]

LARGEST_SHORT = 60535
"""Largest coordinate in 16 bits that ImageJ reads as it was meant: 60,536 to 65,535 would
come back as -5000 to -1 (RoiDecoder.getShort)."""

_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0  # java.awt.geom.PathIterator, SEG_MOVETO and so on
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold: the same whenever it is written."""
_UNIX = 3
_PLAIN_FILE = 0o644 << 16


def write_fiji(stream: BinaryIO, outlined: Outlined) -> None:
    """Write a zip with one ROI a label.

    The ROI of label 42 is called ``42``; in a movie ``t3-42``, with the frame counted from 0
    as in our tables, and its position says the frame as ImageJ counts, from 1.

    Parameters
    ----------
    stream
        Where to.
    outlined
        What to.

    Examples
    --------
    >>> import io
    >>> from cellwright.core.labels import Labels
    >>> stream = io.BytesIO()
    >>> write_fiji(stream, Outlined("a.tif", Labels(np.array([[0, 42]]))))
    >>> zipfile.ZipFile(stream).namelist()
    ['42.roi']
    """
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for frame, plane in outlined.frames():
            for outline in trace_outlines(plane):
                name = f"t{frame}-{outline.label}" if outlined.is_movie else str(outline.label)
                entry = zipfile.ZipInfo(f"{name}.roi", _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = _UNIX  # by default it would tell the machine's
                entry.external_attr = _PLAIN_FILE
                position = frame + 1 if outlined.is_movie else 0
                archive.writestr(entry, encode_roi(outline, name, position))


def encode_roi(outline: Outline, name: str, position: int = 0) -> bytes:
    """Make the bytes of one ImageJ ROI.

    Parameters
    ----------
    outline
        Of one label.
    name
        As the ROI Manager lists it.
    position
        Frame that it belongs to, from 1; 0 for all.

    Examples
    --------
    >>> [outline] = trace_outlines(np.array([[0, 7, 7], [0, 7, 0]]))
    >>> len(encode_roi(outline, "7"))
    154
    """
    from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi

    points = outline.rings[0] if len(outline.rings) == 1 else np.concatenate(outline.rings)
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    roi = ImagejRoi(
        name=name,
        # The header's box has 16 bits. Where they do not do, ImageJ takes it from the points.
        top=min(top, LARGEST_SHORT),
        left=min(left, LARGEST_SHORT),
        bottom=min(bottom, LARGEST_SHORT),
        right=min(right, LARGEST_SHORT),
        position=position,
        t_position=position,
    )
    if len(outline.rings) > 1:
        path = np.concatenate([_path(ring) for ring in outline.rings])
        roi.roitype = ROI_TYPE.RECT  # what ImageJ expects of a composite
        roi.shape_roi_size = len(path)
        roi.multi_coordinates = path
        return roi.tobytes()
    roi.roitype = ROI_TYPE.TRACED
    roi.n_coordinates = len(points)
    roi.integer_coordinates = np.minimum(points - (left, top), LARGEST_SHORT).astype(np.int32)
    if max(right, bottom) > LARGEST_SHORT:
        roi.roitype = ROI_TYPE.POLYGON  # a traced ROI has whole corners, in 16 bits
        roi.options = ROI_OPTIONS.SUB_PIXEL_RESOLUTION
        roi.subpixel_coordinates = points.astype(np.float32)
    return roi.tobytes()


def _path(
    ring: np.ndarray[tuple[int, int], np.dtype[np.int64]],
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """One closed part of a java.awt path; whole numbers below 2²⁴ are exact."""
    steps = np.empty((len(ring), 3), np.float32)
    steps[:, 0] = _LINE
    steps[0, 0] = _MOVE
    steps[:, 1:] = ring
    return np.append(steps.ravel(), np.float32(_CLOSE))


WRITER = OutlineWriter("fiji", ".zip", write_fiji)
"""ROI sets for ImageJ and Fiji."""
