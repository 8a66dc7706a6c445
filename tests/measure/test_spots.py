"""Spots: simulated nuclei with known spots and noise of photons, and what must not be one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cellwright.core.image import Array
from cellwright.measure import spots
from cellwright.measure.regions import Regions
from cellwright.measure.spots import FEATURE, measure_spots

SIDE = 90
BODY, OUTSIDE = 200.0, 20.0


@dataclass(frozen=True, eq=False)
class Simulated:
    """Nuclei of 46 to 70 px on a grid, with their spots."""

    plane: Array
    labels: Array
    counts: Array


def nuclei(count: int, most: int, snr: float, seed: int, edge: float = 1.5) -> Simulated:
    """Simulate nuclei with up to `most` spots; `snr` is the height over the noise of a pixel."""
    rng = np.random.default_rng(seed)
    columns = int(np.ceil(np.sqrt(count)))
    plane = np.full((SIDE * columns, SIDE * columns), OUTSIDE)
    labels = np.zeros(plane.shape, np.uint32)
    counts = rng.integers(0, most + 1, count)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    for index, n in enumerate(counts):
        height, width = rng.uniform(23, 35, 2)
        nucleus = gaussian_filter((np.hypot(y / height, x / width) <= 1).astype(float), edge)
        picture = OUTSIDE + (BODY - OUTSIDE) * nucleus
        centres = np.zeros((0, 2))
        while len(centres) < n:
            centre = rng.uniform(-33, 33, 2)
            inside = np.hypot(centre[0] / (height - 4), centre[1] / (width - 4)) <= 1
            if inside and (np.hypot(*(centres - centre).T) >= 6).all():
                centres = np.vstack([centres, centre])
        for at_y, at_x in centres:
            distance = (y - at_y) ** 2 + (x - at_x) ** 2
            picture += snr * np.sqrt(BODY) * np.exp(-distance / (2 * 1.5**2))
        row, column = divmod(index, columns)
        place = (
            slice(row * SIDE, (row + 1) * SIDE),
            slice(column * SIDE, (column + 1) * SIDE),
        )
        plane[place] = picture
        labels[place][nucleus > 0.5] = index + 1
    return Simulated(rng.poisson(plane).astype(np.uint16), labels, counts)


def found(simulated: Simulated) -> dict[str, Array]:
    regions = Regions(simulated.labels, {"0": simulated.plane})
    return {name: np.asarray(values) for name, values in measure_spots(regions).items()}


@pytest.mark.parametrize("edge", [0.7, 1.5, 2.5])
def test_noise_alone_has_no_spots(edge: float) -> None:
    simulated = nuclei(196, 0, 0.0, seed=1, edge=edge)
    assert found(simulated)["spot_count_0"].sum() <= 0.01 * 196


@pytest.mark.parametrize("snr", [5.0, 10.0, 30.0])
def test_spots_are_found(snr: float) -> None:
    simulated = nuclei(49, 20, snr, seed=2)
    columns = found(simulated)
    counted = columns["spot_count_0"]
    # Cell by cell: no more than there are, and at least 95 % of all.
    assert np.minimum(counted, simulated.counts).sum() >= 0.95 * counted.sum()
    assert np.minimum(counted, simulated.counts).sum() >= 0.95 * simulated.counts.sum()
    assert np.corrcoef(counted, simulated.counts)[0, 1] > 0.98
    # The mean of nine pixels of a Gaussian of σ = 1.5 is 0.76 of its height.
    heights = columns["spot_intensity_mean_0"]
    assert np.nanmean(heights) == pytest.approx(0.76 * snr * np.sqrt(BODY), rel=0.1)
    assert np.isnan(heights).tolist() == (counted == 0).tolist()
    # Above half of that height, 0.38 of the peak, lie 2 π σ² ln(1 / 0.38) = 13.7 px.
    area = columns["spot_area_share_0"] * np.bincount(simulated.labels.ravel())[1:]
    assert area.sum() / counted.sum() == pytest.approx(13.7, rel=0.15)


def test_hand_worked_without_noise() -> None:
    y, x = np.mgrid[:60, :60]
    plane = np.full((60, 60), 100.0)
    for centre in ((15, 20), (30, 40), (45, 30.5)):  # the last between two pixels
        plane += 80 * np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 4.5)
    labels = (np.hypot(y - 30, x - 30) < 25).astype(np.uint32)
    columns = measure_spots(Regions(labels, {"0": plane}))
    assert columns["spot_count_0"].tolist() == [3]
    flat = measure_spots(Regions(labels, {"0": np.full((60, 60), 5, np.uint8)}))
    assert flat["spot_count_0"].tolist() == [0]
    assert np.isnan(flat["spot_intensity_mean_0"]).all()
    assert flat["spot_area_share_0"].tolist() == [0]


def test_ridges_and_bright_neighbours_are_no_spots() -> None:
    rng = np.random.default_rng(0)
    labels = np.ones((60, 90), np.uint32)
    labels[:, 45:] = 2
    plane = np.where(labels == 1, 100.0, 3000.0)  # side by side, very different
    plane[:, 20] += 200  # a fold
    columns = measure_spots(Regions(labels, {"0": rng.poisson(plane).astype(np.uint16)}))
    assert columns["spot_count_0"].tolist() == [0, 0]


def test_gain_and_offset_change_no_count() -> None:
    simulated = nuclei(9, 15, 8.0, seed=3)
    one = found(simulated)
    other = Simulated(4.0 * simulated.plane + 512.0, simulated.labels, simulated.counts)
    two = found(other)
    np.testing.assert_array_equal(one["spot_count_0"], two["spot_count_0"])
    np.testing.assert_array_equal(one["spot_area_share_0"], two["spot_area_share_0"])
    np.testing.assert_allclose(4 * one["spot_intensity_mean_0"], two["spot_intensity_mean_0"])


def test_each_cell_is_judged_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = nuclei(9, 15, 8.0, seed=4)
    together = found(simulated)
    monkeypatch.setattr(spots, "PIXELS_AT_ONCE", 1)
    alone = found(simulated)
    for name, values in together.items():
        assert values.tobytes() == alone[name].tobytes(), name


def test_specks_and_pixels_that_are_not_finite() -> None:
    simulated = nuclei(4, 10, 20.0, seed=5)
    plane = simulated.plane.astype(np.float64)
    labels = simulated.labels.copy()
    labels[0, :40] = 9  # too small to tell its noise
    plane[labels == 1] = np.nan
    plane[SIDE // 2, SIDE + SIDE // 2] = np.inf
    columns = measure_spots(Regions(labels, {"0": plane}))
    assert np.isnan(columns["spot_count_0"]).tolist() == [True, False, False, False, True]
    assert np.isnan(columns["spot_intensity_mean_0"][[0, 4]]).all()
    kept = columns["spot_count_0"][2:4]
    np.testing.assert_array_equal(kept, simulated.counts[2:4])


def test_what_is_declared() -> None:
    assert FEATURE.on_request
    names = [column.for_channel("GFP").name for column in FEATURE.columns]
    empty = measure_spots(Regions(np.zeros((5, 5), np.uint32), {"GFP": np.zeros((5, 5))}))
    assert list(empty) == names == [
        "spot_count_GFP", "spot_intensity_mean_GFP", "spot_area_share_GFP",
    ]  # fmt: skip
