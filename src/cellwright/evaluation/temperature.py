"""Temperature scaling: one number that makes probabilities neither too sure nor too modest.

Logits are divided by a temperature before they become probabilities. Above 1 it takes sureness
away, below 1 it adds some; which class is the likeliest never changes, nor does the order of
confidences. It is the one that makes the negative log-likelihood of what was so smallest.

References
----------
C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML
2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError

__all__ = [
    "FOLDS",
    "HOTTEST",
    "CrossFitted",
    "cross_fitted",
    "fit_temperature",
    "logits_of",
    "negative_log_likelihood",
    "scaled",
    "top_label",
    "two_sided",
]

Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

HOTTEST = 100.0
"""Largest temperature, and the inverse of the smallest: where the data ask for more, nothing tells
right from wrong (or nothing is ever wrong), and no number would be right."""

FOLDS = 5
"""Parts into which pictures are divided, so that no picture is scaled by what it said itself."""

_SMALLEST = 1e-12
"""Probabilities below are taken for this: the logarithm of 0 is none."""


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Probabilities that were scaled by a temperature of other pictures.

    Attributes
    ----------
    probabilities
        (n, k) after scaling.
    temperature
        Of all objects together: the one to use from now on.
    temperatures
        (folds,) those that were used here.
    """

    probabilities: Numbers
    temperature: float
    temperatures: Numbers


def logits_of(probabilities: Numbers) -> Numbers:
    """Give logits that have these probabilities: their logarithms.

    Parameters
    ----------
    probabilities
        (n, k), each row adding up to 1.
    """
    return np.asarray(np.log(np.clip(probabilities, _SMALLEST, 1.0)), dtype=np.float64)


def two_sided(confidence: Numbers) -> Numbers:
    """Give the probabilities of wrong and right, of confidences: (n, 2) of (n,).

    Examples
    --------
    >>> two_sided(np.array([0.75])).tolist()
    [[0.25, 0.75]]
    """
    return np.stack([1 - confidence, confidence], axis=1)


def scaled(logits: Numbers, temperature: float) -> Numbers:
    """Give probabilities at a temperature.

    Parameters
    ----------
    logits
        (n, k).
    temperature
        Above 0.

    Returns
    -------
    NDArray
        (n, k), each row adding up to 1.

    Raises
    ------
    UsageError
        If the temperature is not above 0.

    Examples
    --------
    >>> scaled(logits_of(np.array([[0.1, 0.9]])), 2.0).round(2).tolist()
    [[0.25, 0.75]]
    """
    from scipy.special import softmax

    if not temperature > 0:
        raise UsageError(f"a temperature of {temperature} makes no probabilities")
    return np.asarray(softmax(logits / temperature, axis=1), dtype=np.float64)


def negative_log_likelihood(probabilities: Numbers, truth: Whole) -> float:
    """Mean over objects of minus the logarithm of what was said of the true class.

    Parameters
    ----------
    probabilities
        (n, k).
    truth
        (n,) number of the class that is true.

    Examples
    --------
    >>> round(negative_log_likelihood(np.array([[0.5, 0.5]]), np.array([1])), 4)
    0.6931
    """
    if not truth.size:
        return float("nan")
    return float(-logits_of(probabilities)[np.arange(truth.size), truth].mean())


def fit_temperature(logits: Numbers, truth: Whole) -> float:
    """Find the temperature at which what was so is the likeliest.

    The negative log-likelihood is convex in the inverse of the temperature, so that there is one
    smallest value, where its slope is 0.

    Parameters
    ----------
    logits
        (n, k), n at least 1.
    truth
        (n,) number of the class that is true.

    Returns
    -------
    float
        From 1 / `HOTTEST` to `HOTTEST`.

    Raises
    ------
    UsageError
        If the lengths differ, there is no object, or a class is none of the k.

    Examples
    --------
    Always sure of nine tenths, and right in three of four: the odds of 9 are to be odds of 3.

    >>> said = logits_of(two_sided(np.full(4, 0.9)))
    >>> temperature = fit_temperature(said, np.array([1, 1, 1, 0]))
    >>> round(temperature, 6), scaled(said, temperature)[0].round(4).tolist()
    (2.0, [0.25, 0.75])
    """
    from scipy.optimize import brentq
    from scipy.special import softmax

    if logits.ndim != 2 or truth.shape != logits.shape[:1]:
        raise UsageError(f"{truth.size} true classes cannot be told of logits {logits.shape}")
    if not truth.size:
        raise UsageError("a temperature needs objects of which the class is known")
    if (truth < 0).any() or (truth >= logits.shape[1]).any():
        raise UsageError(f"a true class is none of the {logits.shape[1]} of the logits")
    centred = logits - logits.max(axis=1, keepdims=True)
    said = centred[np.arange(truth.size), truth]

    def slope(log_inverse: float) -> float:
        chances = softmax(centred * np.exp(log_inverse), axis=1)
        return float(((chances * centred).sum(axis=1) - said).mean())

    end = float(np.log(HOTTEST))
    if not centred.any():  # all classes equally likely, at any temperature
        return 1.0
    if slope(-end) >= 0:  # the flattest probabilities there are would still be too sure
        return HOTTEST
    if slope(end) <= 0:
        return 1 / HOTTEST
    return float(np.exp(-brentq(slope, -end, end, xtol=1e-12)))


def cross_fitted(
    probabilities: Numbers, truth: Whole, picture: Whole, folds: int = FOLDS
) -> CrossFitted | None:
    """Scale the probabilities of each picture by a temperature that others gave.

    A temperature makes the objects look right that it was fitted to. So pictures are divided into
    parts, and the temperature of each part comes from the other parts.

    Parameters
    ----------
    probabilities
        (n, k).
    truth
        (n,) number of the class that is true.
    picture
        (n,) number of the picture of each object; every `folds`-th picture is in one part.
    folds
        Parts; fewer where there are fewer pictures.

    Returns
    -------
    CrossFitted or None
        None where fewer than two pictures have an object.

    Raises
    ------
    UsageError
        As of `fit_temperature`.

    Examples
    --------
    >>> said = two_sided(np.full(8, 0.9))
    >>> right = np.array([1, 1, 1, 0, 1, 1, 1, 0])
    >>> found = cross_fitted(said, right, np.repeat([0, 1], 4))
    >>> found.probabilities[0].round(4).tolist(), found.temperatures.round(4).tolist()
    ([0.25, 0.75], [2.0, 2.0])
    """
    part = np.unique(picture, return_inverse=True)[1]
    n_pictures = int(part.max(initial=-1)) + 1
    if n_pictures < 2:
        return None
    parts = min(folds, n_pictures)
    part = part % parts
    logits = logits_of(probabilities)
    result = np.empty_like(logits)
    temperatures = np.empty(parts)
    for number in range(parts):
        mine = part == number
        temperatures[number] = fit_temperature(logits[~mine], truth[~mine])
        result[mine] = scaled(logits[mine], float(temperatures[number]))
    return CrossFitted(result, fit_temperature(logits, truth), temperatures)


def top_label(probabilities: Numbers, truth: Whole) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """Probability of the likeliest class, and whether it is the true one: (n,) both.

    Of equally likely classes the first is taken. `cellwright.evaluation.calibration.reliability`
    takes both as they are.

    Examples
    --------
    >>> confidence, right = top_label(np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([1, 1]))
    >>> confidence.tolist(), right.tolist()
    ([0.8, 0.6], [True, False])
    """
    best = probabilities.argmax(axis=1)
    return np.asarray(probabilities[np.arange(best.size), best]), np.asarray(best == truth)
