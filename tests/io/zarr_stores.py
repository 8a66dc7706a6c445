"""OME-Zarr stores for tests, written by the library alone, their metadata by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from cellwright.core.image import Array

RAMP = np.arange(2 * 3 * 4 * 30 * 41, dtype=np.uint16).reshape(2, 3, 4, 30, 41)


def group(
    folder: Path,
    pixels: Array,
    axes: str,
    *,
    version: str = "0.4",
    scale: list[float] | None = None,
    units: dict[str, str] | None = None,
    more: dict[str, Any] | None = None,
    **options: Any,
) -> Path:
    """Write an image group with the library alone, and metadata by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    options.setdefault("chunks", tuple(min(n, 16) for n in pixels.shape))
    array = zarr.create_array(
        store=str(folder / "0"), shape=pixels.shape, dtype=pixels.dtype,
        zarr_format=3 if version == "0.5" else 2, **options,
    )  # fmt: skip
    array[...] = pixels
    described = []
    for axis in axes:
        kind = {"t": "time", "c": "channel"}.get(axis, "space")
        unit = {"unit": units[axis]} if units and axis in units else {}
        described.append({"name": axis, "type": kind, **unit})
    transformation = {"type": "scale", "scale": scale or [1.0] * len(axes)}
    multiscale = {
        "axes": described,
        "datasets": [{"path": "0", "coordinateTransformations": [transformation]}],
        **(more or {}),
    }
    write_attributes(folder, {"multiscales": [multiscale]}, version)
    return folder


def write_attributes(folder: Path, found: dict[str, Any], version: str = "0.4") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if version == "0.5":
        whole = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": found}}
        (folder / "zarr.json").write_text(json.dumps(whole))
    else:
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps(found))


def change_multiscale(folder: Path, **changes: Any) -> None:
    """Change the first multiscale of a 0.4 group."""
    found = json.loads((folder / ".zattrs").read_text())
    found["multiscales"][0].update(changes)
    (folder / ".zattrs").write_text(json.dumps(found))


def array_metadata(path: Path, **changes: Any) -> None:
    file = path / "0" / ".zarray"
    found = json.loads(file.read_text())
    found.update(changes)
    file.write_text(json.dumps(found))


def plate(folder: Path, *, wells: int = 2, version: str = "0.4") -> Path:
    """A plate with wells B/03, B/04, … and two fields in each, of other pixels each."""
    columns = [f"{number:02d}" for number in range(3, 3 + wells)]
    plate = {
        "name": "screen 1",
        "rows": [{"name": "B"}],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {"path": f"B/{column}", "rowIndex": 0, "columnIndex": number}
            for number, column in enumerate(columns)
        ],
    }
    write_attributes(folder, {"plate": plate}, version)
    write_attributes(folder / "B", {}, version)
    for number, column in enumerate(columns):
        fields = [{"path": "0"}, {"path": "1"}]
        write_attributes(folder / "B" / column, {"well": {"images": fields}}, version)
        for field in range(2):
            pixels = RAMP[0, 0] + np.uint16(100 * number + field)
            group(folder / "B" / column / str(field), pixels, "zyx", version=version,
                   scale=[2, 0.5, 0.5], units=dict.fromkeys("zyx", "micrometer"))  # fmt: skip
    return folder
