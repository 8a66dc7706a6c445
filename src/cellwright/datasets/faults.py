"""What is wrong with one drawing, or looks so: each fault with what is to be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn
from cellwright.datasets.fit import best_fit
from cellwright.datasets.numbers import without_gaps

__all__ = ["Fault", "faults_of"]

Verdict = Literal["error", "warning"]

_EIGHT = np.ones((3, 3), bool)

_MORE = 1.3
"""Times the correlation as drawn, from which another place fits better: 115 pictures drawn by
people had at most 1.28, and 35 that were turned or moved at least 1.7."""
_FAR = 4
"""Pixels by which a drawing may be off without a word: people draw no better."""
_LEAST = 0.08
"""Correlation below which a picture says nothing of where its drawing belongs."""

_CLEAR = 0.25
"""Correlation from which another place is surely meant. Below it faint or regular structures fit
elsewhere by chance: of 166 right drawings, most of them sheets of cells, 4 did, at 0.14 to 0.22."""

_SPECK = 0.02
"""Of the median area, below which an object is a slip of the pen and no small cell."""
_SPECK_PIXELS = 10
"""Largest area in pixels that is called a speck whatever the others have."""
_BLENDED = 0.3
"""Share of objects without width from which the numbers themselves are in doubt: blending gives
the rims of objects numbers of their own."""
_BLENDED_LEAST = 10


@dataclass(frozen=True)
class Fault:
    """Something wrong with a picture of a dataset.

    Attributes
    ----------
    check
        Which check found it, one word.
    verdict
        ``error`` if training on it would teach what is wrong, ``warning`` if it may be right.
    what, remedy
        What is the matter, and what to do.
    """

    check: str
    verdict: Verdict
    what: str
    remedy: str


def faults_of(pixels: Array, drawn: Drawn) -> Iterator[Fault]:
    """Look at one picture and its drawing.

    Parameters
    ----------
    pixels
        (Y, X), or (Y, X, S) in colour.
    drawn
        Of one plane.
    """
    for remark in drawn.remarks:
        yield Fault("reading", "warning", remark, "look whether this is as it was meant")
    labels, finite = drawn.labels, np.isfinite(pixels)
    if not finite.all():
        yield _not_finite(finite)
    if pixels.shape[:2] != labels.shape:
        yield _wrong_size(np.where(finite, pixels, 0), labels)
        return
    if pixels.size and pixels.min() == pixels.max():
        yield Fault(
            "constant", "error", "the picture has one value everywhere",
            "take it out, or export it again",
        )  # fmt: skip
    if not labels.any():
        yield Fault(
            "empty", "warning", "nothing is drawn",
            "leave it only if there is really nothing to see",
        )  # fmt: skip
        return
    yield from _numbers(labels)
    if finite.all():
        yield from _place(pixels, labels)
    yield from _classes(drawn)


def _not_finite(finite: Array) -> Fault:
    count = int(finite.size - np.count_nonzero(finite))
    place = [int(index) for index in np.argwhere(~finite)[0][:2]]
    return Fault(
        "finite", "error",
        f"{count:,} of {finite.size:,} values of the picture are no finite numbers (NaN or "
        f"infinite), the first at row {place[0]}, column {place[1]}",
        "put numbers in their place, or export the picture again",
    )  # fmt: skip


def _wrong_size(pixels: Array, labels: Array) -> Fault:
    height, width = pixels.shape[:2]
    what = (
        f"the labels are {labels.shape[1]} x {labels.shape[0]} px, the picture {width} x {height}"
    )
    rows, columns = labels.shape[0] - height, labels.shape[1] - width
    if labels.shape == (width, height):
        remedy = "they seem to be transposed: exchange rows and columns of the labels"
    elif rows >= 0 and columns >= 0:
        remedy = _cut(pixels, labels, rows, columns)
    else:
        remedy = "draw on the picture at its full size, and never resize labels"
    return Fault("size", "error", what, remedy)


def _cut(pixels: Array, labels: Array, rows: int, columns: int) -> str:
    """Which margin of labels that are too large is to be cut off, as the picture tells."""
    height, width = pixels.shape[:2]
    found: list[tuple[float, str]] = []
    for top, vertical in {0: "bottom", rows: "top", rows // 2: "top and bottom"}.items():
        for left, horizontal in {0: "right", columns: "left", columns // 2: "both sides"}.items():
            fit = best_fit(pixels, labels[top : top + height, left : left + width])
            sides = " and ".join(
                f"{count} {unit} at the {side}".replace("the both", "both")
                for count, unit, side in (
                    (rows, "rows", vertical), (columns, "columns", horizontal)
                ) if count
            )  # fmt: skip
            found.append((fit.as_drawn if fit else 0.0, sides))
    squeezed = labels[
        np.ix_(
            ((np.arange(height) + 0.5) * labels.shape[0] / height).astype(np.intp),
            ((np.arange(width) + 0.5) * labels.shape[1] / width).astype(np.intp),
        )
    ]
    fit = best_fit(pixels, squeezed)
    best, sides = max(found)
    if fit is not None and fit.as_drawn > best:
        return "they seem to have been drawn on an enlarged picture: resize them without blending"
    if best < _LEAST:
        return "find out which part of the labels the picture shows, and cut off the rest"
    return f"the picture tells that {sides} are too many: cut them off, do not resize"


def _numbers(labels: Array) -> Iterator[Fault]:
    """Masks, split cells, specks."""
    labels, names = without_gaps(labels)
    areas = np.bincount(labels.ravel())
    present = np.flatnonzero(areas[1:]) + 1
    pieces = _pieces(labels)
    if present.size == 1 and pieces[present[0]] > 1:
        yield Fault(
            "mask", "error",
            f"all {pieces[present[0]]} pieces have the one number {names[present[0]]}: a mask, "
            "where each cell should have its own",
            "save label images, or part touching cells by hand",
        )  # fmt: skip
        return
    split = present[pieces[present] > 1]
    if split.size:
        yield Fault(
            "split", "warning",
            f"{split.size} of {present.size} cells are in several pieces, such as "
            f"{_some(names[split])}",
            "right if something lies over them; else give each piece its own number",
        )  # fmt: skip
    size = areas[present]
    specks = present[(size < _SPECK_PIXELS) & (size < max(2, _SPECK * float(np.median(size))))]
    thin = np.setdiff1d(present, labels[_deep(labels)])
    if thin.size >= _BLENDED_LEAST and thin.size > _BLENDED * present.size:
        yield Fault(
            "blended", "error",
            f"{thin.size} of {present.size} numbers are nowhere three pixels wide: the labels seem "
            "to have been resized with blending, or saved as JPEG",
            "export them again without both",
        )  # fmt: skip
    elif specks.size:
        yield Fault(
            "specks", "warning",
            f"{specks.size} of {present.size} cells are specks of fewer than {_SPECK_PIXELS} px, "
            f"such as {_some(names[specks])}",
            "erase them if they are slips of the pen",
        )  # fmt: skip


def _deep(labels: Array) -> Array:
    """(Y, X) bool, pixels whose eight neighbours have the same number."""
    return np.asarray(
        ndimage.minimum_filter(labels, 3) == ndimage.maximum_filter(labels, 3), np.bool_
    )


def _pieces(labels: Array) -> Array:
    """Number of connected pieces of each label; diagonal neighbours are connected."""
    count = np.zeros(int(labels.max()) + 1, np.int64)
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if box is not None:
            count[number] = ndimage.label(labels[box] == number, _EIGHT)[1]
    return count


def _place(pixels: Array, labels: Array) -> Iterator[Fault]:
    fit = best_fit(pixels, labels)
    if fit is None or fit.correlation < max(_LEAST, _MORE * fit.as_drawn):
        return
    down, right = fit.shift
    if fit.turn == "as drawn" and max(abs(down), abs(right)) <= _FAR:
        return
    moved = (
        f" and moved by {down} rows and {right} columns" if max(map(abs, fit.shift)) > _FAR else ""
    )
    turn = "" if fit.turn == "as drawn" else fit.turn
    yield Fault(
        "place", "error" if fit.correlation >= _CLEAR else "warning",
        f"the labels would fit the picture better {(turn + moved).removeprefix(' and ')} "
        f"(correlation {fit.correlation:.2f}, as they are {fit.as_drawn:.2f})",
        "look whether picture and labels belong together, and export them in the same way",
    )  # fmt: skip


def _classes(drawn: Drawn) -> Iterator[Fault]:
    if not drawn.classes:
        return
    present = set(np.unique(drawn.labels[drawn.labels > 0]).tolist())
    gone = sorted(set(drawn.classes) - present)
    without = sorted(present - set(drawn.classes))
    if gone:
        yield Fault(
            "class", "error", f"{len(gone)} objects have a class and no pixel, such as {gone[0]}",
            "take their rows out of the table of classes",
        )  # fmt: skip
    if without:
        yield Fault(
            "class", "warning",
            f"{len(without)} of {len(present)} objects have no class, such as {without[0]}",
            "give them one, or they teach only where cells are",
        )  # fmt: skip


def _some(numbers: Array) -> str:
    return ", ".join(str(number) for number in numbers[:3].tolist())
