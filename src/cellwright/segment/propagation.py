"""Seeds spread over a mask, each pixel to the one that reaches it at the least cost."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.graph import MCP_Geometric

from cellwright.core.image import Array

__all__ = ["propagate"]


def propagate(seeds: Array, mask: Array, cost: Array) -> Array:
    """Spread seeds over a mask along the paths of least cost.

    Parameters
    ----------
    seeds
        (Y, X) integers, 0 where there is no seed. They keep their pixels, and no path leads
        through them.
    mask
        (Y, X) bool: where they may spread.
    cost
        (Y, X) float above 0: cost of one pixel's way across each pixel.

    Returns
    -------
    Array
        (Y, X), the type of `seeds`: 0 outside of mask and seeds, and where no way leads to.

    References
    ----------
    T. R. Jones, A. Carpenter, P. Golland, "Voronoi-based segmentation of cells on image
    manifolds", Computer Vision for Biomedical Image Applications, LNCS 3765 (2005) 535-543; here
    with a cost at each pixel instead of a metric between neighbours.

    Examples
    --------
    >>> seeds = np.array([[1, 0, 0, 0, 0, 0, 2]])
    >>> wall = np.array([[1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 1.0]])
    >>> propagate(seeds, np.ones((1, 7), bool), wall)
    array([[1, 1, 1, 1, 1, 2, 2]])
    """
    costs = np.where(mask, cost, -1.0).astype(np.float64)
    # Of a seed only the outline is a start: its inside would only be work.
    inside = (seeds > 0) & (ndimage.minimum_filter(seeds, 3) == ndimage.maximum_filter(seeds, 3))
    costs[seeds > 0] = 1.0
    costs[inside] = -1.0
    starts = np.argwhere((seeds > 0) & ~inside)
    if not starts.size:
        return seeds.copy()
    paths = MCP_Geometric(costs)
    _, came_by = paths.find_costs(starts)
    offsets = np.array(paths.offsets, np.int64)
    back = offsets[:, 0] * seeds.shape[1] + offsets[:, 1]
    step = np.asarray(came_by).ravel()
    origin = np.arange(seeds.size)
    origin[step >= 0] -= back[step[step >= 0]]
    # Each round doubles the length of way that a pixel looks back.
    while True:
        further = origin[origin]
        if np.array_equal(further, origin):
            break
        origin = further
    spread: Array = seeds.ravel()[origin].reshape(seeds.shape)
    return np.where(mask | (seeds > 0), spread, 0)
