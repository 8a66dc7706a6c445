"""What cells of runs look like: cut out of the pictures that the runs were made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Image, LazyArray
from cellwright.engine.events import Listener, PhaseFinished, PhaseStarted, StepFinished
from cellwright.io.inputs import Found as FoundPicture
from cellwright.measure.cell_crops import (
    INSIDE,
    SIDE,
    Crops,
    Place,
    Scale,
    crop_cell,
    crop_width,
    grey,
    light_of,
)
from cellwright.pipeline.experiment import Experiment
from cellwright.pipeline.large_plane import STRIP_ROWS, LargePlane, mosaic
from cellwright.pipeline.planes import finite
from cellwright.pipeline.run import Run
from cellwright.pipeline.run_pictures import (
    entries_of,
    labels_of_frame,
    open_again,
    other_labels,
    plane_of_frame,
)
from cellwright.pipeline.score_gallery import find_pictures
from cellwright.report.odd_cells.data import Looks, around
from cellwright.report.preview import display_window
from cellwright.stats.design import Remark
from cellwright.stats.outliers.appearance import Appearance, JudgeOfLooks, Learn
from cellwright.stats.outliers.finding import Cells, Found

__all__ = ["Frames", "appearance_of", "frames_of", "looks_of"]

PHASE = "cutting out cells"

_BOX = ("bbox_top_px", "bbox_left_px", "bbox_bottom_px", "bbox_right_px")
_CUT_OFF = 0.02
"""Share of a cell outside of its crop from which on it is told of."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Where:
    """A frame of a picture of a run, and the kind of objects in it."""

    run: str
    image: str
    frame: int
    kind: str


@dataclass(frozen=True, eq=False)
class Frames:
    """Pixels and labels of the frames of runs, read when they are asked for.

    Attributes
    ----------
    runs
        Folders by name.
    entries
        What each run says of each of its pictures.
    pictures
        Those that there are.
    channel
        Name or number; None for the one in which cells were found.
    """

    runs: Mapping[str, Path]
    entries: Mapping[str, Mapping[str, Mapping[str, Any]]]
    pictures: Mapping[str, FoundPicture]
    channel: str | None

    def each(
        self, wanted: Iterable[Where]
    ) -> Iterator[tuple[Where, Array | LargePlane, Array | LazyArray]]:
        """Planes and labels, in the order in which they are asked for.

        Raises
        ------
        UsageError
            If a picture is not there, or is not the one that was analysed.
        InputError
            If one cannot be read, or has no such channel.
        """

        @lru_cache(maxsize=1)
        def opened(run: str, image: str) -> Image:
            return open_again(self.entries[run][image], self.pictures)

        for where in wanted:
            entry = self.entries[where.run][where.image]
            image = opened(where.run, where.image)
            plane = plane_of_frame(image, entry, where.frame, self.channel)
            labels = labels_of_frame(self.runs[where.run], entry, where.frame, where.kind)
            yield where, plane, labels

    def pixel_size(self, run: str, image: str) -> tuple[float, float] | None:
        """Micrometres along rows and columns; None where they are not known."""
        told = self.entries[run][image].get("spacing") or {}
        y, x = told.get("y"), told.get("x")
        return (float(y), float(x)) if y and x else None


def frames_of(
    sources: Sequence[Path], names: Sequence[str], images: Path, channel: str | None
) -> Frames:
    """Find the pictures of runs.

    Raises
    ------
    UsageError
        If a source is no run, or there are no pictures.
    """
    tables = [source for source in sources if not source.is_dir()]
    if tables:
        raise UsageError(
            "a table of cells does not tell which pictures it was made of",
            where=str(tables[0]),
            remedy="give the run, or leave --images out",
        )
    runs = dict(zip(names, sources, strict=True))
    entries = {name: entries_of(Run(folder).record) for name, folder in runs.items()}
    return Frames(runs, entries, find_pictures(images), channel)


def appearance_of(
    experiment: Experiment, cells: Cells, frames: Frames, learn: Learn, listener: Listener
) -> tuple[Appearance, list[Remark]]:
    """Cut out all cells that can be judged.

    Parameters
    ----------
    experiment
        The cells of runs.
    cells
        What is known of them.
    frames
        Their pictures.
    learn
        Learns what cells of the reference look like.
    listener
        Hears of each frame.

    Returns
    -------
    tuple
        The crops, and what is to be said of them.

    Raises
    ------
    UsageError
        If pictures or labels are not those of the runs.
    InputError
        If a picture cannot be read.
    """
    rows = np.flatnonzero(cells.judged)
    table, boxes = where_of(experiment), boxes_of(experiment.cells)
    widths, unit = _pixel_widths(table, frames)
    sizes = ((boxes[:, 2:] - boxes[:, :2]) * widths)[cells.is_reference & cells.judged]
    wide = crop_width(sizes)
    crops, place = Crops.empty(len(rows)), np.full(len(boxes), -1)
    place[rows] = np.arange(len(rows))
    wanted = _by_frame(table, rows)
    listener(PhaseStarted(PHASE, len(wanted)))
    for frame, plane, labels in frames.each(wanted):
        light = light_of(grey(finite(mosaic(plane))), mosaic(labels))
        y, x = wide / widths[wanted[frame][0]]
        for row, one, pixels, own in _windows(plane, labels, table, boxes, wanted[frame]):
            crop = crop_cell(pixels, own, one, light, Scale(y, x))
            if crop is None:
                raise other_labels(frame.image)
            crops.put(int(place[row]), crop)
        listener(StepFinished(PHASE, frame.image, frame.frame))
    listener(PhaseFinished(PHASE))
    text = f"cells are looked at in squares of {wide * SIDE:.3g} {unit}, {SIDE} pixels a side"
    if larger := int(np.count_nonzero(crops.outside > _CUT_OFF)):
        cells_are = "1 cell is" if larger == 1 else f"{larger:,} cells are"
        text += f"; {cells_are} larger, and what lies outside is not seen"
    return Appearance(crops, place, learn), [Remark("notice", text)]


def where_of(experiment: Experiment) -> pd.DataFrame:
    """Frame of each cell, and its label: ``run``, ``image``, ``frame``, ``kind``, ``label``."""
    cells = experiment.cells
    run = experiment.pictures.set_index("picture")["run"].reindex(experiment.of)
    return pd.DataFrame(
        {
            "run": run.fillna("").astype(str).to_numpy(),
            "image": cells["image"].astype(str).to_numpy(),
            "frame": cells["frame"].to_numpy(np.int64),
            "kind": cells["object"].astype(str).to_numpy() if "object" in cells else "",
            "label": cells["label"].to_numpy(np.int64),
        }
    )


def boxes_of(cells: pd.DataFrame) -> Codes:
    """Top, left, bottom and right of each cell, (N, 4); ends excluded.

    Raises
    ------
    UsageError
        If the table does not tell.
    """
    if lacking := [name for name in _BOX if name not in cells]:
        raise UsageError(
            f"the table of cells has no column {lacking[0]}, and cells cannot be cut out",
            remedy="analyse the pictures again, or leave --images out",
        )
    return cells[list(_BOX)].to_numpy(np.float64, na_value=0).astype(np.int64)


def _by_frame(table: pd.DataFrame, rows: Codes) -> dict[Where, Codes]:
    """Rows of each frame, pictures one after the other."""
    keys = ["run", "image", "frame", "kind"]
    own = table.iloc[rows].reset_index(drop=True)
    found = {}
    for _, one in own.groupby(keys, sort=True):
        run, image, frame, kind = one[keys].iloc[0]
        found[Where(str(run), str(image), int(frame), str(kind))] = rows[one.index.to_numpy()]
    return found


def _pixel_widths(table: pd.DataFrame, frames: Frames) -> tuple[npt.NDArray[np.float64], str]:
    """Height and width of a pixel for each cell: in µm where all are known, else 1 px."""
    keys = list(zip(table["run"], table["image"], strict=True))
    told = {key: frames.pixel_size(*key) for key in set(keys) if key[0]}
    if not told or any(size is None for size in told.values()):
        return np.ones((len(table), 2)), "px"
    unknown = (1.0, 1.0)
    sizes = [told.get(key) or unknown for key in keys]
    return np.array(sizes, np.float64), "µm"


def _windows(
    plane: Array | LargePlane,
    labels: Array | LazyArray,
    table: pd.DataFrame,
    boxes: Codes,
    rows: Codes,
) -> Iterator[tuple[int, Place, Array, Array]]:
    """Pixels and labels around each cell, from top to bottom: large planes are read in strips."""
    shape = tuple(plane.shape[:2])
    numbers = table["label"].to_numpy(np.int64)
    places = [(int(row), Place(int(numbers[row]), *boxes[row].tolist())) for row in rows]
    top = bottom = 0
    pixels = own = np.zeros((0, shape[1]))
    for row, place in sorted(places, key=lambda item: item[1].window(shape)[0].start):
        window = place.window(shape)
        if window[0].stop > bottom:
            top, bottom = window[0].start, max(window[0].stop, window[0].start + STRIP_ROWS)
            strip = slice(top, min(bottom, shape[0]))
            pixels = grey(finite(np.asarray(plane[strip, :])))
            own = np.asarray(labels[strip, :])
        here = slice(window[0].start - top, window[0].stop - top), window[1]
        yield row, place, pixels[here], own[here]


def looks_of(
    frames: Frames, experiment: Experiment, rows: Sequence[int], found: Found
) -> dict[int, Looks]:
    """Show some cells in their pictures, and what was expected where they were judged by looks.

    Raises
    ------
    UsageError
        If pictures or labels are not those of the runs.
    InputError
        If a picture cannot be read.
    """
    table, boxes = where_of(experiment), boxes_of(experiment.cells)
    wanted = _by_frame(table, np.array(rows, np.int64))
    looks: dict[int, Looks] = {}
    for frame, plane, labels in frames.each(wanted):
        shown = display_window(finite(mosaic(plane)))
        for row in map(int, wanted[frame]):
            top, left, bottom, right = boxes[row].tolist()
            window = around((slice(top, bottom), slice(left, right)), plane.shape)
            own = np.asarray(labels[window]) == table["label"].iloc[row]
            if not own.any():
                raise other_labels(frame.image)
            pixels = finite(np.asarray(plane[window]))
            looks[row] = Looks(pixels, own, shown, _judged(found, row))
    return looks


def _judged(found: Found, row: int) -> tuple[Array, Array, Array] | None:
    """A cell as it was judged, what was expected, and by how many standard deviations it is off."""
    judge = found.judges[found.judge[row]]
    if not isinstance(judge, JudgeOfLooks):
        return None
    crop, pixels, spread = judge.expected(row)
    seen = crop.pixels[0].astype(np.float32)
    inside = crop.masks[0] >= INSIDE
    return seen, np.where(inside, pixels[0], 0), np.where(inside, (seen - pixels[0]) / spread[0], 0)
