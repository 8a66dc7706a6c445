"""Which numbers are compared: those that were declared, and those that a person names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.columns import CHANCE, FOUND, IDENTITY, PLACE, TIME, Column, physical
from cellwright.core.errors import UsageError
from cellwright.measure.compartments import NUCLEUS_COLUMNS
from cellwright.measure.counting import COUNTING_COLUMNS
from cellwright.measure.layer import LAYER_COLUMNS
from cellwright.measure.table import installed_features
from cellwright.stats.design import DESIGN

__all__ = ["OF_PICTURES", "Feature", "chosen", "declarations", "is_share", "numbers"]

Of = Literal["cells", "pictures"]

SHARE = "share_"
"""Beginning of the names of shares: of a class, or of cells with a property."""

OF_PICTURES = (
    Column("n_cells", "1", "Cells per picture (movie: per frame), as the label image shows them"),
    Column("density_per_mm2", "1/mm²", "Cells per area, unbiased by the border"),
    Column("density_per_mpx", "1/Mpx", "Cells per area, unbiased by the border", power=-2),
    Column("coverage", "1", "Share of the pixels that cells cover"),
    *(column for column in LAYER_COLUMNS if column.comparable),
)
"""Numbers of pictures that may be compared."""

_TWINS = {"density_per_mpx": "density_per_mm2"}
_COUNT, _FRAMES, _SEEN = "n_cells", "frames", "region_area_px"
_CHANNEL = "{channel}"
_GATED = "positive_"


@dataclass(frozen=True)
class Feature:
    """A number that is compared.

    Attributes
    ----------
    name
        As in `comparisons.csv`.
    column
        Of the table that it is taken from.
    of
        Whether cells or pictures have it.
    unit, meaning
        For a reader.
    counted
        For a share: which value of the column is counted; None for a number.
    """

    name: str
    column: str
    of: Of
    unit: str = ""
    meaning: str = ""
    counted: str | None = None


def is_share(values: npt.NDArray[np.float64]) -> bool:
    """Whether values are yes and no: of a replicate stands their mean, the share, and no median.

    Examples
    --------
    >>> is_share(np.array([0.0, 1.0, 1.0, np.nan])), is_share(np.array([0.0, 1.0, 2.0]))
    (True, False)
    """
    known = values[np.isfinite(values)]
    return bool(np.all((known == 0) | (known == 1)))


def chosen(
    cells: pd.DataFrame, pictures: pd.DataFrame, wanted: Sequence[str] = ()
) -> tuple[list[Feature], list[str]]:
    """Choose what is compared.

    Parameters
    ----------
    cells, pictures
        The tables; `pictures` with ``n_cells`` and what ``images.csv`` has.
    wanted
        Names; by default all that may be compared: of a feature in pixels and in micrometres the
        latter, and no columns of the user's own.

    Returns
    -------
    list of Feature, list of str
        And remarks.

    Raises
    ------
    UsageError
        If a name is of no column, of text, or of a position or number of a cell; or nothing is
        there to compare.
    """
    offered = {one.name: one for one in _offered(cells, pictures)}
    if not wanted:
        usual, left_out = _usual(offered, pictures)
        if not usual:
            raise UsageError(
                "no column of the table is one that may be compared",
                remedy="name those that may with --features, or map them with "
                "--rename area=area_px",
            )
        return usual, [*left_out, *_said_of_empty(cells), *_said_of_own(cells, offered)]
    return [_named(name, offered, cells) for name in dict.fromkeys(wanted)], []


def numbers(feature: Feature, table: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Values of a feature, (N,) float64; NaN where a row has none."""
    column = table[feature.column]
    if feature.counted is not None:
        texts = column.astype("object").map(_said)
        return np.where(texts == "", np.nan, (texts == feature.counted).astype(np.float64))
    found: npt.NDArray[np.float64] = pd.to_numeric(column, errors="coerce").to_numpy(
        np.float64, na_value=np.nan
    )
    if feature.of == "pictures" and feature.column == _COUNT and _FRAMES in table:
        frames = pd.to_numeric(table[_FRAMES], errors="coerce").fillna(1).to_numpy(np.float64)
        found = found / np.maximum(frames, 1.0)  # a longer movie has no more cells
    return found


def declarations(names: Iterable[str]) -> dict[str, Column]:
    """Unit and meaning of columns of a table of cells, for those that are declared.

    Examples
    --------
    >>> {name: one.unit for name, one in declarations(["area_um2", "mine"]).items()}
    {'area_um2': 'µm²'}
    """
    known = _Known()
    found = {name: known.column(name) for name in names}
    return {name: one for name, one in found.items() if one is not None}


def _said(value: object) -> str:
    return "" if value is None or value is pd.NA or value != value else str(value)  # noqa: PLR0124 - NaN


def _offered(cells: pd.DataFrame, pictures: pd.DataFrame) -> Iterable[Feature]:
    for column in OF_PICTURES if (pictures["image"] != "").all() else ():
        if column.name in pictures and _has_numbers(pictures[column.name]):
            yield Feature(column.name, column.name, "pictures", column.unit, column.meaning)
    known = _Known()
    for name in map(str, cells.columns):
        declared = known.column(name)
        if name == "class":
            yield from _shares(name, cells[name], "Share of the cells of class {}")
        elif declared is not None and declared.dtype in {"bool", "boolean"}:
            if declared.comparable and cells[name].notna().any():
                yield Feature(SHARE + name, name, "cells", "1", declared.meaning, "True")
        elif name.startswith(_GATED) and cells[name].dtype.name in {"bool", "boolean"}:
            meaning = f"Share of the cells above the gate in {name.removeprefix(_GATED)}"
            yield Feature(SHARE + name, name, "cells", "1", meaning, "True")
        elif _may_be_compared(declared) and declared is not None and _has_numbers(cells[name]):
            yield Feature(name, name, "cells", declared.unit, declared.meaning)


def _may_be_compared(declared: Column | None) -> bool:
    if declared is None or declared.dtype == "str":
        return False
    return declared.comparable and not declared.circular


def _shares(name: str, column: pd.Series, meaning: str) -> Iterable[Feature]:
    for value in sorted({_said(value) for value in column.unique()} - {""}):
        yield Feature(SHARE + value, name, "cells", "1", meaning.format(value), value)


def _has_numbers(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype) and bool(column.notna().any())


def _usual(
    offered: Mapping[str, Feature], pictures: pd.DataFrame
) -> tuple[list[Feature], list[str]]:
    """Leave out what is in pixels where the same is in micrometres, or a pixel is no measure."""
    known = _Known()
    sizes = _sizes(pictures, "pixel_size_um")
    left, remarks = set(), []
    for name, feature in offered.items():
        column = known.column(name)
        twin = _TWINS.get(name)
        if column is not None and column.power:
            twin = next((one.name for one in physical([column])), None)
        if twin in offered or ("px" in feature.unit and len(sizes) > 1):
            left.add(name)
    if len(sizes) > 1:
        said = ", ".join(f"{size:g}" for size in sorted(sizes)[:4])
        remarks.append(f"pixels are of several sizes ({said} µm): nothing in pixels is compared")
    if _COUNT in offered and len(_sizes(pictures, _SEEN)) > 1:
        remarks.append(
            "pictures show areas of several sizes: n_cells counts more where more is seen, "
            "densities do not"
        )
    return [one for name, one in offered.items() if name not in left], remarks


def _sizes(pictures: pd.DataFrame, column: str) -> set[float]:
    """Different numbers of a column, beyond what rounding makes of them."""
    if column not in pictures:
        return set()
    known = pd.to_numeric(pictures[column], errors="coerce").dropna()
    return {float(f"{size:.6g}") for size in known.unique()}


def _said_of_empty(cells: pd.DataFrame) -> list[str]:
    known = _Known()
    empty = [
        name
        for name in map(str, cells.columns)
        if _may_be_compared(known.column(name)) and not _has_numbers(cells[name])
    ]
    if not empty:
        return []
    said = f"{', '.join(empty[:8])}{', …' if len(empty) > 8 else ''}"
    return [f"not compared, as they hold no numbers, or words among them: {said}"]


def _said_of_own(cells: pd.DataFrame, offered: Mapping[str, Feature]) -> list[str]:
    known = _Known()
    taken = {one.column for one in offered.values()}
    own = [
        name
        for name in map(str, cells.columns)
        if name not in taken and not known.is_declared(name) and _has_numbers(cells[name])
    ]
    if not own:
        return []
    return [
        f"columns of your own are compared only where you name them with --features: "
        f"{', '.join(own[:8])}{', …' if len(own) > 8 else ''}"
    ]


def _named(name: str, offered: Mapping[str, Feature], cells: pd.DataFrame) -> Feature:
    if name in offered:
        return offered[name]
    declared = _Known().column(name)
    if name in cells.columns and _may_be_compared(declared):
        raise UsageError(
            f"the column {name!r} holds no numbers, or words among them",
            remedy="leave empty what is not known, or name another column",
        )
    if name in cells.columns and declared is not None:
        why = "an angle" if declared.circular else "no number that means the same in each condition"
        raise UsageError(
            f"{name} is {why}, and is never tested", remedy="leave it out of --features"
        )
    if name not in cells.columns or _Known().is_declared(name):
        near = [one for one in offered if name.casefold() in one.casefold()]
        raise UsageError(
            f"there is nothing called {name!r} that could be compared",
            remedy=f"there are {', '.join((near or list(offered))[:12])}",
        )
    if not _has_numbers(cells[name]):
        raise UsageError(f"the column {name!r} holds no numbers", remedy="name another column")
    return Feature(name, name, "cells", "", "A column of your own")


class _Known:
    """Columns that are declared: by name, and by pattern for those of a channel."""

    def __init__(self) -> None:
        families = [column for one in installed_features().values() for column in one.columns]
        every = [*families, *physical(families)]
        self._plain = {one.name: one for one in every if _CHANNEL not in one.name}
        fixed = (*IDENTITY, *PLACE, *TIME, *FOUND, *COUNTING_COLUMNS, *NUCLEUS_COLUMNS)
        self._plain |= {one.name: one for one in fixed}
        of_channels = [one for one in every if _CHANNEL in one.name]
        self._patterns = [
            (re.compile(re.escape(one.name).replace(re.escape(_CHANNEL), "(.+)")), one)
            # the longest first: intensity_mean_corrected_0 is of no channel corrected_0
            for one in sorted(of_channels, key=lambda one: -len(one.name))
        ]

    def column(self, name: str) -> Column | None:
        """The declaration of a column; None of those that are not declared."""
        if name in self._plain:
            return self._plain[name]
        for pattern, declared in self._patterns:
            if found := pattern.fullmatch(name):
                return declared.for_channel(found[1])
        return None

    def is_declared(self, name: str) -> bool:
        """Whether a column is one of ours, or tells of the design."""
        ours = name in DESIGN or name.startswith(CHANCE) or name in {"run", "class"}
        return ours or self.column(name) is not None
