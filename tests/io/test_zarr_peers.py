"""What we write, as other programs read it: ngio and ngff-zarr, in an interpreter of their own.

Name one that has both (``pip install ngio==1.1.3 ngff-zarr==0.50.0``) in the environment
variable CELLWRIGHT_PEER_PYTHON; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellwright.core.image import Image, Spacing
from cellwright.io.ome_zarr_write import Version, write_image_zarr, write_labels_zarr

PEERS = """
import json, sys, warnings
warnings.simplefilter("ignore")
import ngff_zarr, ngio, numpy as np
path, kind = sys.argv[1:]
opened = (ngio.open_label if kind == "labels" else ngio.open_image)(path, mode="r")
size = opened.pixel_size
finest = ngff_zarr.from_ngff_zarr(path).images[0]
print(json.dumps({
    "ngio": [[size.t, size.y, size.x], [size.time_unit, size.space_unit],
             int(opened.get_as_numpy().astype("u8").sum()), list(opened.shape)],
    "ngff-zarr": [[finest.scale[a] for a in "tyx"], [finest.axes_units[a] for a in "tx"],
                  int(np.asarray(finest.data).astype("u8").sum()), list(finest.data.shape)],
    "channels": list(getattr(opened, "channel_labels", None) or []),
}))
"""


def _peers(path: Path, kind: str) -> dict[str, Any]:
    python = os.environ.get("CELLWRIGHT_PEER_PYTHON", "")
    if not python:
        pytest.skip("CELLWRIGHT_PEER_PYTHON names no interpreter that has ngio and ngff-zarr")
    done = subprocess.run(
        [python, "-c", PEERS, str(path), kind], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels(tmp_path: Path, version: Version) -> None:
    labels = np.arange(2 * 1500 * 1300, dtype=np.uint32).reshape(2, 1500, 1300) % 70_001
    path = tmp_path / "cells.zarr"
    write_labels_zarr(path, labels, "TYX", Spacing(y=0.65, x=0.325), 60.0, version=version)
    found = _peers(path, "labels")
    for peer in ("ngio", "ngff-zarr"):
        steps, units, total, shape = found[peer]
        assert steps == [60.0, 0.65, 0.325]
        assert units == ["second", "micrometer"]
        assert total == int(labels.sum(dtype=np.uint64))
        assert shape == [2, 1500, 1300]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_pictures(tmp_path: Path, version: Version) -> None:
    pixels = np.random.default_rng(0).integers(0, 60_000, (2, 3, 80, 1100), dtype=np.uint16)
    image = Image(
        pixels, "TCYX", Spacing(y=0.65, x=0.325), interval=60.0, channels=("DAPI", "GFP", "Cy5")
    )
    write_image_zarr(tmp_path / "p.zarr", image, version)
    found = _peers(tmp_path / "p.zarr", "image")
    assert found["channels"] == ["DAPI", "GFP", "Cy5"]
    for peer in ("ngio", "ngff-zarr"):
        steps, units, total, shape = found[peer]
        assert steps == [60.0, 0.65, 0.325]
        assert units == ["second", "micrometer"]
        assert total == int(pixels.sum(dtype=np.uint64))
        assert shape == [2, 3, 80, 1100]
