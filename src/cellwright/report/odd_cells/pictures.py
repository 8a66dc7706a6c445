"""Odd cells in blue, usual ones in black, as labels have them; the oddest in their pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.report.gallery import data_address
from cellwright.report.odd_cells.data import (
    Looks,
    OddPage,
    Read,
    around,
    chosen_fields,
    frame_names,
    oddest,
)
from cellwright.report.outlines import LINE, nearest, png
from cellwright.report.preview import windowed
from cellwright.report.template import Markup, fill
from cellwright.report.wording import counted, visible

__all__ = ["crops", "fields"]

Integers = npt.NDArray[np.integer]
Bytes = npt.NDArray[np.uint8]

_GROUND, _BORDER = (255, 255, 255), (255, 255, 255)
_USUAL, _ODD, _UNJUDGED, _OTHER = (38, 44, 50), (0, 114, 178), (200, 206, 211), (216, 221, 225)
"""Okabe and Ito's blue; greys for cells that were not judged, and for neighbours in a crop."""
_SIDE, _CROP = 640, 132
_LINE = 2
"""Width of the line around a cell in its picture, in pixels of twice the crop's."""
_MORE, _LESS = (213, 94, 0), (0, 114, 178)
"""Okabe and Ito's vermilion and blue: brighter and darker than expected."""
_FARTHEST_OFF = 6.0
"""Standard deviations that have the full colour."""


def fields(page: OddPage) -> Markup | None:
    """Whole pictures; None where no labels are known."""
    if page.read is None:
        return None
    cards, name = [], frame_names(page.table)
    for field in chosen_fields(page):
        labels = page.read(field.run, field.image, field.frame)
        if labels is None:
            continue
        here = page.table[
            (page.table["run"] == field.run)
            & (page.table["image"] == field.image)
            & (page.table["frame"] == field.frame)
        ]
        picture = png(_reduced(_coloured(labels, here)))
        cards.append(
            {
                "picture": data_address(picture),
                "role": field.why,
                "name": visible(name(vars(field))),
                "facts": f"{visible(field.condition, 40)}: {field.odd} of "
                f"{counted(field.judged, 'cell')} odd",
                "alternative": f"Cells of {visible(field.image, 60)}: {field.odd} odd ones in blue",
            }
        )
    return fill("odd_fields.html.j2", cards=cards) if cards else None


def crops(page: OddPage) -> Markup | None:
    """The oddest cells, each with its reason; None where no labels are known."""
    if page.read is None:
        return None
    cards, name = [], frame_names(page.table)
    for number, row in oddest(page.table).iterrows():
        looks = page.looks.get(int(str(number)))
        picture = _outlined(looks) if looks is not None else _drawn(page.read, row)
        if picture is None:
            continue
        cards.append(
            {
                "picture": data_address(png(picture)),
                "role": visible(row["condition"], 40)
                + (f", {row['doubt']}" if row["doubt"] else ""),
                "name": f"{visible(name(row))}, {row['label']}",
                "facts": visible(row["reason"]),
                "alternative": f"Outline of cell {row['label']}: {visible(row['reason'], 80)}",
                "judged": _beside(looks.judged) if looks and looks.judged else [],
            }
        )
    return fill("odd_crops.html.j2", cards=cards, in_pictures=bool(page.looks)) if cards else None


def _drawn(read: Read, row: pd.Series) -> Bytes | None:
    labels = read(str(row["run"]), str(row["image"]), int(row["frame"]))
    return _crop(labels, int(row["label"])) if labels is not None else None


def _outlined(looks: Looks) -> Bytes:
    """A cell in its picture, with a line around it that covers none of its pixels."""
    height, width = _filling(looks.own.shape, 2 * _CROP)
    picture = np.asarray(nearest(windowed(looks.pixels, looks.window), height, width))
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    own = np.asarray(nearest(looks.own, height, width))
    line = ndimage.binary_dilation(own, iterations=_LINE) & ~own
    picture[line] = LINE[:3]
    return picture


def _filling(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Size with a longest side of so many pixels."""
    longest = max(shape[:2])
    return max(1, round(shape[0] * side / longest)), max(1, round(shape[1] * side / longest))


def _beside(judged: tuple[Array, Array, Array]) -> list[dict[str, str]]:
    """What was seen of a cell, what was expected, both in one window; and how they differ."""
    seen, expected, off = judged
    both = np.stack([seen, expected])
    window = min(0.0, float(both.min())), float(both.max())
    share = np.clip(off / _FARTHEST_OFF, -1, 1)[..., None]
    white, ends = np.array(_GROUND), np.where(share > 0, np.array(_MORE), np.array(_LESS))
    tinted = np.rint(white + np.abs(share) * (ends - white)).astype(np.uint8)
    shown = {
        "seen": windowed(seen, window), "expected": windowed(expected, window), "off": tinted,
    }  # fmt: skip
    return [{"title": name, "picture": data_address(png(one))} for name, one in shown.items()]


def _coloured(labels: Integers, cells: pd.DataFrame) -> npt.NDArray[np.uint8]:
    """Cells by what they are, with a line of ground between neighbours."""
    colours = np.full((int(labels.max()) + 1, 3), _UNJUDGED, np.uint8)
    colours[0] = _GROUND
    known = cells["label"].to_numpy(np.int64)
    kept = known < len(colours)
    judged = cells["p"].notna().to_numpy() & kept
    colours[known[judged]] = _USUAL
    colours[known[cells["is_outlier"].to_numpy(bool) & kept]] = _ODD
    picture = colours[labels]
    picture[_edges(labels)] = _BORDER
    return picture


def _edges(labels: Integers) -> npt.NDArray[np.bool_]:
    """Pixels whose neighbour below or to the right is of another cell."""
    edge = np.zeros(labels.shape, bool)
    edge[:-1] |= labels[:-1] != labels[1:]
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    return edge


def _reduced(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """At most `_SIDE` pixels a side."""
    height, width = picture.shape[:2]
    factor = max(height, width) / _SIDE
    if factor <= 1:
        return picture
    return np.asarray(nearest(picture, round(height / factor), round(width / factor)), np.uint8)


def _crop(labels: Integers, label: int) -> npt.NDArray[np.uint8] | None:
    """A cell in blue among its neighbours in grey, in a square."""
    found = ndimage.find_objects(labels, label)
    place: Any = found[label - 1] if 0 < label <= len(found) else None
    if place is None:
        return None
    window = labels[around(place, labels.shape)]
    picture = np.full((*window.shape, 3), _GROUND, np.uint8)
    picture[window > 0] = _OTHER
    picture[_edges(window)] = _BORDER
    picture[window == label] = _ODD
    return np.asarray(nearest(picture, *_filling(window.shape, _CROP)), np.uint8)
