"""Duplicates: the same field twice among the pictures, byte for byte or nearly.

A picture that is in the batch twice counts its cells twice, and may stand for two conditions.
Copies are found also where the contrast was changed, the picture was compressed, made smaller,
cut by a few pixels, mirrored or turned by a right angle.
"""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.quality.plane import Floats, flattened, sight

__all__ = ["Duplicate", "Entry", "find_duplicates", "signature"]

Integers = npt.NDArray[np.int64]
Pair = tuple[str, str]
Link = tuple[float, int]
"""Correlation, and how the second picture was turned: an index of `_TURNS`."""

TOO_SMALL = "-"
"""Signature of a plane that holds something, but in too few pixels: only exact copies of it are
found."""

SIDE = 32
"""Places along a side of the small picture that a signature holds: fields of a few cells differ
in it, and 6 bits for each place make 1,024 characters."""
SMALLEST_SIDE = 4 * SIDE
"""Smaller pictures hold a few cells, and those of one plate are alike by chance: of them only
exact copies are found."""
_LEVELS = 63
_RANGE = 3.0
"""Largest value of a place, in standard deviations; beyond it is cut off."""
_COMPRESSED = 0.5
"""Above this many standard deviations values count by their logarithm, so that one bright cell
does not stand for the whole field."""

_COARSE = 16
_COARSE_BLUR = 1.6
"""Of the pictures in which candidates are looked for (standard deviation, in places): what a
shift of some places leaves alike."""
_CANDIDATE = 0.55
"""Correlation of blurred pictures from which a pair is aligned and looked at closely."""
_MOST_CANDIDATES = 8
"""Of one picture: what many others are similar to is a motif, and no copy."""
_BLOCK = 512

_MARGIN = 3
"""Places along the border that are not compared: a cut or a shift has moved others there."""
_BLURS = ((3.0, 2), (2.0, 2), (1.2, 2), (0.9, 5))
"""Of the pictures that are aligned (standard deviation, in places), and the rounds of each: the
last is where they are compared, and hides where the grid of places fell on the cells."""
_LARGEST_SHIFT = 3.0
_LARGEST_STRETCH = 0.16
_SAME = 0.95
"""Correlation from which two aligned pictures may be one field: two channels of one field, saved
as pictures of their own, reach 0.945."""
_SAME_BUT_NUMBERED = 0.985
"""The same where the names differ in one number alone, as those of channels, planes and frames
do: neighbouring planes of a stack reach 0.967."""
_SURE = 8.5
"""Least inverse hyperbolic tangent of the correlation, times the root of the number of
independent structures: fields of few cells are alike by chance. Of 680,000 pairs of published
pictures all above both bounds (10.3 and more) were looked at, and are copies; the others, but for
frames of one movie, reach 6.4."""
_FEWEST_STRUCTURES = 9.0
"""A plane with one cell in the middle has 7, and reaches 8.8 with another one; so have 6 % of
published planes, which are held to `_SAME_IF_POOR`."""
_SAME_IF_POOR, _POOREST = 0.9995, 3.0
"""What a copy has that was not moved, and the fewest structures for which that counts. Single
simulated nuclei reach 0.998."""
_ALIKE = 0.8
"""Correlation from which neighbours in a series of names count as alike."""
_SHORTEST_SERIES = 3
_SAME_IN_SERIES = 0.9985
_MOST_ALIKE, _SAME_BY_ALL = 8, 0.99
"""More pictures than this that are alike, but not to this correlation, share a motif (one cell in
the middle), and are no copies."""
_UNLIKE_OTHERS = 10.0
"""Frames of a movie saved as one file each are alike without being copies: two of them are only
called copies if they differ this many times less than neighbours usually do."""


@dataclass(frozen=True)
class Entry:
    """One plane of the batch.

    Attributes
    ----------
    image, frame, channel
        Which plane it is.
    hash
        Of its pixels.
    signature
        From `signature`; empty where there is nothing in the plane.
    """

    image: str
    frame: int
    channel: str
    hash: str
    signature: str


@dataclass(frozen=True)
class Duplicate:
    """Pictures that are the same field.

    Attributes
    ----------
    kind
        ``exact``: the same pixels; ``near``: the same field, saved in another way.
    images
        Their names, two or more, sorted.
    similarity
        1 where exact; else the correlation of the least similar pair that was found.
    reason
        One sentence without a full stop.
    """

    kind: Literal["exact", "near"]
    images: tuple[str, ...]
    similarity: float
    reason: str


def signature(plane: Array) -> str:
    """Small picture of a plane, for `find_duplicates`.

    Parameters
    ----------
    plane
        (Y, X), any real number type; pixels that are not finite are possible.

    Returns
    -------
    str
        At most 1,024 characters (base64, 6 bits a place); empty where nothing stands out of the
        noise, and `TOO_SMALL` where the plane has less than 128 pixels along a side.

    Examples
    --------
    >>> signature(np.zeros((300, 400)))
    ''
    >>> y, x = np.mgrid[:256, :256]
    >>> len(signature(np.sin(x / 9) * np.cos(y / 7)))
    1024
    """
    seen = sight(plane)
    if seen.empty:
        return ""
    if min(plane.shape) < SMALLEST_SIDE:
        return TOO_SMALL
    rows, columns = (_area_means(length) for length in plane.shape)
    small = flattened(np.asarray(rows @ seen.values @ columns.T, np.float32))
    spread = float(small.std())
    if not spread > 0:
        return TOO_SMALL
    small = np.arcsinh(small / (_COMPRESSED * spread))
    small = (small - small.mean()) / small.std()
    levels = np.rint((np.clip(small, -_RANGE, _RANGE) / _RANGE + 1) / 2 * _LEVELS)
    bits = np.unpackbits(levels.astype(np.uint8)[..., None], axis=-1)[..., 2:]
    return base64.b64encode(np.packbits(bits).tobytes()).decode("ascii")


def find_duplicates(entries: Sequence[Entry]) -> list[Duplicate]:
    """Find pictures that are in the batch more than once.

    Planes of one and the same image are never compared: frames and channels are alike by
    nature. Empty planes are no copies of each other.

    Parameters
    ----------
    entries
        All planes of the batch, in any order.

    Returns
    -------
    list of Duplicate
        Exact ones first, by name.

    Raises
    ------
    UsageError
        If a signature is not one.

    Examples
    --------
    >>> y, x = np.mgrid[:256, :256]
    >>> cells = np.sin(x / 9) * np.cos(y / 7) + np.sin(x * y / 3000)
    >>> def entry(name, plane):
    ...     return Entry(name, 0, "0", str(plane.sum()), signature(plane))
    >>> pictures = [entry("a.tif", cells), entry("b.tif", 3 * cells[:, ::-1] + 1)]
    >>> [(found.kind, found.images) for found in find_duplicates(pictures)]
    [('near', ('a.tif', 'b.tif'))]
    """
    usable = sorted(
        (entry for entry in entries if entry.signature),
        key=lambda entry: (entry.image, entry.frame, entry.channel),
    )
    exact = _exact(usable)
    groups: dict[str, set[int]] = defaultdict(set)
    for number, found in enumerate(exact):
        for image in found.images:
            groups[image].add(number)
    links = _without_movies(_alike(usable), {entry.image for entry in entries})
    return exact + _grouped(
        {pair: link for pair, link in links.items() if not groups[pair[0]] & groups[pair[1]]}
    )


def _exact(entries: Sequence[Entry]) -> list[Duplicate]:
    by_hash: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        by_hash[entry.hash].add(entry.image)
    groups = sorted({tuple(sorted(images)) for images in by_hash.values() if len(images) > 1})
    return [
        Duplicate("exact", images, 1.0, f"{_listed(images)} have exactly the same pixels")
        for images in groups
    ]


def _alike(entries: Sequence[Entry]) -> dict[Pair, Link]:
    """Pairs of images that are alike beyond chance, with the best correlation of each."""
    first_of = {entry.hash: entry for entry in reversed(entries)}  # copies would crowd it out
    entries = [
        entry for entry in entries if entry.signature != TOO_SMALL and first_of[entry.hash] is entry
    ]
    if not entries:
        return {}
    small = _decoded([entry.signature for entry in entries])
    structures = _structures(small)
    rich = np.flatnonzero(structures >= _POOREST)
    if rich.size < 2:
        return {}
    entries, small, structures = [entries[n] for n in rich], small[rich], structures[rich]
    numbers: dict[str, int] = {}
    owner = np.array([numbers.setdefault(e.image, len(numbers)) for e in entries], np.int64)
    best: dict[Pair, Link] = {}
    for first, second, turn in _candidates(small, owner):
        value = _aligned(small[first], _turned(small, second, turn))
        fewer = np.minimum(structures[first], structures[second])
        sure = np.arctanh(np.clip(value, 0, 1 - 1e-6)) * np.sqrt(fewer)
        good = (sure >= _SURE) & (fewer >= _FEWEST_STRUCTURES) | (value >= _SAME_IF_POOR)
        for n in np.flatnonzero((value >= _ALIKE) & (good | (value < _SAME))):
            pair = (entries[first[n]].image, entries[second[n]].image)
            best[pair] = max(best.get(pair, (0.0, 0)), (float(value[n]), int(turn[n])))
    return best


def _without_movies(links: dict[Pair, Link], names: Iterable[str]) -> dict[Pair, Link]:
    """Leave only pairs that are one field, and not just neighbouring frames of a movie."""
    series: dict[tuple[str, str], set[tuple[int, str]]] = defaultdict(set)
    for name in names:
        for before, number, after in _numbers(name):
            series[before, after].add((number, name))
    needed: dict[tuple[str, str], float] = {}
    for key, numbered in series.items():
        neighbours = [sorted(pair) for pair in pairwise(name for _, name in sorted(numbered))]
        values = [links.get((a, b), (0.0, 0)) for a, b in neighbours]
        usual = float(np.median([value if turn == 0 else 0.0 for value, turn in values] or [0.0]))
        if len(numbered) >= _SHORTEST_SERIES and usual >= _ALIKE:
            needed[key] = max(_SAME_IN_SERIES, 1 - (1 - usual) / _UNLIKE_OTHERS)
    kept = {}
    for (first, second), (value, turn) in links.items():
        others = {(before, after) for before, _, after in _numbers(second)}
        shared = [(b, a) for b, _, a in _numbers(first) if (b, a) in others]
        least = max((needed.get(key, _SAME_BUT_NUMBERED) for key in shared), default=_SAME)
        if value >= (least if turn == 0 else _SAME):
            kept[first, second] = (value, turn)
    return kept


def _numbers(name: str) -> list[tuple[str, int, str]]:
    """Each number in a name, with what is before and after it."""
    return [
        (name[: found.start()], int(found[0]), name[found.end() :])
        for found in re.finditer(r"[0-9]{1,18}", name)
    ]


def _grouped(links: dict[Pair, Link]) -> list[Duplicate]:
    """Join pairs to groups, each named once."""
    group: dict[str, str] = {}

    def root(name: str) -> str:
        while group.setdefault(name, name) != name:
            name = group[name]
        return name

    for first, second in sorted(links):
        ends = sorted((root(first), root(second)))
        group[ends[1]] = ends[0]
    members: dict[str, list[str]] = defaultdict(list)
    for name in sorted(group):
        members[root(name)].append(name)
    inside_of: dict[str, list[Link]] = defaultdict(list)
    for (first, _), link in sorted(links.items()):
        inside_of[root(first)].append(link)
    found = []
    for images in members.values():
        inside = inside_of[root(images[0])]
        similarity = min(value for value, _ in inside)
        if len(images) > _MOST_ALIKE and similarity < _SAME_BY_ALL:
            continue
        how = _TURNS[inside[0][1]] if len(images) == 2 else ""
        reason = (
            f"{_listed(images)} seem to be the same field{how}: their small pictures agree by "
            f"{100 * similarity:.1f} %"
        )
        found.append(Duplicate("near", tuple(images), round(similarity, 4), reason))
    return found


def _listed(images: Sequence[str]) -> str:
    shown = list(images[:4])
    if len(images) > 4:
        return ", ".join(shown) + f" and {len(images) - 4} more"
    return ", ".join(shown[:-1]) + " and " + shown[-1]


_TURNS = (
    "",
    ", turned by 90°",
    ", turned by 180°",
    ", turned by 270°",
    ", mirrored",
    ", mirrored and turned by 90°",
    ", mirrored and turned by 180°",
    ", mirrored and turned by 270°",
)


def _turned(small: Floats, which: Integers, turn: Integers) -> Floats:
    result = np.empty((which.size, SIDE, SIDE), np.float32)
    for how in range(8):
        chosen = turn == how
        result[chosen] = _turn(small[which[chosen]], how)
    return result


def _turn(pictures: Floats, how: int) -> Floats:
    flipped = pictures[..., ::-1] if how >= 4 else pictures
    return np.rot90(flipped, how % 4, axes=(-2, -1))


@cache
def _area_means(length: int) -> Floats:
    """Matrix (`SIDE`, length) that takes means over equal parts, fractions of pixels included."""
    edges = np.linspace(0, length, SIDE + 1)
    pixels = np.arange(length)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.clip(covered, 0, None) * SIDE / length, np.float32)


def _decoded(signatures: Sequence[str]) -> Floats:
    """Small pictures (n, `SIDE`, `SIDE`) with mean 0 and standard deviation 1."""
    try:
        raw = b"".join(base64.b64decode(text, validate=True) for text in signatures)
        packed = np.frombuffer(raw, np.uint8).reshape(len(signatures), SIDE * SIDE * 6 // 8)
    except ValueError:
        raise UsageError("a signature is damaged", remedy="make the signatures again") from None
    bits = np.unpackbits(packed, axis=1).reshape(len(signatures), SIDE * SIDE, 6)
    levels = bits @ (1 << np.arange(5, -1, -1, dtype=np.uint8))
    small = levels.astype(np.float32).reshape(-1, SIDE, SIDE)
    return _standard(small)


def _standard(pictures: Floats) -> Floats:
    centred = pictures - pictures.mean(axis=(-2, -1), keepdims=True)
    spread = centred.std(axis=(-2, -1), keepdims=True)
    return np.asarray(centred / np.maximum(spread, 1e-6), np.float32)


def _structures(small: Floats) -> npt.NDArray[np.float64]:
    """Number of independent structures: how much of the field they fill, by how large they are.

    The share of the field is the participation ratio of the squared values (1 / mean fourth power),
    the number of places that vary by themselves that of the power spectrum. White noise has a third
    of its places, one compact cell about seven.
    """
    power = np.abs(np.fft.rfft2(small)).astype(np.float64) ** 2
    power[:, 0, 0] = 0
    weight = np.full(power.shape[-1], 2.0)
    weight[[0, -1]] = 1.0
    total = (power * weight).sum(axis=(-2, -1))
    squares = (power**2 * weight).sum(axis=(-2, -1))
    filled = (small.astype(np.float64) ** 4).mean(axis=(-2, -1))
    return np.asarray(total**2 / np.maximum(squares * filled, 1e-12))


def _coarse(small: Floats) -> Floats:
    blurred = ndimage.gaussian_filter(small, (0, _COARSE_BLUR, _COARSE_BLUR), mode="nearest")
    step = SIDE // _COARSE
    parts = blurred.reshape(-1, _COARSE, step, _COARSE, step).mean(axis=(2, 4))
    flat = _standard(parts).reshape(len(small), -1)
    return np.asarray(flat / np.float32(_COARSE), np.float32)


def _candidates(small: Floats, owner: Integers) -> Iterator[tuple[Integers, Integers, Integers]]:
    """Pairs (first, second, turn of the second) whose blurred pictures are alike, in blocks."""
    coarse = _coarse(small)
    turned = [
        np.ascontiguousarray(_turn(coarse.reshape(-1, _COARSE, _COARSE), how)).reshape(
            len(coarse), -1
        )
        for how in range(8)
    ]
    for start in range(0, len(coarse), _BLOCK):
        rows = coarse[start : start + _BLOCK]
        strength = np.full((len(rows), len(coarse) - start), -1.0, np.float32)
        kind = np.zeros(strength.shape, np.int64)
        for how, others in enumerate(turned):
            product = rows @ others[start:].T
            better = product > strength
            strength[better] = product[better]
            kind[better] = how
        strength[owner[start : start + len(rows), None] == owner[None, start:]] = -1.0
        strength[np.tri(*strength.shape, dtype=bool)] = -1.0
        if strength.shape[1] > _MOST_CANDIDATES:
            least = np.partition(strength, -_MOST_CANDIDATES, axis=1)[:, -_MOST_CANDIDATES]
            strength[strength < least[:, None]] = -1.0
        first, second = np.nonzero(strength >= _CANDIDATE)
        if first.size:
            yield first + start, second + start, kind[first, second]


def _aligned(first: Floats, second: Floats) -> Floats:
    """Correlation of pairs (n, `SIDE`, `SIDE`) after the second was moved onto the first.

    The move is a shift and a stretch along each axis, found by least squares on the slopes
    (Lucas and Kanade 1981), first on blurred pictures and then on sharper ones.
    """
    inner = slice(_MARGIN, SIDE - _MARGIN)
    y, x = (part.ravel().astype(np.float32) for part in np.mgrid[inner, inner])
    middle = (SIDE - 1) / 2
    up, over = (y - middle) / middle, (x - middle) / middle
    move = np.zeros((len(first), 4), np.float32)
    limits = np.array([_LARGEST_SHIFT, _LARGEST_STRETCH * middle] * 2, np.float32)
    best = np.full(len(first), -1.0, np.float32)
    for blur, rounds in _BLURS:
        target, source = (
            ndimage.gaussian_filter(part, (0, blur, blur), mode="nearest")
            for part in (first, second)
        )
        goal = _normal(target[:, inner, inner].reshape(len(first), -1))
        slopes = np.gradient(source, axis=(1, 2))
        for _ in range(rounds):
            at_y = y + move[:, 0:1] + move[:, 1:2] * up
            at_x = x + move[:, 2:3] + move[:, 3:4] * over
            value, down, across = (_taken(part, at_y, at_x) for part in (source, *slopes))
            spread = np.maximum(value.std(axis=1, keepdims=True), 1e-6)
            seen = _normal(value)
            if blur == _BLURS[-1][0]:
                best = np.maximum(best, (goal * seen).mean(axis=1))
            terms = np.stack([down, down * up, across, across * over], axis=2) / spread[..., None]
            terms -= terms.mean(axis=1, keepdims=True)
            turned = terms.transpose(0, 2, 1)
            normal = turned @ terms + 1e-3 * np.eye(4, dtype=np.float32)
            rest = turned @ (goal - seen)[..., None]
            step = np.linalg.solve(normal, rest)[..., 0]
            move = np.clip(move + np.clip(step, -1, 1), -limits, limits)
    return best


def _normal(values: Floats) -> Floats:
    centred = values - values.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-6), np.float32)


def _taken(pictures: Floats, y: Floats, x: Floats) -> Floats:
    """Values at places between the grid, by the four around each."""
    y, x = (np.clip(place, 0, SIDE - 1.001) for place in (y, x))
    top, left = y.astype(np.int64), x.astype(np.int64)
    down, right = y - top, x - left
    which: Any = np.arange(len(pictures))[:, None]
    upper = pictures[which, top, left] * (1 - right) + pictures[which, top, left + 1] * right
    lower = (
        pictures[which, top + 1, left] * (1 - right) + pictures[which, top + 1, left + 1] * right
    )
    return np.asarray(upper * (1 - down) + lower * down, np.float32)
