"""The report of an experiment: seconds, memory, size; of 100,000 cells, and of a million.

    python benchmarks/report.py OUT [--rows 1000000]

Simulates 100 pictures of 1,024 pixels with some 1,000 nuclei each in five conditions, analyses
them by threshold, and writes the report with the comparison. Then the same with `--rows` rows,
each row of the table taken several times with 5 % of noise, and so that each picture still has
as many cells as rows. Prints for each of `report`, `report --reference` and `compare` the
seconds, the largest resident memory and, of the pages, the megabytes.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from cellwright.core.columns import Column
from cellwright.io.cells import CellsWriter, read_table, typed, write_table
from cellwright.pipeline.report_data import data_of_run

PROGRAM = (sys.executable, "-m", "cellwright")
CONDITIONS = ("control", "a=1.05:1", "b=1.1:1", "c=1:0.9", "d=1:1")


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    run = asked.out / "run"
    if not (run / "report.html").is_file():
        analyse(asked.out, run)
    measure("100 pictures", run)
    large = asked.out / "large"
    grow(run, large, asked.rows)
    measure(f"{asked.rows:,} rows", large)


def analyse(out: Path, run: Path) -> None:
    """Make the pictures, and the run."""
    conditions = [part for name in CONDITIONS for part in ("--conditions", name)]
    call(
        "simulate", "experiment", "--out", out / "simulated", *conditions, "--replicates", 5,
        "--pictures", 4, "--size", 1024, "--cells", 1000, "--diameter", 16,
    )  # fmt: skip
    pictures, samples = out / "simulated" / "pictures", out / "simulated" / "samples.csv"
    call(
        "analyze", pictures, "--samples", samples, "--method", "threshold", "--pixel-size",
        "0.5um", "--out", run, "--quiet",
    )  # fmt: skip


def grow(run: Path, large: Path, rows: int) -> None:
    """Copy a run, with so many rows that there are as many as wanted."""
    shutil.rmtree(large, ignore_errors=True)
    shutil.copytree(run, large)
    for name in ("answer", "figures"):
        shutil.rmtree(large / name, ignore_errors=True)
    cells = read_table(run / "cells.parquet")
    columns: tuple[Column, ...] = data_of_run(run).columns
    random = np.random.default_rng(0)
    times = -(-rows // len(cells))
    writer = CellsWriter(io.StringIO(), large / "cells.parquet", columns)
    (large / "cells.csv").unlink()
    for turn in range(times):
        part = cells.copy()
        part["label"] += turn * 100_000
        for name in map(str, part.select_dtypes("float64")):
            part[name] *= random.normal(1, 0.05, len(part))
        writer.write(typed(part, columns))
    images = read_table(run / "images.csv")
    images["n_cells"] *= times
    with (large / "images.csv").open("w", encoding="utf-8", newline="") as stream:
        write_table(stream, images)
    views = json.loads((large / ".work" / "views.json").read_text("utf-8"))
    kept = views[:: max(1, times)]  # as `analyze` chooses: at most 100,000 cells in all
    (large / ".work" / "views.json").write_text(json.dumps(kept), "utf-8")


def measure(name: str, run: Path) -> None:
    """Print what each verb costs."""
    rows = len(pd.Series(read_table(run / "cells.parquet")["label"]))
    print(f"{name}: {rows:,} cells in {len(read_table(run / 'images.csv')):,} pictures")
    asked = ("--reference", "control", "--primary", "area_um2")
    shutil.rmtree(run / "answer", ignore_errors=True)
    verbs = {
        "report": ("report", run),
        "compare": ("compare", run, *asked, "--out", run / "answer"),
        "report, with the comparison": ("report", run),
    }
    for verb, words in verbs.items():
        seconds, megabytes = timed(*words)
        page = run / "report.html" if words[0] == "report" else run / "answer" / "answer.html"
        size = page.stat().st_size / 1e6
        print(f"  {verb}: {seconds:.1f} s, {megabytes:.0f} MB of memory, page of {size:.1f} MB")


def timed(*words: object) -> tuple[float, float]:
    """Seconds and largest resident memory of a command, measured by a process of its own."""
    script = (
        "import resource, subprocess, sys, time; began = time.perf_counter();"
        "subprocess.run(sys.argv[1:], check=True);"
        "most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss;"
        "print(time.perf_counter() - began, most / 1024)"
    )
    command = [sys.executable, "-c", script, *PROGRAM, *map(str, words), "--quiet"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)


def call(*words: object) -> None:
    """Run the program."""
    subprocess.run([*PROGRAM, *map(str, words)], check=True)


if __name__ == "__main__":
    main()
