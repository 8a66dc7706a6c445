"""The page of the reference says what the program declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellwright.evaluation.object_summary import DEFINITIONS, OF_CLASS, TABLES
from cellwright.evaluation.picture import FAMILIES
from cellwright.evaluation.score import Family, summary_name

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "scores.md"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_score_stands_in_the_reference(family: Family) -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert f"### {family.name}" in lines
    for score in family.scores:
        names = ", ".join(f"`{summary_name(score, over)}`" for over in score.over)
        source = f"<br><small>{score.source}</small>" if score.source else ""
        assert f"| `{score.name}` | {names} | {score.meaning}{source} |" in lines
    for count in family.counts:
        assert f"| `{count.name}` | {count.meaning} |" in lines


def test_names_are_unique() -> None:
    names = [count.name for family in FAMILIES for count in family.counts]
    names += [score.name for family in FAMILIES for score in family.scores]
    assert len(set(names)) == len(names)


def test_every_number_of_classes_and_confidences_stands_in_the_reference() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for name, meaning in DEFINITIONS.items():
        assert f"| `{name}` | {meaning} |" in lines
    for table in TABLES:
        assert any(line.startswith(f"| `{table}` |") for line in lines)
    [classes] = [line for line in lines if line.startswith("| `classes.csv` |")]
    assert ", ".join(f"`{name}`" for name in OF_CLASS) in classes
