"""What a picture costs beside segmentation, quality and measuring; and memory over many.

    python benchmarks/bookkeeping.py --pictures 1000

Writes simulated pictures of one megapixel, analyses them with the command line, and prints
the milliseconds a picture that finding, reading (PNG), hashing, tables, journal and report
took together, and the resident memory of all processes along the way.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from cellwright.simulate.nuclei import simulate_nuclei

COMPUTING = ("quality", "segment", "measure")


def write_pictures(folder: Path, number: int) -> None:
    """Write pictures that all differ: one simulated field, shifted."""
    folder.mkdir(parents=True)
    plane, _ = simulate_nuclei((1024, 1024), n=150, diameter_px=24, seed=1)
    for i in range(number):
        shifted = np.roll(plane, (17 * i, 29 * i), axis=(0, 1))
        Pillow.fromarray(shifted).save(folder / f"field_{i:05d}.png", compress_level=3)


def resident_mb(process: int) -> float:
    """Anonymous memory of a process and all that it started, in megabytes."""
    total = 0
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    waiting = [process]
    while waiting:
        current = waiting.pop()
        waiting += children.get(current, [])
        try:
            status = Path(f"/proc/{current}/status").read_text()
        except OSError:
            continue
        total += sum(
            int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")
        )
    return total / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder / "in", asked.pictures)
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "cellwright", "analyze", folder / "in", "--out",
             folder / "run", "--workers", str(asked.workers), "--quiet"]
        )  # fmt: skip
        samples: list[tuple[float, float]] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(1.0):
                samples.append((time.perf_counter() - began, resident_mb(process.pid)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        code = process.wait()
        wall = time.perf_counter() - began
        done.set()
        watcher.join()
        spent = dict.fromkeys((*COMPUTING, "read", "open"), 0.0)
        for line in (folder / "run" / "log.jsonl").read_text().splitlines():
            seconds = json.loads(line).get("seconds")
            for part, value in (seconds or {}).items():
                spent[part] = spent.get(part, 0.0) + value
    computing = sum(spent[part] for part in COMPUTING)
    print(f"exit code {code}, {asked.pictures} pictures, {asked.workers} worker(s)")
    print(f"wall {wall:.1f} s, of it computing {computing:.1f} s")
    if asked.workers == 1:
        print(f"all else: {1000 * (wall - computing) / asked.pictures:.1f} ms a picture")
    for part, value in spent.items():
        print(f"  {part}: {1000 * value / asked.pictures:.1f} ms a picture")
    quarter = max(1, len(samples) // 4)
    for number in range(4):
        part = [mb for _, mb in samples[number * quarter : (number + 1) * quarter]]
        if part:
            middle = float(np.median(part))
            print(
                f"memory in quarter {number + 1}: median {middle:.0f} MB, most {max(part):.0f} MB"
            )


if __name__ == "__main__":
    main()
