"""The estimated light is the light that was put in, or there is a refusal."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.core.errors import InputError, UnreadableError, UsageError
from cellwright.core.image import Array
from cellwright.quality.flat_field import (
    FEWEST,
    FlatField,
    estimate_flat_field,
    flat_field_of_references,
    load_flat_field,
)
from cellwright.simulate.camera import uneven
from cellwright.simulate.nuclei import simulate_nuclei

SHAPE = (256, 320)


def batch(
    light: Array, n: int = 16, offset: float = 500.0, seed: int = 0, cells: int = 30
) -> tuple[list[Array], list[Array], list[Array]]:
    """Pictures in a light, the same without it, and their labels."""
    lit, even, truths = [], [], []
    for number in range(n):
        plane, truth = simulate_nuclei(
            SHAPE, n=cells, seed=seed + number, illumination=0.0, bits=16, brightness=0.35
        )
        lit.append(np.clip(plane * light + offset, 0, 65535).astype(np.uint16))
        even.append(plane.astype(np.float64))
        truths.append(truth)
    return lit, even, truths


def relative(light: Array) -> Array:
    return np.asarray(light / light.mean())


@pytest.mark.parametrize("drop", [0.3, 0.6])
def test_vignetting_is_measured_within_a_few_percent(drop: float) -> None:
    light = uneven(SHAPE, drop)
    field = estimate_flat_field(batch(light)[0])
    error = field.whole() / relative(light) - 1
    assert np.sqrt(np.mean(error**2)) < 0.025
    assert field.lowest == pytest.approx(1 - drop, abs=0.06)
    assert "corners" in field.words


def test_light_that_falls_to_one_side_is_measured() -> None:
    light = np.broadcast_to(np.linspace(1.3, 0.7, SHAPE[1]), SHAPE)
    field = estimate_flat_field(batch(light)[0])
    assert np.sqrt(np.mean((field.whole() / relative(light) - 1) ** 2)) < 0.025
    assert field.words.startswith("the light falls to 5")
    assert "right" in field.words


def test_the_correction_makes_intensities_independent_of_the_place() -> None:
    light = uneven(SHAPE, 0.6)
    lit, even, truths = batch(light)
    field = estimate_flat_field(lit)

    def bias(planes: list[Array]) -> float:
        """Standard deviation over cells of the brightness above background, against the truth."""
        ratios = []
        for plane, true, labels in zip(planes, even, truths, strict=True):
            dark = np.median(plane[labels == 0])
            true_dark = np.median(true[labels == 0])
            counts = np.bincount(labels.ravel(), plane.ravel() - dark)[1:]
            expected = np.bincount(labels.ravel(), true.ravel() - true_dark)[1:]
            ratios.append(counts[expected > 0] / expected[expected > 0])
        joined = np.concatenate(ratios)
        return float(joined.std() / joined.mean())

    before = bias([plane - 500.0 for plane in lit])
    after = bias([field.apply(plane) for plane in lit])
    assert before > 0.12
    assert after < 0.03


def test_even_light_is_left_alone() -> None:
    planes = batch(np.ones(SHAPE), n=24)[0]
    field = estimate_flat_field(planes)
    assert field.even
    assert np.array_equal(field.apply(planes[0]), planes[0].astype(np.float32))
    assert "nothing was corrected" in field.words


def test_too_few_pictures_are_refused() -> None:
    planes = batch(np.ones(SHAPE), n=FEWEST - 1)[0]
    with pytest.raises(UsageError, match="too few"):
        estimate_flat_field(planes)
    with pytest.raises(UsageError, match="too few"):
        estimate_flat_field([])


def test_pictures_without_cells_are_refused() -> None:
    random = np.random.default_rng(0)
    planes = [random.normal(1000, 10, SHAPE) * uneven(SHAPE, 0.4) for _ in range(FEWEST)]
    with pytest.raises(InputError, match="hold cells enough"):
        estimate_flat_field(planes)


def test_halves_that_disagree_are_refused() -> None:
    left = np.broadcast_to(np.linspace(1.4, 0.6, SHAPE[1]), SHAPE)
    dim = batch(left, n=8)[0]
    other = batch(left[:, ::-1], n=8, seed=50)[0]
    with pytest.raises(InputError, match="halves"):
        estimate_flat_field([plane for pair in zip(dim, other, strict=True) for plane in pair])


def test_planes_of_different_size_are_refused() -> None:
    planes = [np.zeros((200, 200)), np.zeros((200, 201))]
    with pytest.raises(UsageError, match="200 by 200 and of 200 by 201"):
        estimate_flat_field(planes)
    with pytest.raises(UsageError, match="planes"):
        estimate_flat_field([np.zeros((3, 200, 200))])


def test_references_are_divided_pixel_by_pixel() -> None:
    flats = [np.array([[110.0, 210.0], [310.0, 410.0]])] * 2
    field = flat_field_of_references(flats, [np.full((2, 2), 10.0)])
    assert np.allclose(field.field, [[0.4, 0.8], [1.2, 1.6]])
    assert np.allclose(field.apply(np.array([[50, 90], [130, 170]], np.uint8)), 100.0)
    assert field.lowest == pytest.approx(0.25)


def test_references_without_light_are_refused() -> None:
    with pytest.raises(InputError, match="1 pixels"):
        flat_field_of_references([np.array([[5.0, 9.0]])], [np.array([[5.0, 5.0]])])
    with pytest.raises(UsageError):
        flat_field_of_references([])


def test_a_field_does_not_fit_another_camera() -> None:
    field = flat_field_of_references([np.ones((4, 5))])
    with pytest.raises(UsageError, match="4 by 5"):
        field.apply(np.ones((5, 4)))
    assert field.apply(np.ones((3, 4, 5))).shape == (3, 4, 5)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.floats(0.01, 5.0), st.floats(-100, 1000))
def test_saving_keeps_all(rows: int, columns: int, level: float, offset: float) -> None:
    field = (np.arange(rows * columns, dtype=np.float32).reshape(rows, columns) + 1) * level
    saved = FlatField(field, (rows * 2, columns), np.full((1, 1), offset, np.float32), 0.1, "wörds")
    content = saved.save()
    again = load_flat_field(content)
    assert content == saved.save() == again.save()
    assert np.array_equal(again.field, field)
    assert (again.shape, again.error, again.words) == ((rows * 2, columns), 0.1, "wörds")


def packed(compress: int = zipfile.ZIP_STORED, **changes: Array) -> bytes:
    good = flat_field_of_references([np.ones((4, 4))]).save()
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(good)) as archive,
        zipfile.ZipFile(stream, "w", compress) as copy,
    ):
        for name in archive.namelist():
            content = io.BytesIO(archive.read(name))
            if name.removesuffix(".npy") in changes:
                content = io.BytesIO()
                np.save(content, changes[name.removesuffix(".npy")], allow_pickle=True)
            copy.writestr(name, content.getvalue())
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 nothing",
        packed()[:-30],
        packed()[:200] + b"\0" * 40 + packed()[240:],
        packed(zipfile.ZIP_DEFLATED),
        packed(field=np.zeros((4, 4), np.float32)),
        packed(field=np.full((4, 4), np.nan)),
        packed(field=np.ones(4)),
        packed(field=np.ones((5, 4))),
        packed(shape=np.array([-4, 4])),
        packed(shape=np.array([4])),
        packed(offset=np.ones((2, 2))),
        packed(format=np.array("something else")),
        packed(words=np.array([{"a": 1}], dtype=object)),
    ],
)
def test_what_is_no_flat_field_is_unreadable(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        load_flat_field(content)
