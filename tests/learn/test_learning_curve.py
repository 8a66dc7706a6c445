"""Whether more pictures would help, from scores that are known."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.evaluation.picture import PictureScore, score_picture
from cellwright.learn.learning_curve import learning_curve, would_more_help

TRUTH = np.kron(np.arange(1, 21).reshape(4, 5), np.ones((4, 4), int))


def scores(found: list[int]) -> list[PictureScore]:
    """Of pictures of twenty cells, of which so many are found."""
    return [
        score_picture(TRUTH, np.where(n >= TRUTH, TRUTH, 0), image=f"{index}")
        for index, n in enumerate(found)
    ]


@pytest.mark.parametrize(
    ("few", "all_of_them", "said"),
    [
        ([8, 9, 10, 8, 9], [15, 16, 16, 15, 17], "would help"),
        ([15, 16, 16, 15, 17], [15, 16, 16, 15, 17], "hardly help"),
        ([15, 9, 16, 8, 17], [9, 16, 8, 18, 16], "cannot be said"),
        ([16, 17, 18, 17, 16], [14, 15, 16, 15, 14], "fell by 0.100"),
    ],
)
def test_more_would_help_where_they_did(few: list[int], all_of_them: list[int], said: str) -> None:
    points = learning_curve({40: scores(all_of_them), 20: scores(few)}, "dsb_ap_50")
    assert [point.pictures for point in points] == [20, 40]
    assert points[0].gain is None
    assert points[1].value == pytest.approx(np.mean(all_of_them) / 20)
    assert points[1].gain is not None
    assert points[1].gain.difference == pytest.approx(np.mean(all_of_them) / 20 - np.mean(few) / 20)
    words = would_more_help(points)
    assert said in words
    assert "from 20 to 40 pictures" in words


def test_one_point_says_nothing() -> None:
    assert "too few" in would_more_help(learning_curve({5: scores([4, 5])}, "dsb_ap_50"))
