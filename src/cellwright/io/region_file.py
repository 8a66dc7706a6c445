"""Regions of interest on disk: found beside the name of a picture, and read to a mask."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError, UsageError
from cellwright.core.image import Array
from cellwright.io.open import known_extensions, open_images, split_scene
from cellwright.io.polygons import Mask, check_effort
from cellwright.io.roi_fiji import ROI_MAGIC, ZIP_MAGIC, add_roi, roi_files
from cellwright.io.roi_geojson import LARGEST_FILE, add_geojson

__all__ = ["DRAWN_EXTENSIONS", "find_region", "read_region"]

DRAWN_EXTENSIONS = (".roi", ".zip", ".geojson", ".json")
"""Regions that were drawn, other than mask images."""

LARGEST_DRAWN = 2**28
"""Bytes of a file of ROIs: 256 MiB, packed."""
_HEAD = 512
_JPEG = b"\xff\xd8\xff"
_JSON = (b"{", b"[")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def find_region(folder_or_file: Path | str, image: str) -> Path | None:
    """Find the file with the region of interest of a picture.

    Parameters
    ----------
    folder_or_file
        A file, which is for all pictures; or a folder with one file a picture, of the same
        relative path but for its extension: ``.roi``, ``.zip``, ``.geojson``, ``.json``, or
        that of any picture. ``a/b.tif.roi`` goes before ``a/b.roi``; a scene ``a/b.nd2::3``
        has ``a/b.nd2__3.roi``, then ``a/b__3.roi``, then those of its file.
    image
        Identity of the picture.

    Returns
    -------
    pathlib.Path or None
        None if the folder has none for this picture.

    Raises
    ------
    UsageError
        If there is no such file or folder, or if there are two for one picture.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "b.roi").touch()
    ...     find_region(folder, "b.tif").name, find_region(folder, "c.tif")
    ('b.roi', None)
    """
    place = Path(folder_or_file)
    if place.is_file():
        return place
    if not place.is_dir():
        raise UsageError("there is no such file or folder of regions", where=str(place))
    file, _, scene = image.partition("::")
    path = PurePosixPath(file)
    if ".." in path.parts or path.is_absolute():
        return None
    scene = "__" + scene.replace("/", "%2F") if scene else ""
    stems = [path.name + scene, path.stem + scene, path.name, path.stem]
    try:
        there = sorted(entry.name for entry in os.scandir(place / path.parent) if entry.is_file())
    except OSError:
        return None
    known = known_extensions() | set(DRAWN_EXTENSIONS)
    for stem in dict.fromkeys(stems):
        names = [
            name
            for name in there
            if name.startswith(stem + ".") and name[len(stem) :].lower() in known
        ]
        if len(names) > 1:
            raise UsageError(
                f"there are {len(names)} regions for one picture: {', '.join(names)}",
                where=image,
                remedy=f"keep one of them in {place / path.parent}",
            )
        if names:
            return place / path.parent / names[0]
    return None


def read_region(path: Path | str, shape: tuple[int, int], image: str) -> Mask:
    """Read a region of interest, as the pixels of a picture that lie in it.

    The content decides what it is: a ROI of ImageJ or a zip of them, GeoJSON, or else a mask
    image of the picture's size, in which 0 is outside (labels are joined). Several ROIs or
    polygons are joined as well; none is ever taken away, whatever its name is. A pixel belongs to
    what was drawn if its middle does.

    Parameters
    ----------
    path
        The file; of a file with several scenes, ``file::scene``.
    shape
        (Y, X) of the picture.
    image
        Identity of the picture, for messages.

    Returns
    -------
    array
        (Y, X) bool, True at one pixel at least.

    Raises
    ------
    UnreadableError
        If the file is missing or damaged, its mask has another size, or no pixel of the picture
        lies in the region.
    UnsupportedError
        If it asks for what is not there: curves, lines, a movie.

    Examples
    --------
    >>> import tempfile
    >>> text = '{"type": "Polygon", "coordinates": [[[1, 0], [3, 0], [3, 2], [1, 2], [1, 0]]]}'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "b.geojson")
    ...     _ = path.write_text(text)
    ...     read_region(path, (2, 4), "b.tif").astype(int).tolist()
    [[0, 1, 1, 0], [0, 1, 1, 0]]
    """
    path = Path(path)
    head = _head(path)
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if head.startswith((ROI_MAGIC, ZIP_MAGIC)):
        mask = np.zeros(shape, bool)
        effort = 0
        for name, data in roi_files(path, _content(path, LARGEST_DRAWN)):
            effort += add_roi(mask, path, name, data)
            check_effort(effort, mask, str(path))
    elif text.startswith(_JSON):
        mask = np.zeros(shape, bool)
        if add_geojson(mask, path, _content(path, LARGEST_FILE)) == 0:
            raise UnreadableError(
                "the file holds no polygon",
                where=str(path),
                remedy="draw the region as an area, and export it again",
            )
    else:
        mask = _read_mask(path, shape, image)
    if not mask.any():
        raise UnreadableError(
            f"no pixel of the picture {image} lies in the region: it is empty, or outside of "
            f"the picture's {shape[0]} rows and {shape[1]} columns",
            where=str(path),
            remedy="draw it on this picture, in pixels",
        )
    return mask


def _head(path: Path) -> bytes:
    """The first bytes of a plain file; nothing of what is none, or is named with a scene."""
    if not path.is_file():
        return b""
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD)
    except OSError as error:
        raise _failed(path, error) from error


def _content(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise _failed(path, error) from error
    if len(data) > limit:
        raise UnsupportedError(
            f"the region's file has more than {limit:,} bytes",
            where=str(path),
            remedy="give the region as a mask image",
        )
    return data


def _failed(path: Path, error: OSError) -> UnreadableError:
    return UnreadableError(
        f"the region's file cannot be read ({error.strerror or error})", where=str(path)
    )


def _read_mask(path: Path, shape: tuple[int, int], image: str) -> Mask:
    file, wanted = split_scene(path)
    scenes = open_images(file)
    chosen = [scene for scene in scenes if not wanted or scene.source.scene == wanted]
    if len(chosen) != 1:
        raise UnreadableError(
            f"the file has {len(scenes)} scenes, a region is one picture",
            where=str(path),
            remedy="name one as file::scene, or save it by itself",
        )
    picture = chosen[0]
    size = (picture.size("Y"), picture.size("X"))
    if size != tuple(shape):
        raise UnreadableError(
            f"the mask has {size[0]} rows and {size[1]} columns, the picture {image} has "
            f"{shape[0]} and {shape[1]}",
            where=str(path),
            remedy="draw the region on this picture, at its full size",
        )
    if any(picture.size(axis) > 1 for axis in "TCZ"):
        raise UnsupportedError(
            f"a region is one plane, not a picture with axes {picture.axes}",
            where=str(path),
            remedy="save one plane of it",
        )
    if _head(Path(file)).startswith(_JPEG):
        raise UnsupportedError(
            "a JPEG blurs the edge of a mask, so that its 0 is no longer 0",
            where=str(path),
            remedy="save the mask as PNG or TIFF",
        )
    for axis in "TCZ":
        picture = picture.take(axis, 0)
    return _nonzero(picture.pixels(), where=str(path))


def _nonzero(pixels: Array, where: str) -> Mask:
    if not np.isfinite(pixels).all():
        raise UnreadableError("the mask has pixels that are NaN or infinite", where=where)
    inside: Mask = pixels != 0
    return np.asarray(inside.any(axis=-1)) if inside.ndim == 3 else inside
