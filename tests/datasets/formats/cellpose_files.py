"""Files of Cellpose as NumPy 1 and 2 wrote them, made byte by byte."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.datasets.annotation import Drawn, Source
from cellwright.datasets.formats.cellpose import FORMAT

MASKS = np.array([[0, 1, 1], [70_000, 0, 2]], np.int32)
HEADER = "{'descr': '|O', 'fortran_order': False, 'shape': (), }"


def npy(pickled: bytes, header: str = HEADER) -> bytes:
    """A NumPy file of objects around any pickle."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + pickled


def seg(
    held: dict[str, Any] | None = None, protocol: int = 4, *, old: bool = False, **more: Any
) -> bytes:
    """A `_seg.npy` file; `old` if NumPy 1 wrote it, whose modules had other names."""
    array = np.empty((), object)
    array[()] = {"outlines": np.zeros((2, 3), np.uint8), **(held or {"masks": MASKS}), **more}
    return npy(renamed(pickle.dumps(array, protocol)) if old else pickle.dumps(array, protocol))


def renamed(pickled: bytes) -> bytes:
    """The same pickle with NumPy 1's names, each of which is one letter shorter."""
    for module in (b"multiarray", b"numeric"):
        new, name = b"numpy._core." + module, b"numpy.core." + module
        pickled = pickled.replace(b"c" + new + b"\n", b"c" + name + b"\n")
        pickled = pickled.replace(
            b"\x8c" + bytes([len(new)]) + new, b"\x8c" + bytes([len(name)]) + name
        )
    if pickled[2:3] == b"\x95":
        pickled = pickled[:3] + struct.pack("<Q", len(pickled) - 11) + pickled[11:]
    assert b"_core" not in pickled
    return pickled


def read(tmp_path: Path, data: bytes) -> Drawn:
    (tmp_path / "a_seg.npy").write_bytes(data)
    [entry] = FORMAT.entries(Source(tmp_path))
    return entry.read(None)
