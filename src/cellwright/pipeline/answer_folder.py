"""Folders of answers: a page, its figures and tables, and a record of what lies there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from cellwright.engine.files import write_atomic
from cellwright.pipeline.tables import csv_bytes
from cellwright.report.section import Figure

__all__ = ["write_answer"]

_FIGURES = "figures"


def write_answer(
    out: Path,
    record: tuple[str, Mapping[str, Any]],
    tables: Mapping[str, pd.DataFrame],
    page: tuple[str, str],
    figures: Iterable[Figure],
) -> None:
    """Write all of an answer, and take away what an earlier one left that this has not.

    Parameters
    ----------
    out
        The folder; what else is in it stays.
    record
        Name of the JSON file and its content; ``files``, the names of all files, is added.
    tables, figures
        By name; a figure is written with the numbers that it shows.
    page
        Name of the page and its HTML.

    Raises
    ------
    RunError
        If the folder cannot be written to.
    """
    files = {name: csv_bytes(table) for name, table in tables.items()}
    for figure in figures:
        files[f"{_FIGURES}/{figure.name}.svg"] = figure.svg.encode()
        files[f"{_FIGURES}/{figure.name}.csv"] = csv_bytes(figure.table)
    files[page[0]] = page[1].encode()
    (out / _FIGURES).mkdir(parents=True, exist_ok=True)
    before = _before(out / record[0])
    for name, content in files.items():
        write_atomic(out / name, content, out)
    for name in before - set(files):
        (out / name).unlink(missing_ok=True)
    text = json.dumps({**record[1], "files": sorted(files)}, indent=1) + "\n"
    write_atomic(out / record[0], text.encode(), out)


def _before(record: Path) -> set[str]:
    """Files of an earlier answer, of the kinds that an answer has, none outside of the folder."""
    try:
        named = json.loads(record.read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in named if isinstance(name, str) and _is_ours(PurePosixPath(name))}


def _is_ours(name: PurePosixPath) -> bool:
    inside = name.parts[:-1] in {(), (_FIGURES,)}
    return inside and name.suffix in {".csv", ".svg", ".html"}
