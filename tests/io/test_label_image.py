"""Label images: what is written comes back, and what others write is understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from cellwright.core.errors import UnreadableError
from cellwright.core.image import Spacing
from cellwright.io.label_image import decode_labels, encode_labels
from cellwright.io.open import read

LABELS = np.arange(6 * 7, dtype=np.uint32).reshape(6, 7)


def _back(tmp_path: Path, data: bytes) -> Any:
    path = tmp_path / "l a.tif"
    path.write_bytes(data)
    return decode_labels(path)


def test_movie_with_pixel_size_and_interval(tmp_path: Path) -> None:
    movie = np.stack([LABELS, LABELS + 1, LABELS * 3])
    data = encode_labels(movie, "TYX", Spacing(y=0.5, x=0.25), 300.0)
    labels = _back(tmp_path, data)
    assert labels.axes == "TYX"
    np.testing.assert_array_equal(labels.data, movie)
    image = read(tmp_path / "l a.tif")
    assert image.dtype == np.uint16
    assert (image.spacing.y, image.spacing.x, image.interval) == (0.5, 0.25, 300.0)


@pytest.mark.parametrize(("largest", "stored"), [(65535, "u2"), (65536, "u4"), (2**32 - 1, "u4")])
def test_numbers_are_never_wrapped(tmp_path: Path, largest: int, stored: str) -> None:
    data = LABELS.copy()
    data[-1, -1] = largest
    labels = _back(tmp_path, encode_labels(data, "YX", Spacing(y=0.65, x=0.65)))
    assert labels.data.dtype == np.uint32
    np.testing.assert_array_equal(labels.data, data)
    assert labels.spacing.square == pytest.approx(0.65)
    assert tifffile.imread(tmp_path / "l a.tif").dtype == np.dtype(stored)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(0, 70_000))
def test_every_shape_comes_back(
    tmp_path: Path, frames: int, height: int, width: int, largest: int
) -> None:
    data = np.arange(frames * height * width, dtype=np.uint32).reshape(frames, height, width)
    data[0, 0, 0] = largest
    raw = encode_labels(data, "TYX")
    assert raw == encode_labels(data, "TYX")
    labels = _back(tmp_path, raw)
    assert labels.axes == ("TYX" if frames > 1 else "YX")
    np.testing.assert_array_equal(labels.data, data if frames > 1 else data[0])


def test_nothing_of_time_or_version_is_in_the_bytes() -> None:
    with_text = encode_labels(LABELS, "YX", Spacing(y=1, x=1))
    assert b"tifffile" not in with_text
    assert b"20" + b"26:" not in with_text


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i4", "f4", "f8"])
def test_what_other_programs_store(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "x.tif", LABELS.astype(dtype))
    np.testing.assert_array_equal(np.asarray(decode_labels(tmp_path / "x.tif").data), LABELS)


def test_png_with_a_palette_gives_its_index(tmp_path: Path) -> None:
    picture = Pillow.fromarray(LABELS.astype(np.uint8)).convert("L")
    picture.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    picture.save(tmp_path / "x.png")
    np.testing.assert_array_equal(np.asarray(decode_labels(tmp_path / "x.png").data), LABELS)


def test_what_is_no_label_image_is_refused(tmp_path: Path) -> None:
    bad = {
        "fractions": LABELS + 0.5,
        "negative": LABELS.astype(np.int32) - 5,
        "infinite": np.where(LABELS == 3, np.inf, LABELS).astype(np.float32),
        "inexact": np.full((4, 5), 2.0**25, dtype=np.float32),
    }
    for name, data in bad.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", data)
        with pytest.raises(UnreadableError):
            decode_labels(tmp_path / f"{name}.tif")
    colour = np.random.default_rng(0).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "colour.tif", colour, photometric="rgb")
    with pytest.raises(UnreadableError, match="not a label image"):
        decode_labels(tmp_path / "colour.tif")
