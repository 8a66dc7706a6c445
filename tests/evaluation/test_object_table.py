"""Tables of objects: found beside labels, or given; what is wrong with them is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellwright.core.errors import UsageError
from cellwright.evaluation.object_table import (
    Known,
    ObjectTable,
    find_object_table,
    read_object_table,
)


def table(path: Path, text: str, encoding: str = "utf-8") -> ObjectTable:
    path.write_text(text, encoding)
    return read_object_table(path)


def told(
    found: ObjectTable, image: str, labels: list[int], frames: list[int] | None = None
) -> Known:
    rows = found.rows_of([image]).get(image)
    frame = np.array(frames if frames is not None else [0] * len(labels), np.int64)
    return found.known(rows, np.array(labels, np.uint32), frame)


def test_classes_and_confidences_of_objects(tmp_path: Path) -> None:
    found = table(
        tmp_path / "o.csv",
        "name,label,class,confidence,area\na,2,dead,0.5,12\na,1,,,3\nday/b.tif,7,alive,0.25,1\n",
    )
    known = told(found, "a.png", [1, 2, 3])
    assert known.classes.tolist() == ["", "dead", ""]
    assert np.array_equal(known.confidence, [np.nan, 0.5, np.nan], equal_nan=True)
    assert told(found, "b.npy", [7]).classes.tolist() == ["alive"]
    assert told(found, "c.npy", [7]).classes.tolist() == [""]


@pytest.mark.parametrize("stated", ["", "sep=;\n"])
def test_as_a_spreadsheet_writes_it(tmp_path: Path, stated: str) -> None:
    """A mark of the encoding, semicolons, the comma as decimal point, a formula as name."""
    text = f"{stated}image;label;class;confidence\n'=a.tif;1;01;0,75\n'=a.tif;2;NA;NA\n"
    known = told(table(tmp_path / "o.csv", text, "utf-8-sig"), "=a.tif", [1, 2])
    assert known.classes.tolist() == ["01", "NA"]
    assert np.array_equal(known.confidence, [0.75, np.nan], equal_nan=True)


def test_frames_of_a_movie(tmp_path: Path) -> None:
    found = table(tmp_path / "o.csv", "image,frame,label,class\nm,0,1,a\nm,1,1,b\nm,1,2,c\n")
    known = told(found, "m", [1, 1, 2, 2], [0, 1, 0, 1])
    assert known.classes.tolist() == ["a", "b", "", "c"]
    without = table(tmp_path / "p.csv", "image,label,class\nm,1,a\n")
    assert told(without, "m", [1, 2, 1], [0, 0, 1]).classes.tolist() == ["a", "", "a"]


def test_probabilities_of_classes(tmp_path: Path) -> None:
    text = "image,label,class,p_alive,p_dead,p_value\na,1,alive,0.75,0.25,0.01\na,2,dead,0.1,,\n"
    found = table(tmp_path / "o.csv", text)
    assert found.chances == ("alive", "dead", "value")
    chances = told(found, "a", [1, 2, 9]).chances
    assert chances[0].tolist() == [0.75, 0.25, 0.01]
    assert np.isnan(chances[1:, 1]).all()
    # columns that only look like probabilities: a class has none
    assert table(tmp_path / "p.csv", "image,label,class,p_value,p_x\na,1,dead,1,2\n").chances == ()


def test_parquet(tmp_path: Path) -> None:
    from fastparquet import write

    rows = pd.DataFrame({"image": ["a.tif"], "label": [3], "confidence": [0.5], "class": ["x"]})
    write(str(tmp_path / "o.parquet"), rows, object_encoding="utf8", write_index=False)
    known = told(read_object_table(tmp_path / "o.parquet"), "a.tif", [3])
    assert (known.classes.tolist(), known.confidence.tolist()) == (["x"], [0.5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,label\na,1\n", "no columns image, label, and class or confidence"),
        ("picture,label,class\na,1,b\n", "no columns image"),
        ("image,label,class\na,one,b\n", "'one' in the column label"),
        ("image,label,class\na,,b\n", "'' in the column label"),
        ("image,label,class\na,1.5,b\n", "'1.5' in the column label"),
        ("image,label,class\na,-1,b\n", "'-1' in the column label"),
        ("image,label,confidence\na,1,high\n", "'high' in the column confidence"),
        ("image,label,confidence\na,1,inf\n", "'inf' in the column confidence"),
        ("", "cannot be read"),
        ('image,label,class\n"a,1', "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        table(tmp_path / "o.csv", text)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_bytes(b"image,label,class\n\xff\xfe,1,b\n")
    with pytest.raises(UsageError, match="cannot be read"):
        read_object_table(tmp_path / "o.csv")
    with pytest.raises(UsageError, match="cannot be read"):
        read_object_table(tmp_path / "none.csv")


def test_two_rows_of_one_object(tmp_path: Path) -> None:
    found = table(tmp_path / "o.csv", "image,label,class\na,1,x\na,1,y\n")
    with pytest.raises(UsageError, match="object 1 of 'a' has two rows"):
        told(found, "a", [1])


def test_what_lies_beside_the_labels_is_found(tmp_path: Path) -> None:
    assert find_object_table(tmp_path / "none") is None
    (tmp_path / "labels" / "nucleus").mkdir(parents=True)
    for given in (tmp_path, tmp_path / "labels"):
        assert find_object_table(given) is None
    (tmp_path / "classes.csv").write_text("name,label,class\na,1,x\n")
    for given in (tmp_path, tmp_path / "labels"):
        found = find_object_table(given)
        assert found is not None
        assert told(found, "a.tif", [1]).classes.tolist() == ["x"]
    # other objects of a run have rows of their own
    (tmp_path / "cells.csv").write_text(
        "image,frame,object,label,confidence\na.png,0,cell,1,0.5\na.png,0,nucleus,1,0.25\n"
    )
    for given, expected in ((tmp_path, 0.5), (tmp_path / "labels" / "nucleus", 0.25)):
        found = find_object_table(given)
        assert found is not None
        assert told(found, "a.png", [1]).confidence.tolist() == [expected]


def test_other_tables_of_that_name_are_let_be(tmp_path: Path) -> None:
    (tmp_path / "classes.csv").write_text("class,meaning\nx,alive\n")
    (tmp_path / "cells.csv").write_text("image,label,area\na,1,5\n")
    assert find_object_table(tmp_path) is None
    # a column that says nothing is none
    (tmp_path / "cells.csv").write_text("image,label,confidence\na,1,\n")
    assert find_object_table(tmp_path) is None
    (tmp_path / "cells.csv").write_text("image,label,confidence\na,1,much\n")
    with pytest.raises(UsageError, match="'much' in the column confidence"):
        find_object_table(tmp_path)
