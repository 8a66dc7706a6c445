"""The decoders that ``votes`` was compared with, on whole planes in memory.

``distance`` is the watershed that most entries of the 2018 Data Science Bowl used in some form;
``rays`` are star-convex polygons with non-maximum suppression (U. Schmidt and others, MICCAI
2018).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.draw import polygon
from skimage.segmentation import watershed

from cellwright.core.image import Array
from cellwright.learn.architectures.instance import RAYS
from cellwright.segment.blocks import Window
from cellwright.segment.network_maps import UNIT, Quantised
from cellwright.segment.peaks import peaks

SEED = 0.5
"""Height of distance - 0.3 * boundary from which a pixel is part of a seed."""
LEAST = 15
SURE = 0.5
"""Share of the largest distance from which a place may be the middle of a polygon."""
OVERLAP = 0.4
"""Share of a polygon that may lie in better ones."""


def distance_labels(maps: Quantised) -> Array:
    """Seeds of high distance and no boundary, grown by watershed."""
    found = maps.read(Window(0, 0, *maps.values.shape[1:]))
    mask = found["foreground"] > 0
    boundary = 1 / (1 + np.exp(-found["boundary"]))
    smooth = ndimage.gaussian_filter(found["distance"], 1.0)
    seeds, _ = ndimage.label((smooth - 0.3 * boundary > SEED) & mask)
    alone, count = ndimage.label(mask)  # what has no seed is an object of its own
    seeded = np.zeros(count + 1, bool)
    seeded[np.unique(alone[seeds > 0])] = True
    seeds = np.where(seeded[alone], seeds, np.where(alone > 0, alone + seeds.max(), 0))
    labels = watershed(boundary - smooth, seeds, mask=mask)
    area = np.bincount(labels.ravel())
    return np.where(area[labels] >= LEAST, labels, 0).astype(np.uint32)


def ray_labels(maps: Quantised) -> Array:
    """Polygons around places of high distance, the best first, each where none was before."""
    shape = maps.values.shape[1:]
    found = maps.read(Window(0, 0, *shape))
    height = ndimage.gaussian_filter(found["distance"], 1.0)
    at = np.nonzero(peaks(height, height > SURE))
    order = np.argsort(-height[at], kind="stable")
    angles = 2 * np.pi * np.arange(RAYS) / RAYS
    down, right = np.sin(angles), np.cos(angles)
    lengths = np.stack([found[f"ray_{index}"][at] for index in range(RAYS)], axis=1) * UNIT
    labels = np.zeros(shape, np.uint32)
    for number, index in enumerate(order, 1):
        reach = np.maximum(lengths[index], 1)
        rows, columns = polygon(at[0][index] + reach * down, at[1][index] + reach * right, shape)
        free = labels[rows, columns] == 0
        if rows.size and free.mean() >= 1 - OVERLAP and free.sum() >= LEAST:
            labels[rows[free], columns[free]] = number
    return labels
