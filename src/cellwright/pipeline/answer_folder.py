"""Folders of answers: a page, its figures and tables, and a record of what lies there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.core.method import Options
from cellwright.engine.files import run_errors, write_atomic
from cellwright.pipeline.tables import csv_bytes
from cellwright.report.section import Figure

__all__ = ["Kept", "kept_options", "refuse_run", "write_answer"]

Asked = TypeVar("Asked", bound=Options)

_FIGURES, _RUN = "figures", "run.json"


@dataclass(frozen=True)
class Kept(Generic[Asked]):
    """What an earlier answer was asked.

    Attributes
    ----------
    options
        What was decided.
    samples
        Its table of pictures, where a ``samples.csv`` had told of them.
    images
        Whether it was given the pictures themselves.
    """

    options: Asked
    samples: Path | None
    images: bool


def write_answer(
    out: Path,
    record: tuple[str, Mapping[str, Any]],
    tables: Mapping[str, pd.DataFrame],
    page: tuple[str, str],
    figures: Iterable[Figure],
    *,
    read: Iterable[Path] = (),
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
    read
        Files that the answer is made of.

    Raises
    ------
    UsageError
        If the folder is a run, or a file that was read lies where another would be written;
        nothing is written then.
    RunError
        If the folder cannot be written to.
    """
    files = {name: csv_bytes(table) for name, table in tables.items()}
    for figure in figures:
        files[f"{_FIGURES}/{figure.name}.svg"] = figure.svg.encode()
        files[f"{_FIGURES}/{figure.name}.csv"] = csv_bytes(figure.table)
    files[page[0]] = page[1].encode()
    before = _before(out / record[0])
    refuse_run(out)
    _refuse_read(out, {*files, record[0]} - before, read)
    with run_errors(out):
        (out / _FIGURES).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomic(out / name, content, out)
    for name in before - set(files):
        (out / name).unlink(missing_ok=True)
    text = json.dumps({**record[1], "files": sorted(files)}, indent=1) + "\n"
    write_atomic(out / record[0], text.encode(), out)


def kept_options(
    out: Path, record: str, form: Mapping[str, Any], options: type[Asked], pictures: str
) -> Kept[Asked] | None:
    """Read what an earlier answer was asked.

    Parameters
    ----------
    out
        The folder.
    record
        Name of the JSON file.
    form
        What the record says of its format, if it is one that this version reads.
    options
        What was asked.
    pictures
        Name of the table that tells of the pictures.

    Returns
    -------
    Kept or None
        None where there is no such record.
    """
    try:
        found = json.loads((out / record).read_bytes())
        if any(found.get(name) != value for name, value in form.items()):
            return None
        asked = options(**found["options"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    samples = out / pictures if found.get("samples_given") else None
    return Kept(asked, samples, bool(found.get("images_given")))


def refuse_run(out: Path) -> None:
    """Keep the folder of a run for what belongs to it.

    Raises
    ------
    UsageError
        If `out` is the folder of a run.
    """
    if (out / _RUN).is_file():
        raise UsageError(
            "this is the folder of a run",
            where=str(out),
            remedy="choose another with --out, such as a folder in it",
        )


def _refuse_read(out: Path, names: Iterable[str], read: Iterable[Path]) -> None:
    """Keep a person's tables, which may have the name of one of ours."""
    taken = {(out / name).resolve() for name in names}
    for path in read:
        if path.resolve() in taken:
            raise UsageError(
                "the answer would be written over what it is made of",
                where=str(path),
                remedy="choose another folder with --out",
            )


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
