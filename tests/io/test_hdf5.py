"""HDF5: files that h5py wrote, as ilastik, Imaris and people lay them out, and hostile ones.

No real file of Imaris was at hand: the tree is written by hand after its description.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.io.microscope_files import Array, read_all, refused, survives

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.io.hdf5 import READER

h5py = pytest.importorskip("h5py")

STACK = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)


def write(path: Path, data: Array, name: str = "data", **attributes: Any) -> None:
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(name, data=data)
        for key, value in attributes.items():
            dataset.attrs[key] = value


def tags(axes: str) -> str:
    return json.dumps({"axes": [{"key": axis, "typeFlags": 0} for axis in axes]})


@pytest.mark.parametrize("axes", ["tczyx", "tzyxc", "xyzct", "yxctz"])
def test_axes_that_ilastik_names(tmp_path: Path, axes: str) -> None:
    path = tmp_path / "exported.h5"
    order = ["tczyx".index(axis) for axis in axes]
    write(path, STACK.transpose(order), "exported_data", axistags=tags(axes))
    [image] = read_all(READER, path)
    assert (image.axes, image.notes) == ("TCZYX", ())
    np.testing.assert_array_equal(image.pixels(), STACK)
    np.testing.assert_array_equal(image.data[1, 2, 0, 1:3, ::-2], STACK[1, 2, 0, 1:3, ::-2])


def test_labels_of_dimensions_are_names_too(tmp_path: Path) -> None:
    path = tmp_path / "labelled.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("a", data=STACK[0])
        for dimension, name in zip(dataset.dims, "czyx", strict=True):
            dimension.label = name
    [image] = read_all(READER, path)
    assert (image.axes, image.notes) == ("CZYX", ())


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((5, 6), "YX"), ((7, 5, 6), "ZYX"), ((5, 6, 3), "CYX"), ((7, 8, 5, 6), "TZYX"),
        ((7, 5, 6, 2), "CZYX"), ((2, 4, 5, 6, 3), "TCZYX"), ((2, 3, 7, 5, 6), "TCZYX"),
    ],
)  # fmt: skip
def test_axes_that_nobody_names(tmp_path: Path, shape: tuple[int, ...], axes: str) -> None:
    path = tmp_path / "plain.h5"
    data = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    write(path, data)
    [image] = read_all(READER, path)
    assert image.axes == axes
    assert bool(image.notes) == (len(shape) > 2)
    if shape == (5, 6, 3):
        np.testing.assert_array_equal(image.pixels(), data.transpose(2, 0, 1))
        assert "channels" in image.notes[0]


def test_several_datasets_are_scenes_by_their_paths(tmp_path: Path) -> None:
    path = tmp_path / "several.h5"
    with h5py.File(path, "w") as file:
        file["raw"] = STACK[0, 0]
        file["group/label"] = STACK[0, 0].astype(np.uint8)
        file["table"] = np.zeros(5)
        file["text"] = "words"
        file["again"] = h5py.SoftLink("/raw")
        file["circle"] = file["group"]
        file["group/up"] = file["/"]
        file["raw"].attrs["element_size_um"] = (0.5, 0.25, 0.125)
    images = read_all(READER, path)
    assert [image.source.scene for image in images] == ["raw", "circle/label"]
    raw = images[0]
    assert (raw.spacing.z, raw.spacing.y, raw.spacing.x) == (0.5, 0.25, 0.125)
    assert raw.notes == ()


def test_nothing_outside_the_file_is_read(tmp_path: Path) -> None:
    secret, path = tmp_path / "secret.h5", tmp_path / "a.h5"
    write(secret, STACK[0, 0])
    with h5py.File(path, "w") as file:
        file["link"] = h5py.ExternalLink("secret.h5", "/data")
        layout = h5py.VirtualLayout(shape=(4, 5, 6), dtype="u2")
        layout[:] = h5py.VirtualSource(str(secret), "data", shape=(4, 5, 6))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("raw", (4, 4), "u1", external=[(str(secret), 0, 16)])
    assert "no dataset" in refused(READER, path, UnsupportedError)


def write_imaris(path: Path, *, external: str = "", width: str = "6") -> None:
    """Two time points of two channels, 4 × 5 × 6, in blocks padded to 4 × 8 × 8."""

    def letters(text: str) -> Array:
        return np.array([c.encode() for c in text], "S1")

    with h5py.File(path, "w") as file:
        file.attrs["ImarisDataSet"] = letters("ImarisDataSet")
        image = file.create_group("DataSetInfo/Image").attrs
        for key, value in {
            "X": width, "Y": "5", "Z": "4", "Unit": "um", "ExtMin0": "10", "ExtMax0": "13",
            "ExtMin1": "-1", "ExtMax1": "4", "ExtMin2": "0", "ExtMax2": "8",
        }.items():  # fmt: skip
            image[key] = letters(value)
        for channel, name in enumerate(("DAPI", "GFP")):
            file.create_group(f"DataSetInfo/Channel {channel}").attrs["Name"] = letters(name)
        times = file.create_group("DataSetInfo/TimeInfo").attrs
        times["TimePoint1"] = letters("2026-01-31 23:59:50.000")
        times["TimePoint2"] = letters("2026-02-01 00:00:05.500")
        for t in range(2):
            for c in range(2):
                for level in range(2):
                    name = f"DataSet/ResolutionLevel {level}/TimePoint {t}/Channel {c}"
                    group = file.create_group(name)
                    for axis, size in (("X", width), ("Y", "5"), ("Z", "4")):
                        group.attrs[f"ImageSize{axis}"] = letters(size)
                    padded = np.full((4, 8, 8), 999, np.uint16)
                    padded[:, :5, :6] = STACK[t, c]
                    if external and (t, c) == (1, 1):
                        group["Data"] = h5py.ExternalLink(external, "/data")
                    else:
                        group.create_dataset("Data", data=padded, chunks=(2, 4, 4), compression=2)


def test_imaris(tmp_path: Path) -> None:
    path = tmp_path / "a.ims"
    write_imaris(path)
    [image] = read_all(READER, path)
    assert (image.axes, image.channels, image.interval) == ("TCZYX", ("DAPI", "GFP"), 15.5)
    np.testing.assert_array_equal(image.pixels(), STACK[:, :2])  # without the padding
    assert (image.spacing.z, image.spacing.y, image.spacing.x) == (2.0, 1.0, 0.5)
    write_imaris(path, width="9")
    assert "claims" in refused(READER, path, UnreadableError)
    write(tmp_path / "other.h5", STACK[0, 0])
    write_imaris(path, external="other.h5")
    assert "another file" in refused(READER, path, UnreadableError)


def test_claims_beyond_what_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "claims.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (100_000, 100_000), "u2", chunks=(100, 100))
    assert "and 0 are stored" in refused(READER, path, UnreadableError)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(
            "a", (10**6, 10**6), "u1", chunks=(1000, 1000), compression="gzip"
        )
        dataset[:1000, :1000] = 1
    assert "are stored" in refused(READER, path, UnreadableError)
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (0, 5), "u1")
    assert "is empty" in refused(READER, path, UnsupportedError)
    with h5py.File(path, "w") as file:
        for number in range(1001):
            file.create_dataset(f"a{number}", data=np.zeros((2, 2)))
    assert "over 1000 datasets" in refused(READER, path, UnsupportedError)


def test_axes_that_cannot_be_carried(tmp_path: Path) -> None:
    path = tmp_path / "odd.h5"
    write(path, STACK[0, 0], axistags=tags("qyx"))
    assert "q is not read" in refused(READER, path, UnsupportedError)
    write(path, STACK[0, 0], axistags=tags("tzc"))
    assert "rows and columns are not named" in refused(READER, path, UnsupportedError)
    write(path, STACK[0, 0], axistags=tags("yyx"))
    assert "twice" in refused(READER, path, UnsupportedError)
    write(path, STACK[0, 0], axistags="{broken")
    refused(READER, path, UnreadableError)
    write(path, STACK[0, 0], axistags="[" * 100_000)
    refused(READER, path, UnreadableError)


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.h5"
    write(path, STACK[0, 0])
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert READER.recognise(path.read_bytes()[:4096], path)
    assert 'pip install "cellwright[formats]"' in refused(READER, path, UnsupportedError)


def test_a_user_block_may_come_first(tmp_path: Path) -> None:
    path = tmp_path / "block.h5"
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["a"] = STACK[0, 0, 0]
    assert read_all(READER, path)[0].axes == "YX"


def test_damage_and_travel(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=STACK[0, 0], chunks=(1, 5, 6), compression="gzip")
    whole = path.read_bytes()
    [image] = READER.open(path)
    sent = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(sent.data[2, 1:3], STACK[0, 0, 2, 1:3])
    assert survives(READER, path, whole) > 40
    path.unlink()
    with pytest.raises(UnreadableError):
        sent.pixels()
