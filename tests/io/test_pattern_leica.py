"""Names of the TIFF files that Leica's programs export."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.io.test_patterns import ALL

from cellwright.io.file_set import open_set
from cellwright.io.inputs import Found, Inputs, find_inputs
from cellwright.io.joining import join_files
from cellwright.io.pattern import Pattern
from cellwright.io.patterns.leica import PATTERN

KNOWN = {pattern.name: pattern for pattern in (*ALL, PATTERN)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("leica_stack_Series014_z000_ch00", ("leica_stack_Series014", "", (0,), 0, "ch00")),
        ("P_Series014_t00_z07_ch01", ("P_Series014", "", (0,), 7, "ch01")),
        ("Series002_z00_ch03", ("Series002", "", (0,), 0, "ch03")),
        ("P_Series003_ch00", ("P_Series003", "", (0,), None, "ch00")),
        ("P_Series003_t12_ch00", ("P_Series003", "", (12,), None, "ch00")),
        ("NAME_s1_t0_z0_ch00", ("NAME_s1", "1", (0,), 0, "ch00")),
        ("NAME_s00_z010_RAW_ch00", ("NAME_s00_RAW", "0", (0,), 10, "ch00")),
        ("x_Position 1_t000_z02_RAW_ch01", ("x_Position 1_RAW", "1", (0,), 2, "ch01")),
        ("x_Pos007_S001_t50_z00_ch00", ("x_Pos007_S001", "7", (50,), 0, "ch00")),
        ("slide_Merged_RAW_ch02", ("slide_Merged_RAW", "", (0,), None, "ch02")),
    ],
)
def test_names(name: str, expected: tuple[object, ...]) -> None:
    place = PATTERN.match(name, "run/a")
    assert place is not None
    said = (place.rest, place.position, place.frame, place.depth, place.channel)
    assert said == expected
    assert (place.folder, place.certainty) == ("run/a", "alone")


def test_a_channel_alone_is_believed_only_of_all_files() -> None:
    place = PATTERN.match("cells_ch00", "")
    assert place is not None
    assert (place.rest, place.certainty) == ("cells", "together")


@pytest.mark.parametrize(
    "name",
    ["_ch00", "ch00", "cells_ch0", "cells_ch000", "cells_z00", "cells_t00_z00", "img_00_ch00x",
     "r01c01f01p01-ch1sk1fk1fl1", "cells_Series014_z000_CH00", "z000_t00"],
)  # fmt: skip
def test_other_names(name: str) -> None:
    assert PATTERN.match(name, "") is None


def test_a_raw_picture_is_not_the_coloured_one_beside_it() -> None:
    raw, coloured = PATTERN.match("a_z00_RAW_ch00", ""), PATTERN.match("a_z00_ch00", "")
    assert raw is not None
    assert coloured is not None
    assert raw.rest != coloured.rest


@pytest.mark.parametrize("pattern", ALL, ids=lambda pattern: pattern.name)
def test_no_two_schemes_claim_one_name(pattern: Pattern) -> None:
    folder, _, file = pattern.example.rpartition("/")
    assert PATTERN.match(file.rpartition(".")[0], folder) is None
    place = pattern.match(PATTERN.example.removesuffix(".tif"), "")
    assert place is None or place.certainty == "asked"


def test_a_long_name_takes_no_time() -> None:
    started = time.perf_counter()
    for name in ("_t1" * 5000, "_z0" * 5000 + "_ch0", "a" + "_" * 15000, "_RAW" * 4000 + "_ch000"):
        assert PATTERN.match(name, "") is None
    assert time.perf_counter() - started < 2


def test_planes_and_channels_of_a_series_are_one_picture() -> None:
    names = [f"a_Series001_z{z:02}_ch{c:02}.tif" for z in range(3) for c in range(2)]
    found = tuple(sorted(Found(name, Path("/data", name)) for name in (*names, "notes.tif")))
    joined = join_files(Inputs(found), known=KNOWN)
    first, other = joined.inputs.found
    assert (first.image, other.image) == ("a_Series001.tif", "notes.tif")
    assert first.files is not None
    assert first.files.channels == ("ch00", "ch01")
    assert [(part.channel, part.depth) for part in first.files.parts] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2),
    ]  # fmt: skip


def test_the_real_files_are_one_stack(shared_data: Path) -> None:
    folder = shared_data / "formats" / "tiff_odd"
    joined = join_files(find_inputs([folder]), known=KNOWN)
    assert joined.said == (
        "3 files in the input folder are named as " + PATTERN.title + " does: 1 picture",
    )
    [stack] = [item for item in joined.inputs.found if item.files is not None]
    assert stack.image == "leica_stack_Series014.tif"
    assert stack.files is not None
    image = open_set(stack.files)
    assert (image.axes, image.shape, image.channels) == ("ZYX", (3, 256, 256), ("ch00",))
    peers = [tifffile.imread(folder / f"leica_stack_Series014_z00{z}_ch00.tif") for z in range(3)]
    np.testing.assert_array_equal(image.pixels(), peers)


def test_series_of_one_folder_need_not_be_alike(tmp_path: Path) -> None:
    names = [f"a_Series001_z{z:03d}_ch{c:02d}" for z in range(3) for c in range(2)]
    names += ["a_Series002_z000_ch00", "a_Series002_z001_ch00"]
    for name in names:
        (tmp_path / f"{name}.tif").write_bytes(b"II*\0")

    joined = join_files(find_inputs([tmp_path]), known={"leica": PATTERN})

    sets = {found.image: found.files for found in joined.inputs.found}
    assert {image: len(files.parts) for image, files in sets.items() if files} == {
        "a_Series001.tif": 6,
        "a_Series002.tif": 2,
    }
    assert all(not files.missing for files in sets.values() if files)
