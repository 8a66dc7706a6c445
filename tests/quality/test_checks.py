"""Each check finds the damage that it is for, and only that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.quality.check import Finding
from cellwright.quality.focus import edge_blur
from cellwright.quality.judge import judge_plane
from cellwright.quality.plane import finite_part, noise_level, sight
from cellwright.simulate.camera import uneven
from cellwright.simulate.monolayer import simulate_monolayer
from cellwright.simulate.nuclei import simulate_nuclei


def finding(check: str, plane: Array, bits: int | None = None) -> Finding:
    return next(f for f in judge_plane(plane, "0", bits) if f.check == check)


# Focus


@pytest.mark.parametrize("blur", [1.0, 2.0, 3.0, 4.0])
def test_the_blur_of_straight_edges_is_measured_in_pixels(blur: float) -> None:
    random = np.random.default_rng(0)
    boards = np.kron(random.integers(0, 2, (8, 8)), np.ones((64, 64))) * 200.0
    seen = ndimage.gaussian_filter(boards, blur) + random.normal(0, 1, boards.shape)
    values, _ = finite_part(seen)
    assert edge_blur(values, noise_level(values)) == pytest.approx(blur, rel=0.15)


@pytest.mark.parametrize("blur", [1.0, 2.0, 3.0, 4.0])
def test_the_blur_of_thin_lines_is_measured_too(blur: float) -> None:
    random = np.random.default_rng(0)
    lines = np.zeros((512, 512))
    lines[::64] = 4000.0
    lines[:, ::64] = 4000.0
    seen = ndimage.gaussian_filter(lines, blur) + random.normal(0, 1, lines.shape)
    values, _ = finite_part(seen)
    assert edge_blur(values, noise_level(values)) == pytest.approx(blur, rel=0.25)


@pytest.mark.parametrize("kind", ["nuclei", "monolayer"])
def test_focus_tells_a_blurred_picture_from_a_sharp_one(kind: str) -> None:
    for seed in range(2):
        verdicts = [
            finding(
                "focus",
                simulate_nuclei(seed=seed, diameter_px=36, n=25, blur=blur)[0]
                if kind == "nuclei"
                else simulate_monolayer(seed=seed, blur=blur, noise=0.002, photons=0)[0],
            ).verdict
            for blur in (1.0, 6.0)
        ]
        assert verdicts[0] == "pass"
        assert verdicts[1] in {"warn", "fail"}


def test_some_nuclei_out_of_focus_do_not_spoil_a_picture() -> None:
    assert finding("focus", simulate_nuclei(seed=2, out_of_focus=0.15)[0]).verdict == "pass"


def test_noise_does_not_make_a_blurred_picture_sharp() -> None:
    picture, _ = simulate_nuclei(seed=2, diameter_px=40, n=30, blur=6.0, noise=0.03)
    assert finding("focus", picture).verdict != "pass"


def test_an_empty_picture_is_not_judged_to_be_blurred() -> None:
    random = np.random.default_rng(0)
    found = finding("focus", random.normal(100, 5, (256, 256)))
    assert found.verdict == "pass"
    assert np.isnan(found.value)
    assert "not judged" in found.reason


# Saturation


def test_saturation_counts_the_pixels_at_full_scale() -> None:
    plane = np.zeros((100, 100), np.uint8)
    plane[:20] = np.tile(np.arange(100, 200, dtype=np.uint8), (20, 1))
    plane[:8, :50] = 255
    found = finding("saturation", plane)
    # 400 of 10,000 pixels are at 255, and 2,000 are bright.
    assert found.value == pytest.approx(0.2)
    assert "4 % of the pixels (20 % of the bright ones) are at the largest value 255" in (
        found.reason
    )


def test_few_cells_in_a_dark_field_are_enough_to_warn() -> None:
    picture, _ = simulate_nuclei(seed=1, n=3, brightness=3.0)
    assert np.mean(picture == 255) < 0.01
    assert finding("saturation", picture).verdict == "fail"


def test_full_scale_of_the_camera_counts_not_only_that_of_the_file() -> None:
    picture = simulate_nuclei(seed=1, bits=16, brightness=1.5)[0] // 16
    assert picture.max() == 4095
    assert finding("saturation", picture, bits=12).verdict != "pass"
    assert finding("saturation", picture, bits=None).verdict != "pass"


def test_a_pile_at_any_largest_value_counts() -> None:
    picture = simulate_nuclei(seed=1, bits=16)[0].astype(np.float32) / 1000
    assert finding("saturation", picture).verdict == "pass"
    clipped = np.minimum(picture, np.quantile(picture[picture > picture.mean()], 0.5))
    assert finding("saturation", clipped).verdict != "pass"


def test_a_bright_tail_below_full_scale_is_not_saturated() -> None:
    assert finding("saturation", simulate_nuclei(seed=1, brightness=0.3)[0]).verdict == "pass"


# Emptiness


@pytest.mark.parametrize("side", [32, 128, 512])
def test_pure_noise_is_empty(side: int) -> None:
    random = np.random.default_rng(side)
    for plane in (
        random.normal(100, 5, (side, side)),
        random.poisson(4, (side, side)).astype(np.uint16),
        np.rint(random.normal(4, 0.4, (side, side))).clip(0).astype(np.uint8),
    ):
        assert finding("emptiness", plane).verdict == "warn"


def test_an_empty_field_under_uneven_light_is_empty() -> None:
    random = np.random.default_rng(0)
    light = 1000 * uneven((512, 512), 0.5).astype(np.float64)
    assert finding("emptiness", random.poisson(light).astype(np.uint16)).verdict == "warn"


def test_one_small_weak_cell_is_not_nothing() -> None:
    random = np.random.default_rng(0)
    plane = random.normal(100, 5, (1024, 1024))
    plane[500:514, 700:714] += 20
    assert finding("emptiness", plane).verdict == "pass"


def test_hot_pixels_are_nothing() -> None:
    random = np.random.default_rng(0)
    plane = random.normal(100, 5, (256, 256))
    plane.ravel()[random.choice(plane.size, 10, replace=False)] += 2000
    assert finding("emptiness", plane).verdict == "warn"


# Illumination


def test_a_background_that_rises_is_seen_in_either_polarity() -> None:
    y, x = np.mgrid[:384, :384]
    cells = 100.0 * ((y % 48 - 24) ** 2 + (x % 48 - 24) ** 2 < 100)
    cells += np.random.default_rng(0).normal(0, 2, cells.shape)
    for sign in (1, -1):
        assert finding("illumination", sign * cells).verdict == "pass"
        tilted = finding("illumination", sign * cells + 70 * x / 384)
        # 70 of 100 grey values, less the 12th part that lies between centres of tiles.
        assert tilted.verdict == "warn"
        assert tilted.value == pytest.approx(70 * 11 / 12 / 100, abs=0.15)
        assert finding("illumination", sign * cells + 400 * x / 384).verdict == "fail"


def test_the_edge_of_a_tissue_is_not_the_light() -> None:
    random = np.random.default_rng(0)
    plane = np.where(np.mgrid[:384, :384][1] < 120, 100.0, 160.0)
    plane += random.normal(0, 3, plane.shape)
    smooth = 100 + 60 * np.mgrid[:384, :384][1] / 384 + random.normal(0, 3, plane.shape)
    for background in (plane, smooth):
        background[40:60, 40:60] += 40
        background[200:220, 300:320] += 40
    assert finding("illumination", plane).value < finding("illumination", smooth).value
    assert finding("illumination", smooth).verdict != "pass"


def test_vignetting_of_a_dark_field_shows_in_the_cells() -> None:
    kwargs = {"n": 260, "diameter_px": 18.0, "seed": 6, "background": 0.0}
    even = finding("illumination", simulate_nuclei(illumination=0.0, **kwargs)[0])  # type: ignore[arg-type]
    dim = finding("illumination", simulate_nuclei(illumination=0.85, **kwargs)[0])  # type: ignore[arg-type]
    assert even.verdict == "pass"
    assert dim.verdict == "warn"
    assert "rim" in dim.reason


# Noise


@pytest.mark.parametrize("sigma", [0.5, 3.0, 20.0])
def test_the_noise_is_measured(sigma: float) -> None:
    random = np.random.default_rng(0)
    clean, _ = simulate_nuclei(seed=1, photons=0, noise=0, texture=0, bits=16)
    plane = clean / 256.0 + random.normal(0, sigma, clean.shape)
    assert noise_level(finite_part(plane)[0]) == pytest.approx(sigma, rel=0.1)


def test_a_noisy_picture_is_warned_of_and_a_hopeless_one_fails() -> None:
    random = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    clean = 10.0 * ((y % 64 < 32) & (x % 64 < 32))
    expected = {1.0: "pass", 3.0: "warn", 5.6: "fail"}
    for sigma, verdict in expected.items():
        assert finding("noise", clean + random.normal(0, sigma, clean.shape)).verdict == verdict


def test_contrast_and_prominence_of_a_known_square() -> None:
    plane = np.zeros((256, 256))
    plane[64:192, 64:192] = 50.0
    plane += np.random.default_rng(0).normal(0, 1, plane.shape)
    seen = sight(plane)
    assert seen.noise == pytest.approx(1.0, rel=0.05)
    # The quadratic background takes a part of a square this large, never adds to it.
    assert 40 < seen.contrast < 60
    assert seen.prominence > 100


# Real pictures


@pytest.mark.parametrize(
    "name",
    [
        "bbbc039",
        "neuroblastoma",
        "usiigaci",
        "endothelium",
        "epithelium",
        "zo1_mdck",
        "dsb2018_test",
    ],
)
def test_published_pictures_are_fit_and_their_spoilt_copies_are_not(
    shared_data: Path, name: str
) -> None:
    from PIL import Image as Pillow

    path = sorted((shared_data / name / "images").glob("*.png"))[1]
    with Pillow.open(path) as opened:
        picture = np.asarray(opened)
    plane = picture if picture.ndim == 2 else picture[..., 1]
    for found in judge_plane(plane, "0", None):
        assert found.verdict != "fail", found
    random = np.random.default_rng(0)
    noise = random.normal(0, max(sight(plane).noise, 0.3), plane.shape)
    sharp = finding("focus", plane).value
    blurred = ndimage.gaussian_filter(plane.astype(np.float64), 8) + noise
    assert finding("focus", np.rint(blurred)).value > max(1.3 * sharp, 3.0)
    assert finding("emptiness", plane.min() + np.rint(noise)).verdict != "pass"
