"""The explorer in a real browser: a click on a point, a cell or a row selects the same cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pytest

from cellwright.core.image import Spacing
from cellwright.report.page import build_report
from cellwright.report.section import ReportData
from cellwright.report.view import make_view

HOSTILE = "</script><img src=x onerror='window.hacked=1'> {{ 1 }}.tif"
NAMES = ("first.tif", HOSTILE)
SIDE, TILE = 60, 10


class Browser(Protocol):
    """What the fixture gives."""

    errors: list[str]
    requests: list[str]

    def open(
        self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False
    ) -> None: ...
    def value(self, script: str) -> Any: ...
    def wait_for(self, script: str) -> None: ...
    def call(self, method: str, **parameters: object) -> dict[str, Any]: ...


def data_of_two_pictures() -> ReportData:
    """Cells in squares, 18 in each picture: label n at row and column of its square."""
    squares = np.arange(36).reshape(6, 6)
    labels = np.where(squares % 2 == 0, squares // 2 + 1, 0).astype(np.uint32)
    labels = labels.repeat(TILE, axis=0).repeat(TILE, axis=1)
    views = tuple(
        make_view(
            labels * 10.0, labels, image=name, frame=0, spacing=Spacing(y=0.5, x=0.5), side=720
        )
        for name in NAMES
    )
    cells = pd.DataFrame(
        {
            "image": np.repeat(NAMES, 18),
            "frame": 0,
            "object": "cell",
            "label": np.tile(np.arange(1, 19), 2),
            "area_um2": np.linspace(20.0, 90.0, 36),
            "intensity_mean_0": np.linspace(5.0, 1.0, 36) ** 2,
            "class": ["round", "flat<b>"] * 18,
        }
    )
    images = pd.DataFrame(
        {
            "image": NAMES,
            "status": "done",
            "n_cells": 18,
            "condition": ["control", HOSTILE],
            "replicate": "1",
            "pixel_size_um": 0.5,
        }
    )
    return ReportData({}, images, cells, len(cells), (), (), views=views, viewed=cells)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explorer") / "report.html"
    path.write_text(build_report(data_of_two_pictures())[0], encoding="utf-8")
    return path


def open_explorer(browser: Browser, page: Path, *, width: int = 1280, dark: bool = False) -> None:
    browser.open(page, width=width, dark=dark)
    browser.value("document.getElementById('explore').scrollIntoView({behavior: 'instant'})")
    browser.wait_for("document.getElementById('explorer').dataset.ready === 'yes'")
    browser.wait_for("document.getElementById('explorer-rows').dataset.ready === 'yes'")


def click(browser: Browser, x: float, y: float) -> None:
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        count = 0 if kind == "mouseMoved" else 1
        browser.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=count
        )


def selected(browser: Browser) -> dict[str, Any]:
    """What card, plot, table and picture say is selected."""
    told = browser.value(
        """({
        cell: Number(document.getElementById('explorer-cell').dataset.cell),
        title: document.querySelector('#explorer-cell h3').textContent,
        picture: document.getElementById('explorer-picture').selectedOptions[0].textContent,
        plotted: document.getElementById('explorer').view.data('selected').map(d => d.i),
        rows: Array.from(document.querySelectorAll('#explorer-rows .tabulator-selected'),
          row => row.querySelector('.tabulator-cell').textContent),
        })"""
    )
    assert isinstance(told, dict)
    return told


def is_selected(browser: Browser, cell: int) -> None:
    """Wait until a cell (of both pictures, by its place) is selected everywhere."""
    browser.wait_for(f"document.getElementById('explorer-cell').dataset.cell === '{cell}'")
    browser.wait_for("document.querySelector('#explorer-rows .tabulator-selected') !== null")
    assert selected(browser) == {
        "cell": cell,
        "title": f"Cell {cell % 18 + 1}",
        "picture": NAMES[cell // 18],
        "plotted": [cell],
        "rows": [str(cell % 18 + 1)],
    }


def place_of_point(browser: Browser, cell: int) -> tuple[float, float]:
    found = browser.value(
        f"""(() => {{
        const view = document.getElementById('explorer').view;
        const box = document.querySelector('#explorer-plot canvas');
        box.scrollIntoView({{behavior: 'instant', block: 'center'}});
        const frame = box.getBoundingClientRect(), origin = view.origin();
        const one = view.data('cells').find(d => d.i === {cell});
        return [frame.left + origin[0] + view.scale('x')(one.x),
                frame.top + origin[1] + view.scale('y')(one.y)];
        }})()"""
    )
    return float(found[0]), float(found[1])


@pytest.mark.parametrize("width", [1280, 768])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_opens_without_errors_requests_or_a_wider_page(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    open_explorer(browser, page, width=width, dark=dark)
    assert browser.errors == []
    assert [one for one in browser.requests if not one.startswith("data:")] == [page.as_uri()]
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.value("typeof window.hacked") == "undefined"
    assert browser.value("document.querySelectorAll('#explore img').length") == 0


def test_a_click_on_a_point_shows_its_cell_in_the_other_picture(
    browser: Browser, page: Path
) -> None:
    open_explorer(browser, page)
    click(browser, *place_of_point(browser, 25))
    is_selected(browser, 25)
    assert "class: flat<b>" in browser.value(
        "document.querySelector('#explorer-cell .where').textContent"
    )
    assert browser.errors == []


def test_a_click_on_a_cell_in_the_picture_shows_its_row(browser: Browser, page: Path) -> None:
    open_explorer(browser, page)
    frame = browser.value(
        "(box => (box.scrollIntoView({behavior: 'instant', block: 'center'}),"
        " box.getBoundingClientRect().toJSON()))(document.getElementById('explorer-canvas'))"
    )
    # the third cell of the second row of squares (6 to a row, every second one a cell)
    x = frame["left"] + frame["width"] * 4.5 * TILE / SIDE
    y = frame["top"] + frame["height"] * 1.5 * TILE / SIDE
    click(browser, x, y)
    is_selected(browser, 5)
    ground = frame["left"] + frame["width"] * 1.5 * TILE / SIDE
    click(browser, ground, y)
    is_selected(browser, 5)  # a click beside the cells changes nothing


def test_a_click_on_a_row_and_the_arrow_keys_go_from_cell_to_cell(
    browser: Browser, page: Path
) -> None:
    open_explorer(browser, page)
    browser.value("document.querySelectorAll('#explorer-rows .tabulator-row')[3].click()")
    is_selected(browser, 3)
    browser.value("document.getElementById('explorer-canvas').focus()")
    for key, cell in (("ArrowRight", 4), ("ArrowLeft", 3)):
        browser.call("Input.dispatchKeyEvent", type="keyDown", key=key)
        is_selected(browser, cell)


def test_the_picture_is_drawn_and_outlines_can_be_hidden(browser: Browser, page: Path) -> None:
    open_explorer(browser, page)
    ink = (
        "(box => Array.from(box.getContext('2d').getImageData(0, 0, box.width, box.height).data)"
        ".filter((v, at) => at % 4 === 2 && v > 120).length)"
        "(document.getElementById('explorer-canvas'))"
    )
    colourful = browser.value(ink)
    browser.value("document.getElementById('explorer-outlines').click()")
    assert browser.value(ink) < colourful


def test_turning_pages_and_choosing_what_is_plotted(browser: Browser, page: Path) -> None:
    open_explorer(browser, page)
    browser.value("document.querySelector('#explorer [data-step=\"1\"]').click()")
    browser.wait_for("document.getElementById('explorer-picture').selectedIndex === 1")
    browser.wait_for(
        f"document.getElementById('explorer-caption').textContent.startsWith({NAMES[1]!r})"
    )
    before = browser.value("document.getElementById('explorer').view.data('cells').length")
    assert before == 36
    browser.value(
        "(box => { box.value = ''; box.dispatchEvent(new Event('change')); })"
        "(document.getElementById('explorer-x'))"
    )
    browser.wait_for(
        "document.getElementById('explorer-plot').getAttribute('aria-label')"
        " === 'Plot of intensity_mean_0, counts against condition'"
    )
    browser.value(
        "(box => { box.selectedIndex = 1; box.dispatchEvent(new Event('change')); })"
        "(document.getElementById('explorer-group'))"
    )
    browser.wait_for(
        "document.getElementById('explorer-plot').getAttribute('aria-label').endsWith('class')"
    )
    assert browser.errors == []
