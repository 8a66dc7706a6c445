"""Runs and tables put together to one experiment: its cells, its pictures, what they are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.io.cells import read_table
from cellwright.io.samples import KNOWN_COLUMNS, SampleRow, Samples, read_samples
from cellwright.pipeline.run import Run
from cellwright.stats.design import DESIGN, filled
from cellwright.stats.features import OF_PICTURES

__all__ = ["Experiment", "check_alike", "experiment_of", "names_of", "value_of"]

_ONE_CELL = ("image", "frame", "object", "label")
_TABLES = (".csv", ".parquet")
_USED = ("done", "warned")
_NOT_OF_NUMBERS = {"outlines", "memory", "workers"}
_SHOWN = 4


@dataclass(frozen=True, eq=False)
class Experiment:
    """What is compared.

    Attributes
    ----------
    cells
        One row a cell, of the kind of objects that is compared.
    pictures
        One row a picture: ``picture`` (its number), ``run``, ``image``, ``n_cells``, the columns
        of the design, and what else ``images.csv`` tells.
    of
        (N,) picture of each cell, by its number.
    runs
        Records of the runs; empty for tables.
    remarks
        What was left out or taken for granted.
    files
        Tables that were read, and samples.csv.
    """

    cells: pd.DataFrame
    pictures: pd.DataFrame
    of: npt.NDArray[np.int64]
    runs: tuple[Mapping[str, Any], ...]
    remarks: tuple[str, ...]
    files: tuple[Path, ...] = ()


def experiment_of(
    sources: Sequence[Path],
    samples: Path | None = None,
    *,
    rename: Sequence[str] = (),
    kind: str | None = None,
    mixed: bool = False,
) -> Experiment:
    """Read runs and tables.

    Parameters
    ----------
    sources
        Folders of runs, or tables with a row a cell (CSV, Parquet).
    samples
        A ``samples.csv``: it goes before what runs and tables tell.
    rename
        ``NAME=COLUMN`` of columns of foreign tables.
    kind
        Kind of objects, where there are several.
    mixed
        Whether runs may differ in model, options or pixel size.

    Raises
    ------
    UsageError
        If there is nothing to read, a name is not there or there twice, or runs do not fit
        together.
    UnreadableError
        If a table cannot be read.
    """
    if not sources:
        raise UsageError("there is nothing to compare", remedy="name a run, or a table of cells")
    names = names_of(sources)
    parts = [_part(source, name, rename, kind) for source, name in zip(sources, names, strict=True)]
    remarks = [text for part in parts for text in part.remarks]
    runs = tuple(record for part in parts for record in part.runs)
    if not mixed:
        named = list(zip(names, parts, strict=True))
        check_alike([(name, part) for name, part in named if part.runs])
        _check_tables([(name, part.cells) for name, part in named if not part.runs])
    pictures = pd.concat([part.pictures for part in parts], ignore_index=True)
    starts = np.cumsum([0, *(len(part.pictures) for part in parts)])
    of = np.concatenate([part.of + start for part, start in zip(parts, starts, strict=False)])
    pictures["picture"] = np.arange(len(pictures))
    if samples is not None:
        pictures, said = _joined(
            pictures, read_samples(samples), several=len(set(pictures["run"])) > 1
        )
        remarks += said
    if len(set(pictures["run"])) > 1:
        remarks += _name_apart(pictures)
    cells = parts[0].cells if len(parts) == 1 else pd.concat(
        [part.cells for part in parts], ignore_index=True
    )  # fmt: skip
    files = (*(one for one in sources if one.is_file()), *([samples] if samples else []))
    return Experiment(cells, pictures, of, runs, tuple(dict.fromkeys(remarks)), files)


def names_of(sources: Sequence[Path]) -> list[str]:
    """A name for each source: that of its file or folder, numbered where several share it."""
    plain = [source.resolve().name for source in sources]
    if len({source.resolve() for source in sources}) < len(sources):
        raise UsageError("a run or table is named twice", remedy="name each once")
    return [
        name if plain.count(name) == 1 else f"{name} ({plain[: place + 1].count(name)})"
        for place, name in enumerate(plain)
    ]


def _part(source: Path, name: str, rename: Sequence[str], kind: str | None) -> Experiment:
    if source.is_dir():
        return _of_run(source, name, kind)
    if not source.is_file():
        raise UsageError("there is no such run or table", where=str(source))
    if source.suffix.lower() not in _TABLES:
        raise UsageError(
            "this is neither the folder of a run nor a table of cells",
            where=str(source),
            remedy="give a folder that analyze made, or a .csv or .parquet with a row a cell",
        )
    return _of_table(source, name, rename, kind)


def _of_run(folder: Path, name: str, kind: str | None) -> Experiment:
    run = Run(folder)
    cells, images, record = run.cells, run.images, run.record
    main = {str(entry["object"]) for entry in record.get("inputs", ()) if entry.get("object")}
    kinds = set(cells["object"]) if "object" in cells else set()
    cells = _of_kind(cells, kind, main, folder)
    used = images[images["status"].isin(_USED)].reset_index(drop=True)
    lost = int((images["status"] == "failed").sum())
    if lost and not len(used):
        raise UsageError(
            f"all {lost} pictures of the run failed, so that there is nothing to look at",
            where=str(folder),
            remedy="images.csv says why; analyse the pictures again",
        )
    remarks = [f"{name}: {lost} pictures failed, and are in no number"] if lost else []
    if kind is None and (others := sorted(kinds - set(cells.get("object", ())))):
        remarks.append(f"{name}: objects {', '.join(others)} are left out; --object names them")
    used["run"] = name
    if kind is not None and main and kind not in main:
        # densities and coverage of images.csv are those of the main kind
        used = used.drop(columns=[one.name for one in OF_PICTURES if one.name in used])
        used["n_cells"] = cells["image"].value_counts().reindex(used["image"]).fillna(0).to_numpy()
    place = pd.Index(used["image"])
    if not place.is_unique:
        raise UsageError("a picture is there twice in images.csv", where=str(folder))
    of = place.get_indexer(pd.Index(cells["image"])).astype(np.int64)
    return Experiment(cells, used, of, (record,), tuple(remarks))


def _of_kind(cells: pd.DataFrame, kind: str | None, main: set[str], where: Path) -> pd.DataFrame:
    """Rows of one kind of objects: that which is asked for, else the one that is counted."""
    if "object" not in cells:
        return cells
    kinds = [str(one) for one in cells["object"].unique()]
    if kind is None and len(kinds) > 1:
        counted = [one for one in kinds if one in main]
        if len(counted) != 1:
            raise UsageError(
                f"the table has several kinds of objects: {', '.join(sorted(kinds))}",
                where=str(where),
                remedy="say with --object which is compared",
            )
        kind = counted[0]
    if kind is None or kinds == [kind]:
        return cells
    if kind not in kinds:
        raise UsageError(
            f"there are no objects {kind!r}",
            where=str(where),
            remedy=f"there are {', '.join(sorted(kinds))}",
        )
    return cells[cells["object"] == kind].reset_index(drop=True)


def _of_table(file: Path, name: str, rename: Sequence[str], kind: str | None) -> Experiment:
    cells = _renamed(read_table(file), rename, file)
    if not len(cells):
        raise UsageError("the table has no rows", where=str(file))
    cells = _of_kind(cells, kind, set(), file)
    keys = [column for column in ("run", "image", *DESIGN) if column in cells]
    if not set(keys) - {"run"}:
        raise UsageError(
            "the table tells of no picture and no condition",
            where=str(file),
            remedy="it needs a column image, to be joined with --samples, or condition; map "
            "columns with --rename NAME=COLUMN",
        )
    groups = cells.groupby(keys, sort=False, dropna=False, observed=True)
    of = groups.ngroup().to_numpy()
    pictures = cells[keys].iloc[np.unique(of, return_index=True)[1]].reset_index(drop=True)
    pictures["n_cells"] = np.bincount(of)
    pictures["run"] = pictures["run"].astype(str) if "run" in keys else name
    remarks = []
    if "image" in keys:
        remarks.append(
            f"{name}: a table of cells knows nothing of pictures without any; give the run to "
            "count these"
        )
        twins = pictures.duplicated(["run", "image"])
        if twins.any():
            raise _of_several(pictures, str(pictures.loc[twins, "image"].iloc[0]), file)
        known = [column for column in ("run", *_ONE_CELL) if column in cells]
        if "label" in known and (again := int(cells.duplicated([*known]).sum())):
            remarks.append(
                f"{name}: {again:,} rows are of the same picture, frame and label as another: are "
                "cells there twice?"
            )
    return Experiment(cells, pictures, of.astype(np.int64), (), tuple(remarks))


def _of_several(pictures: pd.DataFrame, image: str, file: Path) -> UsageError:
    own = pictures[pictures["image"] == image]
    differ = [f"{name}s" for name in DESIGN if name in own and len(own[name].unique()) > 1]
    return UsageError(
        f"cells of the picture {image!r} are of several {' and '.join(differ)}",
        where=str(file),
        remedy="give each picture one, or leave the column image out",
    )


def _renamed(cells: pd.DataFrame, rename: Sequence[str], file: Path) -> pd.DataFrame:
    names: dict[str, str] = {}
    for text in rename:
        old, equals, new = text.partition("=")
        if not equals or not old or not new:
            raise UsageError(f"--rename {text!r} is not NAME=COLUMN", remedy="such as area=area_px")
        if old not in cells:
            raise UsageError(
                f"there is no column {old!r} to rename",
                where=str(file),
                remedy=f"the columns are {', '.join(map(str, cells.columns[:20]))}",
            )
        if new in cells or new in names.values():
            raise UsageError(f"there would be two columns {new!r}", where=str(file))
        names[old] = new
    return cells.rename(columns=names)


def check_alike(parts: Sequence[tuple[str, Experiment]]) -> None:
    """Refuse runs whose numbers cannot be put side by side."""
    if len(parts) < 2:
        return
    (first, one), *others = parts
    _check_apart(parts)
    for name, other in others:
        for what, ours, theirs in (
            ("the method or its model", _method(one), _method(other)),
            ("options that change numbers", _options(one), _options(other)),
            ("pixel sizes", _pixel_sizes(one), _pixel_sizes(other)),
        ):
            if ours != theirs:
                differ = _differing(ours, theirs)
                raise UsageError(
                    f"{first} and {name} differ in {what}{differ}",
                    remedy="analyse both alike (--recipe of the one for the other), or allow it "
                    "with --mixed",
                )


def _check_apart(parts: Sequence[tuple[str, Experiment]]) -> None:
    """Refuse pictures that are there a second time: one experiment would pass for two."""
    seen: dict[str, str] = {}
    for name, part in parts:
        own = part.pictures
        if "sha256" not in own:
            continue
        # empty pictures may well be equal
        hashes = {str(text) for text in own.loc[own["n_cells"] > 0, "sha256"]} - {"", "nan"}
        known = [seen[text] for text in hashes if text in seen]
        if known:
            raise UsageError(
                f"{name} has {len(known)} of the pictures of {known[0]}: one experiment would "
                "count as two",
                remedy="name one of them only, or allow it with --mixed",
            )
        seen |= dict.fromkeys(hashes, name)


def _check_tables(tables: Sequence[tuple[str, pd.DataFrame]]) -> None:
    """Refuse a table that is there a second time, in any order of its rows."""
    if len(tables) < 2:
        return
    seen: dict[tuple[int, int], str] = {}
    for name, cells in tables:
        rows = pd.util.hash_pandas_object(cells, index=False).to_numpy(np.uint64)
        known = (len(rows), int(rows.sum(dtype=np.uint64)))
        if known in seen:
            raise UsageError(
                f"{name} has the cells of {seen[known]}: one experiment would count as two",
                remedy="name one of them only, or allow it with --mixed",
            )
        seen[known] = name


def _method(part: Experiment) -> Any:
    """What finds cells: a model by its hash, as what else its card tells changes no number."""
    method = dict(part.runs[0].get("method") or {})
    model = method.pop("model", None) or {}
    return {**method, "model": model.get("sha256", model)}


def _options(part: Experiment) -> dict[str, Any]:
    options = part.runs[0].get("options") or {}
    return {name: value for name, value in options.items() if name not in _NOT_OF_NUMBERS}


def _pixel_sizes(part: Experiment) -> list[Any]:
    if "pixel_size_um" not in part.pictures:
        return []
    known = pd.to_numeric(part.pictures["pixel_size_um"], errors="coerce").dropna()
    return sorted({float(f"{value:.6g}") for value in known.unique()})


def _differing(ours: Any, theirs: Any) -> str:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        names = [one for one in {**ours, **theirs} if ours.get(one) != theirs.get(one)]
        return f": {', '.join(names[:_SHOWN])}"
    if isinstance(ours, list):
        return (
            f": {', '.join(map(str, ours)) or 'none'} and {', '.join(map(str, theirs)) or 'none'}"
        )
    return ""


def _joined(
    pictures: pd.DataFrame, samples: Samples, *, several: bool
) -> tuple[pd.DataFrame, list[str]]:
    """Put what samples.csv tells into the pictures."""
    if "image" not in pictures:
        raise UsageError(
            "the table tells of no pictures that samples.csv could be joined with",
            remedy="give the table a column image, or put condition and replicate into it",
        )
    names = list(pictures["image"])
    if several and len(set(names)) < len(names):
        raise UsageError(
            "several runs have pictures of the same name, and samples.csv cannot tell them apart",
            where=str(samples.path),
            remedy="give each run its own samples.csv when it is analysed: analyze --samples",
        )
    match = samples.join(names)
    if not match.rows:
        raise UsageError(
            "no row of the table is of any picture",
            where=str(samples.path),
            remedy=f"the pictures are called {', '.join(names[:_SHOWN])}",
        )
    told = [name for name in samples.columns if name not in {"image", "channel", "pixel_size_um"}]
    rows = [match.rows.get(name) for name in names]
    pictures = pictures.assign(
        **{column: [value_of(row, column) for row in rows] for column in told}
    )
    remarks = []
    left_out = [row is not None and row.exclude for row in rows]
    if any(left_out):
        pictures = pictures[~np.array(left_out)].reset_index(drop=True)
        remarks.append(f"{sum(left_out)} pictures are excluded by {samples.path.name}")
    if without := match.unmatched_images:
        remarks.append(
            f"{len(without)} pictures have no row in {samples.path.name}: {_few(without)}"
        )
    if lone := [row.image for row in match.unmatched_rows]:
        remarks.append(f"{len(lone)} rows of {samples.path.name} are of no picture: {_few(lone)}")
    return pictures, remarks


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def value_of(row: SampleRow | None, column: str) -> str:
    """Text of a column of a row of samples.csv; empty without a row."""
    if row is None:
        return ""
    value = getattr(row, column) if column in KNOWN_COLUMNS else row.others.get(column, "")
    return "" if value is None else str(value)


def _name_apart(pictures: pd.DataFrame) -> list[str]:
    """Runs are independent experiments: give each its replicates."""
    told = filled(pictures)
    known = told["replicate"]
    if not (known != "").any():
        pictures["replicate"] = pictures["run"]
        if any(told["donor"]):
            return []  # donors are the replicates
        return ["no replicates are stated: each run is taken as one independent experiment"]
    of = {str(run): set(known[pictures["run"] == run]) - {""} for run in pictures["run"].unique()}
    shared = set[str]()
    seen = set[str]()
    for own in of.values():
        shared |= own & seen
        seen |= own
    if not shared:
        return []
    pictures["replicate"] = [
        f"{run}/{replicate}" if replicate else ""
        for run, replicate in zip(pictures["run"], known, strict=True)
    ]
    return [
        "replicates of the same name in several runs are taken as different ones, as runs are "
        "independent experiments"
    ]
