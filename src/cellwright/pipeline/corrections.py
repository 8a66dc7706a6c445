"""Labels that a person edited: found, kept, and used instead of the method's.

A label file of the run whose content no run ever announced was edited in place: it is
copied to ``corrections/``, where people may also put label files themselves. The next run
takes what lies there; nothing that a person made is ever overwritten.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellwright.core.errors import RunError
from cellwright.core.image import Array
from cellwright.engine.files import run_errors
from cellwright.engine.keys import file_digest
from cellwright.engine.run_folder import RunFolder

__all__ = [
    "OTHER_KINDS",
    "ZARR",
    "Correction",
    "adopt",
    "count_edited",
    "count_edited_in",
    "find_correction",
    "has_corrections",
    "kind_of",
    "set_orphans_aside",
    "take_corrections",
]

OTHER_KINDS = ("nucleus",)
"""Kinds of objects that lie in folders of their own below ``labels/``."""

ZARR = ".zarr"
"""Ending of label images that are OME-Zarr folders."""

_LABELS = "labels/"
_CORRECTIONS = "corrections/"


@dataclass(frozen=True)
class Correction:
    """A label file that a person made: where it lies, its hash, and the picture if known."""

    path: Path
    sha256: str
    image: str


def take_corrections(folder: RunFolder) -> dict[str, Correction]:
    """Copy labels that were edited in place, and list all corrections.

    Returns
    -------
    dict
        By path below ``labels/``.

    Raises
    ------
    RunError
        If both the label file and its earlier correction were edited since, or one of them
        may not be read.
    """
    with run_errors(folder.path):
        labels = folder.path / _LABELS
        for file in _files(labels):
            name = file.relative_to(labels).as_posix()
            if folder.is_edited(_LABELS + name):
                adopt(folder, name)
        return {
            name: Correction(
                file,
                file_digest(file),
                folder.journal.image_of(_CORRECTIONS + name)
                or folder.journal.image_of(_LABELS + name),
            )
            for file in _files(folder.corrections)
            for name in [file.relative_to(folder.corrections).as_posix()]
        }


def has_corrections(folder: RunFolder) -> bool:
    """Whether a person edited any labels of a run."""
    with run_errors(folder.path):
        labels = folder.path / _LABELS
        edited = (
            folder.is_edited(f"{_LABELS}{f.relative_to(labels).as_posix()}") for f in _files(labels)
        )
        return bool(_files(folder.corrections)) or any(edited)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = []
    for where, folders, names in os.walk(folder):
        found += [Path(where, name) for name in names if not name.startswith(".")]
        # an OME-Zarr is one label image, however many files are in it
        found += [Path(where, name) for name in folders if name.endswith(ZARR)]
        folders[:] = [f for f in folders if not f.endswith(ZARR) and not f.startswith(".")]
    return sorted(path for path in found if path.is_file() or path.is_dir())


def find_correction(
    corrections: Mapping[str, Correction], label_path: str, image: str
) -> Correction | None:
    """Find the correction of a label image.

    Parameters
    ----------
    corrections
        Of `take_corrections`.
    label_path
        Path of the label image in the run, ``labels/`` included.
    image
        The picture: a correction of another picture that once had this path is not taken.
    """
    path = label_path.removeprefix(_LABELS)
    same_path = corrections.get(path)
    if same_path is not None and same_path.image in ("", image):
        return same_path
    kind = kind_of(path)
    for name, correction in corrections.items():  # the path was another one when it was made
        of_other_kind = name.endswith(f"/{path}")  # labels/KIND/PATH beside labels/PATH
        if correction.image == image and kind_of(name) == kind and not of_other_kind:
            return correction
    return None


def kind_of(path: str) -> str:
    """Kind of the objects of a label path below ``labels/``; empty for the main kind.

    Examples
    --------
    >>> kind_of("nucleus/day 1/a.tif"), kind_of("day 1/a.tif")
    ('nucleus', '')
    """
    first = path.partition("/")[0]
    return first if first in OTHER_KINDS else ""


def adopt(folder: RunFolder, name: str) -> bool:
    """Copy a label file that was edited in place to ``corrections/``.

    Returns
    -------
    bool
        False if just this edit lies there already.

    Raises
    ------
    RunError
        If its earlier correction was edited as well.
    """
    source = folder.path / _LABELS / name
    sha256 = file_digest(source)
    relative = _CORRECTIONS + name
    there = folder.path / relative
    if there.exists():
        if file_digest(there) == sha256:
            return False
        if folder.is_edited(relative):
            raise RunError(
                f"labels/{name} and corrections/{name} were both edited",
                where=str(folder.path),
                remedy="delete the one that you do not want, and start again",
            )
        folder.set_aside(relative)
    image = folder.journal.image_of(_LABELS + name)
    if source.is_dir():
        folder.publish_folder(relative, source, image=image)
    else:
        folder.publish(relative, source.read_bytes(), image=image)
    return True


def set_orphans_aside(folder: RunFolder, current: Collection[str]) -> list[str]:
    """Move label files whose input is gone to ``.work/orphans``; gives their paths."""
    gone = []
    for path in sorted(folder.journal.published):
        if path.startswith(_LABELS) and path not in current and (folder.path / path).exists():
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
    return count_edited_in([(method, corrected)])


def count_edited_in(parts: Iterable[tuple[Array, Array]]) -> int:
    """Do what `count_edited` does, of label images that come in parts.

    Examples
    --------
    >>> count_edited_in([(np.array([[1, 0]]), np.array([[7, 0]])), (np.array([2]), np.array([0]))])
    1
    """
    together: Counter[tuple[int, int]] = Counter()
    for before, after in parts:
        pairs = before.ravel().astype(np.uint64) << np.uint64(32) | after.ravel().astype(np.uint64)
        found, counts = np.unique(pairs, return_counts=True)
        for pair, n in zip(found.tolist(), counts.tolist(), strict=True):
            together[pair >> 32, pair & 0xFFFFFFFF] += n
    size_before: Counter[int] = Counter()
    size_after: Counter[int] = Counter()
    for (one, other), n in together.items():
        size_before[one] += n
        size_after[other] += n
    both = {pair: n for pair, n in together.items() if all(pair)}
    same = sum(n == size_before[one] == size_after[other] for (one, other), n in both.items())
    kept = {one for one, _ in both}
    drawn = sum(1 for other in size_after if other) - same
    deleted = sum(1 for one in size_before if one and one not in kept)
    return drawn + deleted
