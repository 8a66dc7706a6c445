from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cellwright.report.page import build_report, known_sections
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.wording import visible

HOSTILE = [
    '<script>alert("1")</script>.tif',
    "</script><img src=x onerror=alert(1)>.tif",
    "\" onmouseover=\"alert(1)' x='.tif",
    "=HYPERLINK(\"http://example.org\")&amp;\u2028\u202e.tif",
    "new\nline\tand\x00\x07\udcff.tif",
    "-minus {{ 7 * 7 }} {% raw %} $x^2$ .tif",
]  # fmt: skip


class Page(HTMLParser):
    """Elements, attributes and the text that is not script or style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.blocks: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in self.blocks:
            self.blocks[self._inside].append(data)
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page_of(data: ReportData) -> Page:
    return Page(build_report(data)[0])


def empty_data() -> ReportData:
    return ReportData({}, pd.DataFrame(), pd.DataFrame(), 0, (), ())


def test_sections_stand_in_their_order() -> None:
    names = [section.name for section in known_sections()]
    ours = ["verdict", "failures", "gallery", "quality", "counts", "measurements",
            "relations", "cell-map", "pictures", "filters",
            "columns", "methods", "limits", "checklist", "files"]  # fmt: skip
    assert [name for name in names if name in ours] == ours


def test_equal_data_give_equal_bytes(data: ReportData) -> None:
    again = replace(data, images=data.images.copy(), cells=data.cells.copy(), run=dict(data.run))
    first, second = build_report(data), build_report(again)
    assert first[0] == second[0]
    assert [f.svg for f in first[1]] == [f.svg for f in second[1]]
    assert re.search(r"20\d\d-\d\d-\d\d", re.sub(r"(?s)<script>.*?</script>", "", first[0])) is None


def test_figures_are_kept_with_their_numbers(data: ReportData) -> None:
    figures = {figure.name: figure for figure in build_report(data)[1]}
    assert list(figures) == ["counts"]
    assert figures["counts"].table["n_cells"].tolist() == [10, 20, 30, 40]
    assert figures["counts"].svg.startswith("<?xml")


def test_policy_allows_just_what_is_in_the_page(data: ReportData) -> None:
    page = page_of(data)
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        assert len(page.blocks[kind]) == 2
        for block in page.blocks[kind]:
            digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy.split(f"{kind}-src ")[1].split(";")[0]


def test_page_needs_nothing_from_outside(data: ReportData) -> None:
    for tag, attributes in page_of(data).elements:
        assert "style" not in attributes, tag  # the policy would refuse it
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href"):
            address = attributes.get(name) or "#"
            assert re.match(r"#|\./|data:image/png;base64,", address), address
        assert tag not in {"link", "iframe", "object", "embed", "form", "base"}


def test_identifiers_are_unique_and_links_within_the_page_lead_somewhere(data: ReportData) -> None:
    elements = page_of(data).elements
    identifiers = [a["id"] for _, a in elements if "id" in a]
    assert len(identifiers) == len(set(identifiers))
    for _, attributes in elements:
        target = attributes.get("href") or ""
        if target.startswith("#"):
            assert target[1:] in identifiers


def test_pictures_have_words(data: ReportData) -> None:
    elements = page_of(data).elements
    images = [a for tag, a in elements if tag == "img"]
    assert [a["alt"] for a in images] == ["a1.tif, typical of control, 10 cells outlined", ""]
    drawings = [a for tag, a in elements if tag == "svg" and a.get("role") == "img"]
    assert len(drawings) == 2  # a figure and a scale bar
    assert all(a["aria-label"] for a in drawings)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(data: ReportData, name: str) -> None:
    run: dict[str, Any] = dict(data.run)
    run["skipped"] = [{"image": name, "reason": name}]
    run["decisions"] = [name]
    run["excluded"] = [{"image": name + "2", "reason": name}]
    run["filters"] = [{"condition": name, "rule": name, "removed": 1}]
    run["options"] = {name: name}
    run["versions"] = {name: name, "numpy": name}
    source = {"name": name, "pictures": 1, "objects": 1}
    score = {"f1_50": {"value": 0.9, "low": 0.8, "high": 1.0, "n": 3}}
    card = {"name": name, "version": name, "sha256": name, "sources": [source],
            "cite": [{"text": name, "link": name}], "scores": {name: score}}  # fmt: skip
    run["method"] = {"name": name, "version": name, "options": {name: name}, "model": card}
    run["inputs"] = [{"image": name, "status": "done", "channel": name, "notes": [name]}]
    images = data.images.astype({"image": object})
    for column in ("condition", "replicate", "warnings", "reason", "labels", "channel", "quality"):
        images[column] = name
    images.loc[0, "image"] = name
    preview = replace(data.previews[0], image=name, role=name, caption=name, window=name)
    cells = data.cells.replace({"image": {"a1.tif": name}})
    declared = replace(data.columns[0], name=name, unit=name, meaning=name, source=name)
    finding = {"image": name, "frame": 0, "channel": name, "check": name, "value": 1.0,
               "verdict": name, "reason": name}  # fmt: skip
    hostile = replace(data, run=run, images=images, cells=cells, previews=(preview,),
                      columns=(declared,), quality=pd.DataFrame([finding]))  # fmt: skip
    html = build_report(hostile)[0]
    assert b"\x00" not in html.encode("utf-8")  # and can be written at all
    page = Page(html)
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("script"), tags.count("style"), tags.count("img")) == (2, 2, 2)
    assert visible(name) in "".join(page.words)
    assert "49" not in [word.strip() for word in page.words]
    for _, attributes in page.elements:
        assert not any(key.startswith("on") for key in attributes)
        for key in ("src", "href"):
            assert re.match(r"#|\./|data:image/png;base64,", attributes.get(key) or "#")


def test_empty_run_has_a_report() -> None:
    html, figures = build_report(empty_data())
    assert "No picture could be measured" in html
    assert figures == ()


def test_nothing_measured_says_what_failed(data: ReportData) -> None:
    failed = data.images.iloc[[4]]
    page = page_of(replace(data, images=failed, cells=data.cells.iloc[:0], n_cells=0, previews=()))
    assert "No picture could be measured" in page.text
    assert "the file is empty" in page.text


def test_tables_with_the_least_columns(data: ReportData) -> None:
    images = data.images[["image", "status", "n_cells"]].iloc[:1]
    cells = data.cells[["image", "area_px"]]
    page = page_of(replace(data, run={}, images=images, cells=cells, previews=()))
    assert "10 cells in 1 picture" in page.text
    assert "No pixel size is known" in page.text


def test_no_cells_at_all(data: ReportData) -> None:
    images = data.images.iloc[:4].assign(n_cells=0)
    page = page_of(replace(data, images=images, cells=data.cells.iloc[:0], n_cells=0))
    assert "0 cells in 4 pictures" in page.text
    assert "No cell was found in 4 pictures" in page.text


def test_movie_counts_are_per_frame(data: ReportData) -> None:
    images = data.images.iloc[:2].assign(frames=[10, 5], n_cells=[100, 100])
    figures = {f.name: f for f in build_report(replace(data, images=images))[1]}
    assert figures["counts"].table["cells_per_frame"].tolist() == [10.0, 20.0]
    assert "30 cells" not in page_of(replace(data, images=images)).text
    assert "200 cells in 2 pictures, 15 frames" in page_of(replace(data, images=images)).text


def test_thousand_pictures_stay_small_and_fast(data: ReportData) -> None:
    n = 1000
    images = pd.DataFrame(
        {
            "image": [f"plate/well_{i:04}.tif" for i in range(n)],
            "status": "done",
            "n_cells": np.arange(n) % 90,
            "condition": [f"compound {i % 96}" for i in range(n)],
            "replicate": [str(i % 3) for i in range(n)],
            "pixel_size_um": 0.5,
        }
    )
    cells = pd.concat([data.cells.assign(image=image) for image in images["image"][:200]])
    html, _ = build_report(replace(data, images=images, cells=cells, n_cells=60_000))
    assert len(html) < 4_000_000
    assert "more conditions in the table below" in html
    assert "an even sample of 20,000 of 60,000 cells" in html


def test_a_section_of_another_package_is_shown(data: ReportData) -> None:
    def render(data: ReportData) -> Content:
        return Content(f"<p>{len(data.images)} inputs seen by a stranger</p>")

    stranger = Section("stranger", "From <elsewhere>", 45, render)
    html, _ = build_report(data, [*known_sections(), stranger])
    assert "5 inputs seen by a stranger" in html
    assert "From &lt;elsewhere&gt;" in html
    assert html.index('id="counts"') < html.index('id="stranger"') < html.index('id="pictures"')


@pytest.mark.parametrize(
    ("library", "held"),
    [
        ("tabulator-6.5.3", {"tabulator.min.js", "tabulator_simple.min.css"}),
        ("vega-6.4.0", {"vega.min.js"}),
        ("vega-lite-6.4.3", {"vega-lite.min.js"}),
        ("vega-embed-7.3.0", {"vega-embed.min.js"}),
    ],
)
def test_vendored_files_are_those_that_were_published(library: str, held: set[str]) -> None:
    folder = files("cellwright.report") / "assets" / "vendor" / library
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split() for line in lines)}
    names = {item.name for item in folder.iterdir()} - {"SHA256SUMS"}
    assert set(sums) == names == {"LICENSE", *held}
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
