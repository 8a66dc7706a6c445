"""Which class was taken for which: the confusion matrix over matched objects, and what follows.

True and found objects are matched whatever their class, at an IoU of 0.5. A row holds the true
objects of a class, a column the found ones; one more row is for found objects without a true one
(invented), and two more columns for true ones whose partner has no class, and for those without a
partner (missed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.evaluation.intervals import Estimated, weighted_estimates
from cellwright.evaluation.matching import match
from cellwright.evaluation.objects import PictureObjects, class_names, in_order, numbered

__all__ = [
    "INVENTED",
    "MISSED",
    "NO_CLASS",
    "ClassScores",
    "Confusion",
    "class_scores",
    "confusion",
    "confusion_table",
]

Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

INVENTED, MISSED, NO_CLASS = "(invented)", "(missed)", "(no class)"
"""Names of the row and the columns that are no class."""

OF_CLASS = ("precision", "recall", "f1")
OVERALL = (
    "accuracy", "balanced_accuracy", "micro_precision", "micro_recall", "micro_f1",
    "macro_precision", "macro_recall", "macro_f1",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts of each picture.

    Attributes
    ----------
    classes
        Names of the k classes, in order.
    counts
        (pictures, k + 1, k + 2): rows are true classes and `INVENTED`; columns found classes,
        `NO_CLASS` and `MISSED`.
    """

    classes: tuple[str, ...]
    counts: Whole

    @property
    def matrix(self) -> Whole:
        """Of all pictures together: (k + 1, k + 2)."""
        return np.asarray(self.counts.sum(axis=0), dtype=np.int64)

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of the rows."""
        return (*self.classes, INVENTED)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return (*self.classes, NO_CLASS, MISSED)


@dataclass(frozen=True, eq=False)
class ClassScores:
    """What a confusion matrix says, with intervals over pictures.

    Attributes
    ----------
    overall
        ``accuracy``: share of the matched objects that have the right class.
        ``balanced_accuracy``: mean over classes of that share. ``micro_``: precision, recall and
        F1 of all objects together, where right is to be found with the right class. ``macro_``:
        means over the classes that have true objects.
    by_class
        From each class to its ``precision``, ``recall`` and ``f1``.
    n_true, n_found
        From each class to its objects that count.
    """

    overall: Mapping[str, Estimated]
    by_class: Mapping[str, Mapping[str, Estimated]]
    n_true: Mapping[str, int]
    n_found: Mapping[str, int]


def confusion(
    pictures: Sequence[PictureObjects], classes: Sequence[str] | None = None
) -> Confusion:
    """Count which class was taken for which.

    True objects without a class are left out, and with them the found ones that are their
    partners: nobody has said what they are.

    Parameters
    ----------
    pictures
        In the order in which the counts are wanted.
    classes
        All there may be; those that occur if None.

    Raises
    ------
    UsageError
        If an object has a class that is none of `classes`.

    Examples
    --------
    >>> from cellwright.evaluation.objects import picture_objects
    >>> truth = np.array([[1, 1, 0, 2, 2, 0, 3]])
    >>> objects = picture_objects(
    ...     truth, np.array([[1, 1, 0, 2, 2, 9, 0]]),
    ...     true_classes={1: "a", 2: "b", 3: "b"}, found_classes={1: "a", 2: "a", 9: "a"},
    ... )
    >>> found = confusion([objects])
    >>> found.columns
    ('a', 'b', '(no class)', '(missed)')
    >>> found.matrix.tolist()
    [[1, 0, 0, 0], [1, 0, 0, 1], [1, 0, 0, 0]]
    """
    names = tuple(class_names(pictures) if classes is None else classes)
    if unknown := set(class_names(pictures)) - set(names):
        raise UsageError(f"{min(unknown)!r} is none of the classes", remedy="name all of them")
    counts = np.array([_counted(picture, names) for picture in pictures], dtype=np.int64)
    return Confusion(names, counts.reshape(len(pictures), len(names) + 1, len(names) + 2))


def _counted(picture: PictureObjects, names: Sequence[str]) -> Whole:
    k = len(names)
    true = numbered(picture.true_class, names, -1)
    found = numbered(picture.found_class, names, k)
    matches = match(picture.overlaps)
    taken_for = np.full(true.size, k + 1)
    taken_for[matches.true_index] = found[matches.found_index]
    invented = np.ones(found.size, bool)
    invented[matches.found_index] = False
    counts = np.zeros((k + 1, k + 2), dtype=np.int64)
    named = true >= 0
    np.add.at(counts, (true[named], taken_for[named]), 1)
    np.add.at(counts[k], found[invented], 1)
    return counts


def class_scores(
    pictures: Sequence[PictureObjects], classes: Sequence[str] | None = None
) -> tuple[ClassScores, Confusion]:
    """Score the classes of the objects.

    Parameters
    ----------
    pictures, classes
        As of `confusion`; each picture with a name of its own.

    Raises
    ------
    UsageError
        If two pictures have the same name, or a class is unknown.

    Examples
    --------
    >>> from cellwright.evaluation.objects import picture_objects
    >>> labels = np.array([[1, 1, 0, 2]])
    >>> scores, _ = class_scores([picture_objects(
    ...     labels, labels, true_classes={1: "a", 2: "b"}, found_classes={1: "a", 2: "a"},
    ... )])
    >>> scores.overall["accuracy"].value, scores.by_class["a"]["recall"].value
    (0.5, 1.0)

    References
    ----------
    K. H. Brodersen, C. S. Ong, K. E. Stephan and J. M. Buhmann, "The balanced accuracy and its
    posterior distribution", ICPR 2010, doi:10.1109/ICPR.2010.764.
    """
    ordered = in_order(pictures)
    counted = confusion(ordered, classes)
    k = len(counted.classes)
    flat = counted.counts.reshape(len(ordered), (k + 1) * (k + 2)).astype(np.float64)

    def statistic(weights: Numbers) -> Numbers:
        return _scores((weights @ flat).reshape(len(weights), k + 1, k + 2))

    estimates = weighted_estimates(statistic, len(ordered))
    overall = dict(zip(OVERALL, estimates[: len(OVERALL)], strict=True))
    rest = iter(estimates[len(OVERALL) :])
    by_class = {name: {score: next(rest) for score in OF_CLASS} for name in counted.classes}
    matrix = counted.matrix
    n_true = dict(zip(counted.classes, matrix[:k].sum(axis=1).tolist(), strict=True))
    n_found = dict(zip(counted.classes, matrix[:, :k].sum(axis=0).tolist(), strict=True))
    return ClassScores(overall, by_class, n_true, n_found), counted


def _scores(matrix: Numbers) -> Numbers:
    """From (b, k + 1, k + 2) counts to (b, scores): those over all, then those of each class."""
    k = matrix.shape[1] - 1
    right = np.diagonal(matrix[:, :k, :k], axis1=1, axis2=2)
    true, found = matrix[:, :k].sum(axis=2), matrix[:, :, :k].sum(axis=1)
    all_found = matrix[:, :, : k + 1].sum(axis=(1, 2))
    matched = matrix[:, :k, : k + 1].sum(axis=2)
    # Nothing found where there is something has a precision of 0, as everywhere in this program.
    precision = np.where((found == 0) & (true > 0), 0.0, _ratio(right, found))
    recall, f1 = _ratio(right, true), _ratio(2 * right, true + found)
    all_right, all_true = right.sum(axis=1), true.sum(axis=1)
    there = true > 0
    overall = [
        _ratio(all_right, matched.sum(axis=1)),
        _mean(_ratio(right, matched), matched > 0),
        np.where((all_found == 0) & (all_true > 0), 0.0, _ratio(all_right, all_found)),
        _ratio(all_right, all_true),
        _ratio(2 * all_right, all_true + all_found),
        _mean(precision, there),
        _mean(recall, there),
        _mean(f1, there),
    ]
    of_class = np.stack([precision, recall, f1], axis=2).reshape(len(matrix), -1)
    return np.concatenate([np.stack(overall, axis=1), of_class], axis=1)


def _ratio(above: Numbers, below: Numbers) -> Numbers:
    ratio: Numbers = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _mean(values: Numbers, counted: npt.NDArray[np.bool_]) -> Numbers:
    """Mean over the last axis of those that count; NaN where none does."""
    return _ratio(np.where(counted, values, 0.0).sum(axis=1), counted.sum(axis=1))


def confusion_table(counted: Confusion) -> pd.DataFrame:
    """The matrix as ``confusion.csv`` has it: ``true``, then one column a found class."""
    table = pd.DataFrame(counted.matrix, columns=list(counted.columns))
    table.insert(0, "true", list(counted.rows), allow_duplicates=True)
    return table
