"""Outlines: what is written for Fiji, QuPath and COCO comes back as the same pixels."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import roifile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.path import Path as Line
from scipy.ndimage import label as pieces

from cellwright.core.errors import UnsupportedError, UsageError
from cellwright.core.labels import Labels
from cellwright.io.outline import Outlined, OutlineWriter
from cellwright.io.outlines_coco import WRITER as COCO
from cellwright.io.outlines_coco import encode_masks
from cellwright.io.outlines_fiji import LARGEST_SHORT, encode_roi
from cellwright.io.outlines_fiji import WRITER as FIJI
from cellwright.io.outlines_geojson import WRITER as GEOJSON
from cellwright.io.tracing import trace_outlines

LabelImage = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]

NUMBERS = np.array([0, 0, 1, 2, 7, 70_000, 2**32 - 1], np.uint32)
LABELS = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: arrays.arrays(np.uint8, shape, elements=st.integers(0, len(NUMBERS) - 1))
)
BLOCKY = st.tuples(st.integers(1, 8), st.integers(1, 8)).flatmap(
    lambda shape: arrays.arrays(np.uint8, shape, elements=st.sampled_from([0, 2, 2, 2, 2, 4]))
)
"""Mostly one label: holes, holes that touch at corners, and islands in them."""


def _fill(rings: list[Any], shape: tuple[int, int]) -> Mask:
    """Pixels whose middle an odd number of rings goes around, by matplotlib."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    middles = np.stack([x.ravel() + 0.5, y.ravel() + 0.5], axis=1)
    inside = np.zeros(len(middles), int)
    for ring in rings:
        inside += Line(np.asarray(ring, float)).contains_points(middles)
    return np.asarray(inside % 2 == 1).reshape(shape)


def _bytes(writer: OutlineWriter, labels: Any, **known: Any) -> bytes:
    stream = io.BytesIO()
    axes = "TYX" if np.asarray(labels).ndim == 3 else "YX"
    writer.write(stream, Outlined("a/b.tif", Labels(labels, axes), **known))
    return stream.getvalue()


def _rois(data: bytes) -> dict[str, roifile.ImagejRoi]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            name: roifile.ImagejRoi.frombytes(archive.read(name)) for name in archive.namelist()
        }


def _decoded(segmentation: dict[str, Any]) -> Mask:
    """Undo COCO's compressed run lengths, character by character, as its format is told."""
    counts: list[int] = []
    number = shift = 0
    for character in segmentation["counts"]:
        bits = ord(character) - 48
        number |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                number -= 1 << shift
            counts.append(number + (counts[-2] if len(counts) > 2 else 0))
            number = shift = 0
    height, width = segmentation["size"]
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


@settings(max_examples=150, deadline=None)
@given(st.one_of(LABELS, BLOCKY))
def test_outlines_hold_exactly_their_pixels(index: npt.NDArray[np.uint8]) -> None:
    labels = NUMBERS[index]
    outlines = list(trace_outlines(labels))
    assert [o.label for o in outlines] == [int(n) for n in np.unique(labels) if n]
    for outline in outlines:
        mask = labels == outline.label
        rings = list(outline.rings)
        np.testing.assert_array_equal(_fill(rings, labels.shape), mask)
        assert len(outline.polygons) == pieces(mask)[1]
        for polygon in outline.polygons:
            for number, ring in enumerate(polygon):
                assert len(np.unique(ring, axis=0)) == len(ring)  # no point is visited twice
                y, x = ring[:, 1], ring[:, 0]
                area = int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) // 2
                assert (area > 0) == (number == 0)
            # A hole belongs to the piece that it is a hole of.
            filled = _fill(list(polygon), labels.shape)
            assert pieces(filled)[1] == 1
            assert not (filled & ~mask).any()


@settings(max_examples=80, deadline=None)
@given(st.one_of(LABELS, BLOCKY))
def test_all_three_formats_come_back(index: npt.NDArray[np.uint8]) -> None:
    labels = NUMBERS[index]
    found = [int(number) for number in np.unique(labels) if number]

    rois = _rois(_bytes(FIJI, labels))
    assert list(rois) == [f"{number}.roi" for number in found]
    for number in found:
        roi = rois[f"{number}.roi"]
        assert roi.name == str(number)
        rings = roi.coordinates(multi=True)
        assert isinstance(rings, list)
        np.testing.assert_array_equal(_fill(rings, labels.shape), labels == number)

    features = json.loads(_bytes(GEOJSON, labels))["features"]
    assert [feature["properties"]["name"] for feature in features] == list(map(str, found))
    for number, feature in zip(found, features, strict=True):
        geometry = feature["geometry"]
        parts = geometry["coordinates"]
        polygons = [parts] if geometry["type"] == "Polygon" else parts
        rings = [ring for polygon in polygons for ring in polygon]
        assert all(ring[0] == ring[-1] for ring in rings)
        np.testing.assert_array_equal(_fill(rings, labels.shape), labels == number)

    annotations = json.loads(_bytes(COCO, labels))["annotations"]
    assert [annotation["id"] for annotation in annotations] == found
    for number, annotation in zip(found, annotations, strict=True):
        mask = labels == number
        np.testing.assert_array_equal(_decoded(annotation["segmentation"]), mask)
        assert annotation["area"] == mask.sum()
        left, top, width, height = annotation["bbox"]
        assert mask[top : top + height, left : left + width].sum() == mask.sum()
        assert mask.any(axis=0).sum() <= width == np.ptp(np.flatnonzero(mask.any(axis=0))) + 1
        assert mask.any(axis=1).sum() <= height == np.ptp(np.flatnonzero(mask.any(axis=1))) + 1


def test_a_piece_in_a_hole_is_a_piece_of_its_own() -> None:
    labels = np.ones((7, 9), np.uint32)
    labels[1:6, 1:8] = 0
    labels[2:5, 2:7] = 1
    labels[3, 3:6] = 0
    [outline] = trace_outlines(labels)
    sizes = [[np.ptp(ring, axis=0).tolist() for ring in polygon] for polygon in outline.polygons]
    assert sizes == [[[9, 7], [7, 5]], [[5, 3], [3, 1]]]


def test_a_picture_larger_than_a_band_has_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.random.default_rng(3).integers(0, 4, (40, 23)).astype(np.uint32)
    whole = [(o.label, [r.tolist() for r in o.rings]) for o in trace_outlines(labels)]
    masks = list(encode_masks(labels))
    monkeypatch.setattr("cellwright.io.tracing.BAND_PIXELS", 50)
    monkeypatch.setattr("cellwright.io.outlines_coco.BAND_PIXELS", 50)
    assert [(o.label, [r.tolist() for r in o.rings]) for o in trace_outlines(labels)] == whole
    assert list(encode_masks(labels)) == masks


@pytest.mark.parametrize("writer", [FIJI, GEOJSON, COCO], ids=lambda writer: writer.name)
def test_equal_input_gives_equal_bytes_also_where_there_is_nothing(writer: OutlineWriter) -> None:
    labels = np.zeros((5, 6), np.uint32)
    empty = _bytes(writer, labels)
    assert empty == _bytes(writer, labels)
    if writer is FIJI:
        assert _rois(empty) == {}
    else:
        assert json.loads(empty)["features" if writer is GEOJSON else "annotations"] == []
    labels[1:3, 2:4] = 3
    assert _bytes(writer, labels) == _bytes(writer, labels.copy())


def test_a_movie_says_the_frame() -> None:
    movie = np.zeros((3, 4, 5), np.uint32)
    movie[0, 1, 1], movie[2, 2, 2:4], movie[2, 0, 0] = 5, 5, 9
    rois = _rois(_bytes(FIJI, movie))
    assert list(rois) == ["t0-5.roi", "t2-5.roi", "t2-9.roi"]
    assert [(roi.position, roi.t_position) for roi in rois.values()] == [(1, 1), (3, 3), (3, 3)]
    features = json.loads(_bytes(GEOJSON, movie))["features"]
    assert [f["geometry"]["plane"]["t"] for f in features] == [0, 2, 2]
    assert len({f["id"] for f in features}) == 3
    coco = json.loads(_bytes(COCO, movie))
    assert [a["id"] for a in coco["annotations"]] == [1, 2, 3]
    assert [(a["label"], a["image_id"]) for a in coco["annotations"]] == [(5, 1), (5, 3), (9, 3)]
    assert [image["id"] for image in coco["images"]] == [1, 2, 3]


def test_measurements_and_classes_are_told_and_nan_is_not() -> None:
    labels = np.array([[4, 0, 9], [4, 0, 9]], np.uint32)
    cells = pd.DataFrame(
        {
            "image": ["x", "x", "x"],
            "frame": [0, 0, 1],
            "label": [9, 4, 4],
            "area_px": [2.0, np.nan, 77.0],
            "touches_border": [True, True, True],
            "class": ["dead", "", "live"],
        }
    )
    stream = io.BytesIO()
    GEOJSON.write(stream, Outlined("x", Labels(labels), cells))
    four, nine = (f["properties"] for f in json.loads(stream.getvalue())["features"])
    assert four == {"objectType": "detection", "name": "4", "measurements": {"touches_border": 1.0}}
    assert nine["measurements"] == {"area_px": 2.0, "touches_border": 1.0}
    assert nine["classification"] == {"name": "dead"}
    coco = json.loads(_bytes(COCO, labels, cells=cells, kind="nucleus"))
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert list(names.values()) == ["nucleus", "dead", "live"]
    assert [names[a["category_id"]] for a in coco["annotations"]] == ["nucleus", "dead"]


def test_the_class_that_the_method_gave_is_used_where_the_table_has_none() -> None:
    table = pd.DataFrame({"frame": [0], "label": [3], "class": ["mitotic"]})
    stream = io.BytesIO()
    GEOJSON.write(stream, Outlined("x", Labels(np.array([[3]]), table=table)))
    [feature] = json.loads(stream.getvalue())["features"]
    assert feature["properties"]["classification"] == {"name": "mitotic"}


@pytest.mark.parametrize("left", [LARGEST_SHORT - 3, LARGEST_SHORT - 2, 66_000, 200_000])
def test_far_from_the_corner_fiji_gets_the_same_points(left: int) -> None:
    labels = np.zeros((3, left + 9), np.uint32)
    labels[1, left : left + 3] = 1
    labels[0, left + 5 : left + 9], labels[1, left + 5], labels[1, left + 8] = 2, 2, 2
    labels[2, left + 5 : left + 9] = 2
    for outline in trace_outlines(labels):
        roi = roifile.ImagejRoi.frombytes(encode_roi(outline, "x"))
        rings = roi.coordinates(multi=True)
        assert isinstance(rings, list)
        for back, ring in zip(rings, outline.rings, strict=True):
            np.testing.assert_array_equal(np.asarray(back)[: len(ring)], ring)
        if outline.label == 1:
            # What ImageJ's own getShort makes of the header: 60,536 to 65,535 would be negative.
            assert roi.subpixelresolution == (left + 3 > LARGEST_SHORT)


def test_a_label_without_hole_is_a_traced_roi_as_imagej_reads_it() -> None:
    """The bytes by the table in RoiDecoder.java."""
    [outline] = trace_outlines(np.pad(np.ones((2, 3), np.uint32), ((5, 0), (6, 0))))
    data = encode_roi(outline, "12")
    header = np.frombuffer(data[8:18], ">i2").tolist()
    assert data[:4] == b"Iout"
    assert data[6] == 8  # traced
    assert header == [5, 6, 7, 9, 4]  # top, left, bottom, right, corners
    points = np.frombuffer(data[64:80], ">i2").reshape(2, 4)  # all x, then all y, from the box
    assert points.T.tolist() == [[0, 0], [3, 0], [3, 2], [0, 2]]


def test_what_has_no_outline_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="plane"):
        Outlined("x", Labels(np.zeros((2, 3, 4), np.uint32), "ZYX"))
    with pytest.raises(UsageError, match="plane of whole numbers"):
        trace_outlines(np.zeros((2, 3)))


PEER = """
import json, sys
import numpy as np
from pycocotools.coco import COCO
from pycocotools import mask
from read_roi import read_roi_zip
from shapely.geometry import shape

folder = sys.argv[1]
labels = np.load(folder + "/labels.npy")
coco = COCO(folder + "/x.json")
seen = np.zeros_like(labels)
for annotation in coco.loadAnns(coco.getAnnIds()):
    pixels = coco.annToMask(annotation).astype(bool)
    assert (mask.toBbox(annotation["segmentation"]) == annotation["bbox"]).all()
    assert mask.area(annotation["segmentation"]) == annotation["area"]
    seen[pixels] = annotation["id"]
assert (seen == labels).all()

for feature in json.load(open(folder + "/x.geojson"))["features"]:
    geometry = shape(feature["geometry"])
    assert geometry.is_valid
    assert geometry.area == (labels == int(feature["properties"]["name"])).sum()

def area(x, y):
    return (np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2

rois = read_roi_zip(folder + "/x.zip")
assert [int(name) for name in rois] == [n for n in np.unique(labels) if n]
for name, roi in rois.items():
    if roi["type"] == "traced":
        size = area(roi["x"], roi["y"])
    else:
        assert roi["type"] == "composite", roi["type"]
        size = sum(area(*np.transpose(path)) for path in roi["paths"])
    assert size == (labels == int(name)).sum()
print(len(rois))
"""


def test_other_libraries_read_the_same(tmp_path: Path) -> None:
    """pycocotools, shapely and read-roi, in a Python of their own."""
    python = os.environ.get("CELLWRIGHT_PEER_PYTHON")
    if not python:
        pytest.skip("set CELLWRIGHT_PEER_PYTHON to a Python with pycocotools, shapely, read-roi")
    random = np.random.default_rng(8)
    labels = np.kron(random.integers(0, 40, (12, 14)), np.ones((5, 6), int))
    labels[random.random(labels.shape) < 0.05] = 0
    labels[random.random(labels.shape) < 0.02] = 300
    np.save(tmp_path / "labels.npy", labels)
    for writer in (FIJI, GEOJSON, COCO):
        data = _bytes(writer, labels)
        (tmp_path / f"x{writer.extension}").write_bytes(data)
    script = tmp_path / "peer.py"
    script.write_text(PEER)
    done = subprocess.run(
        [python, str(script), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) == len(np.unique(labels)) - 1
