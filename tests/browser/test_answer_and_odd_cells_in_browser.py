"""The pages of `compare` and `outliers` in a real browser, made of a small experiment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import pytest

import cellwright
from cellwright.simulate.experiment import SimulateOptions, simulate_experiment

PAGES = {"answer": "comparisons-table", "odd": "odd-table"}
"""From each page to its interactive table."""


class Browser(Protocol):
    """What the fixture gives."""

    errors: list[str]
    requests: list[str]

    def open(
        self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False
    ) -> None: ...
    def value(self, script: str) -> object: ...
    def wait_for(self, script: str) -> None: ...
    def call(self, method: str, **parameters: object) -> dict[str, object]: ...


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three days of control and of a drug whose nuclei are far larger: both pages."""
    folder = tmp_path_factory.mktemp("pages")
    samples = simulate_experiment(
        folder / "made",
        SimulateOptions(conditions=("control", "drug=1.6:0.8"), pictures=1, size=256, cells=25),
    )
    run = folder / "run"
    cellwright.analyze(
        samples, run, method="threshold", make_executor=lambda: ThreadPoolExecutor(2)
    )
    cellwright.compare(run, folder / "answer", reference="control", primary="area_um2")
    cellwright.outliers(run, folder / "odd", reference="control", rate=0.3)
    return {name: folder / name / f"{name}.html" for name in PAGES}


@pytest.fixture(params=list(PAGES))
def page(request: pytest.FixtureRequest, pages: dict[str, Path]) -> Path:
    return pages[str(request.param)]


def opened(browser: Browser, page: Path, *, width: int = 1280, dark: bool = False) -> None:
    browser.open(page, width=width, dark=dark)
    browser.wait_for(
        "Array.from(document.querySelectorAll('.grid')).every(grid => grid.dataset.ready === 'yes')"
    )


def click(browser: Browser, thing: str) -> None:
    """Press and release the mouse in the middle of what an expression gives."""
    place = browser.value(
        f"""(() => {{
          const thing = {thing};
          thing.scrollIntoView({{ block: "center", inline: "center", behavior: "instant" }});
          const box = thing.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
    )
    assert isinstance(place, list)
    for kind in ("mousePressed", "mouseReleased"):
        browser.call(
            "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left",
            clickCount=1,
        )  # fmt: skip


@pytest.mark.parametrize("width", [1280, 800])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_fits_and_has_no_errors(
    browser: Browser, page: Path, width: int, dark: bool, tmp_path: Path
) -> None:
    opened(browser, page, width=width, dark=dark)
    assert browser.errors == []
    asked = [address for address in browser.requests if not address.startswith("data:")]
    assert asked == [page.as_uri()]
    assert browser.value("document.documentElement.scrollWidth") == width
    ground = browser.value("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(17, 22, 20)" if dark else "rgb(246, 247, 245)")
    drawn = "Array.from(document.querySelectorAll('.drawing, .gallery img, .odd-crops img'))"
    assert browser.value(f"{drawn}.length") != 0
    assert browser.value(
        f"{drawn}.every(one => one.getBoundingClientRect().width > 60"
        f" && one.getBoundingClientRect().right <= {width})"
    )


def test_headings_begin_with_one_and_skip_none(browser: Browser, page: Path) -> None:
    opened(browser, page)
    levels = browser.value(
        "Array.from(document.querySelectorAll('h1, h2, h3, h4'), one => Number(one.tagName[1]))"
    )
    assert isinstance(levels, list)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.value("document.querySelectorAll('main').length") == 1
    assert browser.value(
        "Array.from(document.querySelectorAll('img')).every(one => one.hasAttribute('alt'))"
        " && Array.from(document.querySelectorAll('.drawing')).every(one => one.ariaLabel)"
    )


@pytest.mark.parametrize(
    ("name", "title"), [("answer", "Difference"), ("answer", "p"), ("odd", "Cell"), ("odd", "p")]
)
def test_clicking_a_heading_sorts(
    browser: Browser, pages: dict[str, Path], name: str, title: str
) -> None:
    opened(browser, pages[name])
    heads = f"Array.from(document.querySelectorAll('#{PAGES[name]}-grid .tabulator-col'))"
    number = browser.value(f"{heads}.findIndex(head => head.innerText.trim() === {title!r})")
    assert isinstance(number, int)
    cells = (
        "Array.from(document.querySelectorAll("
        f"'#{PAGES[name]} tbody td:nth-child({number + 1})')).filter(cell => cell.dataset.value)"
    )
    numbers = browser.value(f"{cells}.map(cell => Number(cell.dataset.value))")
    assert isinstance(numbers, list)
    assert len(set(numbers)) > 3
    top = (
        f"document.querySelectorAll('#{PAGES[name]}-grid .tabulator-row .tabulator-cell')"
        f"[{number}].textContent"
    )
    for order, most in (("descending", max(numbers)), ("ascending", min(numbers))):
        click(browser, f"{heads}[{number}].querySelector('.sort')")
        browser.wait_for(f"{heads}[{number}].ariaSort === {order!r}")
        texts = (
            f"{cells}.filter(cell => Number(cell.dataset.value) === {most!r})"
            ".map(cell => cell.textContent)"
        )
        browser.wait_for(f"{texts}.includes({top})")


def test_typing_narrows_the_table(browser: Browser, page: Path) -> None:
    opened(browser, page)
    table = PAGES[page.stem]
    rows = f"Array.from(document.querySelectorAll('#{table} tbody tr'))"
    total = browser.value(f"{rows}.length")
    word = str(browser.value(f"{rows}[2].cells[0].textContent"))
    toolbar = f"document.querySelector('#{table}-grid').previousElementSibling"
    click(browser, f"{toolbar}.querySelector('input')")
    browser.call("Input.insertText", text=word)
    left = browser.value(f"{rows}.filter(row => row.textContent.includes({word!r})).length")
    assert left != total
    said = f"{toolbar}.querySelector('output').textContent"
    browser.wait_for(f"{said} === '{left} of {total} rows'")
    shown = f"Array.from(document.querySelectorAll('#{table}-grid .tabulator-row'))"
    browser.wait_for(f"{shown}.every(row => row.textContent.includes({word!r}))")


def test_the_button_changes_the_colours(browser: Browser, page: Path) -> None:
    opened(browser, page)
    ground = "getComputedStyle(document.body).backgroundColor"
    grounds, names = [], []
    for _ in range(3):
        click(browser, "document.getElementById('theme')")
        grounds.append(browser.value(ground))
        names.append(browser.value("document.getElementById('theme').ariaLabel"))
    assert grounds == ["rgb(246, 247, 245)", "rgb(17, 22, 20)", "rgb(246, 247, 245)"]
    assert names == ["Colours: Light", "Colours: Dark", "Colours: Auto"]
    assert browser.errors == []


def test_paper_is_white_and_has_whole_tables(browser: Browser, page: Path) -> None:
    opened(browser, page, dark=True)
    rows = f"Array.from(document.querySelectorAll('#{PAGES[page.stem]} tbody tr'))"
    total = browser.value(f"{rows}.length")
    try:
        browser.call("Emulation.setEmulatedMedia", media="print")
        assert browser.value("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        hidden = ".bar, .toolbar, .grid, .skip"
        assert browser.value(
            f"Array.from(document.querySelectorAll({hidden!r}))"
            ".every(one => getComputedStyle(one).display === 'none')"
        )
        assert browser.value(f"{rows}.filter(row => row.offsetHeight > 0).length") == total
        assert browser.value(
            f"{rows}[0].cells.length === Array.from({rows}[0].cells)"
            ".filter(cell => cell.offsetWidth > 0).length"
        )
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")
