"""The table that says of which kind each picture is: fluorescence, stained tissue and so on."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from cellwright.core.errors import UsageError
from cellwright.evaluation.pairing import stem_of
from cellwright.io.csv_text import unescape

__all__ = ["kinds_of", "read_kinds"]

_NAMES = ("image", "name")
_DELIMITERS = ",;\t"
_LARGEST = 2**26  # bytes: a line of 100 bytes for over half a million pictures


def read_kinds(path: Path) -> dict[str, str]:
    r"""Read a table with the columns ``image`` (or ``name``) and ``kind``.

    UTF-8; columns are divided by commas, semicolons or tabs; other columns are left alone.

    Raises
    ------
    UsageError
        If it cannot be read, a column is missing, or a picture has two kinds.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "kinds.csv")
    ...     _ = path.write_text("name;cells;kind\na.png;12;tissue\n")
    ...     read_kinds(path)
    {'a.png': 'tissue'}
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            raise UsageError("this is too large for a table of pictures", where=str(path))
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"it cannot be read ({error.strerror})", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            "this is no text in UTF-8", where=str(path), remedy="save the table as CSV (UTF-8)"
        ) from error
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise UsageError(f"this is no table ({error})", where=str(path)) from error
    header = [unescape(cell.strip()) for cell in rows[0]] if rows else []
    name = next((name for name in _NAMES if name in header), None)
    if name is None or "kind" not in header:
        raise UsageError(
            "the table has no columns image and kind",
            where=str(path),
            remedy="begin it with image,kind (name will do for image)",
        )
    kinds: dict[str, str] = {}
    for line, cells in enumerate(rows[1:], 2):
        row = dict(zip(header, (unescape(cell.strip()) for cell in cells), strict=False))
        image, kind = row.get(name, "").replace("\\", "/"), row.get("kind", "")
        if image and kinds.setdefault(image, kind) != kind:
            raise UsageError(
                f"{image!r} has two kinds", where=f"{path}, line {line}", remedy="leave one row"
            )
    return kinds


def kinds_of(images: Sequence[str], table: Mapping[str, str]) -> dict[str, str]:
    """Give each picture its kind: by its path, else its name, else its name without ending.

    A name that stands for several rows of different kinds gives none.

    Examples
    --------
    >>> kinds_of(["a.tif", "b/c.png", "d.png"], {"a.png": "tissue", "c.png": "embryo"})
    {'a.tif': 'tissue', 'b/c.png': 'embryo'}
    """
    by_name: dict[str, set[str]] = {}
    by_stem: dict[str, set[str]] = {}
    for image, kind in table.items():
        by_name.setdefault(PurePosixPath(image).name, set()).add(kind)
        by_stem.setdefault(stem_of(image), set()).add(kind)
    found = {}
    for image in images:
        name, stem = PurePosixPath(image).name, stem_of(image)
        known = {table[image]} if image in table else by_name.get(name) or by_stem.get(stem, set())
        if len(known) == 1 and (kind := next(iter(known))):
            found[image] = kind
    return found
