"""Annotations in JSON: found in folders, recognised by their ends, read within bounds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from cellwright.core.errors import UnreadableError, UnsupportedError

__all__ = [
    "LARGEST", "files_in", "is_no_json", "json_ends", "read_bytes", "read_json", "some_ends",
    "with_damaged",
]  # fmt: skip

LARGEST = 2**31
"""Bytes of a file: 2 GiB hold the outlines of some millions of cells."""
_END = 2**16
"""Bytes at the beginning and at the end of a file that tell what it is."""
_LOOKED_AT = 50
"""Files of a folder of which one at least is what was looked for."""
_DIGITS = 300
"""Of a whole number; one of more digits is taken as infinite, or nearly."""
_STARTS = ("{", "[")


def files_in(folder: Path, *endings: str) -> list[Path]:
    """Files with these endings in a folder and in the folders of it, by name; no hidden ones."""
    inner = sorted(folder.iterdir())
    outer = [file for file in inner if file.is_file()]
    deeper = (part for part in inner if part.is_dir() and not part.name.startswith("."))
    found = outer + [file for part in deeper for file in sorted(part.iterdir()) if file.is_file()]
    return [
        file
        for file in found
        if file.name.lower().endswith(endings) and not file.name.startswith(".")
    ]


def with_damaged(
    files: list[Path],
    is_ours: Callable[[Path], bool],
    has_picture: Callable[[Path], bool],
    is_damaged: Callable[[Path], bool],
) -> list[Path]:
    """Files that hold annotations, and damaged ones that must have held some.

    These are the ones of which there is a picture, or that lie in a folder with annotations.
    """
    ours = [file for file in files if is_ours(file)]
    known, places = set(ours), {file.parent for file in ours}
    return [
        file
        for file in files
        if file in known or ((file.parent in places or has_picture(file)) and is_damaged(file))
    ]


def json_ends(path: Path) -> str:
    """Beginning and end of a text of JSON, empty of any other file: it never raises."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_END)
            length = stream.seek(0, os.SEEK_END)
            stream.seek(max(_END, length - _END))
            text = (head + stream.read(_END)).decode("utf-8", "replace")
    except OSError:
        return ""
    text = text.removeprefix("\ufeff").lstrip()
    return text if text.startswith(_STARTS) else ""


def some_ends(path: Path, *endings: str) -> Iterator[tuple[Path, str]]:
    """A file, or the first ones of a folder, and how each begins and ends: it never raises."""
    try:
        files = files_in(path, *endings) if path.is_dir() else [path]
    except OSError:
        return
    for file in islice(files, _LOOKED_AT):
        if file.name.lower().endswith(endings):
            yield file, json_ends(file)


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """All bytes of a file.

    Raises
    ------
    UnreadableError
        If it cannot be read.
    UnsupportedError
        If there are more than `largest`.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(largest + 1)
    except OSError as error:
        raise UnreadableError(
            f"the file cannot be read ({error.strerror or error})", where=str(path)
        ) from error
    if len(data) > largest:
        raise UnsupportedError(
            f"the file has more than {largest:,} bytes",
            where=str(path),
            remedy="take it apart into several",
        )
    return data


def _whole(digits: str) -> float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)


def read_json(path: Path) -> Any:
    """What a file of JSON holds; NaN and numbers without end are as Python's floats have them.

    Raises
    ------
    UnreadableError
        If it is no JSON.
    UnsupportedError
        If it is too large.
    """
    data = read_bytes(path)
    try:
        text = data.decode("utf-8-sig")
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise
        except ValueError:  # a whole number of more digits than Python reads
            return json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else error
        raise UnreadableError(
            f"the file is no JSON ({what})", where=str(path), remedy="export it again"
        ) from error


def is_no_json(path: Path) -> bool:
    """Whether a file cannot be parsed, as one that was cut short: it never raises."""
    try:
        read_json(path)
    except UnreadableError:
        return True
    except UnsupportedError:
        return False
    return False
