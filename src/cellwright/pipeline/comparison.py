"""The verb `compare`: runs or tables in, an answer with its tables out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.version import VERSION
from cellwright.pipeline.answer_folder import Kept, kept_options, write_answer
from cellwright.pipeline.experiment import Experiment, experiment_of
from cellwright.stats.comparing import Comparison, compare_features
from cellwright.stats.design import DESIGN, Remark, design_of
from cellwright.stats.features import numbers
from cellwright.stats.further import with_further
from cellwright.stats.options import CompareOptions

if TYPE_CHECKING:
    from cellwright.report.answer.data import Answer

__all__ = [
    "COMPARISONS", "DESIGN_TABLE", "PAGE", "PICTURES", "RECORD", "REPLICATES", "compare_experiment",
    "compare_sources", "kept_question", "told_pictures",
]  # fmt: skip

PAGE = "answer.html"
COMPARISONS, DESIGN_TABLE, REPLICATES = "comparisons.csv", "design.csv", "replicates.csv"
PICTURES = "pictures.csv"
RECORD = "comparison.json"
FORMAT = {"format": "cellwright-comparison", "version": 1}


def compare_sources(
    sources: Sequence[Path], out: Path, options: CompareOptions, samples: Path | None = None
) -> Answer:
    """Compare the conditions of runs or tables, and write the answer.

    Parameters
    ----------
    sources
        Folders of runs, or tables with a row a cell.
    out
        Folder that gets `PAGE`, `COMPARISONS`, `DESIGN_TABLE`, `REPLICATES`, `PICTURES`, `RECORD`,
        figures, and those of the further tables that have something to say.
    options
        What was decided beforehand.
    samples
        A ``samples.csv``.

    Raises
    ------
    UsageError
        If the sources, the design or the options make no sense; nothing is written then.
    UnreadableError
        If a table cannot be read.
    RunError
        If the folder cannot be written to.
    """
    experiment = experiment_of(
        sources, samples, rename=options.rename, kind=options.object, mixed=options.mixed
    )
    return compare_experiment(experiment, out, options, given=samples is not None)


def compare_experiment(
    experiment: Experiment, out: Path, options: CompareOptions, *, given: bool
) -> Answer:
    """Compare the conditions of what has been read; `given`: whether by a ``samples.csv``."""
    design = design_of(
        experiment.pictures, options.reference, unit=options.unit, positive=options.positive
    )
    remarks = tuple(Remark("notice", text) for text in experiment.remarks)
    comparison = compare_features(design, experiment.cells, experiment.of, options)
    comparison = with_further(comparison, experiment.cells, experiment.of)
    comparison = comparison.with_remarks(remarks)
    return _written(out, comparison, experiment, given=given)


def kept_question(out: Path) -> Kept[CompareOptions] | None:
    """Read what an earlier comparison was asked.

    Returns
    -------
    Kept or None
        None where there is no record of a comparison that this version reads.
    """
    return kept_options(out, RECORD, FORMAT, CompareOptions, PICTURES)


def _written(out: Path, comparison: Comparison, experiment: Experiment, *, given: bool) -> Answer:
    """Write the tables, and the page for people with its figures."""
    from cellwright.report.answer.data import answer_of
    from cellwright.report.answer.page import build_answer

    answer = answer_of(comparison, lambda feature: _values(comparison, experiment, feature))
    tables = _tables(comparison)
    html, figures = build_answer(answer, (*tables, RECORD))
    record = {**_record(comparison), "samples_given": given}
    write_answer(out, (RECORD, record), tables, (PAGE, html), figures, read=experiment.files)
    return answer


def _values(
    comparison: Comparison, experiment: Experiment, name: str
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float64]]:
    """Condition and value of every row of a feature."""
    feature = next(one for one in comparison.features if one.name == name)
    pictures = comparison.design.pictures
    if feature.of == "pictures":
        return pictures["condition"].to_numpy(object), numbers(feature, pictures)
    told = pictures.set_index("picture")["condition"].reindex(experiment.of)
    return told.fillna("").to_numpy(object), numbers(feature, experiment.cells)


def _tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """Tables by the names of their files."""
    return {
        COMPARISONS: comparison.table,
        DESIGN_TABLE: comparison.design.table(),
        REPLICATES: comparison.replicates,
        PICTURES: told_pictures(comparison.design.pictures),
        **{f"{name}.csv": table for name, table in comparison.further.items()},
    }


def told_pictures(pictures: pd.DataFrame) -> pd.DataFrame:
    """What each picture is of, as it was understood: a ``samples.csv``."""
    several = ("run",) if len(set(pictures["run"])) > 1 else ()
    names = [name for name in ("image", *several, *DESIGN) if name in pictures]
    told = [name for name in names if (pictures[name].astype(str) != "").any()]
    return pictures[told].reset_index(drop=True)


def _record(comparison: Comparison) -> dict[str, Any]:
    """What was compared, how, and what is to be known of it."""
    design = comparison.design
    return {
        **FORMAT,
        "cellwright": VERSION,
        "options": comparison.plan.model_dump(mode="json"),
        "unit": design.unit,
        "conditions": [vars(one) for one in design.conditions],
        "features": [
            {"name": one.name, "unit": one.unit, "meaning": one.meaning, "of": one.of}
            for one in comparison.features
        ],
        "tables": list(_tables(comparison)),
        "remarks": [vars(one) for one in comparison.remarks],
    }
