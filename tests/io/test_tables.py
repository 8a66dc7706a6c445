"""Tables of other programs: read as they are meant, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellwright.core.errors import UnreadableError
from cellwright.io.cells import read_table


def written(folder: Path, text: str) -> Path:
    file = folder / "cells.csv"
    file.write_bytes(text.encode())
    return file


@pytest.mark.parametrize(
    "text",
    [
        "name,size\nx,1.5\ny,2\n",
        "name;size\nx;1,5\ny;2\n",
        "name;size\nx;1.5\ny;2\n",
        "name\tsize\nx\t1,5\ny\t2\n",
        "\ufeffname,size\r\nx,1.5\r\ny,2\r\n",
        "name,size\rx,1.5\ry,2\r",
        "name,size\nx,1.5,\ny,2,\n",
        "sep=;\r\nname;size\r\nx;1,5\r\ny;2\r\n",
        '"sep=|"\n\nname|size\nx|1.5\ny|2\n',
    ],
    ids=[
        "commas",
        "Excel in Europe",
        "semicolons",
        "tabs",
        "Windows",
        "old Mac",
        "commas at ends",
        "stated",
        "bars, stated",
    ],
)
def test_separators_and_ends_of_lines(tmp_path: Path, text: str) -> None:
    table = read_table(written(tmp_path, text))
    assert table["name"].tolist() == ["x", "y"]
    assert table["size"].tolist() == [1.5, 2.0]


@pytest.mark.parametrize("word", ["", "NA", "#N/A", "NaN", "nan", "NULL"])
def test_numbers_that_are_not_known(tmp_path: Path, word: str) -> None:
    table = read_table(written(tmp_path, f"size,name\n1.5,NA\n{word},x\n2,\n"))
    np.testing.assert_array_equal(table["size"], [1.5, np.nan, 2.0])
    assert table["name"].tolist() == ["NA", "x", ""]  # what is text stays as it is


def test_a_word_among_numbers_is_text(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "size\n1\nlarge\n"))["size"].tolist() == ["1", "large"]


def test_truths_of_other_programs_with_gaps(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "cut,n\nTRUE,1\nFALSE,2\n,3\n"))
    assert table["cut"].astype(object).tolist()[:2] == [True, False]
    assert table["cut"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,a\n1,2,3\n", "'a' is there twice"),
        ("condition,size\n1,control,5\n2,control,6\n", "more cells than the header"),
        ("a,b\n1,2\n1,2,3\n", "cannot be read"),
    ],
)
def test_what_could_be_taken_for_something_else_is_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(UnreadableError, match=words):
        read_table(written(tmp_path, text))
