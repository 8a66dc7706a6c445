"""The page of an audit: what it shows, and that it shows nothing else."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image as Picture

from cellwright.report.audit import SECTION
from cellwright.report.audit_page import Item, Shown, build_audit_page
from cellwright.report.section import ReportData


def labels(height: int = 20, width: int = 30) -> npt.NDArray[np.uint32]:
    made = np.zeros((height, width), np.uint32)
    made[2:6, 3:8] = 7
    return made


def pictures(html: str) -> list[npt.NDArray[np.uint8]]:
    return [
        np.asarray(Picture.open(io.BytesIO(base64.b64decode(text))))
        for text in re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    ]


def test_all_pictures_have_one_window() -> None:
    dark, bright = (Shown(np.full((20, 30), value, np.uint16), labels()) for value in (100, 300))
    html = build_audit_page("0", [Item(dark, (7,))], [Item(bright, (7,))], classes=False)
    first, second = pictures(html)
    assert (set(np.unique(first)), set(np.unique(second))) == ({0}, {255})


def test_a_flat_picture_and_colours_are_shown() -> None:
    flat = Shown(np.full((20, 30), 5.0), labels())
    colour = Shown(np.full((20, 30, 3), (9, 8, 7), np.uint8), labels())
    html = build_audit_page("0", [Item(flat, (7,))], [Item(colour, (7,))], classes=False)
    first, second = pictures(html)
    assert first.shape == (20, 30)
    assert second[0, 0].tolist() == [9, 8, 7]


def test_large_fields_are_shown_smaller_and_keep_the_places_of_outlines() -> None:
    shown = Shown(np.zeros((500, 1000)), labels(500, 1000))
    html = build_audit_page("0", [Item(shown, (7,))], [], classes=False)
    assert pictures(html)[0].shape == (360, 720)
    assert 'viewBox="0 0 1000 500"' in html
    assert 'data-place="1" d="M3 2L8 2L8 6L3 6Z"' in html


def test_others_are_not_asked_about() -> None:
    shown = Shown(np.zeros((20, 30)), labels())
    html = build_audit_page("0", [Item(shown, ())], [], classes=False)
    assert 'class="other" d="M3 2' in html
    assert 'class="asked"' not in html


@pytest.mark.parametrize("classes", [False, True])
def test_types_are_asked_where_there_are_some(classes: bool) -> None:
    shown = Shown(np.zeros((20, 30)), labels())
    html = build_audit_page("0", [], [Item(shown, (7,), "<i>\udc80")], classes=classes)
    assert ('data-answer="wrong_type"' in html) == classes
    assert "found as <b>&lt;i&gt;�</b>" in html


def test_no_audit_no_section() -> None:
    assert SECTION.render(ReportData({}, pd.DataFrame(), pd.DataFrame(), 0, (), ())) is None
