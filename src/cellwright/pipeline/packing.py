"""Tables of a finished step as files that are quick to read by the thousand."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from cellwright.core.errors import UnreadableError
from cellwright.core.image import Array

__all__ = ["packed", "unpacked"]

_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
"""What NumPy and its parts raise on files that are damaged, or other than they should be."""


def packed(table: pd.DataFrame) -> bytes:
    """Pack a table as one block of numbers and one of text: quick to read by the thousand."""
    text = {
        str(name): [str(value) for value in table[name]]
        for name in table.columns
        if not pd.api.types.is_numeric_dtype(table[name])
    }
    numbers = [str(name) for name in table.columns if str(name) not in text]
    head = json.dumps({"numbers": numbers, "text": text}).encode("utf-8")
    block = table[numbers].to_numpy(dtype=np.float64, copy=True).T  # whole numbers stay exact
    stream = io.BytesIO()
    np.savez_compressed(
        stream, head=np.frombuffer(head, dtype=np.uint8), block=np.ascontiguousarray(block)
    )
    return stream.getvalue()


def unpacked(path: Path) -> dict[str, Array]:
    """Read the columns of a table that `packed` made.

    Raises
    ------
    UnreadableError
        If the file is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            head = json.loads(arrays["head"].tobytes().decode("utf-8"))
            columns = dict(zip(head["numbers"], arrays["block"], strict=True))
    except _DAMAGE as error:
        raise UnreadableError(
            "a finished step cannot be read", where=str(path), remedy="start the run again"
        ) from error
    return columns | {name: np.array(values, dtype=object) for name, values in head["text"].items()}
