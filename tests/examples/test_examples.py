"""Each example runs as it stands, and says what it should."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from tests.examples.conftest import in_folder

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def say(folder: Path, name: str, *arguments: str) -> str:
    """Run an example in a folder; gives what it printed."""
    done = in_folder(folder, sys.executable, EXAMPLES / f"{name}.py", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def analysed(desk: Path) -> tuple[Path, str]:
    """The folder after the first example, and what that said."""
    return desk, say(desk, "analyze_folder")


def test_five_lines_analyse_a_folder(analysed: tuple[Path, str]) -> None:
    desk, said = analysed
    assert said.count(" done ") == 4
    assert re.search(r"^drug +\d", said, re.M)
    assert (desk / said.split("report: ")[1].strip()).is_file()


def test_a_run_is_read_and_its_pixels_fit_its_table(analysed: tuple[Path, str]) -> None:
    said = say(analysed[0], "read_run")
    assert "160 x 160 pixels" in said
    assert "what it found out: {" in said


def test_counts_per_condition_count_replicates(analysed: tuple[Path, str]) -> None:
    said = say(analysed[0], "counts_per_condition")
    assert "NaN" not in said
    summary = said.split("\n\n")[1]
    for condition in ("control", "drug"):
        found = re.search(rf"^{condition} +(\d+)", summary, re.M)
        assert found is not None
        assert found[1] == "2"


@pytest.mark.parametrize(
    ("name", "words"),
    [("measure_arrays", "aspect_ratio"), ("method_in_memory", "nuclei found")],
)
def test_arrays_in_memory(name: str, words: str, tmp_path: Path) -> None:
    assert words in say(tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_every_example_is_tested() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert f'"{path.stem}"' in tests, f"{path.name} has no test"
