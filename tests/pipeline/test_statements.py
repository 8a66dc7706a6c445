"""What a person states is read with care, and kept so that it can be completed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cellwright.core.errors import UsageError
from cellwright.core.statements import STATEMENTS
from cellwright.pipeline.statements import kept_statements, read_statements, statements_text


def written(folder: Path, text: str) -> Path:
    path = folder / "statements.toml"
    path.write_text(text, "utf-8")
    return path


def test_what_is_empty_is_not_stated_and_the_order_is_that_of_the_questions(tmp_path: Path) -> None:
    path = written(
        tmp_path, '\ufeffstain = "DAPI,\\u007f0"\nnumber = "  "\nblinding = """\none\n two"""\n'
    )
    assert list(read_statements(path).items()) == [("blinding", "one two"), ("stain", "DAPI, 0")]
    assert kept_statements(tmp_path) == read_statements(path)
    assert kept_statements(tmp_path / "elsewhere") == {}


def test_what_is_kept_is_read_the_same_and_asks_for_the_rest(tmp_path: Path) -> None:
    stated = {"number": 'Cost: "all" µm \\ #1', "model": "doi"}
    text = statements_text(stated)
    assert read_statements(written(tmp_path, text)) == stated
    everything = text.replace("# ", "").replace(STATEMENTS["number"], "")
    asked = [line.partition(" = ")[0] for line in everything.splitlines() if " = " in line]
    assert asked == list(STATEMENTS)
    assert set(tomllib.loads(statements_text(dict.fromkeys(STATEMENTS, "x")))) == set(STATEMENTS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('blind = "x"', "'blind' is not asked; state replicates"),
        ("blinding = true", "blinding is no text"),
        ("blinding = ", "cannot be read"),
        (f'blinding = "{"x" * 3000}"', "longer than 2,000"),
    ],
)
def test_what_is_not_asked_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError, match=words) as caught:
        read_statements(path)
    assert str(path) in str(caught.value)
    with pytest.raises(UsageError, match="cannot be read"):
        read_statements(tmp_path / "missing.toml")
