"""Plates in their layout: the numbers of each well, and what is drawn of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from cellwright.io.pattern import well_at
from cellwright.report.plate import SECTION
from cellwright.report.plate_wells import layout_of, placed_pictures, wells_table
from cellwright.report.section import Content, ReportData


def rows_of(well: str, *counts: float, plate: str = "", **others: Any) -> list[dict[str, Any]]:
    return [
        {
            "image": f"{plate}_{well}_{site}.tif",
            "status": "failed" if np.isnan(count) else "done",
            "reason": "",
            "n_cells": count,
            "frames": 1,
            "well": well,
            "plate": plate,
            "area_median_px": 100.0 + count,
            "area_median_um2": np.nan,
        }
        | others
        for site, count in enumerate(counts)
    ]


def plate_data(data: ReportData, rows: list[dict[str, Any]]) -> ReportData:
    return replace(data, images=pd.DataFrame(rows))


def rendered(data: ReportData) -> Content:
    content = SECTION.render(data)
    assert content is not None
    return content


def test_without_wells_there_is_no_section(data: ReportData) -> None:
    assert SECTION.render(data) is None
    assert SECTION.render(plate_data(data, rows_of("", 5, 6))) is None
    assert SECTION.render(plate_data(data, rows_of("nonsense", 5, 6))) is None


def test_numbers_of_a_well(data: ReportData) -> None:
    rows = rows_of("B3", 10, 30) + rows_of("A01", 7, np.nan) + rows_of("C05", np.nan)
    rows += rows_of("D06", 99, status="skipped")
    table = wells_table(placed_pictures(plate_data(data, rows)))
    assert table["well"].tolist() == ["A01", "B03", "C05"]
    assert table["row"].tolist() == [1, 2, 3]
    assert table["column"].tolist() == [1, 3, 5]
    assert table["n_pictures"].tolist() == [1, 2, 0]
    assert table["n_failed"].tolist() == [1, 0, 1]
    assert table["n_cells"].tolist() == [7, 40, 0]
    assert table["mean_cells_per_picture"].tolist()[:2] == [7, 20]
    assert np.isnan(table["mean_cells_per_picture"][2])
    assert table["median_area_px"].tolist()[:2] == [107, 120]


def test_a_movie_counts_as_the_mean_of_its_frames(data: ReportData) -> None:
    movie = plate_data(data, rows_of("B03", 40, frames=4))
    assert wells_table(placed_pictures(movie))["mean_cells_per_picture"].tolist() == [10]
    assert "mean cells per frame" in rendered(movie).figures[0].svg


def test_pictures_that_a_person_left_out_do_not_count(data: ReportData) -> None:
    left_out = replace(
        plate_data(data, rows_of("B03", 10, 30)), run={"excluded": [{"image": "_B03_1.tif"}]}
    )
    assert wells_table(placed_pictures(left_out))["n_cells"].tolist() == [10]


@pytest.mark.parametrize(
    ("well", "layout"),
    [
        ("D06", (4, 6)), ("E01", (8, 12)), ("A07", (8, 12)), ("H12", (8, 12)), ("I01", (16, 24)),
        ("A13", (16, 24)), ("Q01", (32, 48)), ("AF48", (32, 48)),
    ],
)  # fmt: skip
def test_the_layout_is_the_smallest_that_has_all_wells(
    data: ReportData, well: str, layout: tuple[int, int]
) -> None:
    table = wells_table(placed_pictures(plate_data(data, rows_of("A01", 1) + rows_of(well, 2))))
    assert layout_of(table) == layout


def test_a_square_a_well_and_a_cross_where_pictures_failed(data: ReportData) -> None:
    rows = [r for c in range(1, 13) for r in rows_of(well_at(1, c), 5.0 * c, plate="P1")]
    rows += rows_of("H12", np.nan, plate="P1")
    content = rendered(plate_data(data, rows))
    [figure] = content.figures
    assert figure.name == "plate_P1"
    root = ElementTree.fromstring(figure.svg)
    space = "{http://www.w3.org/2000/svg}"
    texts = ["".join(text.itertext()) for text in root.iter(f"{space}text")]
    assert texts.count("H") == 2
    assert texts.count("12") == 2
    assert "mean cells per picture" in texts
    assert "median area (px²)" in texts
    groups = {
        group.get("id"): len(list(group.iter(f"{space}path")))
        for group in root.iter(f"{space}g")
        if (group.get("id") or "").startswith("PolyCollection")
    }
    assert sorted(groups.values()) == [12, 12, 84, 84]  # two panels: filled, and empty
    assert "A cross marks 1 well with 1 picture that failed" in content.html
    assert "13 wells, 12 pictures, 390 cells" in content.html


def test_a_plate_of_failures_alone_is_drawn(data: ReportData) -> None:
    content = rendered(plate_data(data, rows_of("B02", np.nan)))
    assert "none of them measured" in content.html


def test_the_same_plate_gives_the_same_bytes(data: ReportData) -> None:
    given = plate_data(data, rows_of("B02", 3, 4) + rows_of("P24", 9))
    first, second = rendered(given), rendered(given)
    assert first.html == second.html
    assert first.figures[0].svg == second.figures[0].svg


def test_names_of_plates_are_escaped_and_plain_in_files(data: ReportData) -> None:
    rows = rows_of("A01", 1, plate="<script>x</script>") + rows_of("A01", 1, plate="P-1")
    rows += rows_of("A01", 1, plate="P 1")
    content = rendered(plate_data(data, rows))
    assert "<script>" not in content.html
    assert "&lt;script&gt;" in content.html
    assert [figure.name for figure in content.figures] == [
        "plate_script_x_script", "plate_P_1", "plate_P_1_2",
    ]  # fmt: skip


def test_at_most_twelve_plates_are_drawn_and_the_rest_is_said(data: ReportData) -> None:
    rows = [row for n in range(14) for row in rows_of("A01", 1, plate=f"P{n}")]
    content = rendered(plate_data(data, rows))
    assert len(content.figures) == 12
    assert "2 more plates are not drawn" in content.html
