"""samples.csv: as people write it, joined to pictures, and refused with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellwright.core.errors import UsageError
from cellwright.io.samples import Samples, read_samples


def _samples(tmp_path: Path, text: str | bytes) -> Samples:
    path = tmp_path / "samples.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_samples(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_all_columns(tmp_path: Path, delimiter: str, mark: str) -> None:
    lines = [
        [
            "image",
            "condition",
            "replicate",
            "dose",
            "dose_unit",
            "pixel_size_um",
            "exclude",
            "mood",
        ],
        ["a.tif", "drug", "1", "2.5", "uM", "0.65", "", "good"],
        ["b.tif", "'=control", "2", "", "", "", "yes", ""],
    ]
    text = mark + "\r\n".join(delimiter.join(line) for line in lines) + "\r\n\r\n"
    first, second = _samples(tmp_path, text).rows
    assert (first.condition, first.dose, first.pixel_size_um) == ("drug", 2.5, 0.65)
    assert first.others == {"mood": "good"}
    assert (second.condition, second.dose, second.exclude) == ("=control", None, True)
    assert not first.exclude


@pytest.mark.parametrize("stated", ["", "sep=;\n"])
def test_decimal_comma(tmp_path: Path, stated: str) -> None:
    text = f"{stated}image;condition;dose;pixel_size_um\na;x;0,5;0,325\n"
    [row] = _samples(tmp_path, text).rows
    assert (row.dose, row.pixel_size_um) == (0.5, 0.325)


def test_names_with_commas_quotes_newlines_and_blanks(tmp_path: Path) -> None:
    text = 'image,condition\n"a, ""b"".tif",x\n"new\nline.tif",x\n c.tif,x\n'
    assert [row.image for row in _samples(tmp_path, text).rows] == [
        'a, "b".tif', "new\nline.tif", " c.tif",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("image,dose\na,1\n", "no column condition"),
        ("file,group\na,1\n", "image or condition"),
        ("image,condition,image\na,x,b\n", "twice"),
        ("image,condition,dose\na,x,much\n", "line 2.*dose"),
        ("image,condition,pixel_size_um\na,x,-1\n", "line 2.*above 0"),
        ("image,condition,exclude\na,x,perhaps\n", "line 2.*exclude"),
        ("image,condition\na,x\na,y\n", "line 3.*line 2"),
        ("image,condition\n,x\n", "line 2.*no image"),
        ("image,condition\na,x,y,z\n", "line 2.*4 cells"),
        (b"image,condition\na,\xe9\n", "line 2.*UTF-8"),
        ('image,condition\n"a,x\n', "damaged"),
    ],
)
def test_mistakes_are_named_with_their_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        _samples(tmp_path, text)


def test_join_by_path_then_by_name(tmp_path: Path) -> None:
    samples = _samples(tmp_path, "image,condition\nd1/a.tif,x\nb.tif,y\nc,z\nnowhere.tif,w\n")
    images = ["d1/a.tif", "d2/a.tif", "d2/b.tif", "c.ome.tif", "c.png"]
    with pytest.raises(UsageError, match=r"'c'|several"):
        samples.match([*images, "e/c.tif"])
    rows = samples.match(["d1/a.tif", "d2/a.tif", "d2/b.tif", "c.png"])
    assert {image: row.condition for image, row in rows.items()} == {
        "d1/a.tif": "x",
        "d2/b.tif": "y",
        "c.png": "z",
    }
    without, left = samples.unmatched(["d1/a.tif", "d2/a.tif"])
    assert without == ("d2/a.tif",)
    assert [row.image for row in left] == ["b.tif", "c", "nowhere.tif"]


def test_one_row_stands_for_all_scenes_unless_a_scene_has_its_own(tmp_path: Path) -> None:
    samples = _samples(tmp_path, "image,condition\na.tif,x\na.tif::1,y\n")
    rows = samples.match(["a.tif::0", "a.tif::1"])
    assert [row.condition for row in rows.values()] == ["x", "y"]


def test_two_rows_of_one_picture_are_refused(tmp_path: Path) -> None:
    samples = _samples(tmp_path, "image,condition\nb.tif,x\nb,y\n")
    with pytest.raises(UsageError, match="lines 2 and 3"):
        samples.match(["d/b.tif"])


def test_a_row_with_a_path_from_elsewhere_is_joined_by_its_unique_name(tmp_path: Path) -> None:
    table = tmp_path / "samples.csv"
    table.write_text("image,condition\npictures/a.tif,drug\npictures/b.tif,control\n")

    rows = read_samples(table).match(["a.tif", "b.tif", "c.tif"])

    assert {image: row.condition for image, row in rows.items()} == {
        "a.tif": "drug",
        "b.tif": "control",
    }


def test_a_comma_that_may_mean_a_thousand_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "samples.csv"
    file.write_text('image,condition,dose\na.tif,x,"1,000"\n')
    with pytest.raises(UsageError, match="line 2: dose is '1,000': a thousand, or one"):
        read_samples(file)
    file.write_text("image;condition;dose\na.tif;x;1,125\n")  # no commas between cells
    assert read_samples(file).rows[0].dose == 1.125
