"""Single files of a screen become pictures, and nothing else does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.io.test_patterns import index_of

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.io.file_set import open_set
from cellwright.io.inputs import Found, Inputs, find_inputs
from cellwright.io.joining import Joined, join_files
from cellwright.io.pattern import Pattern, well_at
from cellwright.io.patterns import (
    cellomics,
    cv8000,
    imagexpress,
    incucyte,
    micromanager,
    muvi,
    operetta,
    scanr,
)

KNOWN: Mapping[str, Pattern] = {
    module.PATTERN.name: module.PATTERN
    for module in (imagexpress, operetta, incucyte, cv8000, cellomics, muvi, scanr, micromanager)
}


def joined(names: Sequence[str], pattern: str = "auto") -> Joined:
    found = tuple(sorted(Found(name, Path("/data", name)) for name in names))
    return join_files(Inputs(found), pattern, known=KNOWN)


def images(result: Joined) -> list[str]:
    return [item.image for item in result.inputs.found]


def test_channels_of_a_field_become_one_picture() -> None:
    result = joined([f"P/P_B{c:02d}_s1_w{w}.tif" for c in (2, 3) for w in (1, 2, 10)])
    assert images(result) == ["P/P_B02_s1.tif", "P/P_B03_s1.tif"]
    first = result.inputs.found[0]
    assert first.files is not None
    assert first.files.channels == ("w1", "w2", "w10")
    assert [Path(part.path).name[-6:-4] for part in first.files.parts] == ["w1", "w2", "10"]
    assert (first.files.plate, first.files.well, first.files.position) == ("P", "B02", "1")
    assert first.path == Path("/data/P/P_B02_s1_w1.tif")
    assert result.said == ("6 files in P are named as ImageXpress does: 2 pictures of 2 wells",)


@pytest.mark.parametrize(
    "names",
    [
        ["tatmn_80ng_3.png", "tatmn_80ng_4.png"],
        ["image_B2_1.tif"],
        ["image_B02_s1.tif"],  # alone, it could mean anything
        ["image_B02_s1.tif", "notes.tif"],
        ["P_B02.tif", "P_B03.tif"],
        ["P_B02_s1_w1.nd2", "P_B02_s1_w2.nd2"],
        ["A172_Phase_A7_1_00d00h00m_1.tif", "A172_Phase_A7_1_00d04h00m_1.tif"],
    ],
)
def test_ordinary_names_are_left_alone(names: list[str]) -> None:
    result = joined(names)
    assert images(result) == sorted(names)
    assert all(item.files is None for item in result.inputs.found)
    assert result.said == ()


def test_names_that_say_little_are_believed_together() -> None:
    result = joined(["P_B02_s1.tif", "P_B02_s2.tif"])
    assert images(result) == ["P_B02_s1.tif", "P_B02_s2.tif"]
    assert [item.files.well for item in result.inputs.found if item.files] == ["B02", "B02"]


def test_none_joins_nothing_and_a_name_forces_a_scheme() -> None:
    names = ["P_B02_s1_w1.tif", "P_B02_s1_w2.tif", "P_B03.tif"]
    assert images(joined(names, "none")) == sorted(names)
    forced = joined(names, "imagexpress")
    assert images(forced) == ["P_B02_s1.tif", "P_B03.tif"]
    assert joined(names, "operetta").said == (
        "no file is named as Harmony (Operetta, Opera Phenix) does: nothing is joined",
    )
    with pytest.raises(UsageError, match=r"no naming scheme 'opera'.*imagexpress"):
        joined(names, "opera")


def test_other_files_of_the_folder_stay() -> None:
    result = joined(["P_B02_s1_w1.tif", "P_B02_s1_w2.tif", "overview.png", "sub/cells.tif"])
    assert images(result) == ["P_B02_s1.tif", "overview.png", "sub/cells.tif"]


def test_a_picture_keeps_its_name_where_another_has_it() -> None:
    names = ["r01c01f01.tiff", "r01c01f01p01-ch1sk1fk1fl1.tiff", "r01c01f01p01-ch2sk1fk1fl1.tiff"]
    result = joined(names)
    assert images(result) == sorted(names)
    assert result.said == (
        "r01c01f01p01-ch1sk1fk1fl1.tiff, r01c01f01p01-ch2sk1fk1fl1.tiff are kept apart: another "
        "picture is r01c01f01.tiff",
    )


def test_planes_beat_projections_and_thumbnails_are_no_pictures() -> None:
    names = [
        *(f"P/ZStep_{z}/P_E07_s1_w{w}.tif" for z in (5, 6) for w in (1, 2)),
        *(f"P/P_E07_s1_w{w}.tif" for w in (1, 2, 3)),
        "P/P_E07_s1_w1_thumb.tif",
    ]
    result = joined(names)
    [picture] = result.inputs.found
    assert picture.image == "P/P_E07_s1.tif"
    assert picture.files is not None
    assert [(part.channel, part.depth) for part in picture.files.parts] == [
        (0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1),
    ]  # fmt: skip
    assert len(picture.files.files) == 5
    assert "channel w3 has no planes" in " ".join(picture.files.notes)
    skipped = {item.image: item.reason for item in result.inputs.skipped}
    assert sorted(skipped) == [
        "P/P_E07_s1_w1.tif", "P/P_E07_s1_w1_thumb.tif", "P/P_E07_s1_w2.tif",
    ]  # fmt: skip
    assert "projection" in skipped["P/P_E07_s1_w1.tif"]
    assert "thumbnail" in skipped["P/P_E07_s1_w1_thumb.tif"]


def missing(result: Joined) -> dict[str, tuple[str, ...]]:
    return {
        item.image: item.files.missing
        for item in result.inputs.found
        if item.files is not None and item.files.missing
    }


def test_a_missing_channel_is_said_with_its_file() -> None:
    names = [f"P_A{c:02d}_s1_w{w}.tif" for c in (1, 2) for w in (1, 2)]
    result = joined(names[:-1])
    assert missing(result) == {"P_A02_s1.tif": ("channel w2 is missing: P_A02_s1_w2.tif",)}
    assert result.said[0].endswith("1 of them lack a file that others have")
    bad = next(item for item in result.inputs.found if item.image == "P_A02_s1.tif")
    assert bad.files is not None
    with pytest.raises(UnreadableError, match="channel w2 is missing: P_A02_s1_w2"):
        open_set(bad.files)


def test_a_missing_plane_and_a_missing_stack_are_said() -> None:
    names = [f"r01c{c:02d}f01p{z:02d}-ch1sk1fk1fl1.tiff" for c in (1, 2) for z in (1, 2, 3)]
    names.remove("r01c02f01p02-ch1sk1fk1fl1.tiff")
    said = missing(joined(names))
    assert list(said) == ["r01c02f01.tiff"]
    assert "channel ch1, plane 2 is missing" in said["r01c02f01.tiff"][0]
    stacks = [f"P/ZStep_{z}/P_A01_s1_w1.tif" for z in (1, 2)]
    said = missing(joined([*stacks, "P/P_A01_s1_w1.tif", "P/P_A02_s1_w1.tif"]))
    assert said == {
        "P/P_A02_s1.tif": ("the planes of channel w1 are missing: there is only P/P_A02_s1_w1.tif",)
    }


def test_a_frame_missing_in_the_middle_fails_and_at_the_end_is_a_note() -> None:
    names = [f"V_B{c}_1_00d0{h}h00m.tif" for c in (2, 3, 4) for h in range(4)]
    names.remove("V_B3_1_00d01h00m.tif")
    names.remove("V_B4_1_00d03h00m.tif")
    result = joined(names)
    assert list(missing(result)) == ["V_B3_1.tif"]
    last = result.inputs.found[2]
    assert last.files is not None
    assert "it ends 1 frame before others do" in last.files.notes
    assert last.files.interval == 3600


def test_uneven_frames_have_no_interval() -> None:
    result = joined([f"V_B2_1_00d{h:02d}h00m.tif" for h in (0, 1, 5)])
    files = result.inputs.found[0].files
    assert files is not None
    assert files.interval is None
    assert "60 to 240 minutes apart" in " ".join(files.notes)


def test_two_files_for_one_place_fail_together() -> None:
    names = ["P/ZStep_1/P_A01_s1_w1.tif", "P/ZStep_1/P_A01_s1_w1_z1.tif"]
    [picture] = joined(names).inputs.found
    assert picture.files is not None
    with pytest.raises(UnreadableError, match="claim to be the same plane"):
        open_set(picture.files)


def test_a_channel_with_one_plane_in_every_field_stands_in_all_planes() -> None:
    name = "N_A{c:02d}_T0001F001L01A0{w}Z0{z}C0{w}.tif"
    names = [name.format(c=c, w=1, z=z) for c in (1, 2) for z in (1, 2)]
    names += [name.format(c=c, w=2, z=1) for c in (1, 2)]
    result = joined(names)
    assert missing(result) == {}
    files = result.inputs.found[0].files
    assert files is not None
    assert len(files.parts) == 4
    assert "channel C02 has no planes" in " ".join(files.notes)


def test_one_channel_in_two_actions_is_two_channels() -> None:
    names = [f"N_A01_T0001F001L01A0{a}Z01C01.tif" for a in (1, 2)]
    files = joined(names).inputs.found[0].files
    assert files is not None
    assert files.channels == ("A01C01", "A02C01")


def test_plates_of_one_name_in_two_folders_are_two_plates() -> None:
    result = joined([f"{day}/P_A01_s1_w1.tif" for day in ("mon", "tue")])
    assert images(result) == ["mon/P_A01_s1.tif", "tue/P_A01_s1.tif"]
    assert [item.files.plate for item in result.inputs.found if item.files] == ["mon/P", "tue/P"]


def test_muvi_folders_become_pictures_of_wells() -> None:
    names = [
        f"run/{well}/POINT 00001/{channel}/STACK_{t:05d}/{z:05d}.jpg"
        for well in ("A01", "A02")
        for channel in ("BRIGHT", "GFP")
        for t in (0, 1)
        for z in (1, 2)
    ]
    result = joined(names)
    assert images(result) == ["run/A01/POINT 00001.jpg", "run/A02/POINT 00001.jpg"]
    files = result.inputs.found[0].files
    assert files is not None
    assert (files.plate, files.well, files.channels) == ("run", "A01", ("BRIGHT", "GFP"))
    assert len(files.parts) == 8


def test_the_index_names_the_channels(tmp_path: Path) -> None:
    index_of(tmp_path)
    for t in (0, 1, 2):
        for z in (1, 2, 3):
            for c in (1, 2):
                tifffile.imwrite(
                    tmp_path / f"r01c01f01p0{z}-ch{c}sk{t}fk1fl1.tiff",
                    np.full((4, 6), 100 * t + 10 * z + c, np.uint16),
                )
    result = join_files(find_inputs([tmp_path]), known=KNOWN)
    [picture] = result.inputs.found
    assert picture.files is not None
    image = open_set(picture.files)
    assert (image.axes, image.shape) == ("TCZYX", (3, 2, 3, 4, 6))
    assert image.channels == ("DAPI", "A & B")
    assert (image.spacing.z, image.spacing.x, image.interval) == (2.0, 0.65, 600.0)
    assert image.source.plate == "Screen 7"
    assert image.pixels()[2, 1, 0, 0, 0] == 212
    (tmp_path / "Index.idx.xml").write_bytes(b"<Images>")
    again = join_files(find_inputs([tmp_path]), known=KNOWN)
    assert "Index.idx.xml: its XML is damaged" in again.said[0]
    assert again.inputs.found[0].files is not None
    assert again.inputs.found[0].files.channels == ("ch1", "ch2")


def test_a_real_imagexpress_plate(shared_data: Path) -> None:
    inputs = find_inputs([shared_data / "formats" / "plate_imagexpress"])
    [picture] = join_files(inputs, known=KNOWN).inputs.found
    assert picture.image == "Projection-Mix/2023-02-21/1334/Projection-Mix_E07_s1.tif"
    assert picture.files is not None
    image = open_set(picture.files)
    assert (image.axes, image.shape) == ("CZYX", (3, 2, 512, 512))
    assert image.dtype == np.dtype(np.uint16)
    assert image.channels == ("w1", "w2", "w3")
    assert (image.source.well, image.source.position) == ("E07", "1")
    folder = picture.path.parents[1]
    plane = tifffile.imread(next((folder / "ZStep_6").glob("*_w2*")))
    np.testing.assert_array_equal(np.asarray(image.data[1, 1, :, :]), plane)
    flat = tifffile.imread(next(folder.glob("*_w3*")))
    np.testing.assert_array_equal(image.channel("w3").pixels(), np.stack([flat, flat]))


def test_a_real_cellomics_field_and_a_cv8000_field(shared_data: Path) -> None:
    inputs = find_inputs([shared_data / "multichannel" / "example_human"])
    [picture] = join_files(inputs, known=KNOWN).inputs.found
    assert picture.files is not None
    image = open_set(picture.files)
    assert (image.axes, image.channels) == ("CYX", ("d0", "d1", "d2"))
    assert (image.source.well, image.source.position) == ("D03", "0")
    inputs = find_inputs([shared_data / "formats" / "plate_cv8000"])
    [picture] = join_files(inputs, known=KNOWN).inputs.found
    assert picture.files is not None
    image = open_set(picture.files)
    assert (image.axes, image.shape, image.spacing.x) == ("CYX", (2, 2000, 2000), 0.325)
    assert image.source.well == "D08"


def test_a_plate_of_384_wells_is_joined_in_no_time(tmp_path: Path) -> None:
    plate = tmp_path / "plate1"
    plate.mkdir()
    tifffile.imwrite(tmp_path / "one.tif", np.arange(1024, dtype=np.uint16).reshape(32, 32))
    content = (tmp_path / "one.tif").read_bytes()
    for row in range(1, 17):
        for column in range(1, 25):
            for site in range(1, 5):
                for wave in range(1, 4):
                    name = f"plate1_{well_at(row, column)}_s{site}_w{wave}.tif"
                    (plate / name).write_bytes(content)
    inputs = find_inputs([plate])
    before = time.process_time()
    result = join_files(inputs, known=KNOWN)
    assert time.process_time() - before < 2
    assert result.said == (
        "4,608 files in the input folder are named as ImageXpress does: 1,536 pictures of 384 "
        "wells",
    )
    assert len(result.inputs.found) == 1536
    last = result.inputs.found[-1]
    assert last.files is not None
    image = open_set(last.files)
    assert (last.image, image.axes, image.shape) == ("plate1_P24_s4.tif", "CYX", (3, 32, 32))
    assert image.take("C", 2).pixels()[1, 1] == 33


@settings(max_examples=30, deadline=None)
@given(
    wells=st.sets(st.tuples(st.integers(1, 32), st.integers(1, 48)), min_size=1, max_size=4),
    sites=st.integers(1, 3),
    waves=st.integers(1, 3),
    order=st.randoms(use_true_random=False),
)
def test_every_file_has_one_place_whatever_the_order(
    wells: set[tuple[int, int]], sites: int, waves: int, order: object
) -> None:
    names = [
        f"P_{well_at(*well)}_s{s}_w{w}.tif"
        for well in sorted(wells)
        for s in range(1, sites + 1)
        for w in range(1, waves + 1)
    ]
    shuffled = list(names)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    found = tuple(Found(name, Path(name)) for name in shuffled)
    result = join_files(Inputs(found), known=KNOWN)
    assert result == join_files(Inputs(tuple(sorted(found))), known=KNOWN)
    paths = [path for item in result.inputs.found if item.files for path in item.files.files]
    assert sorted(paths) == sorted(names)
    assert len(result.inputs.found) == len(wells) * sites
