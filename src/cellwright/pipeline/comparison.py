"""The verb `compare`: runs or tables in, an answer with its tables out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cellwright.core.version import VERSION
from cellwright.engine.files import write_atomic
from cellwright.pipeline.experiment import experiment_of
from cellwright.pipeline.tables import csv_bytes
from cellwright.stats.comparing import Comparison, compare_features
from cellwright.stats.design import Remark, design_of
from cellwright.stats.options import CompareOptions

__all__ = ["COMPARISONS", "DESIGN_TABLE", "RECORD", "REPLICATES", "compare_sources"]

COMPARISONS, DESIGN_TABLE, REPLICATES = "comparisons.csv", "design.csv", "replicates.csv"
RECORD = "comparison.json"
FORMAT = {"format": "cellwright-comparison", "version": 1}


def compare_sources(
    sources: Sequence[Path], out: Path, options: CompareOptions, samples: Path | None = None
) -> Comparison:
    """Compare the conditions of runs or tables, and write the answer.

    Parameters
    ----------
    sources
        Folders of runs, or tables with a row a cell.
    out
        Folder that gets `COMPARISONS`, `DESIGN_TABLE`, `REPLICATES` and `RECORD`.
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
    design = design_of(
        experiment.pictures, options.reference, unit=options.unit, positive=options.positive
    )
    remarks = tuple(Remark("notice", text) for text in experiment.remarks)
    comparison = compare_features(design, experiment.cells, experiment.of, options)
    comparison = comparison.with_remarks(remarks)
    _write(out, comparison)
    return comparison


def _write(out: Path, comparison: Comparison) -> None:
    out.mkdir(parents=True, exist_ok=True)
    tables = {
        COMPARISONS: comparison.table,
        DESIGN_TABLE: comparison.design.table(),
        REPLICATES: comparison.replicates,
    }
    for name, table in tables.items():
        write_atomic(out / name, csv_bytes(table), out)
    write_atomic(out / RECORD, (json.dumps(_record(comparison), indent=1) + "\n").encode(), out)


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
        "remarks": [vars(one) for one in comparison.remarks],
    }
