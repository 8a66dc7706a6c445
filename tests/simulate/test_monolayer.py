"""A simulated sheet of cells is what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.simulate.monolayer import simulate_monolayer


def test_the_same_seed_gives_the_same_sheet() -> None:
    one, truth = simulate_monolayer((128, 96), 30, seed=4)
    again, same = simulate_monolayer((128, 96), 30, seed=4)
    assert one.tobytes() == again.tobytes()
    assert truth.tobytes() == same.tobytes()


def test_cells_fill_the_field_and_have_the_size_that_was_asked_for() -> None:
    _, labels = simulate_monolayer((400, 400), 40, seed=1)
    count = int(labels.max())
    np.testing.assert_array_equal(np.unique(labels), np.arange(1, count + 1))
    inner = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    whole = np.delete(inner, rim - 1)
    assert whole.mean() == pytest.approx(np.pi * 20**2, rel=0.12)


def test_cells_are_in_one_piece() -> None:
    _, labels = simulate_monolayer((256, 256), 40, seed=1)
    rim = set(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).tolist())
    for label in set(range(1, int(labels.max()) + 1)) - rim:
        assert ndimage.label(labels == label)[1] == 1


def test_borders_are_bright_and_some_are_broken() -> None:
    picture, labels = simulate_monolayer(seed=1, broken=0.2, nuclei=0.0)
    border = np.zeros(labels.shape, bool)
    border[:-1] |= labels[:-1] != labels[1:]
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    inside = np.asarray(ndimage.distance_transform_edt(~border), np.float64) > 8
    assert np.median(picture[border]) > 3 * np.median(picture[inside])
    dark = np.mean(picture[border] < 2 * np.median(picture[inside]))
    assert 0.1 < dark < 0.35


def test_cells_are_long_in_the_direction_that_was_asked_for() -> None:
    _, labels = simulate_monolayer((400, 400), 40, seed=1, elongation=2.5, direction=0.0)
    area = np.bincount(labels.ravel())[1:]
    spreads = []
    for place in np.indices(labels.shape):
        mean = np.bincount(labels.ravel(), place.ravel())[1:] / area
        square = np.bincount(labels.ravel(), place.ravel() ** 2)[1:] / area
        spreads.append(np.median(np.sqrt(square - mean**2)))
    high, wide = spreads
    assert wide / high == pytest.approx(2.5, rel=0.3)


def test_nuclei_shine_through() -> None:
    dark, labels = simulate_monolayer(seed=2, nuclei=0.0)
    bright, same = simulate_monolayer(seed=2, nuclei=0.3)
    np.testing.assert_array_equal(labels, same)
    assert bright.mean() > dark.mean() + 3


@pytest.mark.parametrize(("diameter", "elongation"), [(0.0, 1.0), (10.0, 0.5)])
def test_what_cannot_be_simulated_is_refused(diameter: float, elongation: float) -> None:
    with pytest.raises(UsageError, match="cannot be simulated"):
        simulate_monolayer((32, 32), diameter, elongation=elongation)
