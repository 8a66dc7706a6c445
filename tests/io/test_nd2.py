"""Nikon ND2: files written by hand to the layout, and damage."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.io.microscope_files import (
    position_loop,
    read_all,
    refused,
    survives,
    time_loop,
    write_nd2,
    z_loop,
)

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.io.nd2 import READER
from cellwright.io.well_name import well_in

nd2 = pytest.importorskip("nd2")

RAMP = np.arange(2 * 3 * 2 * 5 * 4, dtype=np.uint16)
STACKS = RAMP.reshape(12, 5, 4, 1)
"""Twelve frames of 5 × 4: two positions of three time points of two sections."""


def test_positions_are_pictures_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "plate.nd2"
    loops = [time_loop(3, 1000.0), position_loop("A1", "field 7 in B3"), z_loop(2, 0.25)]
    write_nd2(path, STACKS, loops, bits=12)
    first, second = read_all(READER, path)
    assert (first.axes, first.shape) == ("TZYX", (3, 2, 5, 4))
    assert [image.source.position for image in (first, second)] == ["A1", "field 7 in B3"]
    assert [image.source.well for image in (first, second)] == ["A01", "B03"]
    stored = STACKS.reshape(3, 2, 2, 5, 4)
    np.testing.assert_array_equal(first.pixels(), stored[:, 0])
    np.testing.assert_array_equal(second.pixels(), stored[:, 1])
    np.testing.assert_array_equal(second.data[2, :, 1:3, ::-1], stored[2, 1, :, 1:3, ::-1])
    assert (first.spacing.z, first.spacing.y, first.spacing.x) == (0.25, 0.5, 0.5)
    assert (first.bits, first.interval) == (12, 1.0)
    np.testing.assert_array_equal(nd2.imread(path), stored)  # another reader


def test_depth_before_time_is_put_in_order(tmp_path: Path) -> None:
    path = tmp_path / "zt.nd2"
    write_nd2(path, STACKS[:6], [z_loop(2, 1.0), time_loop(3, 0.0)])
    [image] = read_all(READER, path)
    assert image.axes == "TZYX"
    expected = STACKS[:6].reshape(2, 3, 5, 4).transpose(1, 0, 2, 3)
    np.testing.assert_array_equal(image.pixels(), expected)


def test_channels_of_a_pixel_lie_beside_each_other(tmp_path: Path) -> None:
    path = tmp_path / "channels.nd2"
    frames = RAMP.reshape(6, 5, 4, 2)
    write_nd2(path, frames, [time_loop(6, 0.0)], channels=("DAPI", "GFP"), padding=6)
    [image] = read_all(READER, path)
    assert (image.axes, image.channels) == ("TCYX", ("DAPI", "GFP"))
    np.testing.assert_array_equal(image.pixels(), frames.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(image.data[3, 1], frames[3, :, :, 1])


def test_equal_channel_names_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "same.nd2"
    write_nd2(path, RAMP.reshape(6, 5, 4, 2)[:1], channels=("Mono", "Mono"))
    [image] = read_all(READER, path)
    assert (image.axes, image.channels) == ("CYX", ("0", "1"))


def test_three_components_of_one_channel_are_colour(tmp_path: Path) -> None:
    path = tmp_path / "colour.nd2"
    frames = np.arange(60, dtype=np.uint8).reshape(1, 5, 4, 3)
    write_nd2(path, frames, channels=("RGB",))
    [image] = read_all(READER, path)
    assert (image.axes, image.shape, image.is_colour) == ("YXS", (5, 4, 3), True)
    np.testing.assert_array_equal(image.pixels(), frames[0])


def test_frames_that_are_packed_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "packed.nd2"
    write_nd2(path, STACKS, [time_loop(12, 0.0)], compression=0)
    [image] = read_all(READER, path)
    np.testing.assert_array_equal(image.pixels(), STACKS[..., 0])


def test_lossy_frames_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lossy.nd2"
    write_nd2(path, STACKS[:1], compression=1)
    assert "lossy" in refused(READER, path, UnsupportedError)


def test_no_calibration_is_no_spacing(tmp_path: Path) -> None:
    path = tmp_path / "plain.nd2"
    write_nd2(path, STACKS[:1], um=0.0)
    [image] = read_all(READER, path)
    assert (image.spacing.y, image.spacing.x, image.spacing.z) == (None, None, None)


@pytest.mark.parametrize(
    ("asked", "taken", "interval", "said"),
    [
        (300_000.0, [0.0, 300_010.0, 600_020.0], 300.0, ""),  # as asked, within a hundredth
        (1.0, [0.0, 2500.0, 5000.0], 2.5, "asked for every 0.001 s"),
        (0.0, [100.0, 1100.0, 5100.0], 2.5, "unevenly spaced"),
        (0.0, [5.0, 5.0, 5.0], None, ""),  # times that cannot be
        (2000.0, [], 2.0, ""),
    ],
)
def test_interval_is_what_was_done(
    tmp_path: Path, asked: float, taken: list[float], interval: float | None, said: str
) -> None:
    path = tmp_path / "times.nd2"
    write_nd2(path, STACKS[:3], [time_loop(3, asked)], times=taken)
    [image] = read_all(READER, path)
    assert image.interval == interval
    assert said in " ".join(image.notes)
    assert bool(image.notes) == bool(said)


def test_a_recording_that_stopped_early_is_cropped_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "stopped.nd2"
    loops = [time_loop(6, 0.0), z_loop(2, 1.0)]
    write_nd2(path, STACKS, loops, omit=range(7, 12))
    [image] = read_all(READER, path)
    np.testing.assert_array_equal(image.pixels(), STACKS[:6].reshape(3, 2, 5, 4))
    assert "3 of 6 time points" in image.notes[0]


def test_a_frame_missing_in_the_middle_never_becomes_zeros(tmp_path: Path) -> None:
    path = tmp_path / "hole.nd2"
    write_nd2(path, STACKS[:4], [z_loop(4, 1.0)], omit=[1])
    [image] = read_all(READER, path)
    assert (image.axes, image.shape) == ("YX", (5, 4))
    assert "1 of 4 sections" in image.notes[0]
    write_nd2(path, STACKS[:4], [z_loop(4, 1.0)], omit=[0])
    assert "names at least 1 frames, and there are 0" in refused(READER, path, UnreadableError)


def test_frames_that_nothing_describes_are_time(tmp_path: Path) -> None:
    path = tmp_path / "bare.nd2"
    write_nd2(path, STACKS[:3])
    [image] = read_all(READER, path)
    assert image.axes == "TYX"
    assert "taken for time" in image.notes[0]


def test_frames_larger_than_the_file(tmp_path: Path) -> None:
    path = tmp_path / "large.nd2"
    write_nd2(path, STACKS[:1])
    width = "uiWidth\0".encode("utf-16-le")
    stride = "uiWidthBytes\0".encode("utf-16-le")
    whole = path.read_bytes()
    for name, value in ((width, 10**6), (stride, 2 * 10**6)):
        at = whole.index(name) + len(name)
        whole = whole[:at] + value.to_bytes(4, "little") + whole[at + 4 :]
    path.write_bytes(whole)
    assert "larger than the file" in refused(READER, path, UnreadableError)


def test_a_packed_frame_that_is_too_short_or_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.nd2"
    write_nd2(path, np.zeros((1, 4000, 4000, 1), np.uint8), compression=0)
    whole = path.read_bytes()
    for height, kind in ((10, None), (10**6, UnreadableError)):
        name = "uiHeight\0".encode("utf-16-le")
        at = whole.index(name) + len(name)
        path.write_bytes(whole[:at] + height.to_bytes(4, "little") + whole[at + 4 :])
        [image] = READER.open(path)
        if kind is None:  # only what the frame may hold is unpacked
            assert image.pixels().shape == (10, 4000)
        else:
            with pytest.raises(kind, match="instead of"):
                _ = image.data[0:1,]


def test_old_files_are_refused_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "old.nd2"
    path.write_bytes(b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(200))
    assert "JPEG 2000" in refused(READER, path, UnsupportedError)
    assert not READER.recognise(path.read_bytes(), tmp_path / "picture.jp2")


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.nd2"
    write_nd2(path, STACKS[:1])
    monkeypatch.setitem(sys.modules, "nd2", None)
    assert READER.recognise(path.read_bytes()[:4096], path)
    message = refused(READER, path, UnsupportedError)
    assert 'pip install "cellwright[formats]"' in message
    assert READER.requires == "cellwright[formats]"


def test_pixels_can_be_sent_to_workers_and_are_read_late(tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    write_nd2(path, STACKS, [time_loop(12, 0.0)])
    [image] = READER.open(path)
    sent = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(sent.pixels(), STACKS[..., 0])
    path.write_bytes(path.read_bytes()[:30_000])
    with pytest.raises(UnreadableError, match="not there"):
        sent.pixels()


def test_damage(tmp_path: Path) -> None:
    path = tmp_path / "damaged.nd2"
    write_nd2(path, STACKS, [time_loop(12, 0.0)], compression=0, times=range(12))
    assert survives(READER, path, path.read_bytes()) > 40


@pytest.mark.parametrize(
    ("name", "well"),
    [("H12", "H12"), ("A1_0003", "A01"), ("S1b", ""), ("Q3", ""), ("A0", ""), ("AB48", "AB48")],
)
def test_wells_in_names(name: str, well: str) -> None:
    assert well_in(name) == well
