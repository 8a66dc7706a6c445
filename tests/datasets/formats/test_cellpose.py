"""Cellpose's folders: round trips, `_seg.npy` of NumPy 1 and 2, and files that are hostile."""

from __future__ import annotations

import builtins
import functools
import io
import os
import pickle
import pickletools
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from PIL import Image as Pillow
from tests.datasets.formats.round_trip import label_images, picture, read_back

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn, Source
from cellwright.datasets.formats import cellpose_pickle
from cellwright.datasets.formats.cellpose import FORMAT
from cellwright.datasets.formats.cellpose_arrays import PickledArray
from cellwright.datasets.formats.cellpose_pickle import read_dictionary

_MASKS = np.array([[0, 1, 1], [70_000, 0, 2]], np.int32)
_HEADER = "{'descr': '|O', 'fortran_order': False, 'shape': (), }"


def npy(pickled: bytes, header: str = _HEADER) -> bytes:
    """A NumPy file of objects around any pickle."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + pickled


def seg(
    held: dict[str, Any] | None = None, protocol: int = 4, *, old: bool = False, **more: Any
) -> bytes:
    """A `_seg.npy` file; `old` if NumPy 1 wrote it, whose modules had other names."""
    array = np.empty((), object)
    array[()] = {"outlines": np.zeros((2, 3), np.uint8), **(held or {"masks": _MASKS}), **more}
    return npy(renamed(pickle.dumps(array, protocol)) if old else pickle.dumps(array, protocol))


def renamed(pickled: bytes) -> bytes:
    """The same pickle with NumPy 1's names, each of which is one letter shorter."""
    for module in (b"multiarray", b"numeric"):
        new, name = b"numpy._core." + module, b"numpy.core." + module
        pickled = pickled.replace(b"c" + new + b"\n", b"c" + name + b"\n")
        pickled = pickled.replace(
            b"\x8c" + bytes([len(new)]) + new, b"\x8c" + bytes([len(name)]) + name
        )
    if pickled[2:3] == b"\x95":
        pickled = pickled[:3] + struct.pack("<Q", len(pickled) - 11) + pickled[11:]
    assert b"_core" not in pickled
    return pickled


def read(tmp_path: Path, data: bytes) -> Drawn:
    (tmp_path / "a_seg.npy").write_bytes(data)
    [entry] = FORMAT.entries(Source(tmp_path))
    return entry.read(None)


# Round trips


@given(pair=st.lists(label_images(largest=70_000), min_size=1, max_size=2))
@settings(max_examples=25, deadline=None)
def test_what_was_written_is_read_again(pair: list[Array]) -> None:
    for written, read in zip(pair, read_back(FORMAT, [Drawn(one) for one in pair]), strict=True):
        np.testing.assert_array_equal(read.labels, written)
        assert (read.axes, read.remarks) == ("YX", ())


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
        "masks": _MASKS,
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

    np.testing.assert_array_equal(drawn.labels, _MASKS)
    assert drawn.labels.dtype == np.uint32
    assert (drawn.axes, drawn.remarks) == ("YX", ())


def test_what_numpy_saves_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a_seg.npy", {"masks": _MASKS, "filename": "a.tif"})  # type: ignore[arg-type]

    np.testing.assert_array_equal(
        read(tmp_path, (tmp_path / "a_seg.npy").read_bytes()).labels, _MASKS
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
    stack = np.stack([_MASKS, _MASKS * 0])

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
    tifffile.imwrite(tmp_path / "a_masks.tif", _MASKS.astype(np.uint32))
    Pillow.new("L", (3, 2)).save(tmp_path / "a_masks.png")
    (tmp_path / "a_cp_masks.tif").write_bytes(b"")

    drawn = read(tmp_path, seg(filename="/home/b.tif"))

    np.testing.assert_array_equal(drawn.labels, _MASKS)
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


# Files that are hostile


class Calls:
    """Pickled, it asks for a call when it is loaded."""

    def __init__(self, call: Any, *given: Any) -> None:
        self.reduced = call, given

    def __reduce__(self) -> tuple[Any, Any]:
        return self.reduced


class Stateful:
    """Pickled, it asks for its `__setstate__` when it is loaded."""

    def __setstate__(self, state: object) -> None:
        raise AssertionError("a file's state was set")

    def __getstate__(self) -> dict[str, int]:
        return {"a": 1}


def global_(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


@pytest.mark.parametrize("protocol", [2, 4])
def test_code_is_never_run(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "ran"
    text = f"open({str(mark)!r}, 'w').close()"
    for hostile, named in [
        (Calls(os.system, f"touch {mark}"), r"(posix|nt)\.system"),
        (Calls(eval, text), r"(builtins|__builtin__)\.eval"),
        (Calls(exec, text), r"(builtins|__builtin__)\.exec"),
        (Calls(functools.partial, os.system, f"touch {mark}"), r"functools\.partial"),
        (Calls(np.load, str(mark)), r"numpy\.load"),
        (Calls(builtins.open, str(mark), "w"), r"io\.open"),
        (Calls(getattr, np.ndarray, "tofile"), r"(builtins|__builtin__)\.getattr"),
        (Stateful(), r"copyreg\.|copy_reg\.|test_cellpose\.Stateful"),
        (np.random.default_rng(0), "numpy.random"),
        (tmp_path, "pathlib"),
        (np.ma.masked, "numpy.ma"),
        (set, r"(builtins|__builtin__)\.set"),
    ]:
        with pytest.raises(UnsupportedError, match=named):
            read(tmp_path, seg(flows=hostile, protocol=protocol))
    assert not mark.exists()


def test_the_module_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError) as told:
        read(tmp_path, npy(b"\x80\x04" + global_("os", "system") + b"."))

    assert told.value.what == (
        "the file asks for os.system, which could run code: nothing of it was run"
    )
    assert told.value.where.endswith("a_seg.npy")
    assert "TIFF or PNG" in told.value.remedy


_DTYPE = global_("numpy", "dtype") + b"X\x02\x00\x00\x00u2\x89\x88\x87R"
_RECONSTRUCT = global_("numpy.core.multiarray", "_reconstruct")
_NDARRAY = global_("numpy", "ndarray")
_BLANK = _RECONSTRUCT + _NDARRAY + b"K\x00\x85C\x01b\x87R"
_CALL = global_("os", "system") + b"X\x02\x00\x00\x00ls\x85R"


@pytest.mark.parametrize(
    ("pickled", "named"),
    [
        (b"X\x01\x00\x00\x00aQ", "a persistent id"),
        (b"Pa\n", "a persistent id"),
        (b"\x82\x01", "the registry of extensions"),
        (b"\x83\x01\x00", "the registry of extensions"),
        (b"\x84\x01\x00\x00\x00", "the registry of extensions"),
        (b"(ios\nsystem\n", r"os\.system"),
        (b"(X\x02\x00\x00\x00lsios\nsystem\n", r"os\.system"),
        (b"(inumpy\nndarray\n", r"numpy\.ndarray"),
        (b"(" + _NDARRAY + b"o", "the making of an object"),
        (_NDARRAY + b")\x81", "the making of an object"),
        (_NDARRAY + b")}\x92", "the making of an object"),
        (b"\x97", "a buffer outside"),
        (_NDARRAY + b"K\x05\x85R", "a call of ndarray"),
        (b"X\x04\x00\x00\x00evalX\x01\x00\x00\x001\x85R", "a call of what has no name"),
        (b"X\x05\x00\x00\x00numpyX\x0c\x00\x00\x00ndarray.dump\x93", r"numpy\.ndarray\.dump"),
        (b"X\x0a\x00\x00\x00numpy.coreX\x18\x00\x00\x00multiarray._reconstruct_\x93", "numpy.core"),
        (
            b"X\x0a\x00\x00\x00numpy.coreX\x17\x00\x00\x00multiarray._reconstruct\x93",
            r"multiarray\._reconstruct",
        ),
        (_RECONSTRUCT + global_("numpy", "dtype") + b"K\x00\x85C\x01b\x87R", "kind of its own"),
        (_RECONSTRUCT + b")R", "kind of its own"),
        (_RECONSTRUCT + _CALL, r"os\.system"),
        (b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00rot\x86R", "another encoding"),
        (b"c_codecs\ndecode\n", r"_codecs\.decode"),
        (b"cbuiltins\nbytes\nJ\xff\xff\xff\x7f\x85R", "builtins.bytes of a value"),
        (b"}(X\x01\x00\x00\x00aK\x01ub", "damaged"),
        (b"]}b", "a state for what is no array"),
        (_NDARRAY + b"N}\x86b", "a state for what is no array"),
        (_BLANK + b"}b", "a state for what is no array"),
        (_BLANK + b"K\x01\x85b", "damaged"),
        (b"\x80\x06", "the protocol 6"),
        (b"I01\n", r"the instruction b'I'"),
        (b"\x8b\xff\xff\xff\x7f", "a number of 2,147,483,647 bytes"),
        (b"\xff", "damaged"),
        (b"0", "damaged"),
        (b"h\x07", "damaged"),
        (b"t", "damaged"),
        (b"K\x01a", "damaged"),
        (b"K\x01K\x02a", "damaged"),
        (b"](K\x01u", "damaged"),
        (b"}(K\x01u", "damaged"),
        (b"K\x01(R", "damaged"),
        (b"c" + b"a" * 1000 + b"\n", "damaged"),
        (b"N.", "no dictionary"),
        (b"}.", "no dictionary"),
        (_BLANK + b".", "no dictionary"),
        (b"X\xff\xff\xff\x7f", "cut short"),
        (b"\x8e" + b"\xff" * 8, "cut short"),
        (b"\x96" + b"\xff" * 7 + b"\x7f", "cut short"),
        (b"B\xff\xff\xff\xff", "cut short"),
        (b"", "cut short"),
    ],
)
def test_instructions_that_no_array_needs_are_refused(
    tmp_path: Path, pickled: bytes, named: str
) -> None:
    with pytest.raises(InputError, match=named):
        read(tmp_path, npy(b"\x80\x04" + pickled))


def with_masks(masks: bytes) -> bytes:
    """A file in which the masks are what a pickle's bytes make."""
    inner = b"}X\x05\x00\x00\x00masks" + masks + b"s"
    state = b"(K\x01)" + _DTYPE + b"\x89]" + inner + b"atb"
    return npy(b"\x80\x04" + _BLANK + state + b".")


def test_shapes_that_are_claimed_need_their_bytes(tmp_path: Path) -> None:
    huge = b"J\x00\x00\x00\x40"
    for shape, data, what in [
        (b"K\x02K\x03\x86", b"C\x0c" + bytes(12), None),
        (b"K\x02K\x03\x86", b"C\x0b" + bytes(11), "12 bytes is claimed, 11"),
        (huge + huge + b"\x86", b"C\x0c" + bytes(12), "is claimed, 12 are there"),
        (huge * 3 + b"\x87", b"C\x00", "is claimed, 0 are there"),
        (b"K\x00" + huge + b"\x86", b"C\x00", "0 x 1073741824"),
        (b"(K\x00" + huge * 7 + b"t", b"C\x00", "impossible"),
        (b"(K\x01" + huge * 8 + b"t", b"C\x00", "no shape"),
        (b"J\xff\xff\xff\xffK\x03\x86", b"C\x00", "impossible"),
        (b"\x88K\x03\x86", b"C\x06" + bytes(6), "impossible"),
        (b"\x8a\x10" + b"\xff" * 15 + b"\x7f\x85", b"C\x00", "impossible"),
        (b"K\x06", b"C\x0c" + bytes(12), "no shape"),
        (b"K\x02K\x03\x86", b"K\x07", "12 bytes is claimed, 0"),
        (b"K\x02K\x03\x86", b"]K\x01a", "12 bytes is claimed, 0"),
        (b"K\x02K\x03\x86", b"X\x0c\x00\x00\x00" + b"x" * 12, "12 bytes is claimed, 0"),
    ]:
        masks = with_masks(_BLANK + b"(K\x01" + shape + _DTYPE + b"\x89" + data + b"tb")
        if what is None:
            assert read(tmp_path, masks).labels.shape == (2, 3)
        else:
            with pytest.raises(UnreadableError, match=what):
                read(tmp_path, masks)


def test_buffers_of_protocol_5_are_checked_as_well(tmp_path: Path) -> None:
    call = b"cnumpy._core.numeric\n_frombuffer\n("
    data, shape = b"\x96\x04" + bytes(11), b"K\x01K\x02\x86"
    for args, what in [
        (data + _DTYPE + shape + b"X\x01\x00\x00\x00C", None),
        (data + _DTYPE + shape + b"X\x01\x00\x00\x00KK\x01K\x00\x86", None),
        (data + _DTYPE + shape + b"X\x01\x00\x00\x00KK\x01K\x01\x86", "other axes"),
        (data + _DTYPE + shape + b"X\x01\x00\x00\x00KK\x01\x85", "other axes"),
        (data + _DTYPE + shape + b"X\x01\x00\x00\x00K]", "axes that are no numbers"),
        (data + _DTYPE + shape, "damaged"),
        (_DTYPE * 2 + shape + b"N", "4 bytes is claimed, 0"),
        (data + b"N" + shape + b"N", "plain numbers"),
    ]:
        masks = with_masks(call + args + b"tR")
        if what is None:
            assert read(tmp_path, masks).labels.size == 2
        else:
            with pytest.raises(InputError, match=what):
                read(tmp_path, masks)


def test_hostile_sizes_cost_neither_memory_nor_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cellpose_pickle, "_MOST_STEPS", 50_000)  # for a short test
    bombs = {
        "a place far away in the memo": b"Nr\xff\xff\xff\x7f.",
        "tuples in tuples as a key": b"}" + b")" + b"2\x86" * 1000 + b"Ns.",
        "depth": b"]" * 25_000 + b"a" * 24_999 + b".",
        "depth of tuples": b")" + b"\x85" * 49_000 + b".",
        "marks": b"(" * 49_000 + b".",
        "without an end": b"(]" * 50_000,
        "a list that holds itself": b"]q\x00h\x00a.",
        "a text": b"X\xff\xff\xff\xff" + b"x" * 1000,
    }
    for what, bomb in bombs.items():
        path = tmp_path / "a_seg.npy"
        path.write_bytes(npy(b"\x80\x04" + bomb))
        tracemalloc.start()
        begun = time.process_time()
        try:
            with pytest.raises(InputError):
                read_dictionary(path)
            assert tracemalloc.get_traced_memory()[1] < 50_000_000, what
        finally:
            tracemalloc.stop()
        assert time.process_time() - begun < 20, what


def test_arrays_that_are_not_asked_for_stay_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a_seg.npy"
    path.write_bytes(seg(flows=[np.zeros((5, 1000, 1000), np.float32)]))
    tracemalloc.start()
    try:
        assert isinstance(read_dictionary(path)["masks"], PickledArray)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_file_that_is_cut_anywhere_is_refused(tmp_path: Path, protocol: int) -> None:
    data = seg(protocol=protocol, old=protocol < 4)
    for end in range(len(data)):
        with pytest.raises(InputError):
            read(tmp_path, data[:end])


@given(data=st.data(), protocol=st.integers(2, 5))
@settings(max_examples=150, deadline=None)
def test_damage_never_ends_in_anything_but_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, protocol: int
) -> None:
    content = bytearray(seg(protocol=protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(10, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged_seg.npy"
    path.write_bytes(content)

    [entry] = [e for e in FORMAT.entries(Source(path.parent)) if e.name == "damaged"]
    try:
        drawn = entry.read(None)
    except InputError:
        return
    assert drawn.labels.dtype == np.uint32


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_pickle_ends_in_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, pickled: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any_seg.npy"
    path.write_bytes(npy(pickled))

    with pytest.raises(InputError):
        read_dictionary(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUM",
        b"\x93NUMPY\x09\x00v\x00",
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        b"text" * 99,
    ],
)
def test_what_is_no_numpy_file_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableError, match="NumPy file"):
        read(tmp_path, content)


def test_all_instructions_of_pickles_are_either_known_or_refused(tmp_path: Path) -> None:
    """None is passed over in silence: after each, alone on an empty stack, comes an error."""
    for opcode in pickletools.opcodes:
        path = tmp_path / "a_seg.npy"
        path.write_bytes(npy(opcode.code.encode("latin-1")))
        with pytest.raises(InputError):
            read_dictionary(path)


def test_the_test_file_itself_would_run_code(tmp_path: Path) -> None:
    """What is refused above does run when Python loads it: the tests are not empty."""
    hostile = pickle.dumps(Calls(os.system, f"touch {tmp_path / 'ran'}"))

    pickle.load(io.BytesIO(hostile))

    assert (tmp_path / "ran").exists()
