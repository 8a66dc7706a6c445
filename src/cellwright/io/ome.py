"""OME-XML: what the planes of an OME-TIFF are, and how large their pixels (OME, 2016-06)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.core.image import Spacing
from cellwright.core.units import duration_in_s, length_in_um

__all__ = ["OmeScene", "is_ome", "parse_ome"]

_FORBIDDEN = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_MOST_PLANES = 10_000_000  # ten times what one file may have pages


@dataclass(frozen=True)
class _File:
    """The file that holds the XML: its path, number of pages, samples in each, own UUID."""

    path: Path
    pages: int
    samples: int
    uuid: str | None


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
    notes: tuple[str, ...] = ()


def is_ome(description: str) -> bool:
    """Whether the description of a page is OME-XML.

    Examples
    --------
    >>> is_ome('<?xml version="1.0"?><OME></OME>')
    True
    """
    return "<OME" in description and description.rstrip().endswith("OME>")


def parse_ome(description: str, path: Path, pages: int, samples: int) -> list[OmeScene]:
    """Read the XML of an OME-TIFF.

    Parameters
    ----------
    description
        The XML; one with a document type or entities is refused, nothing outside is loaded.
    path
        The file, whose name tells its own planes from those of others.
    pages
        How many pages it has.
    samples
        Samples of a pixel in its pages.

    Raises
    ------
    UnreadableError
        If the XML is damaged, or names planes that are not there.
    UnsupportedError
        If the planes lie in other files.
    """
    if _FORBIDDEN.search(description):
        raise UnsupportedError(
            "its OME-XML has a document type, which OME never has and which could do harm",
            where=str(path),
            remedy="export it again",
        )
    try:
        root = ElementTree.fromstring(description)  # noqa: S314 (no document type, see above)
    except (ElementTree.ParseError, ValueError) as error:
        raise _broken(path, f"its OME-XML is damaged ({error})") from error
    only = next(_children(root, "BinaryOnly"), None)
    if only is not None:
        companion = only.get("MetadataFile") or "another file"
        raise _scattered(path, f"its description lies in {companion}")
    file = _File(path, pages, samples, root.get("UUID"))
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


def _broken(path: Path, what: str) -> UnreadableError:
    return UnreadableError(what, where=str(path), remedy="export the file again")


def _scattered(path: Path, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"an OME-TIFF in several files is not read by this version ({what})",
        where=str(path),
        remedy="save it as one OME-TIFF",
    )


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
    listed = list(_children(pixels, "Channel"))
    names = [channel.get("Name") or channel.get("Fluor") or "" for channel in listed]
    if samples > 1 and sizes["C"] % samples == 0:
        sizes["C"] //= samples
    elif samples > 1:
        raise _broken(path, f"its OME-XML claims {sizes['C']} channels, its pages {samples}")
    planes = _planes(pixels, sizes, file)
    complete = np.all(planes.reshape(sizes["T"], -1) >= 0, axis=1)
    frames = len(complete) if complete.all() else int(np.argmin(complete))
    notes: tuple[str, ...] = ()
    if frames == 0:
        raise _broken(
            path, f"its OME-XML lists {planes.size} planes, the file has pages for {file.pages}"
        )
    if frames < len(complete):
        notes = (f"only the first {frames} of {len(complete)} frames are in the file",)
    named = len(names) == sizes["C"] and all(names) and len(set(names)) == len(names)
    significant = pixels.get("SignificantBits")
    return OmeScene(
        name=image.get("Name", ""),
        width=sizes["X"],
        height=sizes["Y"],
        planes=planes[:frames],
        samples=samples,
        spacing=_spacing(pixels),
        interval=_interval(pixels),
        channels=tuple(names) if named else (),
        bits=int(significant) if significant else None,
        notes=notes,
    )


def _planes(
    pixels: ElementTree.Element, sizes: dict[str, int], file: _File
) -> npt.NDArray[np.int64]:
    """Page of each plane as (T, C, Z); -1 where no page is named."""
    path, pages = file.path, file.pages
    order = [axis for axis in pixels.get("DimensionOrder", "XYCZT") if axis not in "XY"]
    if sorted(order) != ["C", "T", "Z"]:
        raise _broken(path, "its OME-XML has no order of dimensions")
    # In the file's order the first named axis runs fastest, so it is the last of the array.
    shape = tuple(sizes[axis] for axis in reversed(order))
    total = math.prod(shape)
    flat = np.full(total, -1, dtype=np.int64)
    blocks = list(_children(pixels, "TiffData"))
    if not blocks:
        count = min(total, pages)
        flat[:count] = np.arange(count)
    for block in blocks:
        if _is_elsewhere(block, file, blocks):
            raise _scattered(path, "some of its planes lie in other files")
        first = {axis: int(block.get(f"First{axis}", "0")) for axis in "ZCT"}
        first["C"] //= file.samples
        if any(not 0 <= first[axis] < sizes[axis] for axis in "ZCT"):
            raise _broken(path, "its OME-XML names a plane that is not there")
        page = int(block.get("IFD", "0"))
        start = int(np.ravel_multi_index([first[axis] for axis in reversed(order)], shape))
        stated = block.get("PlaneCount")
        wanted = int(stated) if stated else (1 if block.get("IFD") else total - start)
        wanted = max(0, min(wanted, total - start, pages - page))
        if not 0 <= page < pages:
            raise _broken(path, f"its OME-XML names page {page} of {pages}")
        flat[start : start + wanted] = np.arange(page, page + wanted)
    stacked = flat.reshape(shape)
    axes = list(reversed(order))
    return stacked.transpose([axes.index(axis) for axis in "TCZ"])


def _is_elsewhere(
    block: ElementTree.Element, file: _File, blocks: list[ElementTree.Element]
) -> bool:
    """Whether a block of planes lies in another file than the one that is open."""
    named = next(_children(block, "UUID"), None)
    if named is None or (file.uuid and (named.text or "").strip() == file.uuid):
        return False
    name = named.get("FileName")
    if name is None or Path(name).name == file.path.name:
        return False
    # A file that was renamed still is the only one that its XML names.
    names = {other.get("FileName") for one in blocks for other in _children(one, "UUID")}
    return len(names) > 1 or bool(file.uuid)


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
