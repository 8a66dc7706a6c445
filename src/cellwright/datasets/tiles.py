"""Which pictures are neighbouring tiles of one photograph.

Collections often hold one photograph cut into tiles. A model that was trained on one tile has
seen the stain, the light and half of the cut cells of the next, so tiles must not lie on two
sides of a split. Tiles tell by their edges: what is cut at the right edge of one goes on at the
left edge of the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array

__all__ = ["Edges", "adjoining", "edges_of", "groups_of"]

_SAME_OBJECTS = 0.75
"""Least overlap of the cut objects' profiles on the two sides of a seam: a column further on, an
outline of ten pixels has moved by less than a pixel."""
_SAME_LIGHT = 0.85
"""Least correlation of the intensities along the two sides."""
_LEAST_CUT = 12
"""Pixels of a seam that must lie in cut objects: with fewer, chance would do."""
_SMOOTHING = 1.0

_SEAMS = (
    ("right", "left"), ("left", "right"), ("bottom", "top"), ("top", "bottom"),
    ("left", "left"), ("top", "top"),
)  # fmt: skip
"""Sides of two pictures that may be one cut; the last two: of a picture that is there twice."""

Edges = Mapping[str, tuple[Array, Array]]
"""From ``top``, ``left``, ``bottom``, ``right`` to the intensities and the objects along it."""


def edges_of(pixels: Array, labels: Array) -> Edges:
    """Profiles along the four edges of a picture.

    Parameters
    ----------
    pixels
        (Y, X) or (Y, X, S).
    labels
        (Y, X) integers, 0 is background.

    Examples
    --------
    >>> edges = edges_of(np.arange(6.0).reshape(2, 3), np.array([[0, 1, 1], [0, 0, 1]]))
    >>> edges["right"][1].tolist()
    [True, True]
    """
    grey = pixels.astype(np.float32)
    grey = grey.mean(axis=2) if grey.ndim == 3 else grey
    places = {
        "top": (slice(0, 1), slice(None)),
        "left": (slice(None), slice(0, 1)),
        "bottom": (slice(-1, None), slice(None)),
        "right": (slice(None), slice(-1, None)),
    }
    return {
        side: (ndimage.gaussian_filter1d(grey[at].ravel(), _SMOOTHING), labels[at].ravel() > 0)
        for side, at in places.items()
    }


def adjoining(one: tuple[Array, Array], other: tuple[Array, Array]) -> bool:
    """Whether two edges are the two sides of one cut.

    Parameters
    ----------
    one, other
        Intensities and objects along the edges, of one length.

    Examples
    --------
    >>> light = np.sin(np.arange(60) / 5.0)
    >>> adjoining((light, light > 0), (light + 0.01, light > 0.05))
    True
    >>> adjoining((light, light > 0), (light[::-1], light[::-1] > 0))
    False
    """
    either = np.count_nonzero(one[1] | other[1])
    both = np.count_nonzero(one[1] & other[1])
    if both < max(_LEAST_CUT, _SAME_OBJECTS * either):
        return False
    if one[0].std() == 0 or other[0].std() == 0:
        return False
    return bool(np.corrcoef(one[0], other[0])[0, 1] >= _SAME_LIGHT)


def groups_of(pictures: Iterable[tuple[str, Array, Array]]) -> dict[str, str]:
    """Group the pictures that are tiles of one photograph.

    Parameters
    ----------
    pictures
        Name, pixels and labels of each.

    Returns
    -------
    dict
        From each name to the first name of its group.
    """
    alike: dict[tuple[object, ...], list[tuple[str, Edges]]] = defaultdict(list)
    for name, pixels, labels in pictures:
        alike[pixels.shape, str(pixels.dtype)].append((name, edges_of(pixels, labels)))
    group = {name: name for some in alike.values() for name, _ in some}

    def first(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for some in alike.values():
        for index, (name, edges) in enumerate(some):
            for other, there in some[index + 1 :]:
                if any(adjoining(edges[here], there[side]) for here, side in _SEAMS):
                    low, high = sorted((first(name), first(other)))
                    group[high] = low
    return {name: first(name) for name in group}
