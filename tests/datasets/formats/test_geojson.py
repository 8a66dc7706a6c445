"""GeoJSON of QuPath: round trips, features worked out by hand, and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.datasets.formats.round_trip import assert_kept, label_images, picture, read_back

from cellwright.core.errors import InputError, UnsupportedError
from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn, Entry, Source
from cellwright.datasets.formats import geojson
from cellwright.datasets.formats.geojson import FORMAT
from cellwright.datasets.sheet import Sheet

SHAPE = (6, 8)


def _square(left: int, top: int, side: int) -> list[list[int]]:
    right, bottom = left + side, top + side
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def _feature(*rings: Any, **properties: Any) -> dict[str, Any]:
    geometry = {"type": "Polygon", "coordinates": list(rings)}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _read(folder: Path, root: Any) -> Drawn:
    (folder / "a.geojson").write_text(root if isinstance(root, str) else json.dumps(root))
    [entry] = FORMAT.entries(Source(folder))
    return entry.read(SHAPE)


@given(pair=st.lists(label_images(), min_size=1, max_size=2), classes=st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_was_written_is_read_again(pair: list[Array], classes: bool) -> None:
    assert_kept(FORMAT, pair, {2: "cell", 3: "Kern, groß: =1"} if classes else {})


def test_features_of_qupath(tmp_path: Path) -> None:
    cell = _feature(_square(0, 0, 3), objectType="cell", classification={"name": "Tumour"})
    cell["nucleusGeometry"] = {"type": "Polygon", "coordinates": [_square(1, 1, 1)]}
    holed = _feature(_square(4, 0, 4), _square(5, 1, 2), objectType="detection")
    holed["properties"]["classification"] = {"names": ["Tumour", "Positive"], "color": [1, 2, 3]}
    two = _feature(objectType="annotation", **{"class": "pair"})
    two["geometry"] = {
        "type": "MultiPolygon",
        "coordinates": [[_square(0, 5, 1)], [_square(2, 5, 1)]],
    }
    point = _feature(objectType="annotation")
    point["geometry"] = {"type": "Point", "coordinates": [1, 2]}
    tile = _feature(_square(0, 0, 6), objectType="tile")
    nothing = {"type": "Feature", "geometry": None, "properties": None}

    drawn = _read(
        tmp_path,
        {"type": "FeatureCollection", "features": [cell, holed, two, point, tile, nothing]},
    )

    assert drawn.labels.tolist() == [
        [1, 1, 1, 0, 2, 2, 2, 2],
        [1, 1, 1, 0, 2, 0, 0, 2],
        [1, 1, 1, 0, 2, 0, 0, 2],
        [0, 0, 0, 0, 2, 2, 2, 2],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [3, 0, 3, 0, 0, 0, 0, 0],
    ]
    assert drawn.classes == {1: "Tumour", 2: "Tumour: Positive", 3: "pair"}
    assert drawn.remarks == (
        "nuclei that QuPath keeps within its cells were left out: 1",
        "annotations became objects as all others did: 1 annotation, 1 cell, 1 detection",
        "left out, as they are parts of the picture (tile): 1 objects",
        "left out, as they are points or lines without an area: 1 objects",
    )


def test_wrappings_and_bare_geometries(tmp_path: Path) -> None:
    one, two = _feature(_square(0, 0, 2)), _feature(_square(4, 0, 2))
    for root in (
        {"type": "FeatureCollection", "features": [one, two]},
        [one, two],
        {"type": "GeometryCollection", "geometries": [one["geometry"], two["geometry"]]},
    ):
        drawn = _read(tmp_path, root)
        assert np.bincount(drawn.labels.ravel()).tolist() == [40, 4, 4]


def test_files_are_called_like_their_pictures(tmp_path: Path) -> None:
    text = json.dumps({"type": "FeatureCollection", "features": [_feature(_square(0, 0, 2))]})
    for name in ("a.tif", "b.ome.tif", "c.png", "images/d - e.tif", "well.3.tif", "sub/f.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / name, np.zeros(SHAPE, np.uint8))
    for name in ("a.tif.geojson", "b.ome.tif - Series 0.geojson", "c.json", "d - e.geojson",
                 "well.3.geojson", "sub/f.GEOJSON", "gone.geojson"):  # fmt: skip
        (tmp_path / name).write_text(text)
    (tmp_path / "notes.json").write_text("{}")
    assert FORMAT.recognises(tmp_path)
    assert not FORMAT.recognises(tmp_path / "notes.json")

    entries = FORMAT.entries(Source(tmp_path))

    assert [(e.name, e.image and e.image.relative_to(tmp_path).as_posix()) for e in entries] == [
        ("a", "a.tif"), ("b", "b.ome.tif"), ("c", "c.png"), ("d - e", "images/d - e.tif"),
        ("gone", None), ("well.3", "well.3.tif"), ("sub/f", "sub/f.tif"),
    ]  # fmt: skip


def test_a_damaged_file_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    tifffile.imwrite(tmp_path / "only" / "e.tif", np.zeros(SHAPE, np.uint8))
    for name, text in {
        "a.json": json.dumps([_feature(_square(0, 0, 2))]), "b.json": "", "c.json": '[{"ty',
        "d.geojson": "", "only/e.json": "", "only/f.json": "", "package.json": "{}",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    entries = {entry.name: entry for entry in FORMAT.entries(Source(tmp_path))}
    assert sorted(entries) == ["a", "b", "c", "d", "only/e"]
    assert entries["a"].read(SHAPE).labels.max() == 1
    for name in ("b", "c", "d", "only/e"):
        for shape in (SHAPE, None):
            with pytest.raises(InputError, match=rf"{name}\.\w*json: the file is no GeoJSON"):
                entries[name].read(shape)


def test_classes_that_qupath_does_not_count_are_left_out(tmp_path: Path) -> None:
    region = _feature(_square(0, 0, 6), classification={"name": "Region*"})
    ignored = _feature(_square(4, 4, 2), classification={"names": ["Tumour", "Ignore*"]})
    cell = _feature(_square(1, 1, 2), classification={"name": "Tumour"})

    drawn = _read(tmp_path, [region, cell, ignored])

    assert np.bincount(drawn.labels.ravel()).tolist() == [44, 4]
    assert drawn.classes == {1: "Tumour"}
    assert drawn.remarks == (
        "left out, as they have a class that QuPath does not count (Region*, Tumour: Ignore*): "
        "2 objects",
    )
    with pytest.raises(InputError, match=r"all objects .* does not count \(Region\*\); give cells"):
        _read(tmp_path, [region])


def test_classes_that_qupath_will_not_count_are_told(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert FORMAT.write is not None
    drawn = Drawn(np.ones(SHAPE, np.uint32), classes={1: "cell*"})
    [remark] = FORMAT.write(iter([picture(tmp_path, "p", drawn)]), tmp_path / "out")
    assert remark.startswith("p: 1 objects have a class that ends in *")


def test_packed_files_and_single_ones(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    tifffile.imwrite(tmp_path / "pictures" / "a.tif", np.zeros(SHAPE, np.uint8))
    path = tmp_path / "a.geojson.gz"
    path.write_bytes(gzip.compress(json.dumps([_feature(_square(0, 0, 2))]).encode()))
    assert FORMAT.recognises(path)
    [entry] = FORMAT.entries(Source(path, tmp_path / "pictures"))
    assert entry.image == tmp_path / "pictures" / "a.tif"
    assert entry.read(SHAPE).labels.sum() == 4
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="cannot be unpacked"):
        entry.read(SHAPE)


def test_a_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.geojson.gz").write_bytes(gzip.compress(b" " * 100_000))
    [entry] = FORMAT.entries(Source(tmp_path))
    monkeypatch.setattr(geojson, "LARGEST", 10_000)
    with pytest.raises(InputError, match="unpacks to more"):
        entry.read(SHAPE)


def test_two_files_of_one_picture_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(SHAPE, np.uint8))
    for name in ("a.geojson", "a.tif.geojson"):
        (tmp_path / name).write_text("[]")
    entries: list[Entry] = FORMAT.entries(Source(tmp_path))
    assert len({entry.name for entry in entries}) == 2
    for entry in entries:
        with pytest.raises(InputError, match=r"this picture: a\.geojson, a\.tif\.geojson"):
            entry.read(SHAPE)


def test_planes_of_a_stack_are_not_drawn_over_each_other(tmp_path: Path) -> None:
    one, two = _feature(_square(0, 0, 2)), _feature(_square(4, 0, 2))
    one["geometry"]["plane"], two["geometry"]["plane"] = {"c": -1, "z": 0, "t": 0}, {"z": 1, "t": 0}
    with pytest.raises(UnsupportedError, match="2 planes"):
        _read(tmp_path, [one, two])


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("{", "no GeoJSON"),
        ("[" * 100_000, "no GeoJSON"),
        ([3], "stands where a feature should"),
        ({"type": "Feature", "geometry": 3, "properties": {}}, "stands where a geometry"),
        ({"type": "FeatureCollection"}, "no list of features"),
        ([_feature([[0, 0], [1, 1]])], "three points"),
        ([_feature([[0, 0], [1, "1"], [2, 2]])], "pairs of numbers"),
        ([_feature([[0, 0], [1e300, 1], [2, 2]])], r"a\.geojson.*no pixels"),
        ([_feature([[0, 0], [1, float("nan")], [2, 2]])], "NaN"),
        ([_feature(_square(0, 0, 1), objectType=[])], r"\(feature 1\): it cannot be read"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, root: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        _read(tmp_path, root)
    assert str(tmp_path / "a.geojson") in str(caught.value)


def test_objects_that_fill_the_picture_over_and_over_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellwright.datasets.sheet.EFFORT_PIXELS", 0)
    with pytest.raises(InputError, match="too many times over"):
        _read(tmp_path, [_feature(_square(0, 0, 9))] * 40)


def test_work_goes_with_the_size_of_the_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(Sheet, "add", lambda self, patch, name="": sizes.append(patch.mask.size))
    read_back(FORMAT, [Drawn(np.kron(np.arange(400).reshape(20, 20), np.ones((9, 7), int)))])
    assert sizes == [63] * 399
