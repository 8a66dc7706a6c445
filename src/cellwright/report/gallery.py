"""Pictures with the outlines of what was counted, to be judged by eye."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass

from cellwright.report.groups import all_pictures
from cellwright.report.section import Content, Preview, ReportData, Section
from cellwright.report.template import fill
from cellwright.report.wording import counted, rounded, visible

__all__ = ["SECTION", "Bar", "bar_of", "common_window", "data_address"]

_BAR_HEIGHT = 0.012  # of the width of the preview
_MARGIN = 0.03
_TYPE = 0.037
_ALIKE = 0.4
"""Share of the common window that each picture fills where that is shown at first."""


@dataclass(frozen=True)
class Card:
    """One picture as the template shows it."""

    name: str
    role: str
    caption: str
    facts: str
    window: str
    channel: str
    size: str
    picture: str
    outlines: str
    width: int
    height: int
    bar: Bar | None
    alternative: str
    same: Same | None


@dataclass(frozen=True)
class Same:
    """How brightness becomes that of the common window: a share of it, and what is added."""

    slope: float
    intercept: float


@dataclass(frozen=True)
class Bar:
    """The scale bar, in preview pixels."""

    label: str
    x: float
    y: float
    width: float
    height: float
    type_size: float
    box_x: float
    box_y: float
    box_width: float
    box_height: float


def render(data: ReportData) -> Content | None:
    """Cards in the order given; None where there are no previews."""
    if not data.previews:
        return None
    pictures = all_pictures(data).drop_duplicates("image").set_index("image")
    cells = pictures["n_cells"].to_dict()
    condition, channel = pictures["condition"].to_dict(), pictures["channel"].to_dict()
    common = common_window(data.previews)
    cards = [
        _card(
            preview,
            common,
            cells.get(preview.image),
            str(condition.get(preview.image, "")),
            str(channel.get(preview.image, "")),
        )
        for preview in data.previews
    ]
    return Content(
        fill(
            "gallery.html.j2",
            cards=cards,
            total=int(pictures["status"].isin(["done", "warned"]).sum()),
            without_scale=sum(preview.scale_bar_um is None for preview in data.previews),
            common=common,
            alike=all(card.same is None or card.same.slope >= _ALIKE for card in cards),
        )
    )


def common_window(previews: Sequence[Preview]) -> tuple[float, float] | None:
    """Grey values that are black and white where all have one window; None for fewer than two."""
    known = [preview.grey for preview in previews if len(preview.grey) == 2]
    if len(known) < 2:
        return None
    return min(low for low, _ in known), max(high for _, high in known)


def _same(preview: Preview, common: tuple[float, float] | None) -> Same | None:
    if common is None or len(preview.grey) != 2:
        return None
    (low, high), (black, white) = preview.grey, common
    reach = white - black
    return Same(round((high - low) / reach, 5), round((low - black) / reach, 5))


def _card(
    preview: Preview,
    common: tuple[float, float] | None,
    n_cells: object,
    condition: str,
    channel: str,
) -> Card:
    known = isinstance(n_cells, float) and math.isfinite(n_cells)
    cells = counted(float(str(n_cells)), "cell") if known else ""
    frame = f"frame {preview.frame}" if preview.frame else ""
    name = visible(preview.image)
    return Card(
        name=name,
        role=visible(preview.role),
        caption=visible(preview.caption),
        facts=" · ".join(filter(None, (visible(condition, 40), cells, frame))),
        window=visible(preview.window),
        channel="" if channel.isdigit() else visible(channel, 40),
        size=_size(preview.scale),
        picture=data_address(preview.picture),
        outlines=data_address(preview.outlines),
        width=preview.width,
        height=preview.height,
        bar=bar_of(preview),
        alternative=f"{name}, {visible(preview.role)}" + (f", {cells} outlined" if cells else ""),
        same=_same(preview, common),
    )


def _size(scale: float) -> str:
    """What became of the size of the picture.

    Examples
    --------
    >>> _size(0.25), _size(1.0), _size(2.0), _size(0.0)
    ('made smaller to 25 %, by averages', '', 'enlarged 2 times, by whole pixels', '')
    """
    if 0 < scale < 1:
        return f"made smaller to {rounded(100 * scale)} %, by averages"
    return f"enlarged {rounded(scale)} times, by whole pixels" if scale > 1 else ""


def data_address(png: bytes) -> str:
    """Give a PNG file as the address of a picture in a page."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def bar_of(preview: Preview) -> Bar | None:
    """At the lower right, on a dark ground, so that it can be read on any picture."""
    if not preview.scale_bar_px > 0:
        return None
    if preview.scale_bar_um is None:
        if not preview.scale > 0:
            return None
        label = f"{rounded(preview.scale_bar_px / preview.scale)} px"
    else:
        label = f"{rounded(preview.scale_bar_um)} µm"
    width = float(preview.width)
    # Type scales with the card, so it is measured in widths; very flat pictures need less.
    unit = min(width, 2.5 * preview.height)
    margin, type_size, thick = _MARGIN * unit, _TYPE * unit, _BAR_HEIGHT * unit
    length = preview.scale_bar_px
    box_width = max(length, 0.66 * type_size * len(label)) + 1.3 * margin
    box_height = type_size * 1.25 + thick + margin * 0.8
    box_x, box_y = width - margin - box_width, preview.height - margin - box_height
    return Bar(
        label=label,
        x=round(box_x + (box_width - length) / 2, 2),
        y=round(box_y + box_height - margin * 0.45 - thick, 2),
        width=round(length, 2),
        height=round(thick, 2),
        type_size=round(type_size, 2),
        box_x=round(box_x, 2),
        box_y=round(box_y, 2),
        box_width=round(box_width, 2),
        box_height=round(box_height, 2),
    )


SECTION = Section("gallery", "Gallery", 30, render)
