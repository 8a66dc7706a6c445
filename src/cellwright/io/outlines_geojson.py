"""Outlines as GeoJSON (RFC 7946), as QuPath imports objects.

Coordinates are pixels of the picture at its full size, from the upper left corner of the first
pixel, as QuPath wants them; so in the sense of the RFC the ``y`` runs downwards. Members that
QuPath reads beyond the RFC (its ``PathObjectTypeAdapters.java``, 0.4 and later): the feature's
``id`` is a UUID, ``properties`` hold ``objectType``, ``name``, ``classification`` and
``measurements`` (name to number), and the geometry's ``plane`` says the frame.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from cellwright.io.names import legible
from cellwright.io.outline import FrameCells, Outlined, OutlineWriter, write_items
from cellwright.io.tracing import Integers, Outline, trace_outlines

__all__ = ["WRITER", "write_geojson"]

_ANY_CHANNEL = -1  # qupath.lib.regions.ImagePlane


def write_geojson(stream: BinaryIO, outlined: Outlined) -> None:
    """Write a FeatureCollection with one detection a label, a line each.

    A detection is called by its label. Its ``id`` is the name-based UUID (RFC 9562, version 5)
    of ``image#frame#kind#label``: the same whenever it is written. Measurements that are
    not finite are left out, for JSON has no word for them.

    Parameters
    ----------
    stream
        Where to, as UTF-8.
    outlined
        What to.

    Examples
    --------
    >>> import io, json
    >>> from cellwright.core.labels import Labels
    >>> stream = io.BytesIO()
    >>> write_geojson(stream, Outlined("a.tif", Labels(np.array([[0, 42]]))))
    >>> [feature] = json.loads(stream.getvalue())["features"]
    >>> feature["properties"]["name"], feature["geometry"]["coordinates"]
    ('42', [[[1, 0], [2, 0], [2, 1], [1, 1], [1, 0]]])
    """
    write_items(stream, b'{"type":"FeatureCollection","features":[', _features(outlined))


def _features(outlined: Outlined) -> Iterator[dict[str, Any]]:
    for frame, plane in outlined.frames():
        cells = outlined.frame_cells(frame)
        for outline in trace_outlines(plane):
            yield _feature(outlined, cells, frame, outline)


def _feature(outlined: Outlined, cells: FrameCells, frame: int, outline: Outline) -> dict[str, Any]:
    label = outline.label
    polygons = [[_closed(ring) for ring in polygon] for polygon in outline.polygons]
    geometry: dict[str, Any] = (
        {"type": "Polygon", "coordinates": polygons[0]}
        if len(polygons) == 1
        else {"type": "MultiPolygon", "coordinates": polygons}
    )
    if outlined.is_movie:
        geometry["plane"] = {"c": _ANY_CHANNEL, "z": 0, "t": frame}
    properties: dict[str, Any] = {"objectType": "detection", "name": str(label)}
    if label in cells.classes:
        properties["classification"] = {"name": cells.classes[label]}
    if measurements := cells.measurements(label):
        properties["measurements"] = measurements
    name = f"{legible(outlined.image)}#{frame}#{outlined.kind}#{label}"
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, name)
    return {
        "type": "Feature",
        "id": str(identifier),
        "geometry": geometry,
        "properties": properties,
    }


def _closed(ring: Integers) -> Any:
    return np.concatenate([ring, ring[:1]]).tolist()


WRITER = OutlineWriter("geojson", ".geojson", write_geojson)
"""Detections for QuPath, and for whatever reads GeoJSON."""
