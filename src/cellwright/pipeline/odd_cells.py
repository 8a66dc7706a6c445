"""The verb `outliers`: runs or tables in, odd cells with their reasons out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.errors import CellwrightError, UsageError
from cellwright.core.version import VERSION
from cellwright.engine.events import Listener, silent
from cellwright.pipeline.answer_folder import Kept, kept_options, write_answer
from cellwright.pipeline.comparison import PICTURES, told_pictures
from cellwright.pipeline.experiment import Experiment, experiment_of, names_of
from cellwright.pipeline.odd_looks import Frames, appearance_of, frames_of, looks_of
from cellwright.pipeline.run import Run
from cellwright.report.odd_cells.data import OddPage, Read, oddest
from cellwright.stats.comparing import Comparison, compare_features
from cellwright.stats.design import Design, Remark, design_of
from cellwright.stats.options import CompareOptions
from cellwright.stats.outliers.appearance import ASPECTS, Appearance, Learner
from cellwright.stats.outliers.false_alarms import FEWEST, check_rate, smallest_rate
from cellwright.stats.outliers.finding import Cells, Found, find
from cellwright.stats.outliers.options import USUAL_RATE, OutlierOptions
from cellwright.stats.outliers.scores import APPEARANCE
from cellwright.stats.outliers.traits import Trait, traits_of

__all__ = ["OUTLIERS", "PAGE", "RECORD", "SHARES", "OddCells", "find_in_sources", "kept_search"]

PAGE = "odd.html"
OUTLIERS, SHARES, RECORD = "outliers.csv", "outlier_shares.csv", "outliers.json"
FORMAT = {"format": "cellwright-outliers", "version": 1}
SHARE = "share_outlier"
"""What the share is called in `SHARES`."""

_LARGEST = 2**26
"""Pixels of a picture whose labels are drawn."""
_BORDER = "touches_border"
_CUT = "not judged: the frame of the picture cuts it"
_UNMEASURED = "not judged: {} not known"


@dataclass(frozen=True, eq=False)
class OddCells:
    """What came out.

    Attributes
    ----------
    table
        One row a cell: ``image, frame, object, label, score, p, is_outlier, reason``, then
        ``doubt``, ``condition``, ``replicate``.
    shares
        The share of odd cells of each condition against the reference, with its test.
    rate
        Of false alarms.
    groups, what
        How many groups of the reference it was calibrated by, and what they are.
    traits
        By which cells were judged.
    remarks
        What is to be known of it.
    page
        What its page was made of.
    """

    table: pd.DataFrame
    shares: Comparison
    rate: float
    groups: int
    what: str
    traits: tuple[Trait, ...]
    remarks: tuple[Remark, ...]
    page: OddPage | None = None


def find_in_sources(
    sources: Sequence[Path],
    out: Path,
    options: OutlierOptions,
    samples: Path | None = None,
    *,
    images: Path | None = None,
    learner: Learner | None = None,
    listener: Listener = silent,
) -> OddCells:
    """Find odd cells in runs or tables, and write them.

    Parameters
    ----------
    sources
        Folders of runs, or tables with a row a cell.
    out
        Folder that gets `PAGE`, `OUTLIERS`, `SHARES`, `RECORD`, and figures.
    options
        What was decided beforehand.
    samples
        A ``samples.csv``.
    images
        The pictures of the runs: the page shows odd cells in them.
    learner
        Gives what learns how cells look, for the way that judges by it.
    listener
        Hears of cells that are cut out of pictures.

    Raises
    ------
    UsageError
        If something makes no sense, or the rate cannot be had; nothing is written then.
    InputError
        If a picture cannot be read.
    UnreadableError
        If a table cannot be read.
    RunError
        If the folder cannot be written to.
    """
    experiment = experiment_of(
        sources, samples, rename=options.rename, kind=options.object, mixed=options.mixed
    )
    design = design_of(experiment.pictures, options.reference, unit=options.unit)
    frames = None
    if images is not None:
        frames = frames_of(sources, names_of(sources), images, options.channel)
    traits = traits_of(experiment.cells, options.features)
    groups, what, warnings = _groups(design, options.group)
    remarks = [*(Remark("notice", text) for text in experiment.remarks), *warnings]
    cells = _cells(design, experiment, traits, groups)
    rate = _rate(options.rate, cells, what, remarks)
    appearance = None
    if options.way == APPEARANCE:
        check_rate(rate, _count_groups(cells), what)  # before minutes of learning
        appearance, said = _appearance(
            experiment, cells, options, frames, learner=learner, listener=listener
        )
        remarks += said
        traits = list(ASPECTS)
    if frames is not None:
        remarks.append(_shown_in(options.channel, judged=appearance is not None))
    found = find(cells, rate, options.way, what, appearance)
    table = _table(experiment, design, cells, found, rate)
    shares = _shares(design, experiment, table, options)
    odd = OddCells(
        table, shares, rate, found.groups, what, tuple(traits), (*design.remarks, *remarks)
    )
    page = _page_of(odd, sources, found, by_looks=appearance is not None)
    if frames is not None:
        rows = [int(row) for row in oddest(table).index]
        page = replace(page, looks=looks_of(frames, experiment, rows, found))
    given = {"samples_given": samples is not None, "images_given": images is not None}
    _write(out, odd, options, page, experiment.files, given=given)
    return replace(odd, page=page)


def kept_search(out: Path) -> Kept[OutlierOptions] | None:
    """Read what an earlier search was asked.

    Returns
    -------
    Kept or None
        None where there is no record of a search that this version reads.
    """
    return kept_options(out, RECORD, FORMAT, OutlierOptions, PICTURES)


def _groups(design: Design, column: str | None) -> tuple[npt.NDArray[np.int64], str, list[Remark]]:
    """Group of each picture, what groups are called, and what is to be said of them."""
    pictures = design.pictures
    reference = pictures["condition"] == design.reference.name
    if column is None:
        levels = [name for name in ("well", design.unit, "image") if name]
        stated = [name for name in levels if (pictures.loc[reference, name] != "").all()]
        column = stated[0] if stated else ""
    elif column not in pictures or (pictures[column].astype(str) == "").all():
        raise UsageError(
            f"there is no column {column!r} that could tell what belongs together",
            remedy="choose one such as well, replicate or image with --group",
        )
    if not column:
        text = (
            "No well, replicate or picture is known: the rate holds only if cells are independent "
            "of each other, which cells of one dish are not."
        )
        return np.full(len(pictures), -1, np.int64), "cells", [Remark("warning", text)]
    # wells of several plates, pictures of several runs have the same names
    within = {"well": ["run", "plate", "well"], "image": ["run", "image"]}.get(column, [column])
    keys = pictures[["condition", *within]].astype(str).agg("\n".join, axis=1)
    codes = pd.factorize(keys)[0].astype(np.int64)
    codes[(pictures[column].astype(str) == "").to_numpy()] = -1
    what = {"image": "pictures"}.get(column, f"{column}s")
    remarks = []
    if column == "image":
        text = (
            "Pictures are left out whole: the rate holds for new pictures of these cultures, and "
            "of no others."
        )
        remarks.append(Remark("notice", text))
    return codes, what, remarks


def _cells(
    design: Design,
    experiment: Experiment,
    traits: Sequence[Trait],
    groups: npt.NDArray[np.int64],
) -> Cells:
    table, pictures = experiment.cells, design.pictures
    numbers = pictures["picture"].to_numpy(np.int64)
    most = max(int(experiment.of.max(initial=-1)), int(numbers.max(initial=-1)))
    of_group = np.full(most + 2, -1, np.int64)
    of_group[numbers] = groups
    is_known = np.zeros(most + 2, bool)
    is_known[numbers] = True
    is_reference = np.zeros(most + 2, bool)
    is_reference[numbers] = (pictures["condition"] == design.reference.name).to_numpy()
    own = of_group[experiment.of]
    reference = is_reference[experiment.of]
    if (groups == -1).all():
        own = np.where(reference, np.arange(own.size), -1)
    judged = is_known[experiment.of]
    if _BORDER in table:
        judged &= ~table[_BORDER].isin([True]).to_numpy(bool)
    confidence = (
        pd.to_numeric(table["confidence"], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        if "confidence" in table
        else None
    )
    values = [pd.to_numeric(table[one.name], errors="coerce") for one in traits]
    return Cells(
        np.column_stack([one.to_numpy(np.float64, na_value=np.nan) for one in values]),
        tuple(traits),
        reference,
        own,
        judged,
        confidence,
    )


def _appearance(
    experiment: Experiment,
    cells: Cells,
    options: OutlierOptions,
    frames: Frames | None,
    *,
    learner: Learner | None,
    listener: Listener,
) -> tuple[Appearance, list[Remark]]:
    """What the way that judges by looks judges by."""
    if options.features:
        raise UsageError(
            f"the way {options.way} judges by how cells look, and by no --features",
            remedy="leave --features out, or choose another --way",
        )
    if frames is None or learner is None:
        raise UsageError(
            f"the way {options.way} looks at pictures, and none are given",
            remedy="name the folder that was analysed with --images",
        )
    return appearance_of(experiment, cells, frames, learner(options.steps), listener)


def _shown_in(channel: str | None, *, judged: bool) -> Remark:
    where = "in which they were found" if channel is None else channel
    return Remark("notice", f"cells are shown {'and judged ' * judged}in the channel {where}")


def _count_groups(cells: Cells) -> int:
    return len(np.unique(cells.groups[cells.is_reference & (cells.groups >= 0)]))


def _rate(rate: float | None, cells: Cells, what: str, remarks: list[Remark]) -> float:
    """The rate that was asked for, or the usual one, or the smallest that can be had."""
    if rate is not None:
        return rate
    count = _count_groups(cells)
    least = smallest_rate(count)
    if count < FEWEST or least <= USUAL_RATE:
        return USUAL_RATE
    text = (
        f"The rate of false alarms is {100 * least:.1f} %, the smallest that {count} {what} of the "
        "reference can promise."
    )
    remarks.append(Remark("notice", text))
    return least


def _table(
    experiment: Experiment, design: Design, cells: Cells, found: Found, rate: float
) -> pd.DataFrame:
    table = experiment.cells
    count = len(table)
    told = design.pictures.set_index("picture")
    of = experiment.of
    judged = np.isfinite(found.p)
    reason = np.array(found.reason, dtype=object)
    if _BORDER in table:
        reason[table[_BORDER].isin([True]).to_numpy(bool)] = _CUT
    missing = ~np.isfinite(cells.values)
    for place, one in enumerate(cells.traits):
        reason[missing[:, place] & ~judged & (reason == "")] = _UNMEASURED.format(one.name)
    columns = {
        "image": table["image"] if "image" in table else np.full(count, "", dtype=object),
        "frame": table["frame"] if "frame" in table else np.zeros(count, np.int64),
        "object": table["object"] if "object" in table else np.full(count, "", dtype=object),
        "label": table["label"] if "label" in table else np.arange(1, count + 1),
        "score": found.score,
        "p": found.p,
        "is_outlier": judged & (found.p <= rate),
        "reason": reason,
        "doubt": found.doubt,
        "condition": told["condition"].reindex(of).fillna("").to_numpy(),
        "replicate": told["unit"].reindex(of).fillna("").to_numpy(),
    }
    if len(set(told["run"])) > 1:
        columns["run"] = told["run"].reindex(of).fillna("").to_numpy()
    return pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})


def _shares(
    design: Design, experiment: Experiment, table: pd.DataFrame, options: OutlierOptions
) -> Comparison:
    """Compare the shares of odd cells, of those that were judged, between the conditions."""
    judged = table["p"].notna()
    cells = pd.DataFrame({SHARE: table["is_outlier"].astype(np.float64).where(judged)})
    plan = CompareOptions(reference=options.reference, features=(SHARE,), unit=options.unit)
    return compare_features(design, cells, experiment.of, plan)


def _page_of(odd: OddCells, sources: Sequence[Path], found: Found, *, by_looks: bool) -> OddPage:
    """What the page for people is made of."""
    runs = {
        name: Run(source) for name, source in zip(names_of(sources), sources, strict=True)
        if source.is_dir()
    }  # fmt: skip
    table = odd.table if "run" in odd.table else odd.table.assign(run=next(iter(runs), ""))
    read = _reader(runs) if runs else None
    return OddPage(
        table, found.places, odd.shares, odd.rate, odd.groups, odd.what, odd.remarks, read,
        by_looks=by_looks,
    )  # fmt: skip


def _reader(runs: Mapping[str, Run]) -> Read:
    """Give labels of one frame; nothing where they are gone, or too large for a small picture."""

    @lru_cache(maxsize=2)
    def read(run: str, image: str, frame: int) -> npt.NDArray[np.integer] | None:
        try:
            labels = runs[run].labels(image)
        except (CellwrightError, OSError, KeyError):
            return None
        shape = labels.data.shape[-2:]
        if labels.axes not in {"YX", "TYX"} or np.prod(shape, dtype=np.int64) > _LARGEST:
            return None
        every = slice(None)
        place = (frame, every, every) if labels.axes == "TYX" else (every, every)
        return np.asarray(labels.data[place])

    return read


def _write(
    out: Path,
    odd: OddCells,
    options: OutlierOptions,
    page: OddPage,
    read: Sequence[Path],
    *,
    given: Mapping[str, bool],
) -> None:
    """Write the tables, and the page for people with its figures."""
    from cellwright.report.odd_cells.page import build_odd_page

    html, figures = build_odd_page(page)
    record = {
        **FORMAT,
        "cellwright": VERSION,
        "options": options.model_dump(mode="json"),
        "rate": odd.rate,
        "groups": odd.groups,
        "left_out": odd.what,
        "features": [one.name for one in odd.traits],
        "remarks": [vars(one) for one in odd.remarks],
        **given,
    }
    pictures = told_pictures(odd.shares.design.pictures)
    tables = {OUTLIERS: odd.table, SHARES: odd.shares.table, PICTURES: pictures}
    write_answer(out, (RECORD, record), tables, (PAGE, html), figures, read=read)
