"""One scene of a TIFF put together: which samples of its pages are kept, and as what axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Image, Source, Spacing
from cellwright.io import tiff_directory as tags
from cellwright.io.colour import is_ramp
from cellwright.io.tiff_directory import Directory
from cellwright.io.tiff_planes import Rendering, Strips, TiffPlanes, check_decodable

__all__ = ["Layout", "broken", "scene_image"]

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK, _INKS, _YCBCR = range(7)
_OPACITY = {1, 2}  # ExtraSamples: associated and unassociated alpha
_JPEG = 7


@dataclass(frozen=True)
class Layout:
    """What the pages of one scene are: places of pages as (T, C, Z), and what is known.

    Where they lie in several files, `files` says for each page in which of `paths`; the place
    of a page in a file that is not there is -1.
    """

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
    files: npt.NDArray[np.int64] | None = None
    paths: tuple[Path, ...] = ()
    members: tuple[str, ...] = ()
    strips: Strips = field(default_factory=dict)


def broken(path: Path, what: str) -> UnreadableError:
    """Say that a TIFF is damaged."""
    return UnreadableError(what, where=str(path), remedy="copy or export the file again")


def scene_image(
    path: Path,
    layout: Layout,
    by_place: Mapping[tuple[int, int], Directory],
    first: Directory | None,
) -> Image:
    """Put one scene together: which samples are kept, and as what axes.

    Parameters
    ----------
    path
        The file that was opened.
    layout
        What its pages are.
    by_place
        The pages, by the number of their file in ``layout.paths`` (0 for a single file) and
        their place in it.
    first
        The page that all pages follow, where the layout has a stride.

    Raises
    ------
    UnreadableError
        If pages of the scene differ, or none is there.
    UnsupportedError
        If its samples are of a kind that is not read.
    """
    if layout.stride and first is not None:
        page = first
    else:
        files = np.zeros_like(layout.pages) if layout.files is None else layout.files
        there = [
            by_place[file, place]
            for file, place in zip(
                files.ravel().tolist(), layout.pages.ravel().tolist(), strict=True
            )
            if place >= 0
        ]
        if not there:
            raise broken(path, "none of the files that its planes lie in is there")
        page = there[0]
        if len({other.structure for other in there}) > 1:
            raise broken(path, "pages of one stack differ in size or kind")
    structure = page.structure
    dtype = check_decodable(path, structure)
    rendering, as_channels, notes = _rendering(path, layout, page)
    if rendering.palette:
        dtype = np.dtype(np.uint8)
    pages, samples, files_of = layout.pages, None, layout.files
    channels = layout.channels
    if as_channels:
        count = len(rendering.samples)
        if pages.shape[1] > 1:
            raise UnsupportedError(
                "channels both in pages and in samples", where=str(path), remedy="divide them"
            )
        pages = np.repeat(pages, count, axis=1)
        files_of = None if files_of is None else np.repeat(files_of, count, axis=1)
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
            first=page.offset,
            files=None if files_of is None else files_of.reshape(leading),
            paths=layout.paths,
            strips=layout.strips,
        ),
        axes,
        spacing=spacing,
        interval=layout.interval,
        channels=channels,
        bits=bits if dtype.kind in "ui" else None,
        source=Source(path=str(path), scene=layout.scene, files=layout.members),
        notes=(*layout.notes, *notes),
    )


def _rendering(
    path: Path, layout: Layout, page: Directory
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
