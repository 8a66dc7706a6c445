"""Who is next to whom: nearest neighbour, cells in contact, local density."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cellwright.core.columns import Column
from cellwright.core.image import Array
from cellwright.measure.feature import Feature, LargePicture, Parts
from cellwright.measure.regions import BOUNDARY_MARGIN, Floats, Integers, Regions

__all__ = ["FEATURE", "measure_neighbours", "neighbour_pairs"]

_HERE = "cellwright.measure.neighbours.measure_neighbours"

NEIGHBOUR_GAP_PX = BOUNDARY_MARGIN
"""Cells are neighbours up to this distance between the middles of two of their pixels: side
by side (1), over a corner (√2), or with one pixel between them (2), as the lines are that
watershed and many annotations draw between touching cells."""

DENSITY_RADIUS_DIAMETERS = 5.0
"""Radius of the surroundings in which cells are counted, in median equivalent diameters of
the picture's cells: some hundred cells in a closed layer, at any magnification."""

PIXELS_PER_MEGAPIXEL = 1e6


def measure_neighbours(regions: Regions) -> Mapping[str, Array]:
    """Measure distance to the nearest, number of neighbours and local density of all regions.

    Examples
    --------
    >>> labels = np.zeros((5, 9), np.uint32)
    >>> labels[1:4, 1:3], labels[1:4, 4:6] = 1, 2
    >>> columns = measure_neighbours(Regions(labels, {}))
    >>> columns["nearest_neighbour_px"].tolist(), columns["neighbour_count"].tolist()
    ([3.0, 3.0], [1, 1])
    """
    first, second = neighbour_pairs(regions)
    contacts = np.bincount(np.concatenate([first, second]), minlength=regions.count)
    y, x = regions.centroids
    return {"neighbour_count": contacts.astype(np.int64)} | _surroundings(
        y, x, regions.area, regions.picture_shape
    )


def _of_window(regions: Regions) -> dict[str, Array]:
    """Count the cells in contact, those among them that the window cuts as well."""
    y, x = regions.centroids
    return {"neighbour_count": _contacts(regions), "y": y, "x": x, "area": regions.area}


def _of_whole(picture: LargePicture, of_cells: Mapping[str, Array]) -> dict[str, Array]:
    """Find the nearest and the density among all centroids."""
    return {"neighbour_count": of_cells["neighbour_count"]} | _surroundings(
        of_cells["y"], of_cells["x"], of_cells["area"], picture.shape
    )


def _contacts(regions: Regions) -> Integers:
    """Number of other labels of the image within reach of each region, (N,)."""
    boundary = regions.boundary
    image = np.pad(regions.image, BOUNDARY_MARGIN).ravel()
    width = boundary.image.shape[1]
    own = image[boundary.position]
    reach = range(-NEIGHBOUR_GAP_PX, NEIGHBOUR_GAP_PX + 1)
    found = [np.zeros((0, 2), np.int64)]
    for dy in reach:
        for dx in reach:
            if not 0 < dy**2 + dx**2 <= NEIGHBOUR_GAP_PX**2:
                continue
            other = image[boundary.position + (dy * width + dx)]
            met = np.flatnonzero((other != 0) & (other != own))
            pairs = np.column_stack([boundary.owner[met], other[met].astype(np.int64)])
            found.append(pairs[np.any(np.diff(pairs, axis=0, prepend=-1) != 0, axis=1)])
    every = np.concatenate(found)
    every = every[np.lexsort((every[:, 1], every[:, 0]))]
    new = np.any(np.diff(every, axis=0, prepend=-1) != 0, axis=1)
    return np.bincount(every[new, 0], minlength=regions.count).astype(np.int64)


def neighbour_pairs(regions: Regions) -> tuple[Integers, Integers]:
    """Give the pairs of regions that touch, or have at most one pixel between them.

    Returns
    -------
    tuple
        Two arrays (M,) with the indices of the first and second of each pair, first below
        second, each pair once, sorted.
    """
    boundary, count = regions.boundary, regions.count
    image = boundary.image.ravel()
    width = boundary.image.shape[1]
    own = image[boundary.position]
    reach = range(-NEIGHBOUR_GAP_PX, NEIGHBOUR_GAP_PX + 1)
    found = [np.zeros(0, np.int64)]
    for dy in range(NEIGHBOUR_GAP_PX + 1):
        for dx in reach:
            # Half of all directions: the other half finds the same pairs from the other side.
            if dy**2 + dx**2 > NEIGHBOUR_GAP_PX**2 or (dy == 0 and dx <= 0):
                continue
            other = image[boundary.position + (dy * width + dx)]
            met = np.flatnonzero((other != 0) & (other != own))
            one, two = own[met].astype(np.int64) - 1, other[met].astype(np.int64) - 1
            pairs = np.minimum(one, two) * count + np.maximum(one, two)
            # Cells meet along a line: most pairs come many times in a row, and need no sorting.
            found.append(np.unique(pairs[np.diff(pairs, prepend=-1) != 0]))
    distinct = np.unique(np.concatenate(found))
    return distinct // max(count, 1), distinct % max(count, 1)


def _surroundings(
    y: Floats, x: Floats, area: Integers, shape: tuple[int, int]
) -> dict[str, Floats]:
    """Distance to the nearest centroid in px, and density in the surroundings, each (N,)."""
    nearest, density = np.full(len(area), np.nan), np.zeros(len(area))
    if len(area) > 1:
        from scipy.spatial import cKDTree

        centroids = np.column_stack([y, x])
        tree = cKDTree(centroids)
        nearest = np.asarray(tree.query(centroids, k=2)[0])[:, 1]

        diameter = 2.0 * np.sqrt(float(np.median(area)) / np.pi)
        radius = DENSITY_RADIUS_DIAMETERS * diameter
        others = tree.query_ball_point(centroids, radius, return_length=True) - 1
        # The pixels are squares about their middles, so the picture begins at -1/2.
        up, left = y + 0.5, x + 0.5
        seen = sum(
            _quarter_disc(down, over, radius)
            for down in (up, shape[0] - up)
            for over in (left, shape[1] - left)
        )
        density = others * PIXELS_PER_MEGAPIXEL / seen
    return {"nearest_neighbour_px": nearest, "local_density_per_mpx": density}


def _quarter_disc(height: Floats, width: Floats, radius: float) -> Floats:
    """Area of a quarter of a disc about the corner of a box, as far as it lies in the box.

    The box is `height` × `width`, both (N,). The part is a rectangle up to where the arc
    leaves through the box's far side, and the area below the arc from there on.
    """
    height, width = np.minimum(height, radius), np.minimum(width, radius)
    leaves = np.minimum(np.sqrt(radius**2 - height**2), width)
    return height * leaves + _below_arc(width, radius) - _below_arc(leaves, radius)


def _below_arc(x: Floats, radius: float) -> Floats:
    """Integral of √(r² - x²) from 0 to `x`."""
    rise = np.sqrt(np.maximum(radius**2 - x**2, 0.0))
    return np.asarray(0.5 * (x * rise + radius**2 * np.arcsin(np.minimum(x / radius, 1.0))))


_COLUMNS = (
    Column(
        "nearest_neighbour_px",
        "px",
        "Distance from its centroid to the nearest other one; empty if there is none",
        bounds=(0.0, None),
        power=1,
        function=_HERE,
    ),
    Column(
        "neighbour_count",
        "1",
        "Number of cells that touch it, or have at most one pixel between",
        dtype="int64",
        bounds=(0.0, None),
        function=_HERE,
    ),
    Column(
        "local_density_per_mpx",
        "1/Mpx",
        "Other cells per million pixels, counted by their centroids, within 5 median "
        "equivalent diameters and the picture",
        bounds=(0.0, None),
        power=-2,
        function=_HERE,
    ),
)

FEATURE = Feature(
    "neighbours",
    1,
    _COLUMNS,
    measure_neighbours,
    order=50,
    margin=NEIGHBOUR_GAP_PX,
    parts=Parts(_of_window, _of_whole),
)
