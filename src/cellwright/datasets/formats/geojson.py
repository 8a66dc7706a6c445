"""GeoJSON as QuPath exports it: a file for each picture, a feature for each object.

Coordinates are pixels of the picture at its full size, from the upper left corner of the first
pixel. What QuPath adds to the standard (RFC 7946) stands in `io.outlines_geojson`.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.core.labels import Labels
from cellwright.datasets.annotation import (
    AnnotatedPicture,
    AnnotationFormat,
    Drawn,
    Entry,
    Source,
)
from cellwright.datasets.json_files import (
    files_in,
    is_no_json,
    json_ends,
    read_bytes,
    some_ends,
    with_damaged,
)
from cellwright.datasets.pictures import Annotation, Pictures, bare, entries_with_pictures
from cellwright.datasets.sheet import Sheet, check_size
from cellwright.datasets.writing import copied, flat_name
from cellwright.io.outline import Outlined
from cellwright.io.outlines_geojson import write_geojson
from cellwright.io.polygons import joined, polygon_patch
from cellwright.io.roi_geojson import features, parse_geojson, polygons

__all__ = ["FORMAT"]

ENDINGS = (".geojson", ".geojson.gz", ".json")
LARGEST = 2**30
"""Bytes of a file, unpacked: 1 GiB holds a million cells with their measurements."""
_GEOJSON = re.compile(r'"type"\s*:\s*"(?:Feature|FeatureCollection)"')
_NO_OBJECTS = {"root", "tile", "tma_core"}
"""Types of QuPath's objects that are parts of the picture, and not something in it."""
_IGNORED = "*"
"""How classes end that QuPath does not count, as ``Region*`` and ``Ignore*``."""
_SHOWN = 3
"""Classes that a message tells."""


def _recognises(path: Path) -> bool:
    return any(_is_ours(file, text) for file, text in some_ends(path, *ENDINGS))


def _is_ours(file: Path, text: str) -> bool:
    """A file that is called so, or a ``.json`` that says so."""
    return not file.name.lower().endswith(".json") or _GEOJSON.search(text) is not None


def _entries(source: Source) -> list[Entry]:
    folder = source.path if source.path.is_dir() else source.path.parent
    pictures = Pictures(source, folder)
    files = [source.path]
    if source.path.is_dir():
        files = with_damaged(
            files_in(folder, *ENDINGS),
            lambda file: _is_ours(file, json_ends(file)),
            lambda file: bool(pictures.find(_stem(file.relative_to(folder).as_posix()))),
            is_no_json,
        )
    names = [file.relative_to(folder).as_posix() for file in files]
    found = [
        Annotation(_picture_names(_stem(name)), name, partial(_read, file))
        for file, name in zip(files, names, strict=True)
    ]
    return entries_with_pictures(found, pictures)


def _stem(name: str) -> str:
    ending = next((one for one in ENDINGS if name.lower().endswith(one)), "")
    return name[: len(name) - len(ending)]


def _picture_names(name: str) -> tuple[str, ...]:
    """What the picture may be called: as the file, or as QuPath calls a scene, ``a.tif - 3``.

    Examples
    --------
    >>> _picture_names("a.ome.tif - Series 0"), _picture_names("b - 2")
    (('a.ome.tif - Series 0', 'a.ome.tif'), ('b - 2',))
    """
    file, dash, _ = name.partition(" - ")
    is_scene = dash and bare(file) != file
    return (name, file) if is_scene else (name,)


def _read(file: Path, shape: tuple[int, int] | None) -> Drawn:
    where = str(file)
    root = parse_geojson(file, _content(file))
    sheet = Sheet(check_size(shape, (None, None), where), where)
    kinds: Counter[str] = Counter()
    ignored: Counter[str] = Counter()
    planes: set[tuple[Any, Any]] = set()
    nuclei = 0
    for number, feature in enumerate(features(file, root), 1):
        with sheet.reading(f"feature {number}"):
            properties = feature.get("properties")
            properties = properties if isinstance(properties, dict) else {}
            kind = properties.get("objectType", properties.get("object_type"))
            if kind in _NO_OBJECTS:
                sheet.leave_out(f"are parts of the picture ({kind})")
                continue
            name = _class(properties)
            if name.endswith(_IGNORED):
                ignored[name] += 1
                continue
            pieces = [polygon_patch(rings, sheet.shape) for rings in polygons(file, feature)]
            sheet.add(joined(pieces), name)
            kinds[str(kind)] += 1
            planes.add(_plane(feature["geometry"]))
            nuclei += feature.get("nucleusGeometry") is not None
    if len(planes) > 1:
        raise UnsupportedError(
            f"objects were drawn in {len(planes)} planes of a stack",
            where=where,
            remedy="export those of one plane, and give its picture",
        )
    if ignored:
        names = ", ".join(sorted(ignored)[:_SHOWN]) + (", …" if len(ignored) > _SHOWN else "")
        if not kinds:
            raise InputError(
                f"all objects have a class that QuPath does not count ({names})",
                where=where,
                remedy=f"give cells a class that does not end in {_IGNORED} and export them again, "
                "or take the file out if there are none",
            )
        sheet.leave_out(f"have a class that QuPath does not count ({names})", ignored.total())
    if nuclei:
        sheet.tell(f"nuclei that QuPath keeps within its cells were left out: {nuclei:,}")
    if kinds["annotation"] and sum(kinds.values()) > kinds["annotation"]:
        told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
        sheet.tell(f"annotations became objects as all others did: {told}")
    return sheet.finished()


def _content(file: Path) -> bytes:
    data = read_bytes(file, LARGEST)
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            data = stream.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(
            f"the file cannot be unpacked ({error})", where=str(file), remedy="export it again"
        ) from error
    if len(data) > LARGEST:
        raise UnsupportedError(f"the file unpacks to more than {LARGEST:,} bytes", where=str(file))
    return data


def _class(properties: Mapping[str, Any]) -> str:
    """Name of a class; QuPath's may be of several parts, as ``Tumour: Positive``."""
    told = properties.get("classification", properties.get("class"))
    if isinstance(told, dict):
        parts = told.get("names")
        whole = isinstance(parts, list) and all(isinstance(part, str) for part in parts)
        told = told.get("name") or (": ".join(parts) if whole and parts else "")
    return told if isinstance(told, str) else ""


def _plane(geometry: Mapping[str, Any]) -> tuple[Any, Any]:
    plane = geometry.get("plane")
    told = plane if isinstance(plane, dict) else {}
    return told.get("z") or 0, told.get("t") or 0


def _write(pictures: Iterable[AnnotatedPicture], out: Path) -> list[str]:
    """Each picture and, beside it, its objects, which may be dropped on it in QuPath."""
    import pandas as pd

    remarks = []
    for picture in pictures:
        name = flat_name(picture.name)
        plane = picture.drawn.labels
        file = copied(picture.image, out / name)
        classes = picture.drawn.classes
        table = pd.DataFrame({"label": list(classes), "class": list(classes.values())})
        with (out / f"{name}.geojson").open("wb") as stream:
            write_geojson(stream, Outlined(file.name, Labels(plane, table=table)))
        if count := sum(one.endswith(_IGNORED) for one in classes.values()):
            remarks.append(
                f"{picture.name}: {count:,} objects have a class that ends in {_IGNORED}, which "
                "QuPath does not count"
            )
    return remarks


FORMAT = AnnotationFormat(
    "geojson", "GeoJSON of QuPath: a file for each picture", _recognises, _entries, _write
)
