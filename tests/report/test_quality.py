"""The quality of the pictures: how many pass each check, and what is unusual among the cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.report.test_sections import rows, words

from cellwright.report import quality
from cellwright.report.quality_cells import far_out
from cellwright.report.section import ReportData


def finding(
    image: str, check: str, value: float, verdict: str, reason: str = "", **more: Any
) -> dict[str, Any]:
    return {
        "image": image, "frame": 0, "channel": "DAPI", "check": check, "value": value,
        "verdict": verdict, "reason": reason or f"{check} is {value}", **more,
    }  # fmt: skip


def judged(data: ReportData, *findings: dict[str, Any]) -> ReportData:
    images = data.images.assign(channel=["DAPI"] * 4 + [""])
    return replace(data, images=images, quality=pd.DataFrame(findings))


def checks(data: ReportData) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in rows(quality.SECTION.render(data), "quality-table")}


def test_pictures_are_counted_by_verdict_and_the_worst_is_named(data: ReportData) -> None:
    found = checks(
        judged(
            data,
            finding("a1.tif", "focus", 1.0, "pass"),
            finding("a2.tif", "focus", 6.0, "fail", "edges are blurred by 6 px"),
            finding("b1.tif", "focus", 4.0, "warn"),
            finding("b2.tif", "focus", 8.0, "fail", "edges are blurred by 8 px"),
        )
    )
    assert found["Focus"] == ["unfit", "1", "1", "2", "b2.tif", "edges are blurred by 8 px"]
    assert found["Readable"] == ["unfit", "4", "0", "1", "broken.tif", "the file is empty"]


def test_small_is_worse_where_the_check_says_so(data: ReportData) -> None:
    found = checks(
        judged(
            data,
            finding("a1.tif", "noise", 40.0, "pass"),
            finding("a2.tif", "noise", 9.0, "pass"),
            finding("b1.tif", "noise", np.nan, "pass"),
        )
    )
    assert found["Noise"][:5] == ["fine", "3", "0", "0", "a2.tif"]


def test_of_a_movie_the_worst_frame_counts_and_is_named(data: ReportData) -> None:
    found = checks(
        judged(
            data,
            finding("a1.tif", "focus", 1.0, "pass", frame=0),
            finding("a1.tif", "focus", 4.0, "warn", frame=7),
            finding("a1.tif", "focus", 2.0, "pass", frame=8),
        )
    )
    assert found["Focus"][:5] == ["take care", "0", "1", "0", "a1.tif, frame 7"]


def test_other_channels_and_excluded_pictures_do_not_count(data: ReportData) -> None:
    one = judged(
        data,
        finding("a1.tif", "focus", 1.0, "pass"),
        finding("a1.tif", "focus", 9.0, "fail", channel="GFP"),
        finding("b2.tif", "focus", 9.0, "fail"),
    )
    run = {**data.run, "excluded": [{"image": "b2.tif", "reason": "wrong dish"}]}
    assert checks(replace(one, run=run))["Focus"][:4] == ["fine", "1", "0", "0"]
    with_nuclei = {**run, "inputs": [{"image": "a1.tif", "status": "done", "nuclei": "GFP"}]}
    assert checks(replace(one, run=with_nuclei))["Focus"][0] == "unfit"


def test_what_could_not_be_judged_is_no_pass(data: ReportData) -> None:
    found = checks(
        judged(
            data,
            finding("a1.tif", "focus", np.nan, "pass", "not judged: there are too few edges"),
            finding("a2.tif", "focus", 1.0, "pass"),
            finding("a1.tif", "noise", np.nan, "pass", "not judged: nothing stands out"),
        )
    )
    assert found["Focus"][:5] == ["fine", "1", "0", "0", "1"]
    assert found["Noise"] == ["not judged", "0", "0", "0", "1", "", ""]


def test_pictures_unlike_the_models_are_counted(data: ReportData) -> None:
    run = {**data.run, "method": {"name": "network", "model": {"name": "nuclei"}}}
    strange = replace(data, run=run, images=data.images.assign(unlike=[0.2, 1.4, np.nan, 0.9, 0.0]))
    found = checks(strange)["Known to the model"]
    assert found[:6] == ["take care", "2", "1", "0", "1", "a2.tif"]
    assert "unlike = 1.40" in found[6]
    assert "Known to the model" not in checks(data)


def test_limits_are_those_of_the_run(data: ReportData) -> None:
    run = {**data.run, "options": {"quality": ["focus=2:3"]}}
    one = judged(data, finding("a1.tif", "focus", 1.0, "pass"))
    text = words(quality.SECTION.render(replace(one, run=run)))
    assert "Take care at 2 or more and unfit at 3 or more." in text
    assert "Take care at 3.6 or more" in words(quality.SECTION.render(one))
    assert "This run has no table of quality checks." in words(quality.SECTION.render(data))


def test_counts_and_cells_at_the_border_name_the_pictures_at_the_ends(data: ReportData) -> None:
    images = data.images.assign(n_border=[1, 10, 3, 4, np.nan])
    found = rows(quality.SECTION.render(replace(data, images=images)), "quality-cells")
    assert found[0] == ["Cells", "25 (median)", "10", "a1.tif", "40", "b2.tif"]
    # 1, 10, 3 and 4 of 10, 20, 30 and 40: 18 of 100
    assert found[1][:6] == ["Cells cut by the border", "18 %", "10 %", "a1.tif", "50 %", "a2.tif"]


def test_odd_sizes_are_sought_within_a_condition_and_a_scale(data: ReportData) -> None:
    cells = data.cells.copy()
    cells["area_px"] = 100.0 + np.arange(len(cells)) % 7
    cells.loc[cells["image"] == "b2.tif", "area_px"] *= 50  # of another magnification
    cells.loc[cells.index[cells["image"] == "b1.tif"][:3], "area_px"] = 9.0
    images = data.images.assign(pixel_size_um=[0.5, 0.5, 0.5, np.nan, np.nan])
    found = rows(quality.SECTION.render(replace(data, cells=cells, images=images)), "quality-cells")
    assert found[1][:6] == ["Cells of unusual size", "3 %", "0 %", "a1.tif", "10 %", "b1.tif"]


def test_far_out_is_symmetric_in_ratios() -> None:
    usual = np.exp(np.linspace(-0.2, 0.2, 41))
    values = np.concatenate([usual, [6.0, 1 / 6.0, 0.0, np.nan]])
    assert far_out(values).nonzero()[0].tolist() == [41, 42]
    assert far_out(np.array([])).tolist() == []


def test_doubted_outlines_are_a_share(data: ReportData) -> None:
    cells = data.cells.assign(confidence=0.9)
    cells.loc[cells.index[cells["image"] == "a2.tif"][:5], "confidence"] = 0.3
    found = {
        row[0]: row[1:]
        for row in rows(quality.SECTION.render(replace(data, cells=cells)), "quality-cells")
    }
    assert found["Outlines that the model doubts"][:1] == ["5 %"]
    assert found["Outlines that the model doubts"][3:] == ["25 %", "a2.tif"]
    # equal in all pictures: no picture is named
    assert found["Confidence of the outlines"] == ["0.9 (median)", "0.9", "", "0.9", ""]


@pytest.mark.parametrize("sampled", [False, True])
def test_a_sample_is_called_one(data: ReportData, sampled: bool) -> None:
    text = words(quality.SECTION.render(replace(data, n_cells=5000 if sampled else 100)))
    assert ("an even sample of 100 of 5,000 cells" in text) is sampled


def test_nothing_found_has_no_section(data: ReportData) -> None:
    assert quality.SECTION.render(replace(data, images=data.images.iloc[:0])) is None
    failed = replace(data, images=data.images.iloc[[4]], cells=data.cells.iloc[:0])
    assert checks(failed)["Readable"][:4] == ["unfit", "0", "0", "1"]
