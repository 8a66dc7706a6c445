"""Nikon ND2, as NIS-Elements writes it since version 3 (2008): by the library nd2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Image, Source, Spacing
from cellwright.io.libraries import STUMBLES, library, translated
from cellwright.io.nd2_frames import Frames, chunk_map, chunk_start, frame_numbers
from cellwright.io.planar import Planes, distinct, spacing_or_none, stack_axes
from cellwright.io.reader import Reader
from cellwright.io.well_name import well_in

__all__ = ["READER"]

_MAGIC = b"\xda\xce\xbe\x0a"
_JPEG_2000 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_FILE = "Nikon ND2 file"
_TIMES = b"CustomData|AcqTimesCache!"  # milliseconds since the start, one number a frame
_AXIS_OF_LOOP = {"TimeLoop": "T", "NETimeLoop": "T", "ZStackLoop": "Z"}
_COLOURS = 3  # components of a channel that is a colour picture
_SAME = 0.01  # measured times this near to what was asked for confirm it
_UNEVEN = 0.5  # frames whose distance differs by more than this from the usual one


@dataclass(frozen=True)
class _Loop:
    """One level of the experiment: its axis (T, Z, or none), length, and names of positions."""

    axis: str
    count: int
    kind: str
    names: tuple[str, ...] = ()


def _recognise(head: bytes, path: Path) -> bool:
    old = head.startswith(_JPEG_2000) and path.suffix.lower() == ".nd2"
    return head.startswith(_MAGIC) or old


def _open(path: Path) -> list[Image]:
    with path.open("rb") as file, translated(path, _FILE):
        if file.read(len(_MAGIC)) != _MAGIC:
            raise UnsupportedError(
                "an ND2 file of before 2008, which holds JPEG 2000, is not read",
                remedy="open it in NIS-Elements and save it again, or export it as OME-TIFF",
            )
        length = file.seek(0, 2)
        chunks = chunk_map(file, length)
        times: npt.NDArray[np.float64] = np.zeros(0)
        if _TIMES in chunks:
            start, size = chunk_start(file, chunks[_TIMES][0], length)
            file.seek(start)
            times = np.frombuffer(file.read(size // 8 * 8), "<f8") / 1000
        with library("nd2", "a Nikon ND2 file").ND2File(path) as opened:
            return _images(path, opened, frame_numbers(chunks), times, length)


def _images(
    path: Path, opened: Any, frames: dict[int, int], times: npt.NDArray[np.float64], length: int
) -> list[Image]:
    attributes, (channels, unclear) = opened.attributes, _described(opened)
    layout = _layout(attributes)
    if attributes.compressionType == "lossy":
        raise UnsupportedError(
            "frames with lossy compression are not read", remedy="export it as OME-TIFF"
        )
    loops, notes = _loops(opened.experiment, frames)
    notes += unclear
    count = math.prod(loop.count for loop in loops)
    places = np.array([frames[number] for number in range(count)], dtype=np.int64)
    needed = 0 if layout.packed else layout.height * layout.row_bytes
    if int(places.max()) + needed > length:
        raise UnreadableError(
            "its frames are larger than the file", remedy="copy or export the file again"
        )
    grid = places.reshape([loop.count for loop in loops])
    numbers = np.arange(count).reshape(grid.shape)
    stacked = [i for i, loop in enumerate(loops) if loop.axis]
    apart = [i for i, loop in enumerate(loops) if not loop.axis]
    order = sorted(stacked, key=lambda i: "TZ".index(loops[i].axis))
    sizes = {loops[i].axis: loops[i].count for i in order}
    sizes |= {"C": layout.channels, "Y": layout.height, "X": layout.width}
    axes, shape = stack_axes(sizes, colour=layout.samples == _COLOURS)
    names = distinct((channel.channel.name for channel in channels), layout.channels)
    images = []
    for place in np.ndindex(*(grid.shape[i] for i in apart)):
        key: list[Any] = [slice(None)] * grid.ndim
        for i, index in zip(apart, place, strict=True):
            key[i] = index
        # What is left has the stacked loops in the file's order; then T before Z.
        turn = [stacked.index(i) for i in order]
        own = grid[tuple(key)].transpose(turn)
        interval, said = _interval(opened.experiment, times, numbers[tuple(key)].transpose(turn))
        read = Frames(
            chunks=own.reshape([n for n in own.shape if n > 1]),
            channel_axis=axes.index("C") if "C" in axes else None,
            height=layout.height,
            width=layout.width,
            row_bytes=layout.row_bytes,
            channels=layout.channels,
            samples=layout.samples,
            dtype=layout.dtype,
            packed=layout.packed,
        )
        position = ", ".join(
            loops[i].names[index] if loops[i].names else f"{loops[i].kind} {index}"
            for i, index in zip(apart, place, strict=True)
        )
        images.append(
            Image(
                Planes(path, _FILE, shape, layout.dtype, read, 3 if "S" in axes else 2),
                axes,
                spacing=_spacing(opened.experiment, channels, "Z" in axes),
                interval=interval if "T" in axes else None,
                channels=names,
                bits=_bits(attributes, layout.dtype),
                source=Source(
                    path=str(path), well=well_in(position), position=position if apart else ""
                ),
                notes=(*notes, *([said] if said and "T" in axes else [])),
            )
        )
    return images


def _described(opened: Any) -> tuple[Sequence[Any], list[str]]:
    """Channels as the metadata describe them; pixels can be read without."""
    try:
        return opened.metadata.channels or [], []
    except STUMBLES:
        return [], [
            "the description of its channels cannot be read: it has no pixel size and no names"
        ]


@dataclass(frozen=True)
class _Layout:
    """How a frame is stored; names as in `Frames`."""

    height: int
    width: int
    row_bytes: int
    channels: int
    samples: int
    dtype: np.dtype[Any]
    packed: bool


def _layout(attributes: Any) -> _Layout:
    bits = int(attributes.bitsPerComponentInMemory)
    kind = "f" if attributes.pixelDataType == "float" else "u"
    if bits not in {8, 16, 32} or (kind == "f" and bits != 32):
        raise UnsupportedError(
            f"pixels of {bits} bits ({attributes.pixelDataType}) are not read",
            remedy="export it as OME-TIFF",
        )
    components, channels = int(attributes.componentCount), int(attributes.channelCount or 1)
    height, width = int(attributes.heightPx), int(attributes.widthPx or 0)
    if min(height, width, components, channels) < 1:
        raise UnreadableError(
            f"the frames have no pixels ({width} × {height}, {components} components)",
            remedy="export the file again",
        )
    samples = components // channels if components % channels == 0 else 1
    if samples != _COLOURS:  # each component by itself, as the library takes them too
        samples, channels = 1, components
    used = width * components * bits // 8
    row_bytes = int(attributes.widthBytes or used)
    if row_bytes < used:
        raise UnreadableError(
            f"rows of {row_bytes} bytes cannot hold {width} pixels", remedy="export the file again"
        )
    return _Layout(
        height=height,
        width=width,
        row_bytes=row_bytes,
        channels=channels,
        samples=samples,
        dtype=np.dtype(f"<{kind}{bits // 8}"),
        packed=attributes.compressionType == "lossless",
    )


def _loops(experiment: Sequence[Any], frames: dict[int, int]) -> tuple[list[_Loop], list[str]]:
    """The levels of the experiment from the outermost, as far as there are frames for them."""
    if not frames:
        raise UnreadableError("there are no frames in it", remedy="copy or export it again")
    loops: list[_Loop] = []
    notes: list[str] = []
    for loop in experiment:
        axis = _AXIS_OF_LOOP.get(str(loop.type), "")
        if axis in {earlier.axis for earlier in loops}:
            axis = ""
        points = getattr(loop.parameters, "points", None) or []
        names = tuple((point.name or "").strip() for point in points)
        if len(names) != loop.count or "" in names:
            names = tuple(str(number) for number in range(int(loop.count))) if points else ()
        if int(loop.count) > 0:
            loops.append(_Loop(axis, int(loop.count), str(loop.type), names))
    present = next(number for number in range(len(frames) + 1) if number not in frames)
    if not loops:
        if present > 1:
            notes.append(
                f"the file does not say what its {present} frames are: they are taken for time"
            )
        return [_Loop("T", present, "frames")] if present else _nothing(1, 0), notes
    inner = math.prod(loop.count for loop in loops[1:])
    complete = min(loops[0].count, present // inner)
    if complete < 1:
        return _nothing(inner, present), notes
    if complete < loops[0].count:
        kind = {"T": "time points", "Z": "sections"}.get(loops[0].axis, "positions")
        notes.append(
            f"the recording stopped early: {complete} of {loops[0].count} {kind} are complete"
        )
        loops[0] = _Loop(loops[0].axis, complete, loops[0].kind, loops[0].names[:complete])
    elif len(frames) > complete * inner:
        notes.append(
            f"{len(frames) - complete * inner} frames that its description does not name "
            "were left out"
        )
    return loops, notes


def _nothing(needed: int, present: int) -> list[_Loop]:
    raise UnreadableError(
        f"its description names at least {needed} frames, and there are {present}",
        remedy="copy or export the file again",
    )


def _spacing(experiment: Sequence[Any], channels: Sequence[Any], has_z: bool) -> Spacing:
    if not channels:
        return Spacing()
    volume = channels[0].volume
    known, size = volume.axesCalibrated, volume.axesCalibration
    z = None
    if has_z:
        steps = [loop.parameters.stepUm for loop in experiment if str(loop.type) == "ZStackLoop"]
        z = spacing_or_none(abs(steps[0])) if steps else None
        if z is None and known[2]:
            z = spacing_or_none(size[2])
    return Spacing(
        z=z,
        y=spacing_or_none(size[1]) if known[1] else None,
        x=spacing_or_none(size[0]) if known[0] else None,
    )


def _interval(
    experiment: Sequence[Any], times: npt.NDArray[np.float64], numbers: npt.NDArray[np.int64]
) -> tuple[float | None, str]:
    """Seconds between frames, measured where the file tells, and what a person should know.

    `numbers` counts the frames, with T as its first axis. What was asked for is often not
    what was done ("as fast as possible" stands as 0 or 1 ms), so the measured times decide.
    """
    asked, average = _asked_interval(experiment)
    first = numbers.reshape(len(numbers), -1)[:, 0] if numbers.ndim else numbers.reshape(1)
    measured = average
    note = ""
    if len(first) > 1 and int(first.max()) < len(times):
        steps = np.diff(times[first])
        if np.isfinite(steps).all() and (steps > 0).all():
            measured = float(np.median(steps))
            if (abs(steps - measured) > _UNEVEN * measured).any():
                note = (
                    f"its frames are unevenly spaced in time, from {steps.min():.4g} s to "
                    f"{steps.max():.4g} s apart: the median, {measured:.4g} s, is the interval"
                )
    if measured is None or (asked is not None and abs(measured - asked) <= _SAME * asked):
        return asked, note
    if asked is not None and not note:
        note = (
            f"frames were asked for every {asked:.4g} s, and taken every {measured:.4g} s: "
            "the latter is the interval"
        )
    return measured, note


def _asked_interval(experiment: Sequence[Any]) -> tuple[float | None, float | None]:
    """Seconds between frames as they were asked for, and as the file says they were."""
    for loop in experiment:
        parameters = loop.parameters
        if str(loop.type) == "NETimeLoop":
            periods = [period for period in parameters.periods if period.count > 0]
            parameters = periods[0] if len(periods) == 1 else None
        elif str(loop.type) != "TimeLoop":
            continue
        if parameters is None:
            return None, None
        average = getattr(parameters.periodDiff, "avg", None)
        return spacing_or_none(parameters.periodMs, 1e-3), spacing_or_none(average, 1e-3)
    return None, None


def _bits(attributes: Any, dtype: np.dtype[Any]) -> int | None:
    bits = int(attributes.bitsPerComponentSignificant or 0)
    return bits if dtype.kind == "u" and 0 < bits <= 8 * dtype.itemsize else None


READER = Reader("Nikon ND2", (".nd2",), _recognise, _open, "cellwright[formats]")
"""Nikon ND2 files."""
