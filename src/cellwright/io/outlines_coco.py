"""Outlines as COCO annotations, with run-length encoded masks.

The encoding is that of the COCO API (Lin et al. 2014, Microsoft COCO; ``maskApi.c``): lengths
of background and foreground in turn, beginning with background, down the columns; each from the
fourth on as its difference to the last but one; and each number in groups of five bits, the
lowest first, with a sixth that says whether more follow, as a character from ``0`` on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from cellwright.core.image import Array
from cellwright.io.names import legible
from cellwright.io.outline import Outlined, OutlineWriter, write_items
from cellwright.io.tracing import Integers

__all__ = ["WRITER", "Mask", "encode_masks", "write_coco"]

BAND_PIXELS = 2**22
"""Pixels turned on their side together: what is needed beside the plane itself."""
_BITS = 5  # of the number in a character
_MORE = 1 << _BITS
_FIRST_CHARACTER = ord("0")
_DIFFERENCES_FROM = 3  # maskApi.c, rleToString: "if(i>2)"


@dataclass(frozen=True)
class Mask:
    """The pixels of one label.

    Attributes
    ----------
    label
        Its number.
    counts
        Compressed run lengths, as pycocotools has them in ``counts``.
    area
        Pixels.
    box
        Left, top, width and height of the bounding box.
    """

    label: int
    counts: str
    area: int
    box: tuple[int, int, int, int]


def encode_masks(labels: Array) -> Iterator[Mask]:
    """Encode all labels of a plane, in ascending order.

    Parameters
    ----------
    labels
        (Y, X) of whole numbers; 0 is background.

    Yields
    ------
    Mask
        One for each label.

    Examples
    --------
    >>> [mask] = encode_masks(np.array([[0, 7, 7], [0, 7, 0]]))
    >>> mask.counts, mask.area, mask.box
    ('231', 3, (1, 0, 2, 2))
    """
    height, width = labels.shape
    label, begin, end = _runs_down(labels)
    if not len(label):
        return
    new = np.ones(len(label), bool)
    new[1:] = label[1:] != label[:-1]
    first = np.flatnonzero(new)
    names = label[first].tolist()
    area = np.add.reduceat(end - begin, first).tolist()
    top = np.minimum.reduceat(begin % height, first)
    bottom = np.maximum.reduceat((end - 1) % height + 1, first)
    left, last = begin[first] // height, np.append(first[1:], len(label)) - 1
    right = (end[last] - 1) // height + 1
    boxes = np.stack([left, top, right - left, bottom - top], axis=1).tolist()

    # A run that reaches the foot of a column and one at the head of the next are one.
    joined = ~new
    joined[1:] &= begin[1:] == end[:-1]
    keeps = ~joined
    whole = np.flatnonzero(keeps)
    ends = end[np.append(whole[1:], len(label)) - 1]
    begins, is_first = begin[whole], new[whole]
    before = np.zeros(len(whole), np.int64)
    before[1:] = ends[:-1]
    before[is_first] = 0
    text, stop = _characters(begins - before, ends - begins, ends, is_first, height * width)
    start = 0
    for index, name in enumerate(names):
        yield Mask(name, text[start : stop[index]], area[index], tuple(boxes[index]))
        start = stop[index]


def _runs_down(labels: Array) -> tuple[Integers, Integers, Integers]:
    """Label, begin and end of each vertical run, by label and place down the columns."""
    height, width = labels.shape
    band = max(1, BAND_PIXELS // max(height, 1))
    found = []
    for left in range(0, width, band):
        turned = np.ascontiguousarray(labels[:, left : left + band].T)
        change = np.ones(turned.shape, bool)
        np.not_equal(turned[:, 1:], turned[:, :-1], out=change[:, 1:])
        begin = np.flatnonzero(change)
        value = turned.ravel()[begin].astype(np.int64)
        end = np.append(begin[1:], turned.size)[: len(begin)]
        inside = value != 0
        offset = left * height
        found.append((value[inside], begin[inside] + offset, end[inside] + offset))
    if not found:
        empty = np.zeros(0, np.int64)
        return empty, empty, empty
    label, begin, end = (np.concatenate([part[k] for part in found]) for k in range(3))
    order = np.argsort(label, kind="stable")
    return label[order], begin[order], end[order]


def _characters(
    off: Integers, on: Integers, ends: Integers, is_first: Array, size: int
) -> tuple[str, list[int]]:
    """Write the lengths of all labels behind each other; where each label's text stops."""
    label = np.cumsum(is_first) - 1
    runs = np.bincount(label)
    rest = size - ends[np.cumsum(runs) - 1]  # background after the last run
    length = 2 * runs + (rest > 0)
    first = np.cumsum(length) - length
    counts = np.empty(int(length.sum()), np.int64)
    place = first[label] + 2 * (np.arange(len(off)) - (np.cumsum(runs) - runs)[label])
    counts[place], counts[place + 1] = off, on
    counts[(first + length - 1)[rest > 0]] = rest[rest > 0]

    number = np.arange(len(counts)) - np.repeat(first, length)
    values = counts.copy()
    later = np.flatnonzero(number >= _DIFFERENCES_FROM)
    values[later] -= counts[later - 2]

    magnitude = np.where(values < 0, ~values, values)
    needed = np.ones(len(values), np.int64)  # with n groups go 5 n - 1 bits and the sign
    while (more := magnitude >> (_BITS * needed - 1) != 0).any():
        needed += more
    at = np.cumsum(needed) - needed
    text = np.empty(int(needed.sum()), np.uint8)
    for group in range(int(needed.max())):
        has = np.flatnonzero(needed > group)
        bits = (values[has] >> (_BITS * group)) & (_MORE - 1)
        bits += np.where(needed[has] > group + 1, _MORE, 0) + _FIRST_CHARACTER
        text[at[has] + group] = bits
    stop = np.add.reduceat(needed, first).cumsum()
    return text.tobytes().decode("ascii"), stop.tolist()


def write_coco(stream: BinaryIO, outlined: Outlined) -> None:
    """Write one COCO file: each frame is an image, each label an annotation.

    The ``id`` of an annotation is its label. In a movie, where labels come again, the ids are
    counted through from 1; ``label`` and ``frame`` stand in each annotation in any case.
    Categories are the classes of the cells, sorted, else there is one, the kind of object; it
    also is what cells without a class have.

    Parameters
    ----------
    stream
        Where to, as UTF-8.
    outlined
        What to.

    Examples
    --------
    >>> import io
    >>> from cellwright.core.labels import Labels
    >>> stream = io.BytesIO()
    >>> write_coco(stream, Outlined("a.tif", Labels(np.array([[0, 42]]))))
    >>> [annotation] = json.loads(stream.getvalue())["annotations"]
    >>> annotation["id"], annotation["bbox"], annotation["segmentation"]
    (42, [1, 0, 1, 1], {'size': [1, 2], 'counts': '11'})
    """
    height, width = outlined.shape
    names = [name for name in outlined.class_names() if name != outlined.kind]
    categories = {name: number for number, name in enumerate([outlined.kind, *names], start=1)}
    name = legible(outlined.image)
    images = [
        {"id": frame + 1, "file_name": name, "width": width, "height": height}
        | ({"frame": frame} if outlined.is_movie else {})
        for frame in range(outlined.labels.n_frames)
    ]
    head = {
        "images": images,
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
    begun = json.dumps(head, separators=(",", ":")).encode("ascii")[:-1]
    write_items(stream, begun + b',"annotations":[', _annotations(outlined, categories))


def _annotations(outlined: Outlined, categories: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    counted = 0
    for frame, plane in outlined.frames():
        classes = outlined.frame_cells(frame).classes
        for mask in encode_masks(plane):
            counted += 1
            yield {
                "id": counted if outlined.is_movie else mask.label,
                "image_id": frame + 1,
                "category_id": categories[classes.get(mask.label, outlined.kind)],
                "segmentation": {"size": list(outlined.shape), "counts": mask.counts},
                "area": mask.area,
                "bbox": list(mask.box),
                "iscrowd": 0,
                "label": mask.label,
                "frame": frame,
            }


WRITER = OutlineWriter("coco", ".json", write_coco)
"""COCO annotations, for training elsewhere."""
