"""Zeiss CZI: files that Zeiss' own library wrote, files written by hand, and damage."""

from __future__ import annotations

import pickle
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.microscope_files import Array, read_all, refused, survives, write_czi

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.io.czi import READER

GRAY8, GRAY16, GRAY_FLOAT, BGR24, BGR48, BGRA32 = 0, 1, 2, 3, 4, 9
PLANE = (np.arange(6 * 5, dtype=np.uint16) * 91).reshape(6, 5)
COLOUR = np.arange(6 * 5 * 3, dtype=np.uint8).reshape(6, 5, 3)


def block(
    pixels: Array, kind: int = GRAY16, *, y: int = 0, x: int = 0, **at: int
) -> dict[str, Any]:
    """A block with the pixels as they are stored: blue first."""
    return {
        "at": {"C": 0, **at},
        "rectangle": (y, x, *pixels.shape[:2]),
        "kind": kind,
        "data": pixels.tobytes(),
    }


@pytest.mark.parametrize(
    "compression", [None, "zstd0:", "zstd1:", "zstd1:PreProcess=HiLoByteUnpack"]
)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("samples", [1, 3])
def test_what_zeiss_library_writes(
    tmp_path: Path, compression: str | None, dtype: str, samples: int
) -> None:
    czi = pytest.importorskip("pylibCZIrw.czi")
    path = tmp_path / "a.czi"
    tiles = (np.arange(2 * 2 * 7 * 9 * samples) * 13 % 251).astype(dtype)
    stored = tiles.reshape(2, 2, 7, 9, samples)
    with czi.create_czi(str(path), compression_options=compression) as writer:
        for z in range(2):
            for c in range(2):
                writer.write(data=stored[z, c], plane={"Z": z, "C": c, "T": 0})
        writer.write_metadata(
            document_name="d", channel_names={0: "DAPI", 1: "GFP"},
            scale_x=0.5e-6, scale_y=0.25e-6, scale_z=2e-6,
        )  # fmt: skip
    [image] = read_all(READER, path)
    assert image.axes == ("CZYXS" if samples == 3 else "CZYX")
    assert image.channels == ("DAPI", "GFP")
    assert (image.spacing.z, image.spacing.y, image.spacing.x) == (2.0, 0.25, 0.5)
    assert image.dtype == np.dtype(dtype)
    expected = stored.swapaxes(0, 1)
    expected = expected[..., ::-1] if samples == 3 else expected[..., 0]  # it takes blue first
    np.testing.assert_array_equal(image.pixels(), expected)


def test_scenes_and_a_mosaic_as_zeiss_library_writes_them(tmp_path: Path) -> None:
    czi = pytest.importorskip("pylibCZIrw.czi")
    path = tmp_path / "scenes.czi"
    with czi.create_czi(str(path)) as writer:
        for scene, x in ((0, 0), (1, 1000)):
            for column in range(2):
                tile = np.full((10, 8, 1), 10 * scene + column + 1, np.uint8)
                writer.write(data=tile, plane={"C": 0}, location=(x + 8 * column, 0), scene=scene)
        writer.write_metadata(scale_x=1e-6, scale_y=1e-6)
    first, second = read_all(READER, path)
    assert first.shape == second.shape == (10, 16)
    assert first.pixels()[0].tolist() == [1] * 8 + [2] * 8
    assert second.pixels()[0].tolist() == [11] * 8 + [12] * 8
    assert [image.source.scene for image in (first, second)] == ["0", "1"]
    assert "2 tiles are put together" in first.notes[0]
    with czi.open_czi(str(path)) as other:
        np.testing.assert_array_equal(second.pixels(), other.read(scene=1)[..., 0])


def test_later_tiles_lie_over_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "mosaic.czi"
    tiles = [
        block(np.full((6, 5), 3, np.uint16), y=-4, x=8, M=2),
        block(np.full((6, 5), 1, np.uint16), y=-4, x=4, M=0),
    ]
    write_czi(path, tiles)
    [image] = read_all(READER, path)
    assert image.pixels()[0].tolist() == [1, 1, 1, 1, 3, 3, 3, 3, 3]
    assert "the later lies over the earlier" in image.notes[0]
    write_czi(path, [block(PLANE, y=0), block(PLANE, y=8, M=1)])
    [image] = read_all(READER, path)
    assert not image.pixels()[6:8].any()
    assert "where there is none, it is 0" in image.notes[0]


def test_smaller_copies_are_not_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "pyramid.czi"
    half = {
        "at": {"C": 0}, "rectangle": (0, 0, 6, 5), "stored": (3, 2), "kind": GRAY16,
        "data": np.zeros((3, 2), np.uint16).tobytes(),
    }  # fmt: skip
    write_czi(path, [half, block(PLANE)])
    [image] = read_all(READER, path)
    np.testing.assert_array_equal(image.pixels(), PLANE)


def test_blue_comes_first_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "colour.czi"
    write_czi(path, [block(COLOUR, BGR24)])
    np.testing.assert_array_equal(read_all(READER, path)[0].pixels(), COLOUR[..., ::-1])
    write_czi(path, [block(COLOUR.astype(np.uint16), BGR48)])
    np.testing.assert_array_equal(read_all(READER, path)[0].pixels(), COLOUR[..., ::-1])
    opaque = np.concatenate([COLOUR, np.full((6, 5, 1), 255, np.uint8)], axis=-1)
    write_czi(path, [block(opaque, BGRA32)])
    np.testing.assert_array_equal(read_all(READER, path)[0].pixels(), COLOUR[..., ::-1])


@pytest.mark.parametrize(
    ("number", "kind", "pixels", "expected", "encoded"),
    [
        (4, GRAY16, PLANE, PLANE, imagecodecs.jpegxr_encode(PLANE)),
        (
            4,
            BGR24,
            COLOUR,
            COLOUR,
            imagecodecs.jpegxr_encode(COLOUR),
        ),  # its decoder gives red first
        (2, GRAY16, PLANE, PLANE, imagecodecs.lzw_encode(PLANE.tobytes())),
        (5, BGR24, COLOUR, COLOUR[..., ::-1], imagecodecs.zstd_encode(COLOUR.tobytes())),
        (5, GRAY16, PLANE, PLANE, PLANE.tobytes()),  # marked, but stored as it is
    ],
)
def test_compressions(
    tmp_path: Path, number: int, kind: int, pixels: Array, expected: Array, encoded: bytes
) -> None:
    path = tmp_path / "packed.czi"
    write_czi(path, [{**block(pixels, kind), "compression": number, "data": encoded}])
    np.testing.assert_array_equal(read_all(READER, path)[0].pixels(), expected)


@pytest.mark.parametrize(("number", "name"), [(3, "lossless JPEG"), (1000, "a camera's own")])
def test_compressions_that_are_refused_by_name(tmp_path: Path, number: int, name: str) -> None:
    path = tmp_path / "packed.czi"
    write_czi(path, [{**block(PLANE), "compression": number}])
    assert name in refused(READER, path, UnsupportedError)


@pytest.mark.parametrize(("letter", "name"), [("H", "phase"), ("R", "rotation"), ("I", "illumin")])
def test_dimensions_without_an_axis_become_pictures(tmp_path: Path, letter: str, name: str) -> None:
    path = tmp_path / "apart.czi"
    blocks = [block(PLANE + n, **{letter: n}, Z=z) for n in range(3) for z in range(2)]
    write_czi(path, blocks)
    images = read_all(READER, path)
    assert [image.shape for image in images] == [(2, 6, 5)] * 3
    assert name in images[2].source.scene
    np.testing.assert_array_equal(images[2].pixels()[1], PLANE + 2)
    assert name in " ".join(images[0].notes)


def test_an_unknown_dimension_is_refused_by_letter(tmp_path: Path) -> None:
    path = tmp_path / "odd.czi"
    write_czi(path, [block(PLANE, Q=1)])
    assert "the dimension Q" in refused(READER, path, UnsupportedError)


def test_colour_and_grey_in_one_file_are_two_pictures(tmp_path: Path) -> None:
    path = tmp_path / "both.czi"
    write_czi(path, [block(PLANE, C=0), block(COLOUR, BGR24, C=1)])
    grey, colour = read_all(READER, path)
    assert (grey.axes, colour.axes) == ("YX", "YXS")
    assert [image.source.scene for image in (grey, colour)] == ["grey", "colour"]


def test_channels_of_two_types(tmp_path: Path) -> None:
    path = tmp_path / "types.czi"
    small = PLANE.astype(np.uint8)
    write_czi(path, [block(PLANE, C=0), block(small, GRAY8, C=1)])
    [image] = read_all(READER, path)
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image.pixels(), np.stack([PLANE, small]))
    assert "different types" in image.notes[0]


def _xml(inner: str, channels: Mapping[str, str]) -> str:
    described = "".join(
        f'<Channel Id="{n}" Name="{name}"><ComponentBitCount>{bits}</ComponentBitCount></Channel>'
        for n, (name, bits) in enumerate(channels.items())
    )
    return (
        "<ImageDocument><Metadata><Information><Image><Dimensions>"
        f"<Channels>{described}</Channels>{inner}</Dimensions></Image></Information>"
        '<Scaling><Items><Distance Id="X"><Value>1e-7</Value></Distance>'
        '<Distance Id="Y"><Value>0</Value></Distance>'
        '<Distance Id="Z"><Value>inf</Value></Distance></Items></Scaling>'
        "</Metadata></ImageDocument>"
    )


def test_wells_times_and_bits_of_the_metadata(tmp_path: Path) -> None:
    path = tmp_path / "plate.czi"
    scenes = (
        '<S><Scenes><Scene Index="0" Name="P1"><ArrayName>B4</ArrayName></Scene>'
        '<Scene Index="1" Name="P2"><Shape Name="C10"/></Scene></Scenes></S>'
    )
    blocks = [block(PLANE + t, T=t, S=s, Z=z) for s in (0, 1) for t in (0, 1, 2) for z in (0, 1)]
    xml = _xml(scenes, {"EGFP": "12"})
    write_czi(path, blocks, xml, times=[5.0, 15.0, 25.0])
    images = read_all(READER, path)
    assert [image.source.scene for image in images] == ["P1", "P2"]
    assert [image.source.well for image in images] == ["B04", "C10"]
    assert [image.source.position for image in images] == ["P1", "P2"]
    assert (images[0].channels, images[0].bits, images[0].interval) == (("EGFP",), 12, 10.0)
    assert images[0].spacing.x == pytest.approx(0.1)
    assert (images[0].spacing.y, images[0].spacing.z) == (None, None)


def test_a_recording_that_stopped_early_and_planes_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "stopped.czi"
    places = [(t, c, z) for t in range(3) for c in range(2) for z in range(3)]
    taken = [place for place in places if place < (2, 0, 1) and not (place[1] == 1 and place[2])]
    write_czi(path, [block(PLANE, T=t, C=c, Z=z) for t, c, z in taken])
    [image] = read_all(READER, path)
    assert (image.axes, image.shape) == ("TCZYX", (2, 2, 3, 6, 5))
    assert "the last of its 3 time points is left out" in image.notes[0]
    assert "4 of its 12 planes were not taken, and are 0" in image.notes[1]
    assert not image.data[0, 1, 1].any()


def test_claims_beyond_the_file(tmp_path: Path) -> None:
    path = tmp_path / "claims.czi"
    large = {**block(PLANE), "rectangle": (0, 0, 60_000, 60_000)}
    write_czi(path, [large])
    assert "beyond the end" in refused(READER, path, UnreadableError)
    write_czi(path, [{**large, "compression": 5}])
    assert "more than the file can hold" in refused(READER, path, UnreadableError)
    write_czi(path, [block(PLANE), block(PLANE, y=2_000_000_000, x=2_000_000_000)])
    assert "too large" in refused(READER, path, UnsupportedError)
    write_czi(path, [block(PLANE), block(PLANE, x=2_000_000)])
    assert "cannot be meant" in refused(READER, path, UnreadableError)
    write_czi(path, [{**block(PLANE), "part": 1}])
    assert "several CZI files" in refused(READER, path, UnsupportedError)
    write_czi(path, [{**block(PLANE), "kind": 10}])
    assert "complex" in refused(READER, path, UnsupportedError)
    write_czi(path, [block(PLANE)])
    whole = path.read_bytes()
    at = whole.index(b"ZISRAWDIRECTORY") + 32
    path.write_bytes(whole[:at] + struct.pack("<i", 2**30) + whole[at + 4 :])
    assert "more than it can list" in refused(READER, path, UnreadableError)
    path.write_bytes(whole[:84] + bytes(8) + whole[92:])
    assert "never finished" in refused(READER, path, UnreadableError)


def test_a_block_that_unpacks_to_more_or_less(tmp_path: Path) -> None:
    path = tmp_path / "bomb.czi"
    for count in (10_000_000, 10):
        packed = imagecodecs.zstd_encode(bytes(count))
        write_czi(path, [{**block(PLANE), "compression": 5, "data": packed}])
        refused(READER, path, UnreadableError)


def test_entities_are_never_expanded(tmp_path: Path) -> None:
    path = tmp_path / "entities.czi"
    write_czi(path, [block(PLANE)], '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    assert "entities" in refused(READER, path, UnsupportedError)


def test_damage(tmp_path: Path) -> None:
    path = tmp_path / "damaged.czi"
    packed = imagecodecs.zstd_encode(PLANE.tobytes())
    write_czi(
        path,
        [{**block(PLANE, Z=z), "compression": 5, "data": packed} for z in range(3)],
        _xml("", {"a": "8"}),
        times=[1.0, 2.0],
    )
    assert survives(READER, path, path.read_bytes()) > 40


def test_no_library_is_needed_and_pixels_travel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("czifile", "pylibCZIrw"):
        monkeypatch.setitem(sys.modules, name, None)
    path = tmp_path / "a.czi"
    write_czi(path, [block(PLANE, Z=z) for z in range(3)])
    [image] = read_all(READER, path)
    sent = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(sent.data[1, 2:4, ::2], PLANE[2:4, ::2])


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    counts=st.tuples(*[st.integers(1, 3)] * 3),
    order=st.randoms(use_true_random=False),
    start=st.tuples(st.integers(-5, 5), st.integers(-5, 5)),
)
def test_any_order_of_blocks_gives_the_same_picture(
    tmp_path: Path, counts: tuple[int, int, int], order: Any, start: tuple[int, int]
) -> None:
    path = tmp_path / "any.czi"
    stack = np.arange(np.prod(counts) * 12, dtype=np.uint16).reshape(*counts, 3, 4)
    blocks = [
        block(stack[t, c, z], y=start[0], x=start[1], T=t, C=c, Z=z)
        for t, c, z in np.ndindex(counts)
    ]
    order.shuffle(blocks)
    write_czi(path, blocks)
    [image] = read_all(READER, path)
    np.testing.assert_array_equal(image.pixels(), stack.squeeze(axis=tuple(
        i for i, n in enumerate(counts) if n == 1
    )))  # fmt: skip
