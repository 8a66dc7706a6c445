from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from tests.report.answer.test_answer import answer

from cellwright.report.methods import SECTION, methods_file
from cellwright.report.methods_text import Further, methods_paragraph, methods_sentences
from cellwright.report.references import Work, bibtex, references_of, works_of
from cellwright.report.section import ReportData


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


def test_the_program_the_model_and_the_counting_are_cited(run: dict[str, Any]) -> None:
    assert [work.key for work in works_of(run)] == ["cellwright"]
    run["inputs"][0]["counted"] = True
    cite = [{"text": "On {nuclei}, 100 % of them", "link": "https://doi.org/10.1/x"}]
    run["method"]["model"] = {"name": "mine", "cite": cite}
    works = works_of(run)
    assert [work.key for work in works] == ["cellwright", "model1", "miles1974", "lantuejoul1980"]
    entry = bibtex(works[1])
    assert "note = {On nuclei, 100 \\% of them}" in entry
    assert entry.count("{") == entry.count("}")
    text = methods_paragraph(run)
    assert "- On {nuclei}, 100 % of them https://doi.org/10.1/x" in text
    assert text.split("## BibTeX")[1].count("\n@") == len(references_of(run)) + len(works)


def test_options_that_nobody_set_are_no_part_of_the_sentence(run: dict[str, Any]) -> None:
    run["method"]["options"] = {"algorithm": "otsu", "diameter": None}
    text = methods_paragraph(run)
    assert "with algorithm = otsu (Otsu 1979)." in text
    assert "| threshold: diameter | not set |" in text


def test_a_further_paragraph_stands_after_those_of_the_run(run: dict[str, Any]) -> None:
    further = Further(["Then *this* was done."], [Work("this2020", "This and others (2020).")])
    text = methods_paragraph(run, further)
    assert text.index("(Lord et al. 2020).") < text.index("Then \\*this\\* was done.")
    assert text.index("Then") < text.index("## Settings")
    assert "- This and others (2020)." in text
    assert "@misc{this2020," in text


def test_an_audit_is_part_of_the_methods(data: ReportData) -> None:
    audited = replace(data, audit={"judged": {"fields": 4, "cells": 20}})
    said = "Outlines in 4 fields and of 20 single cells, dealt at random"
    content = SECTION.render(audited)
    assert content is not None
    assert said in content.html
    assert said in methods_file(audited)
    assert said not in methods_file(data)
    assert methods_file(data) == methods_paragraph(data.run)


def test_a_comparison_is_part_of_the_methods(data: ReportData) -> None:
    compared = replace(data, answer=answer(features=("area_px", "solidity")))
    text = methods_file(compared)
    assert "Conditions were compared with control by paired t tests of the replicates" in text
    assert "- Holm S (1979)." in text
    assert "@misc{holm1979," in text
    assert text.count("SuperPlots") == methods_file(data).count("SuperPlots")
    content = SECTION.render(compared)
    assert content is not None
    assert "paired t tests of the replicates" in content.html


def test_the_page_has_the_references_of_the_file(data: ReportData) -> None:
    content = SECTION.render(data)
    assert content is not None
    keys = re.findall(r"@\w+\{(\w+),", content.html)
    assert keys == re.findall(r"@\w+\{(\w+),", methods_file(data))
    assert keys[-1] == "cellwright"
