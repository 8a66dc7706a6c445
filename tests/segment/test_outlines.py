"""Outlines that are moved to the borders near them."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.core.image import Array, Image
from cellwright.evaluation.picture import score_picture
from cellwright.segment import network_plane
from cellwright.segment.network import NetworkMethod, NetworkOptions
from cellwright.segment.outlines import on_borders
from cellwright.simulate.monolayer import simulate_monolayer

SHAPE = (400, 500)
DIAMETER = 80.0


def seen_in_large_pixels(labels: Array, side: int = 12) -> Array:
    """As a network has it that sees the picture at a twelfth of its size."""
    rows, columns = (
        np.minimum(np.arange(n) // side * side + side // 2, n - 1) for n in labels.shape
    )
    return np.ascontiguousarray(labels[rows][:, columns])


@pytest.mark.parametrize("polarity", ["bright", "dark"])
def test_outlines_come_to_lie_on_borders(polarity: str) -> None:
    dark = float(polarity == "dark")
    pixels, truth = simulate_monolayer(SHAPE, DIAMETER, seed=3, dark=dark)
    rough = seen_in_large_pixels(truth)
    moved = on_borders(rough, pixels.astype(np.float32), polarity)  # type: ignore[arg-type]
    before, after = (score_picture(truth, one, image="a") for one in (rough, moved))
    assert before["boundary_f1"] < 0.8
    assert after["boundary_f1"] > 0.95
    assert after["f1_50"] >= before["f1_50"]


def test_every_cell_keeps_its_number_and_its_middle() -> None:
    pixels, truth = simulate_monolayer(SHAPE, DIAMETER, seed=4)
    moved = on_borders(truth, pixels.astype(np.float32), "bright")
    assert moved.dtype == truth.dtype
    assert set(np.unique(moved)) == set(np.unique(truth))
    assert np.mean(moved == truth) > 0.9


def test_nothing_is_moved_where_nothing_is_seen() -> None:
    labels = np.zeros((60, 90), np.uint32)
    labels[10:50, 10:45] = 1
    labels[10:50, 45:80] = 2
    moved = on_borders(labels, np.ones(labels.shape, np.float32), "bright")
    assert np.mean(moved != labels) < 0.02


def test_a_thin_cell_is_not_lost() -> None:
    labels = np.zeros((40, 120), np.uint32)
    labels[20:22, 5:115] = 1
    noise = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32)
    moved = on_borders(labels, noise, "bright")
    assert np.count_nonzero(moved) > 0


def test_ground_without_cells_stays_ground() -> None:
    empty = np.zeros((30, 30), np.uint32)
    assert not on_borders(empty, np.ones((30, 30), np.float32), "dark").any()


@pytest.mark.parametrize("colour", [False, True])
def test_the_network_answers_so_when_it_is_asked(colour: bool) -> None:
    pixels, truth = simulate_monolayer((700, 800), 160.0, seed=5)
    picture = Image(np.stack([pixels] * 3, -1), "YXS") if colour else Image(pixels, "YX")

    def asked(borders: str) -> Array:
        options = NetworkOptions.model_validate({"model": "borders", "borders": borders})
        return NetworkMethod().segment(picture, options).labels["cell"].pixels()

    before, after = (
        score_picture(truth, asked(borders), image="a") for borders in ("ignored", "bright")
    )
    assert after["boundary_f1"] > before["boundary_f1"] + 0.02
    assert after["semantic_iou"] > 0.95


def test_windows_move_outlines_as_the_whole_does(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, _ = simulate_monolayer((700, 700), 60.0, seed=6)
    options = NetworkOptions(model="borders", borders="bright")

    def asked(side: int) -> Array:
        monkeypatch.setattr(network_plane, "MOVED_SIDE", side)
        return NetworkMethod().segment(Image(pixels, "YX"), options).labels["cell"].pixels()

    whole, parts = asked(1024), asked(256)
    assert np.count_nonzero(whole) > 0.9 * whole.size
    assert np.mean(whole != parts) < 1e-5
