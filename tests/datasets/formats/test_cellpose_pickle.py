"""Cellpose's pickles: nothing that a file asks for is run, and no size that it claims believed."""

from __future__ import annotations

import builtins
import functools
import io
import os
import pickle
import pickletools
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.datasets.formats.cellpose_files import npy, read, seg

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.datasets.annotation import Source
from cellwright.datasets.formats import cellpose_pickle
from cellwright.datasets.formats.cellpose import FORMAT
from cellwright.datasets.formats.cellpose_arrays import PickledArray
from cellwright.datasets.formats.cellpose_pickle import read_dictionary


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
        (Stateful(), r"copyreg\.|copy_reg\.|test_cellpose_pickle\.Stateful"),
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
