"""OME-Zarr that is damaged, lies, or is hostile."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.io.zarr_stores import (
    RAMP,
    array_metadata,
    change_multiscale,
    group,
    plate,
)

from cellwright.core.errors import InputError, UnreadableError
from cellwright.engine.keys import plain_files
from cellwright.io.inputs import find_inputs
from cellwright.io.open import open_images, read

numcodecs: Any = pytest.importorskip("numcodecs")


def _with(axes: list[str]) -> list[dict[str, str]]:
    return [{"name": axis} for axis in axes]


LIES: list[tuple[dict[str, Any], str]] = [
    ({"datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": s}]}]}, w)
    for s, w in [([0, 1], "no length"), ([-1, 1], "no length"), ([1], "1 scales for 2 axes"),
                 ([1, 1, 1], "3 scales"), (["a", 1], "no length"), ([True, 1], "no length"),
                 ([1e400, 1], "no length"), ("big", "transformation"),
                 ([1e-300, 1], "")]
] + [
    ({"axes": _with(["x", "y"])}, "xy"),
    ({"axes": _with(["y"])}, "axes"),
    ({"axes": _with(["z", "y", "x"])}, "3 axes"),
    ({"axes": _with(["y", "y"])}, "yy"),
    ({"axes": _with(["p", "x"])}, "'p'"),
    ({"axes": [{"name": "y", "type": "time"}, {"name": "x"}]}, "time"),
    ({"axes": 7}, "axes"),
    ({"axes": None}, "axes"),
    ({"datasets": []}, "no level"),
    ({"datasets": 5}, "levels"),
    ({"datasets": [{"path": "../0"}]}, "leads out"),
    ({"datasets": [{"path": "/etc"}]}, "leads out"),
    ({"datasets": [{"path": "a//b"}]}, "leads out"),
    ({"datasets": [{"path": ""}]}, "path"),
    ({"datasets": [{"path": None}]}, "path"),
    ({"datasets": [{"path": "7"}]}, "no array '7'"),
    ({"coordinateTransformations": [{"type": "scale", "scale": [1e308, 1]}, {"type": "scale",
      "scale": [1e308, 1]}]}, "no length"),
    ({"coordinateTransformations": [{"type": "affine"}]}, "affine"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "what"), [lie for lie in LIES if lie[1]])
def test_metadata_that_lie_are_refused(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    path = group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx")
    change_multiscale(path, **change)
    with pytest.raises(InputError, match=what):
        open_images(path)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"shape": [30]}, "1 dimensions"),
        ({"shape": [2**50, 41]}, "impossible"),
        ({"shape": [2**30, 2**30]}, "claims"),
        ({"shape": [0, 41]}, "impossible"),
        ({"shape": [-3, 41]}, "impossible"),
        ({"shape": "big"}, "shape"),
        ({"shape": [1.5, 3]}, "shape"),
        ({"chunks": [2**20, 2**20]}, "chunks of"),
        ({"chunks": [16]}, "1 dimensions"),
        ({"chunks": [0, 16]}, "impossible"),
        ({"dtype": "|O"}, "type"),
        ({"dtype": "<U8"}, "type"),
        ({"dtype": "<c8"}, "type"),
        ({"dtype": [["a", "<u2"]]}, "type"),
        ({"dtype": "u3"}, "type"),
        ({"compressor": {"id": "pickle"}}, "compression"),
        ({"compressor": "zlib"}, "compression"),
        ({"filters": [{"id": "vlen-utf8"}]}, "filters"),
        ({"filters": [{"id": "pickle"}]}, "filters"),
        ({"order": "Q"}, "order"),
        ({"zarr_format": 3}, "version"),
    ],
)
def test_arrays_that_cannot_be_are_refused(
    tmp_path: Path, changes: dict[str, Any], what: str
) -> None:
    path = group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx")
    array_metadata(path, **changes)
    with pytest.raises(InputError, match=what):
        open_images(path)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"data_type": "string"}, "type"),
        ({"data_type": "complex64"}, "type"),
        ({"codecs": [{"name": "vlen-utf8"}]}, "vlen-utf8"),
        ({"codecs": []}, "how its chunks"),
        ({"codecs": 5}, "how its chunks"),
        ({"chunk_grid": {"name": "rectilinear"}}, "rectilinear"),
        ({"chunk_grid": 5}, "grid"),
        ({"node_type": "group"}, "group"),
        ({"storage_transformers": [{"name": "x"}]}, "transformers"),
    ],
)
def test_arrays_of_zarr_3_that_cannot_be_are_refused(
    tmp_path: Path, changes: dict[str, Any], what: str
) -> None:
    path = group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx", version="0.5")
    file = path / "0" / "zarr.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(InputError, match=what):
        open_images(path)


def test_a_chunk_that_becomes_more_than_its_array_says_is_refused(tmp_path: Path) -> None:
    for number, codec in enumerate(
        [
            numcodecs.Zlib(),
            numcodecs.GZip(),
            numcodecs.BZ2(),
            numcodecs.LZMA(),
            numcodecs.Zstd(),
            numcodecs.LZ4(),
            numcodecs.Blosc(),
        ]
    ):
        path = group(tmp_path / f"{number}.zarr", RAMP[0, 0, 0], "yx", compressors=codec)
        (path / "0" / "0.0").write_bytes(codec.encode(np.zeros(10**7, np.uint8)))
        with pytest.raises(UnreadableError, match="damaged"):
            read(path).data[0, 0]
        (path / "0" / "0.0").write_bytes(codec.encode(np.zeros(7, np.uint8)))
        with pytest.raises(UnreadableError, match="damaged"):
            read(path).data[0, 0]


def test_chunks_that_are_not_there(tmp_path: Path) -> None:
    path = group(tmp_path / "x.zarr", RAMP[0, 0, 0] + 1, "yx", fill_value=7)
    (path / "0" / "1.1").unlink()
    image = read(path)
    assert "1 of the 6 chunks" in image.notes[0]
    pixels = image.pixels()
    assert (pixels[16:, 16:32] == 7).all()
    np.testing.assert_array_equal(pixels[:16], RAMP[0, 0, 0, :16] + 1)
    for chunk in (path / "0").glob("[0-9]*"):
        chunk.unlink()
    with pytest.raises(UnreadableError, match="none of its chunks is there"):
        open_images(path)


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    path = group(tmp_path / "in/x.zarr", RAMP[0, 0, 0], "yx")
    secret = tmp_path / "secret"
    (path / "0" / "0.0").rename(secret)
    (path / "0" / "0.0").symlink_to(secret)
    assert secret not in plain_files(path)
    assert path / "0" / "0.0" not in plain_files(path)
    image = read(path)
    with pytest.raises(UnreadableError, match="leads out"):
        image.pixels()
    shutil.move(path / "0", tmp_path / "elsewhere")
    (path / "0").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnreadableError, match="leads out"):
        open_images(path)


def test_a_pipe_in_the_folder_is_never_waited_for(tmp_path: Path) -> None:
    path = group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx")
    (path / "0" / "0.0").unlink()
    os.mkfifo(path / "0" / "0.0")
    assert read(path).pixels().shape == (30, 41)
    (path / ".zattrs").unlink()
    os.mkfifo(path / ".zattrs")
    with pytest.raises(UnreadableError):
        open_images(path)


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"multiscales": 5}', '{"plate": 5}',
                                  '{"plate": {"wells": [5]}}', '{"plate": {"wells": []}}',
                                  '{"multiscales": []}', '{"multiscales": [[]]}',
                                  "[" * 100_000, '{"well": 5}', "\xff"])  # fmt: skip
def test_damaged_metadata_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr/.zattrs").write_bytes(text.encode("latin-1"))
    (tmp_path / "x.zarr/.zgroup").write_text('{"zarr_format": 2}')
    assert len(find_inputs([tmp_path]).found) == 1
    with pytest.raises(UnreadableError):
        open_images(tmp_path / "x.zarr")


_RUBBISH: list[Any] = [
    None, True, -1, 0, 1.5, 2**63, 1e308, "", "x", "../..", "0", [], [1], [[1]], {}, {"name": "y"},
    {"id": "zlib"}, "NaN", [None, "y"], {"configuration": 5}, "\ud800", ["0"] * 9,
]  # fmt: skip


def _mutated(found: Any, rng: np.random.Generator) -> Any:
    """Change, drop or repeat something, somewhere in a document."""
    if isinstance(found, dict) and found and rng.random() < 0.85:
        key = sorted(found)[int(rng.integers(len(found)))]
        if rng.random() < 0.1:
            return {k: v for k, v in found.items() if k != key}
        return {**found, key: _mutated(found[key], rng)}
    if isinstance(found, list) and found and rng.random() < 0.85:
        place = int(rng.integers(len(found)))
        if rng.random() < 0.1:
            return found[:place] + found[place + 1 :]
        return [*found[:place], _mutated(found[place], rng), *found[place + 1 :]]
    return _RUBBISH[int(rng.integers(len(_RUBBISH)))]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_damaged_stores_fail_and_never_otherwise(tmp_path: Path, version: str) -> None:
    path = plate(tmp_path / "p.zarr", wells=1, version=version)
    sharded: dict[str, Any] = {"shards": (32, 48), "chunks": (16, 16)}
    if version == "0.4":
        sharded = {}
    group(path / "B/03/0", RAMP[0, 0, 0], "yx", version=version, overwrite=True, **sharded)
    field = path / "B/03/0"
    names = [".zattrs", "0/.zarray"] if version == "0.4" else ["zarr.json", "0/zarr.json"]
    documents = [field / name for name in names]
    documents += [path / "B/03" / names[0], path / names[0]]
    chunks = [file for file in plain_files(field) if file not in documents]
    rng = np.random.default_rng(7)
    outcomes = set()
    for _ in range(120):
        document = documents[int(rng.integers(len(documents)))]
        if rng.random() < 0.2:
            document = chunks[int(rng.integers(len(chunks)))]
        whole = document.read_bytes()
        if document in chunks:
            raw = bytearray(whole)
            for place in rng.integers(0, len(raw), 6):
                raw[place] = int(rng.integers(256))
            document.write_bytes(raw[: int(rng.integers(1, len(raw) + 1))])
        else:
            changed = _mutated(json.loads(whole), rng)
            document.write_text(json.dumps(changed))
        for place in (field, path):
            try:
                for image in open_images(place):
                    if np.prod(image.shape) < 10**7:
                        image.pixels()
                outcomes.add("read")
            except InputError:
                outcomes.add("refused")
        document.write_bytes(whole)
    assert outcomes == {"read", "refused"}
