"""Of which class each object is: what the network says of its pixels, taken together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import softmax

from cellwright.core.columns import CHANCE
from cellwright.core.image import Array
from cellwright.models.description import CLASS, Description
from cellwright.segment.blocks import Grid
from cellwright.segment.network_maps import Quantised

__all__ = ["class_columns", "class_logits"]

_SIDE = 2048
"""Of the parts of a large plane that are summed one after the other, in pixels."""


def class_logits(maps: Quantised, labels: Array, count: int) -> Array:
    """Mean over each object's pixels of what the network says of its class.

    Parameters
    ----------
    maps
        Of the whole plane.
    labels
        (Y, X) at the same scale.
    count
        Largest label.

    Returns
    -------
    Array
        (count + 1, classes) float64; no columns if the network tells no classes.

    Examples
    --------
    >>> maps = Quantised(("class_0",), np.array([[[16, 48, 80]]], np.int8))
    >>> class_logits(maps, np.array([[1, 1, 2]]), 2)
    array([[0.],
           [2.],
           [5.]])
    """
    names = [name for name in maps.channels if name.startswith(CLASS)]
    sums = np.zeros((count + 1, len(names)))
    if not names:
        return sums
    areas = np.zeros(count + 1)
    for window in Grid((labels.shape[0], labels.shape[1]), _SIDE):
        here = np.asarray(labels[window.slices]).ravel()
        areas += np.bincount(here, minlength=count + 1)
        for index, name in enumerate(names):
            values = maps.one(name, window).ravel()
            sums[:, index] += np.bincount(here, values, minlength=count + 1)
    sums[0] = 0
    return sums / np.maximum(areas, 1)[:, None]


def class_columns(logits: Array, description: Description) -> Mapping[str, Array]:
    """Columns ``class`` and ``p_<class>`` of objects.

    Parameters
    ----------
    logits
        (n, classes) of `class_logits`.
    description
        Of the model: names of the classes, and the temperature at which their probabilities
        were found to be right.

    Returns
    -------
    Mapping
        Empty if the model tells no classes.

    References
    ----------
    C. Guo and others, "On calibration of modern neural networks", ICML 2017 (the temperature).
    """
    if not logits.shape[1]:
        return {}
    temperature = float(description.calibration.get("temperature", 1.0))
    chances = softmax(logits / temperature, axis=1)
    names = np.array([one.name for one in description.classes], object)
    return {
        "class": names[chances.argmax(axis=1)] if len(chances) else names[:0],
        **{f"{CHANCE}{name}": chances[:, index] for index, name in enumerate(names)},
    }
