"""Dictionaries that NumPy has pickled, read as plain data: nothing that a file names is called.

A pickle is a program for a small machine with a stack. Python's own `pickle.Unpickler` calls what
the program asks for. Even where every name but NumPy's is refused, a few hundred bytes can keep it
busy for years (tuples in tuples as a key: each level doubles the work of hashing) or fill the
memory (a place in the memo of 2,147,483,647). So it is not used. This machine has only the
instructions of numbers, text, lists, tuples, dictionaries and NumPy's arrays; names stand for
themselves, dictionaries are lists of pairs, nothing is hashed or compared, and the bytes of
arrays stay in the file until one of them is asked for.

The instructions are those of Python's ``pickletools``, protocols 2 to 5, and what NumPy makes of
them is in its ``ndarray.__reduce_ex__``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.datasets.formats.cellpose_arrays import Kind, PickledArray, Stored, broken

__all__ = ["is_pickled", "read_dictionary"]

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 2**16  # bytes: version 1 of NumPy's format allows no more
_OBJECTS = re.compile(rb"""['"]descr['"]\s*:\s*['"]\|O\d?['"]""")
_MOST_STEPS = 500_000  # 10,000 cells, each drawn in its planes of a stack, need half of them
_LONGEST_TEXT = 256  # bytes: names and file names; longer text is looked up when asked for
_LONGEST_NUMBER = 16  # bytes: NumPy's own have 8
_NEWEST = 5  # protocol

_RECONSTRUCT, _SCALAR, _FROM_BUFFER = "_reconstruct", "scalar", "_frombuffer"
_NDARRAY, _DTYPE, _ENCODE, _NO_BYTES = "ndarray", "dtype", "encode", "bytes"
_NAMES = {
    "numpy.core.multiarray._reconstruct": _RECONSTRUCT,  # until NumPy 1.26
    "numpy._core.multiarray._reconstruct": _RECONSTRUCT,  # from NumPy 2.0
    "numpy.core.multiarray.scalar": _SCALAR,
    "numpy._core.multiarray.scalar": _SCALAR,
    "numpy.core.numeric._frombuffer": _FROM_BUFFER,  # protocol 5
    "numpy._core.numeric._frombuffer": _FROM_BUFFER,
    "numpy.ndarray": _NDARRAY,
    "numpy.dtype": _DTYPE,
    "_codecs.encode": _ENCODE,  # bytes in protocol 2
    "__builtin__.bytes": _NO_BYTES,  # no bytes at all in protocol 2
    "builtins.bytes": _NO_BYTES,
}
_REFUSED = {
    b"P": "a persistent id",  # PERSID, BINPERSID
    b"Q": "a persistent id",
    b"\x82": "the registry of extensions",  # EXT1, EXT2, EXT4
    b"\x83": "the registry of extensions",
    b"\x84": "the registry of extensions",
    b"o": "the making of an object",  # OBJ, NEWOBJ, NEWOBJ_EX
    b"\x81": "the making of an object",
    b"\x92": "the making of an object",
    b"\x97": "a buffer outside of the file",  # NEXT_BUFFER, READONLY_BUFFER
    b"\x98": "a buffer outside of the file",
}
_UNUSED = b"FILSTUVdlgp\x8f\x90\x91"
"""Numbers and text of protocols 0 and 1 and of Python 2, and sets: NumPy's files have none."""


@dataclass(frozen=True, slots=True)
class _Name:
    """What a file calls by name: a value of `_NAMES`."""

    meaning: str


@dataclass(slots=True, eq=False)
class _Pairs:
    """A dictionary: keys and values in turn."""

    items: list[object] = field(default_factory=list)


def is_pickled(path: Path) -> bool:
    """Whether a NumPy file holds pickled objects instead of plain numbers.

    Raises
    ------
    UnreadableError
        If it cannot be read, or is no NumPy file.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(path := Path(folder, "a.npy"), np.zeros((2, 3)))
    ...     is_pickled(path)
    False
    """
    try:
        with path.open("rb") as file:
            return _OBJECTS.search(_header(path, file)) is not None
    except OSError as error:
        raise broken(path, f"the file cannot be read ({error.strerror or error})") from error


def read_dictionary(path: Path) -> dict[str, object]:
    """Read the one dictionary that a NumPy file holds, without running anything.

    Parameters
    ----------
    path
        As ``numpy.save(path, {"masks": …})`` writes it, NumPy 1 or 2.

    Returns
    -------
    dict
        Its values by name: numbers and short text as they are, arrays as `PickledArray`, all
        else as something without a meaning.

    Raises
    ------
    UnreadableError
        If the file is damaged, cut short, or holds no dictionary.
    UnsupportedError
        If it names anything but NumPy's arrays, or is far too large.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(path := Path(folder, "a.npy"), {"masks": np.eye(2), "n": 3})
    ...     found = read_dictionary(path)
    ...     found["n"], found["masks"].read().tolist()
    (3, [[1.0, 0.0], [0.0, 1.0]])
    """
    try:
        with path.open("rb") as file:
            _header(path, file)
            top = _Machine(path, file).run()
    except OSError as error:
        if isinstance(error, InputError):
            raise
        raise broken(path, f"the file cannot be read ({error.strerror or error})") from error
    held = top.data if isinstance(top, PickledArray) else None
    pairs = held[0] if isinstance(held, list) and len(held) == 1 else None
    if not isinstance(pairs, _Pairs):
        raise broken(path, "the file holds no dictionary")
    return {
        key: value
        for key, value in zip(pairs.items[::2], pairs.items[1::2], strict=True)
        if isinstance(key, str)
    }


def _header(path: Path, file: BinaryIO) -> bytes:
    """Text in front of the data: a dict, looked through but never evaluated."""
    head = file.read(len(_MAGIC) + 2)
    size = {1: 2, 2: 4, 3: 4}.get(head[-2] if len(head) == len(_MAGIC) + 2 else 0)
    if not head.startswith(_MAGIC) or size is None:
        raise broken(path, "this is no NumPy file")
    length = int.from_bytes(file.read(size), "little")
    text = file.read(length) if length <= _LONGEST_HEADER else b""
    if len(text) != length:
        raise broken(path, "the header of the NumPy file is damaged")
    return text


class _Machine:
    """Follows a pickle's instructions, as far as arrays and plain values need them."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        start = file.tell()
        self._end = file.seek(0, 2)
        file.seek(start)
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[int, object] = {}
        self._calls: dict[str, Callable[[tuple[object, ...]], object]] = {
            _RECONSTRUCT: self._blank,
            _SCALAR: lambda given: None,  # noqa: ARG005 - single numbers are not needed
            _FROM_BUFFER: self._from_buffer,
            _DTYPE: lambda given: Kind(given[0] if given else None),
            _ENCODE: self._encoded,
            _NO_BYTES: self._no_bytes,
        }

    def run(self) -> object:
        for _ in range(_MOST_STEPS):
            code = self._take(1)
            if code == b".":
                return self._pop()
            self._step(code)
        raise self._beyond(f"it has more than {_MOST_STEPS:,} values")

    def _step(self, code: bytes) -> None:
        match code:
            case b"h" | b"j":  # BINGET, LONG_BINGET
                index = self._number(1 if code == b"h" else 4)
                if index not in self._memo:
                    raise self._damaged()
                self._stack.append(self._memo[index])
            case b"\x94":  # MEMOIZE
                self._memo[len(self._memo)] = self._top()
            case b"q" | b"r":  # BINPUT, LONG_BINPUT
                self._memo[self._number(1 if code == b"q" else 4)] = self._top()
            case b"K" | b"M":  # BININT1, BININT2
                self._stack.append(self._number(1 if code == b"K" else 2))
            case b"J":  # BININT
                self._stack.append(int.from_bytes(self._take(4), "little", signed=True))
            case b"\x8a" | b"\x8b":  # LONG1, LONG4
                length = self._number(1 if code == b"\x8a" else 4)
                if length > _LONGEST_NUMBER:
                    raise self._beyond(f"it has a number of {length:,} bytes")
                self._stack.append(int.from_bytes(self._take(length), "little", signed=True))
            case b"G":  # BINFLOAT
                self._take(8)
                self._stack.append(None)
            case b"N" | b"\x88" | b"\x89":  # NONE, NEWTRUE, NEWFALSE
                self._stack.append({b"N": None, b"\x88": True, b"\x89": False}[code])
            case b"\x8c" | b"X" | b"\x8d":  # SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
                self._stack.append(self._text({b"\x8c": 1, b"X": 4, b"\x8d": 8}[code]))
            case b"C" | b"B" | b"\x8e" | b"\x96":  # SHORT_BINBYTES to BYTEARRAY8
                length = self._number({b"C": 1, b"B": 4}.get(code, 8))
                self._stack.append(self._passed(length))
            case b"(":  # MARK
                self._marks.append(len(self._stack))
            case b")" | b"]" | b"}":  # EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT
                self._stack.append(() if code == b")" else [] if code == b"]" else _Pairs())
            case b"t":  # TUPLE
                self._stack.append(tuple(self._since_mark()))
            case b"\x85" | b"\x86" | b"\x87":  # TUPLE1, TUPLE2, TUPLE3
                items = [self._pop() for _ in range(code[0] - 0x84)]
                self._stack.append(tuple(items[::-1]))
            case b"a" | b"e":  # APPEND, APPENDS
                items = [self._pop()] if code == b"a" else self._since_mark()
                target = self._top()
                if not isinstance(target, list):
                    raise self._damaged()
                target += items
            case b"s" | b"u":  # SETITEM, SETITEMS
                items = [self._pop(), self._pop()][::-1] if code == b"s" else self._since_mark()
                target = self._top()
                if not isinstance(target, _Pairs) or len(items) % 2:
                    raise self._damaged()
                target.items += items
            case b"c" | b"i":  # GLOBAL, INST
                module, name = self._line(), self._line()
                self._stack.append(self._named(module, name, known=code == b"c"))
            case b"\x93":  # STACK_GLOBAL
                called, where = self._pop(), self._pop()
                if not isinstance(called, str) or not isinstance(where, str):
                    raise self._damaged()
                self._stack.append(self._named(where, called))
            case b"R":  # REDUCE
                given, call = self._pop(), self._pop()
                if not isinstance(call, _Name) or not isinstance(given, tuple):
                    raise self._refused("a call of what has no name")
                if call.meaning not in self._calls:
                    raise self._refused(f"a call of {call.meaning}")
                self._stack.append(self._calls[call.meaning](given))
            case b"b":  # BUILD
                self._build(self._pop(), self._top())
            case b"0":  # POP
                if self._marks and self._marks[-1] == len(self._stack):
                    self._marks.pop()
                else:
                    self._pop()
            case b"1":  # POP_MARK
                self._since_mark()
            case b"2":  # DUP
                self._stack.append(self._top())
            case b"\x80":  # PROTO
                if (version := self._number(1)) > _NEWEST:
                    raise self._beyond(
                        f"it has the protocol {version}, from {_NEWEST + 1} on unknown"
                    )
            case b"\x95":  # FRAME, which only tells how much may be read at once
                self._take(8)
            case _ if code in _REFUSED:
                raise self._refused(_REFUSED[code])
            case _ if code in _UNUSED:
                raise self._beyond(f"it uses the instruction {code!r}, which NumPy does not")
            case _:
                raise self._damaged()

    def _take(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise broken(self._path, "the file is cut short")
        return data

    def _number(self, count: int) -> int:
        return int.from_bytes(self._take(count), "little")

    def _line(self) -> str:
        line = self._file.readline(_LONGEST_TEXT)
        if not line.endswith(b"\n"):
            raise self._damaged()
        return line[:-1].decode("utf-8", "replace")

    def _passed(self, length: int, *, text: bool = False) -> Stored:
        place = self._file.tell()
        if length > self._end - place:
            raise broken(self._path, "the file is cut short")
        self._file.seek(length, 1)
        return Stored(place, length, text)

    def _text(self, count: int) -> str | Stored:
        length = self._number(count)
        if length > _LONGEST_TEXT:
            return self._passed(length, text=True)
        return self._take(length).decode("utf-8", "replace")

    def _top(self) -> object:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise self._damaged()
        return self._stack[-1]

    def _pop(self) -> object:
        self._top()
        return self._stack.pop()

    def _since_mark(self) -> list[object]:
        if not self._marks:
            raise self._damaged()
        mark = self._marks.pop()
        items = self._stack[mark:]
        del self._stack[mark:]
        return items

    def _named(self, module: str, name: str, *, known: bool = True) -> _Name:
        meaning = _NAMES.get(f"{module}.{name}") if known and "." not in name else None
        if meaning is None:
            raise self._refused(f"{module}.{name}")
        return _Name(meaning)

    def _blank(self, given: tuple[object, ...]) -> PickledArray:
        if not given or not isinstance(given[0], _Name) or given[0].meaning != _NDARRAY:
            raise self._refused("an array of a kind of its own")
        return PickledArray(self._path)

    def _from_buffer(self, given: tuple[object, ...]) -> PickledArray:
        if len(given) not in (4, 5):
            raise self._damaged()
        data, kind, shape, order = given[:4]
        fortran = isinstance(order, str) and order == "F"
        return PickledArray(self._path, shape, kind, data, fortran, given[4] if given[4:] else None)

    def _encoded(self, given: tuple[object, ...]) -> object:
        """Bytes, which protocol 2 writes as text of the letters of Latin-1."""
        if len(given) != 2 or not isinstance(given[1], str) or given[1] != "latin1":
            raise self._refused("_codecs.encode of another encoding")
        if isinstance(given[0], str):
            try:
                return given[0].encode("latin-1")
            except UnicodeError as error:
                raise self._damaged() from error
        if isinstance(given[0], Stored):
            return given[0]
        raise self._damaged()

    def _no_bytes(self, given: tuple[object, ...]) -> bytes:
        if given:
            raise self._refused("builtins.bytes of a value")
        return b""

    def _build(self, state: object, target: object) -> None:
        if not isinstance(state, tuple) or not isinstance(target, PickledArray | Kind):
            raise self._refused("a state for what is no array")
        if isinstance(target, Kind):
            target.order = state[1] if len(state) > 1 and isinstance(state[1], str) else "="
            return
        if len(state) != 5:
            raise self._damaged()
        _, target.shape, target.kind, fortran, target.data = state
        target.fortran = fortran is True

    def _damaged(self) -> UnreadableError:
        return broken(self._path, f"the file is damaged near byte {self._file.tell():,}")

    def _refused(self, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"the file asks for {what}, which could run code: nothing of it was run",
            where=str(self._path),
            remedy="save the masks as TIFF or PNG in the program that the file is from",
        )

    def _beyond(self, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"the file is no plain dictionary of arrays: {what}",
            where=str(self._path),
            remedy="save the masks as TIFF or PNG in the program that the file is from",
        )
