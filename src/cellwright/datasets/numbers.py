"""Numbers of labels without gaps: what is counted for each takes no more room than it needs."""

from __future__ import annotations

import numpy as np

from cellwright.core.image import Array

__all__ = ["without_gaps"]


def without_gaps(labels: Array) -> tuple[Array, Array]:
    """Number labels from 1 on in their order.

    Parameters
    ----------
    labels
        (Y, X) whole numbers from 0 on, up to any size: programs write identifiers there.

    Returns
    -------
    numbers : Array
        (Y, X) int64, 0 where the labels are.
    names : Array
        The label of each number; that of 0 is 0.

    Examples
    --------
    >>> numbers, names = without_gaps(np.array([[0, 7, 4_000_000_000]]))
    >>> numbers.tolist(), names.tolist()
    ([[0, 1, 2]], [0, 7, 4000000000])
    """
    if int(labels.max(initial=0)) <= labels.size:
        return labels.astype(np.int64), np.arange(int(labels.max(initial=0)) + 1)
    names, numbers = np.unique(labels, return_inverse=True)
    numbers = numbers.reshape(labels.shape).astype(np.int64)
    if names[0] != 0:
        names, numbers = np.concatenate([[0], names]), numbers + 1
    return numbers, names
