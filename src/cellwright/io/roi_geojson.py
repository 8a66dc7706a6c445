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

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.io.polygons import Mask, Rings, check_effort, fill_polygon

__all__ = ["LARGEST_FILE", "add_geojson"]

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
    try:
        root = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else error
        raise _broken(path, f"the file is no GeoJSON ({what})") from error
    count = effort = 0
    for rings in _polygons(path, root):
        count += 1
        try:
            effort += fill_polygon(mask, rings)
        except UnsupportedError as error:
            raise UnsupportedError(error.what, where=str(path), remedy=error.remedy) from error
        check_effort(effort, mask, str(path))
    return count


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _broken(path: Path, what: str) -> UnreadableError:
    return UnreadableError(
        what, where=str(path), remedy="export the annotations from QuPath as GeoJSON again"
    )


def _polygons(path: Path, root: Any) -> Iterator[Rings]:
    """Walk through all that may hold a geometry; not by recursion, which a file could exhaust."""
    waiting = [root]
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
            raise UnsupportedError(
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
    rings = []
    for ring in polygon:
        try:
            points = np.asarray(ring)
            if points.dtype.kind not in "if" or points.ndim != 2 or points.shape[1] < 2:
                raise ValueError("a ring is a list of pairs of numbers")
            points = points[:, :2].astype(np.float64)
            if len(points) < _FEWEST_POINTS or not np.isfinite(points).all():
                raise ValueError("a ring has at least three points, all of them finite")
        except (ValueError, OverflowError) as error:
            raise _broken(path, f"a polygon cannot be read ({error})") from error
        rings.append(points)
    return rings


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN]
