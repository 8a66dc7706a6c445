"""What the cells of a run are like by condition, column by column out of its table."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.io.cells import ReadColumns
from cellwright.stats.describing import Described, describe
from cellwright.stats.design import filled, unit_column
from cellwright.stats.features import chosen

__all__ = ["described_cells"]


def described_cells(
    read: ReadColumns, some: pd.DataFrame, pictures: pd.DataFrame, kinds: Collection[str]
) -> Described | None:
    """Describe the cells of a run; None where there are none, or nothing is measured.

    Parameters
    ----------
    read
        Gives columns of the whole table of cells by their names.
    some
        Some of its rows: which columns there are, and which of them hold numbers.
    pictures
        Those that were measured, as in ``images.csv``; conditions are text.
    kinds
        Of the objects that are counted.
    """
    if not len(some) or not len(pictures):
        return None
    try:
        features = [one for one in chosen(some, pictures)[0] if one.of == "cells"]
    except UsageError:  # no column may be compared
        return None
    if not features:
        return None
    design = pictures[["image", "condition"]].assign(replicate=_replicates(pictures))
    design = design.drop_duplicates("image")
    cells = read(["image", "object"])
    of = pd.Index(design["image"]).get_indexer(pd.Index(cells["image"]))
    of = np.where(cells["object"].isin(list(kinds)), of, -1).astype(np.int64)
    del cells
    return describe(features, lambda name: read([name])[name], design, of)


def _replicates(pictures: pd.DataFrame) -> pd.Series | str:
    known = filled(pictures)
    unit = unit_column(known)
    return known[unit] if unit else ""
