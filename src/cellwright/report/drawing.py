"""Drawing: matplotlib figures as SVG, once to be kept and once for the page.

The kept one stands by itself on white. The one in the page follows its colours, light and
dark: the ink becomes ``currentColor``, and styles become attributes, which the page's
content policy demands.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt

from cellwright.report.template import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

__all__ = [
    "INK",
    "MUTED",
    "colours",
    "dots",
    "drawing_style",
    "evenly",
    "new_drawing",
    "new_panels",
    "page_svg",
    "spread",
    "svg_text",
    "tidy_axes",
]

INK = "#3a4653"
"""Text and axes of kept figures; follows the page's ink within the page."""
GRID = "#dfe4ea"
MUTED = "#8b959f"
"""Of dots that are there for comparison: kept as pixels, they are seen on white and on dark."""

# Okabe and Ito, "Color Universal Design" (2008), without black and yellow, which vanish on
# dark and on white; all of these have a contrast of at least 2.2 to both grounds.
_OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_CLASSES = {colour.casefold(): number for number, colour in enumerate(_OKABE_ITO)}
"""The page's style lightens these colours on a dark ground."""

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"
_FONT_RULE = re.compile(r"font: (?:\w+ )?([0-9.]+px) [^;\"]*")  # of matplotlib 3.10
_MORE_DIGITS = re.compile(r"(\.\d\d)\d+")
_FAMILY_RULE = re.compile(r"font-family: [^;\"]*")  # of later ones
WIDTH = 9.6
"""Inches (691 pt): about the width of the text column, so that type is as large as there."""
_GOLDEN = 0.6180339887498949  # spreads any number of points evenly and without chance
DRAWN_AS_PIXELS = 3000
"""Above this many points a figure keeps them as one picture: SVG would grow beyond use."""


def colours(n: int) -> list[str]:
    """One colour for each of `n` groups; the same for all where there are more than six.

    Examples
    --------
    >>> colours(2), len(set(colours(9)))
    (['#0072B2', '#D55E00'], 1)
    """
    if n > len(_OKABE_ITO):  # colours would repeat and mislead; the place tells the group
        return [_OKABE_ITO[0]] * n
    return list(_OKABE_ITO[:n])


@contextmanager
def drawing_style(name: str) -> Iterator[None]:
    """Settings for one figure; `name` makes the identifiers in its SVG its own.

    Within it, a name with dollar signs is text and no formula, and a character that the
    measuring font lacks is no warning: the page's fonts draw it.
    """
    from matplotlib import rc_context, rcdefaults, rcParams

    style: dict[Any, Any] = {
        "svg.hashsalt": f"cellwright-{name}",
        "svg.fonttype": "none",  # text stays text: small, selectable, searchable
        "text.parse_math": False,
        "font.size": 10.5,
        "text.color": INK,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.linewidth": 0.8,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 100,
    }
    with rc_context(), warnings.catch_warnings():
        rcdefaults()  # a person's own settings would give other bytes
        rcParams.update(style)
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        yield


def new_drawing(height: float) -> tuple[Drawing, Axes]:
    """An empty figure as wide as the text, `height` inches high, with one set of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def new_panels(height: float, rows: int, columns: int, **how: Any) -> tuple[Drawing, Any]:
    """An empty figure as `new_drawing` gives, with an array of axes, (rows, columns)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **how)


def dots(
    axes: Axes,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    colour: str,
    *,
    size: float,
    alpha: float,
    label: str = "",
) -> None:
    """Draw cells as dots, kept as pixels: each by itself would make the file grow beyond use."""
    axes.plot(x, y, "o", ms=size, mec="none", mfc=colour, alpha=alpha, label=label,
              rasterized=True)  # fmt: skip


def spread(n: int) -> npt.NDArray[np.float64]:
    """Offsets between -1 and 1 that keep `n` neighbouring dots apart, always the same.

    Examples
    --------
    >>> spread(3).round(2).tolist()
    [0.0, -0.76, 0.47]
    """
    return np.asarray(2.0 * ((0.5 + np.arange(n) * _GOLDEN) % 1.0) - 1.0, np.float64)


def evenly(n: int, most: int) -> npt.NDArray[np.int64]:
    """Places of an even sample of `most` out of `n`, the first and the last with it.

    Examples
    --------
    >>> evenly(10, 4).tolist(), evenly(2, 4).tolist()
    ([0, 3, 6, 9], [0, 1])
    """
    return np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)


def tidy_axes(axes: Axes, *, grid: str) -> None:
    """Leave what is read: grid lines across the axis of values, no ticks on the other."""
    axes.grid(axis=grid)  # type: ignore[arg-type]
    axes.tick_params(length=0)
    if grid == "x":
        axes.spines["left"].set_visible(False)


def svg_text(drawing: Drawing) -> str:
    """The SVG to be kept, on white; equal drawings give equal text."""
    engine = drawing.get_layout_engine()
    if engine is not None:  # once, instead of at each of the two times that it is drawn
        engine.execute(drawing)
        drawing.set_layout_engine("none")
    buffer = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    drawing.savefig(buffer, format="svg", metadata=nothing, facecolor="white")
    svg = _FONT_RULE.sub(rf"font: \1 {_FONTS}", buffer.getvalue())
    return _FAMILY_RULE.sub(f"font-family: {_FONTS}", svg)


def page_svg(svg: str, name: str, description: str) -> Markup:
    """The same figure for the page: no ground, no styles, its ink that of the page.

    Parameters
    ----------
    svg
        From `svg_text`.
    name
        Unique in the page; prefix of the identifiers within.
    description
        What it shows, in words, for those who cannot see it.
    """
    ET.register_namespace("", _SVG)
    root = ET.fromstring(svg)  # noqa: S314  (our own text, of a moment ago)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", svg))
    for parent in list(root.iter()):
        for child in list(parent):
            ground = child.get("id") == "patch_1" and parent.get("id") == "figure_1"
            if ground or child.tag in {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}:
                parent.remove(child)
    for element in root.iter():
        _style_to_attributes(element)
        if "d" in element.attrib:  # a hundredth of a point is less than is seen
            element.set("d", " ".join(_MORE_DIGITS.sub(r"\1", element.attrib["d"]).split()))
        _follow_page(element)
        _own_identifiers(element, name, used)
    _drop_empty(root)
    _drop_blanks(root)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("class", "drawing")
    root.set("role", "img")
    root.set("aria-label", description)
    root.set("stroke-linejoin", "round")
    return Markup(ET.tostring(root, encoding="unicode"))


def _style_to_attributes(element: ET.Element) -> None:
    style = element.attrib.pop("style", "")
    for rule in filter(None, (part.strip() for part in style.split(";"))):
        key, _, value = rule.partition(":")
        if key == "font":
            size = value.strip().split("px")[0].split()[-1]
            element.set("font-size", size)
            if "bold" in value or "600" in value:
                element.set("font-weight", "600")
        elif key.strip() != "font-family":  # that of the page
            element.set(key.strip(), value.strip())


def _follow_page(element: ET.Element) -> None:
    classes = []
    for attribute in ("fill", "stroke"):
        colour = element.get(attribute, "").casefold()
        if colour == INK:
            element.set(attribute, "currentColor")
        elif colour == GRID:
            element.set(attribute, "currentColor")
            element.set("stroke-opacity", "0.14")
        elif colour in {"#ffffff", "white"}:
            classes.append(f"ground-{attribute}")
        elif colour in _CLASSES:
            classes.append(f"{attribute}-{_CLASSES[colour]}")
    if classes:
        element.set("class", " ".join(classes))


def _own_identifiers(element: ET.Element, name: str, used: set[str]) -> None:
    identifier = element.attrib.pop("id", "")
    if identifier in used:
        element.set("id", f"{name}-{identifier}")
    reference = element.attrib.pop(_HREF, "")
    if reference:
        element.set("href", f"#{name}-{reference[1:]}" if reference[0] == "#" else reference)
    clip = element.get("clip-path", "")
    if clip.startswith("url(#"):
        element.set("clip-path", f"url(#{name}-{clip[5:]}")


def _drop_blanks(root: ET.Element) -> None:
    """Take away line ends and indents between elements, a sixth of the file."""
    for element in root.iter():
        if not (element.text or "").strip():
            element.text = None
        if not (element.tail or "").strip():
            element.tail = None


def _drop_empty(root: ET.Element) -> None:
    for parent in root.iter():
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}defs" and len(child) == 0:
                parent.remove(child)
