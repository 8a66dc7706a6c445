"""What is said of progress where there is no terminal."""

from __future__ import annotations

import pytest

from cellwright.cli.face import progress
from cellwright.cli.verb import Asked
from cellwright.engine.events import PhaseFinished, PhaseStarted, StepFinished


def lines(capsys: pytest.CaptureFixture[str], *steps: StepFinished, verbose: bool) -> list[str]:
    with progress(Asked({"quiet": False, "verbose": verbose}, frozenset())) as listener:
        listener(PhaseStarted(steps[0].phase, len(steps)))
        for step in steps:
            listener(step)
        listener(PhaseFinished(steps[0].phase))
    return capsys.readouterr().err.splitlines()


def test_a_picture_is_told_with_its_seconds_when_all_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    step = StepFinished("cells", "a.tif", 2, {"reading": 0.5, "measuring": 0.25})
    assert lines(capsys, step, verbose=True)[-1] == "  'a.tif' frame 2: 0.75 s"
    assert len(lines(capsys, step, verbose=False)) == 0


def test_a_step_without_seconds_is_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [StepFinished("training", f"step {number}") for number in range(20)]
    said = lines(capsys, *steps, verbose=True)
    assert len(said) == 1 + 10
    assert said[1].startswith("  2 of 20, ")
