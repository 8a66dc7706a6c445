"""A folder as a user has it: pictures, their truth, and samples.csv; all simulated."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cellwright.simulate.experiment import SimulateOptions, encode_picture, simulated_pictures

PIXEL_SIZE_UM = 0.5


def make_desk(folder: Path) -> Path:
    """Write ``my_images/``, ``truth/`` and ``samples.csv`` into a folder; gives the folder."""
    rows = ["image,condition,replicate"]
    options = SimulateOptions(size=160, replicates=2, pictures=1, clumping=0, seed=2)
    for name in ("my_images", "truth"):
        (folder / name).mkdir(parents=True)
    for one in simulated_pictures(options):
        file = f"{one.name}.tif"
        (folder / "my_images" / file).write_bytes(encode_picture(one.picture, PIXEL_SIZE_UM))
        (folder / "truth" / file).write_bytes(encode_picture(one.labels.astype(np.uint16)))
        rows.append(f"{file},{one.condition},{one.replicate}")
    (folder / "samples.csv").write_text("\n".join(rows) + "\n")
    return folder


def in_folder(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does: in a folder, with the programs of this environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with pictures of four replicates, not analysed yet."""
    return make_desk(tmp_path_factory.mktemp("desk"))
