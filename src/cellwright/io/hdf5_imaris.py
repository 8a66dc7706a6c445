"""Imaris files (.ims): HDF5 with a fixed tree ("Imaris 5.5 file format", Oxford Instruments)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.core.errors import UnreadableError
from cellwright.core.image import Array, Image, Source, Spacing
from cellwright.core.units import length_in_um
from cellwright.io.hdf5_file import check_stored, open_hdf5
from cellwright.io.libraries import library
from cellwright.io.planar import Place, Planes, distinct, spacing_or_none, stack_axes

__all__ = ["imaris_image", "is_imaris"]

_FILE = "Imaris file"
_FULL = "DataSet/ResolutionLevel 0"
_UNEVEN = 0.5  # time points whose distance differs by more than this from the usual one
_MOST = 100_000  # time points, channels


@dataclass(frozen=True)
class _Levels:
    """Reads planes at full resolution; satisfies `cellwright.io.planar.ReadPlanes`.

    Blocks are padded at their far ends: `height` and `width` are those of the picture.
    """

    leading: str
    height: int
    width: int
    dtype: np.dtype[Any]

    def __call__(self, path: Path, places: Sequence[Place]) -> Iterator[tuple[int, Array]]:
        """Read the planes one by one."""
        with open_hdf5(path) as file:
            for number, place in enumerate(places):
                at = dict(zip(self.leading, place, strict=True))
                stored = file[_name(at.get("T", 0), at.get("C", 0))]
                plane = stored[at.get("Z", 0), : self.height, : self.width]
                yield number, np.ascontiguousarray(plane, dtype=self.dtype)


def _name(frame: int, channel: int) -> str:
    return f"{_FULL}/TimePoint {frame}/Channel {channel}/Data"


def is_imaris(file: Any) -> bool:
    """Whether an open HDF5 file is one of Imaris."""
    return _text(file.attrs, "ImarisDataSet") == "ImarisDataSet" or (
        "DataSetInfo" in file and _FULL in file
    )


def imaris_image(path: Path, file: Any) -> Image:
    """Make the picture of an open Imaris file.

    Parameters
    ----------
    path
        Where it is.
    file
        The open HDF5 file.

    Raises
    ------
    UnreadableError
        If a time point or channel is missing, or differs from the first.
    """
    information = file["DataSetInfo"]
    image = information["Image"].attrs
    frames = sum(name.startswith("TimePoint ") for name in file[_FULL])
    first = file[f"{_FULL}/TimePoint 0"]
    channels = sum(name.startswith("Channel ") for name in first)
    if not 0 < frames <= _MOST or not 0 < channels <= _MOST:
        raise UnreadableError("there are no time points or channels", remedy="export it again")
    for frame in range(frames):
        for channel in range(channels):
            _check_own(file, _name(frame, channel))
            check_stored(file[_name(frame, channel)], _name(frame, channel))
    stored = file[_name(0, 0)]
    if any(
        file[_name(frame, channel)].shape != stored.shape
        or file[_name(frame, channel)].dtype != stored.dtype
        for frame in range(frames)
        for channel in range(channels)
    ):
        raise UnreadableError("its channels differ in size or type", remedy="export it again")
    own = first["Channel 0"].attrs
    size = {
        axis: int(_text(own, f"ImageSize{axis}") or _text(image, axis) or padded)
        for axis, padded in zip("ZYX", stored.shape, strict=True)
    }
    if any(not 0 < size[axis] <= n for axis, n in zip("ZYX", stored.shape, strict=True)):
        raise UnreadableError(
            f"the picture claims {size}, and blocks of {stored.shape} are stored",
            remedy="export it again",
        )
    axes, shape = stack_axes({"T": frames, "C": channels, **size})
    names = [
        _text(information[f"Channel {i}"].attrs, "Name") if f"Channel {i}" in information else ""
        for i in range(channels)
    ]
    interval, note = _interval(information, frames)
    dtype = stored.dtype.newbyteorder("=")
    return Image(
        Planes(
            path, _FILE, shape, dtype, _Levels(axes[: axes.index("Y")], size["Y"], size["X"], dtype)
        ),
        axes,
        spacing=_spacing(image, size, "Z" in axes),
        interval=interval,
        channels=distinct(names, channels),
        source=Source(path=str(path)),
        notes=(note,) if note else (),
    )


def _check_own(file: Any, name: str) -> None:
    """Refuse a link on the way to `name` that leads out of the file."""
    h5py = library("h5py", "an Imaris file")
    group = file
    for part in name.split("/"):
        if isinstance(group.get(part, getlink=True), h5py.ExternalLink):
            raise UnreadableError(f"{name} lies in another file", remedy="copy it into this one")
        group = group[part]


def _text(attributes: Any, name: str) -> str:
    """An attribute, which Imaris writes as an array of single letters; empty without."""
    value = attributes.get(name)
    if value is None:
        return ""
    if isinstance(value, bytes | str):
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    letters = np.ravel(np.asarray(value))
    if letters.dtype.kind != "S":
        return "".join(map(str, letters.tolist()))
    return b"".join(letters.tolist()).decode("utf-8", "replace")


def _spacing(image: Any, size: dict[str, int], has_z: bool) -> Spacing:
    """The extent of the picture, from the edge of its first voxel to that of its last."""
    scale = length_in_um(_text(image, "Unit") or "um")
    if scale is None:
        return Spacing()
    steps: dict[str, float | None] = {}
    for number, axis in enumerate("XYZ"):
        ends = [_text(image, f"{end}{number}") for end in ("ExtMin", "ExtMax")]
        known = all(ends)
        extent = abs(float(ends[1]) - float(ends[0])) if known else None
        steps[axis] = spacing_or_none(extent, scale / size[axis])
    return Spacing(z=steps["Z"] if has_z else None, y=steps["Y"], x=steps["X"])


def _interval(information: Any, frames: int) -> tuple[float | None, str]:
    """Seconds between time points, which are written as dates."""
    if frames < 2 or "TimeInfo" not in information:
        return None, ""
    written = information["TimeInfo"].attrs
    try:
        times = [datetime.fromisoformat(_text(written, f"TimePoint{i + 1}")) for i in range(frames)]
    except ValueError:
        return None, ""
    steps = np.array([(b - a).total_seconds() for a, b in pairwise(times)])
    if not (steps > 0).all():
        return None, ""
    usual = float(np.median(steps))
    if (abs(steps - usual) > _UNEVEN * usual).any():
        return usual, (
            f"its time points are unevenly spaced, from {steps.min():.4g} s to "
            f"{steps.max():.4g} s apart: the median, {usual:.4g} s, is the interval"
        )
    return usual, ""
