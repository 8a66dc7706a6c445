"""The folder of a simulation: what was asked for stands in it, and nothing else is mixed in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cellwright.core.errors import UsageError

__all__ = ["PARAMETERS", "take"]

PARAMETERS = "parameters.json"
_FORMAT = {"format": "cellwright-simulated", "version": 1}


def take(
    out: Path,
    asked: Mapping[str, Any],
    *,
    folders: tuple[str, ...],
    table: str,
    files: Callable[[Mapping[str, Any]], Iterable[str]],
    more: str = "",
    force: bool = False,
) -> None:
    """Take a folder for a simulation, and write into it what was asked for.

    It may be new or empty, or hold the same simulation, whole or ended half way.

    Parameters
    ----------
    out
        The folder; made if need be.
    asked
        All that the pictures follow from, as JSON has it.
    folders, table
        Names of what is written.
    files
        From what was asked for to the names of the files in each of `folders`.
    more
        Of `asked`: a number that may be larger than before, as that leaves the first pictures as
        they are.
    force
        Whether another simulation is removed first. Files that none wrote are never.

    Raises
    ------
    UsageError
        If the folder holds something else.
    """
    said = json.loads(json.dumps({**_FORMAT, **asked}))
    before = _before(out)
    names = (*folders, table, PARAMETERS) if before is None else (*folders, table)
    there = [name for name in names if _is_used(out / name)]
    if there and not _goes_on(before, said, more):
        if before is None or not force:
            raise UsageError(
                f"the folder holds {' and '.join(there)} of "
                + ("something else" if before is None else "another simulation"),
                where=str(out),
                remedy="choose another --out"
                + ("" if before is None else ", or write over that simulation with --force"),
            )
        _remove(out, [out / folder for folder in folders], set(files(before)))
    for folder in folders:
        (out / folder).mkdir(parents=True, exist_ok=True)
    (out / PARAMETERS).write_text(json.dumps(said, indent=1) + "\n", "utf-8", newline="")


def _is_used(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _before(out: Path) -> Mapping[str, Any] | None:
    """What was asked for when the folder was made; None if no simulation made it."""
    try:
        said = json.loads((out / PARAMETERS).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    ours = isinstance(said, dict) and said.get("format") == _FORMAT["format"]
    return said if ours else None


def _goes_on(before: Mapping[str, Any] | None, said: Mapping[str, Any], more: str) -> bool:
    if before is None or {**before, more: None} != {**said, more: None}:
        return False
    return not more or before[more] <= said[more]


def _remove(out: Path, folders: list[Path], files: set[str]) -> None:
    there = [file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir())]
    foreign = [file for file in there if file.name not in files]
    if foreign:
        raise UsageError(
            f"{foreign[0].parent.name}/{foreign[0].name} was written by no simulation",
            where=str(out),
            remedy="choose another --out; nothing was changed",
        )
    for file in there:
        file.unlink()
