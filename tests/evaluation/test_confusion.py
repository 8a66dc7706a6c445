"""Classes of matched, missed and invented cells: by hand, and how the scores behave."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.core.errors import UsageError
from cellwright.evaluation.confusion import class_scores, confusion, confusion_table
from cellwright.evaluation.objects import PictureObjects, picture_objects

CLASSES = ["a", "b", "c"]


def picture(pairs: list[tuple[str | None, str | None]], image: str = "") -> PictureObjects:
    """Cells side by side: true and found class of each, None where there is none of the two."""
    truth = np.array([[0 if true is None else n for n, (true, _) in enumerate(pairs, 1)]])
    found = np.array([[0 if mine is None else n for n, (_, mine) in enumerate(pairs, 1)]])
    return picture_objects(
        np.repeat(truth, 2, axis=1),
        np.repeat(found, 2, axis=1),
        image=image,
        true_classes={n: true for n, (true, _) in enumerate(pairs, 1) if true},
        found_classes={n: mine for n, (_, mine) in enumerate(pairs, 1) if mine},
    )


# 4 of a: 2 right, 1 taken for b, 1 missed. 2 of b: 1 right, 1 without a class. 2 of a invented.
BY_HAND = [
    ("a", "a"), ("a", "a"), ("a", "b"), ("a", None), ("b", "b"), ("b", ""), (None, "a"),
    (None, "a"), ("", "b"),
]  # fmt: skip


def test_a_matrix_worked_out_by_hand() -> None:
    found = confusion([picture(BY_HAND)])
    assert found.rows == ("a", "b", "(invented)")
    assert found.columns == ("a", "b", "(no class)", "(missed)")
    assert found.matrix.tolist() == [[2, 1, 0, 1], [0, 1, 1, 0], [2, 0, 0, 0]]
    table = confusion_table(found)
    assert list(table.columns) == ["true", "a", "b", "(no class)", "(missed)"]
    assert table.iloc[0].tolist() == ["a", 2, 1, 0, 1]


def test_scores_worked_out_by_hand() -> None:
    scores, _ = class_scores([picture(BY_HAND)])
    of_a = {name: one.value for name, one in scores.by_class["a"].items()}
    of_b = {name: one.value for name, one in scores.by_class["b"].items()}
    assert of_a == pytest.approx({"precision": 2 / 4, "recall": 2 / 4, "f1": 4 / 8})
    assert of_b == pytest.approx({"precision": 1 / 2, "recall": 1 / 2, "f1": 2 / 4})
    assert (scores.n_true, scores.n_found) == ({"a": 4, "b": 2}, {"a": 4, "b": 2})
    overall = {name: one.value for name, one in scores.overall.items()}
    assert overall == pytest.approx(
        {
            "accuracy": 3 / 5,  # of five cells that match
            "balanced_accuracy": (2 / 3 + 1 / 2) / 2,
            "micro_precision": 3 / 7,  # seven found: four a, two b, one without a class
            "micro_recall": 3 / 6,
            "micro_f1": 6 / 13,
            "macro_precision": 1 / 2,
            "macro_recall": 1 / 2,
            "macro_f1": 1 / 2,
        }
    )


def test_a_class_that_is_never_found_has_a_precision_of_0() -> None:
    scores, _ = class_scores([picture([("a", "a"), ("b", "a")])])
    assert {n: one.value for n, one in scores.by_class["b"].items()} == dict.fromkeys(
        ("precision", "recall", "f1"), 0.0
    )
    assert scores.overall["macro_precision"].value == 0.25


def test_a_class_that_the_truth_has_not_is_in_no_mean_over_classes() -> None:
    scores, _ = class_scores([picture([("a", "a"), (None, "b")])])
    assert np.isnan(scores.by_class["b"]["recall"].value)
    assert scores.by_class["b"]["precision"].value == 0
    assert scores.overall["macro_f1"].value == 1
    assert scores.overall["micro_precision"].value == 0.5


def test_cells_are_matched_whatever_their_class() -> None:
    """The half that fits best is the partner, though the other has the right class."""
    truth, found = np.array([[1] * 8]), np.array([[1] * 5 + [2] * 3])
    one = picture_objects(truth, found, true_classes={1: "a"}, found_classes={1: "b", 2: "a"})
    assert confusion([one]).matrix.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(UsageError, match="'b' is none of the classes"):
        confusion([picture([("a", "b")])], ["a"])


def test_no_picture_and_no_cell() -> None:
    assert confusion([]).matrix.tolist() == [[0, 0]]
    scores, _ = class_scores([picture([(None, None)])], ["a"])
    assert all(np.isnan(one.value) for one in scores.overall.values())


kinds = st.sampled_from([*CLASSES, "", None])
pictures = st.lists(
    st.lists(st.tuples(kinds, kinds), min_size=1, max_size=12), min_size=1, max_size=4
)


@settings(max_examples=60, deadline=None)
@given(pictures)
def test_every_cell_is_counted_once(cells: list[list[tuple[str | None, str | None]]]) -> None:
    given = [picture(pairs, str(i)) for i, pairs in enumerate(cells)]
    matrix = confusion(given, CLASSES).matrix
    every = [pair for pairs in cells for pair in pairs]
    for row, name in enumerate(CLASSES):
        assert matrix[row].sum() == sum(true == name for true, _ in every)
        assert matrix[row, -1] == sum(pair == (name, None) for pair in every)
        # found where nobody has said what is there, they are left out
        assert matrix[:, row].sum() == sum(mine == name and true != "" for true, mine in every)
    assert matrix[-1].sum() == sum(true is None and mine is not None for true, mine in every)


@settings(max_examples=30, deadline=None)
@given(pictures, st.randoms(use_true_random=False))
def test_order_and_names_of_classes_change_nothing(
    cells: list[list[tuple[str | None, str | None]]], random: Random
) -> None:
    renamed = {"a": "z", "b": "y", "c": "x"}
    first, _ = class_scores([picture(p, str(i)) for i, p in enumerate(cells)], CLASSES)
    turned = [
        picture([(renamed.get(t or "", t), renamed.get(m or "", m)) for t, m in pairs], str(i))
        for i, pairs in enumerate(cells)
    ]
    random.shuffle(turned)
    other, _ = class_scores(turned, sorted(renamed.values()))
    for name, one in first.overall.items():
        assert other.overall[name].value == pytest.approx(one.value, nan_ok=True)
    for name, scores in first.by_class.items():
        for score, one in scores.items():
            other_value = other.by_class[renamed[name]][score].value
            assert other_value == pytest.approx(one.value, nan_ok=True)


def test_intervals_are_over_pictures() -> None:
    """Forty pictures that are all right or all wrong: as if each were one throw of a coin."""
    given = [picture([("a", "a" if i % 2 else "b")] * 50, f"{i:02}") for i in range(40)]
    scores, _ = class_scores(given)
    interval = scores.overall["accuracy"].interval
    assert interval.how == "bootstrap"
    assert interval.low == pytest.approx(0.35, abs=0.03)  # 0.5 ± 1.96 · 0.5 / √40
    assert interval.high == pytest.approx(0.65, abs=0.03)
