"""Pictures that annotations belong to, found by the names that those give them."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from cellwright.core.errors import InputError
from cellwright.datasets.annotation import Drawn, Entry, Source
from cellwright.io.names import label_paths
from cellwright.io.open import known_extensions

__all__ = ["Annotation", "Pictures", "bare", "entries_with_pictures", "is_picture"]

IMAGES = "images"
_BESIDE = {"annotations", "labels"}
"""Folders of annotations, beside which pictures lie in a folder of their own."""

Read = Callable[[tuple[int, int] | None], Drawn]


def is_picture(name: str) -> bool:
    """Whether a file is a picture, by its ending.

    Examples
    --------
    >>> is_picture("a.TIF"), is_picture("a.json"), is_picture("._a.tif")
    (True, False, False)
    """
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122 - any text, no file system
    return not name.startswith(".") and ending in known_extensions()


def bare(name: str) -> str:
    """Take the endings of pictures off a name, and no others.

    Examples
    --------
    >>> bare("a/b.ome.tif"), bare("well.3"), bare("c.png")
    ('a/b', 'well.3', 'c')
    """
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - any text, no file system
    if ending.lower() not in known_extensions():
        return name
    return stem[:-4] if stem.lower().endswith(".ome") else stem


def _inner(name: str) -> str:
    """A name as a path within a folder; of one that would lead out of it the last part."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", "."}]
    leads_out = name.startswith(("/", "\\")) or ".." in parts or any(":" in p for p in parts[:-1])
    return "/".join(parts[-1:] if leads_out else parts) or "unnamed"


class _Place:
    """Pictures of one folder, and of all in it if it is `deep`; listed when first asked for."""

    def __init__(self, folder: Path, deep: bool) -> None:
        self.folder, self._deep = folder, deep

    @cached_property
    def _names(self) -> dict[str, list[Path]]:
        """By relative path with and without ending, and by ``*/`` and the name of the file."""
        found: dict[str, list[Path]] = defaultdict(list)
        for folder, inner, files in os.walk(self.folder):
            inner[:] = sorted(one for one in inner if not one.startswith(".")) * self._deep
            for file in sorted(filter(is_picture, files)):
                path = Path(folder, file)
                relative = path.relative_to(self.folder).as_posix()
                keys = {relative, bare(relative), f"*/{file}", f"*/{bare(file)}"}
                for key in keys:
                    found[key].append(path)
        return found

    def exact(self, name: str) -> list[Path]:
        path = self.folder / name
        try:
            return [path] if path.is_file() else []
        except (OSError, ValueError):  # too long, or with a character that no file has
            return []

    def known(self, key: str) -> list[Path]:
        return self._names.get(key, [])


class Pictures:
    """The places where the pictures of a source may lie.

    Parameters
    ----------
    source
        If it names a folder of pictures, this is the only place. Else they lie beside the
        annotations, in ``images/``, or anywhere in the source.
    beside
        Folder of the file with the annotations.
    """

    def __init__(self, source: Source, beside: Path) -> None:
        self._images = source.images
        if source.images is not None:
            self._places = [_Place(source.images, True)]
            return
        whole = source.path if source.path.is_dir() else source.path.parent
        roots = [beside, whole]
        roots += [root.parent for root in roots if root.name in _BESIDE]
        places = [(root, False) for root in roots] + [(root / IMAGES, True) for root in roots]
        places += [(whole, True)] * source.path.is_dir()
        self._places = [_Place(*place) for place in dict.fromkeys(places)]

    def find(self, name: str) -> list[Path]:
        """Files that a name may mean: by its path, else by its last part, else without endings.

        There are several if they lie in one place, and nothing tells which is meant.
        """
        name = _inner(name)
        base = name.rpartition("/")[2]
        ways: list[Callable[[_Place], list[Path]]] = [
            lambda place: place.exact(name),
            lambda place: place.known(bare(name)) if name != base else [],
            lambda place: place.known(f"*/{base}"),
            lambda place: place.known(f"*/{bare(base)}"),
        ]
        return next((files for way in ways for one in self._places if (files := way(one))), [])

    def alone(self, folder: Path) -> Path | None:
        """The picture of a folder that holds only one, or of the folder of pictures."""
        files = [file for file in (self._images or folder).iterdir() if is_picture(file.name)]
        return files[0] if len(files) == 1 else None


@dataclass(frozen=True, eq=False)
class Annotation:
    """What was drawn in one picture, not read yet.

    Attributes
    ----------
    names
        Of its picture, the likeliest first; with or without an ending.
    full
        What it is called in messages, and where two pictures would be called the same.
    read
        As of `Entry`.
    """

    names: tuple[str, ...]
    full: str
    read: Read


def entries_with_pictures(
    annotations: Sequence[Annotation], pictures: Pictures, prefix: str = ""
) -> list[Entry]:
    """Find the picture of each annotation, and give each a name of its own.

    One that may belong to several pictures, and several that belong to one, raise `InputError`
    when they are read.

    Parameters
    ----------
    annotations
        In their order.
    pictures
        Where to look.
    prefix
        Goes before each name, as a folder.
    """
    found = [_found(one, pictures) for one in annotations]
    owners: dict[Path, list[str]] = defaultdict(list)
    for one, (_, files) in zip(annotations, found, strict=True):
        if files:
            owners[files[0]].append(one.full)
    entries = []
    for one, name, (_, files) in zip(annotations, _names(annotations, found), found, strict=True):
        image, read = (files[0] if files else None), one.read
        if len(files) > 1:
            read = _refuses(
                "several pictures may be meant: " + _some([str(file) for file in files]),
                "give the folder of one of them with --images",
            )
        elif image is not None and len(owners[image]) > 1:
            read = _refuses(
                "several annotations are of this picture: " + _some(owners[image]),
                "keep one of them",
            )
        entries.append(Entry(f"{prefix}/{name}" if prefix else name, image, read))
    return entries


def _found(one: Annotation, pictures: Pictures) -> tuple[str, list[Path]]:
    for name in one.names:
        if files := pictures.find(name):
            return name, files
    return one.names[-1], []


def _names(annotations: Sequence[Annotation], found: Sequence[tuple[str, list[Path]]]) -> list[str]:
    """One for each, which any file system can hold."""
    names = [bare(_inner(name)) for name, _ in found]
    for full in ([_inner(one.full) for one in annotations], range(1, len(names) + 1)):
        count = Counter(names)
        names = [
            name if count[name] == 1 else str(more) if isinstance(more, str) else f"{name} ({more})"
            for name, more in zip(names, full, strict=True)
        ]
    # A file of labels is what these paths are made for; its ending goes again.
    paths = label_paths([f"{name}.tif" for name in names])
    return [str(PurePosixPath(paths[f"{name}.tif"]).with_suffix("")) for name in names]


def _refuses(what: str, remedy: str) -> Read:
    def read(shape: tuple[int, int] | None) -> Drawn:  # noqa: ARG001 - as any other
        raise InputError(what, remedy=remedy)

    return read


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
