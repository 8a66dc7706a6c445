"""The method ``threshold`` on a plane on disk: the same stages, block by block.

Every number that a stage takes from the whole plane is counted exactly over all blocks; every
filter sees as far beyond its block as it reaches; and objects are decoded where they can be seen
whole (`large`). So the labels are those of the plane at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.core.method import LabelSink, PlaneSource, Progress
from cellwright.segment.background import (
    between_points,
    grid_points,
    ground_of,
    opening_side,
    point_step,
    slow_changes,
    slow_step,
)
from cellwright.segment.blocks import Grid, Scratch, Window, labels_on_frame, pieces
from cellwright.segment.components import FOUR, Components, components_of
from cellwright.segment.foreground import (
    Polarity,
    frame_of,
    half_height,
    is_skewed,
    is_well_parted,
    noise_left,
    noise_response,
    polarity_by,
    roots_above,
    surroundings,
)
from cellwright.segment.histogram import (
    FROM_COUNTS,
    Histogram,
    cut_of,
    histogram_of,
    otsu_of,
    threshold_of,
)
from cellwright.segment.holes import fill_within_objects
from cellwright.segment.large import LARGEST, Take, decode_in_blocks
from cellwright.segment.large_grey import GreyReader, grey_reader
from cellwright.segment.large_haze import any_piece_fades, fades_in_blocks
from cellwright.segment.large_numbering import Collected
from cellwright.segment.large_size import typical_diameter_in_blocks
from cellwright.segment.object_size import distance_inside
from cellwright.segment.splitting import SMOOTHING_SHARE, light_above
from cellwright.segment.streamed import median
from cellwright.segment.threshold_plane import parted, smoothed

if TYPE_CHECKING:
    from cellwright.segment.threshold import ThresholdOptions

__all__ = ["SIDE", "BlockedPlane", "segment_blocks"]

SIDE = 2048
"""Of a core in pixels: decoding one takes a third of a gigabyte."""

WIDEST = 6144
"""Side of a window of surroundings, at the most: 38 million pixels, half a gigabyte."""

MARGIN_DIAMETERS, MARGIN_RANGE = 3, (48, 256)
"""Margin of windows in which objects are decoded, in typical diameters and within pixels."""


def segment_blocks(
    source: PlaneSource,
    options: ThresholdOptions,
    sink: LabelSink,
    scratch: Path,
    progress: Progress | None = None,
    *,
    side: int = SIDE,
    largest: int = LARGEST,
) -> Mapping[str, float | str]:
    """Find the objects of a large plane; see `cellwright.core.method.LargeMethod`.

    Parameters
    ----------
    source, options, sink, scratch, progress
        As there.
    side
        Of a core in pixels.
    largest
        Pixels of the window of one clump of objects, at the most; see `large`.
    """
    from cellwright.segment.threshold import find_objects

    if options.algorithm == "li" and options.level is None:
        raise UsageError(
            "the algorithm 'li' needs all pixels at once, and this picture is too large for it",
            remedy="choose another algorithm, as otsu",
        )
    shape = (int(source.shape[0]), int(source.shape[1]))
    grid = Grid(shape, side)
    told = _Told(progress, len(grid))
    grey = grey_reader(source, grid, told("survey"))
    decisions: dict[str, float | str] = {"grey": grey.scale.sample}
    numbers: Collected | None = None
    if grey.scale.is_constant:
        decisions["no_objects"] = "constant picture"
    else:
        stages = BlockedPlane(
            grey, grid, Scratch(scratch), told, smoothing=options.smoothing, largest=largest
        )
        if find_objects(stages, grey.scale, options, decisions):
            numbers = stages.collected
        if stages.warnings:
            decisions["warning"] = "; ".join(stages.warnings)
    write = told("labels")
    for index, core in enumerate(grid):
        block = np.zeros(core.shape, np.uint32) if numbers is None else numbers.block(core)
        sink.write(core.top, core.left, block)
        write(index)
    return decisions


class _Told:
    """Makes the calls that tell of progress: of each stage one for every core."""

    def __init__(self, progress: Progress | None, count: int) -> None:
        self._progress = progress
        self._count = count

    def __call__(self, stage: str) -> Callable[[int], None]:
        if self._progress is None:
            return lambda _: None
        progress, count = self._progress, self._count
        return lambda index: progress(stage, index + 1, count)


class BlockedPlane:
    """The stages, as `threshold.Stages` names them, on planes on disk.

    Parameters
    ----------
    grey
        The plane.
    grid
        Of the plane.
    scratch
        Where planes are kept.
    told
        Gives for a stage what is called after each core.
    smoothing
        Deviation of the Gaussian before the threshold, in pixels.
    largest
        See `large.decode_in_blocks`.

    Attributes
    ----------
    mask
        (Y, X) bool.
    collected
        The objects, from `without_haze` or `without_small` on.
    warnings
        Why objects may differ from those of the plane at once, in words.
    """

    def __init__(
        self,
        grey: GreyReader,
        grid: Grid,
        scratch: Scratch,
        told: Callable[[str], Callable[[int], None]],
        *,
        smoothing: float,
        largest: int = LARGEST,
    ) -> None:
        self.warnings: list[str] = []
        self.collected: Collected | None = None
        self._grid, self._shape, self._largest = grid, grid.shape, largest
        self._smoothing, self._reach = smoothing, int(4.0 * smoothing + 0.5)
        self._scratch, self._told = scratch, told
        self._heights = scratch.plane(self._shape, np.float32)
        self._smooth = scratch.plane(self._shape, np.float32) if smoothing else self._heights
        self._histogram: Histogram | None = None
        for core in self._cores("grey"):
            window = core.grown(self._shape, self._reach)
            plane = grey.read(window)
            self._heights[core.slices] = plane[core.within(window)]
            if smoothing:
                self._smooth[core.slices] = smoothed(plane, smoothing)[core.within(window)]
        self.mask = scratch.plane(self._shape, bool)
        self._mask_changed()

    def _cores(self, stage: str) -> Iterator[Window]:
        each = self._told(stage)
        for index, core in enumerate(self._grid):
            yield core
            each(index)

    def _chunks(self) -> Iterator[Array]:
        return (self._smooth[piece.slices] for piece in pieces(self._shape))

    def _counts(self) -> Histogram:
        if self._histogram is None:
            self._histogram = histogram_of(self._chunks)
        return self._histogram

    def _take_mask(self, mask: Array) -> None:
        self._scratch.drop(self.mask)
        self.mask = mask
        self._mask_changed()

    def _mask_changed(self) -> None:
        self._typical: float | None = None
        self._ground: Components | None = None

    def _set_mask(self, part: Callable[[Window], Array]) -> None:
        for piece in pieces(self._shape):
            self.mask[piece.slices] = part(piece)
        self._mask_changed()

    def has_two_classes(self) -> bool:
        """See `foreground.has_two_classes`."""
        if is_well_parted(self._counts()):
            return True
        mean = np.asarray(self._smooth).mean(dtype=np.float64)
        powers = self._scratch.plane(self._shape, np.float64)

        def moment(power: int) -> float:
            for piece in pieces(self._shape):
                from_mean = self._smooth[piece.slices].astype(np.float64) - mean
                powers[piece.slices] = from_mean**power
            # One sum over the whole plane, in the order that it has in memory.
            return float(np.mean(np.asarray(powers)))

        skewed = is_skewed(moment(2), moment(3))
        self._scratch.drop(powers)
        return skewed

    def polarity(self) -> Polarity:
        """See `foreground.polarity_of`."""
        cut = otsu_of(self._counts())[0]
        upper = sum(int(np.count_nonzero(chunk > cut)) for chunk in self._chunks())
        frame = frame_of(self._smooth) > cut
        return polarity_by(upper / self._smooth.size, float(frame.mean()))

    def invert(self) -> None:
        """Make dark objects high."""
        for plane in [self._heights] + [self._smooth] * (self._smooth is not self._heights):
            for piece in pieces(self._shape):
                plane[piece.slices] = 1 - plane[piece.slices]
        self._histogram = None

    def subtract_ground(self, diameter: float | None) -> bool:
        """See `background.without_background`."""
        if diameter is None:
            diameter = self._first_diameter()
        step = point_step(diameter)
        points = self._smooth[grid_points(step)]
        size = opening_side(diameter, step)
        if size >= min(points.shape):
            return False
        coarse = self._scratch.plane(points.shape, np.float32)
        coarse[...] = points
        ground = self._scratch.plane(points.shape, np.float32)
        for core in Grid((points.shape[0], points.shape[1]), self._grid.side):
            window = core.grown(points.shape, 2 * size)
            ground[core.slices] = ground_of(coarse[window.slices], size)[core.within(window)]
        for core in self._cores("ground"):
            self._heights[core.slices] -= _between(ground, step, core)
        if self._smoothing:
            for core in self._cores("smoothing"):
                window = core.grown(self._shape, self._reach)
                smooth = smoothed(self._heights[window.slices], self._smoothing)
                self._smooth[core.slices] = smooth[core.within(window)]
        self._histogram = None
        self._scratch.drop(coarse)
        self._scratch.drop(ground)
        return True

    def _first_diameter(self) -> float:
        """See `background`."""
        cut = otsu_of(self._counts())[0]
        self._set_mask(lambda piece: self._smooth[piece.slices] > cut)
        low = median(lambda: (chunk[~(chunk > cut)] for chunk in self._chunks()))
        if any_piece_fades(self._smooth, self.mask, self._grid, low, self._scratch):
            step = slow_step(self._shape)
            slow = slow_changes(np.array(self._smooth[grid_points(step)]))

            def quick(piece: Window) -> Array:
                difference: Array = self._smooth[piece.slices] - _between(slow, step, piece)
                return difference

            above = otsu_of(histogram_of(lambda: map(quick, pieces(self._shape))))[0]
            self._set_mask(lambda piece: quick(piece) > above)
        return self.typical_diameter() if self.any() else float(max(self._shape))

    def background_and_noise(self) -> tuple[float, float]:
        """See `foreground.background_and_noise`."""
        cut = otsu_of(self._counts())[0]
        base = median(lambda: (chunk[chunk <= cut] for chunk in self._chunks()))

        def responses() -> Iterator[Array]:
            for core in self._cores("noise"):
                window = core.grown(self._shape, 1)
                yield noise_response(self._heights[window.slices])[core.within(window)]

        return base, noise_left(median(responses), self._smoothing)

    def root_threshold(self, base: float, algorithm: str) -> float:
        """Threshold of `foreground.roots_above`."""

        def roots() -> Iterator[Array]:
            return (roots_above(chunk, base) for chunk in self._chunks())

        if algorithm in FROM_COUNTS:
            return cut_of(histogram_of(roots), algorithm)
        plane = self._scratch.plane(self._shape, np.float32)
        for piece in pieces(self._shape):
            plane[piece.slices] = roots_above(self._smooth[piece.slices], base)
        threshold = threshold_of(np.asarray(plane), algorithm)
        self._scratch.drop(plane)
        return threshold

    def cut(self, threshold: float) -> None:
        """Take what is higher as the mask."""
        level = np.float32(threshold)
        self._set_mask(lambda piece: self._smooth[piece.slices] > level)

    def cut_locally(self, noise: float, window: float) -> float:
        """Take what is higher than its surroundings; the median of these is returned.

        Raises
        ------
        UsageError
            If the surroundings are too wide for one block.
        """
        reach = int(4.0 * window + 0.5)
        if min(self._grid.side + 2 * reach, max(self._shape)) > WIDEST:
            raise UsageError(
                f"surroundings of {window:.0f} px are too wide for this picture",
                remedy="give a smaller --diameter, or another algorithm",
            )
        around = self._scratch.plane(self._shape, np.float32)
        for core in self._cores("surroundings"):
            wide = core.grown(self._shape, reach)
            surface = surroundings(self._smooth[wide.slices], noise, window)
            around[core.slices] = surface[core.within(wide)]
        self._set_mask(lambda piece: self._smooth[piece.slices] > around[piece.slices])
        middle = median(lambda: (around[piece.slices] for piece in pieces(self._shape)))
        self._scratch.drop(around)
        return middle

    def any(self) -> bool:
        """Whether there is anything in the mask."""
        return any(self.mask[piece.slices].any() for piece in pieces(self._shape))

    def typical_diameter(self) -> float:
        """See `object_size.typical_diameter`."""
        if self._typical is None:
            if all(self.mask[piece.slices].all() for piece in pieces(self._shape)):
                return 2.0 * max(self._shape)
            each = self._told("sizes")
            self._typical, exact = typical_diameter_in_blocks(self.mask, self._grid, each)
            if not exact:
                self._warn("the size of objects was found without the widest ones")
        return self._typical

    def hole_areas(self) -> Array:
        """See `holes.Holed`."""
        found = components_of(lambda window: ~self.mask[window.slices], self._grid, FOUR)
        self._ground = found
        inner = found.inner_areas[~found.inner_on_frame]
        return np.concatenate([inner, found.areas[~found.on_frame]])

    def fill_holes(self, most: float) -> None:
        """See `holes.Holed`."""
        found = self._ground
        if found is None:
            self.hole_areas()
            return self.fill_holes(most)
        crossing = np.where(found.on_frame, 0, found.areas)
        for index, core in enumerate(self._cores("holes")):
            ground, count = ndimage.label(~self.mask[core.slices], FOUR)
            size = np.bincount(ground.ravel(), minlength=count + 1)
            size[labels_on_frame(ground, core, self._shape)] = 0
            numbers = found.in_core(index, count)
            size[numbers >= 0] = crossing[numbers[numbers >= 0]]
            size[0] = 0
            small = (size > 0) & (size <= most)
            if small.any():
                self.mask[core.slices] |= small[ground]
        self._mask_changed()
        return None

    def part(self, base: float, diameter: float, neck: float | None, *, fill: bool) -> None:
        """Keep in mind how objects are to be numbered."""
        low, high = MARGIN_RANGE
        self._margin = int(np.clip(MARGIN_DIAMETERS * diameter, low, high))
        reach = int(4.0 * (diameter * SMOOTHING_SHARE) + 0.5)

        def decode(window: Window, mask: Array, others: Array) -> Array:
            landscape = None
            if neck is not None:
                wide = window.grown(self._shape, reach)
                light = light_above(self._heights[wide.slices], base, diameter)
                landscape = distance_inside(mask) * light[window.within(wide)]
            labels = parted(mask, landscape, neck or 0)
            return fill_within_objects(labels, others) if fill else labels

        self._decode = decode

    def half_height(self, base: float) -> bool:
        """Take `foreground.half_height` as the mask; False, and nothing done, if it is empty."""
        mask = self._scratch.plane(self._shape, bool)

        def take(window: Window, labels: Array, within: Array | None) -> None:
            kept = half_height(self._smooth[window.slices], labels, base)
            mask[window.slices] |= kept if within is None else kept & within

        self._go(take, "half height")
        if not any(mask[piece.slices].any() for piece in pieces(self._shape)):
            self._scratch.drop(mask)
            return False
        self._take_mask(mask)
        return True

    def without_haze(self, base: float) -> int:
        """See `haze.without_haze`."""
        objects = self._collect()
        removed = 0
        for number in objects.large():
            area = int(objects.areas[number])
            member = objects.member(number)
            if fades_in_blocks(self._smooth, member, area, base, self._scratch):
                objects.kept[number] = False
                removed += 1
        return removed

    def without_small(self, least: float | None, floor: float) -> tuple[float, int]:
        """See `numbering.without_small`."""
        return self._collect().without_small(least, floor)

    def _collect(self) -> Collected:
        if self.collected is None:
            self.collected = Collected(self._scratch.plane(self._shape, np.uint32))
            self.collected.join(self._go(self.collected.take, "objects"))
        return self.collected

    def _go(self, take: Take, stage: str) -> list[Array]:
        """Decode everything once; gives the parts of one object."""
        pairs, sheets = decode_in_blocks(
            self.mask,
            self._grid,
            self._decode,
            take,
            margin=self._margin,
            each=self._told(stage),
            largest=self._largest,
        )
        if sheets:
            self._warn(
                "touching objects cover more than could be looked at together"
                f" ({self._largest / 1e6:.2g} megapixels): they were parted block by block, so"
                f" that outlines near a multiple of {self._grid.side} px may differ"
            )
        return pairs

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


def _between(points: Array, step: int, part: Window) -> Array:
    return between_points(points, step, (part.top, part.bottom), (part.left, part.right))
