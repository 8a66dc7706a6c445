"""Channel order: pictures of a batch whose channels seem to have changed places.

Each channel is described by how coarse its structures are, how they fill the field and how their
brightness is distributed, whatever gain and offset. Where the channels of a batch plainly differ,
a picture that fits the others far better in another order was probably saved in that order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.quality.plane import Floats, finite_part, flattened, sight

__all__ = ["Profile", "Swapped", "channel_profile", "find_swapped"]

Numbers = npt.NDArray[np.float64]
Profile = list[float]
"""Numbers that describe one channel; none where nothing stands out of its noise."""

FEWEST = 6
"""Pictures that are needed to say what is usual."""
_LEVELS = (2, 4, 8, 16, 32)
"""Sides (px) of the blocks whose means are compared with those of twice the side."""
_QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.97)
_RANGE = (0.01, 0.995)
_LARGEST = 1024
"""Pixels along a side that are looked at, from the middle."""
_SPREAD = 0.05
"""Least spread of a number, so that a batch of equals is not taken for exactness."""
_FARTHEST = 4.0
"""Largest deviation that counts, in spreads: one odd number does not decide."""
_CLEAR = 1.5
"""By how much (mean squared deviation, a number and channel) a wrong order must usually fit worse
than the right one, for the channels to be called different."""
_EVIDENCE = 0.5
"""Share of what a wrong order usually costs that the stated order of a picture must cost more than
the other one."""
_SAFE = 0.25
"""Share of what a wrong order usually costs that nearly all other pictures must keep."""
_MOST_SWAPPED = 1 / 3
_MOST_CHANNELS = 4
"""Beyond it only exchanges of two channels are tried."""


@dataclass(frozen=True)
class Swapped:
    """A picture whose channels seem to be in another order than in the others.

    Attributes
    ----------
    image
        Its name.
    order
        The names of the channels in the order in which their pixels seem to be stored.
    reason
        One sentence without a full stop.
    """

    image: str
    order: tuple[str, ...]
    reason: str


def channel_profile(planes: Mapping[str, Array]) -> dict[str, Profile]:
    """Describe each channel of a picture in numbers that do not depend on gain and offset.

    Parameters
    ----------
    planes
        From the name of each channel to its plane (Y, X), any real number type.

    Returns
    -------
    dict
        From the name of each channel to its profile.

    Examples
    --------
    >>> y, x = np.mgrid[:128, :128]
    >>> fine, coarse = np.sin(x) * np.sin(y), np.sin(x / 9) * np.sin(y / 9)
    >>> profiles = channel_profile({"a": fine, "b": coarse, "c": 3 * coarse + 7})
    >>> bool(np.allclose(profiles["b"], profiles["c"], atol=1e-3)), profiles["a"] == profiles["b"]
    (True, False)
    """
    return {name: _profile(plane) for name, plane in planes.items()}


def _profile(plane: Array) -> Profile:
    rows, columns = (slice(max(n - _LARGEST, 0) // 2, None) for n in plane.shape)
    part = plane[rows, columns][:_LARGEST, :_LARGEST]
    if min(part.shape) < 2 * _LEVELS[-1] or sight(part).empty:
        return []
    values, _ = finite_part(part)
    powers = []
    before = _means(values, _LEVELS[0])
    for _ in _LEVELS[1:]:
        after = _means(before, 2)
        rest = before[: 2 * after.shape[0], : 2 * after.shape[1]] - np.kron(
            after, np.ones((2, 2), np.float32)
        )
        powers.append(float(np.mean(rest.astype(np.float64) ** 2)))
        before = after
    powers.append(float(flattened(before).astype(np.float64).var()))
    shares = np.array(powers) / max(sum(powers), 1e-30)
    smooth = flattened(_means(values, 4))
    low, high = np.quantile(smooth, _RANGE)
    scaled = (smooth - low) / max(float(high - low), 1e-30)
    levels = np.quantile(scaled, _QUANTILES)
    bright = scaled > 0.5
    _, count = ndimage.label(bright)
    edge = np.count_nonzero(bright[1:] != bright[:-1]) + np.count_nonzero(
        bright[:, 1:] != bright[:, :-1]
    )
    filled = float(bright.mean())
    shape = [
        float(np.log(filled + 0.01)),
        float(np.log((edge + 1) / (np.count_nonzero(bright) + 1))),
        float(np.log((count + 1) / bright.size)) / 2,
    ]
    numbers = [*np.log(shares + 1e-3) / 2, *(3 * levels), *shape]
    return [round(float(number), 4) for number in numbers]


def _means(values: Floats, side: int) -> Floats:
    rows, columns = (length // side for length in values.shape)
    part = values[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return np.asarray(part.mean(axis=(1, 3)), np.float32)


def find_swapped(entries: Sequence[tuple[str, Mapping[str, Profile]]]) -> list[Swapped]:
    """Find pictures whose channels fit the others plainly better in another order.

    Each channel's usual profile is the median over all other pictures, and its spread the median
    deviation. What a wrong order usually costs, in squared deviations, is measured on the batch
    itself; only a picture that would be mended by as much as half of this is named, and only
    where nearly all others are far from doubt.

    Parameters
    ----------
    entries
        Name and profiles (of `channel_profile`) of each picture. Only those with the channel
        names of the first, in its order, and with something in each channel are compared.

    Returns
    -------
    list of Swapped
        By name; empty where there are fewer than `FEWEST` pictures, or the channels do not
        differ enough to tell.

    Examples
    --------
    >>> right, wrong = {"a": [0.0] * 13, "b": [3.0] * 13}, {"a": [3.0] * 13, "b": [0.0] * 13}
    >>> batch = [(f"{i}.tif", right) for i in range(8)] + [("8.tif", wrong)]
    >>> [(found.image, found.order) for found in find_swapped(batch)]
    [('8.tif', ('b', 'a'))]
    """
    usable = [(image, profiles) for image, profiles in sorted(entries, key=lambda one: one[0])]
    groups: dict[tuple[str, ...], list[tuple[str, Numbers]]] = {}
    for image, profiles in usable:
        if len(profiles) > 1 and all(profiles.values()):
            table = np.array(list(profiles.values()), np.float64)
            groups.setdefault(tuple(profiles), []).append((image, table))
    found = []
    for names, members in groups.items():
        if len(members) >= FEWEST:
            found += _swapped_in(names, [image for image, _ in members], [t for _, t in members])
    return sorted(found, key=lambda swapped: swapped.image)


def _swapped_in(
    names: tuple[str, ...], images: Sequence[str], tables: Sequence[Numbers]
) -> list[Swapped]:
    profiles = np.stack(tables)
    orders = _orders(len(names))
    costs = np.array([_costs(profiles, number, orders) for number in range(len(images))])
    others = costs[:, 1:]
    best = others.argmin(axis=1)
    # Below 0 where another order fits better.
    gain = others[np.arange(len(images)), best] - costs[:, 0]
    usual = float(np.median(gain))
    if usual < _CLEAR:
        return []
    wrong = gain <= -_EVIDENCE * usual
    right = gain[~wrong]
    if wrong.mean() > _MOST_SWAPPED or float(np.quantile(right, 0.1)) < _SAFE * usual:
        return []
    found = []
    for number in np.flatnonzero(wrong).tolist():
        order = tuple(names[place] for place in orders[1 + int(best[number])])
        reason = (
            f"its channels fit the {len(images) - 1} other pictures plainly better in the order "
            f"{', '.join(order)} than in {', '.join(names)}: were they saved in another order?"
        )
        found.append(Swapped(images[number], order, reason))
    return found


def _orders(channels: int) -> list[tuple[int, ...]]:
    """Orders to try, the stated one first."""
    stated = tuple(range(channels))
    if channels <= _MOST_CHANNELS:
        return list(permutations(stated))
    orders = [stated]
    for first, second in combinations(stated, 2):
        order = list(stated)
        order[first], order[second] = second, first
        orders.append(tuple(order))
    return orders


def _costs(profiles: Numbers, number: int, orders: Sequence[tuple[int, ...]]) -> Numbers:
    """Mean squared deviation of a picture from the others, for each order of its channels."""
    rest = np.delete(profiles, number, axis=0)
    usual = np.median(rest, axis=0)
    deviation = 1.4826 * np.median(np.abs(rest - usual), axis=0)
    # One spread for all channels: a channel that varies much must not fit everything.
    spread = np.maximum(np.sqrt((deviation**2).mean(axis=0)), _SPREAD)
    away = (profiles[number][:, None, :] - usual[None, :, :]) / spread
    cost = (np.minimum(np.abs(away), _FARTHEST) ** 2).mean(axis=2)
    # cost[i, c]: the picture's channel i in the place of channel c. `order[i]` is the name that
    # belongs to its channel i.
    return np.array([sum(cost[i, c] for i, c in enumerate(order)) for order in orders]) / len(usual)
