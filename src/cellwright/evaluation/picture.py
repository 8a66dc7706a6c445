"""All scores of one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.core.labels import Labels
from cellwright.evaluation import bias, boundary, error_kinds, instances, semantic
from cellwright.evaluation.score import Family, LabelPair, value_of

__all__ = [
    "FAMILIES",
    "PictureScore",
    "label_pair",
    "score_columns",
    "score_pair",
    "score_picture",
    "score_table",
]

FAMILIES: tuple[Family, ...] = (
    instances.FAMILY,
    error_kinds.FAMILY,
    semantic.FAMILY,
    boundary.FAMILY,
    bias.FAMILY,
)
"""Every family there is, in the order of the reference; a new one is a file and a line here."""

_FIRST = ("n_true", "n_found", "count_error")
"""Counts that stand before the scores; all others come after them."""


@dataclass(frozen=True)
class PictureScore:
    """The scores of one picture, and the counts that they come from.

    Attributes
    ----------
    image
        Name of the picture.
    values
        From the name of each declared count and score to its value; NaN where it has none.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[1, 1, 0, 2, 2]])
    >>> score_picture(truth, np.array([[1, 1, 0, 0, 0]]))["dsb_ap_50"]
    0.5
    """

    image: str
    values: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        """Give one count or score by its name."""
        return self.values[name]

    @property
    def n_true(self) -> int:
        """Number of true cells."""
        return int(self.values["n_true"])

    @property
    def n_found(self) -> int:
        """Number of found cells."""
        return int(self.values["n_found"])

    @property
    def is_empty(self) -> bool:
        """Whether there is no cell and none was found."""
        return not self.n_true and not self.n_found


def score_picture(
    truth: Array | Labels, predicted: Array | Labels, *, image: str = ""
) -> PictureScore:
    """Score the labels of one picture.

    Parameters
    ----------
    truth, predicted
        Label images of the same shape: 0 is background, every other number one cell. In
        `Labels` with an axis T the cells of each frame are cells of their own; an array is one
        picture, flat or a volume; of four dimensions it is a movie of volumes.
    image
        Name of the picture, for tables.

    Returns
    -------
    PictureScore
        All that the families declare.

    Raises
    ------
    UsageError
        If the shapes differ, or the numbers are no labels.
    """
    return score_pair(label_pair(truth, predicted, image=image), image=image)


def label_pair(truth: Array | Labels, predicted: Array | Labels, *, image: str = "") -> LabelPair:
    """Put the labels of one picture side by side; arguments and errors as of `score_picture`."""
    pair = LabelPair(_labels(truth), _labels(predicted))
    if tuple(pair.truth.data.shape) != tuple(pair.found.data.shape):
        sizes = [" × ".join(map(str, one.data.shape)) for one in (pair.truth, pair.found)]
        raise UsageError(
            f"the truth has {sizes[0]} pixels, the labels have {sizes[1]}",
            where=image,
            remedy="give labels of the same picture; nothing is ever resized",
        )
    return pair


def score_pair(pair: LabelPair, *, image: str = "") -> PictureScore:
    """Score labels that stand side by side: what they have in common is counted only once."""
    values: dict[str, float] = {}
    for family in FAMILIES:
        values |= family.measure(pair)
    for family in FAMILIES:
        values |= {score.name: value_of(score, values) for score in family.scores if score.ratios}
    return PictureScore(image, {name: values[name] for name in score_columns()})


def _labels(given: Array | Labels) -> Labels:
    if isinstance(given, Labels):
        return given
    return Labels(given, "TZYX"[-given.ndim :] if given.ndim < 4 else "TZYX")


def score_columns() -> tuple[str, ...]:
    """Names of all counts and scores, in the order of ``scores.csv``.

    Examples
    --------
    >>> score_columns()[:4]
    ('n_true', 'n_found', 'count_error', 'dsb_ap_mean')
    """
    counts = [count.name for family in FAMILIES for count in family.counts]
    scores = [score.name for family in FAMILIES for score in family.scores]
    return (*_FIRST, *scores, *(name for name in counts if name not in _FIRST))


def score_table(pictures: Sequence[PictureScore]) -> pd.DataFrame:
    """One row a picture, in the given order: ``image`` and every count and score."""
    whole = {count.name for family in FAMILIES for count in family.counts if count.whole}
    table = pd.DataFrame({"image": [picture.image for picture in pictures]}, dtype=object)
    columns = {
        name: pd.Series(
            [picture[name] for picture in pictures], dtype="Int64" if name in whole else "float64"
        )
        for name in score_columns()
    }
    return pd.concat([table, pd.DataFrame(columns)], axis=1)
