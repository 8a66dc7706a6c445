"""A package that brings a filter and a verb: shown in the how-to guides, run by their test."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import Field

from cellwright.cli.verb import Asked, Output, Verb
from cellwright.core.method import Options
from cellwright.measure.filters import Filter, Mask


def parse_share(text: str) -> float:
    """Read the text after the equals sign."""
    share = float(text)
    if not 0 < share <= 1:
        raise ValueError("it takes a number above 0, up to 1")
    return share


def compact(table: pd.DataFrame, share: float) -> Mask:
    """Say of each row whether it stays."""
    return np.asarray(table["extent"] >= share)


COMPACT = Filter(
    name="compact",
    version=1,
    meaning="cells that fill less than this share of their bounding box",
    form="compact=0.6",
    parse=parse_share,
    keep=compact,
)


class LargestOptions(Options):
    """Options of the verb."""

    n: int = Field(3, ge=1, description="How many cells to list.")


def largest(asked: Asked) -> int:
    """List the largest cells of a run; gives the exit code."""
    from cellwright import Run

    options = LargestOptions(**asked.of(LargestOptions))
    cells = Run(asked["run"]).cells.nlargest(options.n, "area_px")
    for row in cells.itertuples():
        print(f"{row.image}: label {row.label}, {row.area_px:.0f} px")
    return 0


VERB = Verb(
    help="List the largest cells of a run.",
    run=largest,
    inputs={"run": "Folder of the run."},
    models=(LargestOptions, Output),
    example="cellwright largest run/ --n 5",
)
