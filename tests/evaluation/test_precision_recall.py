"""COCO's average precision: by hand, beside a slow one, and how it behaves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.coco_by_hand import Picture, precisions, summarised

from cellwright.core.errors import UsageError
from cellwright.evaluation.objects import PictureObjects, picture_objects
from cellwright.evaluation.precision_recall import (
    average_precision,
    precision_recall,
    rank,
    weighted_precisions,
)

NAMES = ["alive", "dead", "dividing"]


def simulated(seed: int, cell: int = 8, side: int = 5) -> Picture:
    """Squares and what a poor program finds: moved, halved, grown, joined, missed, invented.

    Halves make IoUs of exactly 0.5, and confidences of one digit make many equal.
    """
    random = np.random.default_rng(seed)
    truth = np.zeros((side * (cell + 4),) * 2, np.int64)
    found = np.zeros_like(truth)
    for row in range(side):
        for column in range(side):
            top, left = 2 + row * (cell + 4), 2 + column * (cell + 4)
            size = int(random.integers(cell // 2, cell + 1)) // 2 * 2
            number = int(random.integers(1, 10_000))
            if random.random() < 0.85:
                truth[top : top + size, left : left + size] = number
            how = random.integers(6)
            mine = int(random.integers(1, 10_000))
            if how == 0:
                found[top : top + size // 2, left : left + size] = mine
                found[top + size // 2 : top + size, left : left + size] = mine + 1
            elif how == 1:
                found[top - 1 : top + size + 1, left : left + size] = mine
            elif how < 5:
                move = int(random.integers(0, 3))
                found[top + move : top + size + move, left : left + size] = mine
    if random.random() < 0.5:  # one that is two true ones
        found[found == found.max()] = found[found > 0].min() if found.any() else 0
    true = [int(n) for n in np.unique(truth) if n]
    mine_all = [int(n) for n in np.unique(found) if n]
    return Picture(
        truth,
        found,
        {n: str(random.choice([*NAMES, ""])) for n in true},
        {n: str(random.choice(NAMES)) for n in mine_all},
        {n: round(float(random.random()), 1) for n in mine_all},
    )


def objects(picture: Picture, image: str = "", *, classes: bool = True) -> PictureObjects:
    return picture_objects(
        picture.truth,
        picture.found,
        image=image,
        true_classes=picture.true_class if classes else None,
        found_classes=picture.found_class if classes else None,
        confidence=picture.confidence,
    )


@pytest.mark.parametrize("seed", range(8))
def test_a_slow_one_gives_the_same(seed: int) -> None:
    compare_with_the_slow_one([simulated(100 * seed + i) for i in range(4)], "all")


# Squares of 32 and of 96 px are of both sorts.
@pytest.mark.parametrize(("area", "cell"), [("small", 64), ("medium", 64), ("large", 110)])
def test_a_slow_one_gives_the_same_by_size(area: str, cell: int) -> None:
    compare_with_the_slow_one([simulated(i, cell, side=3) for i in range(4)], area)


def compare_with_the_slow_one(pictures: list[Picture], area: str) -> None:
    mine = [objects(picture, str(i)) for i, picture in enumerate(pictures)]
    scores = average_precision(mine, NAMES, area)
    values = [scores.overall[name].value for name in ("coco_map", "coco_ap_50", "coco_ap_75")]
    assert values == pytest.approx(summarised(pictures, NAMES, area), abs=1e-6, nan_ok=True)
    for name in NAMES:
        expected = precisions(pictures, name, area)
        expected[expected == -1] = np.nan
        assert scores.curves[name].precision == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("seed", range(8))
def test_all_cells_as_one_class(seed: int) -> None:
    pictures = [simulated(1000 + 10 * seed + i) for i in range(3)]
    for picture in pictures:
        picture.true_class = dict.fromkeys(picture.true_class, "cell")
        picture.found_class = dict.fromkeys(picture.found_class, "cell")
    scores = average_precision([objects(p, str(i), classes=False) for i, p in enumerate(pictures)])
    values = [one.value for one in scores.overall.values()]
    assert values == pytest.approx(summarised(pictures, ["cell"]), abs=1e-6)


def row(*cells: int) -> np.ndarray:
    """Cells of four pixels beside each other; 0 for none."""
    return np.repeat(np.array([cells]), 4, axis=1)


def test_a_curve_worked_out_by_hand() -> None:
    """Four cells; found with 0.9 right, 0.8 wrong, 0.7 right, 0.6 wrong.

    Precision 1 up to a recall of 1/4, 2/3 up to 1/2, then 0: 26 and 25 of 101 values.
    """
    one = picture_objects(
        row(1, 2, 3, 4, 0, 0),
        row(1, 2, 0, 0, 5, 6),
        confidence={1: 0.9, 2: 0.7, 5: 0.8, 6: 0.6},
    )
    curves = precision_recall(rank([one]))
    assert curves.precision[0, [0, 25, 26, 50, 51]] == pytest.approx([1, 1, 2 / 3, 2 / 3, 0])
    assert curves.average == pytest.approx((26 + 25 * 2 / 3) / 101)
    assert curves.recall.tolist() == [0.5] * 10
    assert curves.confidence[0, [0, 25, 26, 50]].tolist() == [0.9, 0.9, 0.7, 0.7]
    assert np.isnan(curves.confidence[0, 51])


def test_pictures_are_ranked_together() -> None:
    sure = picture_objects(row(1, 0), row(0, 2), image="a", confidence={2: 0.9})
    modest = picture_objects(row(1, 0), row(1, 0), image="b", confidence={1: 0.4})
    # the sure one is wrong, so the precision is a half up to a recall of a half: 51 of 101 values
    assert average_precision([sure, modest]).overall["coco_map"].value == pytest.approx(
        51 / 2 / 101
    )


def test_more_than_a_hundred_cells_count() -> None:
    cells = np.arange(1, 251).reshape(10, 25)
    labels = np.kron(cells, np.pad(np.ones((3, 3), int), 1))
    one = picture_objects(labels, labels, confidence={n: n / 250 for n in range(1, 251)})
    assert average_precision([one]).overall["coco_map"].value == 1


def test_of_two_halves_the_surer_one_is_right() -> None:
    halves = np.array([[1, 1, 2, 2]])
    for sure in (1, 2):
        one = picture_objects(
            (halves > 0).astype(int), halves, confidence={sure: 0.9, 3 - sure: 0.1}
        )
        curves = precision_recall(rank([one]))
        assert (curves.precision[0] == 1).all()
        assert curves.precision[1].sum() == 0  # none of them reaches 0.55


def test_the_threshold_itself_is_reached() -> None:
    one = picture_objects(np.array([[1] * 20]), np.array([[1] * 11 + [0] * 9]), confidence={1: 0.5})
    assert precision_recall(rank([one])).recall.tolist() == [1, 1] + [0] * 8


def test_true_cells_without_a_class_are_ignored() -> None:
    one = picture_objects(
        row(1, 2),
        row(1, 2),
        true_classes={1: "a"},
        found_classes={1: "a", 2: "a"},
        confidence={1: 0.5, 2: 0.9},
    )
    assert average_precision([one], ["a"]).by_class["a"]["ap"].value == 1


def test_cells_without_confidence_come_last() -> None:
    one = picture_objects(row(1, 0), row(1, 2), confidence={1: -5.0})
    assert average_precision([one]).overall["coco_map"].value == 1
    other = picture_objects(row(1, 0), row(1, 2), confidence={2: -5.0})
    assert average_precision([other]).overall["coco_map"].value == 0.5


def test_a_class_without_true_cells_is_in_no_mean() -> None:
    one = picture_objects(
        row(1, 0), row(1, 2), true_classes={1: "a"}, found_classes={1: "a", 2: "b"},
        confidence={1: 0.9, 2: 0.9},
    )  # fmt: skip
    scores = average_precision([one], ["a", "b"])
    assert np.isnan(scores.by_class["b"]["ap"].value)
    assert scores.overall["coco_map"].value == 1


def test_nothing_found_and_nothing_at_all() -> None:
    none = picture_objects(row(1, 2), row(0, 0))
    assert average_precision([none]).overall["coco_map"].value == 0
    empty = picture_objects(row(0, 0), row(0, 0))
    assert np.isnan(average_precision([empty]).overall["coco_map"].value)
    assert np.isnan(average_precision([]).overall["coco_map"].value)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any), st.integers(0, 2**32 - 1))
def test_a_weight_is_that_many_pictures(weights: list[int], seed: int) -> None:
    """Different confidences, as copies of equal ones could be taken in another order."""
    random = np.random.default_rng(seed)
    pictures = []
    for i in range(4):
        picture = simulated(seed + i, side=3)
        picture.confidence = {n: float(random.random()) for n in picture.confidence}
        pictures.append(objects(picture, str(i)))
    copies = [picture for picture, n in zip(pictures, weights, strict=True) for _ in range(n)]
    got = weighted_precisions(rank(pictures, "alive"), np.array([weights], float))[0]
    expected = precision_recall(rank(copies, "alive")).precision.mean(axis=1)
    assert got == pytest.approx(expected, abs=1e-9, nan_ok=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.permutations(range(3)))
def test_order_numbers_and_turning_change_nothing(seed: int, order: list[int]) -> None:
    random = np.random.default_rng(seed)
    pictures = []
    for i in range(3):
        picture = simulated(seed + i, side=3)
        picture.confidence = {n: float(random.random()) for n in picture.confidence}
        pictures.append(picture)
    first = average_precision([objects(p, str(i)) for i, p in enumerate(pictures)], NAMES)
    turned = []
    for i in order:
        p = pictures[i]
        # an order that rises keeps what comes of confidences, whatever their size
        rising = {n: 100 * c**3 - 7 for n, c in p.confidence.items()}
        one = Picture(np.rot90(p.truth), np.rot90(p.found), p.true_class, p.found_class, rising)
        turned.append(objects(one, str(i)))
    assert average_precision(turned, NAMES).overall == first.overall


def test_intervals_over_pictures() -> None:
    few = [objects(simulated(i), f"{i:02}") for i in range(8)]
    estimate = average_precision(few, NAMES).overall["coco_ap_50"]
    assert estimate.interval.how == "t"
    assert estimate.interval.low is not None
    assert estimate.interval.high is not None
    assert 0 <= estimate.interval.low < estimate.value < estimate.interval.high <= 1
    many = [objects(simulated(i, side=3), f"{i:02}") for i in range(30)]
    estimate = average_precision(many).overall["coco_ap_50"]
    assert estimate.interval.how == "bootstrap"
    assert estimate.interval.low is not None
    assert estimate.interval.high is not None
    assert 0 <= estimate.interval.low < estimate.value < estimate.interval.high <= 1


def test_what_makes_no_sense_is_refused() -> None:
    one = objects(simulated(1), "a")
    with pytest.raises(UsageError, match="several pictures have one name"):
        average_precision([one, one])
    with pytest.raises(UsageError, match="no range of areas 'tiny'"):
        average_precision([one], area="tiny")
