"""The edge to the libraries that read foreign formats: one may be missing, another may stumble."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError

__all__ = ["STUMBLES", "BoundedFile", "library", "parse_xml", "refuse_entities", "translated"]

STUMBLES = (
    ArithmeticError,  # a division by a size of zero, a number too large for its field
    AssertionError,
    AttributeError,  # a part of the metadata that should be there is None
    BufferError,
    EOFError,
    LookupError,  # KeyError and IndexError
    MemoryError,  # a size that no file has
    NameError,  # UnboundLocalError is one: a branch that nobody thought of
    OSError,
    RuntimeError,  # also of the decoders, too deep recursion, and what is not implemented
    StopIteration,
    SyntaxError,  # xml.etree.ElementTree.ParseError is one
    TypeError,
    ValueError,  # also UnicodeDecodeError, and the errors that most readers define
    struct.error,
    zlib.error,
)
"""What libraries raise on a file that is damaged: nearly everything there is. It is caught
around calls of them alone."""

_LONGEST_REASON = 160  # letters of a library's own message that are worth showing
_FORBIDDEN = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def library(name: str, file: str) -> Any:
    """Import a library that is not needed for anything but one format.

    Parameters
    ----------
    name
        Of the module.
    file
        What it reads, with its article, for the message.

    Raises
    ------
    UnsupportedError
        If it is not installed, saying how to get it.

    Examples
    --------
    >>> library("json", "a JSON file").loads("1")
    1
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UnsupportedError(
            f"reading {file} needs a library that is not installed",
            remedy='pip install "cellwright[formats]"',
        ) from error


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:_LONGEST_REASON]


@contextmanager
def translated(path: Path, file: str) -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into an UnreadableError.

    Its warnings are silenced: what matters of them is checked here, and nothing else would
    reach a person.

    Parameters
    ----------
    path
        The file, for the message.
    file
        What it is, without an article.

    Examples
    --------
    >>> with translated(Path("a.lif"), "Leica LIF file"):
    ...     {}["Width"]
    Traceback (most recent call last):
    ...
    cellwright.core.errors.UnreadableError: a.lif: the Leica LIF file is cut short or damaged
    (KeyError: 'Width'); copy or export it again
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputError as error:
        if error.where:
            raise
        raise type(error)(error.what, where=str(path), remedy=error.remedy) from error
    except NotImplementedError as error:
        raise UnsupportedError(
            f"the {file} asks for what its library does not know ({_brief(error)})",
            where=str(path),
            remedy="export it as OME-TIFF",
        ) from error
    except STUMBLES as error:
        reason = _brief(error)
        detail = type(error).__name__ + (f": {reason}" if reason else "")
        raise UnreadableError(
            f"the {file} is cut short or damaged ({detail})",
            where=str(path),
            remedy="copy or export it again",
        ) from error


class BoundedFile(io.BufferedReader):
    """A file that never reads beyond its end, whatever length a damaged header claims.

    Python sets aside all bytes that are asked for before it reads one of them.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a")
    ...     _ = path.write_bytes(b"abc")
    ...     with BoundedFile(path) as file:
    ...         file.read(2**60)
    b'abc'
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self.length = self.seek(0, io.SEEK_END)
        self.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read `size` bytes, or as many as there are."""
        left = max(0, self.length - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def refuse_entities(text: str) -> None:
    """Refuse XML that has a document type or entities, which could grow without end.

    Raises
    ------
    UnsupportedError
        If there are any.
    """
    if _FORBIDDEN.search(text):
        raise UnsupportedError(
            "metadata in XML with a document type or entities is never parsed",
            remedy="export the picture again with another program",
        )


def parse_xml(text: str) -> ElementTree.Element:
    """Parse metadata that has no document type and no entities.

    Raises
    ------
    UnsupportedError
        As `refuse_entities` does.
    xml.etree.ElementTree.ParseError
        If it is not well formed; `translated` turns it into an UnreadableError.

    Examples
    --------
    >>> parse_xml("<a><b/></a>")[0].tag
    'b'
    """
    refuse_entities(text)
    return ElementTree.fromstring(text)  # noqa: S314
