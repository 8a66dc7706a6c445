"""Annotations from any format to any other, picture by picture."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from cellwright.core.errors import (
    CellwrightError,
    InputError,
    RunError,
    UnreadableError,
    UnsupportedError,
    UsageError,
)
from cellwright.core.registry import find
from cellwright.datasets.annotation import (
    GROUP,
    AnnotatedPicture,
    AnnotationFormat,
    Drawn,
    Entry,
    Source,
    formats,
)
from cellwright.datasets.images_table import TABLE, with_told
from cellwright.datasets.unpacking import unpacked
from cellwright.datasets.writing import flat_name, table_text
from cellwright.engine.events import (
    CancelToken,
    Listener,
    PhaseFinished,
    PhaseStarted,
    PictureFinished,
    StepFinished,
    silent,
)
from cellwright.engine.files import run_errors
from cellwright.io.open import open_images

__all__ = [
    "AUTO",
    "Conversion",
    "Row",
    "convert",
    "drawn_in",
    "entries_of",
    "opened",
    "picture_shape",
]

AUTO = "auto"
_PHASE = "converting"
_LOOKED_INTO = 20
"""Folders in a folder of no format, in which one is looked for."""


@dataclass(frozen=True)
class Row:
    """What became of one picture: a row of ``images.csv``."""

    image: str
    name: str
    status: str
    reason: str
    n_cells: int
    kind: str
    group: str


@dataclass(frozen=True)
class Conversion:
    """What came out.

    Attributes
    ----------
    rows
        One a picture.
    remarks
        On what is doubtful in the source beside the drawings, and on what the format that was
        written cannot hold.
    source_format, to
        Names of the two formats.
    """

    rows: tuple[Row, ...]
    remarks: tuple[str, ...]
    source_format: str
    to: str

    def count(self, status: str) -> int:
        """Number of pictures of a status: done, warned, failed."""
        return sum(row.status == status for row in self.rows)


def convert(
    source: str | Path,
    out: str | Path,
    *,
    to: str = "folder",
    source_format: str = AUTO,
    images: str | Path | None = None,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> Conversion:
    """Convert annotated pictures; those that cannot be read are named, all others are written.

    Parameters
    ----------
    source
        A folder, a file, or a zip of a folder.
    out
        A folder that is not there yet, or is empty. It appears when all is done.
    to, source_format
        Names of formats; ``auto`` finds out the source's.
    images
        Folder of the pictures, where the source does not hold them. A picture belongs to the
        annotation of its name, without ending.
    listener
        Is told what goes on.
    cancel
        Stops between two pictures; nothing is left then.

    Raises
    ------
    UsageError
        If a format is not known, does not fit or cannot be written, or `out` is in use.
    InputError
        If the source as a whole cannot be read.
    RunError
        If no picture could be converted, or `out` cannot be written.
    """
    source, out = Path(source), Path(out)
    target = find(GROUP, to)
    if target.write is None:
        raise UsageError(
            f"the format {to!r} is only read",
            remedy="choose " + ", ".join(n for n, f in formats().items() if f.write is not None),
        )
    _check_out(out, source)
    with opened(source, source_format, images) as (found, entries, doubts):
        work = _Work(target, listener, cancel)
        listener(PhaseStarted(_PHASE, len(entries)))
        with run_errors(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            partial = out.parent / f".{out.name}.{uuid4().hex}"
            partial.mkdir()
        try:
            remarks = target.write(work.read(entries), partial)
            listener(PhaseFinished(_PHASE))
            if not any(row.status != "failed" for row in work.rows):
                raise RunError(
                    f"none of {len(work.rows)} pictures could be converted: "
                    f"{work.rows[0].image}: {work.rows[0].reason}",
                    where=str(source),
                )
            header = list(Row.__dataclass_fields__)
            cells = ([getattr(row, name) for name in header] for row in work.rows)
            with run_errors(out):
                (partial / TABLE).write_text(table_text(header, cells), "utf-8")
                if out.exists():
                    out.rmdir()
                partial.replace(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    told = (f"{file}: {doubt}" for file, doubt in doubts)
    return Conversion(tuple(work.rows), (*told, *remarks), found.name, to)


class _Work:
    """Reads entry after entry, and keeps a row of each."""

    def __init__(
        self, target: AnnotationFormat, listener: Listener, cancel: CancelToken | None
    ) -> None:
        self._target, self._listener, self._cancel = target, listener, cancel
        self.rows: list[Row] = []

    def read(self, entries: Sequence[Entry]) -> Iterator[AnnotatedPicture]:
        for entry in entries:
            if self._cancel is not None:
                self._cancel.check()
            picture, reason = self._one(entry)
            status = "failed" if picture is None else "warned" if reason else "done"
            n_cells = int(np.count_nonzero(np.unique(picture.drawn.labels))) if picture else 0
            name = flat_name(entry.name)
            image = entry.image.name if entry.image is not None else name
            self.rows.append(Row(image, name, status, reason, n_cells, entry.kind, entry.group))
            self._listener(StepFinished(_PHASE, image))
            self._listener(PictureFinished(image, status, reason, n_cells))
            if picture is not None:
                yield picture

    def _one(self, entry: Entry) -> tuple[AnnotatedPicture | None, str]:
        try:
            if entry.image is None:
                raise _without_picture(entry)
            drawn = drawn_in(entry, picture_shape(entry.image))
            if drawn.axes not in self._target.axes:
                raise UnsupportedError(
                    f"the format {self._target.name!r} holds no labels with the axes {drawn.axes}",
                    remedy="choose --to folder, or take the planes apart",
                )
        except CellwrightError as error:
            return None, error.reason
        picture = AnnotatedPicture(entry.name, entry.image, drawn, entry.kind, entry.group)
        return picture, "; ".join(drawn.remarks)


def drawn_in(entry: Entry, shape: tuple[int, int] | None) -> Drawn:
    """Read what was drawn; an error in a file that is not the picture names this file.

    Raises
    ------
    CellwrightError
        As the entry does.
    """
    try:
        return entry.read(shape)
    except CellwrightError as error:
        file, inside = _parted(error.where)
        if file is None or file == entry.image:
            raise
        named = f"{file.parent.name}/{file.name}{inside}: {error.what}"
        remedy = error.remedy or "correct this file, or export it again"
        raise type(error)(named, where=error.where, remedy=remedy) from error


def _parted(where: str) -> tuple[Path | None, str]:
    """The file of a place such as ``a.json (b.tif) (annotation 6)``, and what follows it."""
    end = len(where)
    while end > 0:
        try:
            if (file := Path(where[:end])).is_file():
                return file, where[end:]
        except (OSError, ValueError):  # too long for a file, or with a character that none has
            pass
        end = where.rfind(" (", 0, end)
    return None, ""


def _without_picture(entry: Entry) -> InputError:
    """Why an entry without a picture fails: its annotation is damaged, or all else is well."""
    try:
        drawn_in(entry, None)
    except UnreadableError as error:
        return error
    except InputError:
        pass
    return InputError(
        "there is no picture of this name",
        remedy="give the folder of the pictures with --images",
    )


def picture_shape(image: Path) -> tuple[int, int]:
    """(Y, X) of a picture's file, of which the pixels are not read where its format allows it.

    Raises
    ------
    InputError
        If it cannot be read, or has scenes of several sizes.
    """
    sizes = {tuple(one.size(axis) for axis in "YX") for one in open_images(image)}
    if len(sizes) != 1:
        raise InputError(f"the file has scenes of {len(sizes)} sizes", where=str(image))
    height, width = sizes.pop()
    return height, width


@contextmanager
def opened(
    path: Path, name: str = AUTO, images: str | Path | None = None
) -> Iterator[tuple[AnnotationFormat, list[Entry], list[tuple[str, str]]]]:
    """Find out the format of annotations, all of their pictures, and doubts of the format.

    A zip is unpacked as long as the ``with`` block lasts, unless a format reads it itself.

    Raises
    ------
    UsageError
        If there is no such file or format, or if several formats or none may be meant.
    InputError
        If the source cannot be used, holds nothing, or two of its pictures have one name.
    """
    if not path.exists():
        raise UsageError("there is no such file or folder", where=str(path))
    folder = Path(images) if images is not None else None
    if folder is not None and not folder.is_dir():
        raise UsageError("--images is a folder of pictures", where=str(folder))
    chosen = None if name == AUTO else find(GROUP, name)
    known = [chosen] if chosen is not None else list(formats().values())
    if path.suffix.lower() == ".zip" and not any(one.recognises(path) for one in known):
        with unpacked(path) as inner, opened(_innermost(inner), name, images) as found:
            yield found
        return
    kind = chosen or _recognised(path)
    source = Source(path, folder)
    beside = path if path.is_dir() else path.parent
    entries, doubts = with_told(entries_of(kind, source), beside)
    yield kind, entries, [*(kind.doubts(source) if kind.doubts is not None else []), *doubts]


def _innermost(folder: Path) -> Path:
    """Go into a folder that holds nothing but one folder; a zip often has one around all."""
    inner = list(folder.iterdir())
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else folder


def _recognised(path: Path) -> AnnotationFormat:
    known = formats()
    fitting = [one for one in known.values() if one.recognises(path)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(
            "this may be of several formats: " + ", ".join(one.name for one in fitting),
            where=str(path),
            remedy="name one with --from",
        )
    inner = _recognised_in(path, known.values())
    if inner is not None:
        folder, name = inner
        raise UsageError(
            f"no format of annotations is recognised here, but {name!r} in {folder.name}/",
            where=str(path),
            remedy=f"give {path.name}/{folder.name}",
        )
    raise UsageError(
        "no format of annotations is recognised here",
        where=str(path),
        remedy="give the folder that holds pictures and annotations, or name its format with "
        f"--from ({', '.join(known)})",
    )


def _recognised_in(path: Path, known: Collection[AnnotationFormat]) -> tuple[Path, str] | None:
    """The first folder in a folder that is of one format, ``train/`` before ``test/``."""
    try:
        folders = [one for one in path.iterdir() if one.is_dir()] if path.is_dir() else []
    except OSError:
        return None
    for folder in sorted(folders, key=lambda one: (one.name != "train", one.name))[:_LOOKED_INTO]:
        fitting = [one.name for one in known if one.recognises(folder)]
        if len(fitting) == 1:
            return folder, fitting[0]
    return None


def entries_of(kind: AnnotationFormat, source: Source) -> list[Entry]:
    """All pictures of a source of a format, each name once; raises as `opened` does."""
    entries = kind.entries(source)
    if not entries:
        raise InputError(
            f"there is nothing in it of the format {kind.name!r}: {kind.title}",
            where=str(source.path),
        )
    names: dict[str, Entry] = {}
    for entry in entries:
        if names.setdefault(flat_name(entry.name), entry) is not entry:
            raise InputError(
                f"two of its pictures are called {entry.name!r}",
                where=str(source.path),
                remedy="give each its own name",
            )
    return entries


def _check_out(out: Path, source: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError("the folder is not empty", where=str(out), remedy="choose another --out")
    if source.is_dir() and source.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(
            "nothing is written into what is converted",
            where=str(out),
            remedy="choose another --out",
        )
