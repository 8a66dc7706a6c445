"""The sections of all cells in a real browser: nothing is too wide, folded tables work."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pytest

from cellwright.report.exploring import cell_map, measurements, relations
from cellwright.report.page import build_report
from cellwright.report.section import ReportData
from cellwright.stats.describing import describe
from cellwright.stats.features import chosen

NAMES = ("control", '"><img src=x onerror="window.hacked = 1">' + "w" * 280)
SECTIONS = (measurements.SECTION, relations.SECTION, cell_map.SECTION)


class Browser(Protocol):
    """What the fixture gives."""

    errors: list[str]

    def open(
        self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False
    ) -> None: ...
    def value(self, script: str) -> object: ...
    def wait_for(self, script: str) -> None: ...


def data() -> ReportData:
    rng = np.random.default_rng(0)
    of = np.repeat([0, 1], 60).astype(np.int64)
    cells = pd.DataFrame(
        {
            "frame": 0,
            "label": np.arange(120),
            "area_px": rng.gamma(9, 20, 120) * (1 + of),
            "solidity": rng.beta(20, 2, 120),
            "aspect_ratio": 1 + rng.gamma(2, 0.2, 120),
        }
    )
    pictures = pd.DataFrame(
        {"image": ["a.tif", "b.tif"], "condition": NAMES, "replicate": ["1", "1"], "n_cells": 60}
    )
    features = [one for one in chosen(cells, pictures)[0] if one.of == "cells"]
    described = describe(features, lambda name: cells[name], pictures, of)
    return ReportData({}, pictures, cells, len(cells), (), (), described=described)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exploring") / "report.html"
    path.write_text(build_report(data(), SECTIONS)[0], encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1280, 800, 400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_unfolded_sections_fit_and_do_nothing(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    browser.value("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.value("document.querySelectorAll('details').length") == 7
    assert browser.value("document.documentElement.scrollWidth") == width
    narrow = "Math.min(...Array.from(document.querySelectorAll('svg.drawing'), s => s.clientWidth))"
    shown = browser.value(narrow)
    assert isinstance(shown, int | float)
    assert shown > 0.7 * min(width, 960)
    assert browser.value("typeof window.hacked") == "undefined"
    assert browser.errors == []


def test_the_folded_table_is_laid_out_once_it_is_opened(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.wait_for("document.querySelector('.grid').dataset.ready === 'yes'")
    browser.value("document.getElementById('descriptive-table').closest('details').open = true")
    browser.wait_for("document.querySelectorAll('.tabulator-row').length === 6")
    heads = "Array.from(document.querySelectorAll('.tabulator-col'), head => head.clientWidth)"
    browser.wait_for(f"Math.min(...{heads}) > 40")
    where = "document.querySelectorAll('.tabulator-col .sort')[5]"
    assert browser.value(f"{where}.textContent") == "Mean"
    browser.value(f"{where}.click()")
    means = browser.value(
        "Array.from(document.querySelectorAll('.tabulator-row'),"
        " row => row.querySelectorAll('.tabulator-cell')[5].textContent)"
    )
    assert isinstance(means, list)
    numbers = [float(text) for text in means]
    assert numbers == sorted(numbers, reverse=True)
