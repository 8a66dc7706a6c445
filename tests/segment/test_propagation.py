"""Seeds that spread: ways by hand."""

from __future__ import annotations

import numpy as np

from cellwright.segment.propagation import propagate


def test_even_cost_meets_in_the_middle() -> None:
    seeds = np.zeros((5, 9), np.int32)
    seeds[2, 0], seeds[2, 8] = 4, 7
    spread = propagate(seeds, np.ones((5, 9), bool), np.ones((5, 9)))
    assert spread.dtype == seeds.dtype
    assert np.all(spread[:, :4] == 4)
    assert np.all(spread[:, 5:] == 7)


def test_a_dear_line_is_where_two_meet() -> None:
    seeds = np.zeros((7, 30), np.int64)
    seeds[:, 0], seeds[:, 29] = 1, 2
    cost = np.ones((7, 30))
    cost[:, 22] = 50  # a way of 22 on one side and 6 on the other
    spread = propagate(seeds, np.ones((7, 30), bool), cost)
    assert np.all(spread[:, :22] == 1)
    assert np.all(spread[:, 23:] == 2)


def test_ways_go_round_walls_and_not_through_them() -> None:
    mask = np.ones((5, 5), bool)
    mask[:4, 2] = False
    seeds = np.zeros((5, 5), int)
    seeds[0, 0] = 3
    spread = propagate(seeds, mask, np.ones((5, 5)))
    assert np.array_equal(spread == 3, mask)


def test_what_no_way_leads_to_stays_empty() -> None:
    mask = np.ones((4, 7), bool)
    mask[:, 3] = False
    seeds = np.zeros((4, 7), int)
    seeds[1, 1] = 3
    assert np.array_equal(
        propagate(seeds, mask, np.ones((4, 7))) > 0, np.arange(7) < np.full((4, 7), 3)
    )


def test_seeds_keep_their_pixels_and_let_no_way_through() -> None:
    seeds = np.array([[1, 0, 0, 2, 2, 2, 0, 0]])
    mask = np.array([[True, True, True, False, False, False, True, True]])
    assert propagate(seeds, mask, np.ones((1, 8))).tolist() == [[1, 1, 2, 2, 2, 2, 2, 2]]


def test_no_seeds() -> None:
    assert not propagate(np.zeros((3, 3), int), np.ones((3, 3), bool), np.ones((3, 3))).any()
