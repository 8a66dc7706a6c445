"""OME-Zarr plates, and series of bioformats2raw."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.io.zarr_stores import (
    RAMP,
    group,
    plate,
    write_attributes,
)

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.core.image import Spacing
from cellwright.io.open import open_images, read

numcodecs: Any = pytest.importorskip("numcodecs")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_plate_gives_every_field_of_every_well(tmp_path: Path, version: str) -> None:
    path = plate(tmp_path / "p.zarr", version=version)
    images = open_images(path)
    assert [image.source.scene for image in images] == ["B/03/0", "B/03/1", "B/04/0", "B/04/1"]
    assert [image.source.well for image in images] == ["B03", "B03", "B04", "B04"]
    assert [image.source.position for image in images] == ["0", "1", "0", "1"]
    assert {image.source.plate for image in images} == {"screen 1"}
    assert images[3].source.files == (str(path / "B/04/1"),)
    assert images[3].spacing == Spacing(z=2, y=0.5, x=0.5)
    np.testing.assert_array_equal(images[3].pixels(), RAMP[0, 0] + np.uint16(101))
    field = read(f"{path}::B/04/1")
    assert field.source.well == "B04"
    np.testing.assert_array_equal(field.pixels(), images[3].pixels())
    with pytest.raises(UsageError, match="B/03/0"):
        read(f"{path}::B/05/0")


def test_a_well_or_field_of_a_plate_knows_its_place(tmp_path: Path) -> None:
    path = plate(tmp_path / "p.zarr")
    field = read(path / "B/04/1")
    assert (field.source.plate, field.source.well, field.source.position) == (
        "screen 1", "B04", "1",
    )  # fmt: skip
    fields = open_images(path / "B/03")
    assert [image.source.position for image in fields] == ["0", "1"]
    assert {image.source.well for image in fields} == {"B03"}


def test_a_well_without_a_list_has_its_folders(tmp_path: Path) -> None:
    path = plate(tmp_path / "p.zarr")
    (path / "B/03/.zattrs").unlink()
    group(path / "B/03/10", RAMP[0, 0], "zyx")
    assert [image.source.scene for image in open_images(path)][:3] == [
        "B/03/0", "B/03/1", "B/03/10",
    ]  # fmt: skip
    assert len(open_images(path / "B/03")) == 3


def test_missing_fields_are_told_and_damaged_ones_fail_alone(tmp_path: Path) -> None:
    path = plate(tmp_path / "p.zarr", wells=3)
    shutil.rmtree(path / "B/03/1")
    shutil.rmtree(path / "B/05")
    (path / "B/04/0/0/.zarray").write_text("{")
    images = open_images(path)
    assert [image.source.scene for image in images] == ["B/03/0", "B/04/0", "B/04/1"]
    assert all("B/03/1, B/05" in image.notes[-1] for image in images)
    assert images[0].pixels().shape == (4, 30, 41)
    with pytest.raises(UnreadableError, match="B/04/0"):
        images[1].pixels()
    shutil.rmtree(path / "B")
    with pytest.raises(UnreadableError, match="none of their fields"):
        open_images(path)


def test_a_plate_that_changed_is_opened_anew(tmp_path: Path) -> None:
    path = plate(tmp_path / "p.zarr")
    assert len(open_images(path)) == 4
    found = json.loads((path / ".zattrs").read_text())
    del found["plate"]["wells"][1]
    write_attributes(path, found)
    assert len(open_images(path)) == 2


def _series(folder: Path) -> Path:
    write_attributes(folder, {"bioformats2raw.layout": 3})
    for number in range(3):
        group(folder / str(number), RAMP[0, 0, 0] + np.uint16(number), "yx")
    return folder


def test_series_in_the_order_that_is_said(tmp_path: Path) -> None:
    path = _series(tmp_path / "x.zarr")
    firsts = [int(image.pixels()[0, 0]) for image in open_images(path)]
    assert firsts == [0, 1, 2]
    write_attributes(path / "OME", {"series": ["2", "0"]})
    images = open_images(path)
    assert [int(image.pixels()[0, 0]) for image in images] == [2, 0]
    assert [image.source.scene for image in images] == ["0", "1"]
    assert images[0].source.files == (str(path / "2"),)


def test_series_are_completed_by_their_xml(tmp_path: Path) -> None:
    path = _series(tmp_path / "x.zarr")
    (path / "OME").mkdir()
    pixels = (
        '<Pixels PhysicalSizeX="{0}" PhysicalSizeY="{0}" SizeX="41" SizeY="30">'
        '<Channel Name="DAPI"/></Pixels>'
    )
    (path / "OME/METADATA.ome.xml").write_text(
        "<OME>"
        + "".join(
            f'<Image Name="{name}">{pixels.format(size)}</Image>'
            for name, size in (("left", 0.1), ("right", 0.2))
        )
        + "</OME>"
    )
    images = open_images(path)  # the XML says that there are two
    assert [image.source.scene for image in images] == ["left", "right"]
    assert [image.spacing.x for image in images] == [0.1, 0.2]
    assert images[0].channels == ("DAPI",)
