"""OME-XML: what the planes of an OME-TIFF are, and how large their pixels (OME, 2016-06)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.core.image import Spacing
from cellwright.core.units import duration_in_s, length_in_um

__all__ = [
    "OmeDescription",
    "OmeScene",
    "companion_name",
    "describe_ome",
    "is_ome",
    "member_names",
    "parse_ome",
]

CountPages = Callable[[str], int | None]
"""Pages of another file of the same folder, by its name; None if it is not there."""

_FORBIDDEN = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_MOST_PLANES = 10_000_000  # ten times what one file may have pages


@dataclass(frozen=True)
class _File:
    """The file that holds the XML: its path, number of pages, samples in each, own UUID.

    `count` tells the pages of the other files; a file without pages is a companion.
    """

    path: Path
    pages: int
    samples: int
    uuid: str | None
    count: CountPages


@dataclass(frozen=True)
class OmeDescription:
    """What one Image of the XML says of it, but for its planes; as in `OmeScene`."""

    name: str
    spacing: Spacing
    interval: float | None
    channels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class OmeScene:
    """One Image of the XML.

    Attributes
    ----------
    name
        As in the XML; may be empty.
    width, height
        In pixels, as the XML says.
    planes
        (T, C, Z): the number of the page, counted from 0.
    files
        (T, C, Z): which of `names` holds the page.
    names
        Names of files; the first is empty and stands for the file that has the XML.
    samples
        Samples of a pixel in one page.
    spacing, interval, channels, bits
        As in `cellwright.core.image.Image`; channels may be empty.
    notes
        What had to be decided.
    """

    name: str
    width: int
    height: int
    planes: npt.NDArray[np.int64]
    samples: int
    spacing: Spacing
    interval: float | None
    channels: tuple[str, ...]
    bits: int | None
    files: npt.NDArray[np.int64]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def is_ome(description: str) -> bool:
    """Whether the description of a page is OME-XML.

    Examples
    --------
    >>> is_ome('<?xml version="1.0"?><OME></OME>')
    True
    """
    return "<OME" in description and description.rstrip().endswith("OME>")


def _root(description: str | bytes, path: Path) -> ElementTree.Element:
    """Parse XML; one with a document type or entities is refused, nothing outside is loaded."""
    text = description if isinstance(description, str) else _decoded(description)
    if _FORBIDDEN.search(text):
        raise UnsupportedError(
            "its OME-XML has a document type, which OME never has and which could do harm",
            where=str(path),
            remedy="export it again",
        )
    try:
        return ElementTree.fromstring(text)  # noqa: S314 (no document type, see above)
    except (ElementTree.ParseError, ValueError) as error:
        raise _broken(path, f"its OME-XML is damaged ({error})") from error


def _decoded(raw: bytes) -> str:
    """Text of an XML file; whatever encoding it claims, it is taken for one of these three."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def companion_name(description: str, path: Path) -> str | None:
    """Name of the file that describes this one, if its own XML says no more (BinaryOnly).

    Raises
    ------
    InputError
        If the XML is damaged, or does not name a file of the same folder.
    """
    if "BinaryOnly" not in description:
        return None
    only = next(_children(_root(description, path), "BinaryOnly"), None)
    if only is None:
        return None
    name = only.get("MetadataFile") or ""
    _check_name(name, path)
    return name


def member_names(description: str | bytes, path: Path) -> tuple[str, ...]:
    """Names of the files that the XML of `path` lists, in its order, its own among them.

    Where only a single file is named, it is `path` itself under whatever name: then this is
    empty.

    Raises
    ------
    InputError
        If the XML is damaged, or names a file outside of the folder.
    """
    root = _root(description, path)
    own = root.get("UUID")
    names: dict[str, None] = {}
    for image in _children(root, "Image"):
        for pixels in _children(image, "Pixels"):
            blocks = list(_children(pixels, "TiffData"))
            single = len(_file_names(blocks)) == 1
            for block in blocks:
                name = _elsewhere(block, path, own, single=single)
                names[path.name if name is None else name] = None
    return () if set(names) == {path.name} else tuple(names)


def _check_name(name: str, path: Path) -> None:
    """Refuse what is no name of a file of the same folder."""
    if not name or name in {".", ".."} or set(name) & set("/\\:\0"):
        raise UnsupportedError(
            f"its OME-XML names the file {name!r:.80}, which is none of the same folder",
            where=str(path),
            remedy="put all files of the picture into one folder, and name them without folders",
        )


def parse_ome(
    description: str | bytes,
    path: Path,
    pages: int,
    samples: int,
    count: CountPages = lambda name: None,  # noqa: ARG005
) -> list[OmeScene]:
    """Read the XML of an OME-TIFF.

    Parameters
    ----------
    description
        The XML; one with a document type or entities is refused, nothing outside is loaded.
    path
        The file, whose name tells its own planes from those of others.
    pages
        How many pages it has; 0 for a companion, which has the XML alone.
    samples
        Samples of a pixel in the pages.
    count
        Tells how many pages another file of the folder has.

    Raises
    ------
    UnreadableError
        If the XML is damaged, or names planes that are not there.
    UnsupportedError
        If the planes lie in files of other folders.
    """
    root = _root(description, path)
    file = _File(path, pages, samples, root.get("UUID"), count)
    scenes = []
    for image in _children(root, "Image"):
        for pixels in _children(image, "Pixels"):
            try:
                scenes.append(_scene(image, pixels, file))
            except InputError:
                raise
            except (ValueError, OverflowError) as error:
                raise _broken(path, f"its OME-XML is damaged ({error})") from error
    if not scenes:
        raise _broken(path, "its OME-XML lists no picture")
    return scenes


def describe_ome(description: str | bytes, path: Path) -> list[OmeDescription]:
    """Read what the XML says of each picture, without its planes.

    Raises
    ------
    InputError
        As `parse_ome` does.
    """
    found = []
    for image in _children(_root(description, path), "Image"):
        for pixels in _children(image, "Pixels"):
            try:
                found.append(
                    OmeDescription(
                        image.get("Name", ""),
                        _spacing(pixels),
                        _interval(pixels),
                        _names(list(_children(pixels, "Channel"))),
                    )
                )
            except (ValueError, OverflowError) as error:
                raise _broken(path, f"its OME-XML is damaged ({error})") from error
    return found


def _names(listed: Sequence[ElementTree.Element]) -> tuple[str, ...]:
    """Names of channels, or none if they are not unique; where one has no name, its number."""
    stated = [channel.get("Name") or channel.get("Fluor") or "" for channel in listed]
    names = tuple(name or str(number) for number, name in enumerate(stated))
    return names if any(stated) and len(set(names)) == len(names) else ()


def _broken(path: Path, what: str) -> UnreadableError:
    return UnreadableError(what, where=str(path), remedy="export the file again")


def _children(parent: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Children of a name, whatever the year of the schema that they belong to."""
    for child in parent:
        if child.tag.rpartition("}")[2] == name:
            yield child


def _scene(image: ElementTree.Element, pixels: ElementTree.Element, file: _File) -> OmeScene:
    path, samples = file.path, file.samples
    sizes = {axis: int(pixels.get(f"Size{axis}", "1")) for axis in "XYZCT"}
    if min(sizes.values()) < 1 or sizes["Z"] * sizes["C"] * sizes["T"] > _MOST_PLANES:
        raise _broken(path, f"its OME-XML claims impossible sizes ({sizes})")
    names = _names(list(_children(pixels, "Channel")))
    if samples > 1 and sizes["C"] % samples == 0:
        sizes["C"] //= samples
    elif samples > 1:
        raise _broken(path, f"its OME-XML claims {sizes['C']} channels, its pages {samples}")
    planes, files, others = _planes(pixels, sizes, file)
    complete = np.all(planes.reshape(sizes["T"], -1) >= 0, axis=1)
    frames = len(complete) if complete.all() else int(np.argmin(complete))
    notes: tuple[str, ...] = ()
    if frames == 0:
        if any(True for _ in _children(pixels, "BinData")) or (not file.pages and not others):
            raise UnsupportedError(
                "this OME-XML has no TIFF files with its pixels",
                where=str(path),
                remedy="export the picture as OME-TIFF",
            )
        raise _broken(
            path, f"its OME-XML lists {planes.size} planes, the file has pages for {file.pages}"
        )
    if frames < len(complete):
        notes = (f"only the first {frames} of {len(complete)} frames are in the file",)
    significant = pixels.get("SignificantBits")
    return OmeScene(
        name=image.get("Name", ""),
        width=sizes["X"],
        height=sizes["Y"],
        planes=planes[:frames],
        samples=samples,
        spacing=_spacing(pixels),
        interval=_interval(pixels),
        channels=names if len(names) == sizes["C"] else (),
        bits=int(significant) if significant else None,
        files=files[:frames],
        names=("", *others),
        notes=notes,
    )


def _planes(
    pixels: ElementTree.Element, sizes: dict[str, int], file: _File
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], tuple[str, ...]]:
    """Page of each plane as (T, C, Z), -1 where none is named; its file; names of the others."""
    path = file.path
    order = [axis for axis in pixels.get("DimensionOrder", "XYCZT") if axis not in "XY"]
    if sorted(order) != ["C", "T", "Z"]:
        raise _broken(path, "its OME-XML has no order of dimensions")
    # In the file's order the first named axis runs fastest, so it is the last of the array.
    shape = tuple(sizes[axis] for axis in reversed(order))
    total = math.prod(shape)
    flat = np.full(total, -1, dtype=np.int64)
    holders = np.zeros(total, dtype=np.int64)
    blocks = list(_children(pixels, "TiffData"))
    if not blocks:
        number = min(total, file.pages)
        flat[:number] = np.arange(number)
    others: dict[str, int] = {}
    single = len(_file_names(blocks)) == 1
    for block in blocks:
        name = _elsewhere(block, path, file.uuid, single=single)
        first = {axis: int(block.get(f"First{axis}", "0")) for axis in "ZCT"}
        first["C"] //= file.samples
        if any(not 0 <= first[axis] < sizes[axis] for axis in "ZCT"):
            raise _broken(path, "its OME-XML names a plane that is not there")
        page = int(block.get("IFD", "0"))
        start = int(np.ravel_multi_index([first[axis] for axis in reversed(order)], shape))
        stated = block.get("PlaneCount")
        # Of a file that is not there, the planes that were meant can only be believed.
        pages = file.pages if name is None else file.count(name)
        absent = pages is None
        if pages is None:
            pages = page + (int(stated) if stated else 1)
        wanted = int(stated) if stated else (1 if block.get("IFD") else total - start)
        wanted = max(0, min(wanted, total - start, pages - page))
        if not 0 <= page < pages:
            if name is None and not file.pages:
                raise _broken(path, "its OME-XML does not say in which file its planes are")
            raise _broken(path, f"its OME-XML names page {page} of {pages}")
        if absent and not 0 < wanted <= total:
            raise _broken(path, "its OME-XML names planes that are none")
        flat[start : start + wanted] = np.arange(page, page + wanted)
        holder = 0 if name is None else others.setdefault(name, len(others) + 1)
        holders[start : start + wanted] = holder
    axes = list(reversed(order))
    turn = [axes.index(axis) for axis in "TCZ"]
    return flat.reshape(shape).transpose(turn), holders.reshape(shape).transpose(turn), (*others,)


def _elsewhere(
    block: ElementTree.Element, path: Path, own: str | None, *, single: bool
) -> str | None:
    """Name of the other file that holds a block of planes; None if it is the one that is open."""
    named = next(_children(block, "UUID"), None)
    if named is None or (own and (named.text or "").strip() == own):
        return None
    name = named.get("FileName")
    if name is None or re.split(r"[/\\]", name)[-1] == path.name:
        return None
    # A file that was renamed still is the only one that its XML names.
    if single and not own and not _is_companion(path):
        return None
    _check_name(name, path)
    return name


def _file_names(blocks: Sequence[ElementTree.Element]) -> set[str | None]:
    return {other.get("FileName") for one in blocks for other in _children(one, "UUID")}


def _is_companion(path: Path) -> bool:
    return path.suffix.lower() in {".ome", ".xml"}


def _positive(text: str | None, scale: float | None) -> float | None:
    if text is None or scale is None:
        return None
    value = float(text) * scale
    return value if 0 < value < math.inf else None


def _spacing(pixels: ElementTree.Element) -> Spacing:
    found = {}
    for axis in "ZYX":
        unit = length_in_um(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        found[axis.lower()] = _positive(pixels.get(f"PhysicalSize{axis}"), unit)
    return Spacing(**found)


def _interval(pixels: ElementTree.Element) -> float | None:
    """Seconds between frames: as stated, else from the times of the first and last plane."""
    unit = duration_in_s(pixels.get("TimeIncrementUnit", "s"))
    stated = _positive(pixels.get("TimeIncrement"), unit)
    if stated is not None:
        return stated
    times = {
        int(plane.get("TheT", "0")): float(plane.get("DeltaT", "nan"))
        * (duration_in_s(plane.get("DeltaTUnit", "s")) or math.nan)
        for plane in _children(pixels, "Plane")
        if plane.get("TheC", "0") == "0" and plane.get("TheZ", "0") == "0"
    }
    if len(times) < 2:
        return None
    first, last = min(times), max(times)
    interval = (times[last] - times[first]) / (last - first)
    return interval if 0 < interval < math.inf else None
