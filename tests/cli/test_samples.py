"""`cellwright samples`: what it asks for, writes and says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cellwright import api
from cellwright.cli.samples import VERB
from cellwright.cli.verb import Asked
from cellwright.io.inputs import find_inputs
from cellwright.io.sample_template import Template, sample_template, write_template
from cellwright.io.samples import read_samples


def asked(folder: Path, out: Path, **others: Any) -> Asked:
    values = {"inputs": (folder,), "out": out, "pattern": "auto", "force": False}
    values |= {"json_": False, "quiet": False, "verbose": False}
    return Asked(values | others, frozenset())


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of named pictures; the guesses without what joins files."""

    def samples(
        inputs: tuple[Path, ...], out: Path, *, pattern: str = "auto", force: bool = False
    ) -> Template:
        assert pattern == "auto"
        template = sample_template(find_inputs(inputs).found)
        write_template(Path(out), template.table, force=force)
        return template

    monkeypatch.setattr(api, "samples", samples, raising=False)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("tatmn_80ng_1.png", "tatmn_80ng_2.png", "control_1.png", "control_2.png"):
        (folder / name).write_bytes(b"\x89PNG")
    return folder


def test_it_writes_a_table_and_says_what_to_do(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "samples.csv"
    assert VERB.run(asked(pictures, out)) == 0
    rows = read_samples(out).rows
    assert [row.condition for row in rows] == ["control", "control", "tatmn 80 ng", "tatmn 80 ng"]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "such as 'control' of control_1.png" in printed.err
    assert "look at it and correct it" in printed.err


def test_json_stands_alone_on_the_output(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "samples.csv"
    assert VERB.run(asked(pictures, out, json_=True, quiet=True)) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    facts = json.loads(printed.out)
    assert facts["pictures"] == 4
    assert facts["columns"][:3] == ["image", "condition", "replicate"]
