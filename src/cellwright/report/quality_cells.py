"""What is unusual among the cells: counts, cells at the border, odd sizes, doubt of the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.report.section import ReportData
from cellwright.report.table import Heading, TableCell, table, text_cell
from cellwright.report.template import Markup
from cellwright.report.wording import counted, rounded, visible

__all__ = ["Trait", "cells_table", "far_out", "traits_of"]

_FENCE = 3.0
"""Interquartile ranges beyond the quartiles from which a value is far out (Tukey 1977,
"Exploratory Data Analysis")."""
_FEWEST = 10
"""Cells of a picture below which a share of them says nothing."""
_DOUBTED = 0.5
"""Confidence below which an outline is more likely wrong than right."""
_LONGEST_NAME = 36


@dataclass(frozen=True)
class Trait:
    """A number of each picture.

    Attributes
    ----------
    title, meaning
        Of the number.
    overall
        Of all pictures together, in words.
    values
        From the name of a picture to its number; NaN where it is not known.
    percent
        Whether it is a share, shown in per cent.
    """

    title: str
    meaning: str
    overall: str
    values: pd.Series[float]
    percent: bool = False


def traits_of(data: ReportData, pictures: pd.DataFrame) -> list[Trait]:
    """All that is known; empty where no cell was found."""
    found = (*_of_pictures(pictures), *_of_cells(data, pictures))
    return [trait for trait in found if trait.values.notna().any()]


def cells_table(traits: Sequence[Trait]) -> Markup:
    """One row a trait, with the pictures at its ends."""
    headings = (
        Heading("In each picture"), Heading("All together", "number"), Heading("Lowest", "number"),
        Heading("in picture"), Heading("Highest", "number"), Heading("in picture"),
    )  # fmt: skip
    rows = [(text_cell(trait.title), TableCell(trait.overall), *_ends(trait)) for trait in traits]
    return table("quality-cells", "Cells in the pictures", headings, rows)


def far_out(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which sizes are far from the others, (N,), on a scale of ratios.

    Parameters
    ----------
    values
        (N,) sizes; what is not positive is never far out.

    Examples
    --------
    >>> far_out(np.array([9.0, 10, 10, 11, 12, 90])).tolist()
    [False, False, False, False, False, True]
    """
    usable = np.isfinite(values) & (values > 0)
    found = np.zeros(values.shape, bool)
    if usable.any():
        logs = np.log(values[usable])
        low, high = np.percentile(logs, [25, 75])
        reach = _FENCE * (high - low)
        found[usable] = (logs < low - reach) | (logs > high + reach)
    return found


def _of_pictures(pictures: pd.DataFrame) -> Iterator[Trait]:
    per_frame = pictures.set_index("image")["cells_per_frame"]
    yield Trait(
        "Cells per frame" if (pictures["frames"] > 1).any() else "Cells",
        "A picture that is far from the others may be empty, full of debris, or out of focus",
        f"{rounded(per_frame.median())} (median)" if per_frame.notna().any() else "",
        per_frame,
    )
    if "n_border" in pictures:
        border = pd.to_numeric(pictures["n_border"], errors="coerce")
        known = border.notna() & (pictures["n_cells"] > 0)
        share = (border / pictures["n_cells"]).where(pictures["n_cells"] >= _FEWEST)
        total = pictures.loc[known, "n_cells"].sum()
        yield Trait(
            "Cells cut by the border",
            "Large cells are cut more often than small ones: see Density and size",
            _percent(border[known].sum() / total) if total else "",
            pd.Series(share.to_numpy(), index=pictures["image"]),
            percent=True,
        )


def _of_cells(data: ReportData, pictures: pd.DataFrame) -> Iterator[Trait]:
    """From the cells of the table, of which there may be a sample only."""
    cells = data.cells
    if not len(cells):
        return
    cells = cells[cells["image"].isin(list(pictures["image"]))]
    sampled = f"; {_sampled(data)}" if len(data.cells) < data.n_cells else ""
    if "area_px" in cells:
        # pixels compare where pictures have one scale, known or not
        alike = pictures.drop_duplicates("image").set_index("image")
        alike = alike[["condition", "pixel_size_um"]].fillna(0.0)
        group = cells["image"].map(alike.groupby(["condition", "pixel_size_um"]).ngroup())
        odd = cells.groupby(group.to_numpy(), sort=False)["area_px"].transform(
            lambda own: far_out(own.to_numpy(np.float64))
        )
        yield _share(
            cells, odd.astype(bool), "Cells of unusual size",
            "Areas three interquartile ranges beyond the quartiles of a condition and pixel size, "
            "on a scale of ratios: often debris, or several cells in one outline" + sampled,
        )  # fmt: skip
    if "confidence" in cells and cells["confidence"].notna().any():
        confidence = pd.to_numeric(cells["confidence"], errors="coerce")
        by_picture = confidence.groupby(cells["image"].to_numpy(), sort=False)
        yield Trait(
            "Confidence of the outlines",
            "Chance of an outline to be right, as the model sees it; median over the cells"
            + sampled,
            f"{rounded(confidence.median())} (median)",
            by_picture.median().where(by_picture.count() >= _FEWEST),
        )
        yield _share(
            cells, confidence < _DOUBTED, "Outlines that the model doubts",
            f"Confidence below {_DOUBTED:g}: more likely wrong than right" + sampled,
        )  # fmt: skip


def _share(cells: pd.DataFrame, flags: pd.Series[bool], title: str, meaning: str) -> Trait:
    by_picture = flags.groupby(cells["image"].to_numpy(), sort=False)
    values = by_picture.mean().astype("float64").where(by_picture.count() >= _FEWEST)
    return Trait(title, meaning, _percent(float(flags.mean())), values, percent=True)


def _sampled(data: ReportData) -> str:
    return f"from an even sample of {len(data.cells):,} of {counted(data.n_cells, 'cell')}"


def _ends(trait: Trait) -> list[TableCell]:
    """The lowest and the highest picture; of one picture, and of equal ones, just the number."""
    known = trait.values.dropna()
    if not len(known):
        return [TableCell("–"), TableCell(""), TableCell("–"), TableCell("")]
    alike = known.min() == known.max()
    cells = []
    for value, place in ((known.min(), known.idxmin()), (known.max(), known.idxmax())):
        name = "" if alike else visible(place)
        cells += [TableCell(_written(trait, value)), text_cell(name, longest=_LONGEST_NAME)]
    return cells


def _written(trait: Trait, value: float) -> str:
    return _percent(value) if trait.percent else rounded(value)


def _percent(share: float) -> str:
    """A share in per cent.

    Examples
    --------
    >>> _percent(0.0512), _percent(0.0)
    ('5.1 %', '0 %')
    """
    return f"{rounded(100 * share, 2)} %"
