"""Small pictures of discs, whose number and size is known, and the way to run commands."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import cellwright as program
from cellwright import Run
from cellwright.api.arguments import Inputs
from cellwright.core.image import Array


def discs(centres: list[tuple[int, int]], radius: float = 9, size: int = 128) -> Array:
    """A dark plane with bright discs and a little fixed noise."""
    y, x = np.mgrid[:size, :size]
    plane = np.random.default_rng(7).normal(20, 2, (size, size))
    for row, column in centres:
        plane[(y - row) ** 2 + (x - column) ** 2 <= radius**2] += 150
    return np.clip(plane, 0, 255).astype(np.uint8)


def dealt(folder: Path, plane: Callable[[int], Array], wells: int) -> Path:
    """Analyse pictures of control and drug, so many wells each, two of a day.

    Parameters
    ----------
    folder
        Gets ``pictures``, ``samples.csv`` and ``run``.
    plane
        Draws a picture: of the control if it is told 0, of the drug if 1.
    """
    (folder / "pictures").mkdir()
    rows = ["image,condition,replicate,well"]
    for odd, condition in enumerate(("control", "drug")):
        for well in range(wells):
            name = f"{condition}{well}.png"
            Pillow.fromarray(plane(odd)).save(folder / "pictures" / name)
            rows.append(f"{name},{condition},{well // 2},{'AB'[odd]}{well + 1}")
    (folder / "samples.csv").write_text("\n".join(rows) + "\n", "utf-8")
    program.analyze(
        folder / "pictures", folder / "run", method="threshold", samples=folder / "samples.csv",
        make_executor=threads,
    )  # fmt: skip
    return folder


SCATTERED = [(20, 30), (25, 75), (30, 110), (90, 60)]
GRID = [(r, c) for r in (20, 60, 100) for c in (20, 60, 100)]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures with 9, 5 and 4 discs, and a movie of three frames with 4, 3 and 2."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    Pillow.fromarray(discs(GRID)).save(folder / "nine.png")
    Pillow.fromarray(discs(GRID[:5])).save(folder / "five.png")
    Pillow.fromarray(discs(SCATTERED)).save(folder / "sub" / "four.png")
    movie = np.stack([discs(GRID[:n]) for n in (4, 3, 2)])
    tifffile.imwrite(
        folder / "movie.tif",
        movie,
        imagej=True,
        resolution=(2.0, 2.0),
        metadata={"axes": "TYX", "unit": "um", "finterval": 300.0},
    )
    return folder


def threads() -> Executor:
    """Work in threads: quicker to start than processes, and nothing else differs."""
    return ThreadPoolExecutor(2)


def analyze(inputs: Inputs, out: Path, **options: Any) -> Run:
    """Analyse in threads by a classical method: what it finds in discs can be told by hand."""
    return program.analyze(
        inputs, out, **{"method": "threshold", "make_executor": threads, **options}
    )


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cellwright(tmp_path: Path) -> Command:
    """Run the command line as a person would, in an empty folder."""
    empty = tmp_path / "here"
    empty.mkdir(exist_ok=True)

    def run(*arguments: object, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "cellwright", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=empty,
            check=False,
            timeout=300,
        )
        assert code is None or done.returncode == code, done.stderr
        return done

    return run


def outputs(run: Path) -> dict[str, str]:
    """Hash of each file of a run, but for those that may differ between equal runs."""
    return {
        path.relative_to(run).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(run.rglob("*"))
        if path.is_file() and ".work" not in path.parts and path.name != "log.jsonl"
    }


def facts(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON object that a command printed."""
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed
