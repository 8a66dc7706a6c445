"""Held-out pictures as the training passes: drawn by hand on one side, found on the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import CellwrightError, InputError
from cellwright.core.image import Array
from cellwright.io.label_image import decode_labels
from cellwright.io.open import read
from cellwright.report.gallery import data_address
from cellwright.report.outlines import nearest, outlined_twice, png
from cellwright.report.template import Markup, fill
from cellwright.report.training_folder import SCORE, STEP, Looked, Run, Training
from cellwright.report.wording import counted, visible

__all__ = ["LARGEST_SIDE", "MOST_BYTES", "looks", "thinned"]

LARGEST_SIDE = 480
"""Of a picture as it is shown, in pixels."""
_LARGEST_ENLARGEMENT = 4
_LEGIBLE = 12
"""Diameter in shown pixels below which outlines hide what they are of: of a picture with smaller
objects a part is shown."""

MOST_PICTURES = 8
MOST_STEPS = 24
MOST_BYTES = 8_000_000
"""Of all pictures and outlines as PNG; text that stands for them is a third longer. More steps or
pictures are thinned out evenly."""
_BLOCKS = 16
"""Steps along the side of the part that is shown, when the fullest one is sought."""

Labels = npt.NDArray[np.uint32]
Pixels = npt.NDArray[np.uint8]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Found:
    """What was found after some steps: its outlines, by themselves and with those of the truth."""

    step: int
    outlines: bytes
    both: bytes
    objects: int

    @property
    def size(self) -> int:
        """Bytes of the pictures."""
        return len(self.outlines) + len(self.both)


@dataclass(frozen=True)
class Drawn:
    """A picture with the outlines of what was drawn by hand, and found."""

    name: str
    part: int
    shown: str
    picture: bytes
    truth: bytes
    objects: int
    width: int
    height: int
    found: tuple[Found, ...]
    size: int


def looks(training: Training) -> Markup | None:
    """Draw the pictures and the slider; None if no picture is held out."""
    there = [(run, looked) for run in training.runs for looked in run.pictures]
    if not there:
        return fill("training_looks_none.html.j2") if training.n_held else None
    chosen = thinned(there, MOST_PICTURES)
    broken: list[str] = []
    drawn = list(_within_budget(chosen, broken))
    steps = sorted({found.step for one in drawn for found in one.found})
    return fill(
        "training_looks.html.j2",
        cards=[_card(one) for one in drawn],
        stops=[{"step": step, "words": _words(step, training)} for step in steps],
        steps=steps,
        looked=len(there),
        all_steps=len({step for _, looked in chosen for step, _ in looked.found}),
        broken=broken,
    )


def thinned(items: Sequence[Item], most: int) -> list[Item]:
    """Take at most `most` items, evenly, the first and the last among them.

    Examples
    --------
    >>> thinned("abcdefg", 3), thinned("abc", 1), thinned("ab", 5)
    (['a', 'd', 'g'], ['c'], ['a', 'b'])
    """
    if len(items) <= most:
        return list(items)
    if most < 2:
        return [items[-1]] * most
    places = np.linspace(0, len(items) - 1, most).round().astype(int)
    return [items[place] for place in places]


def _within_budget(chosen: Sequence[tuple[Run, Looked]], broken: list[str]) -> Iterator[Drawn]:
    """Draw pictures, and as many steps of each as there is room for; the last step always."""
    room = float(MOST_BYTES)
    for place, (run, looked) in enumerate(chosen):
        try:
            drawn = _drawn(run, looked, room / (len(chosen) - place))
        except CellwrightError as error:
            broken.append(f"{visible(looked.name)}: {visible(error.reason)}")
            continue
        room -= drawn.size
        if room < 0 and place:  # never without any
            return
        yield drawn


def _drawn(run: Run, looked: Looked, room: float) -> Drawn:
    """Draw one picture in about `room` bytes: it stands in the page twice."""
    pixels = _pixels(looked)
    truth = _labels(looked.truth, pixels.shape[:2])
    window, shown = _window(truth)
    rows, columns = _size(truth[window].shape)
    small = nearest(truth[window], rows, columns)
    true = outlined_twice(small, np.zeros_like(small))
    picture = png(_resized(pixels[window], rows, columns))
    fixed = 2 * len(picture) + len(true)
    last = _found(looked.found[-1], truth.shape, window, small)
    most = min(MOST_STEPS, max(1, int((room - fixed) / last.size)))
    chosen = thinned(looked.found, most)[:-1]
    found = (*(_found(one, truth.shape, window, small) for one in chosen), last)
    size = fixed + sum(one.size for one in found)
    return Drawn(
        looked.name, run.part, shown, picture, true, _count(truth), columns, rows, found, size
    )


def _pixels(looked: Looked) -> Pixels:
    """(Y, X) grey or (Y, X, 3) colours, as the training kept them."""
    image = read(looked.picture)
    pixels: Array = image.pixels()
    if image.axes not in {"YX", "YXS"} or pixels.dtype != np.uint8 or not pixels.size:
        raise InputError("its picture is not one that a training keeps")
    return np.asarray(pixels if image.axes == "YX" else pixels[..., :3], np.uint8)


def _labels(path: Path, shape: tuple[int, ...]) -> Labels:
    labels = decode_labels(path).pixels()
    if labels.shape != shape:
        raise InputError("its labels are not of the size of its picture")
    return np.asarray(labels, np.uint32)


def _found(
    one: tuple[int, Path], shape: tuple[int, ...], window: tuple[slice, slice], truth: Labels
) -> Found:
    step, path = one
    labels = _labels(path, shape)
    found = nearest(labels[window], *truth.shape)
    alone, both = outlined_twice(np.zeros_like(truth), found), outlined_twice(truth, found)
    return Found(step, alone, both, _count(labels))


def _count(labels: Labels) -> int:
    return int(np.count_nonzero(np.unique(labels)))


def _window(truth: Labels) -> tuple[tuple[slice, slice], str]:
    """The part that is shown, and in words which: the whole, or that with most of object."""
    rows, columns = truth.shape
    numbers, counts = np.unique(truth, return_counts=True)
    areas = counts[numbers > 0]
    diameter = math.sqrt(4 / math.pi * float(np.median(areas))) if areas.size else math.inf
    side = max(LARGEST_SIDE, diameter * LARGEST_SIDE / _LEGIBLE)
    if max(rows, columns) <= side:
        return (slice(0, rows), slice(0, columns)), f"{columns:,} × {rows:,} px"
    height, width = min(rows, int(side)), min(columns, int(side))
    stride = max(1, int(side) // _BLOCKS)
    on = np.pad(truth[::stride, ::stride] > 0, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    down, across = max(1, height // stride), max(1, width // stride)
    sums = on[down:, across:] - on[:-down, across:] - on[down:, :-across] + on[:-down, :-across]
    top, left = divmod(int(sums.argmax()), sums.shape[1])
    first = min(top * stride, rows - height), min(left * stride, columns - width)
    window = slice(first[0], first[0] + height), slice(first[1], first[1] + width)
    return window, f"the fullest {width:,} × {height:,} of {columns:,} × {rows:,} px"


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns that are shown: small pictures are enlarged by a whole number."""
    longest = max(shape)
    if longest <= LARGEST_SIDE:
        times = min(_LARGEST_ENLARGEMENT, LARGEST_SIDE // longest)
        return shape[0] * times, shape[1] * times
    rows, columns = (max(1, round(length * LARGEST_SIDE / longest)) for length in shape)
    return rows, columns


def _resized(pixels: Pixels, rows: int, columns: int) -> Pixels:
    """Averages when it gets smaller, whole pixels when it gets larger."""
    from PIL import Image as Picture

    if rows >= pixels.shape[0]:
        return nearest(pixels, rows, columns)
    whole = Picture.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(whole.resize((columns, rows), Picture.Resampling.BOX), np.uint8)


def _card(one: Drawn) -> Mapping[str, object]:
    name = visible(one.name)
    hand = f"{counted(one.objects, 'object')} drawn by hand"
    *_, last = one.found
    return {
        "name": name,
        "facts": f"part {one.part} · {one.shown}" if one.part else one.shown,
        "hand": hand,
        "picture": data_address(one.picture),
        "truth": data_address(one.truth),
        "width": one.width,
        "height": one.height,
        "alternative_truth": f"{name}: {hand}, outlined",
        "alternative_found": f"{name}: what was found, outlined; {last.objects:,} after "
        f"{counted(last.step, 'step')}",
        "found": [
            {
                "step": found.step,
                "outlines": data_address(found.outlines),
                "both": data_address(found.both),
                "words": f"{found.objects:,} found after {counted(found.step, 'step')}",
                "last": found is last,
            }
            for found in one.found
        ],
    }


def _words(step: int, training: Training) -> str:
    """What is said of a step: the score, where one run alone has it."""
    scores = [
        float(score)
        for run in training.runs
        for score in run.looks.loc[run.looks[STEP] == step, SCORE]
    ]
    said = f"after {counted(step, 'step')}"
    if not scores:
        return said
    mean = f"{sum(scores) / len(scores):.3f}"
    return f"{said}: mean AP {mean}" + (f" over {len(scores)} parts" if len(scores) > 1 else "")
