"""``images.csv`` beside annotations of any format: what sort a picture is, and its group."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath

from cellwright.core.errors import InputError
from cellwright.datasets.annotation import Entry
from cellwright.datasets.pictures import bare, is_picture
from cellwright.io.csv_text import unescape

__all__ = ["TABLE", "told_in", "with_told"]

TABLE = "images.csv"
"""Columns ``name``, ``kind``, ``group``; others are passed over."""

_SHOWN = 3
"""Columns that a message tells."""

_COLUMNS = ("kind", "group")

_Told = Mapping[str, Mapping[str, str]]
"""From a column to what it says of the pictures, by name."""


def told_in(table: Path, column: str) -> dict[str, str]:
    """From name to what a column of ``images.csv`` says, where it says anything.

    A row holds for the picture of its very name; else for that of its name as a file's, without
    folders and without the ending of a picture, if it has one: ``well.3`` has none.

    Raises
    ------
    InputError
        If the table cannot be read, or has no column ``name``.
    """
    if not table.is_file():
        return {}
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"the table cannot be read ({error})",
            where=str(table),
            remedy="save it as CSV with commas in UTF-8",
        ) from error
    if rows and "name" not in rows[0]:
        names = [str(name) for name in rows[0]]
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        raise InputError(
            f"the table has no column 'name', only {shown}",
            where=str(table),
            remedy="give it the columns name, kind and group, separated by commas",
        )
    exact = {unescape(row["name"] or ""): unescape(row.get(column) or "") for row in rows}
    told = {_cut(name): text for name, text in exact.items()} | exact
    return {name: text for name, text in told.items() if name and text}


def _cut(name: str) -> str:
    """A name without folders and without the ending of a picture.

    Examples
    --------
    >>> _cut("day 1/a.tif"), _cut("a.ome.tif"), _cut("well.3")
    ('a', 'a.ome', 'well.3')
    """
    file = name.replace("\\", "/").rpartition("/")[2]
    return PurePath(file).stem if is_picture(file) else file


def with_told(entries: Iterable[Entry], folder: Path) -> tuple[list[Entry], list[tuple[str, str]]]:
    """Give entries the kinds and groups of the tables beside them.

    Parameters
    ----------
    entries
        Of a source of any format.
    folder
        Of the annotations. A table of a folder within counts for the entries in it.

    Returns
    -------
    entries : list of Entry
        In their order. Where the tables tell nothing of one, it stays as it is.
    doubts : list of (str, str)
        Tables that cannot be read, and why.
    """
    entries = list(entries)
    tables: dict[PurePosixPath, _Told] = {}
    doubts: list[tuple[str, str]] = []
    told = [_told(entry, folder, tables, doubts) for entry in entries]
    # what the format itself keeps together stays so, even if rows tell of some of it only
    joined: dict[str, str] = {}
    for entry, one in zip(entries, told, strict=True):
        if entry.group and one.get("group"):
            joined.setdefault(entry.group, one["group"])
    return [
        replace(
            entry,
            kind=one.get("kind", entry.kind),
            group=joined.get(entry.group, entry.group) or one.get("group", ""),
        )
        for entry, one in zip(entries, told, strict=True)
    ], doubts


def _told(
    entry: Entry,
    folder: Path,
    tables: dict[PurePosixPath, _Told],
    doubts: list[tuple[str, str]],
) -> dict[str, str]:
    """What the tables say of an entry, by column; each is read once."""
    told: dict[str, str] = {}
    for inner in PurePosixPath(entry.name).parents:  # the nearest comes first
        if inner not in tables:
            tables[inner] = _table(folder, inner, doubts)
        within = str(PurePosixPath(entry.name).relative_to(inner))
        for column, texts in tables[inner].items():
            names = (name for name in _names(entry, within) if name in texts)
            if (name := next(names, None)) is not None:
                told.setdefault(column, texts[name])
    return told


def _table(folder: Path, inner: PurePosixPath, doubts: list[tuple[str, str]]) -> _Told:
    try:
        return {column: told_in(folder / inner / TABLE, column) for column in _COLUMNS}
    except InputError as error:
        doubts.append(((inner / TABLE).as_posix(), f"{error.what}: no kinds and groups are known"))
        return {}


def _names(entry: Entry, within: str) -> Iterable[str]:
    """What a row of an entry may be called; first as its picture, of which are several drawings."""
    if entry.image is not None:
        yield entry.image.stem
    yield within
    yield within.replace("/", "__")  # as `convert` calls it
    if entry.image is not None:
        yield entry.image.name
        yield bare(entry.image.name)
