from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Spacing
from cellwright.report.preview import display_window, make_preview, scale_bar
from cellwright.report.section import Preview


def preview_of(
    plane: Array,
    labels: npt.NDArray[np.uint32] | None = None,
    spacing: float | None = None,
    max_size: int = 720,
) -> Preview:
    if labels is None:
        labels = np.zeros(plane.shape[:2], np.uint32)
    return make_preview(
        plane, labels, image="a.tif", frame=0, role="median", caption="",
        spacing=Spacing(y=spacing, x=spacing), max_size=max_size,
    )  # fmt: skip


def pixels(png: bytes, mode: str) -> Array:
    return np.asarray(Picture.open(io.BytesIO(png)).convert(mode))


def test_outlines_are_on_both_sides_of_the_border_and_nowhere_else() -> None:
    labels = np.zeros((600, 600), np.uint32)
    labels[100:200, 100:300] = 7
    drawn = pixels(preview_of(np.zeros((600, 600)), labels).outlines, "RGBA")
    line = (drawn[..., :3] == (255, 194, 10)).all(axis=-1) & (drawn[..., 3] == 255)
    expected = np.zeros((600, 600), bool)
    expected[99:201, 100:300] = True  # four neighbours: no corners outside
    expected[100:200, 99:301] = True
    expected[101:199, 101:299] = False
    assert np.array_equal(line, expected)
    assert drawn[150, 200, 3] == 0
    assert drawn[98, 150, 3] == 130  # the casing, that shows the line on white
    assert drawn[96, 150, 3] == 0


def test_touching_cells_have_a_line_between_them() -> None:
    labels = np.ones((500, 500), np.uint32)
    labels[:, 250:] = 2
    drawn = pixels(preview_of(np.zeros((500, 500)), labels).outlines, "RGBA")[..., 3]
    assert np.flatnonzero(drawn.any(axis=0)).tolist() == [249, 250]


def test_brightness_is_linear_between_the_percentiles() -> None:
    plane = np.tile(np.arange(1000, dtype=np.uint16), (600, 1))
    low, high = display_window(plane)
    assert (low, high) == (np.percentile(plane, 0.175), np.percentile(plane, 99.825))
    shown = pixels(preview_of(plane, max_size=1000).picture, "L").astype(float)
    inside = (plane > low) & (plane < high)
    expected = (plane - low) / (high - low) * 255
    assert np.abs(shown - expected)[inside].max() <= 0.5


def test_bright_specks_on_a_flat_ground_are_shown() -> None:
    plane = np.zeros((600, 600))
    plane[3, 5] = 9.0
    shown = pixels(preview_of(plane).picture, "L")
    assert shown[3, 5] == 255
    assert shown.sum() == 255


def test_pixels_that_are_not_finite_are_dark() -> None:
    plane = np.full((600, 600), np.nan)
    plane[:, 300:] = np.linspace(1, 2, 300)
    plane[0, 400] = np.inf
    shown = pixels(preview_of(plane).picture, "L")
    assert shown[:, :300].max() == 0
    assert shown[0, 400] == 0
    assert shown[5, -1] == 255


def test_nothing_but_nan_gives_a_dark_picture() -> None:
    assert pixels(preview_of(np.full((8, 8), np.nan)).picture, "L").max() == 0


def test_colours_of_bytes_are_shown_as_they_are() -> None:
    plane = np.random.default_rng(0).integers(0, 256, (500, 520, 3), dtype=np.uint8)
    preview = preview_of(plane)
    assert np.array_equal(pixels(preview.picture, "RGB"), plane)
    assert preview.window == "colours as in the file"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1440, 720), (720, 360)), ((600, 500), (600, 500)), ((100, 50), (400, 200)),
     ((1, 1), (4, 4)), ((3, 5000), (1, 720))],
)  # fmt: skip
def test_size_of_the_preview(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    preview = preview_of(np.zeros(shape))
    assert (preview.height, preview.width) == expected
    assert pixels(preview.picture, "L").shape == expected
    assert pixels(preview.outlines, "RGBA").shape == (*expected, 4)


def test_scale_bar_in_preview_pixels() -> None:
    preview = preview_of(np.zeros((1440, 1440)), spacing=0.5)
    # 22 % of 720 µm is 158 µm: 100 µm are 200 pixels, at half size 100.
    assert (preview.scale_bar_um, preview.scale_bar_px) == (100.0, 100.0)
    assert preview_of(np.zeros((1440, 1440))).scale_bar_um is None


@given(st.integers(1, 100_000), st.floats(1e-4, 1e4))
def test_scale_bar_is_one_two_or_five_and_fits(width: int, spacing: float) -> None:
    length, drawn = scale_bar(width, spacing)
    assert length is not None
    assert f"{length:.0e}"[0] in "125"
    assert f"{length:.6e}"[2:8] == "000000"
    assert 0.22 * width / 2.5 * 0.999 <= drawn <= 0.22 * width * 1.001


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_equal_input_gives_equal_bytes(height: int, width: int, seed: int) -> None:
    plane = np.random.default_rng(seed).normal(size=(height, width))
    labels = (plane > 0).astype(np.uint32)
    assert preview_of(plane, labels) == preview_of(plane.copy(), labels.copy())


def test_plane_and_labels_must_fit() -> None:
    with pytest.raises(UsageError, match="a preview needs a plane and labels of one size"):
        preview_of(np.zeros((4, 4)), np.zeros((4, 5), np.uint32))
    with pytest.raises(UsageError):
        preview_of(np.zeros((0, 4)))
