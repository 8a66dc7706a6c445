"""The text at the head of an AmiraMesh file: sizes, parameters, and which data follow.

The layout is that of the user's guides of Amira and Avizo ("AmiraMesh file format"): a line
that says how numbers are stored, ``define NAME SIZES``, a tree of ``Parameters``, and one
declaration ``NAME { TYPE FIELD } @NUMBER(ENCODING,BYTES)`` for each section of data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cellwright.core.errors import UnreadableError, UnsupportedError

__all__ = ["MOST_TEXT", "Block", "Field", "Header", "first_line", "parse_header"]

Block = list[tuple[str, Any]]
"""Entries of one pair of braces in their order; each is a name, and its words or a Block."""

MOST_TEXT = 2**20
"""Bytes that the text may have; those of real files have some hundreds to some thousands."""

_DEEPEST = 64  # braces within braces; real files have up to 5
_MOST_LENGTHS = 4  # of what is defined: x, y, z, and one that no file is known to have
_FIRST = re.compile(
    rb"# (?:AmiraMesh|Avizo|HyperMesh)(?: [A-Za-z0-9]+)?? "
    rb"(ASCII|BINARY-LITTLE-ENDIAN|BINARY-BIG-ENDIAN|BINARY)(?:[ \t][^\r\n]{0,80})?\r?\n"
)
_ORDERS = {"ASCII": "", "BINARY-LITTLE-ENDIAN": "<", "BINARY-BIG-ENDIAN": ">", "BINARY": ">"}
_MARK = re.compile(rb"\n(?=[ \t]*+@[0-9]{1,9}[ \t]*+\r?\n)")
# Possessive repeats (*+) never try again: a hostile header takes one pass like any other.
_TOKEN = re.compile(
    r"(?P<gap>[\n,])|(?P<comment>#[^\n]*+)"
    r'|"(?P<text>(?:[^"\\]|\\.)*+)"?'
    r"|(?P<open>\{)|(?P<close>\})"
    r"|@(?P<section>[0-9]{1,9})(?![^\s(}])"
    r"(?:\s*+\(\s*+(?P<encoding>\w++)\s*+(?:,\s*+(?P<length>[0-9]{1,18})\s*+)?\))?"
    r'|(?P<word>[^\s{}",]++)',
    re.DOTALL,
)
_SIZE = re.compile(r"[0-9]{1,9}\Z")


@dataclass(frozen=True)
class Field:
    """Data as the header declares them.

    Attributes
    ----------
    place
        What they belong to: the name of a lattice, of vertices, of a table.
    kind
        Their type as written: ``byte``, ``float[3]``.
    name
        Of the field.
    section
        Number of the section of data that holds them.
    encoding, length
        How the section is packed, and into how many bytes; empty and None where it is not.
    """

    place: str
    kind: str
    name: str
    section: int
    encoding: str = ""
    length: int | None = None


@dataclass(frozen=True)
class Header:
    """What the text says.

    Attributes
    ----------
    order
        Of bytes, as NumPy writes it; empty for numbers that are stored as text.
    sizes
        What is defined, with its lengths (x, y, z).
    parameters
        Each by its name: its words, or a Block.
    fields
        All that is declared, in the order of the file.
    end
        Byte at which the mark of the first section starts.
    """

    order: str
    sizes: dict[str, tuple[int, ...]]
    parameters: dict[str, Any]
    fields: tuple[Field, ...]
    end: int

    def words(self, *names: str) -> tuple[str, ...]:
        """Words of the parameter at a path of names; empty where it is not there."""
        found: Any = self.parameters.get(names[0])
        for name in names[1:]:
            found = _entry(found, name)
        return found if isinstance(found, tuple) else ()

    def block(self, name: str) -> Block:
        """Entries of a group of parameters; empty where it is not there."""
        found = self.parameters.get(name)
        return found if isinstance(found, list) else []


def _entry(block: Any, name: str) -> Any:
    if not isinstance(block, list):
        return None
    return next((value for key, value in block if key == name), None)


def first_line(head: bytes) -> str | None:
    r"""How numbers are stored, as the first line of an AmiraMesh file says; None of others.

    Examples
    --------
    >>> first_line(b"# AmiraMesh 3D ASCII 2.0\n"), first_line(b"# Amira is a program\n")
    ('ASCII', None)
    """
    found = _FIRST.match(head)
    return found[1].decode("ascii") if found else None


def parse_header(head: bytes) -> Header:
    r"""Parse the text before the first section of data.

    Parameters
    ----------
    head
        First bytes of the file, one more than `MOST_TEXT` if it has as many.

    Raises
    ------
    UnreadableError
        If it is no such text.
    UnsupportedError
        If it is longer, or has more braces within braces, than is read.

    Examples
    --------
    >>> header = parse_header(
    ...     b"# AmiraMesh BINARY-LITTLE-ENDIAN 2.1\ndefine Lattice 4 3 2\n"
    ...     b'Parameters { CoordType "uniform" }\nLattice { byte Data } @1(HxZip,9)\n@1\n'
    ... )
    >>> header.order, header.sizes, header.words("CoordType")
    ('<', {'Lattice': (4, 3, 2)}, ('uniform',))
    >>> header.fields
    (Field(place='Lattice', kind='byte', name='Data', section=1, encoding='HxZip', length=9),)
    """
    stored = first_line(head)
    if stored is None:
        raise UnreadableError(
            "the first line of the AmiraMesh file is damaged", remedy="copy or export it again"
        )
    mark = _MARK.search(head)
    if mark is None and len(head) > MOST_TEXT:
        raise UnsupportedError(
            f"the text before the data of the AmiraMesh file is longer than {MOST_TEXT} bytes",
            remedy="remove its history or its parameters in Amira, and save it again",
        )
    end = len(head) if mark is None else mark.end()
    try:
        text = head[:end].decode("utf-8")
    except UnicodeDecodeError:
        text = head[:end].decode("latin-1")  # before version 6; every byte is a letter of it
    top, fields = _parse(text)
    sizes: dict[str, tuple[int, ...]] = {}
    for key, value in top:
        if key == "define" and isinstance(value, tuple) and len(value) > 1:
            name, *lengths = value
            if len(lengths) <= _MOST_LENGTHS and all(map(_SIZE.match, lengths)):
                sizes.setdefault(name, tuple(int(length) for length in lengths))
    parameters: dict[str, Any] = {}
    for key, value in _entry(top, "Parameters") or ():
        parameters.setdefault(key, value)
    return Header(_ORDERS[stored], sizes, parameters, tuple(fields), end)


def _parse(text: str) -> tuple[Block, list[Field]]:
    """Read entries, one a line or between commas, and what stands after closing braces."""
    top: Block = []
    fields: list[Field] = []
    stack: list[tuple[str, Block]] = [("", top)]
    words: list[str] = []
    alone = ""  # a word that was a line of its own: the name of what a brace may open below it
    closed: tuple[str, Block] | None = None

    def finish() -> None:
        nonlocal alone
        if words:
            alone = words[0] if len(words) == 1 else ""
            stack[-1][1].append((words[0], tuple(words[1:])))
            words.clear()

    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind in {"section", "encoding", "length"}:
            if closed is not None:
                field = _field(*closed, token)
                fields += [field] if field else []
            closed = None
        elif kind == "gap":
            finish()
        elif kind == "open":
            if not words and alone:
                stack[-1][1].pop()
            name = words.pop() if words else alone
            finish()
            block: Block = []
            stack[-1][1].append((name, block))
            stack.append((name, block))
            if len(stack) > _DEEPEST:
                raise UnsupportedError(
                    f"the parameters of the AmiraMesh file are more than {_DEEPEST} deep",
                    remedy="remove its parameters in Amira, and save it again",
                )
            alone, closed = "", None
        elif kind == "close":
            finish()
            ended = stack.pop() if len(stack) > 1 else None
            alone, closed = "", ended if len(stack) == 1 else None
        elif kind in {"word", "text"} and token[0] != "=":  # which old files have before an @
            words.append(token[kind])
            closed = None
    finish()
    return top, fields


def _field(place: str, block: Block, token: re.Match[str]) -> Field | None:
    """Make a field of ``place { kind name } @section``; None if there is another form inside."""
    if len(block) != 1 or not isinstance(block[0][1], tuple) or len(block[0][1]) != 1:
        return None
    kind, [name] = block[0]
    length = token["length"]
    return Field(
        place,
        kind,
        name,
        int(token["section"]),
        token["encoding"] or "",
        None if length is None else int(length),
    )
