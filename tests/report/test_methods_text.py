from __future__ import annotations

from typing import Any

import pytest

from cellwright.report.methods_text import methods_paragraph, methods_sentences
from cellwright.report.references import bibtex, references_of


def test_paragraph_says_what_was_done(run: dict[str, Any]) -> None:
    text = methods_paragraph(run)
    assert "Pictures were analysed with cellwright 0.1.0 (Python 3.11.7)." in text
    assert "The pixel size was 0.5 µm." in text
    assert "the method `threshold` (version 1), with algorithm = otsu (Otsu 1979)." in text
    assert "these rules: border (10 removed)." in text
    assert "3 cells in 1 picture were corrected by hand." in text
    assert "100 cells were measured in 4 pictures; 1 picture could not be used." in text
    assert "n is the number of independent replicates" in text
    assert "| threshold: algorithm | otsu |" in text
    assert "| numpy | 2.4.6 |" in text


def test_only_papers_that_apply_are_cited(run: dict[str, Any]) -> None:
    keys = [paper.key for paper in references_of(run)]
    assert keys == ["otsu1979", "harris2020", "vanderwalt2014", "lord2020"]
    run["method"]["options"]["level"] = 12.5
    assert "otsu1979" not in [paper.key for paper in references_of(run)]
    run["method"] = {"name": "watershed", "options": {"threshold": "triangle"}}
    keys = [paper.key for paper in references_of(run)]
    assert keys[:2] == ["zack1977", "vincent1991"]


def test_bibtex_has_the_fields(run: dict[str, Any]) -> None:
    entry = bibtex(references_of(run)[0])
    assert "doi = {10.1109/TSMC.1979.4310076}" in entry
    assert entry.count("{") == entry.count("}")


def test_pixel_size_not_known_is_said(run: dict[str, Any]) -> None:
    for record in run["inputs"]:
        record["spacing"] = {"x": None}
    assert "The pixel size was not known" in methods_paragraph(run)
    run["inputs"][0]["spacing"] = {"x": 0.5}
    assert "known for 1 of 4 pictures" in methods_paragraph(run)


def test_names_cannot_become_markdown(run: dict[str, Any]) -> None:
    run["method"] = {"name": "x`y", "options": {"a|b": "[link](http://example.org) <b>"}}
    text = methods_paragraph(run)
    assert "a\\|b = \\[link\\](http://example.org) \\<b\\>" in text
    assert "`x'y`" in text


def test_plain_sentences_have_no_markdown(run: dict[str, Any]) -> None:
    run["method"]["options"] = {"fill_holes": True}
    text = " ".join(methods_sentences(run))
    assert "fill_holes = yes" in text
    assert "\\" not in text
    assert "`" not in text


@pytest.mark.parametrize("run_record", [{}, {"method": None, "inputs": None, "versions": None}])
def test_what_is_not_known_is_left_out(run_record: dict[str, Any]) -> None:
    text = methods_paragraph(run_record)
    assert text.startswith("# Methods")
    assert "None" not in text


def test_pictures_in_colour_are_counted_and_are_no_channel() -> None:
    inputs = [
        {"image": "a.png", "status": "done", "channel": "colour", "axes": "YXS"},
        {"image": "b.png", "status": "done", "channel": "0", "axes": "YX"},
    ]

    text = methods_paragraph({"cellwright": "0.1.0", "inputs": inputs})

    assert "1 of 2 pictures were in colour." in text
    assert "channel" not in text.partition("##")[0]
