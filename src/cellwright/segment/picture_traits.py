"""Some forty numbers that say what a picture looks like, and what a network made of it.

They are taken at the network's scale and from normalised intensities, so that neither the size of
the objects in pixels nor the camera's gain and offset change them. Of a large picture only some
blocks are looked at, those in which the network saw most.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cellwright.core.image import Array
from cellwright.segment.blocks import Window
from cellwright.segment.network_input import SAMPLES, Normalisation
from cellwright.segment.network_maps import Quantised, Scaled

__all__ = ["DOUBT", "LOOK", "STANDING_OUT", "TRAITS", "traits_of_picture"]

LEVELS = 5
"""Octaves of texture, from 1 to 16 px: an object is about 18 px across."""

LOOK = (
    *(f"grey_{percent}" for percent in (5, 25, 50, 75, 95)),
    *(f"texture_{2**level}" for level in range(LEVELS)),
    *(f"evenness_{2**level}" for level in range(LEVELS - 1)),
    "red_green",
    "blue_green",
)
"""What the picture looks like: percentiles of its grey values; logarithm of the strength of
structures of 1 to 16 px; whether these are everywhere (0.8, as in noise) or in few places; mean
difference of colours."""

STANDING_OUT = (
    "contrast",
    "distinctness",
    "spread_inside",
    "spread_outside",
    "texture_inside",
    "texture_outside",
    "edge_strength",
    "edge_rise",
    "edge_share",
    "red_green_inside",
    "blue_green_inside",
)
"""How what the network took for objects stands out from its ground: difference of mean grey, and
the same in deviations; logarithms of the deviation and of the finest texture on both sides; slopes
at the outlines, as a multiple of those elsewhere, in the direction of the outline with their sign,
and how much of them lies in one direction; colours of the objects."""

DOUBT = ("unsure", "edge_share", "edge_strength", "certainty", "convergence")
"""How sure the network is: share of undecided pixels among those that might be objects; outlines
as above; mean logit of the objects; divergence of the ways to their middles, ideally -2."""

_ALONE = tuple(name for name in DOUBT if name not in STANDING_OUT)
TRAITS = (*LOOK, *STANDING_OUT, *_ALONE, "objects", "span")
"""All of them; with the number of objects, and the range of intensities as a share of the
highest: small for an empty field, in which normalisation shows nothing but noise."""

WHOLE = 480
"""A picture of at most so many pixels squared is looked at as a whole."""
BLOCK = 160
MOST_BLOCKS = 9
"""Blocks of a larger one that are looked at: as many pixels."""
_STRIDE = 4  # pixels between those from which a block's share of foreground is estimated
_OCCUPIED = 0.1
"""Share of the fullest block's foreground that a block must have to count as occupied."""

_UNSURE = float(np.log(4))
"""Logit of 0.8: between 0.2 and 0.8 the network is undecided."""
_OUTLINE = 2.0
"""Logits between which an outline runs."""
_LEAST = 20
"""Pixels without which a mean is not taken."""
_FAINT = 1e-3
"""Texture below this, in normalised intensity, is none."""


def traits_of_picture(
    plane: Scaled, maps: Quantised, objects: int, normalisation: Normalisation
) -> Array:
    """Describe a picture and the network's answer.

    Parameters
    ----------
    plane
        Normalised, at the network's scale.
    maps
        The answer, with the channels ``foreground``, ``row_offset`` and ``column_offset``.
    objects
        How many were found.
    normalisation
        Of the picture.

    Returns
    -------
    Array
        (len(`TRAITS`),) float64; not a number where there is nothing to take one from, as the
        contrast of objects in a picture without any.
    """
    found: dict[str, float] = dict.fromkeys(TRAITS, np.nan)
    windows = _windows(maps)
    planes = [np.asarray(plane.read(window), np.float32) for window in windows]
    greys = [_grey(part) for part in planes]
    found |= _look(greys)
    names = ("foreground", "row_offset", "column_offset")
    seen = [{name: maps.one(name, window) for name in names} for window in windows]
    colours = [_differences(part) for part in planes]
    red, blue = (np.concatenate([pair[index] for pair in colours]) for index in (0, 1))
    found["red_green"], found["blue_green"] = float(red.mean()), float(blue.mean())
    pixels = [_pixels(grey, part) for grey, part in zip(greys, seen, strict=True)]
    joined = {name: np.concatenate([part[name] for part in pixels]) for name in pixels[0]}
    joined |= {"red_green": red, "blue_green": blue}
    found |= _standing_out(joined)
    found |= _doubt(joined)
    highest = max(abs(normalisation.low), abs(normalisation.high))
    found["objects"] = float(objects)
    found["span"] = (normalisation.high - normalisation.low) / highest if highest else 0.0
    return np.array([found[name] for name in TRAITS])


def _windows(maps: Quantised) -> list[Window]:
    """The whole picture, or blocks from the fullest to those hardly occupied."""
    rows, columns = maps.values.shape[1:]
    if rows * columns <= WHOLE**2:
        return [Window(0, 0, rows, columns)]
    foreground = maps.values[maps.channels.index("foreground")]
    down = [
        np.linspace(0, length, max(1, length // BLOCK) + 1).astype(np.int64)
        for length in (rows, columns)
    ]
    blocks, share = [], []
    for top, bottom in zip(down[0][:-1], down[0][1:], strict=True):
        for left, right in zip(down[1][:-1], down[1][1:], strict=True):
            # a strip that is narrow in one direction may be long in the other
            block = Window(
                int(top), int(left), min(int(bottom), int(top) + 2 * BLOCK),
                min(int(right), int(left) + 2 * BLOCK),
            )  # fmt: skip
            blocks.append(block)
            share.append(np.mean(foreground[block.slices][::_STRIDE, ::_STRIDE] > 0))
    full = np.array(share)
    order = np.argsort(-full, kind="stable")
    order = order[full[order] >= _OCCUPIED * full.max()]
    ranks = np.linspace(0, order.size - 1, min(MOST_BLOCKS, order.size)).round().astype(np.intp)
    return [blocks[index] for index in np.sort(order[ranks])]


def _grey(plane: Array) -> Array:
    """Mean of three samples, as of less than three only the first counts."""
    if plane.ndim == 2:
        return plane
    mean: Array = plane.mean(axis=2) if plane.shape[2] >= SAMPLES else plane[..., 0]
    return mean


def _look(greys: list[Array]) -> dict[str, float]:
    every = np.concatenate([grey.ravel() for grey in greys])
    percents = (5, 25, 50, 75, 95)
    found = {
        f"grey_{percent}": float(value)
        for percent, value in zip(percents, np.percentile(every, percents), strict=True)
    }
    coarse = greys
    for level in range(LEVELS):
        coarse = [part for part in coarse if min(part.shape) >= 4]
        if not coarse:
            break
        halves = [_halved(part) for part in coarse]
        detail = np.concatenate([_detail(p, h) for p, h in zip(coarse, halves, strict=True)])
        strength = float(np.sqrt(np.mean(np.square(detail, dtype=np.float64))))
        found[f"texture_{2**level}"] = float(np.log2(strength + _FAINT))
        if level < LEVELS - 1:
            even = float(np.mean(np.abs(detail), dtype=np.float64)) / strength if strength else 0.0
            found[f"evenness_{2**level}"] = even
        coarse = halves
    return found


def _halved(plane: Array) -> Array:
    """Means of 2 x 2 pixels."""
    rows, columns = (length // 2 * 2 for length in plane.shape)
    part = plane[:rows, :columns]
    mean: Array = (part[::2, ::2] + part[1::2, ::2] + part[::2, 1::2] + part[1::2, 1::2]) / 4
    return mean


def _detail(plane: Array, halved: Array) -> Array:
    """What is lost by halving."""
    rows, columns = (2 * length for length in halved.shape)
    part = plane[:rows, :columns].reshape(halved.shape[0], 2, halved.shape[1], 2)
    lost: Array = (part - halved[:, None, :, None]).ravel()
    return lost


def _differences(plane: Array) -> tuple[Array, Array]:
    """Red less green and blue less green of each pixel; 0 in a grey picture."""
    if plane.ndim == 2 or plane.shape[2] < SAMPLES:
        nothing = np.zeros(plane.shape[0] * plane.shape[1], np.float32)
        return nothing, nothing
    red, green, blue = (plane[..., index].ravel() for index in range(SAMPLES))
    return red - green, blue - green


def _pixels(grey: Array, maps: Mapping[str, Array]) -> dict[str, Array]:
    """What is needed of each pixel of a block."""
    logit = maps["foreground"]
    down, right = _slopes(grey)
    logit_down, logit_right = _slopes(logit)
    steep = np.hypot(logit_down, logit_right) + np.float32(_FAINT)
    fine = np.zeros_like(grey)
    if min(grey.shape) >= 2:
        halved = _halved(grey)
        rows, columns = (2 * length for length in halved.shape)
        fine[:rows, :columns] = _detail(grey, halved).reshape(rows, columns)
    found = {
        "grey": grey,
        "logit": logit,
        "fine": fine,
        "slope": np.hypot(down, right),
        "rise": (down * logit_down + right * logit_right) / steep,
        "divergence": _slopes(maps["row_offset"])[0] + _slopes(maps["column_offset"])[1],
    }
    return {name: values.ravel() for name, values in found.items()}


def _slopes(plane: Array) -> tuple[Array, Array]:
    """Differences along rows and columns; 0 along a side of one pixel."""
    down, right = (
        np.gradient(plane, axis=axis) if plane.shape[axis] > 1 else np.zeros_like(plane)
        for axis in (0, 1)
    )
    return down, right


def _standing_out(pixels: Mapping[str, Array]) -> dict[str, float]:
    logit = pixels["logit"]
    inside = logit > 0
    outside = logit < -_UNSURE
    outline = np.abs(logit) < _OUTLINE
    if min(int(np.count_nonzero(mask)) for mask in (inside, outside, outline, ~outline)) < _LEAST:
        return {}
    grey, slope = pixels["grey"], pixels["slope"]
    contrast = _mean(grey[inside]) - _mean(grey[outside])
    spread = [float(np.std(grey[mask], dtype=np.float64)) for mask in (inside, outside)]
    at, elsewhere = _mean(slope[outline]), _mean(slope[~outline])
    rise = _mean(pixels["rise"][outline])
    return {
        "contrast": contrast,
        "distinctness": contrast / float(np.sqrt((spread[0] ** 2 + spread[1] ** 2) / 2 + 1e-4)),
        "spread_inside": float(np.log2(spread[0] + 0.01)),
        "spread_outside": float(np.log2(spread[1] + 0.01)),
        "texture_inside": _strength(pixels["fine"][inside]),
        "texture_outside": _strength(pixels["fine"][outside]),
        "edge_strength": at / (elsewhere + _FAINT),
        "edge_rise": rise,
        "edge_share": abs(rise) / (at + _FAINT),
        "red_green_inside": _mean(pixels["red_green"][inside]),
        "blue_green_inside": _mean(pixels["blue_green"][inside]),
    }


def _doubt(pixels: Mapping[str, Array]) -> dict[str, float]:
    logit = pixels["logit"]
    inside = logit > 0
    perhaps = logit > -_UNSURE
    if np.count_nonzero(inside) < _LEAST:
        return {}
    undecided = np.count_nonzero(perhaps & (logit < _UNSURE))
    return {
        "unsure": undecided / np.count_nonzero(perhaps),
        "certainty": _mean(logit[inside]),
        "convergence": _mean(pixels["divergence"][inside]),
    }


def _mean(values: Array) -> float:
    return float(np.mean(values, dtype=np.float64))


def _strength(values: Array) -> float:
    return float(np.log2(np.sqrt(_mean(np.square(values))) + _FAINT))
