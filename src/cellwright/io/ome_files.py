"""OME-TIFF in one file or in several: the pages of each picture, wherever they lie.

The XML that says so stands in each of the files, in the first of them, or in a companion
(``X.companion.ome``), which the others then name (OME-TIFF specification, "Multi-file
OME-TIFF filesets"). All files of a picture lie in one folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.core.image import Image
from cellwright.io import tiff_directory as tags
from cellwright.io.ome import OmeScene, companion_name, is_ome, member_names, parse_ome
from cellwright.io.reader import Reader
from cellwright.io.tiff_directory import Directory, read_directories, read_directory, read_header
from cellwright.io.tiff_image import Layout, broken, scene_image

__all__ = ["READER", "absorb_members", "open_ome"]

_MOST_XML = 2**28  # bytes: a million planes take about 200 MB of XML
_PEEK = 2**20  # bytes of an XML file in which the first name of a file is looked for
_COMPANION = ".companion.ome"
_TIFF = (".tif", ".tiff", ".tf2", ".tf8", ".btf")
_NAMED = 5  # missing files that a message names


class _Members:
    """The files of one folder that a description names, each read once."""

    def __init__(self, path: Path, pages: Sequence[Directory]) -> None:
        self.folder = path.parent
        self.known: dict[str, list[Directory] | None] = {"": list(pages)}

    def pages(self, name: str) -> list[Directory] | None:
        """Pages of a file; None if it is not there."""
        if name not in self.known:
            path = self.folder / name
            self.known[name] = None
            if path.is_file():
                try:
                    with path.open("rb") as file:
                        self.known[name] = read_directories(path, file)[1]
                except OSError as error:
                    if isinstance(error, InputError):
                        raise
                    raise broken(path, f"the file cannot be read ({error.strerror})") from error
        return self.known[name]

    def count(self, name: str) -> int | None:
        """Count the pages of a file; None if it is not there."""
        pages = self.pages(name)
        return None if pages is None else len(pages)


def open_ome(path: Path, description: str, pages: Sequence[Directory]) -> list[Image]:
    """Open an OME-TIFF, with what it has in other files.

    Parameters
    ----------
    path
        The file, which lies beside the others.
    description
        Its XML; where that only names a companion, the companion is read instead.
    pages
        Its pages.

    Raises
    ------
    UnreadableError
        If the XML is damaged, the companion is missing, or a page is not what the XML says.
    UnsupportedError
        If the XML names files of other folders.
    """
    name = companion_name(description, path)
    if name is None:
        return _open_described(path, description, pages, (path,))
    companion = path.parent / name
    if not companion.is_file():
        raise UnreadableError(
            f"its description lies in {name}, which is not there",
            where=str(path),
            remedy="copy the companion into the same folder",
        )
    text = _read_xml(companion)
    if path.name not in member_names(text, companion):
        raise broken(path, f"its companion {name} does not list it")
    return _open_described(companion, text, (), (companion,))


def _read_xml(path: Path) -> bytes:
    """Read an XML file of a size that makes sense."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_XML + 1)
    except OSError as error:
        raise broken(path, f"the file cannot be read ({error.strerror})") from error
    if len(raw) > _MOST_XML:
        raise UnsupportedError(
            "its OME-XML is longer than 256 MiB", where=str(path), remedy="export it as OME-TIFF"
        )
    return raw


def _open_described(
    path: Path, description: str | bytes, pages: Sequence[Directory], own: tuple[Path, ...]
) -> list[Image]:
    """Open what the XML of `path` describes; `own` are the files that hold the XML."""
    members = _Members(path, pages)
    names = () if pages else _checked_members(description, path)
    first = list(pages) or next(filter(None, map(members.pages, names)), [])
    if not first:
        raise UnreadableError(
            f"none of its files is there ({_some(list(names))})",
            where=str(path),
            remedy="copy the TIFF files into the same folder",
        )
    samples = first[0].structure.samples
    scenes = parse_ome(description, path, len(pages), samples, members.count)
    return [_scene_image(path, scene, members, own) for scene in scenes]


def _checked_members(description: bytes | str, path: Path) -> tuple[str, ...]:
    names = member_names(description, path)
    if not names:
        raise UnsupportedError(
            "this OME-XML has no TIFF files with its pixels",
            where=str(path),
            remedy="export the picture as OME-TIFF",
        )
    return names


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def _scene_image(path: Path, scene: OmeScene, members: _Members, own: tuple[Path, ...]) -> Image:
    paths = [path if not name else members.folder / name for name in scene.names]
    places = np.full(scene.planes.shape, -1, dtype=np.int64)
    by_place: dict[tuple[int, int], Directory] = {}
    missing = []
    used = []
    for number, name in enumerate(scene.names):
        here = scene.files == number
        if not here.any():
            continue
        pages = members.pages(name)
        if pages is None:
            missing.append(name)
            continue
        used.append(paths[number])
        offsets = np.array([page.offset for page in pages], dtype=np.int64)
        places[here] = offsets[scene.planes[here]]
        by_place |= {(number, page.offset): page for page in pages}
        wrong = next(
            (
                page.structure
                for page in (pages[int(n)] for n in np.unique(scene.planes[here]))
                if (page.structure.width, page.structure.length) != (scene.width, scene.height)
            ),
            None,
        )
        if wrong is not None:
            raise broken(
                path,
                f"its OME-XML claims {scene.width} × {scene.height} pixels, "
                f"its pages have {wrong.width} × {wrong.length}" + (f" in {name}" if name else ""),
            )
    notes = scene.notes
    if missing:
        notes = (*notes, f"files with some of its planes are not there: {_some(missing)}")
    several = len(paths) > 1
    layout = Layout(
        pages=places,
        spacing=scene.spacing,
        interval=scene.interval,
        channels=scene.channels,
        bits=scene.bits,
        scene=scene.name,
        notes=notes,
        index_is_value=True,
        files=scene.files if several else None,
        paths=tuple(paths) if several else (),
        members=tuple(sorted({str(member) for member in (*own, *used)})) if several else (),
    )
    return scene_image(path, layout, by_place, next(iter(by_place.values()), None))


def absorb_members(paths: Sequence[Path]) -> set[Path]:
    """Find, among files, those that belong to the picture of another of them.

    Only a TIFF whose name has ``.ome.`` in it, or that lies beside a companion, is looked
    into, and only its first description is read. Of each picture one file stays: its
    companion, else the first of its list that is among `paths`.

    Parameters
    ----------
    paths
        Files that were found.

    Returns
    -------
    set of Path
        Those of `paths` that are no picture of their own. What cannot be read stays one, and
        fails when it is opened.
    """
    by_folder: dict[str, dict[str, Path]] = {}
    for path in paths:
        by_folder.setdefault(os.path.abspath(path.parent), {})[path.name] = path  # noqa: PTH100
    absorbed: set[Path] = set()
    for names in by_folder.values():
        beside = any(name.lower().endswith(_COMPANION) for name in names)
        taken: set[str] = set()
        for name in sorted(names, key=lambda n: (not n.lower().endswith(_COMPANION), n)):
            if name in taken or not _may_share(name, beside):
                continue
            members = [member for member in _listed(names[name]) if member in names]
            if len(members) > 1 or (members and members != [name]):
                stays = name if name.lower().endswith(".ome") else members[0]
                if stays != name and name not in _listed(names[stays]):
                    stays = name  # the first of the list knows nothing of the others
                gone = {member for member in members if member != stays}
                if stays not in members and name != stays:
                    gone.add(name)
                taken |= {*members, name}
                absorbed |= {names[member] for member in gone}
    return absorbed


def _may_share(name: str, beside: bool) -> bool:
    lower = name.lower()
    if lower.endswith(".ome"):
        return True
    return lower.endswith(_TIFF) and (beside or ".ome." in lower)


def _listed(path: Path) -> tuple[str, ...]:
    """Names of the files that are one picture with `path`; empty if it is one by itself."""
    try:
        if path.suffix.lower() == ".ome":
            return member_names(_read_xml(path), path)
        with path.open("rb") as file:
            header = read_header(path, file)
            page, _ = read_directory(path, file, header, header.first)
        description = page.text(tags.DESCRIPTION)
        if not is_ome(description):
            return ()
        companion = companion_name(description, path)
        if companion is None:
            return member_names(description, path) if "FileName" in description else ()
        beside = path.parent / companion
        if not beside.is_file():
            return ()
        names = member_names(_read_xml(beside), beside)
        return names if path.name in names else ()
    except (InputError, OSError):
        return ()


def _recognise(head: bytes, path: Path) -> bool:
    """OME-XML that names files; other XML of OME describes what lies elsewhere."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"<") or b"<OME" not in head.replace(b"<OME:OME", b"<OME"):
        return False
    if path.suffix.lower() == ".ome":
        return True
    with path.open("rb") as file:
        return b"FileName=" in file.read(_PEEK)


def _open(path: Path) -> list[Image]:
    return _open_described(path, _read_xml(path), (), (path,))


READER = Reader("OME-TIFF companion", (".ome",), _recognise, _open)
"""The XML beside an OME-TIFF in several files."""
