"""What the sections say, read as a person reads it."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cellwright.report import columns, counts, failures, filters, gallery, pictures, verdict
from cellwright.report.groups import condition_table, measured_pictures, replicate_means
from cellwright.report.section import Content, ReportData


def words(content: Content | None) -> str:
    """The text of a section without its markup."""
    assert content is not None
    text = re.sub(r"<svg.*?</svg>", "", content.html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


def rows(content: Content | None, name: str) -> list[list[str]]:
    """The rows of one table, as text."""
    assert content is not None
    body = content.html.split(f'id="{name}"')[1].split("<tbody>")[1].split("</tbody>")[0]
    cells = [re.findall(r"<td.*?>(.*?)</td>", row) for row in body.split("</tr>")[:-1]]
    return [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in cells]


def changed(data: ReportData, **values: Any) -> ReportData:
    return replace(data, images=data.images.assign(**values))


def with_run(data: ReportData, **values: Any) -> ReportData:
    return replace(data, run={**data.run, **values})


def test_headline_counts_measured_pictures_only(data: ReportData) -> None:
    assert verdict.headline(data) == "100 cells in 4 pictures"
    one = replace(data, images=data.images.iloc[:1].assign(n_cells=1))
    assert verdict.headline(one) == "1 cell in 1 picture"


def test_verdict_names_failures_warnings_and_n(data: ReportData) -> None:
    text = words(verdict.SECTION.render(data))
    assert "4 of 5 inputs were measured." in text
    assert "1 picture could not be used and does not count here." in text
    assert "1 picture has a warning: look at them first." in text
    assert "n = 2 replicates a condition" in text


def test_excluded_pictures_do_not_count(data: ReportData) -> None:
    excluded = with_run(data, excluded=[{"image": "b2.tif", "reason": "wrong dish"}])
    assert verdict.headline(excluded) == "60 cells in 3 pictures"
    assert "wrong dish" in words(failures.SECTION.render(excluded))
    content = counts.SECTION.render(excluded)
    assert content is not None
    assert content.figures[0].table["image"].tolist() == ["a1.tif", "a2.tif", "b1.tif"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"condition": ""}, "No conditions stated"),
        ({"replicate": ""}, "No replicates stated: conditions cannot be compared"),
        ({"replicate": ["1", "2", "1", "1", ""]}, "Fewer than two replicates of drug"),
        ({"replicate": [1.0, 2.0, 1.0, 2.0, np.nan]}, "n = 2 replicates a condition"),
        ({"quality": "pass"}, "All pictures passed every check"),
        ({"quality": "fail"}, "4 pictures unfit to measure"),
        ({"quality": ""}, "Not checked"),
        ({"pixel_size_um": np.nan}, "No pixel size is known: all sizes are in pixels"),
        ({"pixel_size_um": [0.5, 0.5, np.nan, 0.5, np.nan]}, "pixel size of 1 picture is not"),
    ],
)
def test_verdict_says(data: ReportData, values: dict[str, Any], said: str) -> None:
    assert said in words(verdict.SECTION.render(changed(data, **values)))


def test_failures_come_with_reasons(data: ReportData) -> None:
    content = failures.SECTION.render(data)
    assert rows(content, "failed") == [["broken.tif", "the file is empty"]]
    assert rows(content, "skipped") == [["Thumbs.db", "not a picture"]]
    assert "3 cells in 1 picture were edited by hand" in words(content)


def test_nothing_wrong_has_no_section(data: ReportData) -> None:
    clean = changed(replace(data, images=data.images.iloc[[0, 2, 3]]), warnings="", status="done")
    assert (
        failures.SECTION.render(with_run(clean, skipped=[], corrections=[], decisions=[])) is None
    )


def test_warnings_are_grouped_by_what_they_are_about() -> None:
    pictures = pd.DataFrame(
        {
            "image": ["a", "b", "c"],
            "warnings": ["focus: 0.03 is low; empty", "focus: 0.02 is low", ""],
        }
    )
    found = failures.grouped_warnings(pictures)
    assert [(reason.text, reason.images) for reason in found] == [
        ("focus", ("a – 0.03 is low", "b – 0.02 is low")),
        ("empty", ("a",)),
    ]


def test_counts_are_means_of_replicate_means(data: ReportData) -> None:
    # control: replicate 1 has pictures of 10 and 14 cells, replicate 2 one of 20.
    images = data.images.assign(
        n_cells=[10, 14, 20, 40, np.nan],
        condition=["control", "control", "control", "drug", "control"],
        replicate=["1", "1", "2", "1", ""],
    )
    content = counts.SECTION.render(replace(data, images=images))
    assert rows(content, "counts-table") == [
        ["control", "2", "3", "44", "16.0", "5.66", "10 to 20"],
        ["drug", "1", "1", "40", "40.0", "–", "40 to 40"],
    ]
    assert "over the means of the replicates" in words(content)


def test_without_replicates_the_spread_carries_no_comparison(data: ReportData) -> None:
    content = counts.SECTION.render(changed(data, replicate=""))
    assert "their spread carries no comparison" in words(content)
    assert rows(content, "counts-table")[0][1] == "–"


def test_conditions_keep_the_order_of_the_samples(data: ReportData) -> None:
    images = data.images.iloc[[2, 0, 1, 3]]
    content = counts.SECTION.render(replace(data, images=images))
    assert [row[0] for row in rows(content, "counts-table")] == ["drug", "control"]


def test_filters_by_rule_and_condition(data: ReportData) -> None:
    content = filters.SECTION.render(data)
    assert rows(content, "filters-table") == [
        ["border", "4", "6", "10"],
        ["kept", "30", "70", "100"],
    ]
    assert filters.SECTION.render(with_run(data, filters=[])) is None


def test_gallery_says_scale_and_window(data: ReportData) -> None:
    content = gallery.SECTION.render(data)
    text = words(content)
    assert "black at 10, white at 200" in text
    assert "brightness cannot be compared" in text
    assert content is not None
    assert "Scale bar: 10 µm" in content.html
    assert content.html.count("data:image/png;base64,") == 2


def test_bar_in_pixels_only_where_the_scale_is_known(data: ReportData) -> None:
    preview = replace(data.previews[0], scale_bar_um=None, scale_bar_px=80.0)
    known = gallery.SECTION.render(replace(data, previews=(replace(preview, scale=4.0),)))
    assert known is not None
    assert "Scale bar: 20 px" in known.html
    unknown = gallery.SECTION.render(replace(data, previews=(replace(preview, scale=0.0),)))
    assert unknown is not None
    assert "Scale bar" not in unknown.html


def test_reason_of_a_warned_picture_is_not_said_twice(data: ReportData) -> None:
    content = pictures.SECTION.render(changed(data, reason=data.images["warnings"]))
    assert content is not None
    assert "Reason" not in content.html
    assert content.html.count("0.03 is below 0.05") == 3  # shown, sorted by, and on the status


def test_legend_lists_every_column(data: ReportData) -> None:
    listed = rows(columns.SECTION.render(data), "columns-table")
    assert [row[0] for row in listed] == [column.name for column in data.columns]
    assert listed[-2][:2] == ["equivalent_diameter_px", "px"]


def test_replicates_of_two_conditions_are_different(data: ReportData) -> None:
    means = replicate_means(measured_pictures(data), "n_cells")
    assert means["mean"].tolist() == [10.0, 20.0, 30.0, 40.0]
    summary = condition_table(measured_pictures(data), "n_cells").set_index("condition")
    assert summary.loc["control", "mean"] == 15.0
    assert summary.loc["drug", "sd"] == pytest.approx(np.sqrt(50.0))


def test_no_probability_is_given(data: ReportData) -> None:
    assert re.search(r"\bp [=<]|p-value|signific", words(counts.SECTION.render(data))) is None


def test_what_holds_for_the_whole_run_is_said_first(data: ReportData) -> None:
    content = failures.SECTION.render(with_run(data, decisions=["2 pictures have no row: <a>"]))

    assert content is not None
    assert "2 pictures have no row: &lt;a&gt;" in content.html
