"""Naming schemes: what each name says, and which names say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Spacing
from cellwright.io.pattern import Pattern, well_at, well_name
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
from cellwright.io.patterns.instrument_xml import LARGEST, read_records

ALL = [
    module.PATTERN
    for module in (imagexpress, operetta, incucyte, cv8000, cellomics, muvi, scanr, micromanager)
]
UUID = "1E94C24B-45E4-450A-9919-257C714278F7"

ORDINARY = [
    "tatmn_80ng_3", "image_B2_1", "control_1", "B2", "A01", "cells_A549", "f_01", "t001",
    "EmbryoTorax", "P-1_w", "x_A1_s1", "0_1_N_G", "leica_stack_Series014_z000_ch00",
    "xyz_8bit__mitotic_plate", "A172_Phase_A7_1_00d00h00m_1", "r01c01", "A1-1-C1", "img_1_2",
]  # fmt: skip


@pytest.mark.parametrize("pattern", ALL, ids=lambda pattern: pattern.name)
@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_name_is_of_no_screen(pattern: Pattern, name: str) -> None:
    place = pattern.match(name, "pictures")
    assert place is None or place.certainty == "asked"


@pytest.mark.parametrize("pattern", ALL, ids=lambda pattern: pattern.name)
def test_the_example_of_a_scheme_is_of_that_scheme_alone(pattern: Pattern) -> None:
    folder, _, file = pattern.example.rpartition("/")
    stem = file.rpartition(".")[0]
    assert [other.name for other in ALL if other.match(stem, folder)] == [pattern.name]


@pytest.mark.parametrize(
    ("name", "folder", "expected"),
    [
        (f"P_E07_s1_w1{UUID}", "d/P", ("P_E07_s1", "d/P", "E07", "1", "w1", None, (0,))),
        (f"P_E07_w2{UUID}", "", ("P_E07", "", "E07", "", "w2", None, (0,))),
        (f"P_1_AF48_s12{UUID}", "", ("P_1_AF48_s12", "", "AF48", "12", "", None, (0,))),
        ("P_B02_s1_w1", "P/TimePoint_3/ZStep_2", ("P_B02_s1", "P", "B02", "1", "w1", 2, (3,))),
        ("B02_s1_w1_z4", "TimePoint_1", ("B02_s1", "", "B02", "1", "w1", 4, (1,))),
        ("P_B02_s1_w1", "P/ZStep_0", ("P_B02_s1", "P", "B02", "1", "w1", None, (0,))),
    ],
)
def test_imagexpress(name: str, folder: str, expected: tuple[object, ...]) -> None:
    place = imagexpress.PATTERN.match(name, folder)
    assert place is not None
    assert place.certainty == "alone"
    said = (
        place.rest, place.folder, place.well, place.position, place.channel, place.depth,
        place.frame,
    )  # fmt: skip
    assert said == expected


def test_a_thumbnail_is_no_picture() -> None:
    place = imagexpress.PATTERN.match(f"P_E07_s1_w1_thumb{UUID}", "P")
    assert place is not None
    assert "thumbnail" in place.skip


@pytest.mark.parametrize(
    ("name", "folder", "expected"),
    [
        ("VID1234_B2_1_00d04h30m", "x", ("VID1234_B2_1", "x", "B02", "1", "", 4.5 * 3600)),
        ("R2_MDF_green_B2_1_01d00h00m", "", ("R2_MDF_B2_1", "", "B02", "1", "green", 86400.0)),
        ("VID1_A1_1_00d00h00m", "run/Phase", ("VID1_A1_1", "run", "A01", "1", "Phase", 0.0)),
        ("B12_3_00d00h15m", "", ("B12_3", "", "B12", "3", "", 900.0)),
        (
            "VID1_C04_2_1970y01m02d_01h30m", "",
            ("VID1_C04_2", "", "C04", "2", "", 86400.0 + 5400.0),
        ),
        (
            "A1-2-Ph", "EssenFiles/ScanData/7001/02/0130/1248",
            ("A1-2", "EssenFiles/ScanData/1248", "A01", "2", "Ph", None),
        ),
    ],
)  # fmt: skip
def test_incucyte(name: str, folder: str, expected: tuple[object, ...]) -> None:
    place = incucyte.PATTERN.match(name, folder)
    assert place is not None
    said = (place.rest, place.folder, place.well, place.position, place.channel, place.seconds)
    assert said[:5] == expected[:5]
    if expected[5] is not None:
        assert said[5] == expected[5]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("VID1_B2_1_2020y13m01d_12h30m", ""),  # there is no thirteenth month
        ("A1-1-Ph", "EssenFiles/ScanData/2505/99/1124/1248"),
        ("VID1_B99_1_00d00h00m", ""),
    ],
)
def test_an_impossible_time_or_well_is_no_incucyte_name(name: str, folder: str) -> None:
    assert incucyte.PATTERN.match(name, folder) is None


def test_operetta_rows_and_columns() -> None:
    match = operetta.PATTERN.match
    place = match("r16c24f09p03-ch5sk12fk1fl1", "P1__2021-01-01-Measurement 1/Images")
    assert place is not None
    assert (place.well, place.position, place.depth) == ("P24", "9", 3)
    assert (place.plate, place.frame) == ("P1", (12, 1))
    assert match("r33c01f01p01-ch1sk1fk1fl1", "") is None
    assert match("r00c01f01p01-ch1sk1fk1fl1", "") is None


def test_muvi_folders_without_time_points() -> None:
    place = muvi.PATTERN.match("frame 0012", "run/B02/POINT 00003/GFP")
    assert place is not None
    assert (place.rest, place.well, place.channel) == ("B02/POINT 00003", "B02", "GFP")
    assert (place.frame, place.depth) == ((12,), None)
    assert muvi.PATTERN.match("1", "run/notes/POINT 00003/GFP") is None


def test_scanr_parts_in_any_order_and_each_once() -> None:
    match = scanr.PATTERN.match
    place = match("EMBO--empty--W0002--P001--T00004--Z000--C", "")
    assert place is not None
    assert (place.rest, place.frame, place.channel) == ("EMBO--empty--W0002--P001", (4,), "C")
    assert match("A--W0001--W0002--P001--T00004--Z000--C", "") is None
    assert match("A--W0001--P001--T00004--C", "") is None


def test_wells_of_all_plates() -> None:
    names = [well_at(row, column) for row in range(1, 33) for column in range(1, 49)]
    assert len(set(names)) == 1536
    assert all(well_name(name) == name for name in names)
    assert (names[0], names[-1]) == ("A01", "AF48")
    assert [well_name(text) for text in ("Q0", "A49", "AG1", "a01", "", "A001")] == [
        "", "", "", "", "", "A01",
    ]  # fmt: skip


INDEX = """<?xml version="1.0" encoding="utf-8"?>
<EvaluationInputData Version="1" xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5">
  <Plates><Plate><PlateID>Screen 7</PlateID></Plate></Plates>
  <Images>
    {images}
  </Images>
</EvaluationInputData>"""
IMAGE = """<Image Version="1"><id>0101K{t}F1P{p}R{c}</id><State>Ok</State>
  <URL>r01c01f01p0{p}-ch{c}sk{t}fk1fl1.tiff</URL><Row>1</Row><Col>1</Col><FieldID>1</FieldID>
  <PlaneID>{p}</PlaneID><TimepointID>{t}</TimepointID><ChannelID>{c}</ChannelID>
  <ChannelName>{name}</ChannelName><ImageResolutionX Unit="m">6.5E-07</ImageResolutionX>
  <ImageResolutionY Unit="m">6.5E-07</ImageResolutionY><PositionZ Unit="m">{z}</PositionZ>
  <AbsPositionZ Unit="m">0.1358</AbsPositionZ>
  <MeasurementTimeOffset Unit="s">{s}</MeasurementTimeOffset></Image>"""


def index_of(folder: Path) -> None:
    images = "\n".join(
        IMAGE.format(p=p, t=t, c=c, name=name, z=f"{2e-6 * p:.3e}", s=600 * t + p)
        for t in (0, 1, 2)
        for p in (1, 2, 3)
        for c, name in ((1, "DAPI"), (2, "A &amp; B"))
    )
    (folder / "Index.idx.xml").write_text(INDEX.format(images=images), encoding="utf-8")


def test_the_index_of_harmony_gives_names_and_distances(tmp_path: Path) -> None:
    index_of(tmp_path)
    assert operetta.PATTERN.describe is not None
    said = operetta.PATTERN.describe(tmp_path)
    assert said is not None
    assert said.spacing == Spacing(z=2.0, y=0.65, x=0.65)
    assert said.channels == {"ch1": "DAPI", "ch2": "A & B"}
    assert said.interval == pytest.approx(600)
    assert said.plate == "Screen 7"


def test_without_an_index_nothing_is_said(tmp_path: Path) -> None:
    assert operetta.PATTERN.describe is not None
    assert cv8000.PATTERN.describe is not None
    assert operetta.PATTERN.describe(tmp_path) is None
    assert cv8000.PATTERN.describe(tmp_path) is None


def test_a_hostile_index_is_refused_by_name(tmp_path: Path) -> None:
    assert operetta.PATTERN.describe is not None
    path = tmp_path / "Index.idx.xml"
    bomb = (
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Images><Image>&b;</Image></Images>'
    )
    for encoding in ("utf-8", "utf-16"):
        path.write_text(f'<?xml version="1.0" encoding="{encoding}"?>{bomb}', encoding=encoding)
        with pytest.raises(UnsupportedError, match="document type"):
            operetta.PATTERN.describe(tmp_path)
    path.write_bytes(b"<Images><Image>")
    with pytest.raises(UnreadableError, match="damaged"):
        operetta.PATTERN.describe(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(UnreadableError, match="damaged"):
        operetta.PATTERN.describe(tmp_path)
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)  # sparse: nothing is read
    with pytest.raises(UnreadableError, match="too large"):
        operetta.PATTERN.describe(tmp_path)
    with pytest.raises(UnreadableError, match="cannot be read"):
        read_records(tmp_path / "gone.xml", {"Image": set()})


def test_uneven_planes_have_no_distance(tmp_path: Path) -> None:
    images = "".join(
        IMAGE.format(p=p, t=0, c=1, name="DAPI", z=z, s=0)
        for p, z in ((1, 0), (2, 1e-6), (3, 9e-6))
    )
    (tmp_path / "Index.xml").write_text(INDEX.format(images=images), encoding="utf-8")
    assert operetta.PATTERN.describe is not None
    said = operetta.PATTERN.describe(tmp_path)
    assert said is not None
    assert said.spacing.z is None


def test_the_real_files_beside_a_cv8000_plate(shared_data: Path) -> None:
    assert cv8000.PATTERN.describe is not None
    said = cv8000.PATTERN.describe(shared_data / "formats" / "plate_cv8000")
    assert said is not None
    assert said.spacing == Spacing(z=3.0, y=0.325, x=0.325)
    assert (said.channels, said.interval) == ({}, None)
