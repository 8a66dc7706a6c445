"""COCO: round trips, masks and polygons worked out by hand, and what is refused."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.datasets.formats.round_trip import assert_kept, label_images, read_back

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn, Entry, Source
from cellwright.datasets.formats.coco import FORMAT
from cellwright.datasets.sheet import Sheet
from cellwright.io.masks_coco import decode_lengths, lengths_patch

SHAPE = (4, 6)


def _entry(folder: Path, *segmentations: Any, **more: Any) -> Entry:
    """Of a file with one picture, in which the objects have these segmentations."""
    annotations = [
        {"id": number, "image_id": 1, "category_id": 1, "segmentation": one}
        for number, one in enumerate(segmentations, 1)
    ]
    root = {
        "images": [{"id": 1, "file_name": "a.tif", "height": SHAPE[0], "width": SHAPE[1]}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "nucleus"}],
    } | more
    return _entries(folder, root)[0]


def _entries(folder: Path, root: Any) -> list[Entry]:
    tifffile.imwrite(folder / "a.tif", np.zeros(SHAPE, np.uint8))
    (folder / "x.json").write_text(json.dumps(root))
    return FORMAT.entries(Source(folder / "x.json"))


@given(pair=st.lists(label_images(), min_size=1, max_size=2), classes=st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_was_written_is_read_again(pair: list[Array], classes: bool) -> None:
    assert_kept(FORMAT, pair, {2: "cell", 3: "=Kern, groß"} if classes else {})


@given(st.lists(st.lists(st.integers(0, 70), min_size=1, max_size=6), min_size=1, max_size=3))
def test_lengths_that_are_written_by_hand_are_read(parts: list[list[int]]) -> None:
    # Written as maskApi.c does, number by number.
    counts = [count for part in parts for count in part]
    text = ""
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            text += chr(bits + 32 * more + 48)

    assert decode_lengths(text).tolist() == counts

    size = (1, sum(counts)) if sum(counts) else (0, 0)
    patch = lengths_patch(np.array(counts), size)
    mask = np.zeros(size, bool)
    patch.add_to(mask)
    expected = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    np.testing.assert_array_equal(mask.ravel(), expected)


def test_masks_and_polygons_by_hand(tmp_path: Path) -> None:
    # Down the columns of 4: two of column 0, then the foot of column 1 and the head of column 2.
    lengths = {"size": [4, 6], "counts": [0, 2, 5, 2, 15]}
    square = [3, 0, 5, 0, 5, 2, 3, 2]
    pieces = [[3.0, 3, 4, 3, 4, 4, 3, 4], [5, 3, 6, 3, 6, 4, 5, 4]]
    drawn = _entry(tmp_path, lengths, [square], pieces).read(SHAPE)

    assert drawn.labels.tolist() == [
        [1, 0, 1, 2, 2, 0],
        [1, 0, 0, 2, 2, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 1, 0, 3, 0, 3],
    ]
    assert drawn.classes == {1: "nucleus", 2: "nucleus", 3: "nucleus"}
    assert drawn.remarks == ()


def test_a_mask_compressed_by_pycocotools(tmp_path: Path) -> None:
    # mask.encode(np.asfortranarray([[0, 1, 1], [0, 1, 0]])) gives b"231".
    entry = _entry(
        tmp_path,
        {"size": [2, 3], "counts": "231"},
        images=[{"id": 1, "file_name": "a.tif"}],
    )
    assert entry.read((2, 3)).labels.tolist() == [[0, 1, 1], [0, 1, 0]]


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    square = [[0, 0, 1, 0, 1, 1, 0, 1]]
    one: dict[str, Any] = {"image_id": 1, "category_id": 1, "segmentation": square}
    annotations = [
        one | {"id": 1},
        one | {"id": 1, "segmentation": [[2, 2, 4, 2, 4, 4, 2, 4]], "category_id": 9},
        one | {"id": 2, "iscrowd": 1},
        one | {"id": 3, "segmentation": []},
        one | {"id": 4, "segmentation": [[1, 1, 2, 2]]},
        one | {"id": 5, "image_id": 77},
        "nonsense",
    ]
    drawn = _entry(tmp_path, annotations=annotations).read(SHAPE)

    assert np.bincount(drawn.labels.ravel()).tolist() == [24 - 5, 1, 4]
    assert drawn.classes == {1: "nucleus"}
    assert drawn.remarks == (
        "2 annotations of the file belong to none of its images",
        "2 objects share an id with another: each was read as one",
        "no category has their id, so they are without a class: 1 objects",
        "left out, as they are boxes or points without an outline: 1 objects",
        "left out, as they are regions of many (iscrowd): 1 objects",
        "left out, as they have no pixel in the picture: 1 objects",
    )


def test_boxes_alone_are_refused(tmp_path: Path) -> None:
    entry = _entry(tmp_path, annotations=[{"id": 1, "image_id": 1, "bbox": [1, 1, 2, 2]}])
    with pytest.raises(InputError, match="boxes or points only"):
        entry.read(SHAPE)


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [6, 4], "counts": [24]}, r"size \[6, 4\], the picture \[4, 6\]"),
        ({"size": [4, 6], "counts": [20, 5]}, "those of 25 px, the picture has 24"),
        ({"size": [4, 6], "counts": [20]}, "those of 20 px"),
        ({"size": [4, 6], "counts": [2**62, 2**62, 2**62, 2**62]}, "beyond the picture"),
        ({"size": [4, 6], "counts": [2**63]}, "larger than any picture"),
        ({"size": [4, 6], "counts": [10**30]}, "no list of whole numbers"),
        ({"size": [4, 6], "counts": [30, -6]}, "negative"),
        ({"size": [4, 6], "counts": [1.5, 22.5]}, "whole numbers"),
        ({"size": [4, 6], "counts": None}, "whole numbers"),
        ({"size": [4, 6], "counts": "o"}, "cut off"),
        ({"size": [4, 6], "counts": "\x01"}, "characters"),
        ({"size": [4, 6], "counts": "ä"}, "characters"),
        ({"size": [4, 6], "counts": "o" * 40 + "1"}, "larger than any"),
        ({"size": [4, 6], "counts": ""}, "those of no px"),
        ({"counts": [24]}, "no 'size'"),
        ({"size": [4, 6]}, "no 'counts'"),
        ("231", "neither polygons nor run lengths"),
        (7, "neither polygons nor run lengths"),
        ([[0, 0, 1, 0, 1]], "x and y in turn"),
        ([[0, 0, 1, 0, float("nan"), 1]], "finite"),
        ([[0, 0, 1, 0, 1e300, 1]], "no pixels"),
        ([[0, 0, 1, 0, 10**400, 1]], "pairs of numbers"),
        ([["0", "0", "1", "0", "1", "1"]], "pairs of numbers"),
        ([[0, 0, 1, 0, 1, 1], 5], "x and y in turn"),
        ([[[0, 0], [1, 0], [1, 1]]], "x and y in turn"),
    ],
)
def test_masks_that_cannot_be_are_named(tmp_path: Path, segmentation: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        _entry(tmp_path, segmentation).read(SHAPE)
    assert "x.json (a.tif) (annotation 1)" in str(caught.value)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ({"id": 1, "height": 8, "width": 12}, "drawn in a picture of 12 x 8 px"),
        ({"id": 1, "height": "4", "width": 6}, "no height or width"),
        ({"id": 1, "height": float("nan"), "width": 6}, "no height or width"),
        ({"id": 1, "height": 10**400, "width": 6}, "no height or width"),
        ({"height": 4, "width": 6}, "has no id"),
        ({"id": None}, "has no id"),
        ({"id": []}, "has no id"),
    ],
)
def test_images_that_cannot_be_are_named(tmp_path: Path, image: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _entry(tmp_path, images=[image | {"file_name": "a.tif"}]).read(SHAPE)


def test_ids_that_come_twice_and_names_that_come_twice(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "b.tif", np.zeros(SHAPE, np.uint8))
    images: list[Any] = [{"id": 1, "file_name": "a.tif"}, {"id": "1", "file_name": "b.tif"}]
    images += [{"id": n, "file_name": "a.tif"} for n in (2, 3)] + [7]
    entries = _entries(tmp_path, {"images": images, "annotations": []})

    assert [entry.name for entry in entries] == [
        "a.tif (1)", "b", "a.tif (3)", "a.tif (4)", "image 5 without a file_name",
    ]  # fmt: skip
    with pytest.raises(InputError, match="2 images of the file have the id 1"):
        entries[1].read(SHAPE)
    for entry in (entries[0], *entries[2:4]):
        with pytest.raises(InputError, match=r"several annotations are of this picture: a\.tif"):
            entry.read(SHAPE)
    assert entries[4].image is None


def test_pictures_are_found_where_they_lie(tmp_path: Path) -> None:
    names = ["sub/a.png", "b.jpg", r"C:\data\c.tif", "../../../etc/d.tif", "e.tif", "gone.tif", ""]
    for file in ("sub/a.png", "images/deep/b.jpg", "images/b.png", "c.tif", "images/d.tif",
                 "images/e.png"):  # fmt: skip
        (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / file).touch()
    images = [{"id": n, "file_name": name} for n, name in enumerate(names)]
    (tmp_path / "x.json").write_text(json.dumps({"images": images, "annotations": []}))

    for source in (tmp_path, tmp_path / "x.json"):
        entries = FORMAT.entries(Source(source))
        found = [e.image and e.image.relative_to(tmp_path).as_posix() for e in entries]
        assert found == [
            "sub/a.png", "images/deep/b.jpg", "c.tif", "images/d.tif", "images/e.png", None, None,
        ]  # fmt: skip
        assert [entry.name for entry in entries][:5] == ["sub/a", "b", "c", "d", "e"]
    other = FORMAT.entries(Source(tmp_path / "x.json", tmp_path / "images" / "deep"))
    assert [entry.name for entry in other if entry.image] == ["b"]


def test_a_picture_that_may_be_one_of_two_is_not_guessed(tmp_path: Path) -> None:
    for file in ("images/1/a.png", "images/2/a.png"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    root = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": []}
    (tmp_path / "x.json").write_text(json.dumps(root))
    [entry] = FORMAT.entries(Source(tmp_path))
    with pytest.raises(InputError, match="several pictures may be meant"):
        entry.read(SHAPE)


def test_folders_with_several_files(tmp_path: Path) -> None:
    root = {"images": [{"id": 1, "file_name": "a.tif"}], "annotations": {}}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", np.zeros(SHAPE, np.uint8))
    for name in ("train", "val"):
        (tmp_path / "annotations" / f"{name}.json").write_text(json.dumps(root))
    assert FORMAT.recognises(tmp_path)
    entries = FORMAT.entries(Source(tmp_path))
    assert [entry.name for entry in entries] == ["train/a", "val/a"]
    assert all(entry.image is not None for entry in entries)

    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text(json.dumps(root))
    with pytest.raises(UsageError, match=r"one\.json, two\.json"):
        FORMAT.entries(Source(tmp_path))


@pytest.mark.parametrize("names", [("train", "valid"), ("annotations", "annotations")])
def test_a_damaged_file_among_several_is_named(tmp_path: Path, names: tuple[str, str]) -> None:
    files = [tmp_path / folder / "_annotations.coco.json" for folder in names]
    if names[0] == names[1]:
        files[1] = files[1].with_name("other.json")
    for file in files:
        file.parent.mkdir(exist_ok=True)
        (file.parent / "package.json").write_text("{}")
    files[0].write_text('{"images": [], "annotations": [], "categories": []}')
    files[1].touch()
    with pytest.raises(InputError, match="the file is no JSON") as caught:
        FORMAT.entries(Source(tmp_path))
    assert caught.value.where == str(files[1])


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"images": 3}', b'{"images": []}', b"\xff{",
                                  b"[" * 100_000, b'{"images": [], "annotations": 3}'])  # fmt: skip
def test_what_is_no_coco_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.json").write_bytes(data)
    assert not FORMAT.recognises(tmp_path) or b"annotations" in data
    with pytest.raises(InputError, match=r"x\.json"):
        FORMAT.entries(Source(tmp_path / "x.json"))


def test_one_number_without_end_harms_one_picture(tmp_path: Path) -> None:
    text = '{"images": [{"id": 1, "file_name": "a.tif"}, {"id": %s, "file_name": "b.tif"}], '
    text += '"annotations": [{"id": NaN, "image_id": 1, "segmentation": '
    text += '{"size": [4, 6], "counts": [23, 1]}}]}'
    (tmp_path / "x.json").write_text(text % ("9" * 9000))
    good, bad = FORMAT.entries(Source(tmp_path / "x.json"))
    assert good.read(SHAPE).labels.sum() == 1
    with pytest.raises(InputError, match="no id"):
        bad.read(SHAPE)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["id", "image_id", "segmentation", "size", "counts", "name", "file_name",
                         "height", "width", "category_id", "iscrowd"]), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(images=JUNK, annotations=st.lists(JUNK, max_size=3), categories=JUNK, segmentation=JUNK)
def test_junk_gives_objects_or_an_error_of_ours(
    tmp_path: Path, images: Any, annotations: Any, categories: Any, segmentation: Any
) -> None:
    annotations += [{"image_id": 1, "category_id": 1, "segmentation": segmentation}]
    root = {
        "images": [{"id": 1, "file_name": "a.tif"}, images],
        "annotations": annotations,
        "categories": categories,
    }
    for entry in _entries(tmp_path, root):
        with contextlib.suppress(InputError):
            assert entry.read(SHAPE).labels.shape == SHAPE


def test_work_goes_with_the_size_of_the_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(Sheet, "add", lambda self, patch, name="": sizes.append(patch.mask.size))
    read_back(FORMAT, [Drawn(np.kron(np.arange(400).reshape(20, 20), np.ones((9, 7), int)))])
    assert sizes == [63] * 399
