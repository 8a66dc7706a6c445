"""Labels that were moved or turned against their picture."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.core.image import Array
from cellwright.datasets.fit import TURNS, best_fit, outlines_of
from cellwright.simulate.nuclei import simulate_nuclei


@pytest.fixture(scope="module")
def nuclei() -> tuple[Array, Array]:
    """Picture and labels of 192 x 192 pixels."""
    return simulate_nuclei((192, 192), 20, diameter_px=24, seed=4)


def test_labels_fit_their_picture(nuclei: tuple[Array, Array]) -> None:
    fit = best_fit(*nuclei)
    assert fit is not None
    assert (fit.turn, max(map(abs, fit.shift)) <= 1) == ("as drawn", True)


@pytest.mark.parametrize("shift", [(9, 0), (0, -14), (-21, 30)])
def test_a_shift_is_found(nuclei: tuple[Array, Array], shift: tuple[int, int]) -> None:
    fit = best_fit(nuclei[0], np.roll(nuclei[1], shift, (0, 1)))
    assert fit is not None
    assert fit.turn == "as drawn"
    np.testing.assert_allclose(fit.shift, np.negative(shift), atol=1)
    assert fit.correlation > 2 * fit.as_drawn


@pytest.mark.parametrize("number", range(1, 8))
def test_a_turn_is_found_and_named_as_what_undoes_it(
    nuclei: tuple[Array, Array], number: int
) -> None:
    mirrored = np.fliplr(nuclei[1]) if number >= 4 else nuclei[1]
    drawn = np.rot90(mirrored, number % 4)
    fit = best_fit(nuclei[0], drawn)
    assert fit is not None
    again = TURNS.index(fit.turn)
    undone = np.rot90(np.fliplr(drawn) if again >= 4 else drawn, again % 4)
    np.testing.assert_array_equal(undone, nuclei[1])


def test_where_there_is_nothing_to_go_by_there_is_no_answer(nuclei: tuple[Array, Array]) -> None:
    assert best_fit(nuclei[0], np.zeros_like(nuclei[1])) is None
    assert best_fit(np.full_like(nuclei[0], 7), nuclei[1]) is None
    assert best_fit(np.zeros((1, 1)), np.ones((1, 1), np.uint32)) is None


def test_outlines_lie_between_labels_once() -> None:
    labels = np.zeros((5, 5), np.uint32)
    labels[1:4, 1:4] = 3
    assert outlines_of(labels).astype(int).tolist() == [
        [0, 1, 1, 1, 0],
        [1, 0, 0, 1, 0],
        [1, 0, 0, 1, 0],
        [1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]
