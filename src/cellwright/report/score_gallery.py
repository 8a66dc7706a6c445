"""The worst, median and best pictures of an evaluation, with true and found outlines, on a page.

No network, no scripts: the page's content policy names the hash of its style, and browsers
refuse all else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Spacing
from cellwright.core.version import VERSION
from cellwright.evaluation.picture import PictureScore
from cellwright.report.gallery import Bar, bar_of, data_address
from cellwright.report.outlines import nearest, outlined_twice
from cellwright.report.page import content_policy, html_text
from cellwright.report.preview import make_preview
from cellwright.report.section import Preview
from cellwright.report.template import Markup, asset, fill
from cellwright.report.wording import counted, quantity, visible

__all__ = ["build_score_gallery", "draw_scored"]

_SHOWN = {"dsb_ap_mean": "mean AP", "dsb_ap_50": "AP at 0.5", "f1_50": "F1 at 0.5"}
_ERRORS = ("missed", "invented", "split", "merged")
_STYLES = ("report.css", "score_gallery.css")


@dataclass(frozen=True)
class Card:
    """One picture as the template shows it."""

    name: str
    scores: str
    cells: str
    errors: str
    note: str
    window: str
    picture: str
    outlines: str
    width: int
    height: int
    bar: Bar | None
    alternative: str


def draw_scored(
    plane: Array,
    truth: npt.NDArray[np.uint32],
    found: npt.NDArray[np.uint32],
    *,
    image: str,
    spacing: Spacing,
    note: str = "",
) -> Preview:
    """Draw a picture with the outlines of true and of found cells.

    Parameters
    ----------
    plane
        (Y, X) of any number type, or (Y, X, 3) in colour.
    truth, found
        (Y, X), 0 is background.
    image
        Name of the picture.
    spacing
        Of the plane; gives the scale bar.
    note
        What else a person should know of what is shown.

    Raises
    ------
    UsageError
        If they are not of one size.
    """
    if truth.shape != found.shape:
        raise UsageError(
            f"true and found labels of {truth.shape} and {found.shape} pixels cannot be drawn "
            "together",
            where=image,
        )
    preview = make_preview(
        plane, found, image=image, frame=0, role="", caption=note, spacing=spacing
    )
    size = preview.height, preview.width
    return replace(preview, outlines=outlined_twice(nearest(truth, *size), nearest(found, *size)))


def build_score_gallery(
    shown: Mapping[str, Sequence[tuple[PictureScore, Preview]]],
    *,
    ranked: int,
    left_out: Sequence[str] = (),
) -> str:
    """Make the page.

    Parameters
    ----------
    shown
        From a heading (``worst``, ``median``, ``best``) to its pictures, in their order.
    ranked
        Of how many pictures they were chosen.
    left_out
        Pictures that were chosen and could not be drawn, with the reason.

    Returns
    -------
    str
        HTML; equal data give equal text.

    Examples
    --------
    >>> html = build_score_gallery({"worst": ()}, ranked=0)
    >>> html[:15], "<script" in html
    ('<!DOCTYPE html>', False)
    """
    styles = tuple(asset(name).strip() for name in _STYLES)
    html = fill(
        "score_gallery.html.j2",
        version=VERSION,
        policy=content_policy(styles, ()),
        styles=[Markup(text) for text in styles],
        groups=[
            {"name": name, "cards": [_card(score, preview) for score, preview in pictures]}
            for name, pictures in shown.items()
            if pictures
        ],
        total=sum(map(len, shown.values())),
        ranked=ranked,
        left_out=[visible(reason) for reason in left_out],
    )
    return html_text(html)


def _card(score: PictureScore, preview: Preview) -> Card:
    name = visible(preview.image)
    cells = f"{counted(score.n_true, 'true cell')}, {score.n_found:,} found"
    errors = ", ".join(f"{int(score[kind]):,} {kind}" for kind in _ERRORS)
    return Card(
        name=name,
        scores=" · ".join(f"{title} {quantity(score[key])}" for key, title in _SHOWN.items()),
        cells=cells,
        errors=errors,
        note=visible(preview.caption),
        window=visible(preview.window),
        picture=data_address(preview.picture),
        outlines=data_address(preview.outlines),
        width=preview.width,
        height=preview.height,
        bar=bar_of(preview),
        alternative=f"{name}: {cells}; {errors}",
    )
