"""Cells that went wrong have the size and shape that their name says."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.core.errors import UsageError
from cellwright.simulate.odd_cells import odd_cell

LABELS = np.zeros((60, 60), np.int32)
LABELS[10:30, 10:30] = 1
LABELS[10:30, 32:52] = 2  # two pixels away
LABELS[45:55, 5:15] = 3  # alone


def test_merged_cells_are_both_and_what_lies_between() -> None:
    found = odd_cell(LABELS, 1, "merged", np.random.default_rng(0))
    assert found is not None
    assert 800 + 30 < found.sum() <= 800 + 2 * 20
    inner = np.zeros_like(found)
    inner[1:-1, 1:-1] = True
    assert not found[~inner].any()


def test_a_cell_alone_cannot_be_merged() -> None:
    assert odd_cell(LABELS, 3, "merged", np.random.default_rng(0)) is None


def test_cut_and_spiky_cells() -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        cut, spiky = (odd_cell(LABELS, 1, kind, random) for kind in ("cut", "spiky"))
        assert cut is not None
        assert spiky is not None
        assert 400 * 0.3 < cut.sum() < 400 * 0.7
        assert 400 < spiky.sum() < 400 * 2
        rows, columns = np.nonzero(spiky)
        assert max(np.ptp(rows), np.ptp(columns)) > 20


@pytest.mark.parametrize("label", [0, 4, -1])
def test_a_cell_that_is_not_there_is_named(label: int) -> None:
    with pytest.raises(UsageError, match=f"no cell {label}"):
        odd_cell(LABELS, label, "cut", np.random.default_rng(0))
