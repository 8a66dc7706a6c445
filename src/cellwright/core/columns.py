"""The one declared table of columns.

Each number that a cell can have is a `Column`: its name, unit, meaning and limits. Feature
families declare theirs beside the function that computes them; `table` collects them all.
The CSV header, the documentation's reference, the report's legend and the tests are made
from this table, so a column that is not declared cannot be written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

__all__ = ["CHANCE", "FOUND", "IDENTITY", "PLACE", "TIME", "Column", "of_classes", "physical"]


@dataclass(frozen=True)
class Column:
    """One declared column of the table of cells.

    Attributes
    ----------
    name
        As in the header. ``{channel}`` stands for the name of a channel: one such
        declaration gives one column for each channel.
    unit
        ``px``, ``px²``, ``µm``, ``µm²``, ``rad``, ``counts``, ``1`` for a pure number, or
        empty for text and identifiers.
    meaning
        One sentence for a reader of the table.
    dtype
        ``float64``, ``int64``, ``bool`` or ``str``; ``Int64`` and ``boolean`` where some rows
        may have none.
    dimensions
        The plane (2), the volume (3), or both for which it is defined.
    comparable
        Whether a comparison between conditions makes sense: never for positions and
        identifiers.
    circular
        0 for an ordinary number; else the period in radians (π for an axis, 2π for a
        direction): its mean is a circular mean.
    bounds
        Smallest and largest value that can be right; None where there is no limit.
    power
        For a column in pixels that has a twin in micrometres: 1 for lengths, 2 for areas,
        -2 for densities; 0 for those that have none.
    function
        Where it is computed, as ``module.function``.
    source
        The paper, standard or program that the definition comes from; empty if plain.
    """

    name: str
    unit: str
    meaning: str
    dtype: str = "float64"
    dimensions: tuple[int, ...] = (2,)
    comparable: bool = True
    circular: float = 0.0
    bounds: tuple[float | None, float | None] = (None, None)
    power: int = 0
    function: str = ""
    source: str = ""

    def for_channel(self, channel: str) -> Column:
        """Give the column of one channel, of a declaration that stands for all."""
        return replace(
            self,
            name=self.name.replace("{channel}", channel),
            meaning=self.meaning.replace("{channel}", channel),
        )


IDENTITY = (
    Column("image", "", "Path of the picture relative to the input folder", "str", (2, 3), False),
    Column("frame", "", "Frame of the movie, counted from 0", "int64", (2, 3), False),
    Column("object", "", "Kind of object: nucleus, cell, …", "str", (2, 3), False),
    Column("label", "", "Number of the object in its label image", "int64", (2, 3), False),
    Column("condition", "", "Condition of the picture, from samples.csv", "str", (2, 3), False),
    Column("replicate", "", "Independent experiment, from samples.csv", "str", (2, 3), False),
)
"""What tells one row from all others (image, frame, object, label), and what it belongs to."""

PLACE = (
    Column("plate", "", "Plate, from samples.csv, the file or its name", "str", (2, 3), False),
    Column("well", "", "Well, such as B03", "str", (2, 3), False),
    Column("field", "", "Field of view in the well", "str", (2, 3), False),
)
"""Where on a plate a picture was taken: in the table where any picture of the run has a well."""

TIME = (Column("time_s", "s", "Time since the first frame", dimensions=(2, 3), comparable=False),)
"""When a frame was taken: in the table where the interval of any movie of the run is known."""

FOUND = (
    Column(
        "confidence", "1",
        "Probability that the object is right (IoU of 0.5 or more with one drawn by hand), as "
        "calibrated on pictures like those that the model knows",
        comparable=False, bounds=(0.0, 1.0),
    ),
    Column(
        "overlapping", "", "Whether a part of it seems to lie over or under another object",
        "boolean", comparable=False,
    ),
)  # fmt: skip
"""What a model knows of each object: in the table where a model has found any."""

CHANCE = "p_"
"""Beginning of the columns that tell how probable a class is."""


def of_classes(names: Sequence[str]) -> tuple[Column, ...]:
    """Declare the columns of a model that tells kinds of objects apart; none without classes.

    Examples
    --------
    >>> [column.name for column in of_classes(["HEK", "N2a"])]
    ['class', 'p_HEK', 'p_N2a']
    """
    if not names:
        return ()
    chances = (
        Column(
            f"{CHANCE}{name}", "1", f"Probability that the object is of the class {name}",
            comparable=False, bounds=(0.0, 1.0),
        )
        for name in names
    )  # fmt: skip
    return (
        Column("class", "", "Kind of the object, the most probable one", "str", (2, 3), False),
        *chances,
    )


_PHYSICAL = {1: ("um", "µm"), 2: ("um2", "µm²"), -2: ("per_mm2", "1/mm²")}


def physical(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Declare the twins in micrometres of all columns in pixels that have one.

    ``area_px`` (px²) has ``area_um2`` (µm²), ``perimeter_px`` has ``perimeter_um``, and a
    density ``local_density_per_mpx`` has ``local_density_per_mm2``.

    Examples
    --------
    >>> [c.name for c in physical([Column("area_px", "px²", "Area", power=2)])]
    ['area_um2']
    """
    return tuple(
        replace(
            column,
            name=physical_name(column),
            unit=_PHYSICAL[column.power][1],
            # A limit in pixels says nothing in micrometres, but for its sign.
            bounds=(None if column.bounds[0] is None or column.bounds[0] < 0 else 0.0, None),
        )
        for column in columns
        if column.power
    )


def physical_name(column: Column) -> str:
    """Name of the twin in micrometres: ``area_px`` gives ``area_um2``."""
    ending = _PHYSICAL[column.power][0]
    stem = column.name.removesuffix("_px").removesuffix("_per_mpx")
    return f"{stem}_{ending}"


def physical_scale(column: Column, spacing: float) -> float:
    """What to multiply a value in pixels with, at `spacing` micrometres a pixel.

    Examples
    --------
    >>> physical_scale(Column("area_px", "px²", "Area", power=2), 0.5)
    0.25
    """
    if column.power == -2:  # objects per million pixels become objects per square millimetre
        return 1.0 / spacing**2
    return float(spacing**column.power)
