"""The files of a run, and the command that makes it again."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from html import unescape
from typing import Any

from tests.report.answer.test_answer import answer

from cellwright.models.model import model_named
from cellwright.report import files
from cellwright.report.section import Content, ReportData


def page(data: ReportData, **run: Any) -> str:
    content = files.SECTION.render(replace(data, run={**data.run, **run}))
    assert isinstance(content, Content)
    return content.html


def command(html: str) -> list[str]:
    text = unescape(html.split('id="again"><code>')[1].partition("</code>")[0])
    return shlex.split(text.partition("\n")[0])


def test_links_lead_to_the_files_beside_the_report(data: ReportData) -> None:
    linked = re.findall(r'href="\./([^"]+)"', page(data, corrections=[]))
    assert linked == [
        "cells.csv", "cells.parquet", "images.csv", "quality.csv", "labels/", "figures/",
        "methods.md", "recipe.toml", "run.json", "log.jsonl",
    ]  # fmt: skip
    audited = replace(data, audit={"judged": {"fields": 1, "cells": 1}})
    more = re.findall(r'href="\./([^"]+)"', page(audited, options={"outlines": ["fiji"]}))
    assert set(more) - set(linked) == {"outlines/", "corrections/", "audit/"}


def test_the_command_has_what_the_recipe_cannot_hold(data: ReportData) -> None:
    assert command(page(data)) == [
        "cellwright", "analyze", "PICTURES", "--recipe", "recipe.toml", "--out", "../again",
    ]  # fmt: skip
    run = {
        "samples_sha256": "ab",
        "inputs": [{"image": "a1.tif", "region": "cd"}],
        "options": {"flat_field": "reference"},
    }
    asked = command(page(data, **run))
    assert asked[5:7] == ["--samples", "samples.csv"]
    assert {"--regions", "--flat-reference"} < set(asked)


def test_of_several_runs_the_report_has_files_and_a_command_of_its_own(data: ReportData) -> None:
    html = page(data, runs=["monday", "friday night"])
    assert re.findall(r'href="\./([^"]+)"', html) == ["figures/", "methods.md"]
    assert command(html) == [
        "cellwright", "report", "monday", "friday night", "--out", "REPORT",
    ]  # fmt: skip
    compared = replace(data, answer=answer(names=("the control", "drug")))
    html = page(compared, runs=["monday", "friday"])
    assert command(html)[4:6] == ["--reference", "the control"]
    assert "./answer/" in html


def test_a_model_that_does_not_come_with_the_program_is_asked_for(data: ReportData) -> None:
    own = {"name": "network", "model": {"name": "mine", "sha256": "ab" * 32}}
    ours = {"name": "network", "model": {"name": "nuclei", "sha256": model_named("nuclei").digest}}
    assert "ab" * 32 in page(data, method=own)
    assert "SHA-256" not in page(data, method=ours)
    assert "SHA-256" not in page(data)
