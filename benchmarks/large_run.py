"""How long and how much memory ``cellwright analyze`` takes on a picture too large for memory.

    python -m benchmarks.large_run [--side 20000] [--format tiff|zarr] [--method network]
        [--folder FOLDER]

The whole way from a tiled TIFF (or an OME-Zarr) to the report, as a person types it, with two
channels measured. Memory is what all processes together hold by themselves (``RssAnon``), and the
most of any single one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.peers.memory import AnonymousMemory

from cellwright.core.image import Array
from cellwright.simulate.nuclei import simulate_nuclei

FIELD = 2000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--format", choices=["tiff", "zarr"], default="tiff")
    parser.add_argument("--method", default="network")
    parser.add_argument("--folder", default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        picture = make(Path(folder), arguments.side, arguments.format)
        size = sum(f.stat().st_size for f in [picture, *picture.rglob("*")] if f.is_file())
        print(f"{picture.name}: 2 channels of {arguments.side:,}², {size / 1e6:.0f} MB")
        command = [
            sys.executable, "-m", "cellwright", "analyze", str(picture), "--channel", "DAPI",
            "--method", arguments.method, "--out", str(Path(folder, "run")), "--workers", "1",
            "--memory", "2GB", "--json",
        ]  # fmt: skip
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with AnonymousMemory(process.pid) as memory:
            out, _ = process.communicate()
        summary = json.loads(out)
        print(f"exit code {process.returncode}, {summary['cells']:,} cells")
        print(f"{time.perf_counter() - started:.0f} s on the clock")
        print(f"most anonymous memory: {memory.together / 1e6:.0f} MB together, ", end="")
        print(f"{memory.one / 1e6:.0f} MB in one process")


def make(folder: Path, side: int, kind: str) -> Path:
    """Write a picture of two channels, tile by tile."""
    import tifffile

    one, _ = simulate_nuclei((FIELD, FIELD), n=700, clumping=0.4, seed=5)
    field = np.asarray(one, np.uint16)
    other = field[::-1] // 2

    def part(channel: int, top: int, left: int, rows: int, columns: int) -> Array:
        source = field if channel == 0 else other
        y = np.arange(top, top + rows) % FIELD
        x = np.arange(left, left + columns) % FIELD
        return source[np.ix_(y, x)]

    if kind == "zarr":
        from cellwright.core.image import Image, Spacing
        from cellwright.io.ome_zarr_write import write_image_zarr

        class Repeated:
            shape, dtype = (2, side, side), field.dtype

            def __getitem__(self, index: tuple[int | slice, ...]) -> Array:
                channels = np.atleast_1d(np.arange(2)[index[0]])
                rows, columns = (np.arange(side)[i] for i in index[1:])
                planes = [
                    (field, other)[c][np.ix_(rows % FIELD, columns % FIELD)] for c in channels
                ]
                return planes[0] if isinstance(index[0], int) else np.stack(planes)

        picture = folder / "scan.ome.zarr"
        names = ("DAPI", "GFP")
        write_image_zarr(picture, Image(Repeated(), "CYX", Spacing(y=0.5, x=0.5), channels=names))
        return picture
    picture, tile = folder / "scan.ome.tif", 512

    def tiles() -> Iterator[Array]:
        for channel in range(2):
            for top in range(0, side, tile):
                for left in range(0, side, tile):
                    piece = part(channel, top, left, min(tile, side - top), min(tile, side - left))
                    yield np.pad(piece, [(0, tile - n) for n in piece.shape])

    tifffile.imwrite(
        picture, tiles(), shape=(2, side, side), dtype=field.dtype, tile=(tile, tile), bigtiff=True,
        ome=True, photometric="minisblack",
        metadata={"axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5,
                  "Channel": {"Name": ["DAPI", "GFP"]}},
    )  # fmt: skip
    return picture


if __name__ == "__main__":
    main()
