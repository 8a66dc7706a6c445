"""The verdict strip: what was counted, whether to trust it, and how far it carries."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cellwright.report.groups import (
    all_pictures,
    condition_name,
    conditions,
    measured_pictures,
    records,
    replicate_means,
)
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.table import Badge
from cellwright.report.template import fill
from cellwright.report.wording import between, counted, joined, rounded, visible

__all__ = ["SECTION", "headline"]


@dataclass(frozen=True)
class Light:
    """One of the traffic lights: a level, what it is about, and the finding."""

    level: Badge
    subject: str
    finding: str


def headline(data: ReportData) -> str:
    """Say the result in one line: how many cells in how many pictures."""
    pictures = measured_pictures(data)
    if not len(pictures):
        return "No picture could be measured"
    cells = counted(pictures["n_cells"].sum(), "cell")
    frames = int(pictures["frames"].sum())
    movies = f", {counted(frames, 'frame')}" if frames > len(pictures) else ""
    return f"{cells} in {counted(len(pictures), 'picture')}{movies}"


def render(data: ReportData) -> Content:
    """Tiles, lights and one plain sentence."""
    everything, pictures = all_pictures(data), measured_pictures(data)
    html = fill(
        "verdict.html.j2",
        tiles=_tiles(everything, pictures),
        lights=[_completeness(data, everything), _quality(pictures), _design(pictures)],
        sentence=_sentence(everything, pictures),
        scale=_scale(pictures),
    )
    return Content(html)


def _tiles(everything: pd.DataFrame, pictures: pd.DataFrame) -> list[tuple[str, str, str]]:
    known = [name for name in conditions(pictures) if name]
    replicates = len(replicate_means(pictures, "n_cells"))
    per_frame = pictures["cells_per_frame"]
    movie = bool((pictures["frames"] > 1).any())
    tiles = [
        ("cells", f"{pictures['n_cells'].sum():,.0f}", "kept after all filters"),
        ("pictures measured", f"{len(pictures):,}", f"of {len(everything):,} found"),
        (
            "cells per frame" if movie else "cells per picture",
            rounded(per_frame.median(), 4),
            f"median; {between(per_frame.min(), per_frame.max())}" if len(pictures) else "",
        ),
    ]
    if known:
        tiles.append(
            ("conditions" if len(known) > 1 else "condition", f"{len(known):,}", joined(
                [visible(name, 24) for name in known], most=4))
        )  # fmt: skip
    tiles.append(
        ("replicates", _n_replicates(pictures) if replicates else "–",
         "a condition: the n of this experiment" if known else "the n of this experiment")
        if replicates
        else ("replicates", "–", "not stated: n is not known")
    )  # fmt: skip
    return tiles


def _completeness(data: ReportData, everything: pd.DataFrame) -> Light:
    failed = int((everything["status"] == "failed").sum())
    skipped = int((everything["status"] == "skipped").sum())
    excluded = len(records(data.run, "excluded"))
    left_out = [f"{excluded:,} excluded by samples.csv"] if excluded else []
    left_out += [f"{skipped:,} skipped"] if skipped else []
    tail = f" ({joined(left_out)})" if left_out else ""
    if not len(everything) or failed == len(everything):
        return Light("fail", "Completeness", "Nothing could be measured" + tail)
    if failed:
        return Light("fail", "Completeness", f"{counted(failed, 'picture')} failed" + tail)
    return Light("pass", "Completeness", "Every picture was measured" + tail)


def _quality(pictures: pd.DataFrame) -> Light:
    verdicts = pictures["quality"]
    failed, warned = int((verdicts == "fail").sum()), int((verdicts == "warn").sum())
    if not len(pictures) or not verdicts.isin(["pass", "warn", "fail"]).any():
        return Light("quiet", "Picture quality", "Not checked")
    if failed:
        more = f", {warned:,} more with a warning" if warned else ""
        return Light(
            "fail", "Picture quality", f"{counted(failed, 'picture')} unfit to measure{more}"
        )
    if warned:
        return Light("warn", "Picture quality", f"{counted(warned, 'picture')} with a warning")
    return Light("pass", "Picture quality", "All pictures passed every check")


def _design(pictures: pd.DataFrame) -> Light:
    """How many replicates the experiment has: what any statement about conditions rests on."""
    known = [name for name in conditions(pictures) if name]
    means = replicate_means(pictures, "n_cells")
    per_condition = means.groupby("condition", sort=False).size()
    if not known:
        return Light("quiet", "Experiment", "No conditions stated: counts only, no comparison")
    if not len(means):
        return Light("warn", "Experiment", "No replicates stated: conditions cannot be compared")
    few = [name for name in known if per_condition.get(name, 0) < 2]
    if few:
        names = joined([visible(condition_name(name), 24) for name in few], most=3)
        return Light("warn", "Experiment", f"Fewer than two replicates of {names}")
    return Light("pass", "Experiment", f"n = {_n_replicates(pictures)} replicates a condition")


def _n_replicates(pictures: pd.DataFrame) -> str:
    sizes = replicate_means(pictures, "n_cells").groupby("condition", sort=False).size()
    least, most = int(sizes.min()), int(sizes.max())
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _sentence(everything: pd.DataFrame, pictures: pd.DataFrame) -> str:
    if not len(everything):
        return "No pictures were found in the input."
    if not len(pictures):
        return "No picture could be measured. What was wrong with each is listed below."
    failed = int((everything["status"] == "failed").sum())
    warned = int((pictures["status"] == "warned").sum())
    empty = int((pictures["n_cells"] == 0).sum())
    parts = [
        f"{len(pictures):,} of {counted(len(everything), 'input')} "
        f"{'was' if len(everything) == 1 else 'were'} measured."
    ]
    if failed:
        verb = "does" if failed == 1 else "do"
        parts.append(f"{counted(failed, 'picture')} could not be used and {verb} not count here.")
    if warned:
        verb = "has" if warned == 1 else "have"
        parts.append(f"{counted(warned, 'picture')} {verb} a warning: look at them first.")
    if empty:
        parts.append(f"No cell was found in {counted(empty, 'picture')}.")
    if not failed and not warned and not empty:
        parts.append("Nothing stood out as wrong.")
    return " ".join(parts)


def _scale(pictures: pd.DataFrame) -> str:
    if not len(pictures):
        return ""
    unknown = int(pictures["pixel_size_um"].isna().sum())
    if unknown == len(pictures):
        return "No pixel size is known: all sizes are in pixels. Give one with --pixel-size."
    if unknown:
        return (
            f"The pixel size of {counted(unknown, 'picture')} is not known: sizes there are in "
            "pixels only, and left out wherever micrometres are shown."
        )
    return ""


SECTION = Section("verdict", "Result", 10, render)
