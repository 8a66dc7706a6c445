"""How unlike the reference a cell is: the default, and the ways that it is compared with.

Each way is a function from normal scores or plain features of reference cells to a function that
scores any cells: the larger, the more unlike. scikit-learn does what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["APPEARANCE", "WAYS", "Judge", "Score", "Way", "WayName"]

Numbers = npt.NDArray[np.float64]
Score = Callable[[Numbers], Numbers]
Judge = Callable[[npt.NDArray[np.int64]], tuple[Numbers, Numbers]]
"""From numbers of cells to their scores (M,), and to the traits (M, F) that these are of."""
WayName = Literal[
    "surprise", "autoencoder", "reconstruction", "isolation-forest", "mahalanobis", "appearance"
]
APPEARANCE: WayName = "appearance"
"""The way that looks at pictures, and not at features: `cellwright.stats.outliers.appearance`."""

NEIGHBOURS = 15
MOST_KNOWN = 5_000
"""Reference cells that neighbours are looked for among, an even sample of more."""
THIN = 0.02
"""Variance of a direction below which it is rounding rather than shape: features of one outline are
nearly functions of each other."""
CONTAMINATION = 0.12
"""Of the seed's robust ellipse: only where it is drawn, as the rate is set by calibration."""
_SEED = 20180116


@dataclass(frozen=True)
class Way:
    """A way to score cells.

    Attributes
    ----------
    title
        In words.
    fit
        Learns from reference cells, (N, F), and gives the function that scores (M, F).
    plain
        Whether it sees standardised features, as the seed did, instead of normal scores.
    """

    title: str
    fit: Callable[[Numbers], Score]
    plain: bool = False


def surprise(known: Numbers) -> Score:
    """Distance to the nearest reference cells, and distance from their middle, by rank.

    The first finds odd combinations (a usual size with an unusual outline), the second what is far
    out in many features at once. Both are ranked among the reference cells and their surprises
    (-log of the share that lies as far) added, as R. A. Fisher does with p values.
    """
    from sklearn.neighbors import NearestNeighbors

    spread, directions = np.linalg.eigh(np.atleast_2d(np.cov(known, rowvar=False)))
    kept = spread > THIN
    if not kept.any():
        kept = spread == spread.max()
    turn = directions[:, kept] / np.sqrt(np.maximum(spread[kept], 1e-12))
    places = known @ turn
    sample = places[np.unique(np.linspace(0, len(places) - 1, MOST_KNOWN).astype(np.int64))]
    count = min(NEIGHBOURS, len(sample) - 1)
    # all pairs: in so many directions a tree is slower by far
    others = NearestNeighbors(n_neighbors=count + 1, algorithm="brute").fit(sample)

    def near(places: Numbers, skip: int = 0) -> Numbers:
        distances = others.kneighbors(places)[0]
        mean: Numbers = np.mean(distances[:, skip : skip + count], axis=1)
        return mean

    def far(cells: Numbers) -> Numbers:
        found: Numbers = np.sum(cells**2, axis=1)
        return found

    own_near = near(sample, skip=1)  # a cell is no neighbour of its own
    own_far = far(known)

    def score(cells: Numbers) -> Numbers:
        return _surprise(near(cells @ turn), own_near) + _surprise(far(cells), own_far)

    return score


def _surprise(values: Numbers, known: Numbers) -> Numbers:
    """-log of the share of the known that lies as far; growing on beyond the farthest."""
    ordered = np.sort(known)
    share = (ordered.size - np.searchsorted(ordered, values, "left") + 1) / (ordered.size + 1)
    unit = max(ordered[-1] - np.quantile(ordered, 0.99), 1e-9)
    beyond = np.maximum(values - ordered[-1], 0) / unit
    found: Numbers = -np.log(share) + beyond
    return found


def autoencoder(known: Numbers) -> Score:
    """The seed's: a network with a code of two numbers, and a robust ellipse on the code."""
    from sklearn.covariance import EllipticEnvelope

    network = _network(known)
    ellipse = EllipticEnvelope(contamination=CONTAMINATION, random_state=_SEED)
    ellipse.fit(_code(network, known))
    return lambda cells: np.asarray(ellipse.mahalanobis(_code(network, cells)), np.float64)


def reconstruction(known: Numbers) -> Score:
    """What the same network cannot give back: the squared error over all features."""
    network = _network(known)

    def score(cells: Numbers) -> Numbers:
        found: Numbers = np.sum((network.predict(cells).reshape(cells.shape) - cells) ** 2, axis=1)
        return found

    return score


def _network(known: Numbers):  # type: ignore[no-untyped-def] # noqa: ANN202 - scikit-learn has no types
    """A network that gives back what it is given, through two numbers."""
    from sklearn.neural_network import MLPRegressor

    width = max(8, 2 * known.shape[1])
    network = MLPRegressor(
        hidden_layer_sizes=(width, 2, width), activation="tanh", learning_rate_init=3e-3,
        max_iter=300, n_iter_no_change=15, tol=1e-4, random_state=_SEED,
    )  # fmt: skip
    return network.fit(known, known if known.shape[1] > 1 else known.ravel())


def _code(network, cells: Numbers) -> Numbers:  # type: ignore[no-untyped-def] # noqa: ANN001
    """The two numbers in the middle of the network."""
    values = cells
    for weights, offsets in list(zip(network.coefs_, network.intercepts_, strict=True))[:2]:
        values = np.tanh(values @ weights + offsets)
    return values


def isolation_forest(known: Numbers) -> Score:
    """How few random cuts part a cell from all others (F. T. Liu and others, ICDM 2008)."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=300, random_state=_SEED).fit(known)
    return lambda cells: -np.asarray(forest.score_samples(cells), np.float64)


def mahalanobis(known: Numbers) -> Score:
    """Distance from the middle of most cells, in units of their spread (P. J. Rousseeuw 1984)."""
    from sklearn.covariance import MinCovDet

    # features that are functions of each other leave no ellipse without a little noise
    noise = np.random.default_rng(_SEED).normal(scale=1e-3, size=known.shape)
    ellipse = MinCovDet(random_state=_SEED).fit(known + noise)
    return lambda cells: np.asarray(ellipse.mahalanobis(cells), np.float64)


WAYS: Mapping[WayName, Way] = {
    "surprise": Way("distance to reference cells and from their middle", surprise),
    "autoencoder": Way("autoencoder with a robust ellipse on its code", autoencoder, plain=True),
    "reconstruction": Way("error of the autoencoder", reconstruction, plain=True),
    "isolation-forest": Way("isolation forest", isolation_forest, plain=True),
    "mahalanobis": Way("robust Mahalanobis distance", mahalanobis, plain=True),
}
"""Those that judge by features, by name; the first is the default."""
