"""Label images on disk: TIFF that Fiji and napari open, edit and save, and we read again.

Large ones are OME-Zarr (`cellwright.io.ome_zarr_write`), which are read here too.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.core.errors import UnreadableError
from cellwright.core.image import Array, Image, Spacing, check_axes
from cellwright.core.labels import Labels
from cellwright.io.ome_zarr import READER as ZARR_READER
from cellwright.io.ome_zarr import find_labels
from cellwright.io.open import folder_reader, open_images
from cellwright.io.png import palette_index
from cellwright.io.zarr_array import ZarrPixels

__all__ = ["decode_labels", "encode_labels"]

_LARGEST_16_BIT = 2**16 - 1
_LARGEST_WHOLE_FLOAT32 = 2**24  # beyond, a float32 cannot tell neighbours apart (IEEE 754)
_UM_PER_CM = 10000.0
_CENTIMETRE = 3  # TIFF 6.0, ResolutionUnit
_UNKNOWN = Spacing()
_DEFLATE_LEVEL = 6  # zlib's default: labels shrink to a hundredth


def encode_labels(
    data: Array, axes: str = "YX", spacing: Spacing = _UNKNOWN, interval: float | None = None
) -> bytes:
    r"""Make the bytes of a TIFF file of labels; equal labels give equal bytes.

    Up to label 65,535 the numbers are stored with 16 bits, as an ImageJ stack with frames and
    pixel size; above, with 32 bits, which ImageJ's own stacks do not have, and with the pixel
    size in TIFF's tags.

    Parameters
    ----------
    data
        uint32, one dimension for each of `axes`.
    axes
        A part of ``TZYX``, in this order.
    spacing, interval
        As of the picture: micrometres a pixel, seconds a frame.

    Returns
    -------
    bytes
        Without date, host or version.

    Examples
    --------
    >>> encode_labels(np.zeros((4, 5), dtype=np.uint32))[:4]
    b'II*\x00'
    """
    import tifffile

    check_axes(axes, data.ndim)
    largest = int(data.max()) if data.size else 0
    file = io.BytesIO()
    options: dict[str, Any] = {
        "photometric": "minisblack",
        "compression": "zlib",
        "compressionargs": {"level": _DEFLATE_LEVEL},
        "software": False,
        "byteorder": "<",
    }
    metadata: dict[str, Any] = {}
    known = spacing.x is not None and spacing.y is not None
    if largest <= _LARGEST_16_BIT:
        if spacing.x is not None and spacing.y is not None:
            options["resolution"] = (1 / spacing.x, 1 / spacing.y)
            metadata["unit"] = "um"  # ImageJ shows it as µm
        if spacing.z is not None and known:
            metadata["spacing"] = spacing.z
        if interval is not None:
            metadata["finterval"] = interval
        # Given all six axes of ImageJ, no writer can take a width of 1 or 3 for samples.
        size = dict(zip(axes, data.shape, strict=True))
        whole = data.astype(np.uint16).reshape([size.get(axis, 1) for axis in "TZCYXS"])
        tifffile.imwrite(file, whole, imagej=True, metadata=metadata, **options)
    else:
        if spacing.x is not None and spacing.y is not None:
            options["resolution"] = (_UM_PER_CM / spacing.x, _UM_PER_CM / spacing.y)
            options["resolutionunit"] = _CENTIMETRE
        whole = data.astype(np.uint32)
        if data.shape[-1] > 1:
            tifffile.imwrite(file, whole, metadata={"axes": axes}, **options)
        else:  # the writer would take a width of 1 for samples: page by page it cannot
            with tifffile.TiffWriter(file, byteorder=options.pop("byteorder")) as writer:
                for page in whole.reshape(-1, *data.shape[-2:]):
                    writer.write(page, metadata=None, **options)
    return file.getvalue()


def decode_labels(path: Path | str) -> Labels:
    """Read a label image: ours, or one that another program wrote or a person has edited.

    Whole numbers of any type are taken, and floating-point ones that are whole, as Fiji
    stores 32 bits. A single frame has no axis T. Of an OME-Zarr, `path` is a label image, or
    a picture with just one in its ``labels``; its pixels are read when they are indexed.

    Raises
    ------
    UnreadableError
        If it is a colour picture, has several channels or scenes, or numbers that are no
        labels.
    InputError
        If it cannot be opened at all.
    """
    path = Path(path)
    if (image := _zarr_labels(path)) is None:
        images = open_images(path)
        if len(images) != 1:
            raise _no_labels(path, f"the file has {len(images)} scenes, not one label image")
        image = images[0]
    if isinstance(image.data, ZarrPixels) and image.dtype.kind in "ui":
        _check_axes(path, image.axes)
        return Labels(WholeNumbers(path, image.data), image.axes, spacing=image.spacing)
    data = image.pixels()
    axes = image.axes
    if image.is_colour and (index := palette_index(path)) is not None:
        data, axes = index, "YX"  # a palette shows labels in colours, its index is the label
    _check_axes(path, axes)
    return Labels(_whole(path, data), axes, spacing=image.spacing)


def _zarr_labels(path: Path) -> Image | None:
    """The label image in an OME-Zarr that is a picture; None of anything else."""
    reader = folder_reader(path) if path.is_dir() else None
    return find_labels(path) if reader is ZARR_READER else None


def _check_axes(path: Path, axes: str) -> None:
    if "S" in axes or "C" in axes:
        raise _no_labels(path, f"this is a picture with axes {axes}, not a label image")


@dataclass(frozen=True)
class WholeNumbers:
    """Labels on disk as uint32, satisfying `cellwright.core.image.LazyArray`.

    Attributes
    ----------
    path
        The folder, for messages.
    stored
        Whole numbers of any type.
    """

    path: Path
    stored: ZarrPixels

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.stored.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the labels."""
        return np.dtype(np.uint32)

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        """Read what `index` asks for; numbers that are no labels are refused."""
        return _whole(self.path, self.stored[index])


def _whole(path: Path, data: Array) -> Array:
    """Turn pixels into uint32, if that loses nothing."""
    if data.dtype.kind == "u" and data.dtype.itemsize <= 4:
        return data.astype(np.uint32, copy=False)
    if data.dtype.kind == "f":
        if not np.isfinite(data).all() or (data != np.floor(data)).any():
            raise _no_labels(path, "labels are whole numbers, this picture has fractions")
        if data.dtype.itemsize <= 4 and data.size and data.max() > _LARGEST_WHOLE_FLOAT32:
            raise _no_labels(path, "its labels are too large for the numbers they are stored in")
    if data.size and (data.min() < 0 or data.max() >= 2**32):
        raise _no_labels(path, "its numbers do not lie between 0 and 4,294,967,295")
    return data.astype(np.uint32)


def _no_labels(path: Path, what: str) -> UnreadableError:
    return UnreadableError(
        what, where=str(path), remedy="save a picture in which each object has its own number"
    )
