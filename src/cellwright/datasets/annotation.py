"""The door for annotations: what somebody drew in a picture, and a format that holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cellwright.core import registry
from cellwright.core.image import Array

__all__ = [
    "GROUP", "AnnotatedPicture", "AnnotationFormat", "Drawn", "Entry", "Source", "formats",
]  # fmt: skip

GROUP = "cellwright.annotations"


@dataclass(frozen=True, eq=False)
class Drawn:
    """Objects that somebody drew in one picture.

    Attributes
    ----------
    labels
        (Y, X) uint32, 0 is background; or (T, Y, X) or (Z, Y, X), as `axes` says.
    axes
        Of `labels`: YX, TYX or ZYX.
    classes
        From label to the name of its class, for those that have one.
    remarks
        What was changed, left out or decided in reading, one sentence each, for people: pixels
        in two objects, outlines without an inside.
    """

    labels: Array
    axes: str = "YX"
    classes: Mapping[int, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Entry:
    """One annotated picture of a source, found and not read yet.

    Attributes
    ----------
    name
        Unique within the source: a POSIX path without extension.
    image
        File of the picture; None if the source holds none of this name.
    read
        Reads what was drawn. It is given (Y, X) of the picture, which formats of outlines need,
        or None where there is no picture, and raises `InputError` for this entry alone.
    kind, group
        What sort of picture it is, and which others it belongs together with (frames of a
        movie, tiles of a photograph); empty where the source does not say.
    """

    name: str
    image: Path | None
    read: Callable[[tuple[int, int] | None], Drawn]
    kind: str = ""
    group: str = ""


@dataclass(frozen=True)
class Source:
    """Where annotations are read from.

    Attributes
    ----------
    path
        A file or folder; an archive was unpacked.
    images
        Folder of the pictures, if they are not where the format expects them.
    """

    path: Path
    images: Path | None = None


@dataclass(frozen=True, eq=False)
class AnnotatedPicture:
    """One picture of a dataset with what was drawn in it, to be written.

    Attributes
    ----------
    name
        As of `Entry`.
    image
        File of the picture, of any format that is read; one plane or a stack.
    drawn
        What belongs to it.
    kind, group
        As of `Entry`.
    """

    name: str
    image: Path
    drawn: Drawn
    kind: str = ""
    group: str = ""


@dataclass(frozen=True)
class AnnotationFormat:
    """A format of annotated pictures.

    Found by the entry point group ``cellwright.annotations``.

    Attributes
    ----------
    name
        As a user asks for it.
    title
        What it is, for lists: the programs that write it.
    recognises
        Whether a file or folder is of this format, from names and first bytes: it never raises.
    entries
        All pictures of a source, in a fixed order. Raises `InputError` or `UsageError` if the
        source as a whole cannot be used.
    write
        Writes pictures into an empty folder, one after the other as they come; None if the
        format is only read. Gives remarks on what the format cannot hold.
    axes
        Of the drawings that it can hold: those of others are not given to `write`.
    doubts
        What is doubtful in a source beside the drawings: the name of a file of it, and a sentence,
        for each. None if nothing can be.
    """

    name: str
    title: str
    recognises: Callable[[Path], bool]
    entries: Callable[[Source], list[Entry]]
    write: Callable[[Iterable[AnnotatedPicture], Path], list[str]] | None = None
    axes: tuple[str, ...] = ("YX",)
    doubts: Callable[[Source], list[tuple[str, str]]] | None = None


def formats() -> dict[str, AnnotationFormat]:
    """Load every format of annotations that is installed, by name."""
    return registry.load_all(GROUP)
