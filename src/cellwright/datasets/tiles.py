"""Which pictures are neighbouring tiles of one photograph.

Collections often hold one photograph cut into tiles. A model that was trained on one tile has
seen the stain, the light and half of the cut cells of the next, so tiles must not lie on two
sides of a split. Tiles tell by their edges: what is cut at the right edge of one goes on at the
left edge of the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array

__all__ = ["Edge", "adjoining", "edges_of", "groups_of"]

_SAME_OBJECTS = 0.75
"""Least overlap of the cut objects' profiles on the two sides of a seam: a column further on, an
outline of ten pixels has moved by less than a pixel."""
_SAME_LIGHT = 0.85
"""Least correlation of the intensities along the two sides: below 1 for the noise of the camera
and for the one pixel that lies between them."""
_LEAST_CUT = 12
"""Pixels of a seam that must lie in cut objects: with fewer, chance would do."""
_SMOOTHING = 1.0
"""Standard deviation in pixels of the Gaussian along an edge, against noise."""

_SEAMS = (
    ("right", "left"), ("left", "right"), ("bottom", "top"), ("top", "bottom"),
    ("left", "left"), ("top", "top"),
)  # fmt: skip
"""Sides of two pictures that may be one cut; the last two: of a picture that is there twice."""


@dataclass(frozen=True, eq=False)
class Edge:
    """What lies along one edge of a picture, or of several pictures.

    Attributes
    ----------
    light
        (L,) or (n, L) float32 intensities, smoothed.
    objects
        Bool of the same shape: whether a pixel lies in an object.
    """

    light: Array
    objects: Array


def edges_of(pixels: Array, labels: Array) -> dict[str, Edge]:
    """What lies along the four edges of a picture.

    Parameters
    ----------
    pixels
        (Y, X) or (Y, X, S).
    labels
        (Y, X) integers, 0 is background.

    Returns
    -------
    dict
        Of ``top``, ``left``, ``bottom``, ``right``.

    Examples
    --------
    >>> edges = edges_of(np.arange(6.0).reshape(2, 3), np.array([[0, 1, 1], [0, 0, 1]]))
    >>> edges["right"].objects.tolist()
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
        side: Edge(ndimage.gaussian_filter1d(grey[at].ravel(), _SMOOTHING), labels[at].ravel() > 0)
        for side, at in places.items()
    }


def adjoining(one: Edge, others: Edge) -> Array:
    """Tell of which pictures an edge is the other side of one's cut.

    Parameters
    ----------
    one
        (L,) the edge of a picture.
    others
        (n, L) edges of others.

    Returns
    -------
    Array
        (n,) bool.

    Examples
    --------
    >>> light = np.sin(np.arange(60) / 5.0)
    >>> lights = np.stack([light + 0.01, light[::-1]])
    >>> adjoining(Edge(light, light > 0), Edge(lights, lights > 0))
    array([ True, False])
    """
    either = np.count_nonzero(others.objects | one.objects, axis=1)
    both = np.count_nonzero(others.objects & one.objects, axis=1)
    found: Array = both >= np.maximum(_LEAST_CUT, _SAME_OBJECTS * either)
    found[found] = _correlations(one.light, others.light[found]) >= _SAME_LIGHT
    return found


def _correlations(one: Array, others: Array) -> Array:
    """Pearson's correlation of (L,) values with each of (n, L) others; 0 where one is constant."""
    from_mean = one.astype(np.float64) - one.mean(dtype=np.float64)
    others_from_mean = others - others.mean(axis=1, keepdims=True, dtype=np.float64)
    size = np.linalg.norm(from_mean) * np.linalg.norm(others_from_mean, axis=1)
    correlations: Array = np.divide(
        others_from_mean @ from_mean, size, out=np.zeros(len(others)), where=size > 0
    )
    return correlations


def groups_of(pictures: Iterable[tuple[str, Array, Array]]) -> dict[str, str]:
    """Group the pictures that are tiles of one photograph.

    Parameters
    ----------
    pictures
        Name, pixels and labels of each; only pictures of one shape and type are compared.

    Returns
    -------
    dict
        From each name to the first name of its group, in the order of the alphabet.
    """
    alike: dict[tuple[object, ...], dict[str, dict[str, Edge]]] = defaultdict(dict)
    for name, pixels, labels in pictures:
        alike[pixels.shape, str(pixels.dtype)][name] = edges_of(pixels, labels)
    group = {name: name for some in alike.values() for name in some}

    def first(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for some in alike.values():
        for one, other in _neighbours(some):
            low, high = sorted((first(one), first(other)))
            group[high] = low
    return {name: first(name) for name in group}


def _neighbours(pictures: Mapping[str, Mapping[str, Edge]]) -> Iterable[tuple[str, str]]:
    """Pairs of pictures of one shape that have a seam in common."""
    names = list(pictures)
    stacked = {
        side: Edge(
            np.stack([edges[side].light for edges in pictures.values()]),
            np.stack([edges[side].objects for edges in pictures.values()]),
        )
        for side in ("top", "left", "bottom", "right")
    }
    for index, name in enumerate(names):
        later = slice(index + 1, None)
        found = np.zeros(len(names) - index - 1, bool)
        for here, there in _SEAMS:
            edge = Edge(stacked[here].light[index], stacked[here].objects[index])
            others = Edge(stacked[there].light[later], stacked[there].objects[later])
            found |= adjoining(edge, others)
        yield from ((name, names[index + 1 + other]) for other in np.flatnonzero(found))
