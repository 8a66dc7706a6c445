"""The smooth curve of a distribution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.stats.density import density


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.01, 1e5), min_size=5, max_size=60, unique=True),
    st.floats(-1e3, 1e3),
)
def test_density_is_one_and_moves_with_its_values(values: list[float], shift: float) -> None:
    x, y = density(np.array(values))
    moved, same = density(np.array(values) + shift)
    step = x[1] - x[0]
    assert np.all(y >= 0)
    assert np.sum(y) * step == pytest.approx(1.0)
    assert np.sum(x * y) * step == pytest.approx(np.mean(values), abs=1.5 * step)
    assert np.sum(moved * same) * step - shift == pytest.approx(
        np.mean(values), abs=1.5 * (moved[1] - moved[0]) + 1e-6
    )


@pytest.mark.parametrize("values", [[], [1.0], [2.0] * 50, [17.5, 17.5 + 4e-15] * 9])
def test_too_little_for_a_curve(values: list[float]) -> None:
    assert len(density(np.array(values))[0]) == 0
