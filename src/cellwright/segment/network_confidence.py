"""How sure one may be that an object is right, from what the network said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from cellwright.core.image import Array
from cellwright.segment.decoder import TRAITS
from cellwright.segment.network_maps import SIZE_UNIT

__all__ = ["FEATURES", "confidence_of", "features_of", "fitted", "least_confidence"]

FEATURES = ("doubt", "thin", "spread", "size", "size_above", "small", "overlap")
"""What the confidence is a function of; see `features_of`."""

_SPREAD = 2.0
"""Standard deviation of the weights, before any object is seen: with some dozens of objects many
weights fit equally well, and the largest of them are sure of everything, and wrong about the next
picture. Thousands of objects outweigh it."""
_STEPS = 50


def features_of(traits: Array) -> Array:
    """Turn an object's traits into numbers of about unit size.

    Parameters
    ----------
    traits
        (n, len(`TRAITS`)) of `network_objects`.

    Returns
    -------
    Array
        (n, len(`FEATURES`)): the logit of the mean probability; whether that is very high; how
        far the votes scatter, in diameters; by how many octaves the network takes the object to
        be smaller, or larger, than it came out; the logarithm of its area in pixels; and the
        share of it that lies over another one.
    """
    area, mean, spread, told, crossed = (traits[:, TRAITS.index(name)] for name in TRAITS)
    mean = np.clip(mean, 1e-3, 1 - 1e-3)
    diameter = 2 * np.sqrt(np.maximum(area, 1) / np.pi)
    octaves = told - np.log2(diameter / SIZE_UNIT)
    return np.stack(
        [
            np.log(mean / (1 - mean)),
            mean > 0.95,
            np.minimum(spread, 1) * 5,
            np.clip(-octaves, 0, 2) * 2,
            np.clip(octaves, 0, 2) * 2,
            np.log2(np.maximum(area, 1)) / 2,
            crossed,
        ],
        axis=1,
    ).astype(np.float64)


def confidence_of(traits: Array, calibration: Mapping[str, Any]) -> Array:
    """Probability that each object is right (IoU of 0.5 or more with a true one).

    Parameters
    ----------
    traits
        (n, len(`TRAITS`)).
    calibration
        With ``intercept`` and ``weights`` by the names of `FEATURES`, as `fitted` gives them; of
        a model without, the mean probability of the object's pixels is returned.

    Returns
    -------
    Array
        (n,) float64 between 0 and 1.
    """
    if "weights" not in calibration:
        return np.asarray(traits[:, TRAITS.index("foreground")], np.float64)
    weights = np.array([calibration["weights"][name] for name in FEATURES])
    score = features_of(traits) @ weights + calibration["intercept"]
    confidence: Array = expit(score)
    return confidence


def least_confidence(calibration: Mapping[str, Any]) -> float:
    """Below which the model leaves objects out by itself: its ``least``, 0 where it has none.

    Examples
    --------
    >>> least_confidence({"least": 0.4}), least_confidence({})
    (0.4, 0.0)
    """
    return float(calibration.get("least", 0.0))


def fitted(traits: Array, right: Array) -> dict[str, Any]:
    """Fit the confidence to objects of which it is known whether they are right.

    Logistic regression by Newton's method. Weights are taken to be normal about 0 with a standard
    deviation of `_SPREAD`, as features are of about unit size (A. Gelman and others, "A weakly
    informative default prior distribution for logistic and other regression models", Annals of
    Applied Statistics 2, 2008, use one as wide).

    Parameters
    ----------
    traits
        (n, len(`TRAITS`)).
    right
        (n,) bool.

    Returns
    -------
    dict
        ``intercept`` and ``weights``.
    """
    values = np.column_stack([np.ones(len(traits)), features_of(traits)])
    wanted = right.astype(np.float64)
    found = np.zeros(values.shape[1])
    ridge = np.full(found.size, _SPREAD**-2)
    ridge[0] = 0
    for _ in range(_STEPS):
        chance = expit(values @ found)
        slope = values.T @ (wanted - chance) - ridge * found
        curve = (values * (chance * (1 - chance))[:, None]).T @ values
        found = found + np.linalg.solve(curve + np.diag(ridge + 1e-9), slope)
    names: Sequence[str] = FEATURES
    return {
        "intercept": float(found[0]),
        "weights": {name: float(value) for name, value in zip(names, found[1:], strict=True)},
    }
