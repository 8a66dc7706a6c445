"""The page of a training in a real browser: the slider goes through the steps."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest
from tests.report import training_by_hand as by_hand

from cellwright.report.training import write_training_page


class Browser(Protocol):
    """What the fixture gives."""

    errors: list[str]
    requests: list[str]

    def open(
        self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False
    ) -> None: ...
    def value(self, script: str) -> object: ...
    def call(self, method: str, **parameters: object) -> dict[str, str]: ...


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "cells"
    by_hand.write_training_from(folder, (9, 8, 7, 6), (6, 6, 6, 6))
    later = folder / "training" / "looks" / "b" / "000020.tif"
    later.unlink()  # a picture that was not looked at so early
    return write_training_page(folder)


SHOWN = (
    "Array.from(document.querySelectorAll('.pair .alone [data-step]'))"
    ".filter(look => getComputedStyle(look).display !== 'none').map(look => look.dataset.step)"
)
WORDS = (
    "Array.from(document.querySelectorAll('.look-words, .pair p[data-by-step]'),"
    " words => words.innerText.trim())"
)


def move(browser: Browser, place: int) -> None:
    browser.value(
        f"(() => {{ const s = document.getElementById('look-step'); s.value = '{place}';"
        " s.dispatchEvent(new Event('input')); })()"
    )


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_opens_without_errors_or_requests(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.errors == []
    assert [address for address in browser.requests if not address.startswith("data:")] == [
        page.as_uri()
    ]
    assert browser.value("document.documentElement.scrollWidth") == width


def test_the_slider_goes_through_the_steps(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.value(SHOWN) == ["60", "60"]
    move(browser, 1)
    assert browser.value(SHOWN) == ["40", "40"]
    assert browser.value(WORDS) == [
        "after 40 steps: mean AP 0.400", "4 found after 40 steps", "4 found after 40 steps",
    ]  # fmt: skip
    text = "document.getElementById('look-step').getAttribute('aria-valuetext')"
    assert browser.value(text) == "after 40 steps: mean AP 0.400"
    move(browser, 0)
    assert browser.value(SHOWN) == ["20", "40"]  # the earliest that there is
    assert browser.errors == []


def test_buttons_and_arrow_keys_go_one_look_back_and_on(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.value("document.getElementById('look-on').click()")  # there is nothing beyond the last
    assert browser.value(SHOWN) == ["60", "60"]
    browser.value("document.getElementById('look-back').click()")
    assert browser.value(SHOWN) == ["40", "40"]
    browser.value("document.getElementById('look-on').click()")
    assert browser.value(SHOWN) == ["60", "60"]
    browser.value("document.getElementById('look-step').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent", type=kind, key="ArrowLeft", code="ArrowLeft",
            windowsVirtualKeyCode=37,
        )  # fmt: skip
    assert browser.value(SHOWN) == ["40", "40"]


def test_outlines_can_be_hidden_and_laid_over_each_other(browser: Browser, page: Path) -> None:
    browser.open(page)
    shown = (
        "['alone', 'together'].filter(name =>"
        " getComputedStyle(document.querySelector('.frame .' + name)).display !== 'none')"
    )
    outline = "getComputedStyle(document.querySelector('.outline')).visibility"
    assert browser.value(shown) == ["alone"]
    browser.value("document.getElementById('overlay').click()")
    assert browser.value(shown) == ["together"]
    assert browser.value(outline) == "visible"
    browser.value("document.getElementById('outlines').click()")
    assert browser.value(outline) == "hidden"


def test_a_click_enlarges_what_is_shown(browser: Browser, page: Path) -> None:
    browser.open(page)
    move(browser, 1)
    browser.value("document.querySelectorAll('[data-zoom]')[1].click()")
    assert browser.value("document.querySelector('dialog').open") is True
    shown = (
        "Array.from(document.querySelectorAll('dialog .alone [data-step]'))"
        ".filter(look => getComputedStyle(look).display !== 'none').map(look => look.dataset.step)"
    )
    assert browser.value(shown) == ["40"]
    browser.value("document.querySelector('dialog .close').click()")


def test_without_scripts_the_last_step_is_shown(browser: Browser, page: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
        assert browser.value(SHOWN) == ["60", "60"]
        slider = "document.getElementById('look-step').offsetHeight"
        assert browser.value(slider) == 0
        assert browser.value("document.querySelector('.look-words').innerText.trim()") == (
            "after 60 steps: mean AP 0.600"
        )
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
