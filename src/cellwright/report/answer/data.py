"""What the page of a comparison is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.report.drawing import evenly
from cellwright.report.wording import rounded
from cellwright.stats.comparing import Comparison

__all__ = ["ALPHA", "MOST_CELLS", "Answer", "Row", "answer_of", "p_is", "p_text", "span"]

ALPHA = 0.05
"""Adjusted p below which a difference is said to be shown."""

MOST_CELLS = 400
"""Cells of a condition that a cloud shows: an even sample of more, which the caption says."""
SHOWN_FEATURES = 6
"""Features that are drawn; all are in the table."""

Row = Mapping[str, Any]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answer:
    """A comparison, and a sample of the cells that it rests on.

    Attributes
    ----------
    comparison
        All numbers.
    clouds
        For each feature that is drawn: ``condition, value``, an even sample of cells (or
        pictures).
    """

    comparison: Comparison
    clouds: Mapping[str, pd.DataFrame]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Rows of the comparisons, the primary feature first, then by adjusted p and p."""
        rows: list[Any] = self.comparison.table.to_dict("records")
        return sorted(
            rows, key=lambda row: (not row["primary"], _last(row["p_adjusted"]), _last(row["p"]))
        )

    @property
    def drawn(self) -> list[str]:
        """Features that are drawn, the most interesting first."""
        return list(self.clouds)


def answer_of(
    comparison: Comparison, values: Callable[[str], tuple[npt.NDArray[np.object_], Numbers]]
) -> Answer:
    """Sample the cells of the features that are drawn.

    Parameters
    ----------
    comparison
        All numbers.
    values
        Gives the condition and the value of each row, for the name of a feature.
    """
    whole = Answer(comparison, {})
    names = list(dict.fromkeys(str(row["feature"]) for row in whole.rows))[:SHOWN_FEATURES]
    order = [one.name for one in comparison.design.conditions]
    clouds = {}
    for name in names:
        conditions, numbers = values(name)
        parts = [_sample(numbers[conditions == condition]) for condition in order]
        clouds[name] = pd.DataFrame(
            {
                "condition": np.repeat(np.array(order, dtype=object), [len(p) for p in parts]),
                "value": np.concatenate(parts),
            }
        )
    return Answer(comparison, clouds)


def _sample(values: Numbers) -> Numbers:
    """An even sample over the sorted values, so that the ends are there."""
    known = np.sort(values[np.isfinite(values)])
    return known[evenly(known.size, MOST_CELLS)]


def _last(p: float) -> float:
    return math.inf if math.isnan(p) else p


def p_text(p: float) -> str:
    """A p as it is written: exact, but for what is too small to mean anything.

    Rounded so that it stays on its side of 0.05.

    Examples
    --------
    >>> p_text(0.0312), p_text(0.0496), p_text(2e-9), p_text(math.nan)
    ('0.031', '0.0496', '< 0.0001', '–')
    """
    if math.isnan(p):
        return "–"
    if p < 1e-4:
        return "< 0.0001"
    texts = (f"{p:.{digits}g}" for digits in range(2, 17))
    return next((text for text in texts if (float(text) < ALPHA) == (p < ALPHA)), f"{p!r}")


def p_is(p: float) -> str:
    """A p in a sentence.

    Examples
    --------
    >>> p_is(0.0312), p_is(2e-9)
    ('p = 0.031', 'p < 0.0001')
    """
    text = p_text(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def span(low: float, high: float) -> str:
    """An interval in words.

    Examples
    --------
    >>> span(-1.234, 5.6), span(math.nan, math.nan)
    ('-1.23 to 5.6', '')
    """
    return "" if math.isnan(low) else f"{rounded(low)} to {rounded(high)}"
