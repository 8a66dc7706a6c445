"""The design of the experiment as the report sees it: conditions, replicates, pictures.

The tables that come in may lack columns (an older run, another program); what is missing
is empty text or NaN here, so that no section has to ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cellwright.report.section import ReportData

__all__ = [
    "MEASURED",
    "all_pictures",
    "condition_name",
    "condition_table",
    "conditions",
    "measured_pictures",
    "records",
    "replicate_means",
]

MEASURED = ("done", "warned")
"""The statuses of pictures whose cells were counted."""

_TEXTS = (
    "image", "status", "reason", "labels", "condition", "replicate", "channel", "quality",
    "warnings",
)  # fmt: skip
_NUMBERS = (
    "n_cells", "frames", "width", "height", "pixel_size_um", "edited", "coverage", "separation",
    "area_median_px", "area_median_um2",
)  # fmt: skip


def records(run: Mapping[str, Any], key: str) -> tuple[Mapping[str, Any], ...]:
    """The list of records under `key` of ``run.json``; empty where there is none.

    Examples
    --------
    >>> records({"skipped": [{"image": "notes.txt"}]}, "skipped")
    ({'image': 'notes.txt'},)
    """
    found = run.get(key) or ()
    return tuple(item for item in found if isinstance(item, Mapping))


def all_pictures(data: ReportData) -> pd.DataFrame:
    """The table of pictures with every declared column, in the order of the run.

    Text columns hold text, never NaN; numbers are float64 with NaN for what is not known.
    ``cells_per_frame`` is ``n_cells`` divided by the number of frames, so that movies and
    single pictures can be shown on one axis.
    """
    images = data.images
    texts = {name: _text(images, name) for name in _TEXTS}
    numbers = {name: _number(images, name) for name in _NUMBERS}
    others = {
        str(name): images[name]
        for name in images.columns
        if name not in texts and name not in numbers and str(name) != "cells_per_frame"
    }
    table = pd.DataFrame({**texts, **numbers, **others}, index=images.index)
    table["frames"] = table["frames"].fillna(1).clip(lower=1)
    table["cells_per_frame"] = table["n_cells"] / table["frames"]
    return table.reset_index(drop=True)


def _text(table: pd.DataFrame, name: str) -> pd.Series[str]:
    if name not in table:
        return pd.Series("", index=table.index, dtype=object)
    column = table[name].astype(object)
    shown = [_plain(value) for value in column]
    return pd.Series(shown, index=table.index, dtype=object)


def _plain(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a replicate 2 that pandas read as 2.0
    return str(value)


def _number(table: pd.DataFrame, name: str) -> pd.Series[float]:
    if name not in table:
        return pd.Series(np.nan, index=table.index, dtype="float64")
    return pd.to_numeric(table[name], errors="coerce").astype("float64")


def measured_pictures(data: ReportData) -> pd.DataFrame:
    """The pictures whose cells count: done or warned, and not excluded by a person."""
    table = all_pictures(data)
    excluded = {str(item.get("image", "")) for item in records(data.run, "excluded")}
    kept = table["status"].isin(MEASURED) & ~table["image"].isin(excluded)
    return table[kept].reset_index(drop=True)


def conditions(pictures: pd.DataFrame) -> tuple[str, ...]:
    """Conditions in order of first appearance; one empty name where none was stated."""
    return tuple(str(name) for name in dict.fromkeys(pictures["condition"]))


def condition_name(condition: str, known: Iterable[str] = ()) -> str:
    """What to call a condition; pictures without one need a name beside those that have.

    Examples
    --------
    >>> condition_name("control"), condition_name("", ["", "control"]), condition_name("", [""])
    ('control', 'no condition', 'all pictures')
    """
    if condition:
        return condition
    return "no condition" if any(known) else "all pictures"


def replicate_means(pictures: pd.DataFrame, value: str) -> pd.DataFrame:
    """Mean of `value` over the pictures of each replicate.

    Parameters
    ----------
    pictures
        With ``condition``, ``replicate`` (text, empty if not stated) and `value`.

    Returns
    -------
    DataFrame
        One row a (condition, replicate) that was stated: ``condition, replicate,
        n_pictures, mean``, in order of first appearance.

    Examples
    --------
    >>> table = pd.DataFrame({"condition": "a", "replicate": ["1", "1", "2"], "x": [1, 3, 5]})
    >>> replicate_means(table, "x")["mean"].tolist()
    [2.0, 5.0]
    """
    stated = pictures[(pictures["replicate"] != "") & pictures[value].notna()]
    grouped = stated.groupby(["condition", "replicate"], sort=False)[value]
    return grouped.agg(n_pictures="count", mean="mean").reset_index()


def condition_table(pictures: pd.DataFrame, value: str) -> pd.DataFrame:
    """Summarise `value` of the pictures by condition, with replicates as the unit.

    Returns
    -------
    DataFrame
        One row a condition: ``condition, n_pictures, n_replicates`` (0 if not stated),
        ``mean, sd, smallest, largest, of``. Where replicates are stated, ``mean`` is the
        mean of the replicate means, ``sd`` their sample standard deviation (NaN below two)
        and ``of`` is ``replicates``; else the same over pictures, and ``of`` says so.
    """
    means = replicate_means(pictures, value)
    rows = []
    for name in conditions(pictures):
        here = pictures[(pictures["condition"] == name) & pictures[value].notna()]
        of_replicates = means[means["condition"] == name]["mean"]
        # Pictures beside the replicates would be lost in a mean over replicates only.
        complete = len(of_replicates) > 0 and bool((here["replicate"] != "").all())
        basis = of_replicates if complete else here[value]
        rows.append(
            {
                "condition": name,
                "n_pictures": len(here),
                "n_replicates": len(of_replicates),
                "mean": basis.mean() if len(basis) else np.nan,
                "sd": basis.std(ddof=1) if len(basis) > 1 else np.nan,
                "smallest": here[value].min() if len(here) else np.nan,
                "largest": here[value].max() if len(here) else np.nan,
                "of": "replicates" if complete else "pictures",
            }
        )
    columns = [
        "condition", "n_pictures", "n_replicates", "mean", "sd", "smallest", "largest", "of",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
