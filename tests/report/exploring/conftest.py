"""Cells of several conditions as the sections of all cells see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from cellwright.report.exploring import cell_map, measurements, relations
from cellwright.report.section import Content, ReportData
from cellwright.stats.describing import describe
from cellwright.stats.features import chosen

SECTIONS = (measurements.SECTION, relations.SECTION, cell_map.SECTION)
SHAPE = ("area_px", "aspect_ratio", "form_factor")
ALL = (*SHAPE, "equivalent_diameter_px", "intensity_mean_corrected_0", "neighbour_count")


def some_cells(n: int, image: str, size: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng([seed, n])
    diameter = size * rng.lognormal(3, 0.3, n)
    return pd.DataFrame(
        {
            "image": image,
            "frame": 0,
            "label": np.arange(1, n + 1),
            "area_px": diameter**2,
            "equivalent_diameter_px": diameter,
            "aspect_ratio": 1 + rng.gamma(2, 0.2, n),
            "form_factor": rng.beta(20, 2, n),
            "intensity_mean_corrected_0": rng.normal(100, 20, n),
            "neighbour_count": rng.poisson(2, n).astype(float),
        }
    )


def make(
    counts: Sequence[int],
    conditions: Sequence[str] = (),
    replicates: Sequence[str] = (),
    *,
    features: Sequence[str] = SHAPE,
    change: Callable[[pd.DataFrame], pd.DataFrame] = lambda cells: cells,
) -> ReportData:
    """Give the data of a run: one picture a count, which has a condition and a replicate."""
    names = [f"{n}.tif" for n in range(len(counts))]
    pictures = pd.DataFrame(
        {
            "image": names,
            "condition": list(conditions) or "",
            "replicate": list(replicates) or "",
            "n_cells": list(counts),
            "status": "done",
        }
    )
    parts = [
        some_cells(count, name, 1 + 0.1 * place, place)
        for place, (count, name) in enumerate(zip(counts, names, strict=True))
    ]
    cells = change(pd.concat(parts, ignore_index=True))
    cells = cells[["image", "frame", "label", *features]]
    of = pd.Index(names).get_indexer(pd.Index(cells["image"])).astype(np.int64)
    found = [one for one in chosen(cells, pictures)[0] if one.of == "cells"]
    described = describe(found, lambda name: cells[name], pictures, of)
    return ReportData({}, pictures, cells, len(cells), (), (), described=described)


def contents(data: ReportData) -> list[Content]:
    """Give what there is of the three sections."""
    return [made for section in SECTIONS if (made := section.render(data)) is not None]


@pytest.fixture(scope="package")
def standard() -> ReportData:
    """Two conditions, of which one has two replicates, and all features."""
    return make([60, 50, 40], ["a", "b", "b"], ["1", "1", "2"], features=ALL)


@pytest.fixture(scope="package")
def drawn(standard: ReportData) -> list[Content]:
    """The three sections of the standard data, drawn once."""
    return contents(standard)
