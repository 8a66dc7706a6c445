"""Labels that a person edited: found, kept, and used instead of the method's.

A label file of the run whose content no run ever announced was edited in place: it is
copied to ``corrections/``, where people may also put label files themselves. The next run
takes what lies there; nothing that a person made is ever overwritten.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from cellwright.core.errors import RunError
from cellwright.core.image import Array
from cellwright.engine.files import run_errors, write_atomic
from cellwright.engine.keys import file_digest
from cellwright.engine.run_folder import RunFolder

__all__ = ["count_edited", "set_orphans_aside", "take_corrections"]

_LABELS = "labels/"
_CORRECTIONS = "corrections/"


def take_corrections(folder: RunFolder) -> dict[str, str]:
    """Copy labels that were edited in place, and list all corrections.

    Returns
    -------
    dict
        From the path below ``labels/`` to the hash of the corrected file.

    Raises
    ------
    RunError
        If both the label file and its earlier correction were edited since.
    """
    published = folder.journal.published
    for path in sorted(p for p in published if p.startswith(_LABELS)):
        edited = folder.path / path
        if not edited.is_file():
            continue
        sha256 = file_digest(edited)
        if sha256 not in published[path]:
            _adopt(folder, path.removeprefix(_LABELS), edited.read_bytes(), sha256)
    if not folder.corrections.is_dir():
        return {}
    return {
        file.relative_to(folder.corrections).as_posix(): file_digest(file)
        for file in sorted(folder.corrections.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }


def _adopt(folder: RunFolder, name: str, data: bytes, sha256: str) -> None:
    relative = _CORRECTIONS + name
    there = folder.path / relative
    if there.is_file():
        earlier = file_digest(there)
        if earlier == sha256:
            return
        if earlier not in folder.journal.published.get(relative, ()):
            raise RunError(
                f"labels/{name} and corrections/{name} were both edited",
                where=str(folder.path),
                remedy="delete the one that you do not want, and start again",
            )
        folder.set_aside(relative)
    folder.journal.announce(relative, sha256)
    with run_errors(there):
        write_atomic(there, data, folder.temporary)


def set_orphans_aside(folder: RunFolder, current: Collection[str]) -> list[str]:
    """Move label files whose input is gone to ``.work/orphans``; gives their paths."""
    gone = []
    for path in sorted(folder.journal.published):
        if path.startswith(_LABELS) and path not in current and (folder.path / path).is_file():
            folder.set_aside(path)
            gone.append(path)
    return gone


def count_edited(method: Array, corrected: Array) -> int:
    """Count the objects that a person drew, changed or deleted.

    Parameters
    ----------
    method, corrected
        Label images of one plane, of the same shape.

    Examples
    --------
    >>> count_edited(np.array([[1, 0, 2, 2]]), np.array([[7, 0, 3, 0]]))
    1
    """
    both, sizes = np.unique(
        np.stack([method.ravel(), corrected.ravel()]), axis=1, return_counts=True
    )
    size_before = dict(zip(*np.unique(method, return_counts=True), strict=True))
    size_after = dict(zip(*np.unique(corrected, return_counts=True), strict=True))
    same = sum(
        1
        for (a, b), n in zip(both.T, sizes, strict=True)
        if a and b and n == size_before[a] == size_after[b]
    )
    kept = {a for a, b in both.T if a and b}
    drawn = sum(1 for b in size_after if b) - same
    deleted = sum(1 for a in size_before if a and a not in kept)
    return drawn + deleted
