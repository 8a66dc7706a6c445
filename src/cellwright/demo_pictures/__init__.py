"""Pictures for the demo: real ones that come with the package, and simulated ones.

``NOTICE.txt`` in this folder says where the real ones are from, with their licences.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from cellwright.simulate.experiment import (
    SAMPLES,
    SimulateOptions,
    encode_picture,
    simulated_pictures,
)
from cellwright.simulate.nuclei import simulate_nuclei

__all__ = ["DEMO", "write_demo_pictures"]

DEMO = SimulateOptions(
    conditions=("control", "drug=1.10:0.75"), replicates=3, pictures=2, seed=7, clumping=0.1
)
"""The experiment of the demo: a drug makes nuclei 10 % larger in area, and a quarter fewer."""

_REAL = ("nuclei.tif", "confocal_nuclei.ome.tif")
_BLUR = 8.0
"""Of the picture that is out of focus (px): a third of the diameter of a nucleus."""
_CUT = 0.6
"""Share of the bytes that are left of the file that is cut off."""


def write_demo_pictures(folder: Path, *, spoilt: bool = True) -> Path:
    """Write the pictures of the demo, and the ``samples.csv`` that says which is what.

    ``experiment/`` holds 12 simulated pictures of two conditions in three replicates, ``real/``
    two real ones, ``spoilt/`` one that is out of focus and one that cannot be read, to show
    what the program makes of these.

    Parameters
    ----------
    folder
        To write to; it is made if need be.
    spoilt
        Whether to write the spoilt ones, of which one fails by intent.

    Returns
    -------
    Path
        Of ``samples.csv``; the pictures in it are named relative to `folder`.
    """
    rows = ["image,condition,replicate,pixel_size_um"]
    for one in simulated_pictures(DEMO):
        content = encode_picture(one.picture, DEMO.pixel_size_um)
        name = _write(folder, f"experiment/{one.name}.tif", content)
        rows.append(f"{name},{one.condition},{one.replicate},{DEMO.pixel_size_um:g}")
    for number, file in enumerate(_REAL, start=1):
        name = _write(folder, f"real/{file}", (files(__name__) / file).read_bytes())
        rows.append(f"{name},real,{number},")
    if spoilt:
        picture, _ = simulate_nuclei((DEMO.size, DEMO.size), seed=DEMO.seed, blur=_BLUR)
        content = encode_picture(picture, DEMO.pixel_size_um)
        cut = content[: int(_CUT * len(content))]
        for number, (file, data) in enumerate(
            (("out_of_focus.tif", content), ("cut_off.tif", cut)), start=1
        ):
            name = _write(folder, f"spoilt/{file}", data)
            rows.append(f"{name},spoilt,{number},")
    path = folder / SAMPLES
    path.write_text("\n".join(rows) + "\n", encoding="utf-8", newline="")
    return path


def _write(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name
