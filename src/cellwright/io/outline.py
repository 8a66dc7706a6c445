"""The door for outlines: what is drawn, and a way to write it for another program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from cellwright.core import registry
from cellwright.core.columns import IDENTITY
from cellwright.core.errors import UnsupportedError
from cellwright.core.image import Array
from cellwright.core.labels import Labels

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FrameCells",
    "OutlineWriter",
    "Outlined",
    "WriteOutlines",
    "loaded_writers",
    "write_items",
]

GROUP = "cellwright.outlines"

CLASS_COLUMN = "class"
"""Where a table says what a cell is, in words."""


@dataclass(frozen=True, eq=False)
class FrameCells:
    """What a table knows of the cells of one frame.

    Attributes
    ----------
    names
        Of the measurements.
    values
        One row a cell, one column for each of `names`.
    rows
        From label to row.
    classes
        From label to the name of its class, where there is one.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float64]
    rows: Mapping[int, int]
    classes: Mapping[int, str]

    def measurements(self, label: int) -> dict[str, float]:
        """Finite measurements of a cell, by name; none for a label that is not in the table."""
        row = self.rows.get(label)
        if row is None:
            return {}
        values = self.values[row]
        finite = np.isfinite(values).tolist()
        pairs = zip(self.names, values.tolist(), finite, strict=True)
        return {name: value for name, value, is_finite in pairs if is_finite}


@dataclass(frozen=True, eq=False)
class Outlined:
    """What is to be written: the labels of one picture, and what is known of its cells.

    Attributes
    ----------
    image
        Identity of the picture.
    labels
        Axes YX or TYX; a lazy movie is read frame by frame.
    cells
        Rows of this picture and this kind of object: ``label``, ``frame`` where there are
        several, measurements, and perhaps ``class``. None where nothing was measured.
    kind
        What the objects are: ``cell``, ``nucleus``.

    Raises
    ------
    UnsupportedError
        If the labels are a volume.
    """

    image: str
    labels: Labels
    cells: pd.DataFrame | None = None
    kind: str = "cell"

    def __post_init__(self) -> None:
        if self.labels.axes not in {"YX", "TYX"}:
            raise UnsupportedError(
                f"outlines are drawn in a plane, not in labels with the axes {self.labels.axes}",
                where=self.image,
                remedy="use the label image, which holds volumes",
            )

    @property
    def is_movie(self) -> bool:
        """Whether there is more than one frame."""
        return self.labels.n_frames > 1

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        height, width = self.labels.data.shape[-2:]
        return int(height), int(width)

    def frames(self) -> Iterator[tuple[int, Array]]:
        """Give number and labels (Y, X) of each frame; one is in memory at a time."""
        for number in range(self.labels.n_frames):
            yield number, self.labels.frame(number).pixels()

    def frame_cells(self, frame: int) -> FrameCells:
        """Give what the tables know of the cells of a frame.

        The class comes from `cells`, else from the method's own table of the labels.
        """
        table = _of_frame(self.cells, frame)
        known = _of_frame(self.labels.table, frame)
        classes = _classes(known) | _classes(table)
        if table is None:
            return FrameCells((), np.zeros((0, 0)), {}, classes)
        identity = {column.name for column in IDENTITY}
        names = [
            str(name)
            for name in table.columns
            if name not in identity and table[name].dtype.kind in "biuf"
        ]
        values = table[names].to_numpy(dtype=np.float64)
        rows = {int(label): row for row, label in enumerate(table["label"].tolist())}
        return FrameCells(tuple(names), values, rows, classes)

    def class_names(self) -> list[str]:
        """Name every class that is there, sorted."""
        names: set[str] = set()
        for table in (self.labels.table, self.cells):
            names.update(_classes(table).values())
        return sorted(names)


def _of_frame(table: pd.DataFrame | None, frame: int) -> pd.DataFrame | None:
    if table is None or "frame" not in table:
        return table
    return table[table["frame"] == frame]


def _classes(table: pd.DataFrame | None) -> dict[int, str]:
    if table is None or CLASS_COLUMN not in table:
        return {}
    pairs = zip(table["label"].tolist(), table[CLASS_COLUMN].tolist(), strict=True)
    return {int(label): name for label, name in pairs if isinstance(name, str) and name}


class WriteOutlines(Protocol):
    """Write the outlines of all labels of a picture to a stream.

    Each label has one outline, under its own number; equal input gives equal bytes.
    """

    def __call__(self, stream: BinaryIO, outlined: Outlined) -> None:
        """Write all of `outlined`."""
        ...


@dataclass(frozen=True)
class OutlineWriter:
    """A format of outlines.

    Found by the entry point group ``cellwright.outlines``.

    Attributes
    ----------
    name
        As a user asks for it.
    extension
        With the dot; it replaces that of the label image.
    write
        Writes it.
    """

    name: str
    extension: str
    write: WriteOutlines


def write_items(
    stream: BinaryIO,
    head: bytes,
    items: Iterable[Mapping[str, Any]],
    foot: Callable[[], bytes] = lambda: b"]}\n",
) -> None:
    r"""Write an object of JSON with a list that may be long, one item a line, as they come.

    Parameters
    ----------
    stream
        Where to, as UTF-8.
    head
        The object up to the bracket that opens the list.
    items
        What stands in the list; numbers are finite.
    foot
        Gives the object from the bracket on that closes the list; asked when all items were.

    Examples
    --------
    >>> import io
    >>> stream = io.BytesIO()
    >>> write_items(stream, b'{"all":[', [{"a": 1}, {"a": 2}])
    >>> stream.getvalue()
    b'{"all":[\n{"a":1},\n{"a":2}\n]}\n'
    """
    stream.write(head)
    before = b"\n"
    for item in items:
        text = json.dumps(item, separators=(",", ":"), allow_nan=False)
        stream.write(before + text.encode("ascii"))
        before = b",\n"
    stream.write(b"\n" + foot())


def loaded_writers() -> dict[str, OutlineWriter]:
    """Load every format of outlines that is installed, by name."""
    return registry.load_all(GROUP)
