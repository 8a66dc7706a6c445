"""The page of an audit in a real browser: judged by keys and by mouse, saved as a file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from cellwright.report.audit_page import Item, Shown, build_audit_page


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


def shown(seed: int) -> Shown:
    """Two squares of 10 pixels at (10, 10) and (10, 30) of 40 × 60, and noise."""
    labels = np.zeros((40, 60), np.uint32)
    labels[10:20, 10:20], labels[10:20, 30:40] = 4, 9
    noise = np.random.default_rng(seed).normal(20, 3, labels.shape)
    return Shown(noise + 100.0 * (labels > 0), labels)


@pytest.fixture(params=[False, True], ids=["plain", "classes"])
def classes(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def page(tmp_path: Path, classes: bool) -> Path:
    fields = [Item(shown(1), (4, 9)), Item(shown(2), (9,))]
    kind = "<b>&\"kind'" if classes else ""
    cells = [Item(shown(3), (4,), kind), Item(shown(4), (9,), kind), Item(shown(5), (9,), kind)]
    path = tmp_path / "audit.html"
    name = f"{abs(hash(str(tmp_path))):x}"  # what an earlier page kept is not for this one
    path.write_text(build_audit_page(name, fields, cells, classes=classes), "utf-8")
    return path


def press(browser: Browser, key: str) -> None:
    codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13}
    text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
    code = codes.get(key, ord(key[0].upper()))
    more = {"text": text} if text else {}
    browser.call(
        "Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **more
    )
    browser.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)


def click(browser: Browser, x: float, y: float) -> None:
    """Click into the field that is shown, at a pixel of the picture."""
    sheet = "document.querySelector('.item:not([hidden]) svg')"
    browser.value(f"{sheet}.scrollIntoView({{block: 'center'}})")
    box = browser.value(
        f"(() => {{ const b = {sheet}.getBoundingClientRect();"
        " return [b.left, b.top, b.width, b.height]; })()"
    )
    place = {"x": box[0] + box[2] * x / 60, "y": box[1] + box[3] * y / 40}
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)


def title(browser: Browser) -> str:
    return str(browser.value("document.querySelector('.item:not([hidden]) h2').innerText"))


def saved(browser: Browser, folder: Path) -> dict[str, Any]:
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    browser.value("document.getElementById('save').click()")
    file, end = folder / "answers.json", time.monotonic() + 30
    while not file.is_file() or not file.read_text("utf-8").endswith("}\n"):
        assert time.monotonic() < end, list(folder.iterdir())
        time.sleep(0.05)
    answers: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return answers


@pytest.mark.parametrize("width", [1280, 820, 400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_opens_without_errors_or_requests(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.errors == []
    outside = [address for address in browser.requests if not address.startswith("data:")]
    assert outside == [page.as_uri()]
    assert browser.value("document.documentElement.scrollWidth") == width


def test_all_is_judged_by_keys_and_mouse_and_saved(
    browser: Browser, page: Path, tmp_path: Path, classes: bool
) -> None:
    browser.open(page)
    assert title(browser) == "Field 1 of 2"
    click(browser, 50, 30)  # nothing is outlined here
    click(browser, 15, 15)  # within the first outline
    assert browser.value("document.querySelector('.tally').innerText") == "1 missed, 1 wrong"
    press(browser, "Enter")
    assert title(browser) == "Field 2 of 2"
    click(browser, 15, 15)  # its middle lies outside: it is not asked about
    assert browser.value("document.querySelector('.tally').innerText") == "0 missed, 0 wrong"
    assert "does not count" in browser.value("document.getElementById('said').textContent")
    browser.value("document.querySelector('[data-for=field] [data-answer=done]').click()")
    assert title(browser).startswith("Cell 1 of 3")
    press(browser, "1")
    press(browser, "5" if classes else "2")
    assert title(browser).startswith("Cell 3 of 3")
    browser.value("document.querySelector('[data-for=cell] [data-answer=split]').click()")
    assert browser.value("document.getElementById('so-far').textContent") == "5 of 5"
    assert browser.value("document.getElementById('finished').hidden") is False

    answers = saved(browser, tmp_path)
    field = answers["fields"]["1"]
    [[x, y]] = field.pop("missed")
    assert (abs(x - 50) < 1, abs(y - 30) < 1) == (True, True)
    assert field == {"state": "done", "wrong": [1]}
    assert answers["fields"]["2"] == {"state": "done", "missed": [], "wrong": []}
    second = "wrong_type" if classes else "merged"
    assert answers["cells"] == {"1": "right", "2": second, "3": "split"}
    assert answers["format"] == "cellwright-audit-answers"
    assert browser.errors == []


def test_arrows_go_back_and_on_and_z_takes_back(browser: Browser, page: Path) -> None:
    browser.open(page)
    for _ in range(2):
        press(browser, "ArrowRight")
    assert title(browser).startswith("Cell 1 of 3")
    press(browser, "4")
    press(browser, "6")
    press(browser, "ArrowLeft")
    assert title(browser).startswith("Cell 2 of 3")
    pressed = "document.querySelector('[data-for=cell] [aria-pressed=true]')?.dataset.answer"
    assert browser.value(pressed) == "unsure"
    press(browser, "z")
    assert browser.value(pressed) is None
    press(browser, "z")
    assert title(browser).startswith("Cell 1 of 3")
    assert browser.value(pressed) is None
    press(browser, "z")  # there is nothing more
    assert browser.value("document.getElementById('so-far').textContent") == "0 of 5"
    press(browser, "5")  # no key of a page without classes
    assert browser.errors == []


def test_a_field_can_be_judged_by_keys_alone(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.value("document.querySelector('.item:not([hidden]) svg').focus()")
    for _ in range(4):
        press(browser, "ArrowDown")  # from the middle, (30, 20), by 80ths of 60 pixels
    press(browser, " ")  # below the second outline
    for _ in range(12):
        press(browser, "ArrowUp")
    press(browser, "ArrowRight")
    press(browser, " ")
    assert browser.value("document.querySelector('.tally').innerText") == "1 missed, 1 wrong"
    press(browser, "z")
    assert browser.value("document.querySelector('.tally').innerText") == "1 missed, 0 wrong"
    press(browser, "Enter")
    assert title(browser) == "Field 2 of 2"
    assert browser.value("document.activeElement.tagName") == "svg"


def test_answers_are_kept_in_the_browser(browser: Browser, page: Path) -> None:
    browser.open(page)
    click(browser, 50, 30)
    press(browser, "Enter")
    press(browser, "6")
    press(browser, "3")
    browser.open(page)
    assert title(browser).startswith("Cell 2 of 3")
    assert browser.value("document.getElementById('so-far').textContent") == "3 of 5"


def test_only_the_answers_to_what_is_shown_are_there(browser: Browser, page: Path) -> None:
    browser.open(page)
    seen = (
        "Array.from(document.querySelectorAll('fieldset')).filter(set => set.offsetHeight > 0)"
        ".map(set => set.dataset.for)"
    )
    assert browser.value(seen) == ["field"]
    press(browser, "ArrowRight")
    press(browser, "ArrowRight")
    assert browser.value(seen) == ["cell"]


def test_what_is_asked_has_a_name_and_a_contrast(browser: Browser, page: Path) -> None:
    browser.open(page)
    nameless = (
        "Array.from(document.querySelectorAll("
        "'button, input, progress, svg[tabindex], [role=img]'))"
        ".filter(e => !(e.innerText || e.getAttribute('aria-label') || (e.labels || []).length"
        " || e.hidden)).map(e => e.outerHTML)"
    )
    assert browser.value(nameless) == []
    browser.value("document.getElementById('outlines').click()")
    hidden = "getComputedStyle(document.querySelector('.item:not([hidden]) .asked')).visibility"
    assert browser.value(hidden) == "hidden"


def test_type_of_a_cell_is_text(browser: Browser, page: Path, classes: bool) -> None:
    browser.open(page)
    press(browser, "ArrowRight")
    press(browser, "ArrowRight")
    assert ("<b>&\"kind'" in title(browser)) == classes
