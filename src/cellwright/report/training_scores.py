"""The scores of a training: held-out pictures one by one, and differences to its beginning."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from cellwright.evaluation.gallery import choose_pictures
from cellwright.evaluation.picture import PictureScore
from cellwright.report.table import Heading, TableCell, count_cell, table, text_cell
from cellwright.report.template import Markup, fill
from cellwright.report.training_folder import SCORES, Training, mapping, number
from cellwright.report.training_wording import (
    PRIMARY,
    TITLES,
    Against,
    against,
    as_number,
    interval,
    p_value,
    score,
)
from cellwright.report.wording import counted, joined, visible

__all__ = ["differences", "pictures"]

EACH = 3
"""Pictures of each sort: worst, in the middle, best."""

_SCORES = ("dsb_ap_50", "dsb_ap_mean", "f1_50", "semantic_iou")
_ERRORS = {
    "missed": "Drawn objects that lie mostly in none that was found, and none of these in them",
    "invented": "Found objects that lie mostly in none that was drawn, and none of these in them",
    "split": "Drawn objects that were found in two pieces or more",
    "merged": "Found objects that hold two drawn ones or more",
}


def pictures(training: Training) -> Markup | None:
    """Worst, median and best held-out pictures; None before there are scores."""
    if training.scores is None or not len(training.scores):
        return None
    scores = _picture_scores(training.scores)
    chosen = choose_pictures(scores, PRIMARY, EACH)
    by_name = {one.image: one for one in scores}
    rows = [
        _row(sort, by_name[name])
        for sort, names in (
            ("worst", chosen.worst), ("median", chosen.median), ("best", chosen.best[::-1])
        )
        for name in names
    ]  # fmt: skip
    headings = (
        Heading("Which"),
        Heading("Picture"),
        *(Heading(TITLES[name][0], "number", TITLES[name][1]) for name in _SCORES),
        Heading("Drawn", "number", "Objects drawn by hand"),
        Heading("Found", "number"),
        *(Heading(name.capitalize(), "number", told) for name, told in _ERRORS.items()),
    )
    return fill(
        "training_pictures.html.j2",
        table=table("held-out", "Worst, median and best held-out pictures", headings, rows),
        shown=len(rows),
        ranked=chosen.ranked,
        total=len(scores),
        totals=_totals(training),
        file=SCORES,
    )


def _picture_scores(scores: pd.DataFrame) -> list[PictureScore]:
    """Each row once; what a table lacks is not known."""
    wanted = {*_SCORES, *_ERRORS, "n_true", "n_found"}
    found = {}
    for _, row in scores.iterrows():
        values = {name: as_number(row.get(name)) for name in wanted}
        values |= {n: values[n] if math.isfinite(values[n]) else 0.0 for n in ("n_true", "n_found")}
        found[str(row["image"])] = PictureScore(str(row["image"]), values)
    return list(found.values())


def _row(sort: str, one: PictureScore) -> Sequence[TableCell]:
    return (
        TableCell(sort),
        text_cell(one.image, longest=48),
        *(_cell(one[name]) for name in _SCORES),
        count_cell(one["n_true"]),
        count_cell(one["n_found"]),
        *(count_cell(one[name]) for name in _ERRORS),
    )


def _cell(value: float, *, signed: bool = False) -> TableCell:
    return TableCell(score(value, signed=signed), repr(value) if math.isfinite(value) else "")


def _totals(training: Training) -> str:
    """What was wrong in all held-out pictures together."""
    totals = mapping(training.summary, "totals")
    known = {name: number(totals, name) for name in ("n_true", *_ERRORS)}
    if not all(map(math.isfinite, known.values())):
        return ""
    told = joined([f"{known[name]:,.0f} {name}" for name in _ERRORS])
    return f"Of {counted(known['n_true'], 'drawn object')} in all of them: {told}."


def differences(training: Training) -> Markup | None:
    """Tables of what is better than in the beginning, and worse; None of a model of its own."""
    if not training.beginning:
        return None
    before, forgotten = against(training.comparison), against(training.forgotten)
    name = training.beginning_name
    return fill(
        "training_differences.html.j2",
        beginning=name,
        before=_table("comparison", f"This model and {name} on the held-out pictures", before),
        before_words=_words(before),
        forgotten=_table("forgotten", f"This model and {name} on pictures of before", forgotten),
        forgotten_words=_words(forgotten),
        done=bool(training.model),
    )


def _table(name: str, caption: str, rows: Sequence[Against]) -> Markup | str:
    if not rows:
        return ""
    headings = (
        Heading("Score"),
        Heading("Now", "number"),
        Heading("Before", "number"),
        Heading("Difference", "number"),
        Heading("95 % interval", "number", "Of the mean difference, over pictures"),
        Heading("p", "number", "How often chance alone would make a difference as large"),
        Heading("Better in", "number", "Pictures"),
        Heading("Worse in", "number", "Pictures"),
        Heading("Of", "number", "Pictures that have the score"),
    )
    cells = [
        (
            TableCell(_title(one.score), title=TITLES.get(one.score, ("", ""))[1]),
            _cell(one.value),
            _cell(one.other),
            _cell(one.difference, signed=True),
            TableCell(interval(one.low, one.high, signed=True) or "none"),
            TableCell(p_value(one.p)),
            count_cell(one.better),
            count_cell(one.worse),
            count_cell(one.n),
        )
        for one in rows
    ]
    return table(f"{name}-table", caption, headings, cells)


def _title(name: str) -> str:
    return TITLES[name][0] if name in TITLES else visible(name)


def _words(rows: Sequence[Against]) -> str:
    """Which scores are beyond chance, in a sentence."""
    if not rows:
        return ""
    better = [_title(one.score) for one in rows if one.surely_better]
    worse = [_title(one.score) for one in rows if one.surely_worse]
    if not better and not worse:
        if all(one.difference == 0 for one in rows):
            return "Nothing has changed."
        return "Every interval holds 0, or there is none: these pictures cannot tell the two apart."
    said = [f"Better beyond the interval: {joined(better)}."] if better else []
    said += [f"Worse beyond the interval: {joined(worse)}."] if worse else []
    return " ".join(said)
