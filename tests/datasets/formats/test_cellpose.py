"""Cellpose's folders: round trips, and `_seg.npy` of NumPy 1 and 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from PIL import Image as Pillow
from tests.datasets.formats.cellpose_files import MASKS, read, seg
from tests.datasets.formats.round_trip import label_images, picture, read_back

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn, Source
from cellwright.datasets.formats.cellpose import FORMAT
from cellwright.datasets.formats.cellpose_arrays import PickledArray
from cellwright.datasets.formats.cellpose_pickle import read_dictionary

# Round trips


@given(pair=st.lists(label_images(largest=70_000), min_size=1, max_size=2))
@settings(max_examples=25, deadline=None)
def test_what_was_written_is_read_again(pair: list[Array]) -> None:
    for written, again in zip(pair, read_back(FORMAT, [Drawn(one) for one in pair]), strict=True):
        np.testing.assert_array_equal(again.labels, written)
        assert (again.axes, again.remarks) == ("YX", ())


@pytest.mark.parametrize("axes", ["ZYX", "TYX"])
def test_stacks_and_movies_are_read_again(axes: str) -> None:
    labels = np.arange(30, dtype=np.uint32).reshape(3, 2, 5)

    [read] = read_back(FORMAT, [Drawn(labels, axes)])

    np.testing.assert_array_equal(read.labels, labels)
    assert read.axes == axes


def test_what_the_format_cannot_hold_is_told(tmp_path: Path) -> None:
    assert FORMAT.write is not None
    (tmp_path / "out").mkdir()
    movie = Drawn(np.ones((2, 3, 4), np.uint32), "TYX", {1: "dead"})

    remarks = FORMAT.write(iter([picture(tmp_path, "a", movie)]), tmp_path / "out")

    assert remarks == [
        "this layout has no place for classes",
        "Cellpose takes the frames of a movie for planes of a stack",
    ]
    assert tifffile.imread(tmp_path / "out" / "a_masks.tif").dtype == np.uint16


@pytest.mark.parametrize("name", ["a_masks", "a_cp_masks", "a_flows"])
def test_a_name_that_cellpose_passes_over_is_refused(tmp_path: Path, name: str) -> None:
    assert FORMAT.write is not None
    one = picture(tmp_path, name, Drawn(np.ones((3, 4), np.uint32)))

    with pytest.raises(UnsupportedError, match=f"{name}: Cellpose takes no file of this name"):
        FORMAT.write(iter([one]), tmp_path)


# _seg.npy as NumPy writes it


@pytest.mark.parametrize("old", [False, True], ids=["numpy 2", "numpy 1"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_masks_are_read_of_every_numpy_and_protocol(
    tmp_path: Path, protocol: int, old: bool
) -> None:
    held: dict[str, Any] = {
        "masks": MASKS,
        "filename": "C:\\pictures\\a.tif",
        "flows": [np.ones((4, 2, 3), np.float32), None, [], np.zeros((0, 3)), np.array([None, 1])],
        "ismanual": np.zeros(3, bool),
        "est_diam": np.float64(30),
        "diameter": 30.5,
        "colors": np.ones((3, 3), np.uint8).T[::2],
        "zdraw": [None] * 300,
        "normalize_params": {"lowhigh": None, "percentile": (1.0, 99.0), "invert": False},
        "manual_changes": [[["2024", "x"], np.array(["removed mask"])]],
        "big": 10**12,
        "note": "long " * 1000,
        "raw": b"",
    }
    drawn = read(tmp_path, seg(held, protocol, old=old))

    np.testing.assert_array_equal(drawn.labels, MASKS)
    assert drawn.labels.dtype == np.uint32
    assert (drawn.axes, drawn.remarks) == ("YX", ())


def test_what_numpy_saves_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a_seg.npy", {"masks": MASKS, "filename": "a.tif"})  # type: ignore[arg-type]

    np.testing.assert_array_equal(
        read(tmp_path, (tmp_path / "a_seg.npy").read_bytes()).labels, MASKS
    )


@given(
    masks=hn.arrays(
        st.sampled_from(["?", "u1", "<u2", ">u2", "<i4", ">i4", "u4", "i8", "u8", "f4"]),
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.integers(0, 1),
    ),
    protocol=st.integers(2, 5),
    old=st.booleans(),
    order=st.sampled_from(["C", "F", "strided", "turned"]),
)
@settings(max_examples=100, deadline=None)
def test_masks_of_any_type_and_order_are_read(
    tmp_path_factory: pytest.TempPathFactory, masks: Array, protocol: int, old: bool, order: str
) -> None:
    if order == "turned":  # its axes are neither in C's nor in Fortran's order: K in protocol 5
        stack = np.stack([masks, masks]).transpose(1, 0, 2)
    elif order == "strided":
        stack = np.repeat(masks, 2, axis=1)[:, ::2]
    else:
        stack = np.array(masks, order="F" if order == "F" else "C")
    path = tmp_path_factory.mktemp("seg") / "a_seg.npy"
    path.write_bytes(seg({"masks": stack}, protocol, old=old))

    found = read_dictionary(path)["masks"]

    assert isinstance(found, PickledArray)
    np.testing.assert_array_equal(found.read(), stack)
    assert found.read().dtype == stack.dtype


def test_a_stack_has_planes_and_a_single_one_is_a_plane(tmp_path: Path) -> None:
    stack = np.stack([MASKS, MASKS * 0])

    drawn = read(tmp_path, seg({"masks": stack}))
    alone = read(tmp_path, seg({"masks": stack[:1]}))

    np.testing.assert_array_equal(drawn.labels, stack)
    assert (drawn.axes, alone.axes, alone.labels.shape) == ("ZYX", "YX", (2, 3))


def test_no_masks_are_no_error_and_no_array_is_one(tmp_path: Path) -> None:
    assert not read(tmp_path, seg({"masks": np.zeros((4, 5), np.uint16)})).labels.any()
    for held in ({"outlines": 1}, {"masks": None}, {"masks": [1, 2]}):
        with pytest.raises(UnreadableError, match="it holds no masks"):
            read(tmp_path, seg(held))


@pytest.mark.parametrize(
    ("masks", "what"),
    [
        (np.array([[1.5]]), "fractions"),
        (np.array([[np.nan]]), "fractions"),
        (np.array([[-1]]), "do not lie between 0"),
        (np.array([[2**32]]), "do not lie between 0"),
        (np.zeros((2, 2, 2, 2), int), "2 x 2 x 2 x 2"),
        (np.zeros((0, 5), int), "0 x 5"),
        (np.array(3), "one number"),
        (np.array([["a"]]), "does not hold plain numbers"),
        (np.array([[None, 1]]), "does not hold plain numbers"),
        (np.zeros((2, 2), "i4,f4"), "does not hold plain numbers"),
    ],
)
def test_masks_that_are_none_are_named(tmp_path: Path, masks: Array, what: str) -> None:
    with pytest.raises(InputError, match=f"a_seg.npy: .*{what}"):
        read(tmp_path, seg({"masks": masks}))


# Which file belongs to which picture


def test_pictures_find_their_masks(tmp_path: Path) -> None:
    for name in ("a.png", "b.PNG", "c.png", "d_cp.png", "e.png", "b_masks.png", "d_cp_masks.png"):
        Pillow.new("L", (3, 2)).save(tmp_path / name)
    for name in ("c_cp_masks.tif", "a_flows.tif", "._e_masks.tif", "lost_masks.tif"):
        tifffile.imwrite(tmp_path / name, np.ones((2, 3), np.uint16))
    (tmp_path / "a_seg.npy").write_bytes(seg())

    found = {entry.name: entry.image for entry in FORMAT.entries(Source(tmp_path))}

    assert FORMAT.recognises(tmp_path)
    assert {name: image and image.name for name, image in found.items()} == {
        "a": "a.png",
        "b": "b.PNG",
        "c": "c.png",
        "d_cp": "d_cp.png",
        "lost": None,
    }


def test_pictures_may_lie_elsewhere(tmp_path: Path) -> None:
    for name in ("masks", "pictures"):
        (tmp_path / name).mkdir()
    tifffile.imwrite(tmp_path / "pictures" / "a.tif", np.ones((2, 3), np.uint8))
    tifffile.imwrite(tmp_path / "masks" / "a_masks.tif", np.ones((2, 3), np.uint8))

    [entry] = FORMAT.entries(Source(tmp_path / "masks", tmp_path / "pictures"))

    assert entry.image == tmp_path / "pictures" / "a.tif"


def test_what_is_not_cellposes_is_not_recognised(tmp_path: Path) -> None:
    assert not FORMAT.recognises(tmp_path)
    tifffile.imwrite(tmp_path / "a.tif", np.ones((2, 3), np.uint8))
    tifffile.imwrite(tmp_path / "b_masks.tif", np.ones((2, 3), np.uint8))
    assert not FORMAT.recognises(tmp_path)
    assert not FORMAT.recognises(tmp_path / "a.tif")
    assert FORMAT.entries(Source(tmp_path / "a.tif")) == []


def test_two_pictures_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.tif", "a_masks.tif"):
        tifffile.imwrite(tmp_path / name, np.ones((2, 3), np.uint8))
    Pillow.new("L", (3, 2)).save(tmp_path / "a.png")

    with pytest.raises(UsageError, match=r"a\.png, a\.tif"):
        FORMAT.entries(Source(tmp_path))


def test_the_dictionary_wins_over_masks_and_says_so_if_they_differ(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a_masks.tif", MASKS.astype(np.uint32))
    Pillow.new("L", (3, 2)).save(tmp_path / "a_masks.png")
    (tmp_path / "a_cp_masks.tif").write_bytes(b"")

    drawn = read(tmp_path, seg(filename="/home/b.tif"))

    np.testing.assert_array_equal(drawn.labels, MASKS)
    assert drawn.remarks == (
        "it was drawn in a picture called 'b.tif'",
        "a_masks.png has other masks: those of a_seg.npy were taken",
        "a_cp_masks.tif cannot be used (the file is empty (0 bytes)): those of a_seg.npy "
        "were taken",
    )


def test_a_plain_array_and_a_plain_stack_are_masks_too(tmp_path: Path) -> None:
    stack = np.ones((2, 4, 5), np.int32)
    np.save(tmp_path / "a_seg.npy", stack)
    tifffile.imwrite(tmp_path / "b_masks.tif", stack.astype(np.uint16))

    for entry in FORMAT.entries(Source(tmp_path)):
        assert entry.read(None).axes == "ZYX"
