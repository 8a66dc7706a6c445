"""The report in a real browser: no error, no request, tables that sort, names that do nothing."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Picture

from cellwright.core.image import Spacing
from cellwright.report.page import build_report
from cellwright.report.preview import make_preview
from cellwright.report.section import ReportData

HOSTILE = (
    "</script><script>window.hacked = 1</script>.tif",
    '"><img src=x onerror="window.hacked = 2">.tif',
    "' onmouseover='window.hacked = 3' {{ hacked }}.tif",
)


class Browser(Protocol):
    """What the fixture gives."""

    errors: list[str]
    requests: list[str]

    def open(
        self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False
    ) -> None: ...
    def value(self, script: str) -> object: ...
    def wait_for(self, script: str) -> None: ...
    def call(self, method: str, **parameters: object) -> dict[str, str]: ...


def hostile_data() -> ReportData:
    n = 60
    names = [*HOSTILE, *(f"well {i}.tif" for i in range(n - len(HOSTILE)))]
    images = pd.DataFrame(
        {
            "image": names,
            "status": ["done", "warned", "failed"] * (n // 3),
            "reason": ["", "", HOSTILE[0]] * (n // 3),
            "n_cells": (np.arange(n) * 37) % 101,
            "condition": [HOSTILE[1], "control"] * (n // 2),
            "replicate": ["1", "2", "2"] * (n // 3),
            "warnings": ["", HOSTILE[2], ""] * (n // 3),
            "pixel_size_um": 0.5,
        }
    )
    cells = pd.DataFrame({"image": np.repeat(names, 5), "area_um2": np.arange(5 * n) % 41 + 9.0})
    labels = np.zeros((80, 80), np.uint32)
    labels[20:50, 20:60] = 1
    previews = tuple(
        make_preview(
            labels * 100.0, labels, image=name, frame=0, role=name, caption=name,
            spacing=Spacing(y=0.5, x=0.5),
        )
        for name in HOSTILE
    )  # fmt: skip
    return ReportData({"decisions": list(HOSTILE)}, images, cells, len(cells), (), previews)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(build_report(hostile_data())[0], encoding="utf-8")
    return path


def column(browser: Browser, number: int) -> list[str]:
    found = browser.value(
        "Array.from(document.querySelectorAll('.tabulator-row'),"
        f" row => row.querySelectorAll('.tabulator-cell')[{number}].textContent)"
    )
    assert isinstance(found, list)
    return found


CELLS = (
    "Array.from(document.querySelectorAll('.tabulator-col .sort'))"
    ".findIndex(button => button.textContent === 'Cells')"
)


def open_table(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.wait_for("document.querySelector('.grid').dataset.ready === 'yes'")


@pytest.mark.parametrize("width", [1280, 768, 400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_opens_without_errors_or_requests(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    browser.wait_for("document.querySelector('.grid').dataset.ready === 'yes'")
    assert browser.errors == []
    assert [address for address in browser.requests if not address.startswith("data:")] == [
        page.as_uri()
    ]
    assert browser.value("document.documentElement.scrollWidth") == width
    ground = browser.value("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(17, 22, 20)" if dark else "rgb(246, 247, 245)")


def test_hostile_names_are_shown_and_do_nothing(browser: Browser, page: Path) -> None:
    open_table(browser, page)
    assert browser.value("typeof window.hacked") == "undefined"
    assert browser.value("document.querySelectorAll('img[src=x]').length") == 0
    names = browser.value(
        "Array.from(document.querySelectorAll('.card .name'), n => n.textContent)"
    )
    assert names == list(HOSTILE)
    assert column(browser, 0)[1] == HOSTILE[1]


def test_clicking_a_heading_sorts_numbers_as_numbers(browser: Browser, page: Path) -> None:
    open_table(browser, page)
    where = browser.value(CELLS)
    assert isinstance(where, int)
    click = f"document.querySelectorAll('.tabulator-col .sort')[{where}].click()"
    browser.value(click)
    down = [float(text) for text in column(browser, where)]
    assert len(down) > 5
    assert down == sorted(down, reverse=True)
    assert down[0] == 100.0
    browser.value(click)
    up = [float(text) for text in column(browser, where)]
    assert up == sorted(up)
    assert up[0] == 0.0


def test_searching_and_choosing_a_status(browser: Browser, page: Path) -> None:
    open_table(browser, page)
    browser.value(
        "(() => { const s = document.querySelector('.toolbar input'); s.value = 'WELL 12.tif';"
        " s.dispatchEvent(new Event('input')); })()"
    )
    assert column(browser, 0) == ["well 12.tif"]
    assert browser.value("document.querySelector('.toolbar output').textContent") == "1 of 60 rows"
    browser.value(
        "(() => { const s = document.querySelector('.toolbar input'); s.value = '';"
        " s.dispatchEvent(new Event('input')); const c = document.querySelector('select');"
        " c.value = 'failed'; c.dispatchEvent(new Event('change')); })()"
    )
    assert set(column(browser, 1)) == {"failed"}
    assert browser.value("document.querySelector('.toolbar output').textContent") == "20 of 60 rows"


def test_outlines_can_be_hidden_and_pictures_enlarged(browser: Browser, page: Path) -> None:
    open_table(browser, page)
    seen = "getComputedStyle(document.querySelector('.outline')).visibility"
    assert browser.value(seen) == "visible"
    browser.value("document.getElementById('outlines').click()")
    assert browser.value(seen) == "hidden"
    browser.value("document.querySelector('[data-zoom]').click()")
    assert browser.value("document.querySelector('dialog').open") is True
    assert browser.value("document.querySelectorAll('dialog img').length") == 2
    browser.value("document.querySelector('dialog .close').click()")
    assert browser.value("document.querySelector('dialog').open") is False


def test_colours_can_be_chosen(browser: Browser, page: Path) -> None:
    open_table(browser, page)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = browser.value(ground)
    browser.value("document.getElementById('theme').click()")  # light
    assert browser.value(ground) == light
    browser.value("document.getElementById('theme').click()")  # dark
    assert browser.value(ground) == "rgb(17, 22, 20)"
    browser.value("document.getElementById('theme').click()")  # as the system has it
    assert browser.value(ground) == light
    assert browser.errors == []


def test_without_scripts_the_table_is_there(browser: Browser, page: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
        rows = browser.value("document.querySelectorAll('#pictures-table tbody tr').length")
        height = browser.value("document.querySelector('#pictures-table').offsetHeight")
        assert rows == 60
        assert isinstance(height, (int, float))
        assert height > 1000
        assert browser.value("document.querySelectorAll('.tabulator').length") == 0
        row = browser.value("document.querySelectorAll('#pictures-table tbody tr')[9].offsetHeight")
        assert isinstance(row, (int, float))
        assert row < 80
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_paper_shows_all_that_is_folded_on_white(browser: Browser, page: Path) -> None:
    browser.open(page, dark=True)
    browser.wait_for("document.querySelector('.grid').dataset.ready === 'yes'")
    folded = "Array.from(document.querySelectorAll('details:not([open])'))"
    seen = (
        f"{folded}.filter(one => getComputedStyle(one, '::details-content').contentVisibility"
        " === 'visible').length"
    )
    total = browser.value(f"{folded}.length")
    assert isinstance(total, int)
    assert total > 5
    assert browser.value(seen) == 0
    try:
        browser.call("Emulation.setEmulatedMedia", media="print")
        assert browser.value(seen) == total
        white = browser.value("getComputedStyle(document.body).backgroundColor")
        assert white == "rgb(255, 255, 255)"
        bars = ".bar, .toolbar, .grid, .tools, .switch"
        assert browser.value(
            f"Array.from(document.querySelectorAll({bars!r}))"
            ".every(one => getComputedStyle(one).display === 'none')"
        )
        rows = "Array.from(document.querySelectorAll('#pictures-table tbody tr'))"
        assert browser.value(f"{rows}.filter(row => row.offsetHeight > 0).length") == 60
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


@pytest.mark.parametrize("width", [1280, 800, 400])
def test_the_end_of_the_report_fits_when_all_is_unfolded(
    browser: Browser, page: Path, width: int
) -> None:
    browser.open(page, width=width)
    for name in ("quality", "methods", "limits", "checklist", "files"):
        assert browser.value(f"document.getElementById({name!r}) !== null"), name
    browser.value("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.errors == []


def test_something_is_painted(browser: Browser, page: Path) -> None:
    open_table(browser, page)
    shot = browser.call("Page.captureScreenshot", format="png")["data"]
    pixels = np.asarray(Picture.open(io.BytesIO(base64.b64decode(shot))).convert("L"))
    assert pixels.shape == (900, 1280)
    assert 2 < float(pixels.std()) < 100


def test_text_has_enough_contrast(browser: Browser, page: Path) -> None:
    # WCAG 2.2, 1.4.3: 4.5 to 1; soft text on every ground that it stands on.
    for dark in (False, True):
        browser.open(page, dark=dark)
        worst = browser.value(
            """(() => {
              const luminance = (hex) => {
                const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
                  .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
              };
              const style = getComputedStyle(document.documentElement);
              const colour = (name) => {
                const hex = style.getPropertyValue("--" + name).trim();
                return hex.length === 4 ? "#" + [...hex.slice(1)].map((c) => c + c).join("") : hex;
              };
              const pairs = [["ink", "ground"], ["soft", "ground"], ["soft", "sheet"],
                ["soft", "sunk"], ["accent", "sheet"], ["accent", "ground"],
                ["accent", "accent-soft"], ["pass", "pass-soft"], ["warn", "warn-soft"],
                ["fail", "fail-soft"], ["quiet", "quiet-soft"], ["fail", "sheet"],
                ["quiet", "sheet"], ["warn", "sheet"], ["pass", "sheet"], ["ink", "sunk"],
                ["ink", "pass-soft"], ["ink", "warn-soft"], ["ink", "fail-soft"],
                ["ink", "quiet-soft"]];
              return Math.min(...pairs.map(([text, ground]) => {
                const [a, b] = [luminance(colour(text)), luminance(colour(ground))].sort();
                return (b + 0.05) / (a + 0.05);
              }));
            })()"""
        )
        assert isinstance(worst, float)
        assert worst >= 4.5


def test_pictures_can_be_shown_with_one_window(browser: Browser, tmp_path: Path) -> None:
    plane = np.tile(np.arange(80.0), (80, 1))
    labels = np.zeros((80, 80), np.uint32)
    previews = tuple(
        make_preview(
            plane * factor + 40, labels, image=f"{factor}.tif", frame=0, role="worst", caption="",
            spacing=Spacing(),
        )
        for factor in (1, 2)
    )  # fmt: skip
    images = pd.DataFrame({"image": ["1.tif", "2.tif"], "status": "done", "n_cells": 0})
    cells = pd.DataFrame({"image": [], "area_px": []})
    path = tmp_path / "report.html"
    data = ReportData({}, images, cells, 0, (), previews)
    path.write_text(build_report(data)[0], encoding="utf-8")
    browser.open(path)
    low, high = previews[0].grey, previews[1].grey
    shown = browser.value(
        "Array.from(document.querySelectorAll('img[data-slope]'), i => getComputedStyle(i).filter)"
    )
    assert shown == ['url("#same-contrast-0")', 'url("#same-contrast-1")']
    slopes = browser.value(
        "Array.from(document.querySelectorAll('img[data-slope]'), i => Number(i.dataset.slope))"
    )
    reach = high[1] - min(low[0], high[0])
    assert slopes == pytest.approx([(low[1] - low[0]) / reach, (high[1] - high[0]) / reach], 1e-3)
    browser.value("document.getElementById('same-contrast').click()")
    assert (
        browser.value("getComputedStyle(document.querySelector('img[data-slope]')).filter")
        == "none"
    )
    assert browser.errors == []
