from __future__ import annotations

from pathlib import Path

import pytest

from cellwright.core.errors import RunError
from cellwright.engine.journal import Journal, Step

STEP = Step("segment", "abc", {"cell.tif": "123"}, {"n": 3})


def test_a_step_that_was_entered_is_found_again(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.jsonl").enter([STEP])

    assert Journal(tmp_path / "journal.jsonl").find("segment", "abc") == STEP


def test_a_half_written_line_is_dropped_and_the_journal_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).enter([STEP])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"step": "measure", "ke')

    again = Journal(path)
    again.enter([Step("measure", "def")])

    read = Journal(path)
    assert read.find("segment", "abc") == STEP
    assert read.find("measure", "def") == Step("measure", "def")
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize("damage", [b"\x00\x00garbage\n", b"[1, 2]\n", b'{"step": 1}\n', b"\n"])
def test_a_damaged_line_costs_only_itself(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).enter([STEP])
    with path.open("ab") as stream:
        stream.write(damage)
    Journal(path).enter([Step("measure", "def")])

    read = Journal(path)
    assert read.find("segment", "abc") == STEP
    assert read.find("measure", "def") is not None


def test_a_foreign_or_newer_journal_is_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text('{"something": "else"}\n')
    newer = tmp_path / "newer.jsonl"
    newer.write_text('{"format": "cellwright-journal", "version": 99}\n')

    with pytest.raises(RunError, match="not a journal"):
        Journal(foreign)
    with pytest.raises(RunError, match="newer version"):
        Journal(newer)


def test_every_content_that_was_announced_is_known(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.announce("labels/a.tif", "one")
    journal.announce("labels/a.tif", "two")
    journal.announce("labels/a.tif", "two")

    assert Journal(path).published == {"labels/a.tif": ["one", "two"]}
