"""What the page of odd cells is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.image import Array
from cellwright.stats.comparing import Comparison
from cellwright.stats.design import Remark

__all__ = [
    "Field",
    "Looks",
    "OddPage",
    "Read",
    "around",
    "chosen_fields",
    "frame_names",
    "has_several_runs",
    "oddest",
]

Read = Callable[[str, str, int], npt.NDArray[np.integer] | None]
"""Gives the labels, (Y, X), of a run, picture and frame; None where there are none."""

EACH = 2
"""Pictures of a condition that are shown: the one in the middle, and that with most odd cells."""
MOST_FIELDS = 24
CROPS = 24
"""Of the oddest cells."""
_RIM = 0.35
"""Around a cell in its crop, as a share of its longer side."""
_LEAST_RIM = 2

Window = tuple[slice, slice]


@dataclass(frozen=True)
class Field:
    """A picture that is shown, and why."""

    run: str
    image: str
    frame: int
    condition: str
    why: str
    odd: int
    judged: int


@dataclass(frozen=True, eq=False)
class Looks:
    """A cell in its picture.

    Attributes
    ----------
    pixels
        (Y, X), or (Y, X, 3) in colour: the part around it, all finite.
    own
        (Y, X) bool: the cell.
    window
        Grey values shown as black and as white, the same for all cells of a picture.
    judged
        Where it was judged by how it looks: what was seen of it, what was expected, both in units
        of its own brightness, and how far off that is, in standard deviations; (S, S) each.
    """

    pixels: Array
    own: npt.NDArray[np.bool_]
    window: tuple[float, float]
    judged: tuple[Array, Array, Array] | None = None


@dataclass(frozen=True, eq=False)
class OddPage:
    """All that the page shows.

    Attributes
    ----------
    table
        One row a cell, as in ``outliers.csv``, with ``run``.
    places
        (N, 2) of each cell in the plane in which reference cells vary most; NaN where not judged.
    shares
        Of odd cells, compared between the conditions.
    rate, groups, what
        Rate of false alarms, and by how many of what it was calibrated.
    said
        What is to be known.
    read
        Gives labels; None for tables that know no pictures.
    looks
        The oddest cells in their pictures, by row of `table`; empty where these were not given.
    by_looks
        Whether cells were judged by how they look, and not by features.
    """

    table: pd.DataFrame
    places: npt.NDArray[np.float64]
    shares: Comparison
    rate: float
    groups: int
    what: str
    said: Sequence[Remark]
    read: Read | None
    looks: Mapping[int, Looks] = field(default_factory=dict)
    by_looks: bool = False


def chosen_fields(page: OddPage) -> list[Field]:
    """Pictures to show, by rule: of each condition the one in the middle and the oddest."""
    judged = page.table[page.table["p"].notna() & (page.table["image"] != "")]
    found: list[Field] = []
    for one in page.shares.design.conditions:
        here = judged[judged["condition"] == one.name]
        counts = here.groupby(["run", "image", "frame"], sort=True)["is_outlier"]
        tally = counts.agg(["sum", "size"]).reset_index()
        if not len(tally):
            continue
        tally["share"] = tally["sum"] / tally["size"]
        ordered = tally.sort_values("share", kind="stable").reset_index(drop=True)
        places = {(len(ordered) - 1) // 2: "in the middle", len(ordered) - 1: "most odd cells"}
        for place, why in list(places.items())[:EACH]:
            row = ordered.to_dict("records")[place]
            found.append(
                Field(
                    str(row["run"]), str(row["image"]), int(row["frame"]), one.name, why,
                    int(row["sum"]), int(row["size"]),
                )
            )  # fmt: skip
    return found[:MOST_FIELDS]


def has_several_runs(table: pd.DataFrame) -> bool:
    """Whether pictures are named after their run."""
    return "run" in table and len(set(table["run"])) > 1


def frame_names(table: pd.DataFrame) -> Callable[[Mapping[Any, Any] | pd.Series], str]:
    """Make what names the picture of a cell: with run and frame, where there are several.

    Examples
    --------
    >>> name = frame_names(pd.DataFrame({"image": ["a.tif", "a.tif"], "frame": [0, 1]}))
    >>> name({"image": "a.tif", "frame": 1})
    'a.tif, frame 1'
    """
    with_run, with_frame = has_several_runs(table), bool((table["frame"] != 0).any())

    def name(row: Mapping[Any, Any] | pd.Series) -> str:
        run = f"{row['run']}/" if with_run else ""
        return f"{run}{row['image']}" + (f", frame {row['frame']}" if with_frame else "")

    return name


def around(box: Window, shape: Sequence[int]) -> Window:
    """Part of a picture that is shown of a cell: a square with it in the middle, if there is room.

    Examples
    --------
    >>> around((slice(40, 50), slice(0, 10)), (100, 100))
    (slice(34, 55, None), slice(0, 21, None))
    """
    side = round(max(part.stop - part.start for part in box) * (1 + 2 * _RIM)) + 2 * _LEAST_RIM
    starts = [
        min(max((part.start + part.stop - side) // 2, 0), max(length - side, 0))
        for part, length in zip(box, shape, strict=False)
    ]
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def oddest(table: pd.DataFrame) -> pd.DataFrame:
    """The oddest cells, the first of equals in the order of the table."""
    odd = table[table["is_outlier"]]
    return odd.sort_values("score", ascending=False, kind="stable").head(CROPS)
