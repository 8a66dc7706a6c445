"""TIFF: plain, OME-TIFF, ImageJ stacks and BigTIFF; planes are read when they are indexed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Image, Source, Spacing
from cellwright.io import tiff_directory as tags
from cellwright.io.colour import is_ramp
from cellwright.io.imagej import ImageJDescription, channel_names, parse_imagej, slice_labels
from cellwright.io.ome import is_ome, parse_ome
from cellwright.io.reader import Reader
from cellwright.io.resolution import believable_spacing
from cellwright.io.tiff_directory import Directory, Structure, TiffHeader
from cellwright.io.tiff_planes import Rendering, TiffPlanes, check_decodable

__all__ = ["READER"]

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK, _INKS, _YCBCR = range(7)
_OPACITY = {1, 2}  # ExtraSamples: associated and unassociated alpha
_REDUCED, _IS_MASK = 1, 4  # bits of NewSubfileType
_UM_PER_UNIT = {2: 25400.0, 3: 10000.0}  # ResolutionUnit: inch, centimetre
_JPEG = 7


@dataclass(frozen=True)
class _Layout:
    """What the pages of one scene are: places of pages as (T, C, Z), and what is known."""

    pages: npt.NDArray[np.int64]
    spacing: Spacing = Spacing()
    interval: float | None = None
    channels: tuple[str, ...] = ()
    bits: int | None = None
    scene: str = ""
    notes: tuple[str, ...] = ()
    index_is_value: bool = False
    samples_are_channels: bool = False
    stride: int = 0


def _recognise(head: bytes, path: Path) -> bool:  # noqa: ARG001
    return head.startswith(_MAGIC)


def _open(path: Path) -> list[Image]:
    with path.open("rb") as file:
        header, pages = tags.read_directories(path, file)
    first = pages[0]
    for tag, name in ((tags.LSM_INFO, "a Zeiss LSM"), (tags.STK_PLANES, "a MetaMorph STK")):
        if tag in first.tags:
            raise UnsupportedError(
                f"this is {name} file, which this version does not read",
                where=str(path),
                remedy="export it as OME-TIFF",
            )
    description = first.text(tags.DESCRIPTION)
    imagej = parse_imagej(description)
    if is_ome(description):
        layouts = _ome_layouts(path, description, pages)
    elif imagej is not None:
        layouts = [_imagej_layout(path, header, imagej, pages)]
    elif (shape := _stated_shape(description)) is not None:
        layouts = [_shaped_layout(path, header, shape, pages)]
    else:
        layouts = _plain_layouts(pages)
    by_place = {page.offset: page for page in pages}
    return [_image(path, layout, by_place, first) for layout in layouts]


def _broken(path: Path, what: str) -> UnreadableError:
    return UnreadableError(what, where=str(path), remedy="copy or export the file again")


def _places(pages: Sequence[Directory]) -> npt.NDArray[np.int64]:
    return np.array([page.offset for page in pages], dtype=np.int64)


def _ome_layouts(path: Path, description: str, pages: Sequence[Directory]) -> list[_Layout]:
    places = _places(pages)
    layouts = []
    for scene in parse_ome(description, path, len(pages), pages[0].structure.samples):
        structure = pages[int(scene.planes.flat[0])].structure
        if (structure.width, structure.length) != (scene.width, scene.height):
            raise _broken(
                path,
                f"its OME-XML claims {scene.width} × {scene.height} pixels, "
                f"its pages have {structure.width} × {structure.length}",
            )
        layouts.append(
            _Layout(
                pages=places[scene.planes],
                spacing=scene.spacing,
                interval=scene.interval,
                channels=scene.channels,
                bits=scene.bits,
                scene=scene.name,
                notes=scene.notes,
                index_is_value=True,
            )
        )
    return layouts


def _imagej_layout(
    path: Path, header: TiffHeader, imagej: ImageJDescription, pages: Sequence[Directory]
) -> _Layout:
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
            raise _broken(
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
    return _Layout(
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
        raise _broken(path, f"{planes} planes are described, but there is one page")
    if start + planes * stride > header.length:
        raise _broken(path, f"{planes} planes are described, more than the file holds")
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
) -> _Layout:
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
    return _Layout(
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


def _plain_layouts(pages: Sequence[Directory]) -> list[_Layout]:
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
            _Layout(
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


def _image(path: Path, layout: _Layout, by_place: dict[int, Directory], first: Directory) -> Image:
    """Put one scene together: which samples are kept, and as what axes."""
    page = first if layout.stride else by_place[int(layout.pages.flat[0])]
    structure = page.structure
    if not layout.stride:
        other = {by_place[int(place)].structure for place in layout.pages.flat}
        if len(other) > 1:
            raise _broken(path, "pages of one stack differ in size or kind")
    dtype = check_decodable(path, structure)
    rendering, as_channels, notes = _rendering(path, layout, page)
    if rendering.palette:
        dtype = np.dtype(np.uint8)
    pages, samples = layout.pages, None
    channels = layout.channels
    if as_channels:
        count = len(rendering.samples)
        if pages.shape[1] > 1:
            raise UnsupportedError(
                "channels both in pages and in samples", where=str(path), remedy="divide them"
            )
        pages = np.repeat(pages, count, axis=1)
        samples = np.broadcast_to(
            np.array(rendering.samples, dtype=np.int64)[None, :, None], pages.shape
        )
    if len(channels) != pages.shape[1]:
        channels = ()
    kept = tuple(size > 1 for size in pages.shape)
    axes = "".join(axis for axis, is_kept in zip("TCZ", kept, strict=True) if is_kept) + "YX"
    leading = tuple(size for size in pages.shape if size > 1)
    size = (structure.length, structure.width)
    spacing = layout.spacing
    if rendering.orientation in {5, 6, 7, 8}:
        size, spacing = size[::-1], Spacing(z=spacing.z, y=spacing.x, x=spacing.y)
    shape = leading + size
    if samples is None and (len(rendering.samples) > 1 or rendering.palette):
        axes, shape = axes + "S", (*shape, 3)
    bits = layout.bits or (structure.bits if structure.bits < dtype.itemsize * 8 else None)
    return Image(
        TiffPlanes(
            path=path,
            pages=pages.reshape(leading),
            shape=shape,
            dtype=dtype,
            structure=structure,
            rendering=rendering,
            samples=None if samples is None else samples.reshape(leading),
            stride=layout.stride,
            first=first.offset,
        ),
        axes,
        spacing=spacing,
        interval=layout.interval,
        channels=channels,
        bits=bits if dtype.kind in "ui" else None,
        source=Source(path=str(path), scene=layout.scene),
        notes=(*layout.notes, *notes),
    )


def _rendering(
    path: Path, layout: _Layout, page: Directory
) -> tuple[Rendering, bool, tuple[str, ...]]:
    """What to make of the samples, whether they are channels, and what to say of it."""
    structure = page.structure
    kind, count = structure.photometric, structure.samples
    orientation = structure.orientation if 1 <= structure.orientation <= 8 else 1
    notes = [] if orientation == 1 else ["turned as its tag Orientation asks"]
    unsigned = structure.sample_format in {1, 4}
    opaque = len(structure.extra) == 1 and structure.extra[0] in _OPACITY
    if layout.samples_are_channels:
        return Rendering(tuple(range(count)), orientation=orientation), True, tuple(notes)
    if count == 1 and kind == _PALETTE and not layout.index_is_value:
        palette, note = _palette(page)
        notes += [note] if note else []
        return Rendering(palette=palette, orientation=orientation), False, tuple(notes)
    if count == 1:
        invert = None
        # A single bit is a mask, and programs agree on its ones, not on their colour.
        if kind == _WHITE_IS_ZERO and unsigned and structure.bits > 1 and not layout.index_is_value:
            invert = 2**structure.bits - 1
            notes.append("stored with white as zero: turned round, so that more is brighter")
        return Rendering(invert=invert, orientation=orientation), False, tuple(notes)
    if kind == _RGB or (kind == _YCBCR and structure.compression == _JPEG):
        if count == 4:
            notes.append("its fourth sample, opacity, was left out")
        if count in {3, 4}:
            return Rendering((0, 1, 2), orientation=orientation), False, tuple(notes)
    if kind == _INKS and count == 4 and unsigned:
        notes.append("its four inks were mixed to red, green and blue")
        return (
            Rendering((0, 1, 2, 3), inks=True, orientation=orientation), False, tuple(notes)
        )  # fmt: skip
    if kind in {_BLACK_IS_ZERO, _RGB}:
        if opaque and count == 2:
            notes.append("its second sample, opacity, was left out")
            return Rendering(orientation=orientation), False, tuple(notes)
        notes.append(f"the {count} samples of its pixels are taken for channels")
        return Rendering(tuple(range(count)), orientation=orientation), True, tuple(notes)
    raise UnsupportedError(
        f"a TIFF with {count} samples of colour kind {kind} is not read",
        where=str(path),
        remedy="export it as RGB or with channels in pages of their own",
    )


def _palette(page: Directory) -> tuple[tuple[tuple[int, ...], ...], str]:
    """Colours to use, or none where the palette only tints what was measured."""
    value = page.tags.get(tags.COLOUR_MAP, ())
    stored = np.array(value if isinstance(value, tuple) else (), dtype=np.int64)
    count = 2**page.structure.bits if page.structure.bits <= 16 else 0
    if count == 0 or stored.size != 3 * count:
        return (), "its palette is damaged: the index is taken as the value"
    colours = stored.reshape(3, count).T
    if colours.max() > 255:  # 16 bits by the standard, 8 as some programs wrote
        colours = colours >> 8
    if is_ramp(colours[_used(colours)]):
        grey = bool((colours == colours[:, :1]).all())
        return (), "" if grey else "its palette only tints: the index is taken as the value"
    return tuple(map(tuple, colours.tolist())), "the colours of its palette are used"


def _used(colours: npt.NDArray[np.int64]) -> slice:
    """The entries up to the last that is not black, which pads a short palette."""
    filled = np.flatnonzero(colours.any(axis=1))
    return slice(0, int(filled[-1]) + 1 if filled.size else 1)


READER = Reader("TIFF", (".tif", ".tiff", ".btf", ".tf8", ".lsm", ".stk"), _recognise, _open)
"""TIFF files of all kinds."""
