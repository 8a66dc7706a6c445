"""Which pictures are meant: files, folders, globs, scenes and samples.csv become one list.

Nothing that is found is opened beyond its first 4,096 bytes, but for the description of an
OME-TIFF that may have its planes in several files; what is no plain file is never opened at
all, because a pipe would be waited for.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cellwright.core.errors import UsageError
from cellwright.io.file_set import FileSet
from cellwright.io.foreign import foreign_format
from cellwright.io.names import legible
from cellwright.io.ome_files import absorb_members
from cellwright.io.open import HEAD, folder_reader, known_extensions, reader_of, split_scene
from cellwright.io.samples import read_samples
from cellwright.io.zarr_folder import is_zarr_folder

__all__ = ["Found", "Inputs", "Skipped", "find_inputs"]

_WILD = re.compile(r"[*?\[]")
_SYSTEM_FILES = {"thumbs.db", "desktop.ini"}  # what Windows leaves in folders of pictures
_NOT_PLAIN = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, order=True)
class Found:
    """A picture that was found: its identity, its file, and the scene that was asked for.

    Several files that together are one picture stand in `files`; `path` is their first. An
    OME-TIFF in several files has its `path` alone, which names the others: its companion, or
    the first file of its list. Of an OME-Zarr, `path` is a folder.
    """

    image: str
    path: Path
    scene: str = ""
    files: FileSet | None = None


@dataclass(frozen=True, order=True)
class Skipped:
    """What was passed over, and why."""

    image: str
    reason: str


@dataclass(frozen=True)
class Inputs:
    """All that was found, and all that was passed over, each sorted by identity."""

    found: tuple[Found, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass
class _Walk:
    """What has been met so far."""

    exclude: os.stat_result | None
    found: dict[tuple[str, str], Path] = field(default_factory=dict)  # by file and scene
    skipped: dict[str, str] = field(default_factory=dict)  # by file
    folders: dict[tuple[int, int], str] = field(default_factory=dict)
    absorbed: set[str] = field(default_factory=set)  # files that belong to another's picture


def find_inputs(inputs: Sequence[str | Path], *, exclude: Path | None = None) -> Inputs:
    """Find the pictures that `inputs` stand for.

    Parameters
    ----------
    inputs
        Each a folder (searched with all folders in it, but one that is an OME-Zarr is a
        picture as a whole), a file, a glob such as ``"data/**/*.tif"``, a scene such as
        ``"plate.tif::2"``, or a ``samples.csv``, whose pictures lie relative to it.
    exclude
        The output folder: it is not searched, nor is any other folder that is a run.

    Returns
    -------
    Inputs
        The identity of a picture is its POSIX path relative to the input folder (the fixed
        part of a glob; of several inputs, the folder that they share); for one file it is the
        name. A file whose extension promises a picture is found whatever it holds, so that it
        fails for all to see; a file that nobody knows is skipped.

    Raises
    ------
    UsageError
        If an input does not exist.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder, "cells.npy"), np.zeros((4, 5)))
    ...     _ = Path(folder, "notes.txt").write_text("to do")
    ...     inputs = find_inputs([folder])
    >>> [found.image for found in inputs.found], inputs.skipped
    (['cells.npy'], (Skipped(image='notes.txt', reason='not a picture'),))
    """
    walk = _Walk(exclude.stat() if exclude is not None and exclude.exists() else None)
    roots = [_add(walk, os.fspath(given)) for given in inputs]
    root = os.path.commonpath(roots) if roots else ""
    for file in absorb_members([path for (_, scene), path in walk.found.items() if not scene]):
        walk.absorbed.add(_absolute(file))
    found = {
        Found(_identity(file, root) + (f"::{scene}" if scene else ""), path, scene)
        for (file, scene), path in walk.found.items()
        if scene or file not in walk.absorbed
    }
    met = {file for file, _ in walk.found}
    skipped = {
        Skipped(_identity(file, root), reason)
        for file, reason in walk.skipped.items()
        if file not in met
    }
    return Inputs(tuple(sorted(found)), tuple(sorted(skipped)))


def _identity(file: str, root: str) -> str:
    inside = root.rstrip(os.sep) + os.sep
    near = file[len(inside) :] if file.startswith(inside) else os.path.relpath(file, root)
    return legible(near.replace(os.sep, "/"))


def _add(walk: _Walk, given: str) -> str:
    """Take up one input; give the absolute folder that its pictures are relative to."""
    path = Path(given)
    try:
        status = path.stat()
    except OSError as error:
        return _add_missing(walk, given, error)
    if stat.S_ISDIR(status.st_mode):
        if folder_reader(path) is not None:
            walk.found[_absolute(path), ""] = path
            return _absolute(path.parent)
        _search(walk, path, None, None)
        return str(path.absolute())
    if path.suffix.lower() == ".csv" and stat.S_ISREG(status.st_mode):
        folder = path.parent
        for row in read_samples(path).rows:
            file, scene = split_scene(folder / row.image)
            walk.found[_absolute(file), scene] = file
        return _absolute(folder)
    _look(walk, path)
    return _absolute(path.parent)


def _add_missing(walk: _Walk, given: str, error: OSError) -> str:
    """Take up what is no path by itself: a scene, a glob, or a link that leads nowhere."""
    path = Path(given)
    if path.is_symlink():
        walk.skipped[_absolute(path)] = "a link that leads nowhere or in a circle"
        return _absolute(path.parent)
    file, scene = split_scene(given)
    if scene and (file.is_file() or (file.is_dir() and folder_reader(file) is not None)):
        walk.found[_absolute(file), scene] = file
        return _absolute(file.parent)
    if _WILD.search(given):
        parts = path.parts
        fixed = next(i for i, part in enumerate(parts) if _WILD.search(part))
        folder = Path(*parts[:fixed])
        if folder.is_dir():
            wanted = parts[fixed:]
            deep = None if "**" in wanted else len(wanted)
            _search(walk, folder, _pattern(wanted), deep)
            return _absolute(folder)
    raise UsageError(
        "there is no such file or folder"
        if isinstance(error, FileNotFoundError)
        else f"it cannot be looked at ({error.strerror})",
        where=given,
        remedy="look at the spelling; a name with blanks needs quotes",
    )


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 (also takes out "..", and follows no link)


def _pattern(parts: Sequence[str]) -> re.Pattern[str]:
    """Translate a glob: ``*`` stays within a folder, ``**`` stands for any number of them."""
    text = ""
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        if part == "**":
            text += "(?s:.*)" if last else "(?s:.*/)?"
        else:
            one = fnmatch.translate(part).removesuffix(r"\Z").removesuffix(r"\z")
            text += one.replace(".*", "[^/]*") + ("" if last else "/")
    return re.compile(text)


def _search(walk: _Walk, top: Path, pattern: re.Pattern[str] | None, deep: int | None) -> None:
    """Look through a folder and those in it: its own first, links to others after them."""
    waiting: list[tuple[Path, int]] = [(top, 1)]
    links: list[tuple[Path, int]] = []
    while waiting or links:
        folder, depth = waiting.pop() if waiting else links.pop(0)
        if not _enter(walk, folder, folder == top, _wanted(folder, top, pattern)):
            continue
        inner: list[tuple[Path, int]] = []
        for entry in _entries(walk, folder):
            path = folder / entry.name
            if _is_folder(entry):
                if deep is None or depth < deep or _is_picture(path, top, pattern):
                    (links if entry.is_symlink() else inner).append((path, depth + 1))
            elif _wanted(path, top, pattern):
                _look(walk, path)
        waiting.extend(reversed(inner))


def _wanted(path: Path, top: Path, pattern: re.Pattern[str] | None) -> bool:
    return pattern is None or bool(pattern.fullmatch(path.relative_to(top).as_posix()))


def _is_picture(folder: Path, top: Path, pattern: re.Pattern[str] | None) -> bool:
    """Whether a folder is asked for, and a picture as a whole."""
    return _wanted(folder, top, pattern) and folder_reader(folder) is not None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _entries(walk: _Walk, folder: Path) -> Iterator[os.DirEntry[str]]:
    """Give what is in a folder, by name, without hidden files and those of the system."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        walk.skipped[_absolute(folder)] = f"the folder cannot be listed ({error.strerror})"
        return
    for entry in entries:
        if not entry.name.startswith(".") and entry.name.lower() not in _SYSTEM_FILES:
            yield entry


def _enter(walk: _Walk, folder: Path, is_top: bool, wanted: bool) -> bool:
    """Whether to look into a folder: never twice, nor into our own output, nor a picture.

    A folder that is a picture as a whole is found here, if it is `wanted`.
    """
    try:
        status = folder.stat()
    except OSError as error:
        walk.skipped[_absolute(folder)] = f"the folder cannot be entered ({error.strerror})"
        return False
    key = (status.st_dev, status.st_ino)
    reason = ""
    if key in walk.folders:
        if folder.is_symlink():
            reason = "a link to a folder that is searched already"
        elif not is_top:
            return False
    elif walk.exclude is not None and os.path.samestat(status, walk.exclude) and not is_top:
        return False  # unsaid: at the first start it is not there yet, and nothing may differ
    elif not is_top and _is_run(folder):
        reason = "a folder that cellwright has written"
    elif not is_top and folder_reader(folder) is not None:
        if wanted:
            walk.found[_absolute(folder), ""] = folder
        walk.folders[key] = str(folder)
        return False
    elif not is_top and _is_part_of_file(folder):
        return False
    elif not is_top and is_zarr_folder(folder):
        reason = "a Zarr folder without OME metadata"
    if reason:
        walk.skipped[_absolute(folder)] = reason
        return False
    walk.folders[key] = str(folder)
    return True


def _is_part_of_file(folder: Path) -> bool:
    """Whether a folder holds the planes of a file beside it: ``a.oif.files`` of ``a.oif``."""
    name = folder.name.casefold()
    return name.endswith(".oif.files") and folder.with_name(folder.name[: -len(".files")]).exists()


def _is_run(folder: Path) -> bool:
    if (folder / ".work" / "journal.jsonl").exists():
        return True
    try:
        with (folder / "run.json").open("rb") as file:
            record = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and record.get("format") == "cellwright-run"


def _look(walk: _Walk, path: Path) -> None:
    """Decide about one file by its kind and its first bytes."""
    file = _absolute(path)
    try:
        status = path.stat()
    except OSError:
        walk.skipped[file] = "a link that leads nowhere or in a circle"
        return
    for is_kind, name in _NOT_PLAIN:
        if is_kind(status.st_mode):
            walk.skipped[file] = f"{name}, not a file"
            return
    if path.suffix.lower() in known_extensions():
        walk.found[file, ""] = path
        return
    try:
        with path.open("rb") as content:
            head = content.read(HEAD)
    except OSError as error:
        walk.skipped[file] = f"not known as a picture, and cannot be read ({error.strerror})"
        return
    foreign = foreign_format(head)
    if reader_of(head, path) is not None:
        walk.found[file, ""] = path
    else:
        walk.skipped[file] = f"{foreign}, not read" if foreign else "not a picture"
