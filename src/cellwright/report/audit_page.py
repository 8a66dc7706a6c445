"""The page of an audit: fields and cells to be judged by a person who does not know of what.

It holds pixels, outlines, types of cells and numbers, and nothing else of the run: no name, no
condition, no place. All pictures are shown with one window of brightness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.image import Array
from cellwright.core.version import VERSION
from cellwright.io.tracing import Outline, trace_outlines
from cellwright.report.gallery import data_address
from cellwright.report.outlines import png
from cellwright.report.page import content_policy, html_text
from cellwright.report.preview import MAX_SIZE, SATURATED_PERCENT, windowed
from cellwright.report.template import Markup, asset, fill
from cellwright.report.wording import visible

__all__ = ["Item", "Shown", "build_audit_page"]

_STYLES = ("report.css", "audit.css")
_SCRIPTS = ("report.js", "audit.js")
_SAMPLED_PIXELS = 20_000
"""Of each picture, to find the window of all."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Shown:
    """A part of a plane and its labels.

    Attributes
    ----------
    pixels
        (Y, X), or (Y, X, 3) in colour, all finite.
    labels
        (Y, X), 0 is background.
    """

    pixels: Array
    labels: npt.NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Item:
    """Something to be judged.

    Attributes
    ----------
    shown
        What is seen.
    asked
        Labels that are asked about, in the order of their numbers in the answers; of a cell, one.
    kind
        Type of the cell; empty where there is none.
    """

    shown: Shown
    asked: tuple[int, ...]
    kind: str = ""


@dataclass(frozen=True)
class _Card:
    """One item as the template shows it: outlines as paths, those that are asked about first."""

    number: int
    picture: str
    width: int
    height: int
    asked: tuple[tuple[int, str], ...]
    others: tuple[str, ...]
    kind: str


def build_audit_page(
    audit: str, fields: Sequence[Item], cells: Sequence[Item], *, classes: bool
) -> str:
    """Make the page.

    Parameters
    ----------
    audit
        Name of the audit: letters and digits that tell nothing.
    fields, cells
        In the order in which they are asked.
    classes
        Whether cells have types that may be wrong.

    Returns
    -------
    str
        HTML; equal data give equal text.

    Examples
    --------
    >>> shown = Shown(np.eye(8), np.uint32(np.eye(8)))
    >>> html = build_audit_page("0f", [Item(shown, (1,))], [Item(shown, (1,))], classes=False)
    >>> html[:15], "wrong type" in html
    ('<!DOCTYPE html>', False)
    """
    styles = [asset(name).strip() for name in _STYLES]
    scripts = [asset(name).strip() for name in _SCRIPTS]
    window = _window([item.shown.pixels for item in (*fields, *cells)])
    html = fill(
        "audit_page.html.j2",
        audit=audit,
        version=VERSION,
        policy=content_policy(styles, scripts),
        styles=[Markup(text) for text in styles],
        scripts=[Markup(text) for text in scripts],
        fields=[_card(number, item, window) for number, item in enumerate(fields, 1)],
        cells=[_card(number, item, window) for number, item in enumerate(cells, 1)],
        classes=classes,
    )
    return html_text(html)


def _window(pictures: Sequence[Array]) -> tuple[float, float]:
    """Grey values that are black and white in all pictures; colours of 8 bits stay as they are."""
    samples = []
    for pixels in pictures:
        if not _is_plain_colour(pixels):
            values = pixels.ravel()
            samples.append(values[:: max(1, values.size // _SAMPLED_PIXELS)].astype(np.float64))
    if not samples:
        return 0.0, 255.0
    values = np.concatenate(samples)
    half = SATURATED_PERCENT / 2
    low, high = (float(end) for end in np.percentile(values, [half, 100 - half]))
    return (low, high) if low < high else (float(values.min()), float(values.max()))


def _is_plain_colour(pixels: Array) -> bool:
    return pixels.ndim == 3 and pixels.dtype == np.uint8


def _card(number: int, item: Item, window: tuple[float, float]) -> _Card:
    height, width = item.shown.labels.shape
    paths = {one.label: _path(one) for one in trace_outlines(item.shown.labels)}
    asked = [(place, paths.pop(label, "")) for place, label in enumerate(item.asked, 1)]
    return _Card(
        number=number,
        picture=data_address(png(_small(_bytes(item.shown.pixels, window)))),
        width=width,
        height=height,
        asked=tuple((place, path) for place, path in asked if path),
        others=tuple(paths[label] for label in sorted(paths)),
        kind=visible(item.kind, 60),
    )


def _bytes(pixels: Array, window: tuple[float, float]) -> Bytes:
    if _is_plain_colour(pixels):
        return pixels
    return windowed(pixels, window)


def _small(pixels: Bytes) -> Bytes:
    """Averages where it is larger than a screen shows; the outlines keep their places."""
    from PIL import Image as Picture

    longest = max(pixels.shape[:2])
    if longest <= MAX_SIZE:
        return pixels
    height, width = (max(1, round(n * MAX_SIZE / longest)) for n in pixels.shape[:2])
    small = Picture.fromarray(np.ascontiguousarray(pixels)).resize(
        (width, height), Picture.Resampling.BOX
    )
    return np.asarray(small, np.uint8)


def _path(outline: Outline) -> str:
    """An outline as the path of an SVG, exact to the pixel."""
    return "".join(
        "M" + "L".join(f"{x} {y}" for x, y in ring.tolist()) + "Z" for ring in outline.rings
    )
