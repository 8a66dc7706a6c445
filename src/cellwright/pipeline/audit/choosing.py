"""Which fields and cells of a run are looked at: evenly over conditions and replicates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.pipeline.audit.options import AuditOptions
from cellwright.pipeline.experiment import Experiment
from cellwright.stats.dealing import Stratum, deal
from cellwright.stats.features import Feature, numbers

__all__ = ["Chosen", "Place", "Window", "choose", "sizes_of"]

CELLS_IN_A_FIELD = 20
"""Wanted in the mean: enough to find one that was missed, few enough to look at each."""
FIELD_SIDES = (48, 1024)
CELL_SIDES = (32, 400)
"""Smallest and largest side of what is shown, in pixels."""

_COUNT = Feature("n_cells", "n_cells", "pictures")
_AROUND = 2.5
"""Side of the part that is shown of a cell, over that of its box."""
_NEEDED = ("centroid_y_px", "centroid_x_px", "bbox_top_px", "bbox_left_px", "bbox_bottom_px",
           "bbox_right_px")  # fmt: skip


@dataclass(frozen=True)
class Window:
    """A part of a plane."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )


@dataclass(frozen=True)
class Place:
    """What is looked at: a part of a frame, and the label of the cell in it, 0 for a field."""

    image: str
    frame: int
    stratum: Stratum
    window: Window
    label: int = 0
    kind: str = ""


@dataclass(frozen=True)
class Chosen:
    """Fields and cells, each in the order in which they are shown."""

    fields: tuple[Place, ...]
    cells: tuple[Place, ...]
    unit: str
    counts: Mapping[str, Mapping[str, float]]
    remarks: tuple[str, ...]


def choose(
    experiment: Experiment, sizes: Mapping[str, tuple[int, int, int]], options: AuditOptions
) -> Chosen:
    """Choose what is looked at; equal runs and options give equal choices.

    Parameters
    ----------
    experiment
        The cells and pictures of the run.
    sizes
        Of each picture: frames, rows, columns.
    options
        How many, and the seed.

    Raises
    ------
    UsageError
        If there is nothing to look at.
    """
    pictures, unit, remarks = _designed(experiment, options.unit)
    of = pictures.set_index("picture")["stratum"].reindex(experiment.of)
    cells = experiment.cells.assign(stratum=of.to_numpy())
    cells = cells[cells["stratum"].notna()].reset_index(drop=True)
    if lacking := [name for name in _NEEDED if name not in cells]:
        raise UsageError(f"the table of cells has no column {lacking[0]}")
    if not len(cells):
        raise UsageError("the run has no cells that could be looked at")
    rng = np.random.default_rng(options.seed)
    single = _cells(cells, sizes, options.cells, rng)
    fields = _fields(cells, pictures, sizes, options.fields, rng)
    remarks += _short(single, options.cells, "cells") + _short(fields, options.fields, "fields")
    return Chosen(
        tuple(fields[place] for place in rng.permutation(len(fields))),
        tuple(single[place] for place in rng.permutation(len(single))),
        unit,
        _counts(pictures),
        tuple(remarks),
    )


def sizes_of(record: Mapping[str, Any]) -> dict[str, tuple[int, int, int]]:
    """Frames, rows and columns of each picture of a run."""
    sizes = {}
    for entry in record["inputs"]:
        if "shape" in entry:
            length = dict(zip(entry["axes"], entry["shape"], strict=True))
            sizes[str(entry["image"])] = int(entry["frames"]), length["Y"], length["X"]
    return sizes


def _designed(experiment: Experiment, unit: str | None) -> tuple[pd.DataFrame, str, list[str]]:
    """Pictures that take part, with the condition and replicate of each."""
    table = experiment.pictures.copy()
    words = {
        name: [_word(value) for value in table[name]]
        for name in {"condition", "donor", "replicate", unit or "replicate"}
        if name in table
    }
    if unit is not None and not any(words.get(unit, [])):
        raise UsageError(
            f"there is no column {unit!r} that could tell replicates",
            remedy="choose one of samples.csv, such as replicate or donor",
        )
    names = [unit] if unit else ["donor", "replicate"]
    found = next((name for name in names if any(words.get(name, []))), "")
    nothing = [""] * len(table)
    conditions = words.get("condition", nothing)
    table["stratum"] = list(zip(conditions, words.get(found, nothing), strict=True))
    remarks = list(experiment.remarks)
    table = table[[bool(name) for name in table["labels"].map(_word)]]
    if any(conditions) and not all(conditions):
        without = [not condition for condition, _ in table["stratum"]]
        remarks.append(f"{sum(without)} pictures have no condition, and are not looked at")
        table = table[~np.array(without)]
    if not any(conditions):
        remarks.append("no condition is known: rates are of the whole run")
    if not len(table):
        raise UsageError("the run has no picture that could be looked at")
    return table.reset_index(drop=True), found, remarks


def _word(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _counts(pictures: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Mean number of cells of a picture (of a movie: of a frame), by condition and replicate."""
    counts: dict[str, dict[str, float]] = {}
    known = {condition for condition, unit in pictures["stratum"] if unit}
    n_cells = numbers(_COUNT, pictures)
    for (condition, unit), rows in _by_stratum(pictures).items():
        if unit or condition not in known:  # as in compare: a picture of no replicate is left out
            counts.setdefault(condition, {})[unit] = float(n_cells[rows].mean())
    return counts


def _by_stratum(table: pd.DataFrame) -> dict[Stratum, npt.NDArray[np.int64]]:
    """Rows of each condition and replicate, in the order of their names."""
    rows: dict[Stratum, list[int]] = {}
    for row, stratum in enumerate(table["stratum"]):
        rows.setdefault(stratum, []).append(row)
    return {stratum: np.array(rows[stratum], np.int64) for stratum in sorted(rows)}


def _cells(
    cells: pd.DataFrame, sizes: Mapping[str, tuple[int, int, int]], n: int, rng: np.random.Generator
) -> list[Place]:
    boxes = cells[[*_NEEDED[2:]]].to_numpy(np.float64)
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    usual = float(np.clip(_AROUND * np.quantile(sides, 0.9), *CELL_SIDES))
    groups = _by_stratum(cells)
    there = {stratum: len(rows) for stratum, rows in groups.items()}
    places = []
    for stratum, share in deal(there, n, rng).items():
        for row in rng.choice(groups[stratum], share, replace=False):
            one = cells.iloc[int(row)]
            middle = boxes[row, :2] / 2 + boxes[row, 2:] / 2
            side = round(max(usual, 1.25 * float(sides[row])))
            _, height, width = sizes[str(one["image"])]
            window = _around(middle, side, height, width)
            kind = _word(one["class"]) if "class" in cells else ""
            where = str(one["image"]), int(one["frame"])
            places.append(Place(*where, stratum, window, int(one["label"]), kind))
    return places


def _around(middle: npt.NDArray[np.float64], side: int, height: int, width: int) -> Window:
    tall, wide = min(side, height), min(side, width)
    top = int(np.clip(round(float(middle[0]) - tall / 2), 0, height - tall))
    left = int(np.clip(round(float(middle[1]) - wide / 2), 0, width - wide))
    return Window(top, left, tall, wide)


def _fields(
    cells: pd.DataFrame,
    pictures: pd.DataFrame,
    sizes: Mapping[str, tuple[int, int, int]],
    n: int,
    rng: np.random.Generator,
) -> list[Place]:
    """Parts that do not overlap, anywhere in a picture: cells are missed where none was found."""
    area = sum(math.prod(sizes[str(image)]) for image in pictures["image"])
    side = round(float(np.clip(math.sqrt(CELLS_IN_A_FIELD * area / len(cells)), *FIELD_SIDES)))
    places = []
    images = pictures["image"].to_numpy(object)
    groups = {
        stratum: sorted(map(str, images[rows])) for stratum, rows in _by_stratum(pictures).items()
    }
    there = {
        stratum: sum(math.prod(_tiles(sizes[name], side)) for name in names)
        for stratum, names in groups.items()
    }
    shares = deal(there, n, rng)
    for stratum, names in groups.items():
        tiles = {name: _tiles(sizes[name], side) for name in names}
        left = {name: list(rng.permutation(math.prod(tiles[name]))) for name in names}
        turn = 0
        order = rng.permutation(len(names))
        while shares[stratum]:
            name = names[order[turn % len(names)]]
            turn += 1
            if left[name]:
                window = _in_tile(sizes[name], tiles[name], int(left[name].pop()), side, rng)
                places.append(Place(name, window[0], stratum, window[1]))
                shares[stratum] -= 1
    return places


def _tiles(size: tuple[int, int, int], side: int) -> tuple[int, int, int]:
    """How many parts a picture has: frames, rows, columns."""
    frames, height, width = size
    return frames, max(1, height // side), max(1, width // side)


def _in_tile(
    size: tuple[int, int, int],
    tiles: tuple[int, int, int],
    number: int,
    side: int,
    rng: np.random.Generator,
) -> tuple[int, Window]:
    """Frame and window anywhere within one of the parts."""
    frame, row, column = (int(place) for place in np.unravel_index(number, tiles))
    starts, lengths = [], []
    for length, parts, part in zip(size[1:], tiles[1:], (row, column), strict=True):
        low, high = length * part // parts, length * (part + 1) // parts
        shown = min(side, high - low)
        starts.append(int(rng.integers(low, high - shown + 1)))
        lengths.append(shown)
    return frame, Window(starts[0], starts[1], lengths[0], lengths[1])


def _short(places: list[Place], wanted: int, what: str) -> list[str]:
    if len(places) >= wanted:
        return []
    return [f"the run has only {len(places)} {what} to look at, where {wanted} were asked for"]
