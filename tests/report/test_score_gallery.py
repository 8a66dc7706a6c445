"""The page of worst, median and best pictures."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Picture

from cellwright.core.errors import UsageError
from cellwright.core.image import Spacing
from cellwright.evaluation.picture import PictureScore, score_picture
from cellwright.report.outlines import BOTH, FOUND, TRUE
from cellwright.report.score_gallery import build_score_gallery, draw_scored
from cellwright.report.section import Preview

HOSTILE = "<script>alert(1)</script>\"'&\n\udc80.tif"


def square(top: int, left: int, side: int = 40) -> npt.NDArray[np.uint32]:
    labels = np.zeros((600, 600), np.uint32)
    labels[top : top + side, left : left + side] = 3
    return labels


def drawn(truth: npt.NDArray[np.uint32], found: npt.NDArray[np.uint32]) -> Preview:
    plane = np.zeros((600, 600), np.uint8)
    return draw_scored(plane, truth, found, image=HOSTILE, spacing=Spacing(), note="<b>frame 0</b>")


def coloured(preview: Preview, colour: tuple[int, int, int, int]) -> npt.NDArray[np.bool_]:
    pixels = np.asarray(Picture.open(io.BytesIO(preview.outlines)).convert("RGBA"))
    same: npt.NDArray[np.bool_] = (pixels == colour).all(axis=-1)
    return same


def page(image: str = HOSTILE) -> str:
    truth, found = square(100, 100), square(120, 100)
    score = score_picture(truth, found, image=image)
    return build_score_gallery(
        {"worst": [(score, drawn(truth, found))], "median": (), "best": ()},
        ranked=7,
        left_out=[f"{image}: gone"],
    )


def test_each_outline_has_its_colour_and_both_are_white() -> None:
    preview = drawn(square(100, 100), square(100, 120))
    true, found, both = (coloured(preview, colour) for colour in (TRUE, FOUND, BOTH))
    assert true[120, [99, 100, 139, 140]].all()  # left and right of the true one
    assert found[120, [119, 120, 159, 160]].all()
    assert both[[99, 100, 139, 140], 130].all()  # above and below, where they share a border
    assert not (true | found | both)[120, 130]
    assert preview.picture != preview.outlines


def test_labels_must_fit() -> None:
    with pytest.raises(UsageError, match="cannot be drawn"):
        drawn(square(100, 100), square(100, 100)[:500])


def test_names_are_escaped_and_nothing_runs() -> None:
    html = page()
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    html.encode()  # no halves of characters

    class Checker(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in {"script", "iframe", "object", "link", "base", "form", "a"}
            for name, value in attrs:
                assert not name.startswith("on")
                assert name != "style"
                if name in {"src", "href"}:
                    assert value is not None
                    assert value.startswith("data:image/png;base64,")

    Checker().feed(html)


def test_the_policy_names_the_styles_and_allows_nothing_else() -> None:
    html = page("a.tif")
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert found is not None
    policy = found.group(1).replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; img-src data:; style-src ")
    assert "script-src 'none'" in policy
    for style in re.findall(r"<style>(.*?)</style>", html, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_what_a_card_says() -> None:
    html = page("a.tif")
    assert "1 of 7 pictures" in html
    # just half of either is shared: neither lies mostly in the other
    assert "1 true cell, 1 found: 1 missed, 1 invented, 0 split, 0 merged" in html
    assert "mean AP 0 · AP at 0.5 0 · F1 at 0.5 0" in html
    assert "a.tif: gone" in html
    assert 'id="worst"' in html
    assert 'id="best"' not in html  # nothing to be shown


def test_equal_data_give_equal_text() -> None:
    assert page() == page()


def test_many_errors_are_counted() -> None:
    truth = np.zeros((20, 20), np.uint32)
    truth[2:8, 2:8] = 1
    score = PictureScore("a", dict(score_picture(truth, truth * 0).values) | {"missed": 1234})
    html = build_score_gallery({"worst": [(score, drawn(square(1, 1), square(1, 1)))]}, ranked=1)
    assert "1,234 missed" in html
