r"""Flat field: how the light is spread over the field of view, and its correction.

A plane is taken to be :math:`I = D + F (B + S)`: the camera's offset :math:`D`, and the light of
background :math:`B` and cells :math:`S` times a smooth field :math:`F` with mean 1. The field is
measured from pictures of an even sample (`flat_field_of_references`), or estimated from a batch of
ordinary pictures, whose cells lie now here, now there (`estimate_flat_field`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from math import ceil
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from cellwright.core.errors import InputError, UnreadableError, UsageError
from cellwright.core.image import Array
from cellwright.quality.batch_light import error_of, light_of
from cellwright.quality.plane import Floats, binned

__all__ = ["FlatField", "estimate_flat_field", "flat_field_of_references", "load_flat_field"]

FEWEST = 12
"""Pictures for an estimate. With 12 simulated fields of 50 nuclei the error is 1 to 3 %."""
MOST = 64
"""Pictures that are looked at: more hardly help."""
_SIDE = 192
"""Bins along the longer side of a plane, at the most."""
_FEWEST_BINS = 48
"""Along the shorter side: four in a tile."""
_STEEPEST = 0.9
"""Largest fall of the field that is believed."""
_DISAGREEMENT = 0.05
"""Largest error of an estimate (95 % quantile over the field of half the difference between the
two halves of the batch)."""
_EVEN = 6.0
"""A field whose range is below this many errors is no field: a polynomial that follows the
chance of where bright cells lie has a range of some two to four."""
_UNEVEN = 0.05
"""Least range of a field that is worth a correction: below it the offset cannot be told."""
_LOOSE = 0.15
"""A field that may have this range by chance is not called even."""
_FORMAT = "cellwright flat field 1"
_OLDEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class FlatField:
    """The light over the field of view.

    Attributes
    ----------
    field
        (rows, columns) float32, mean 1: of all pixels, or on a coarse grid over the plane.
    shape
        (Y, X) of the planes that it is for.
    offset
        Grey value without light: one number as (1, 1), or of each pixel; float32.
    error
        Typical error of the field as a share (of half the difference between two halves of the
        pictures); NaN where it cannot be told.
    words
        One sentence for the report, without a full stop.
    """

    field: Floats
    shape: tuple[int, int]
    offset: Floats
    error: float
    words: str

    @property
    def lowest(self) -> float:
        """The dimmest place, as a share of the brightest."""
        return float(self.field.min() / self.field.max())

    @property
    def even(self) -> bool:
        """Whether there is nothing to correct."""
        return bool(np.all(self.field == 1))

    def whole(self) -> Floats:
        """Give the field of all pixels, (Y, X) float32, mean 1."""
        if self.field.shape == self.shape:
            return self.field
        rows, columns = (
            _between(many, few) for many, few in zip(self.shape, self.field.shape, strict=True)
        )
        return np.asarray(rows @ self.field @ columns.T, np.float32)

    def apply(self, plane: Array) -> Floats:
        """Take the offset off, and divide by the field.

        Parameters
        ----------
        plane
            (..., Y, X), any real number type.

        Returns
        -------
        numpy.ndarray
            float32 of the same shape; where there is no light it may be a little below 0.

        Raises
        ------
        UsageError
            If the plane has another size than those the field was made from.

        Examples
        --------
        >>> field = flat_field_of_references([np.array([[1.0, 3.0]])])
        >>> field.apply(np.array([[10.0, 30.0]])).tolist()
        [[20.0, 20.0]]
        """
        if plane.shape[-2:] != self.shape:
            raise UsageError(
                f"a flat field of {_size(self.shape)} pixels does not fit a picture of "
                f"{_size(plane.shape[-2:])}",
                remedy="use a flat field taken with the same camera and binning",
            )
        return np.asarray((plane.astype(np.float32) - self.offset) / self.whole(), np.float32)

    def save(self) -> bytes:
        """Content of an ``.npz`` file; the same field gives the same bytes.

        Examples
        --------
        >>> field = flat_field_of_references([np.ones((4, 4))])
        >>> load_flat_field(field.save()).shape
        (4, 4)
        """
        parts: dict[str, Array] = {
            "format": np.array(_FORMAT),
            "field": self.field,
            "shape": np.array(self.shape, np.int64),
            "offset": self.offset,
            "error": np.array(self.error, np.float64),
            "words": np.array(self.words),
        }
        stream = BytesIO()
        with ZipFile(stream, "w", ZIP_STORED) as archive:
            for name, part in parts.items():
                content = BytesIO()
                np.lib.format.write_array(content, part, allow_pickle=False)
                archive.writestr(ZipInfo(f"{name}.npy", _OLDEST), content.getvalue())
        return stream.getvalue()


def load_flat_field(content: bytes) -> FlatField:
    """Read what `FlatField.save` gave.

    Raises
    ------
    UnreadableError
        If it is something else, or damaged.
    """
    try:
        with ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
            # What is stored as it is cannot unpack to more than the file is long.
            if any(e.compress_type != ZIP_STORED or e.file_size > len(content) for e in entries):
                raise ValueError("compressed")
            parts = {entry.filename: _array(archive.read(entry)) for entry in entries}
        if str(parts["format.npy"]) != _FORMAT:
            raise ValueError("format")
        field, offset = (parts[name].astype(np.float32) for name in ("field.npy", "offset.npy"))
        rows, columns = (int(length) for length in parts["shape.npy"])
        error, words = float(parts["error.npy"]), str(parts["words.npy"])
    except (BadZipFile, KeyError, ValueError, TypeError, EOFError, OSError, NotImplementedError):
        raise _unreadable() from None
    fits = field.ndim == 2 and all(
        1 <= a <= b for a, b in zip(field.shape, (rows, columns), strict=True)
    )
    good = fits and bool(np.all(np.isfinite(field) & (field > 0)))
    if not good or offset.shape not in {(1, 1), (rows, columns)} or not np.isfinite(offset).all():
        raise _unreadable()
    return FlatField(field, (rows, columns), offset, error, words)


def _array(content: bytes) -> Array:
    stream = BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError("version")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject or int(np.prod(shape)) * dtype.itemsize > len(content):
        raise ValueError("size")
    return np.lib.format.read_array(BytesIO(content), allow_pickle=False)


def _unreadable() -> UnreadableError:
    return UnreadableError(
        "this is no flat field that was saved here, or it is damaged",
        remedy="make it again from the reference pictures",
    )


def flat_field_of_references(flats: Sequence[Array], darks: Sequence[Array] = ()) -> FlatField:
    """Make a flat field of pictures of an even sample.

    Parameters
    ----------
    flats
        (Y, X) each: pictures of something that is equally bright everywhere. Their mean is used,
        each pixel by itself, so that dust on the camera is corrected too.
    darks
        Pictures without light, whose mean is the offset; without them it is taken to be 0.

    Raises
    ------
    UsageError
        If there is no flat picture, or one has another size.
    InputError
        If some pixels of the flat pictures are not brighter than the dark ones.

    Examples
    --------
    >>> field = flat_field_of_references([np.array([[11.0, 13.0]])], [np.array([[10.0, 10.0]])])
    >>> field.field.tolist(), round(field.lowest, 3)
    ([[0.5, 1.5]], 0.333)
    """
    if not flats:
        raise UsageError("there is no flat picture", remedy="give at least one")
    pictures = [np.asarray(picture, np.float64) for picture in (*flats, *darks)]
    shape = _one_shape(pictures)
    flat = np.mean(pictures[: len(flats)], axis=0)
    dark = np.mean(pictures[len(flats) :], axis=0) if darks else np.zeros((1, 1))
    light = flat - dark
    if not (np.isfinite(light).all() and light.min() > 0):
        bad = int(np.count_nonzero(~(light > 0)))
        raise InputError(
            f"{bad} pixels of the flat pictures are not brighter than without light",
            remedy="take them longer exposed, and the dark ones with the shutter closed",
        )
    field = np.asarray(light / light.mean(), np.float32)
    error = float("nan")
    if len(flats) > 1:
        halves = [np.mean(pictures[k : len(flats) : 2], axis=0) - dark for k in (0, 1)]
        first, second = (half / half.mean() for half in halves)
        error = float(np.quantile(np.abs(first - second), 0.95)) / 2
    many = "1 flat picture" if len(flats) == 1 else f"{len(flats)} flat pictures"
    without = f" and {len(darks)} without light" if darks else ""
    words = f"{_description(field)}; corrected by {many}{without}"
    return FlatField(field, shape, np.asarray(dark, np.float32), error, words)


def estimate_flat_field(planes: Iterable[Array]) -> FlatField:
    r"""Estimate the flat field from a batch of ordinary pictures.

    Each picture's background in tiles, and the brightness of its cells above it, are looked at.
    The median background over the pictures gives the shape of the field where it is steady (a
    polynomial of order 4); how deep it is, the cells tell, as an unknown offset of the camera
    would hide it: the amplitude that makes cells equally bright wherever they lie. Where the
    background shows nothing, the logarithm of the cells' brightness is fitted by a polynomial of
    order 2. The offset is what the background tends to where the field tends to 0. Cells are
    found again after each round of correction, so that dim corners do not hide them.

    The pictures are then split into halves: if the two estimates differ, no field is given; if
    what they share is no larger than the difference, the light is called even.

    Parameters
    ----------
    planes
        (Y, X) each, of one size and one channel, at least `FEWEST`; the first `MOST` are used,
        one at a time. Take them from all over the batch.

    Raises
    ------
    UsageError
        If there are too few planes, of different size, or too small.
    InputError
        If the estimate is not to be trusted; the reason says why.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> def picture():
    ...     plane = np.full((96, 96), 10.0)
    ...     for y, x in random.integers(4, 92, (40, 2)):
    ...         plane[y - 3 : y + 4, x - 3 : x + 4] = 100.0
    ...     return plane
    >>> light = np.linspace(0.8, 1.2, 96)
    >>> field = estimate_flat_field(picture() * light for _ in range(12))
    >>> bool(np.abs(field.whole() - light).max() < 0.02)
    True
    """
    small: list[Floats] = []
    shape: tuple[int, int] | None = None
    for plane in islice(planes, MOST):
        if plane.ndim != 2 or (shape is not None and plane.shape != shape):
            _one_shape([plane] if shape is None else [np.empty(shape, np.uint8), plane])
        shape = (plane.shape[0], plane.shape[1])
        values = plane.astype(np.float32)
        good = np.isfinite(values)
        if not good.all():
            values = np.where(good, values, np.median(values[good]) if good.any() else 0)
        small.append(binned(values, max(1, ceil(max(shape) / _SIDE))))
    if shape is None or len(small) < FEWEST:
        raise UsageError(
            f"{len(small)} pictures are too few to estimate a flat field from",
            remedy=f"give at least {FEWEST} of one channel, or pictures of an even sample",
        )
    if min(small[0].shape) < _FEWEST_BINS:
        raise UsageError(
            f"pictures of {_size(shape)} pixels are too small to estimate a flat field from",
            remedy="give a flat picture",
        )
    bins = np.stack(small)
    return _judged(bins, shape)


def _judged(bins: Floats, shape: tuple[int, int]) -> FlatField:
    field, offset = light_of(bins)
    error = error_of(bins)
    spread = float(np.ptp(field))
    doubtful = spread < _EVEN * error
    if error > _DISAGREEMENT or (doubtful and spread > _LOOSE):
        raise InputError(
            f"the light over the field cannot be told from these {len(bins)} pictures: halves "
            f"of them differ by {200 * error:.0f} %",
            remedy="give more pictures, with single cells all over the field, or flat pictures",
        )
    if 1 - float(field.min() / field.max()) > _STEEPEST:
        raise InputError(
            "these pictures would need a correction of more than tenfold, which is hardly the "
            "light's doing",
            remedy="give flat pictures",
        )
    if doubtful or spread < _UNEVEN:
        words = (
            f"the light is even within {100 * max(spread, error):.0f} %, as {len(bins)} pictures "
            "show; nothing was corrected"
        )
        none = np.zeros((1, 1), np.float32)
        return FlatField(np.ones((2, 2), np.float32), shape, none, error, words)
    words = (
        f"{_description(field)}; corrected by a field estimated from {len(bins)} pictures, "
        f"uncertain by {100 * error:.1f} %"
    )
    return FlatField(field, shape, np.full((1, 1), offset, np.float32), error, words)


def _between(many: int, few: int) -> Floats:
    """Matrix (many, few) that interpolates linearly between the centres of bins."""
    place = np.clip((np.arange(many) + 0.5) * few / many - 0.5, 0, few - 1)
    below = np.minimum(place.astype(np.int64), max(few - 2, 0))
    share = place - below
    weights = np.zeros((many, few), np.float32)
    rows = np.arange(many)
    weights[rows, below] += (1 - share).astype(np.float32)
    weights[rows, np.minimum(below + 1, few - 1)] += share.astype(np.float32)
    return weights


def _one_shape(pictures: Sequence[Array]) -> tuple[int, int]:
    first = pictures[0].shape
    for picture in pictures:
        if picture.ndim != 2 or not picture.size:
            raise UsageError(
                f"a flat field is made of planes (Y, X), not of an array of shape {picture.shape}",
                remedy="give one plane of each picture",
            )
        if picture.shape != first:
            raise UsageError(
                f"pictures of {_size(first)} and of {_size(picture.shape)} pixels have no flat "
                "field in common",
                remedy="give those of one camera and binning",
            )
    return (first[0], first[1])


def _size(shape: Sequence[int]) -> str:
    return " by ".join(str(length) for length in shape)


def _description(field: Floats) -> str:
    """How far the light falls, and where."""
    parts = [np.array_split(band, 3, axis=1) for band in np.array_split(field, 3, axis=0)]
    corners = [parts[i][j].min() for i in (0, 2) for j in (0, 2) if parts[i][j].size]
    top = float(np.quantile(field, 0.99))
    lowest = float(field.min()) / float(field.max())
    if corners and max(corners) < 0.5 * (top + float(field.min())):
        return f"the light falls to {100 * lowest:.0f} % in the corners"
    y, x = np.unravel_index(int(np.argmin(field)), field.shape)
    rows, columns = field.shape
    down = ("at the top", "in the middle", "at the bottom")[min(int(3 * y // rows), 2)]
    across = ("left", "centre", "right")[min(int(3 * x // columns), 2)]
    return f"the light falls to {100 * lowest:.0f} % {down}, {across}"
