"""Spots (foci) in each cell: how many, how bright above what is around them, how much of it.

A spot is a peak of the Laplacian of Gaussian, as wide as the diffraction-limited spots of a
microscope are. Every cell is filtered alone, cut out of the picture, its median taken away and
nothing outside: so neither its own edge nor a bright neighbour looks like a spot, and a cell has
the same spots in any window. Cells of about the same size are filtered together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.columns import Column
from cellwright.core.image import Array
from cellwright.measure.feature import Feature
from cellwright.measure.regions import Floats, Integers, Regions

__all__ = ["FEATURE", "measure_spots"]

_HERE = "cellwright.measure.spots.measure_spots"

SIGMA_PX = 1.5
"""Width of the filter, in pixels. A spot answers most if its own σ is as large: 3.5 px wide at
half height; from 2 to 6 px it keeps three quarters of its height over the noise."""

NOISE_FACTOR = 5.5
"""A spot answers with more than this many times the noise of the answer in its cell. Of
simulated nuclei without spots fewer than 1 in 1,000 then have one (up to 4 in 100 where the
chromatin is as uneven as the noise of a pixel), and of spots of five times the noise of a pixel
fewer than 1 in 100 is missed in nuclei of 40 to 80 px."""

SUSPECT_FACTOR = 4.0
"""Where the answer is above this many times the noise, there may be a spot …"""

SUSPECT_REACH_PX = 2
"""… and pixels so near, in rows and columns, tell nothing about the noise, …"""

SUSPECT_ROUNDS = 3
"""… which is then less, and shows more of them: after three rounds it stays the same, …"""

LEAST_QUIET = 0.1
"""… unless less than this share of the cell is left to tell: where spots fill a cell, they are
its noise, and are missed."""

MAD_TO_SIGMA = 1.4826
"""Standard deviation of normal noise over its median absolute deviation (Hampel 1974)."""

DARK_LIMIT = 0.5
"""Pixels darker than the median by more than this many σ count as this dark. A dim rim or a
nucleolus would otherwise lift all that lies beside it; and the noise of bright pixels is kept,
by which spots are judged, while that of dark ones is not."""

LEAST_SHARE = 0.02
"""A spot answers with at least this share of the cell's range of intensities, which matters
only in pictures without noise."""

ROUNDNESS = 5.0
"""Largest ratio of the two curvatures of a peak: above it is a ridge, such as a fold or an
edge. Lowe (2004), Int. J. Computer Vision 60:91, section 4.1, has 10."""

APART_PX = 2
"""A spot is the highest within so many rows and columns: closer ones are one."""

FEWEST_PX = 100
"""Cells with fewer pixels have no number of spots: they hold fewer than four independent values
of the answer, and so tell little of its noise."""

CORE_PX = 1.5
"""The height of a spot is that of its nine middle pixels, a radius that takes in corners …"""

RING_PX = (4.0, 6.0)
"""… over the median of the cell's pixels at this distance, out of the spot's own reach."""

REACH_PX = 3.0
"""A spot's own pixels lie so near to its middle: those of one 6 px wide at half height."""

PIXELS_AT_ONCE = 2**21
"""Pixels that are cut out together: 16 MiB in each of some ten arrays."""

CLASSES_PER_OCTAVE = 4
"""Cells are cut out together whose heights and widths differ by less than a factor of 2^(1/4)."""

_PAD = APART_PX + 1  # so that every neighbour of a cell's pixel has curvatures


@dataclass(frozen=True, eq=False)
class _Cut:
    """Cells of about one size, cut out: `members` (M,), the other arrays (M, height, width).

    Attributes
    ----------
    place
        Flat position in the plane of each pixel; 0 outside the plane.
    own
        Whether it belongs to the cell and is finite.
    values
        Intensities; NaN where not `own`.
    """

    members: Integers
    place: Integers
    own: npt.NDArray[np.bool_]
    values: Floats


def measure_spots(regions: Regions) -> Mapping[str, Array]:
    """Count and measure the spots of all regions, in all channels.

    Pixels that are not finite are left out. Cells of fewer than 100 pixels have NaN.

    References
    ----------
    Lindeberg (1998), Feature detection with automatic scale selection, International Journal
    of Computer Vision 30:79, for peaks of the Laplacian of Gaussian.

    Examples
    --------
    >>> y, x = np.mgrid[:30, :30]
    >>> plane = 100 + 50 * np.exp(-((y - 9) ** 2 + (x - 9) ** 2) / 4.5)
    >>> plane += 50 * np.exp(-((y - 20) ** 2 + (x - 15) ** 2) / 4.5)
    >>> cells = (np.hypot(y - 15, x - 15) < 13).astype(np.uint32)
    >>> measure_spots(Regions(cells, {"GFP": plane}))["spot_count_GFP"].tolist()
    [2.0]
    """
    columns: dict[str, Array] = {}
    for channel, plane in regions.planes.items():
        enough = np.zeros(regions.count, bool)
        count, total, covered = np.zeros((3, regions.count))
        for cut in _cuts(regions, plane):
            known = np.count_nonzero(cut.own, axis=(1, 2)) >= FEWEST_PX
            enough[cut.members[known]] = True
            cell, place = _peaks(cut, known)
            spots = _measured(regions, plane, cut.members[cell], place)
            count += np.bincount(spots.owner, minlength=regions.count)
            total += np.bincount(spots.owner, weights=spots.height, minlength=regions.count)
            covered += np.bincount(spots.covered, minlength=regions.count)
        mean = np.full(regions.count, np.nan)
        np.divide(total, count, out=mean, where=count > 0)
        columns |= {
            f"spot_count_{channel}": np.where(enough, count, np.nan),
            f"spot_intensity_mean_{channel}": mean,
            f"spot_area_share_{channel}": np.where(enough, covered / regions.area, np.nan),
        }
    return columns


def _cuts(regions: Regions, plane: Array) -> Iterator[_Cut]:
    """Cut all cells out, those of about the same height and width together."""
    if not regions.count:
        return
    boxes = regions.boxes
    classes = [
        np.ceil(CLASSES_PER_OCTAVE * np.log2(side)).astype(np.int64)
        for side in (boxes.width, boxes.height)
    ]
    order = np.lexsort(classes)
    new = np.zeros(len(order), bool)
    for of_side in classes:
        new[1:] |= np.diff(of_side[order]) != 0
    for group in np.split(order, np.flatnonzero(new)):
        height = int(boxes.height[group].max()) + 2 * _PAD
        width = int(boxes.width[group].max()) + 2 * _PAD
        at_once = max(1, PIXELS_AT_ONCE // (height * width))
        for begin in range(0, len(group), at_once):
            yield _cut(regions, plane, group[begin : begin + at_once], height, width)


def _cut(regions: Regions, plane: Array, members: Integers, height: int, width: int) -> _Cut:
    boxes = regions.boxes
    row = (boxes.top[members, None] - _PAD + np.arange(height))[:, :, None]
    column = (boxes.left[members, None] - _PAD + np.arange(width))[:, None, :]
    own, place = _own(regions, row, column, regions.labels[members, None, None])
    values = np.where(own, plane.ravel()[place].astype(np.float64), np.nan)
    own &= np.isfinite(values)
    values[~own] = np.nan
    return _Cut(members, place, own, values)


def _own(
    regions: Regions, row: Integers, column: Integers, label: Integers
) -> tuple[npt.NDArray[np.bool_], Integers]:
    """Say which pixels lie in the plane and have this label; and where they lie, or 0."""
    inside = (row >= 0) & (row < regions.shape[0]) & (column >= 0) & (column < regions.shape[1])
    place = np.where(inside, row * regions.shape[1] + column, 0)
    return inside & (regions.image.ravel()[place] == label), place


def _peaks(cut: _Cut, known: npt.NDArray[np.bool_]) -> tuple[Integers, Integers]:
    """Find the spots of the cells that are `known`: index in the cut, and place in the plane."""
    from scipy.ndimage import gaussian_filter1d

    middle, spread = _centre_and_noise(cut.values)
    above = cut.values - middle[:, None, None]
    highest, lowest = (end(np.where(cut.own, above, 0.0), axis=(1, 2)) for end in (np.max, np.min))
    above = np.maximum(above, -DARK_LIMIT * spread[:, None, None])
    above[~cut.own] = 0.0
    n = np.maximum(np.count_nonzero(cut.own, axis=(1, 2)), 1)
    above -= (above.sum(axis=(1, 2)) / n)[:, None, None]
    above[~cut.own] = 0.0
    smooth = above
    for axis in (1, 2):
        smooth = gaussian_filter1d(smooth, SIGMA_PX, axis=axis, mode="constant")
    answer = np.zeros_like(smooth)
    answer[:, 1:-1, 1:-1] = SIGMA_PX**2 * (
        4.0 * smooth[:, 1:-1, 1:-1]
        - smooth[:, :-2, 1:-1]
        - smooth[:, 2:, 1:-1]
        - smooth[:, 1:-1, :-2]
        - smooth[:, 1:-1, 2:]
    )
    centre, noise = _quiet(answer, cut.own)
    least = np.fmax(centre + NOISE_FACTOR * noise, LEAST_SHARE * (highest - lowest))
    least = np.where(known, least, np.inf)
    at = np.flatnonzero(cut.own & (answer > least[:, None, None]))
    at = at[_highest(answer, at)]
    at = at[_round(smooth, at)]
    return at // (answer.shape[1] * answer.shape[2]), cut.place.ravel()[at]


def _quiet(answer: Floats, own: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Centre and noise of the answer in each cell, each (M,), where there is no spot."""
    from scipy.ndimage import maximum_filter

    centre, noise = _centre_and_noise(np.where(own, answer, np.nan))
    side = 2 * SUSPECT_REACH_PX + 1
    n = np.count_nonzero(own, axis=(1, 2))
    for _ in range(SUSPECT_ROUNDS):
        suspect = own & (answer > (centre + SUSPECT_FACTOR * noise)[:, None, None])
        some = np.flatnonzero(suspect.any(axis=(1, 2)))
        near = maximum_filter(suspect[some].view(np.uint8), size=(1, side, side))
        quiet = own[some] & (near == 0)
        enough = np.count_nonzero(quiet, axis=(1, 2)) >= LEAST_QUIET * n[some]
        some, quiet = some[enough], quiet[enough]
        if not len(some):
            break
        centre[some], noise[some] = _centre_and_noise(np.where(quiet, answer[some], np.nan))
    return centre, noise


def _centre_and_noise(values: Floats) -> tuple[Floats, Floats]:
    """Median of each cell, and its noise, from the median absolute deviation, each (M,)."""
    rows = values.reshape(len(values), -1)
    middle = _median(rows)
    return middle, MAD_TO_SIGMA * _median(np.abs(rows - middle[:, None]))


def _median(rows: Floats) -> Floats:
    """Median of each row, without its NaN; NaN if there is nothing else."""
    ordered = np.sort(rows, axis=1)
    n, every = np.count_nonzero(~np.isnan(rows), axis=1), np.arange(len(rows))
    # The last of a row without numbers is NaN, as it should be.
    return np.asarray((ordered[every, (n - 1) // 2] + ordered[every, n // 2]) / 2.0)


def _highest(answer: Floats, at: Integers) -> npt.NDArray[np.bool_]:
    """Say which of the pixels `at` are the highest around; of two that are equal, the first."""
    flat, width = answer.ravel(), answer.shape[2]
    own = flat[at]
    highest = np.ones(len(at), bool)
    for down in range(-APART_PX, APART_PX + 1):
        for over in range(-APART_PX, APART_PX + 1):
            step = down * width + over
            if step < 0:
                highest &= own > flat[at + step]
            elif step > 0:
                highest &= own >= flat[at + step]
    return highest


def _round(smooth: Floats, at: Integers) -> npt.NDArray[np.bool_]:
    """Say which of the peaks `at` are curved alike in all directions."""
    flat, width = smooth.ravel(), smooth.shape[2]
    yy = flat[at - width] - 2.0 * flat[at] + flat[at + width]
    xx = flat[at - 1] - 2.0 * flat[at] + flat[at + 1]
    yx = (
        flat[at - width - 1] - flat[at - width + 1] - flat[at + width - 1] + flat[at + width + 1]
    ) / 4.0
    determinant = yy * xx - yx**2
    alike = (yy + xx) ** 2 * ROUNDNESS < (ROUNDNESS + 1.0) ** 2 * determinant
    return np.asarray((determinant > 0) & alike)


@dataclass(frozen=True, eq=False)
class _Spots:
    """Spots: `owner` and `height` of each, (S,); and the cell of each pixel that they cover."""

    owner: Integers
    height: Floats
    covered: Integers


def _measured(regions: Regions, plane: Array, owner: Integers, place: Integers) -> _Spots:
    """Measure how high the spots are above what is around, and which pixels above half of it."""
    reach = int(RING_PX[1])
    steps = np.arange(-reach, reach + 1)
    down, over = (each.ravel() for each in np.meshgrid(steps, steps, indexing="ij"))
    distance = np.hypot(down, over)
    row, column = np.divmod(place, max(regions.shape[1], 1))
    own, around = _own(
        regions, row[:, None] + down, column[:, None] + over, regions.labels[owner, None]
    )
    values = np.where(own, plane.ravel()[around].astype(np.float64), np.nan)
    values[~np.isfinite(values)] = np.nan
    ring = _median(values[:, (distance >= RING_PX[0]) & (distance <= RING_PX[1])])
    core = values[:, distance <= CORE_PX]
    seen = ~np.isnan(core)
    height = np.where(seen, core, 0.0).sum(axis=1) / seen.sum(axis=1) - ring
    higher = height > 0
    near = (distance <= REACH_PX) & (values >= (ring + height / 2.0)[:, None]) & higher[:, None]
    # Spots side by side share pixels, which count once.
    _, first = np.unique(around[near], return_index=True)
    covered = np.repeat(owner, np.count_nonzero(near, axis=1))[first]
    return _Spots(owner[higher], height[higher], covered)


def _column(name: str, unit: str, meaning: str, high: float | None = None) -> Column:
    return Column(
        f"spot_{name}_{{channel}}",
        unit,
        meaning,
        bounds=(0.0, high),
        function=_HERE,
        source="Lindeberg (1998), Int. J. Computer Vision 30:79, at one scale",
    )


_COLUMNS = (
    _column(
        "count",
        "1",
        "Number of spots (foci) in {channel}: round peaks, some 2 to 6 px wide, with 5.5 times the "
        "cell's own noise; empty for cells of fewer than 100 px",
    ),
    _column(
        "intensity_mean",
        "counts",
        "Mean height of the cell's spots in {channel} above what is around each; empty without",
    ),
    _column(
        "area_share",
        "1",
        "Share of the cell that lies above half the height of its spots in {channel}",
        1.0,
    ),
)

FEATURE = Feature("spots", 1, _COLUMNS, measure_spots, order=80, on_request=True)
