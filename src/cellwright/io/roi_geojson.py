"""Regions of interest as GeoJSON (RFC 7946), as QuPath exports annotations.

Coordinates are pixels of the picture at its full size, from the upper left corner of the first
pixel. Only geometry is looked at: Polygon and MultiPolygon, with holes, alone or in a Feature, a
FeatureCollection, a GeometryCollection, or a plain list of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.io.polygons import (
    Mask,
    NoAreaError,
    Rings,
    as_ring,
    check_effort,
    fill_polygon,
)

__all__ = ["LARGEST_FILE", "add_geojson", "features", "parse_geojson", "polygons"]

LARGEST_FILE = 2**26
"""Bytes: 64 MiB hold some four million points; read by Python, they take twenty times that."""
_SHOWN = 40  # characters of what was found instead, in a message
_FEWEST_POINTS = 3


def add_geojson(mask: Mask, path: Path, data: bytes) -> int:
    """Add the pixels of all polygons of a GeoJSON text to a mask, in place.

    Returns
    -------
    int
        Number of polygons.

    Raises
    ------
    UnreadableError
        If it is no JSON, no GeoJSON, or holds coordinates that are no finite numbers.
    UnsupportedError
        If it is too large, or holds points or lines, which have no area.
    """
    if len(data) > LARGEST_FILE:
        raise UnsupportedError(
            f"the GeoJSON file has {len(data):,} bytes, more than {LARGEST_FILE:,}",
            where=str(path),
            remedy="give the region as a mask image",
        )
    count = effort = 0
    for rings in polygons(path, parse_geojson(path, data)):
        count += 1
        try:
            effort += fill_polygon(mask, rings)
        except UnsupportedError as error:
            raise UnsupportedError(error.what, where=str(path), remedy=error.remedy) from error
        check_effort(effort, mask, str(path))
    return count


def parse_geojson(path: Path, data: bytes) -> Any:
    """Read the text of a GeoJSON file.

    Raises
    ------
    UnreadableError
        If it is no JSON.

    Examples
    --------
    >>> parse_geojson(Path("a.geojson"), b'{"type": "Point"}')
    {'type': 'Point'}
    """
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else error
        raise _broken(path, f"the file is no GeoJSON ({what})") from error


def features(path: Path, root: Any) -> Iterator[dict[str, Any]]:
    """Give each feature of a parsed file; a geometry that stands alone is one as well.

    Those without a geometry are passed over.

    Raises
    ------
    UnreadableError
        If something stands there that is no GeoJSON.

    Examples
    --------
    >>> line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    >>> [found] = features(Path("a.geojson"), [line])
    >>> found["geometry"] is line
    True
    """
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(reversed(part))
        elif not isinstance(part, dict):
            raise _broken(path, f"{_shown(part)} stands where a feature should")
        elif part.get("type") == "FeatureCollection":
            waiting.append(_list_of(path, part, "features"))
        elif part.get("type") == "GeometryCollection":
            waiting.append(_list_of(path, part, "geometries"))
        elif part.get("type") != "Feature":
            yield {"type": "Feature", "geometry": part, "properties": {}}
        elif part.get("geometry") is not None:
            yield part


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _broken(path: Path, what: str) -> UnreadableError:
    return UnreadableError(
        what, where=str(path), remedy="export the annotations from QuPath as GeoJSON again"
    )


def polygons(path: Path, root: Any) -> Iterator[Rings]:
    """Give the rings of each polygon of a parsed file, of a feature, or of a geometry.

    Raises
    ------
    UnreadableError
        If something stands there that is no GeoJSON.
    NoAreaError
        If there are points or lines.

    Examples
    --------
    >>> triangle = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 1]]]}
    >>> [[ring]] = polygons(Path("a.geojson"), [triangle])
    >>> len(ring)
    3
    """
    waiting = [root]  # not by recursion, which a file could exhaust
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(reversed(part))
            continue
        if not isinstance(part, dict):
            raise _broken(path, f"{_shown(part)} stands where a geometry should")
        kind = part.get("type")
        if kind == "FeatureCollection":
            waiting.append(_list_of(path, part, "features"))
        elif kind == "GeometryCollection":
            waiting.append(_list_of(path, part, "geometries"))
        elif kind == "Feature":
            if part.get("geometry") is not None:
                waiting.append(part["geometry"])
        elif kind == "Polygon":
            yield _rings(path, _list_of(path, part, "coordinates"))
        elif kind == "MultiPolygon":
            for polygon in _list_of(path, part, "coordinates"):
                if not isinstance(polygon, list):
                    raise _broken(path, f"{_shown(polygon)} stands where a polygon should")
                yield _rings(path, polygon)
        elif kind in {"Point", "MultiPoint", "LineString", "MultiLineString"}:
            raise NoAreaError(
                f"a {kind} has no area", where=str(path), remedy="draw areas only, or remove it"
            )
        else:
            raise _broken(path, f"{_shown(kind)} is no type of GeoJSON")


def _list_of(path: Path, part: dict[str, Any], name: str) -> list[Any]:
    value = part.get(name)
    if not isinstance(value, list):
        raise _broken(path, f"the {part['type']} has no list of {name}")
    return value


def _rings(path: Path, polygon: list[Any]) -> Rings:
    try:
        return [as_ring(ring, _FEWEST_POINTS) for ring in polygon]
    except (ValueError, OverflowError) as error:
        raise _broken(path, f"a polygon cannot be read ({error})") from error


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN]
