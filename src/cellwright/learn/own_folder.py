"""The folder of a training or a search: what it may write over, which is only what it wrote."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from cellwright.core.errors import UsageError
from cellwright.datasets.convert import Row
from cellwright.datasets.images_table import TABLE
from cellwright.engine.files import run_errors

__all__ = ["ALSO", "COPY", "MARK", "NAMES", "check_copied", "check_out", "make_way"]

COPY, ALSO = "data", "also"
"""Copies of annotations in our own layout."""

NAMES = (
    "plan.json", "search.json", COPY, ALSO, "training", "folds", "fewer", "trials", "model.zip",
    "candidate.zip", "preview.png", "training.html", "scores.csv", "summary.json",
    "comparison.csv", "forgotten.csv", "learning_curve.csv", "classes.csv", "confusion.csv",
    "precision_recall.csv", "reliability.csv", "before_classes.csv", "before_confusion.csv",
    "trials.csv", "importance.csv", "best.json", "study.log",
)  # fmt: skip
"""All that is written into the folder."""

MARK = ".copied_by_cellwright"
"""File in a copy, which tells it from a folder of the same name that somebody else made."""

_PARTS = frozenset({"images", "labels", "masks", "contours", "roi"})
"""Folders in a dataset of which all pictures are read."""

_OF_BEFORE = ("plan.json", "search.json")
"""Beside copies that were made before these had a mark."""


def check_out(out: Path, *, begun: bool, inputs: Collection[Path | None]) -> None:
    """Refuse a folder in which something would be lost that no training wrote.

    Parameters
    ----------
    out
        The folder.
    begun
        Whether it holds the plan of a training, or a search, that goes on.
    inputs
        All that is read.

    Raises
    ------
    UsageError
        If the folder has not been begun and holds something of one of the `NAMES`, what is read
        is what will be written, or the folder lies among pictures or labels that are read.
    """
    for path in filter(None, inputs):
        if _is_among(out.resolve(), path.resolve()):
            raise UsageError(
                "what a training writes would lie among the pictures and labels that are read",
                where=str(out),
                remedy=f"choose an --out that is not within a folder of {path}",
            )
    written = [out.resolve() / name for name in NAMES if name not in (COPY, ALSO)]
    for path in filter(None, inputs):
        found = path.resolve()
        if found == out.resolve() or any(one in (found, *found.parents) for one in written):
            raise UsageError(
                "what is read would be written over",
                where=str(path),
                remedy=f"choose another --out than {out}; nothing was changed",
            )
    there = [name for name in NAMES if (out / name).exists() and not _is_copy(out / name)]
    if there and not begun:
        raise UsageError(
            f"the folder holds {' and '.join(there)}, which no training that could go on wrote",
            where=str(out),
            remedy="choose another --out; nothing was changed",
        )


def _is_among(out: Path, source: Path) -> bool:
    """Whether a folder is one of pictures or labels in what is read, or lies in one."""
    return source in out.parents and not _PARTS.isdisjoint(out.relative_to(source).parts)


def check_copied(copy: Path, source: Path, images: Path | None) -> None:
    """Refuse to make a copy within what it is made from, or in the place of what is no copy.

    Raises
    ------
    UsageError
        If it would be so.
    """
    place = copy.resolve()
    if source.resolve() in place.parents:
        raise UsageError(
            "a copy of the annotations would be put into them",
            where=str(copy),
            remedy="choose an --out that is not within them",
        )
    for path in filter(None, (source, images)):
        if place in (path.resolve(), *path.resolve().parents):
            raise UsageError(
                "a copy of the annotations would be put in the place of what is read",
                where=str(path),
                remedy=f"choose another --out than {copy.parent}; nothing was changed",
            )
    if copy.exists() and not _is_copy(copy) and not _is_copy_of_before(copy):
        raise UsageError(
            "a copy of the annotations would be put in the place of a folder that is none",
            where=str(copy),
            remedy="choose another --out; nothing was changed",
        )


def make_way(copy: Path) -> None:
    """Remove a copy; the mark goes last, so that what was ended half way is known again."""
    if not copy.exists():
        return
    with run_errors(copy):
        for inner in copy.iterdir():
            if inner.is_dir() and not inner.is_symlink():
                shutil.rmtree(inner)
            elif inner.name != MARK:
                inner.unlink()
        shutil.rmtree(copy)


def _is_copy(folder: Path) -> bool:
    """Whether it is a copy of ours, or empty."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return (folder / MARK).is_file() or not any(folder.iterdir())


def _is_copy_of_before(folder: Path) -> bool:
    """Whether it lies where a training went on and has the table that `convert` writes."""
    table = folder / TABLE
    if folder.is_symlink() or not table.is_file():
        return False
    with table.open(encoding="utf-8", errors="replace") as file:
        header = file.readline().strip()
    begun = any((folder.parent / name).is_file() for name in _OF_BEFORE)
    return begun and header == ",".join(Row.__dataclass_fields__)
