"""The limits of a run: what its numbers cannot tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cellwright.core.columns import Column
from cellwright.report.limits import SECTION, limits
from cellwright.report.section import ReportData

CARD = {
    "name": "nuclei",
    "sources": [{"name": "BBBC038", "pictures": 590}],
    "scores": {"validation": {"f1_50": {"value": 0.875, "low": 0.84, "high": 0.9, "n": 81}}},
}


def said(data: ReportData) -> dict[str, str]:
    return dict(limits(data))


def with_run(data: ReportData, **values: Any) -> ReportData:
    return replace(data, run={**data.run, **values})


@pytest.mark.parametrize(
    ("replicate", "words"),
    [
        ("", "No replicates were stated"),
        (["1", "2", "1", "2", ""], "Fewer than 3 replicates of control and drug"),
    ],
)
def test_few_replicates_test_nothing(data: ReportData, replicate: Any, words: str) -> None:
    assert words in said(replace(data, images=data.images.assign(replicate=replicate)))["n"]


def test_three_replicates_may_still_be_one(data: ReportData) -> None:
    images = pd.concat([data.images] * 3, ignore_index=True)
    images["replicate"] = [str(number) for number in range(len(images))]
    assert "n is smaller" in said(replace(data, images=images))["n"]


def test_of_a_model_it_is_said_what_it_knows_and_how_well(data: ReportData) -> None:
    network = with_run(data, method={"name": "network", "model": CARD})
    text = said(network)["Model"]
    assert "The model nuclei has learnt from BBBC038." in text
    assert "0.88 (0.84 to 0.90) in 81 pictures held out of its training; of these pictures" in text
    assert "could not be told" in text
    strange = replace(network, images=data.images.assign(unlike=[0.1, 1.3, 0.2, 2.0, 9.0]))
    assert "2 of 4 pictures are unlike those" in said(strange)["Model"]
    alike = replace(network, images=data.images.assign(unlike=0.1))
    assert "no proof" in said(alike)["Model"]
    own = with_run(data, method={"name": "network", "model": {"name": "mine"}})
    assert "does not tell what it has learnt from" in said(own)["Model"]
    assert "Model" not in said(data)
    assert "threshold goes by brightness" in said(data)["Outlines"]


def test_errors_are_known_from_an_audit_alone(data: ReportData) -> None:
    assert "is not known" in said(data)["Errors"]
    audited = replace(data, audit={"judged": {"fields": 4, "cells": 1}})
    assert "4 fields and 1 cell that a person judged" in said(audited)["Errors"]


def test_scales_that_differ_or_are_not_known(data: ReportData) -> None:
    def scale(sizes: Any) -> str | None:
        return said(replace(data, images=data.images.assign(pixel_size_um=sizes))).get("Scale")

    assert scale([0.5, 0.5, 0.5, 0.5, np.nan]) is None
    assert "No pixel size is known" in str(scale(np.nan))
    assert "of 1 picture is not known" in str(scale([0.5, np.nan, 0.5, 0.5, np.nan]))
    assert "0.25 to 0.5 µm" in str(scale([0.5, 0.25, 0.5, 0.5, np.nan]))


def test_stacks_movies_and_intensities(data: ReportData) -> None:
    plain = said(data)
    assert not {"Depth", "Time", "Intensity", "Format"} & set(plain)
    stack = with_run(data, inputs=[{"image": "a1.tif", "status": "done", "axes": "ZYX"}])
    assert "1 stack became one plane" in said(stack)["Depth"]
    movie = replace(data, images=data.images.assign(frames=[9, 1, 1, 1, np.nan]))
    assert "once in each frame" in said(movie)["Time"]
    bright = replace(data, columns=(*data.columns, Column("intensity_mean_0", "counts", "Mean")))
    assert "Uneven light was not corrected." in said(bright)["Intensity"]
    even = with_run(bright, options={"flat_field": "batch"})
    assert "Uneven light" not in said(even)["Intensity"]
    lossy = replace(bright, images=data.images.replace({"image": {"a1.tif": "a1.jpg"}}))
    assert "1 picture is JPEG" in said(lossy)["Format"]


def test_what_is_missing_may_make_a_difference(data: ReportData) -> None:
    assert said(data)["Missing"].startswith("1 picture failed.")
    assert said(data)["By hand"].startswith("3 cells were edited by a person")
    excluded = with_run(data, excluded=[{"image": "b2.tif"}], corrections=[])
    assert said(excluded)["Missing"].startswith("1 picture failed and 1 picture was excluded.")
    assert "By hand" not in said(excluded)
    assert "Figures" not in said(data)
    assert "100 of 5,000 cells" in said(replace(data, n_cells=5000))["Figures"]


def test_nothing_measured_has_no_limits(data: ReportData) -> None:
    assert SECTION.render(replace(data, images=data.images.iloc[[4]])) is None
