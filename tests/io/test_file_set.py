"""Files that are one picture: opened, read plane by plane, and refused when they differ."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.core.image import Array
from cellwright.io.file_set import LOOKED_AT, FileSet, Part, open_set


def write(folder: Path, name: str, pixels: Array, **how: Any) -> str:
    path = folder / name
    tifffile.imwrite(path, pixels, **how)
    return str(path)


def stack(folder: Path, shape: tuple[int, int, int]) -> tuple[FileSet, Array]:
    """A set of one plane a file over (T, C, Z), and all its pixels."""
    frames, channels, depths = shape
    pixels = np.random.default_rng(3).integers(0, 4000, (*shape, 5, 7)).astype(np.uint16)
    parts = tuple(
        Part(write(folder, f"t{t}c{c}z{z}.tif", pixels[t, c, z]), t, c, z)
        for t, c, z in np.ndindex(frames, channels, depths)
    )
    names = tuple(f"w{number + 1}" for number in range(channels))
    return FileSet("imagexpress", parts, names, plate="P", well="B02", position="3"), pixels


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((2, 3, 4), "TCZYX"),
        ((1, 3, 1), "CYX"),
        ((2, 1, 1), "TYX"),
        ((1, 1, 2), "ZYX"),
        ((1, 1, 1), "YX"),
    ],
)
def test_axes_are_those_that_are_longer_than_one(
    tmp_path: Path, shape: tuple[int, int, int], axes: str
) -> None:
    files, pixels = stack(tmp_path, shape)
    image = open_set(files)
    assert image.axes == axes
    np.testing.assert_array_equal(image.pixels(), pixels.squeeze())
    assert image.channels == files.channels
    assert (image.source.plate, image.source.well, image.source.position) == ("P", "B02", "3")
    assert image.source.path == files.parts[0].path
    assert image.source.files == (files.files if len(files.parts) > 1 else ())


KEY = st.one_of(
    st.integers(0, 1),
    st.builds(slice, st.integers(0, 2), st.integers(0, 6), st.integers(1, 2)),
    st.just(slice(None)),
)


@settings(max_examples=40, deadline=None)
@given(key=st.tuples(KEY, KEY, KEY, KEY, KEY))
def test_any_part_is_what_numpy_would_give(
    tmp_path_factory: pytest.TempPathFactory, key: tuple[int | slice, ...]
) -> None:
    files, pixels = stack(tmp_path_factory.mktemp("set"), (2, 3, 2))
    data = open_set(files).data
    np.testing.assert_array_equal(np.asarray(data[key]), pixels[key])


def test_only_the_files_of_the_planes_asked_for_are_read(tmp_path: Path) -> None:
    files, pixels = stack(tmp_path, (2, 2, 1))
    image = open_set(files)
    for part in files.parts:
        if (part.frame, part.channel) != (1, 0):
            Path(part.path).unlink()
    np.testing.assert_array_equal(np.asarray(image.data[1, 0]), pixels[1, 0, 0])
    with pytest.raises(UnreadableError, match=r"t0c1z0\.tif: there is no such file"):
        image.data[0, 1, :, :]


def test_it_can_be_sent_to_a_worker(tmp_path: Path) -> None:
    files, pixels = stack(tmp_path, (1, 2, 2))
    image = open_set(pickle.loads(pickle.dumps(files)))
    again = pickle.loads(pickle.dumps(image.data))
    np.testing.assert_array_equal(again[:, :, :, :], pixels[0])


def test_a_file_may_hold_a_stack_or_channels(tmp_path: Path) -> None:
    deep = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)
    zyx = {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 1.5, "unit": "um"}}
    paths = [write(tmp_path, f"w{n}.tif", deep[n], **zyx) for n in (0, 1)]
    parts = tuple(Part(path, channel=n) for n, path in enumerate(paths))
    image = open_set(FileSet("imagexpress", parts, ("a", "b")))
    assert (image.axes, image.spacing.z) == ("CZYX", 1.5)
    np.testing.assert_array_equal(image.pixels(), deep)
    cyx = {"imagej": True, "metadata": {"axes": "CYX"}}
    paths = [write(tmp_path, f"z{n}.tif", deep[n], **cyx) for n in (0, 1)]
    image = open_set(FileSet("x", tuple(Part(p, depth=n) for n, p in enumerate(paths)), ()))
    assert (image.axes, image.shape) == ("CZYX", (3, 2, 4, 5))
    np.testing.assert_array_equal(image.pixels(), deep.swapaxes(0, 1))
    np.testing.assert_array_equal(np.asarray(image.data[2, 1, 1:, 3]), deep[1, 2, 1:, 3])


def test_a_file_with_more_than_its_name_says_is_refused(tmp_path: Path) -> None:
    cyx = {"imagej": True, "metadata": {"axes": "CYX"}}
    parts = tuple(
        Part(write(tmp_path, f"w{n}.tif", np.zeros((2, 4, 5), np.uint16), **cyx), channel=n)
        for n in (0, 1)
    )
    with pytest.raises(UnsupportedError, match="holds several channels"):
        open_set(FileSet("x", parts, ("a", "b")))


@pytest.mark.parametrize("other", [np.zeros((4, 6), np.uint16), np.zeros((4, 5), np.uint8)])
def test_files_of_other_size_or_type_are_refused_by_name(tmp_path: Path, other: Array) -> None:
    paths = [
        write(tmp_path, "w1.tif", np.zeros((4, 5), np.uint16)),
        write(tmp_path, "w2.tif", other),
    ]
    parts = tuple(Part(path, channel=n) for n, path in enumerate(paths))
    with pytest.raises(UnreadableError, match=r"w2\.tif: this file is 4 × "):
        open_set(FileSet("x", parts, ("a", "b")))


def test_a_large_set_is_looked_at_when_it_is_read(tmp_path: Path) -> None:
    good = write(tmp_path, "good.tif", np.ones((4, 5), np.uint8))
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\x00rubbish")
    copies = [tmp_path / f"g{n:03d}.tif" for n in range(LOOKED_AT)]
    for copy in copies:
        copy.write_bytes(Path(good).read_bytes())
    paths = [*map(str, copies), str(bad)]
    files = FileSet("x", tuple(Part(p, frame=n) for n, p in enumerate(paths)), ())
    image = open_set(files)
    assert image.shape == (LOOKED_AT + 1, 4, 5)
    assert image.frame(3).pixels().sum() == 20
    with pytest.raises(InputError, match=r"bad\.tif"):
        image.frame(LOOKED_AT)


def test_a_hole_and_a_channel_without_files_are_errors(tmp_path: Path) -> None:
    files, _ = stack(tmp_path, (1, 2, 2))
    with pytest.raises(UnreadableError, match="channel w2, plane 1 is missing"):
        open_set(FileSet("x", files.parts[:-1], files.channels))
    with pytest.raises(UnreadableError, match="channel w2 is missing"):
        open_set(FileSet("x", files.parts[:2], files.channels))
    with pytest.raises(UnreadableError, match="a is missing; b is missing; c is missing; and 1"):
        open_set(FileSet("x", files.parts, files.channels, missing=tuple(
            f"{name} is missing" for name in "abcd"
        )))  # fmt: skip
    with pytest.raises(UsageError, match="no file"):
        open_set(FileSet("x", (), ()))


def test_grey_pictures_saved_in_colour_are_taken_as_grey(tmp_path: Path) -> None:
    grey = np.arange(20, dtype=np.uint8).reshape(4, 5)
    paths = [
        write(tmp_path, f"w{n}.tif", np.stack([grey + n] * 3, -1), photometric="rgb")
        for n in (0, 1)
    ]
    parts = tuple(Part(path, channel=n) for n, path in enumerate(paths))
    image = open_set(FileSet("x", parts, ("a", "b")))
    assert image.axes == "CYX"
    np.testing.assert_array_equal(image.pixels(), [grey, grey + 1])
    assert any("taken as grey" in note for note in image.notes)
    coloured = np.stack([grey, grey, grey + 1], -1)
    write(tmp_path, "w1.tif", coloured, photometric="rgb")
    with pytest.raises(UnsupportedError, match=r"w1\.tif: the file is a colour picture"):
        image.pixels()
    write(tmp_path, "w0.tif", coloured, photometric="rgb")
    with pytest.raises(UnsupportedError, match=r"w0\.tif: the file is a colour picture"):
        open_set(FileSet("x", parts, ("a", "b")))


def test_a_movie_of_colour_pictures_stays_in_colour(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 255, (2, 4, 5, 3)).astype(np.uint8)
    paths = [write(tmp_path, f"t{n}.tif", frames[n], photometric="rgb") for n in (0, 1)]
    image = open_set(FileSet("x", tuple(Part(p, frame=n) for n, p in enumerate(paths)), ()))
    assert image.axes == "TYXS"
    np.testing.assert_array_equal(image.pixels(), frames)


def test_one_file_keeps_all_that_it_says_of_itself(tmp_path: Path) -> None:
    movie = np.zeros((3, 2, 4, 5), np.uint16)
    path = write(
        tmp_path, "one.tif", movie, imagej=True, resolution=(2.0, 2.0),
        metadata={"axes": "TCYX", "unit": "um", "finterval": 60.0},
    )  # fmt: skip
    image = open_set(FileSet("x", (Part(path),), (), well="C04", interval=99.0, x_um=0.25))
    assert (image.axes, image.shape, image.interval) == ("TCYX", (3, 2, 4, 5), 60.0)
    assert (image.source.well, image.spacing.x) == ("C04", 0.5)
    assert any("0.25" in note and "believed" in note for note in image.notes)


def test_what_lies_beside_fills_what_the_files_lack(tmp_path: Path) -> None:
    files, _ = stack(tmp_path, (2, 1, 2))
    described = FileSet(
        "x", files.parts, (), interval=30.0, notes=("joined",), z_um=2.0, y_um=0.5, x_um=0.5
    )
    image = open_set(described)
    assert (image.spacing.z, image.spacing.square, image.interval) == (2.0, 0.5, 30.0)
    assert "joined" in image.notes
