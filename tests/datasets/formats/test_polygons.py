"""VIA, labelme and plain polygons: shapes worked out by hand, round trips, what is refused."""

from __future__ import annotations

import contextlib
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.datasets.formats.round_trip import (
    assert_kept,
    label_images,
    picture,
    read_back,
)

from cellwright.core.errors import InputError
from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn, Entry, Source
from cellwright.datasets.formats.coco import FORMAT as COCO
from cellwright.datasets.formats.geojson import FORMAT as GEOJSON
from cellwright.datasets.formats.polygons import FORMAT
from cellwright.datasets.sheet import Sheet

SHAPE = (6, 8)
SQUARE = [[1, 1], [3, 1], [3, 3], [1, 3]]


def _entries(folder: Path, root: Any, name: str = "x.json") -> list[Entry]:
    tifffile.imwrite(folder / "a.tif", np.zeros(SHAPE, np.uint8))
    (folder / name).write_text(json.dumps(root))
    return FORMAT.entries(Source(folder / name))


def _via(folder: Path, *regions: Any) -> Drawn:
    shapes = [
        {"shape_attributes": shape, "region_attributes": attributes}
        for shape, attributes in regions
    ]
    root = {"a.tif48": {"filename": "a.tif", "size": 48, "regions": shapes}}
    [entry] = _entries(folder, root)
    return entry.read(SHAPE)


def _labelme(folder: Path, *shapes: Any, **more: Any) -> Drawn:
    [entry] = _entries(folder, {"shapes": shapes, "imagePath": "..\\pictures\\a.tif"} | more)
    assert (entry.name, entry.image) == ("a", folder / "a.tif")
    return entry.read(SHAPE)


def _points(*pairs: tuple[float, float], name: str = "polygon") -> dict[str, Any]:
    return {
        "name": name,
        "all_points_x": [x for x, _ in pairs],
        "all_points_y": [y for _, y in pairs],
    }


LEFT = _points((1, 0), (3, 0), (3, 2), (1, 2))
RIGHT = _points((4, 0), (8, 0), (8, 1), (4, 1))


@given(pair=st.lists(label_images(), min_size=1, max_size=2), classes=st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_was_written_is_read_again(pair: list[Array], classes: bool) -> None:
    assert_kept(FORMAT, pair, {2: "cell", 3: "=Kern, groß"} if classes else {})


def test_holes_and_pieces_are_told(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint32)
    labels[1:4, 1:4], labels[2, 2], labels[5, 5], labels[0, 7] = 1, 0, 1, 2
    (tmp_path / "out").mkdir()
    assert FORMAT.write is not None
    [remark] = FORMAT.write(iter([picture(tmp_path, "a", Drawn(labels))]), tmp_path / "out")
    assert remark.startswith("a: 1 objects have holes or several pieces")
    [entry] = FORMAT.entries(Source(tmp_path / "out"))
    np.testing.assert_array_equal(entry.read(SHAPE).labels, labels)


def test_shapes_of_via(tmp_path: Path) -> None:
    drawn = _via(
        tmp_path,
        (_points((1, 0), (3, 0), (3, 2), (1, 2)), {"size": "big", "Class": "cell"}),
        (_points((4, 0), (8, 0), (8, 1), (4, 1), name="polyline"), {"n": 3, "Class": "debris"}),
        ({"name": "rect", "x": 0.6, "y": 3, "width": 1.5, "height": 1.4}, {}),
        ({"name": "circle", "cx": 4.5, "cy": 3.5, "r": 1}, None),
        ({"name": "ellipse", "cx": 7.5, "cy": 4, "rx": 2, "ry": 0.5, "theta": math.pi / 2}, {}),
        ({"name": "point", "cx": 1, "cy": 1}, {}),
    )
    assert drawn.labels.tolist() == [
        [0, 1, 1, 0, 2, 2, 2, 2],
        [0, 1, 1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 4, 0, 0, 5],
        [0, 3, 0, 4, 4, 4, 0, 5],
        [0, 0, 0, 0, 4, 0, 0, 5],
        [0, 0, 0, 0, 0, 0, 0, 5],
    ]
    assert drawn.classes == {1: "cell", 2: "debris"}
    assert drawn.remarks == (
        "lines of which the ends were joined to outlines: 1",
        "left out, as they are points or lines without an area: 1 objects",
    )


@pytest.mark.parametrize(
    ("said", "classes", "remark"),
    [
        ([{"comment": "blurred", " Category ": "cell"}, {"comment": "?"}], {1: "cell"}, ""),
        ([{"what": "cell"}, {"what": "", "n": 3}], {1: "cell"}, "'what' of regions is taken"),
        ([{"comment": "?", "phase": "G1"}, {}], {}, "several attributes .*: 'comment', 'phase'; "),
        (
            [{"type": {"dead": True, "alive": False}}, {"type": {"round": True, "dead": True}}],
            {1: "dead", 2: "dead+round"},
            "",
        ),
        ([{"comment": ""}, None], {}, ""),
    ],
)
def test_which_attribute_of_via_is_the_class(
    tmp_path: Path, said: list[Any], classes: dict[int, str], remark: str
) -> None:
    drawn = _via(tmp_path, *zip((LEFT, RIGHT), said, strict=True))
    assert drawn.classes == classes
    assert re.search(remark, " ".join(drawn.remarks))
    assert len(drawn.remarks) == bool(remark)


def test_a_project_of_via_tells_which_attribute_was_chosen_from(tmp_path: Path) -> None:
    said = {"comment": "blurred", "Phase": "G1"}
    regions = [{"shape_attributes": LEFT, "region_attributes": said}]
    root = {
        "_via_attributes": {"region": {"comment": {"type": "text"}, "Phase": {"type": "radio"}}},
        "_via_img_metadata": {
            name: {"filename": name, "regions": regions} for name in ("a.tif", "b.tif")
        },
    }
    first, second = (entry.read(SHAPE) for entry in _entries(tmp_path, root))
    assert first.classes == second.classes == {1: "G1"}
    assert [len(one.remarks) for one in (first, second)] == [1, 0]


def test_projects_and_version_1_of_via(tmp_path: Path) -> None:
    region = {"shape_attributes": _points(*((x, y) for x, y in SQUARE)), "region_attributes": {}}
    images = {"a.tif1": {"filename": "a.tif", "size": 1, "regions": {"0": region}}}
    for root in (images, {"_via_settings": {}, "_via_img_metadata": images}):
        [entry] = _entries(tmp_path, root)
        assert FORMAT.recognises(tmp_path)
        assert entry.image == tmp_path / "a.tif"
        labels = entry.read(SHAPE).labels
        assert labels[1:3, 1:3].sum() == labels.sum() == 4


def test_shapes_of_labelme(tmp_path: Path) -> None:
    drawn = _labelme(
        tmp_path,
        {"label": "cell", "points": [[0, 0], [2, 0], [2, 1], [0, 1]], "group_id": 7},
        {"label": "cell", "points": [[0, 2], [1, 2], [1, 3], [0, 3]], "group_id": 7},
        {"label": "other", "points": [[0, 4], [1, 4], [1, 5], [0, 5]], "group_id": 7},
        {"label": "box", "points": [[7.7, 2], [5, 0.2]], "shape_type": "rectangle"},
        {"label": "disc", "points": [[4.5, 4.5], [4.5, 3.5]], "shape_type": "circle"},
        {"label": "line", "points": [[4, 4], [4, 3]], "shape_type": "line"},
        imageHeight=6,
        imageWidth=8,
    )
    assert drawn.labels.tolist() == [
        [1, 1, 0, 0, 0, 3, 3, 3],
        [0, 0, 0, 0, 0, 3, 3, 3],
        [1, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 4, 0, 0, 0],
        [2, 0, 0, 4, 4, 4, 0, 0],
        [0, 0, 0, 0, 4, 0, 0, 0],
    ]
    assert drawn.classes == {1: "cell", 2: "other", 3: "box", 4: "disc"}
    assert drawn.remarks == ("left out, as they are points or lines without an area: 1 objects",)

    with pytest.raises(InputError, match="drawn in a picture of 80 x 60 px"):
        _labelme(tmp_path, imageHeight=60, imageWidth=80)


def test_plain_polygons(tmp_path: Path) -> None:
    other = [[4, 4], [6, 4], [6, 6]]
    for value in ([SQUARE, other, []], {"polygons": [SQUARE, other, [[1, 1]]]}):
        [entry] = _entries(tmp_path, {"a.tif": value})
        drawn = entry.read(SHAPE)
        assert FORMAT.recognises(tmp_path)
        assert np.bincount(drawn.labels.ravel()).tolist() == [41, 4, 3]
        assert drawn.remarks == ("left out, as they have no pixel in the picture: 1 objects",)


def test_folders_of_labelme(tmp_path: Path) -> None:
    for folder in ("train", "val"):
        (tmp_path / folder).mkdir()
        _entries(tmp_path / folder, {"shapes": [], "imagePath": "a.tif"}, "a.json")
    (tmp_path / "train" / "notes.json").write_text("{}")
    assert FORMAT.recognises(tmp_path)
    entries = FORMAT.entries(Source(tmp_path))
    assert [(entry.name, entry.image) for entry in entries] == [
        ("train/a", tmp_path / "train" / "a.tif"),
        ("val/a", tmp_path / "val" / "a.tif"),
    ]


def test_a_damaged_file_fails_alone(tmp_path: Path) -> None:
    whole = json.dumps({"shapes": [], "imagePath": "a.tif", "imageData": None})
    for folder in ("", "other"):
        (tmp_path / folder).mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / folder / "b.tif", np.zeros(SHAPE, np.uint8))
    for name, text in {
        "a.json": whole, "b.json": whole[:15], "c.json": whole[:-1], "d.json": "",
        "list.json": "[1]", "package.json": "{}", "other/b.json": "", "other/x.json": "{",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)

    entries = {entry.name: entry for entry in FORMAT.entries(Source(tmp_path))}

    assert sorted(entries) == ["a", "b", "c", "d", "other/b"]
    assert entries["b"].image == tmp_path / "b.tif"
    assert entries["a"].read(SHAPE).labels.max() == 0
    for name in ("b", "c", "d", "other/b"):
        with pytest.raises(InputError, match=r"no JSON.*again") as caught:
            entries[name].read(SHAPE)
        assert caught.value.where == str(tmp_path / f"{name}.json")
    (tmp_path / "a.json").unlink()
    with pytest.raises(InputError, match=r"b\.json: the file is no JSON"):
        FORMAT.entries(Source(tmp_path))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"name": "polygon", "all_points_x": [1]}, "no 'all_points_y'"),
        ({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1]}, "cannot be read"),
        (_points((0, 0), (float("nan"), 0), (1, 1)), "finite"),
        (_points((0, 0), (1e300, 0), (1, 1)), "no pixels"),
        (_points((0, 0), (10**400, 0), (1, 1)), "pairs of numbers"),
        ({"name": "circle", "cx": 1, "cy": 1, "r": -1}, "negative radius"),
        ({"name": "circle", "cx": 1, "cy": 1, "r": "1"}, "its r is no number"),
        ({"name": "circle", "cx": 1, "cy": 1, "r": float("inf")}, "finite"),
        ({"name": "rect", "x": 1, "y": 1, "width": 1}, "no 'height'"),
        ({"name": "rect", "x": 10**400, "y": 1, "width": 1, "height": 1}, "cannot be read"),
        ({"name": "star"}, "'star' is no shape"),
        ({}, "no 'name'"),
        (None, "cannot be read"),
        (5, "cannot be read"),
    ],
)
def test_shapes_that_cannot_be_are_named(tmp_path: Path, shape: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        _via(tmp_path, (shape, {}))
    assert "x.json (a.tif) (region 1)" in str(caught.value)


def test_circles_of_any_size_stay_in_the_picture(tmp_path: Path) -> None:
    drawn = _via(
        tmp_path,
        ({"name": "circle", "cx": 4, "cy": 3, "r": 1e200}, {}),
        ({"name": "circle", "cx": 4, "cy": 3, "r": 0}, {}),
        ({"name": "ellipse", "cx": -1e9, "cy": 3, "rx": 3, "ry": 2}, {}),
    )
    assert drawn.labels.tolist() == np.ones(SHAPE).tolist()


@pytest.mark.parametrize("shape", ["mask", "rectangle", "circle", ["polygon"]])
def test_labelme_shapes_that_cannot_be(tmp_path: Path, shape: Any) -> None:
    with pytest.raises(InputError, match=r"x\.json \(shape 1\)"):
        _labelme(tmp_path, {"label": "a", "points": [[1, 1]], "shape_type": shape})


@pytest.mark.parametrize("root", [[], 3, {"a": 3}, {"a.png": 3}, {"_via_img_metadata": []}])
def test_what_has_no_form_of_ours_is_named(tmp_path: Path, root: Any) -> None:
    with pytest.raises(InputError, match="in no form that is known"):
        _entries(tmp_path, root)


def test_each_json_is_of_one_format(tmp_path: Path) -> None:
    for root, kind in (
        ({"images": [], "categories": [], "annotations": []}, COCO),
        ({"type": "FeatureCollection", "features": []}, GEOJSON),
        ({"a.tif": [SQUARE]}, FORMAT),
        ({"a.tif": {"polygons": []}}, FORMAT),
        ({"shapes": [], "imagePath": "a.tif"}, FORMAT),
        ({"a.tif1": {"filename": "a.tif", "regions": []}}, FORMAT),
        ({"some": "settings"}, None),
        ([1, 2], None),
    ):
        (tmp_path / "x.json").write_text(json.dumps(root))
        for one in (COCO, GEOJSON, FORMAT):
            assert one.recognises(tmp_path) == one.recognises(tmp_path / "x.json") == (one is kind)


MEMBERS = [
    "filename", "regions", "shape_attributes", "name", "all_points_x", "all_points_y", "cx", "cy",
    "r", "rx", "ry", "theta", "polygons", "points", "label", "shape_type", "group_id", "shapes",
    "imageHeight",
]  # fmt: skip
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(MEMBERS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(junk=JUNK)
def test_junk_gives_objects_or_an_error_of_ours(tmp_path: Path, junk: Any) -> None:
    shape = {"shape_attributes": junk, "region_attributes": junk}
    for root in (
        {"a.tif": {"filename": "a.tif", "regions": [shape]}},
        {"a.tif": {"filename": "a.tif", "regions": junk}},
        {"shapes": [junk, {"label": junk, "points": junk}], "imageHeight": junk},
        {"a.tif": junk},
        junk,
    ):
        with contextlib.suppress(InputError):
            for entry in _entries(tmp_path, root):
                assert entry.read(SHAPE).labels.shape == SHAPE


def test_work_goes_with_the_size_of_the_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(Sheet, "add", lambda self, patch, name="": sizes.append(patch.mask.size))
    read_back(FORMAT, [Drawn(np.kron(np.arange(400).reshape(20, 20), np.ones((9, 7), int)))])
    assert sizes == [63] * 399
