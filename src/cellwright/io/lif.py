"""Leica LIF and LOF: found by the library liffile, their planes read where the XML says."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Array, Image, Source, Spacing
from cellwright.io.libraries import BoundedFile, library, refuse_entities, translated
from cellwright.io.lif_layout import SPACE, WAVELENGTHS, Dimension, Layout, layout_of
from cellwright.io.planar import Place, Planes, spacing_or_none, stack_axes
from cellwright.io.reader import Reader
from cellwright.io.well_name import well_in

__all__ = ["READER"]

_MAGIC = b"\x70\x00\x00\x00"
_TEST = b"\x2a"  # follows the length of the first block
_FILE = "Leica LIF file"
_HEAD = 13  # bytes before the first text: magic, length, test, number of letters
_ROW_AND_COLUMN = re.compile(r"/([A-P])/(\d{1,2})(?:/|$)")
_MOST_SCENES = 100_000  # tiles and further positions, each of them a picture of its own


@dataclass(frozen=True)
class _Strides:
    """Reads planes by their strides; satisfies `cellwright.io.planar.ReadPlanes`.

    Attributes
    ----------
    start
        Where the picture begins in the file.
    length
        How many bytes of it are used.
    steps
        For each leading axis, the bytes to each of its positions.
    types
        Type of each channel.
    channel_axis
        Which leading axis is C; None without.
    wavelengths
        How many positions of C one channel has.
    shape, strides
        Of one plane.
    samples
        For a colour picture, where red, green and blue lie in a pixel.
    dtype
        What the planes are given as.
    """

    start: int
    length: int
    steps: tuple[tuple[int, ...], ...]
    types: tuple[np.dtype[Any], ...]
    channel_axis: int | None
    wavelengths: int
    shape: tuple[int, int]
    strides: tuple[int, int]
    samples: tuple[int, ...]
    dtype: np.dtype[Any]

    def __call__(self, path: Path, places: Sequence[Place]) -> Iterator[tuple[int, Array]]:
        """Map the block, and copy the planes out of it."""
        block = np.memmap(path, np.uint8, "r", offset=self.start, shape=(self.length,))
        for number, place in enumerate(places):
            offset = sum(steps[i] for steps, i in zip(self.steps, place, strict=True))
            channel = 0
            if self.channel_axis is not None:
                channel = place[self.channel_axis] // self.wavelengths
            parts: list[Array] = [
                np.ndarray(
                    self.shape, self.types[channel], block.data, offset + sample, self.strides
                )
                for sample in self.samples or (0,)
            ]
            plane = np.stack(parts, axis=-1) if self.samples else parts[0]
            yield number, np.array(plane, dtype=self.dtype, order="C")


def _recognise(head: bytes, path: Path) -> bool:  # noqa: ARG001
    return head.startswith(_MAGIC) and head[8:9] == _TEST


def _open(path: Path) -> list[Image]:
    with translated(path, _FILE), BoundedFile(path) as file:
        liffile = library("liffile", "a Leica LIF file")
        letters = int.from_bytes(file.read(_HEAD)[9:], "little")
        refuse_entities(file.read(2 * letters).decode("utf-16-le"))
        file.seek(0)
        with liffile.LifFile(file, squeeze=False) as opened:
            blocks = {
                name: (int(block.offset), int(block.size))
                for name, block in opened.memory_blocks.items()
            }
            return _images(path, opened.xml_element, blocks, file.length)


def _images(
    path: Path, root: Element, blocks: dict[str, tuple[int, int]], length: int
) -> list[Image]:
    images: list[Image] = []
    histograms, empty = 0, 0
    for name, element in _elements(root, ""):
        if element.find("./Data/SingleMoleculeDetection") is not None:
            histograms += 1
        if element.find("./Data/Image") is None:
            continue
        memory = element.find("./Memory")
        block = memory.get("MemoryBlockID", "") if memory is not None else ""
        claimed = int(memory.get("Size") or 0) if memory is not None else 0
        start, size = blocks.get(block, (0, 0))
        if block in blocks and start + size > length:
            size = length - start
        if claimed == 0 and size == 0:
            empty += 1
            continue
        layout = layout_of(element)
        if layout.extent > size:
            raise UnreadableError(
                f"the picture {name!r} needs {layout.extent} bytes, and {max(0, size)} are there: "
                "the file is cut short or damaged",
                remedy="copy or export it again",
            )
        images += _scenes(path, name, layout, start)
        if len(images) > _MOST_SCENES:
            raise UnsupportedError(
                f"over {_MOST_SCENES} pictures in one file are not read", remedy="divide it"
            )
    if not images:
        raise UnsupportedError(
            "it holds only photon counts (FLIM), and no pictures"
            if histograms
            else "it holds no pictures",
            remedy="export the intensities as pictures",
        )
    notes = []
    if histograms:
        notes.append(f"{histograms} sets of photon counts (FLIM) in the file were left out")
    if empty:
        notes.append(f"{empty} pictures without pixels in the file were left out")
    return [replace(image, notes=(*image.notes, *notes)) for image in images]


def _elements(element: Element, path: str) -> Iterator[tuple[str, Element]]:
    """All elements below the first, which is the file itself, with their paths."""
    for child in [*element.findall("./Children/Element"), *element.findall("./Element")]:
        name = child.get("Name", "")
        whole = f"{path}/{name}" if path else name
        top = child.find("./Data/Image") is None and not path and element.tag != "Element"
        yield whole, child
        yield from _elements(child, "" if top else whole)


def _scenes(path: Path, name: str, layout: Layout, start: int) -> list[Image]:
    """One Image, or as many as there are tiles and positions on further dimensions."""
    by_name = {d.name: d for d in layout.others}
    stack = next((d for d in layout.others if d.name in SPACE), None)
    time = by_name.get("time")
    waves = [by_name[wave] for wave in WAVELENGTHS if wave in by_name]
    apart = [d for d in layout.others if d not in (stack, time, *waves)]
    number_of_waves = math.prod(d.count for d in waves)
    sizes = {
        "T": time.count if time else 1,
        "C": len(layout.channels) * number_of_waves,
        "Z": stack.count if stack else 1,
        "Y": layout.rows.count,
        "X": layout.columns.count,
    }
    axes, shape = stack_axes(sizes, colour=bool(layout.samples))
    channel_steps = tuple(
        channel.start + sum(d.stride * i for d, i in zip(waves, place, strict=True))
        for channel in layout.channels
        for place in product(*(range(d.count) for d in waves))
    )
    steps = {
        "T": tuple(time.stride * i for i in range(time.count)) if time else (0,),
        "C": channel_steps,
        "Z": tuple(stack.stride * i for i in range(stack.count)) if stack else (0,),
    }
    leading = axes[: axes.index("Y")]
    notes = _notes(layout, stack, waves, apart)
    if math.prod(d.count for d in apart) > _MOST_SCENES:
        raise UnsupportedError(
            f"over {_MOST_SCENES} positions in one picture are not read", remedy="divide it"
        )
    images = []
    for place in product(*(range(d.count) for d in apart)):
        offset = sum(d.stride * i for d, i in zip(apart, place, strict=True))
        offset += sum(steps[axis][0] for axis in "TCZ" if axis not in leading)
        position = ", ".join(f"{d.name} {i}" for d, i in zip(apart, place, strict=True))
        read = _Strides(
            start=start + offset,
            length=layout.extent - offset,
            steps=tuple(steps[axis] for axis in leading),
            types=tuple(channel.dtype for channel in layout.channels),
            channel_axis=leading.index("C") if "C" in leading else None,
            wavelengths=number_of_waves,
            shape=(layout.rows.count, layout.columns.count),
            strides=(layout.rows.stride, layout.columns.stride),
            samples=layout.samples,
            dtype=layout.dtype,
        )
        images.append(
            Image(
                Planes(path, _FILE, shape, layout.dtype, read, 3 if layout.samples else 2),
                axes,
                spacing=Spacing(
                    z=stack.step_um if stack else None,
                    y=layout.rows.step_um if layout.rows.name in SPACE else None,
                    x=layout.columns.step_um,
                ),
                interval=_interval(time),
                channels=_channel_names(layout, waves),
                bits=max(channel.bits for channel in layout.channels)
                if layout.dtype.kind == "u"
                else None,
                source=Source(
                    path=str(path),
                    scene=f"{name}/{position}" if position else name,
                    well=_well(name),
                    position=position or name,
                ),
                notes=notes,
            )
        )
    return images


def _well(path: str) -> str:
    """The well in the path of a picture, which LAS X writes as ``plate/B/3/field``."""
    match = _ROW_AND_COLUMN.search(path)
    return well_in(match[1] + match[2]) if match else well_in(path)


def _interval(time: Dimension | None) -> float | None:
    if time is None or time.count < 2 or time.unit not in {"s", ""}:
        return None
    return spacing_or_none(abs(time.length) / (time.count - 1))


def _channel_names(layout: Layout, waves: Sequence[Dimension]) -> tuple[str, ...]:
    if not waves:
        return layout.names
    own = layout.names or tuple(str(i) for i in range(len(layout.channels)))
    names = [
        " ".join(
            [
                *([channel] if len(own) > 1 else []),
                *(f"{d.name} {value:.4g} nm" for d, value in zip(waves, values, strict=True)),
            ]
        )
        for channel in own
        for values in product(*(d.values_nm for d in waves))
    ]
    return tuple(names) if len(set(names)) == len(names) else ()


def _notes(
    layout: Layout, stack: Dimension | None, waves: Sequence[Dimension], apart: Sequence[Dimension]
) -> tuple[str, ...]:
    notes = []
    rows, columns = layout.rows.name, layout.columns.name
    if (rows, columns) != ("y", "x"):
        further = f", and its sections lie along {stack.name}" if stack else ""
        notes.append(
            f"it was scanned along {columns} and {rows}: its rows are {rows}{further}"
            if rows in SPACE or layout.rows.count > 1
            else f"it is one line along {columns}"
        )
    for wave in waves:
        values = wave.values_nm
        notes.append(
            f"its {wave.count} wavelengths of {wave.name}, {values[0]:.4g} to {values[-1]:.4g} nm, "
            "are taken for channels"
        )
    if apart:
        kinds = " and ".join(f"{d.count} positions of {d.name}" for d in apart)
        notes.append(f"its {kinds} are pictures of their own, and are not joined")
    if len({channel.dtype for channel in layout.channels}) > 1:
        notes.append(f"its channels are of different types, all are read as {layout.dtype}")
    return tuple(notes)


READER = Reader("Leica LIF", (".lif", ".lof"), _recognise, _open, "cellwright[formats]")
"""Leica LIF and LOF files."""
