"""The verb `export`: runs or tables in, files for other programs out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.columns import CHANCE, Column, of_classes
from cellwright.core.errors import UsageError
from cellwright.core.version import VERSION
from cellwright.engine.extras import require_export
from cellwright.engine.files import run_errors
from cellwright.io.export import KEYS, CellColumn, Export, ExportFormat, tidied
from cellwright.io.export_h5ad import H5AD
from cellwright.io.export_prism import PRISM
from cellwright.io.export_table import CSV, PARQUET
from cellwright.io.export_xlsx import XLSX
from cellwright.pipeline.experiment import Experiment, experiment_of
from cellwright.pipeline.export_options import ExportOptions
from cellwright.stats.design import DESIGN, Design, design_of, filled
from cellwright.stats.features import Feature, chosen, declarations, numbers
from cellwright.stats.replicate_values import groups_of, values_of

__all__ = ["FORMATS", "Exported", "export_sources"]

FORMATS = {one.name: one for one in (H5AD, XLSX, PRISM, CSV, PARQUET)}
ABOUT = {"format": "cellwright-export", "version": 1}

_IDENTITY = ("run", "image", "frame", "object", "label")
_OF_PICTURES = {
    "run": "Run or table that the cell is of",
    "labels": "Label image that the cell lies in, in the folder of its run",
    "donor": "Donor, from samples.csv",
    "batch": "Batch, from samples.csv",
    "compound": "What was given",
    "dose": "How much of it was given",
    "dose_unit": "Unit of the dose, the same for all doses of a compound",
    "time": "Time, from samples.csv",
    "role": "What the condition is for",
}
_OWN = "A column of your own"


@dataclass(frozen=True)
class Exported:
    """What came out.

    Attributes
    ----------
    to
        Name of the format.
    files
        What was written.
    n_cells, n_pictures
        How many there are in it.
    features
        What may be compared, as the files call it.
    remarks
        What was left out or taken for granted.
    """

    to: str
    files: tuple[Path, ...]
    n_cells: int
    n_pictures: int
    features: tuple[str, ...]
    remarks: tuple[str, ...]


def export_sources(
    sources: Sequence[Path],
    out: Path,
    options: ExportOptions,
    samples: Path | None = None,
    *,
    force: bool = False,
) -> Exported:
    """Write the cells of runs or tables for another program.

    Parameters
    ----------
    sources
        Folders of runs, or tables with a row a cell.
    out
        The file; the folder for ``prism``.
    options
        What is exported, and as what.
    samples
        A ``samples.csv``.
    force
        Write over files that are there.

    Raises
    ------
    UsageError
        If something makes no sense, is there already, or the extra ``[export]`` is not installed;
        nothing is written then.
    UnreadableError
        If a table cannot be read.
    RunError
        If the file cannot be written.
    """
    format_ = _format(options.to, out)
    _check_out(format_, out, (*sources, *([samples] if samples else [])), force=force)
    require_export(format_.what, format_.needs)
    experiment = experiment_of(
        sources, samples, rename=options.rename, kind=options.object, mixed=options.mixed
    )
    export = _export(experiment, format_, options)
    with _in_place(out, is_folder=format_.is_folder) as (unfinished, files):
        format_.write(export, unfinished)
    return Exported(
        format_.name,
        tuple(files),
        len(export.cells),
        len(export.pictures),
        tuple(one.name for one in export.means),
        tuple(export.about["remarks"]),
    )


def _format(to: str | None, out: Path) -> ExportFormat:
    """The format that is asked for, else that of the file's ending."""
    ending = out.suffix.lower().removeprefix(".")
    files = [one.name for one in FORMATS.values() if not one.is_folder]
    if to is None:
        if ending not in files:
            raise UsageError(
                f"the name does not tell the format: it ends in none of .{', .'.join(files)}",
                where=str(out),
                remedy=f"say it with --to {', '.join(FORMATS)}",
            )
        return FORMATS[ending]
    found = FORMATS[to]
    if found.is_folder and ending in files:
        raise UsageError(
            f"{to} makes a folder, and this is the name of a file",
            where=str(out),
            remedy="name a folder with --out, or leave --to out",
        )
    if not found.is_folder and ending != to:
        raise UsageError(
            f"the name of {found.what} ends in .{to}",
            where=str(out),
            remedy=f"call it {out.stem or 'cells'}.{to}, or choose another --to",
        )
    return found


def _check_out(format_: ExportFormat, out: Path, sources: Sequence[Path], *, force: bool) -> None:
    place = out.resolve()
    for source in sources:
        own = source.resolve()
        within = source.is_dir() and place.is_relative_to(own)
        if place == own or within or (format_.is_folder and place == own.parent):
            raise UsageError(
                "this would be written into what is exported",
                where=str(out),
                remedy="choose another place with --out",
            )
    if out.exists() and out.is_dir() != format_.is_folder:
        kinds = ("a file", "a folder") if format_.is_folder else ("a folder", "a file")
        raise UsageError(
            f"{kinds[0]} is there already, where {kinds[1]} is to be written",
            where=str(out),
            remedy="choose another name with --out",
        )
    filled_already = any(out.iterdir()) if out.is_dir() else out.exists()
    if filled_already and not force:
        raise UsageError(
            "there is something already",
            where=str(out),
            remedy="choose another name with --out, or write over it with --force",
        )


@contextmanager
def _in_place(out: Path, *, is_folder: bool) -> Iterator[tuple[Path, list[Path]]]:
    """Give a path beside `out` to write to; what is there at the end takes its place."""
    work = out.parent / f".{uuid4().hex}.partial"
    files: list[Path] = []
    with run_errors(out):
        try:
            work.mkdir(parents=True)
            unfinished = work / "made" if is_folder else work / f"made{out.suffix}"
            if is_folder:
                unfinished.mkdir()
            yield unfinished, files
            if is_folder:
                out.mkdir(exist_ok=True)
            made = sorted(unfinished.iterdir()) if is_folder else [unfinished]
            files += [one.replace(out / one.name if is_folder else out) for one in made]
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _export(experiment: Experiment, format_: ExportFormat, options: ExportOptions) -> Export:
    pictures = filled(experiment.pictures)
    design = _design(pictures, options)
    features, said = _features(experiment.cells, pictures, format_, options)
    kept = np.isin(experiment.of, pictures["picture"].to_numpy(np.int64))
    cells = _cells(experiment, pictures, kept, design)
    of_cells = [one for one in features if one.of == "cells"]
    if options.features:
        wanted = {*_IDENTITY, *_OF_PICTURES, *DESIGN, *(one.column for one in of_cells)}
        wanted |= {str(name) for name in cells if str(name).startswith("centroid_")}
        cells = cells[[name for name in cells if name in wanted]]
    told = (*(one.text for one in design.remarks), *said) if design is not None else said
    about = _about(experiment, design, [*experiment.remarks, *told])
    return Export(
        cells=cells,
        columns=_columns(cells),
        features=[CellColumn(_declared(one), one.column, one.counted) for one in of_cells],
        pictures=tidied(_shown(pictures)),
        conditions=_conditions(design),
        replicates=_replicates(experiment, None if format_.of_cells else design, features),
        means=[_declared(one) for one in features],
        unit=design.unit if design is not None else "",
        about=about,
    )


def _design(pictures: pd.DataFrame, options: ExportOptions) -> Design | None:
    """The design; None where no picture has a condition and nothing is asked of it."""
    if options.reference is None and options.unit is None and not any(pictures["condition"]):
        return None
    return design_of(pictures, options.reference, unit=options.unit)


def _features(
    cells: pd.DataFrame, pictures: pd.DataFrame, format_: ExportFormat, options: ExportOptions
) -> tuple[list[Feature], list[str]]:
    """What may be compared; nothing where a table has only columns of a person's own."""
    try:
        features, said = chosen(cells, pictures, options.features)
    except UsageError:
        if options.features or format_.is_folder:
            raise
        return [], []
    if not format_.of_cells:
        return features, said
    if options.features and (others := [one.name for one in features if one.of == "pictures"]):
        raise UsageError(
            f"{', '.join(others)} is a number of a picture, and {format_.name} has a row a cell",
            remedy="leave it out of --features, or export --to xlsx or prism",
        )
    numbers_only = [
        one for one in features if one.of == "cells" and (options.features or one.counted is None)
    ]
    return numbers_only, []


def _cells(
    experiment: Experiment,
    pictures: pd.DataFrame,
    kept: npt.NDArray[np.bool_],
    design: Design | None,
) -> pd.DataFrame:
    """Cells with what their picture is of: identity first, then the design, then all else."""
    own = experiment.cells[kept].reset_index(drop=True)
    told = _of_pictures(experiment, pictures, design).set_index(pictures["picture"])
    told = told.reindex(experiment.of[kept]).reset_index(drop=True)
    every = {**{str(name): own[name] for name in own}, **{str(n): told[n] for n in told}}
    first = [name for name in (*_IDENTITY, "labels", *DESIGN) if name in every]
    order = [*first, *(name for name in every if name not in first)]
    return _with_numbers(tidied(pd.DataFrame({name: every[name] for name in order})))


def _with_numbers(cells: pd.DataFrame) -> pd.DataFrame:
    """Columns of numbers of which a CSV has none come as empty text: NaN again."""
    blank = [
        name
        for name, declared in declarations(map(str, cells)).items()
        if declared.dtype == "float64" and cells[name].dtype == object and not any(cells[name])
    ]
    return cells.assign(**dict.fromkeys(blank, np.nan))


def _of_pictures(
    experiment: Experiment, pictures: pd.DataFrame, design: Design | None
) -> pd.DataFrame:
    """What cells are told of their picture: run, labels, and the design with doses in one unit."""
    names = [name for name in DESIGN if any(pictures[name])]
    found = pictures[["run", *names]].copy()
    if not experiment.runs and "run" in experiment.cells:
        found = found.drop(columns="run")  # a table that was exported keeps its runs
    mains = {entry.get("object") for run in experiment.runs for entry in run.get("inputs", ())}
    kinds = set(experiment.cells["object"]) if "object" in experiment.cells else set()
    if "labels" in pictures and kinds and kinds <= mains:
        found["labels"] = pictures["labels"].fillna("").astype(object)
    conditions = design.conditions if design is not None else ()
    if any(one.dose is not None and one.dose_unit for one in conditions) or "dose" in names:
        known = {one.name: one for one in conditions}
        of = [known.get(name) for name in pictures["condition"]]
        found["compound"] = [one.compound if one else "" for one in of]
        found["dose"] = [np.nan if one is None or one.dose is None else one.dose for one in of]
        found["dose_unit"] = [one.dose_unit if one else "" for one in of]
    return found


def _shown(pictures: pd.DataFrame) -> pd.DataFrame:
    """Pictures without numbers of our own, and without columns of the design that say nothing."""
    empty = [name for name in ("run", "image", *DESIGN) if not any(pictures[name])]
    return pictures.drop(columns=["picture", *empty])


def _columns(cells: pd.DataFrame) -> list[Column]:
    names = [str(name) for name in cells]
    known = declarations(names)
    classes = [name.removeprefix(CHANCE) for name in names if name.startswith(CHANCE)]
    known = {one.name: one for one in of_classes(classes or [""])} | known
    return [known.get(name, Column(name, "", _OF_PICTURES.get(name, _OWN))) for name in names]


def _conditions(design: Design | None) -> pd.DataFrame:
    if design is None:
        return pd.DataFrame({"condition": np.array([], object)})
    return tidied(design.table().astype({"dose": np.float64}))


def _declared(feature: Feature) -> Column:
    return Column(feature.name, feature.unit, feature.meaning)


def _replicates(
    experiment: Experiment, design: Design | None, features: Sequence[Feature]
) -> pd.DataFrame:
    """One row a condition and replicate, one column a feature: the mean of its cells."""
    if design is None:
        return pd.DataFrame(columns=[*KEYS, *(one.name for one in features)])
    of_cells = groups_of(design, experiment.of)
    of_pictures = groups_of(design, design.pictures["picture"].to_numpy(np.int64))
    place = {one.name: rank for rank, one in enumerate(design.conditions)}
    known = {one.name: one for one in design.conditions}
    keys = sorted(of_pictures.keys, key=lambda key: (place[key[0]], key[1]))
    counts = design.pictures.groupby(["condition", "unit"])["n_cells"].sum()
    table: dict[str, Any] = {
        "condition": [name for name, _ in keys],
        "replicate": [unit for _, unit in keys],
        "compound": [known[name].compound for name, _ in keys],
        "dose": [_or_nan(known[name].dose) for name, _ in keys],
        "dose_unit": [known[name].dose_unit for name, _ in keys],
        "role": [known[name].role for name, _ in keys],
        "total_cells": [int(counts.loc[key]) for key in keys],
    }
    found = pd.DataFrame(table, columns=list(KEYS))
    means: list[pd.Series] = []
    for feature in features:
        if feature.name in KEYS:
            raise UsageError(
                f"a column of replicates is called {feature.name} already",
                remedy="call yours otherwise with --rename, or choose others with --features",
            )
        groups, rows = (
            (of_cells, experiment.cells) if feature.of == "cells"
            else (of_pictures, design.pictures)
        )  # fmt: skip
        by_condition = values_of(groups, numbers(feature, rows))
        values = {
            (name, unit): float(value)
            for name, one in by_condition.items()
            for unit, value in zip(one.units, one.values, strict=True)
        }
        column = [values.get(key, np.nan) for key in keys]
        means.append(pd.Series(column, name=feature.name, dtype=np.float64))
    return tidied(pd.concat([found, *means], axis=1))


def _or_nan(dose: float | None) -> float:
    return np.nan if dose is None else dose


def _about(
    experiment: Experiment, design: Design | None, remarks: Sequence[str]
) -> Mapping[str, Any]:
    told = experiment.pictures.get("pixel_size_um", pd.Series(dtype=np.float64))
    sizes = pd.to_numeric(told, errors="coerce").dropna()
    methods = dict.fromkeys(json.dumps(run.get("method")) for run in experiment.runs)
    return {
        **ABOUT,
        "cellwright": VERSION,
        "cellwright_of_runs": sorted({str(run.get("cellwright", "")) for run in experiment.runs}),
        "runs": list(dict.fromkeys(map(str, experiment.pictures["run"]))),
        "methods": list(methods),
        "pixel_sizes_um": sorted({float(size) for size in sizes}),
        "replicates_are": design.unit if design is not None else "",
        "remarks": list(dict.fromkeys(remarks)),
    }
