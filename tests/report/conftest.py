"""A small run as the report sees it: two conditions, two replicates each, one failure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cellwright.core.columns import IDENTITY, Column
from cellwright.core.image import Spacing
from cellwright.report.preview import make_preview
from cellwright.report.section import ReportData

COLUMNS = (
    *IDENTITY,
    Column("area_px", "px²", "Number of pixels", power=2),
    Column("equivalent_diameter_px", "px", "Diameter of the disc of the same area", power=1),
    Column("equivalent_diameter_um", "µm", "Diameter of the disc of the same area"),
)


def small_run() -> dict[str, Any]:
    return {
        "cellwright": "0.1.0",
        "versions": {"python": "3.11.7", "numpy": "2.4.6", "scikit-image": "0.26.0"},
        "device": "cpu",
        "options": {"method": "threshold", "project": "max", "filter": ["border"]},
        "method": {"name": "threshold", "version": 1, "options": {"algorithm": "otsu"}},
        "inputs": [
            {"image": f"{name}.tif", "status": "done", "axes": "YX", "spacing": {"x": 0.5}}
            for name in ("a1", "a2", "b1", "b2")
        ],
        "skipped": [{"image": "Thumbs.db", "reason": "not a picture"}],
        "decisions": ["Channel: DAPI, the only one"],
        "filters": [
            {"condition": "control", "rule": "border", "removed": 4},
            {"condition": "drug", "rule": "border", "removed": 5},
            {"condition": "drug", "rule": "border", "removed": 1},
        ],
        "corrections": [{"image": "a1.tif", "edited": 3}],
        "excluded": [],
        "summary": {"inputs": 5, "done": 4, "warned": 0, "failed": 1, "skipped": 0, "cells": 100},
    }


def small_images() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image": ["a1.tif", "a2.tif", "b1.tif", "b2.tif", "broken.tif"],
            "status": ["done", "warned", "done", "done", "failed"],
            "reason": ["", "", "", "", "the file is empty"],
            "n_cells": [10, 20, 30, 40, np.nan],
            "labels": ["labels/a1.tif", "labels/a2.tif", "labels/b1.tif", "labels/b2.tif", ""],
            "condition": ["control", "control", "drug", "drug", "control"],
            "replicate": ["1", "2", "1", "2", ""],
            "pixel_size_um": [0.5, 0.5, 0.5, 0.5, np.nan],
            "quality": ["pass", "warn", "pass", "pass", ""],
            "warnings": ["", "focus: 0.03 is below 0.05", "", "", ""],
            "focus": [0.2, 0.03, 0.2, 0.3, np.nan],
        }
    )


def small_cells() -> pd.DataFrame:
    sizes = {"a1.tif": 10, "a2.tif": 20, "b1.tif": 30, "b2.tif": 40}
    parts = []
    for image, count in sizes.items():
        diameter = 8.0 + np.arange(count) % 7
        parts.append(
            pd.DataFrame(
                {
                    "image": image,
                    "frame": 0,
                    "object": "nucleus",
                    "label": np.arange(1, count + 1),
                    "area_px": np.pi * diameter**2 / 4,
                    "equivalent_diameter_px": diameter,
                    "equivalent_diameter_um": diameter * 0.5,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def run() -> dict[str, Any]:
    return small_run()


@pytest.fixture
def images() -> pd.DataFrame:
    return small_images()


@pytest.fixture
def data() -> ReportData:
    rows, columns = np.mgrid[:64, :96]
    labels = np.zeros((64, 96), np.uint32)
    labels[(rows - 20) ** 2 + (columns - 30) ** 2 < 100] = 1
    labels[(rows - 40) ** 2 + (columns - 70) ** 2 < 150] = 2
    preview = make_preview(
        np.where(labels > 0, 200, 10).astype(np.uint8),
        labels,
        image="a1.tif",
        frame=0,
        role="typical of control",
        caption="The median picture",
        spacing=Spacing(y=0.5, x=0.5),
    )
    cells = small_cells()
    return ReportData(small_run(), small_images(), cells, len(cells), COLUMNS, (preview,))
