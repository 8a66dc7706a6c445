"""The XML files that microscopes write beside their pictures, read as a stream and bounded."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from cellwright.core.errors import UnreadableError, UnsupportedError

__all__ = ["Record", "even_step", "number_of", "read_records"]

LARGEST = 2**29
"""Bytes: ten times the index of a plate of 384 wells with 9 fields and 8 channels (47 MB)."""
_CHUNK = 2**20
_LONGEST = 1000  # characters of one value; a name or a number is shorter
_UNEVEN = 0.1  # steps that differ by more than a tenth from their median are not one step


@dataclass(frozen=True)
class Record:
    """One element: its name, its attributes, its own text, and texts of elements within."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)


class _Reader:
    """Gathers the wanted elements while expat reads; names are taken without their prefix."""

    def __init__(self, path: Path, wanted: Mapping[str, Set[str]]) -> None:
        self.path = path
        self.wanted = wanted
        self.records: list[Record] = []
        self.open: list[tuple[str, dict[str, str], dict[str, str], int]] = []
        self.depth = 0
        self.text: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text.append
        self.parser.StartDoctypeDeclHandler = self.refuse

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.text.clear()
        local = name.rpartition(":")[2]
        if local in self.wanted:
            clean = {k.rpartition(":")[2]: v for k, v in attributes.items() if len(v) <= _LONGEST}
            self.open.append((local, clean, {}, self.depth))

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        value = "".join(self.text).strip()
        self.text.clear()
        if self.open:
            kind, attributes, texts, depth = self.open[-1]
            if depth == self.depth:
                self.open.pop()
                self.records.append(Record(kind, attributes, value[:_LONGEST], texts))
            elif local in self.wanted[kind] and value and len(value) <= _LONGEST:
                texts.setdefault(local, value)
        self.depth -= 1

    def refuse(self, *_: object) -> None:
        raise UnsupportedError(
            "it has a document type, which microscopes never write and which could do harm",
            where=str(self.path),
            remedy="export it again",
        )


def read_records(path: Path, wanted: Mapping[str, Set[str]]) -> list[Record]:
    """Read all elements of some names, with the texts of some elements within them.

    Parameters
    ----------
    path
        The file.
    wanted
        From the name of an element, without its prefix, to the names of the elements within
        whose text is wanted.

    Raises
    ------
    UnreadableError
        If it cannot be read, is too large, or is no XML.
    UnsupportedError
        If it has a document type.
    """
    reader = _Reader(path, wanted)
    try:
        if path.stat().st_size > LARGEST:
            raise UnreadableError("the file is too large to be an index", where=str(path))
        with path.open("rb") as stream:
            left = LARGEST
            while left > 0 and (chunk := stream.read(min(_CHUNK, left))):
                reader.parser.Parse(chunk, False)
                left -= len(chunk)
            reader.parser.Parse(b"", True)
    except OSError as error:
        raise UnreadableError(
            f"the file cannot be read ({error.strerror or error})", where=str(path)
        ) from error
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, UnreadableError | UnsupportedError):
            raise
        raise UnreadableError(
            f"its XML is damaged ({error})", where=str(path), remedy="export it again"
        ) from error
    return reader.records


def number_of(text: str | None) -> float | None:
    """Read a finite number; None for anything else.

    Examples
    --------
    >>> number_of("6.5E-07"), number_of("x"), number_of(None), number_of("inf")
    (6.5e-07, None, None, None)
    """
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def even_step(series: Sequence[Sequence[float]]) -> float | None:
    """Give the one step of all series, if all their steps agree within a tenth.

    Examples
    --------
    >>> even_step([[0.0, 3.0, 6.0], [1.0, 4.1]]), even_step([[0, 1, 5]]), even_step([[2.0]])
    (3.0, None, None)
    """
    steps = [abs(b - a) for values in series for a, b in itertools.pairwise(values)]
    if not steps:
        return None
    middle = statistics.median(steps)
    if middle <= 0 or any(abs(step - middle) > _UNEVEN * middle for step in steps):
        return None
    return round(middle, 9)  # positions are differences of large numbers
