"""How time and memory of ``cellwright segment`` grow, from 0.25 to 400 megapixels.

    python -m benchmarks.nuclei_growth [--methods network threshold]
        [--megapixels 0.25 1 4 16 64 256 400] [--threads 2] [--memory 2GB] [--folder FOLDER]
        [--json FILE]

Simulated nuclei, dense in one half of a field and sparse in the other, the field repeated until
the picture is full, in a tiled TIFF of 8 bits. Each picture is segmented by a process of its own,
the whole way from file to label image as a person types it, methods taking turns. ``more s/MP`` is
what each megapixel beyond the picture before cost: it stays the same where time grows with the
picture, and shows what the start of the program hides in ``s/MP``. Memory is what all processes
together hold by themselves (anonymous; see `peers/memory.py`), and the most of a single one.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from benchmarks.peers.load import OtherWork
from benchmarks.peers.memory import AnonymousMemory
from benchmarks.peers.programs import keep_to_cores, same_threads

from cellwright.core.image import Array
from cellwright.simulate.nuclei import simulate_nuclei

FIELD, TILE = 2000, 512
MEGAPIXELS = (0.25, 1.0, 4.0, 16.0, 64.0, 256.0, 400.0)


def field() -> Array:
    """Simulate what is repeated: (FIELD, FIELD), dense above and sparse below."""
    half = (FIELD // 2, FIELD)
    dense, _ = simulate_nuclei(half, n=1100, clumping=0.4, illumination=0.2, seed=5)
    sparse, _ = simulate_nuclei(half, n=350, clumping=0.4, seed=6)
    return np.concatenate([dense, sparse])


def write(path: Path, megapixels: float, pattern: Array) -> float:
    """Write a square picture tile by tile; give its megapixels.

    One smaller than a field is cut from the field's middle, so that it has both halves.
    """
    side = round((megapixels * 1e6) ** 0.5)
    first = max(FIELD - side, 0) // 2

    def tiles() -> Iterator[Array]:
        for top in range(0, side, TILE):
            for left in range(0, side, TILE):
                rows = (first + np.arange(top, min(top + TILE, side))) % FIELD
                columns = (first + np.arange(left, min(left + TILE, side))) % FIELD
                piece = pattern[np.ix_(rows, columns)]
                yield np.pad(piece, [(0, TILE - length) for length in piece.shape])

    tifffile.imwrite(
        path, tiles(), shape=(side, side), dtype=pattern.dtype, tile=(TILE, TILE), bigtiff=True,
        photometric="minisblack",
    )  # fmt: skip
    return float(side**2 / 1e6)


def segment(picture: Path, out: Path, method: str, threads: int, memory: str) -> dict[str, Any]:
    """Segment a picture in a process of its own; give seconds, bytes and objects."""
    command = [
        sys.executable, "-m", "cellwright", "segment", str(picture), "--out", str(out),
        "--method", method, "--workers", str(threads), "--memory", memory, "--json",
    ]  # fmt: skip
    before, started = _processor(), time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=same_threads(threads)
    )
    with AnonymousMemory(process.pid) as held:
        told, _ = process.communicate()
    clock = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"`{' '.join(command)}` ended with {process.returncode}:\n{told}")
    return {
        "s": clock,
        "cpu s": _processor() - before,
        "MB together": held.together / 1e6,
        "MB in one": held.one / 1e6,
        "objects": json.loads(told)["cells"],
    }


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def growth(rows: pd.DataFrame) -> pd.DataFrame:
    """Add seconds a megapixel, as they are and for what is more than in the picture before."""
    table = rows.set_index("MP")
    size = table.index.to_series()
    table.insert(2, "s/MP", table["s"] / size)
    table.insert(3, "more s/MP", table["s"].diff() / size.diff())
    table.insert(4, "more cpu s/MP", table["cpu s"].diff() / size.diff())
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=["network", "threshold"])
    parser.add_argument("--megapixels", type=float, nargs="+", default=list(MEGAPIXELS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--folder", default=None, help="for the pictures: 5 GB at 400 megapixels")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    keep_to_cores(given.threads)
    pattern = field()
    rows: list[dict[str, Any]] = []
    with OtherWork() as other:
        for wanted in sorted(given.megapixels):
            with tempfile.TemporaryDirectory(dir=given.folder) as name:
                picture = Path(name, "picture.tif")
                size = write(picture, wanted, pattern)
                for method in given.methods:
                    told = segment(picture, Path(name, method), method, given.threads, given.memory)
                    rows.append({"method": method, "MP": size, **told})
                    print(f"{method:<12}{size:>8.2f} MP{told['s']:>9.1f} s", flush=True)
    print(other)
    for method in given.methods:
        some = [
            {name: value for name, value in row.items() if name != "method"}
            for row in rows
            if row["method"] == method
        ]
        table = growth(pd.DataFrame(some))
        print(f"\n{method}\n{table.to_string(float_format=lambda value: f'{value:.2f}')}")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
