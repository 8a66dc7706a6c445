"""Copies of a field are found however they were saved; other fields are not taken for copies."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.quality.duplicates import TOO_SMALL, Entry, find_duplicates, signature
from cellwright.simulate.nuclei import simulate_nuclei


def field(seed: int, n: int = 60) -> Array:
    return simulate_nuclei((400, 400), n=n, seed=seed)[0]


def entry(name: str, plane: Array, frame: int = 0, channel: str = "0") -> Entry:
    return Entry(name, frame, channel, f"{plane.shape}{plane.tobytes().hex()}", signature(plane))


def jpeg(plane: Array) -> Array:
    stream = io.BytesIO()
    Pillow.fromarray(plane).save(stream, "jpeg", quality=75)
    return np.asarray(Pillow.open(stream))


def half(plane: Array) -> Array:
    picture = Pillow.fromarray(plane)
    size = (picture.width // 2, picture.height // 2)
    return np.asarray(picture.resize(size, Pillow.Resampling.BILINEAR))


def noisy(plane: Array) -> Array:
    random = np.random.default_rng(0)
    return np.clip(plane + random.normal(0, 5, plane.shape), 0, 255).astype(np.uint8)


SAVED_AGAIN: dict[str, Callable[[Array], Array]] = {
    "other contrast": lambda plane: (plane // 2 + 40).astype(np.uint8),
    "16 bits": lambda plane: plane.astype(np.uint16) * 200 + 90,
    "compressed": jpeg,
    "half as large": half,
    "cut": lambda plane: plane[10:-10, 10:-10],
    "shifted": lambda plane: plane[10:, 10:],
    "mirrored": lambda plane: plane[:, ::-1],
    "turned": np.rot90,
    "mirrored and turned": lambda plane: np.rot90(plane[:, ::-1]),
    "noisy": noisy,
}


@pytest.mark.parametrize("how", SAVED_AGAIN)
def test_a_copy_is_found_among_other_fields(how: str) -> None:
    original = field(1)
    copy = np.ascontiguousarray(SAVED_AGAIN[how](original))
    entries = [entry(f"other_{seed}.tif", field(seed)) for seed in range(2, 6)]
    entries += [entry("a.tif", original), entry("copy.tif", copy)]
    found = find_duplicates(entries)
    assert [(duplicate.kind, duplicate.images) for duplicate in found] == [
        ("near", ("a.tif", "copy.tif"))
    ]
    assert "same field" in found[0].reason


def test_different_fields_are_no_copies() -> None:
    assert find_duplicates([entry(f"{seed}.tif", field(seed)) for seed in range(12)]) == []


def test_fields_of_one_cell_each_are_no_copies() -> None:
    planes = [
        simulate_nuclei((256, 256), n=1, diameter_px=60, seed=seed, margin_px=120)[0]
        for seed in range(6)
    ]
    assert find_duplicates([entry(f"{k}.tif", plane) for k, plane in enumerate(planes)]) == []


def test_the_same_pixels_are_an_exact_copy_once() -> None:
    plane = field(3)
    found = find_duplicates([entry(name, plane) for name in ("b.tif", "a.tif", "c.tif")])
    assert [(d.kind, d.images, d.similarity) for d in found] == [
        ("exact", ("a.tif", "b.tif", "c.tif"), 1.0)
    ]


def test_a_turned_copy_of_an_exact_pair_is_named_too() -> None:
    plane = field(3)
    entries = [entry("a.tif", plane), entry("b.tif", plane), entry("c.tif", plane[::-1].copy())]
    assert [(d.kind, d.images) for d in find_duplicates(entries)] == [
        ("exact", ("a.tif", "b.tif")),
        ("near", ("a.tif", "c.tif")),
    ]


def test_empty_planes_never_match() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(100, 5, (256, 256))
    blank = np.zeros((256, 256), np.uint8)
    assert signature(noise) == signature(blank) == ""
    entries = [entry("a.tif", blank), entry("b.tif", blank), entry("c.tif", noise)]
    assert find_duplicates([*entries, entry("d.tif", noise)]) == []


def test_many_pictures_of_one_motif_are_no_copies() -> None:
    motif = simulate_nuclei((256, 256), n=60, seed=3)[0].astype(np.float64)
    motif = (motif - motif.mean()) / motif.std()
    letters = "abcdefghijkl"
    entries = []
    for number, letter in enumerate(letters):
        own = ndimage.gaussian_filter(np.random.default_rng(number).normal(size=(256, 256)), 6)
        plane = 100 + 10 * (motif + 0.15 * own / own.std())
        entries.append(entry(f"field {letter}.tif", plane))
    assert [d.kind for d in find_duplicates(entries[:3])] == ["near"]
    assert find_duplicates(entries) == []


def test_of_small_planes_exact_copies_are_found() -> None:
    small = simulate_nuclei((96, 96), n=6, diameter_px=12, seed=0)[0]
    assert signature(small) == TOO_SMALL
    found = find_duplicates([entry("a.tif", small), entry("b.tif", small)])
    assert [d.kind for d in found] == ["exact"]
    assert find_duplicates([entry("a.tif", small), entry("b.tif", small[::-1].copy())]) == []


def test_frames_and_channels_of_one_image_are_not_compared() -> None:
    plane = field(1)
    entries = [
        entry("movie.tif", plane, frame=0),
        entry("movie.tif", plane, frame=1),
        entry("movie.tif", noisy(plane), channel="1"),
    ]
    assert find_duplicates(entries) == []


def drifting(frames: int) -> list[Array]:
    """Nuclei of which each moves by some pixels from frame to frame, in its own direction."""
    random = np.random.default_rng(0)
    places, speed = random.uniform(10, 246, (50, 2)), random.normal(0, 0.8, (50, 2))
    y, x = np.mgrid[:256, :256]
    return [
        sum(
            100 * np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * 6.0**2))
            for a, b in places + k * speed
        )
        + random.normal(0, 1, (256, 256))
        for k in range(frames)
    ]


def test_frames_of_a_movie_saved_as_files_are_no_copies() -> None:
    frames = drifting(6)
    movie = [entry(f"t_{k:03d}.tif", plane) for k, plane in enumerate(frames)]
    assert find_duplicates(movie) == []
    # The same pictures under names of their own are similar enough to be asked about.
    named = [entry(f"{name}.tif", frames[k]) for k, name in enumerate("ab")]
    assert [d.kind for d in find_duplicates(named)] == ["near"]


def test_a_frame_that_was_saved_twice_in_a_movie_is_found() -> None:
    frames = drifting(8)
    frames[7] = np.ascontiguousarray(frames[2] * 0.5 + 3)
    found = find_duplicates([entry(f"t_{k:03d}.tif", plane) for k, plane in enumerate(frames)])
    assert [d.images for d in found] == [("t_002.tif", "t_007.tif")]


def test_the_order_of_the_entries_does_not_matter() -> None:
    entries = [entry(f"{seed}.tif", field(seed)) for seed in range(4)]
    entries += [entry("x.tif", np.rot90(field(2)).copy())]
    assert find_duplicates(entries) == find_duplicates(entries[::-1])


def test_a_signature_is_small_and_the_same_each_time() -> None:
    plane = field(1)
    assert len(signature(plane)) <= 1024
    assert signature(plane) == signature(plane.copy())


def test_pixels_that_are_not_finite_do_no_harm() -> None:
    plane = field(1).astype(np.float32)
    spoilt = plane.copy()
    spoilt[5, 5:9] = np.nan
    spoilt[6, 6] = np.inf
    found = find_duplicates([entry("a.tif", plane), entry("b.tif", spoilt)])
    assert [d.images for d in found] == [("a.tif", "b.tif")]


@pytest.mark.parametrize("damaged", ["AAAA", "not base64!", "é"])
def test_a_damaged_signature_is_refused(damaged: str) -> None:
    with pytest.raises(UsageError, match="damaged"):
        find_duplicates([entry("a.tif", field(1)), Entry("b.tif", 0, "0", "1", damaged)])
