"""The folder of an evaluation: what is written into it, and what of others is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cellwright.core.errors import UsageError
from cellwright.engine.files import write_atomic
from cellwright.evaluation.object_summary import TABLES

__all__ = ["COMPARISON", "FORMAT", "GALLERY", "SCORES", "SUMMARY", "check_out", "write_files"]

SCORES, SUMMARY, COMPARISON = "scores.csv", "summary.json", "comparison.csv"
GALLERY = "gallery.html"
FORMAT = "cellwright-scores"

_FIRST = (SCORES, SUMMARY, COMPARISON)
"""Files of every evaluation; a summary lists the others in ``files``, if it has any."""
_OTHERS = (*TABLES, GALLERY)


def check_out(out: Path, given: Iterable[Path]) -> None:
    """Refuse a folder in which something of others would be lost.

    Raises
    ------
    UsageError
        If it is one of `given`, or holds a ``scores.csv`` or ``summary.json`` that no evaluation
        wrote.
    """
    if any(path.exists() and out.resolve() == path.resolve() for path in given):
        raise UsageError(
            "nothing is written next to what is scored",
            where=str(out),
            remedy="choose another --out",
        )
    _refuse_foreign(out, (SCORES, SUMMARY))


def write_files(out: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of an evaluation; those of one before that are not among them are removed.

    Parameters
    ----------
    out
        Folder; made if it is not there.
    files
        From name to content.

    Raises
    ------
    UsageError
        If one of these names is there that no evaluation wrote; nothing is written then.
    RunError
        If the folder cannot be written to.
    """
    _refuse_foreign(out, files)
    for name in _ours(out) - set(files):
        (out / name).unlink(missing_ok=True)
    for name, content in files.items():
        write_atomic(out / name, content, out)


def listed(files: Iterable[str]) -> dict[str, Any]:
    """What a summary says of its files: nothing, if it has none but those that all have."""
    others = [name for name in files if name in _OTHERS]
    return {"files": others} if others else {}


def _ours(out: Path) -> set[str]:
    """Names of files that an evaluation wrote, whether they are still there or not."""
    try:
        record = json.loads((out / SUMMARY).read_bytes())
    except (OSError, ValueError, RecursionError):
        return set()
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return set()
    named = record.get("files", [])
    others = {name for name in _OTHERS if name in named} if isinstance(named, list) else set()
    return others | set(_FIRST)


def _refuse_foreign(out: Path, names: Iterable[str]) -> None:
    ours = _ours(out)
    there = [name for name in names if name not in ours and (out / name).exists()]
    if there:
        raise UsageError(
            f"the folder holds {' and '.join(there)}, which no evaluation of cellwright wrote",
            where=str(out),
            remedy="choose another --out; nothing was changed",
        )
