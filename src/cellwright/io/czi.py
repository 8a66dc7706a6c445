"""Zeiss CZI, as ZEN writes it: scenes, mosaics, and what their metadata say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Image, Source, Spacing
from cellwright.io.czi_blocks import MAGIC, Block, read_contents
from cellwright.io.czi_pixels import BlockPlanes, compression_name, is_decodable
from cellwright.io.deferred import MOST_PIXELS
from cellwright.io.libraries import BoundedFile, parse_xml, translated
from cellwright.io.planar import Place, Planes, distinct, spacing_or_none, stack_axes
from cellwright.io.reader import Reader
from cellwright.io.well_name import well_in

__all__ = ["READER"]

_FILE = "Zeiss CZI file"
_APART = {"V": "view", "H": "phase", "I": "illumination", "R": "rotation", "B": "acquisition block"}
"""Dimensions, by their letter, that no axis here stands for: each position is a picture."""

_UM_PER_M = 1e6
_SPARSE = 10_000  # times the area of its blocks: no mosaic is as empty as that
_TIGHTEST = 2**15  # pixels that one byte of a compressed file can stand for (a blank block)
_UNEVEN = 0.5  # frames whose distance differs by more than this from the usual one


@dataclass(frozen=True)
class _Metadata:
    """What the XML says: spacing, names of channels by number, bits, seconds, scenes by number."""

    spacing: Spacing = Spacing()
    channels: tuple[str, ...] = ()
    bits: int | None = None
    interval: float | None = None
    scenes: Mapping[int, tuple[str, str]] | None = None


def _recognise(head: bytes, path: Path) -> bool:  # noqa: ARG001
    return head.startswith(MAGIC)


def _open(path: Path) -> list[Image]:
    with translated(path, _FILE), BoundedFile(path) as file:
        contents = read_contents(file, file.length)
        metadata = _metadata(contents.xml)
        _check(contents.blocks, file.length)
        pictures = _pictures(contents.blocks)
        return [_image(path, key, pictures, contents.times, metadata) for key in pictures]


def _check(blocks: Sequence[Block], length: int) -> None:
    if not blocks:
        raise UnreadableError("the CZI file has no pixels", remedy="export the picture again")
    for compression in sorted({block.compression for block in blocks}):
        if not is_decodable(compression):
            raise UnsupportedError(
                f"pixels with the compression {compression_name(compression)} are not read",
                remedy="save it from ZEN without compression, or export it as OME-TIFF",
            )
    largest = max(block.height * block.width for block in blocks)
    if largest > length * _TIGHTEST:
        raise UnreadableError(
            f"a block claims {largest} pixels, more than the file can hold",
            remedy="copy or export it again",
        )


_Key = tuple[int, tuple[tuple[str, int], ...], bool]
"""A picture: its scene, its place along the dimensions of `_APART`, whether it is in colour."""


def _pictures(blocks: Iterable[Block]) -> dict[_Key, list[Block]]:
    """Sort the blocks into pictures, in the order of their scenes."""
    pictures: dict[_Key, list[Block]] = {}
    for block in blocks:
        unknown = set(block.at) - set(_APART) - set("TCZSM")
        if unknown:
            raise UnsupportedError(
                f"the dimension {min(unknown)} is not known", remedy="export it as OME-TIFF"
            )
        apart = tuple((letter, block.at[letter]) for letter in _APART if letter in block.at)
        key = (block.at.get("S", 0), apart, block.kind.samples > 1)
        pictures.setdefault(key, []).append(block)
    return dict(sorted(pictures.items()))


def _image(
    path: Path,
    key: _Key,
    pictures: Mapping[_Key, Sequence[Block]],
    times: npt.NDArray[np.float64],
    metadata: _Metadata,
) -> Image:
    blocks, keys = pictures[key], list(pictures)
    scene, apart, colour = key
    top, left = min(b.y for b in blocks), min(b.x for b in blocks)
    height = max(b.y + b.height for b in blocks) - top
    width = max(b.x + b.width for b in blocks) - left
    if height * width > MOST_PIXELS:
        raise UnsupportedError(
            f"a plane of {width} × {height} pixels is too large to be put together",
            remedy="split its scenes in ZEN, or export it as a tiled OME-TIFF",
        )
    if height * width > _SPARSE * sum(b.height * b.width for b in blocks):
        raise UnreadableError(
            f"its blocks lie {width} × {height} pixels apart, which cannot be meant",
            remedy="copy or export it again",
        )
    values = {axis: sorted({b.at.get(axis, 0) for b in blocks}) for axis in "TCZ"}
    planes, notes = _planes(blocks, values)
    sizes = {axis: len(numbers) for axis, numbers in values.items()} | {"Y": height, "X": width}
    axes, shape = stack_axes(sizes, colour=colour)
    kept = [i for i, axis in enumerate("TCZ") if axis in axes]
    stored = sorted({b.kind.dtype for b in blocks})
    dtype = np.result_type(*stored).newbyteorder("=")
    if len(stored) > 1:
        notes.append(f"its channels are of different types, all are read as {dtype}")
    notes += _mosaic_notes(planes, height * width)
    read = BlockPlanes(
        {tuple(place[i] for i in kept): tuple(own) for place, own in planes.items()},
        top,
        left,
        (height, width, 3) if colour else (height, width),
        dtype,
    )
    interval, said = _interval(times, values["T"], metadata.interval)
    name, well = (metadata.scenes or {}).get(scene, ("", ""))
    several = [
        (letter, number)
        for letter, number in apart
        if len({dict(other).get(letter) for _, other, _ in keys}) > 1
    ]
    parts = [f"{_APART[letter]} {number}" for letter, number in several]
    if len({kind for *_, kind in keys}) > 1:
        parts.append("colour" if colour else "grey")
    if several:
        notes.append("each " + " and ".join(_APART[a] for a, _ in several) + " is a picture")
    if len({number for number, *_ in keys}) > 1:
        parts.insert(0, name or str(scene))
    return Image(
        Planes(path, _FILE, shape, dtype, read, 3 if colour else 2),
        axes,
        spacing=Spacing(
            z=metadata.spacing.z if "Z" in axes else None,
            y=metadata.spacing.y,
            x=metadata.spacing.x,
        ),
        interval=interval if "T" in axes else None,
        channels=_channel_names(metadata.channels, values["C"]),
        bits=metadata.bits if dtype.kind == "u" and (metadata.bits or 99) <= 32 else None,
        source=Source(path=str(path), scene=", ".join(parts), well=well, position=name),
        notes=(*notes, *([said] if said and "T" in axes else [])),
    )


def _planes(
    blocks: Sequence[Block], values: dict[str, list[int]]
) -> tuple[dict[Place, list[Block]], list[str]]:
    """Blocks of each plane by (T, C, Z), later ones last; time points cut short are left out."""
    index = {axis: {v: i for i, v in enumerate(numbers)} for axis, numbers in values.items()}
    planes: dict[Place, list[Block]] = {}
    for block in sorted(blocks, key=lambda b: b.at.get("M", 0)):
        place = tuple(index[axis][block.at.get(axis, 0)] for axis in "TCZ")
        planes.setdefault(place, []).append(block)
    notes = []
    frames, channels, sections = (len(values[axis]) for axis in "TCZ")
    counts = [0] * frames
    for frame, _, _ in planes:
        counts[frame] += 1
    if frames > 1 and counts[-1] < max(counts):  # the recording was stopped in this one
        values["T"].pop()
        planes = {place: own for place, own in planes.items() if place[0] < frames - 1}
        notes.append(
            f"the recording stopped early: the last of its {frames} time points is left out"
        )
        frames -= 1
    missing = frames * channels * sections - len(planes)
    if missing:
        notes.append(
            f"{missing} of its {frames * channels * sections} planes were not taken, and are 0"
        )
    return planes, notes


def _mosaic_notes(planes: Mapping[Place, Sequence[Block]], area: int) -> list[str]:
    tiles = max(len(blocks) for blocks in planes.values())
    if tiles < 2:
        return []
    covered = max(sum(b.height * b.width for b in blocks) for blocks in planes.values())
    said = f"its {tiles} tiles are put together by their positions"
    if covered > area:
        said += "; where they overlap, the later lies over the earlier"
    if covered < area:
        said += "; where there is none, it is 0"
    return [said]


def _channel_names(names: tuple[str, ...], numbers: Sequence[int]) -> tuple[str, ...]:
    if not numbers or max(numbers) >= len(names) or min(numbers) < 0:
        return ()
    return distinct((names[number] for number in numbers), len(numbers))


def _interval(
    times: npt.NDArray[np.float64], frames: Sequence[int], asked: float | None
) -> tuple[float | None, str]:
    """Seconds between frames: as they were taken, else as they were asked for."""
    if not 0 <= max(frames) < len(times) or len(frames) < 2 or min(frames) < 0:
        return asked, ""
    steps = np.diff(times[list(frames)])
    if not (np.isfinite(steps).all() and (steps > 0).all()):
        return asked, ""
    usual = float(np.median(steps))
    if (abs(steps - usual) > _UNEVEN * usual).any():
        return usual, (
            f"its frames are unevenly spaced in time, from {steps.min():.4g} s to "
            f"{steps.max():.4g} s apart: the median, {usual:.4g} s, is the interval"
        )
    return usual, ""


def _metadata(xml: str) -> _Metadata:
    """Read the XML (ImageDocument/Metadata) as far as it is of use here; it may be missing."""
    if not xml.strip():
        return _Metadata()
    root = parse_xml(xml)
    lengths: dict[str, float | None] = {}
    for distance in root.findall("./Metadata/Scaling/Items/Distance"):
        value = spacing_or_none(_number(distance.findtext("Value")), _UM_PER_M)
        lengths.setdefault(distance.get("Id", "").lower(), value)
    image = root.find("./Metadata/Information/Image")
    if image is None:
        image = Element("Image")
    described = image.findall("./Dimensions/Channels/Channel")
    names = [channel.get("Name") or channel.findtext("Fluor") or "" for channel in described]
    bits = [_number(node.findtext("ComponentBitCount")) or 0.0 for node in (*described, image)]
    step = _number(image.findtext("./Dimensions/T/Positions/Interval/Increment"))
    return _Metadata(
        spacing=Spacing(z=lengths.get("z"), y=lengths.get("y"), x=lengths.get("x")),
        channels=tuple(names),
        bits=int(max(bits)) if 0 < max(bits) <= 64 else None,
        interval=spacing_or_none(step),
        scenes=_scenes(image),
    )


def _scenes(image: Element) -> dict[int, tuple[str, str]]:
    """Name and well of each scene by its number."""
    scenes = {}
    for place, scene in enumerate(image.findall("./Dimensions/S/Scenes/Scene")):
        number = _number(scene.get("Index"))
        shape = scene.find("Shape")
        inner = (shape.get("Name") or "") if shape is not None else ""
        name = (scene.get("Name") or "").strip()
        well = well_in(scene.findtext("ArrayName") or "") or well_in(inner) or well_in(name)
        scenes[place if number is None else int(number)] = (name, well)
    return scenes


def _number(text: str | None) -> float | None:
    """A number as it stands in the XML, or None for none and for what is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


READER = Reader("Zeiss CZI", (".czi",), _recognise, _open)
"""Zeiss CZI files; nothing further needs to be installed."""
