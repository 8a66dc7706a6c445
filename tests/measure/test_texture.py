"""Texture: hand-worked pairs, scikit-image on rectangles, what must not change it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.feature
from scipy.ndimage import gaussian_filter

from cellwright.core.columns import Column
from cellwright.core.image import Array
from cellwright.measure import texture
from cellwright.measure.regions import Regions
from cellwright.measure.texture import FEATURE, LEVELS, measure_texture

PEER: Any = skimage.feature

THEIRS = {
    "angular_second_moment": "ASM",
    "contrast": "contrast",
    "correlation": "correlation",
    "variance": "variance",
    "inverse_difference_moment": "homogeneity",
    "entropy": "entropy",
}
ANGLES = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]


def cloudy(shape: tuple[int, int], seed: int = 0) -> npt.NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(size=shape)
    return np.asarray(1000 * gaussian_filter(noise, 1.2))


def rectangles() -> tuple[Array, dict[int, tuple[slice, slice]]]:
    """Three rectangles that touch, of different sizes."""
    places = {
        3: (slice(5, 45), slice(10, 50)),
        4: (slice(5, 40), slice(50, 70)),
        9: (slice(45, 58), slice(10, 60)),
    }
    labels = np.zeros((60, 80), np.uint32)
    for label, place in places.items():
        labels[place] = label
    return labels, places


def test_as_scikit_image_on_rectangles() -> None:
    labels, places = rectangles()
    plane = cloudy(labels.shape)
    found = measure_texture(Regions(labels, {"GFP": plane}))
    for index, place in enumerate(places.values()):
        values = plane[place]
        # The levels, by the words of the documentation.
        ordered = np.sort(values.ravel())
        low = ordered[int(np.floor(0.01 * (values.size - 1)))]
        high = ordered[int(np.ceil(0.99 * (values.size - 1)))]
        level = np.clip(np.floor((values - low) / (high - low) * LEVELS), 0, LEVELS - 1)
        tenth = max(2, round(0.1 * float(np.sqrt(4 * values.size / np.pi))))
        for scale, distance in (("fine", 1), ("coarse", tenth)):
            matrix = PEER.graycomatrix(
                level.astype(np.uint8), [distance], ANGLES, LEVELS, symmetric=True, normed=True
            )
            for name, theirs in THEIRS.items():
                expected = float(PEER.graycoprops(matrix, theirs).mean())
                if name == "entropy":
                    expected /= np.log(2)  # bits
                ours = found[f"texture_{name}_{scale}_GFP"][index]
                assert ours == pytest.approx(expected, rel=1e-9), (name, scale)


def test_hand_worked_stripes() -> None:
    # Columns of 0 and 31 in turn, 8 × 8: along rows and both diagonals each pair is (0, 31),
    # along columns each is (0, 0) or (31, 31).
    stripes = np.tile([5, 6], (8, 4)).astype(np.uint8)
    found = measure_texture(Regions(np.ones((8, 8), np.uint32), {"0": stripes}))
    fine = {name: float(found[f"texture_{name}_fine_0"][0]) for name in THEIRS}
    far = 31.0**2
    assert fine["contrast"] == 3 * far / 4
    assert fine["correlation"] == pytest.approx((-1 - 1 - 1 + 1) / 4)
    assert fine["variance"] == pytest.approx(far / 4)
    assert fine["angular_second_moment"] == pytest.approx(0.5)
    assert fine["inverse_difference_moment"] == pytest.approx((3 / (1 + far) + 1) / 4)
    assert fine["entropy"] == pytest.approx(1.0)


def test_pairs_stay_within_one_cell() -> None:
    labels = np.ones((20, 40), np.uint32)
    labels[:, 20:] = 2
    plane = cloudy(labels.shape)
    together = measure_texture(Regions(labels, {"0": plane}))
    for index, part in enumerate((slice(0, 20), slice(20, 40))):
        alone = measure_texture(Regions(np.ones((20, 20), np.uint32), {"0": plane[:, part]}))
        for name, values in alone.items():
            assert together[name][index] == values[0], name


@pytest.mark.parametrize(("gain", "offset"), [(4.0, 0.0), (1.0, 512.0), (0.25, -64.0)])
def test_gain_and_offset_change_nothing(gain: float, offset: float) -> None:
    labels, _ = rectangles()
    plane = np.round(cloudy(labels.shape))
    one = measure_texture(Regions(labels, {"0": plane}))
    two = measure_texture(Regions(labels, {"0": gain * plane + offset}))
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name])


def test_turning_and_mirroring_change_nothing() -> None:
    labels, _ = rectangles()
    plane = cloudy(labels.shape)
    one = measure_texture(Regions(labels, {"0": plane}))
    for turned in (np.rot90, np.flipud, np.transpose):
        two = measure_texture(Regions(turned(labels), {"0": turned(plane)}))
        for name, values in one.items():
            np.testing.assert_allclose(two[name], values, rtol=1e-12)


def test_a_hot_pixel_changes_little() -> None:
    labels = np.ones((40, 40), np.uint32)
    plane = cloudy(labels.shape)
    one = measure_texture(Regions(labels, {"0": plane}))["texture_entropy_fine_0"][0]
    plane[20, 20] = 1e6
    two = measure_texture(Regions(labels, {"0": plane}))["texture_entropy_fine_0"][0]
    assert two == pytest.approx(one, rel=0.02)


def test_smooth_and_rough_are_told_apart() -> None:
    labels = np.ones((40, 40), np.uint32)
    rough = np.random.default_rng(0).normal(size=labels.shape)
    found = measure_texture(Regions(labels, {"smooth": cloudy((40, 40)), "rough": rough}))
    assert found["texture_correlation_fine_smooth"][0] > 0.6
    assert abs(found["texture_correlation_fine_rough"][0]) < 0.1
    assert found["texture_contrast_fine_smooth"][0] < found["texture_contrast_fine_rough"][0] / 2


def test_what_has_no_texture_is_empty() -> None:
    labels = np.zeros((40, 40), np.uint32)
    labels[:5, :5] = 1  # 4 × 5 pairs along the rows: fewer than 32
    labels[10:30, :10] = 2
    labels[10:30, 20:30] = 3
    plane = cloudy(labels.shape)
    plane[labels == 2] = 7.0
    plane[12, 22], plane[15, 25] = np.nan, np.inf
    found = measure_texture(Regions(labels, {"0": plane}))
    for values in found.values():
        assert np.isnan(values).tolist() == [True, True, False]


def test_it_is_the_same_in_any_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, _ = rectangles()
    regions = Regions(labels, {"0": cloudy(labels.shape)})
    one = measure_texture(regions)
    monkeypatch.setattr(texture, "PIXELS_AT_ONCE", 1)
    two = measure_texture(regions)
    for name, values in one.items():
        assert values.tobytes() == two[name].tobytes()


def test_what_is_declared() -> None:
    assert FEATURE.on_request
    labels, _ = rectangles()
    found = measure_texture(Regions(labels, {"GFP": cloudy(labels.shape)}))
    columns: dict[str, Column] = {
        column.name: column for column in (each.for_channel("GFP") for each in FEATURE.columns)
    }
    assert list(found) == list(columns)
    for name, values in found.items():
        low, high = columns[name].bounds
        assert low is not None
        assert high is not None
        assert ((values >= low) & (values <= high)).all(), name
