"""Two programs on the same pictures: by hand, by brute force, and how often chance misleads."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.core.errors import UsageError
from cellwright.evaluation import comparison
from cellwright.evaluation.comparison import compare, comparison_table, sign_flip_p
from cellwright.evaluation.picture import PictureScore, score_picture

TRUTH = np.array([[1, 1, 0, 2, 2, 0, 3, 3, 0, 4, 4]])


def scores(*found: int) -> list[PictureScore]:
    """Pictures in which so many of four cells were found."""
    return [
        score_picture(TRUTH, TRUTH * np.less_equal(TRUTH, n), image=f"p{i}")
        for i, n in enumerate(found)
    ]


def test_differences_are_those_of_each_picture() -> None:
    [ap] = compare(scores(4, 3, 2, 4), scores(2, 3, 3, 1), ["dsb_ap_50"])
    assert (ap.value, ap.other) == (0.8125, 0.5625)
    assert ap.difference == pytest.approx(0.25)
    assert (ap.n, ap.better, ap.worse) == (4, 2, 1)
    # three differences: 0.5, -0.25, 0.75; sums of 1 and beyond: 1, 1.5 and their opposites
    assert ap.p == 4 / 8
    assert ap.interval.low is not None
    assert ap.interval.low < 0.25 < (ap.interval.high or 0)


def test_order_does_not_matter_and_exchange_changes_the_sign() -> None:
    one, other = scores(4, 3, 2, 4, 1), scores(2, 3, 3, 1, 0)
    there, again = compare(one, other), compare(one[::-1], other)
    back = compare(other, one)
    assert there == again
    for this, that in zip(there, back, strict=True):
        assert this.difference == -that.difference
        assert (this.p, this.better) == (that.p, that.worse)


def test_pictures_that_only_one_has_are_left_out() -> None:
    [found] = compare(scores(4, 4, 4), scores(2, 2)[1:], ["f1_50"])
    assert found.n == 1
    with pytest.raises(UsageError, match="no picture in common"):
        compare(scores(1), scores(1, 1)[1:])
    with pytest.raises(UsageError, match="one name"):
        compare(scores(1) * 2, scores(1))


def test_a_score_that_no_picture_has_is_empty() -> None:
    nothing = np.zeros((1, 5), int)
    empty = [score_picture(nothing, nothing, image="a")]
    [found] = compare(empty, empty, ["area_bias_percent"])
    assert found.n == 0
    assert np.isnan([found.difference, found.p]).all()
    table = comparison_table([found])
    assert table["score"].tolist() == ["area_bias_percent"]


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8))
@settings(deadline=None)
def test_p_as_by_brute_force(whole: list[int]) -> None:
    differences = np.array(whole) / 10
    sums = [abs(np.dot(signs, whole)) for signs in product((-1, 1), repeat=len(whole))]
    expected = np.mean(np.array(sums) >= abs(sum(whole)))
    assert sign_flip_p(differences) == pytest.approx(expected)


def test_many_pictures_are_sampled_and_agree_with_all_patterns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    differences = np.random.default_rng(3).normal(0.1, 0.3, 14)
    exact = sign_flip_p(differences)
    monkeypatch.setattr(comparison, "MOST_EXACT", 2)
    assert sign_flip_p(differences) == pytest.approx(exact, abs=0.005)


def test_chance_is_taken_for_a_difference_in_one_of_twenty() -> None:
    random = np.random.default_rng(8)
    p = [sign_flip_p(random.normal(0, 1, 10)) for _ in range(600)]
    assert 0.03 < np.mean(np.array(p) <= 0.05) < 0.07
