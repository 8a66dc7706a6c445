"""How long and how much memory the method ``threshold`` takes on a picture too large for memory.

    python benchmarks/large.py [--side 20000] [--whole] [--folder FOLDER]

The picture is a simulated field of nuclei, dense in one half and sparse in the other, repeated
until the side is full. With ``--whole`` it is also segmented at once, and the labels must be
equal. Memory is what the process holds by itself (``RssAnon`` of ``/proc/self/status``, looked at
a hundred times a second); pages of files do not count, because the system takes them back. Times
are those of one thread: on the clock, and of the processor, which other work disturbs less.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from cellwright.core.image import Array, Image
from cellwright.segment.threshold import METHOD, ThresholdOptions
from cellwright.simulate.nuclei import simulate_nuclei

FIELD = 2000
STATUS = Path("/proc/self/status")


class MappedSource:
    """A plane in a file, read piece by piece."""

    def __init__(self, pixels: Array) -> None:
        self._pixels = pixels
        self.shape = pixels.shape
        self.dtype = pixels.dtype

    def read(self, top: int, left: int, bottom: int, right: int) -> Array:
        """Read a window."""
        return np.array(self._pixels[top:bottom, left:right])


class MappedSink:
    """Labels in a file."""

    def __init__(self, labels: Array) -> None:
        self.labels = labels
        self.count = 0

    def write(self, top: int, left: int, labels: Array) -> None:
        """Keep a block."""
        self.labels[top : top + labels.shape[0], left : left + labels.shape[1]] = labels
        self.count = max(self.count, int(labels.max()))

    def describe(self, table: pd.DataFrame) -> None:
        """Have no use for what a method knows of its objects."""


class Stages:
    """Seconds on the clock that each stage took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = time.perf_counter()

    def __call__(self, stage: str, *_: int) -> None:
        """Add the time since the last call."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._last
        self._last = now


def anonymous() -> int:
    """Bytes that the process holds, files aside; 0 where the system does not tell."""
    if not STATUS.exists():
        return 0
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


@contextmanager
def watched(what: str, megapixels: float) -> Iterator[None]:
    peak, done = [anonymous()], threading.Event()
    before = peak[0]

    def look() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], anonymous())

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    clock, processor = time.perf_counter(), time.process_time()
    yield
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    done.set()
    watcher.join()
    print(
        f"{what:<12}{megapixels:>9.1f}{clock:>9.1f}{processor:>9.1f}{processor / megapixels:>9.3f}"
        f"{before / 1e6:>10.0f}{peak[0] / 1e6:>10.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--folder", default=None)
    given = parser.parse_args()
    side = given.side
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        pixels = np.lib.format.open_memmap(folder / "in.npy", "w+", np.uint8, (side, side))
        labels = np.lib.format.open_memmap(folder / "out.npy", "w+", np.uint32, (side, side))
        field = (FIELD // 2, FIELD)
        dense, _ = simulate_nuclei(field, n=1100, clumping=0.4, illumination=0.2, seed=5)
        sparse, _ = simulate_nuclei(field, n=350, clumping=0.4, seed=6)
        tile = np.concatenate([dense, sparse])
        for top in range(0, side, FIELD):
            for left in range(0, side, FIELD):
                rows, columns = min(FIELD, side - top), min(FIELD, side - left)
                pixels[top : top + rows, left : left + columns] = tile[:rows, :columns]
        scratch = folder / "scratch"
        scratch.mkdir()
        sink, stages = MappedSink(labels), Stages()
        print(
            f"{'':<12}{'MP':>9}{'clock s':>9}{'cpu s':>9}{'cpu s/MP':>9}{'MB before':>10}"
            f"{'MB most':>10}"
        )
        with watched("in blocks", pixels.size / 1e6):
            decisions = METHOD.segment_large(
                MappedSource(pixels), ThresholdOptions(), sink, scratch, stages
            )
        left = sum(path.stat().st_size for path in scratch.iterdir())
        if given.whole:
            with watched("at once", pixels.size / 1e6):
                whole = METHOD.segment(Image(np.array(pixels), "YX"), ThresholdOptions())
            equal = np.array_equal(whole.main_labels.pixels(), labels)
            print(f"equal labels: {equal}; equal decisions: {whole.decisions == decisions}")
        print(f"{sink.count:,} objects; {left / pixels.size:.0f} bytes a pixel left in scratch")
        print(", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in stages.seconds.items()))
        print(decisions)


if __name__ == "__main__":
    main()
