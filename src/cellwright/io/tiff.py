"""TIFF: plain, OME-TIFF, ImageJ stacks and BigTIFF; planes are read when they are indexed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnsupportedError
from cellwright.core.image import Image, Spacing
from cellwright.io import tiff_directory as tags
from cellwright.io.imagej import ImageJDescription, channel_names, parse_imagej, slice_labels
from cellwright.io.lsm import lsm_layouts, read_lsm_info
from cellwright.io.ome import is_ome
from cellwright.io.ome_files import open_ome
from cellwright.io.reader import Reader
from cellwright.io.resolution import believable_spacing
from cellwright.io.tiff_directory import Directory, Structure, TiffHeader
from cellwright.io.tiff_image import Layout, broken, scene_image

__all__ = ["READER"]

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_REDUCED, _IS_MASK = 1, 4  # bits of NewSubfileType
_UM_PER_UNIT = {2: 25400.0, 3: 10000.0}  # ResolutionUnit: inch, centimetre


def _recognise(head: bytes, path: Path) -> bool:  # noqa: ARG001
    return head.startswith(_MAGIC)


def _open(path: Path) -> list[Image]:
    with path.open("rb") as file:
        header, pages = tags.read_directories(path, file)
        first = pages[0]
        info = read_lsm_info(path, file, header, first) if tags.LSM_INFO in first.tags else None
    if tags.STK_PLANES in first.tags:
        raise UnsupportedError(
            "this is a MetaMorph STK file, which this version does not read",
            where=str(path),
            remedy="export it as OME-TIFF",
        )
    by_place = {(0, page.offset): page for page in pages}
    if info is not None:
        layouts = lsm_layouts(path, header, info, pages)
        return [scene_image(path, layout, by_place, first) for layout in layouts]
    description = first.text(tags.DESCRIPTION)
    imagej = parse_imagej(description)
    if is_ome(description):
        return open_ome(path, description, pages)
    if imagej is not None:
        layouts = [_imagej_layout(path, header, imagej, pages)]
    elif (shape := _stated_shape(description)) is not None:
        layouts = [_shaped_layout(path, header, shape, pages)]
    else:
        layouts = _plain_layouts(pages)
    return [scene_image(path, layout, by_place, first) for layout in layouts]


def _places(pages: Sequence[Directory]) -> npt.NDArray[np.int64]:
    return np.array([page.offset for page in pages], dtype=np.int64)


def _imagej_layout(
    path: Path, header: TiffHeader, imagej: ImageJDescription, pages: Sequence[Directory]
) -> Layout:
    first = pages[0]
    structure = first.structure
    channels = imagej.channels
    composite = structure.samples > 1 and imagej.composite and channels == structure.samples
    if composite:
        channels = 1  # its channels are the samples of a page
    shape = (imagej.frames, imagej.slices, channels)
    places, stride = _places(pages), 0
    notes: list[str] = []
    planes = max(imagej.images, math.prod(shape)) if imagej.images > 1 else math.prod(shape)
    if len(pages) == 1 and planes > 1:  # above 4 GB ImageJ writes one page for them all
        places, stride = _run_on(path, header, first, planes)
    if len(places) != math.prod(shape):
        if math.prod(shape) > len(places):
            raise broken(
                path, f"ImageJ's description lists {math.prod(shape)} planes, it has {len(places)}"
            )
        if math.prod(shape) > 1:
            notes.append(f"ImageJ's description does not fit its {len(places)} pages")
        shape = (len(places), 1, 1)
        notes.append(_guess(len(places)))
    metadata, counts = first.tags.get(tags.IMAGEJ_METADATA), first.tags.get(tags.IMAGEJ_COUNTS)
    names: tuple[str, ...] = ()
    if isinstance(metadata, bytes) and isinstance(counts, tuple):
        labels = slice_labels(metadata, [int(count) for count in counts], header.order)
        names = channel_names(labels, shape[2])
    if composite and structure.samples == 3:
        names = ("Red", "Green", "Blue")
    if imagej.offset:
        notes.append(f"ImageJ shows its values with {imagej.offset:+g}; they are read as stored")
    return Layout(
        pages=places.reshape(shape).transpose(0, 2, 1),
        spacing=imagej.spacing(
            first.number(tags.X_RESOLUTION, 0), first.number(tags.Y_RESOLUTION, 0)
        ),
        interval=imagej.interval,
        channels=names,
        notes=tuple(notes),
        index_is_value=True,
        samples_are_channels=composite,
        stride=stride,
    )


def _run_on(
    path: Path, header: TiffHeader, page: Directory, planes: int
) -> tuple[npt.NDArray[np.int64], int]:
    """Places of planes that follow the first without pages of their own: its number, and bytes."""
    structure = page.structure
    stride = structure.length * math.ceil(structure.width * structure.samples * structure.bits / 8)
    start = int(page.offsets[0])
    contiguous = np.array_equal(page.offsets[1:], page.offsets[:-1] + page.counts[:-1])
    if structure.compression != 1 or not contiguous or structure.tile:
        raise broken(path, f"{planes} planes are described, but there is one page")
    if start + planes * stride > header.length:
        raise broken(path, f"{planes} planes are described, more than the file holds")
    return np.arange(planes, dtype=np.int64), stride


def _stated_shape(description: str) -> tuple[tuple[int, ...], str, bool] | None:
    """Shape and names of axes as programs in Python write them: a line of JSON, or None."""
    if not description.startswith("{"):
        return None
    try:
        stated = json.loads(description)
    except (ValueError, RecursionError):
        return None
    if not isinstance(stated, dict) or not isinstance(stated.get("shape"), list):
        return None
    shape = stated["shape"]
    if not all(isinstance(size, int) and size > 0 for size in shape) or len(shape) < 2:
        return None
    axes = stated.get("axes")
    return tuple(shape), axes if isinstance(axes, str) else "", stated.get("truncated") is True


def _shaped_layout(
    path: Path,
    header: TiffHeader,
    stated: tuple[tuple[int, ...], str, bool],
    pages: Sequence[Directory],
) -> Layout:
    shape, axes, truncated = stated
    structure = pages[0].structure
    plane = 3 if structure.samples > 1 else 2
    leading = shape[: max(0, len(shape) - plane)]
    names = axes[: len(leading)] if len(axes) == len(shape) else ""
    count = math.prod(leading)
    places, stride = _places(pages), 0
    if truncated and len(pages) == 1 and count > 1:
        places, stride = _run_on(path, header, pages[0], count)
    if len(places) < count or math.prod(shape) > count * structure.width * structure.length * (
        structure.samples
    ):
        return _plain_layouts(pages)[0]  # the description is of another file: edited since
    notes: tuple[str, ...] = ()
    if len(leading) > 0 and (set(names) - set("TCZ") or len(set(names)) < len(leading)):
        if len([size for size in leading if size > 1]) > 1:
            raise UnsupportedError(
                f"{len(shape)} axes without names ({' × '.join(map(str, shape))})",
                where=str(path),
                remedy="save it as OME-TIFF or for ImageJ, with its axes named",
            )
        leading, names = (count,), "T"
        notes = (_guess(count),) if count > 1 else ()
    sizes = dict(zip(names, leading, strict=True))
    order = [axis for axis in "TCZ" if axis in names]
    grid = places[:count].reshape(leading).transpose([names.index(axis) for axis in order])
    return Layout(
        pages=grid.reshape([sizes.get(axis, 1) for axis in "TCZ"]),
        spacing=_printed_spacing(pages[0]),
        notes=notes,
        stride=stride,
    )


def _guess(count: int) -> str:
    return (
        f"the file does not say what its {count} pages are: they are taken for frames, "
        "so that each is looked at by itself"
    )


def _plain_layouts(pages: Sequence[Directory]) -> list[Layout]:
    """Pages that nothing describes: those of one kind are frames, other kinds other scenes."""
    kept = [page for page in pages if not int(page.number(tags.SUBFILE, 0)) & (_REDUCED | _IS_MASK)]
    left_out = len(pages) - len(kept) if kept else 0
    groups: dict[Structure, list[Directory]] = {}
    for page in kept or pages:
        groups.setdefault(page.structure, []).append(page)
    layouts = []
    for group in groups.values():
        notes = [_guess(len(group))] if len(group) > 1 else []
        if left_out:
            notes.append(f"{left_out} smaller copies or masks in the file were left out")
        layouts.append(
            Layout(
                pages=_places(group).reshape(-1, 1, 1),
                spacing=_printed_spacing(group[0]),
                notes=tuple(notes),
            )
        )
    return layouts


def _printed_spacing(page: Directory) -> Spacing:
    """Pixel size from the tags that were made for printers, where it can be meant."""
    unit = _UM_PER_UNIT.get(int(page.number(tags.RESOLUTION_UNIT, 2)))
    if unit is None:
        return Spacing()
    x, y = page.number(tags.X_RESOLUTION, 0), page.number(tags.Y_RESOLUTION, 0)
    return believable_spacing(x, y, unit)


READER = Reader("TIFF", (".tif", ".tiff", ".btf", ".tf8", ".lsm", ".stk"), _recognise, _open)
"""TIFF files of all kinds."""
