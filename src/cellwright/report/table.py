"""Tables of the report: plain HTML that is readable by itself, and sortable with a script.

The script of the page turns each table marked as interactive into a sortable, filterable
one. It takes the cells from the HTML, so that no data are written twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cellwright.report.template import Markup, fill
from cellwright.report.wording import quantity, visible

__all__ = [
    "Badge",
    "Heading",
    "TableCell",
    "badge_cell",
    "count_cell",
    "number_cell",
    "table",
    "text_cell",
]

Badge = Literal["", "pass", "warn", "fail", "quiet"]


@dataclass(frozen=True)
class Heading:
    """Head of a column: its text, how it sorts, and a sentence that explains it."""

    title: str
    kind: Literal["text", "number", "badge"] = "text"
    help: str = ""


@dataclass(frozen=True)
class TableCell:
    """One cell: the text shown, the value that sorts, a badge's level, a link, a longer text."""

    text: str
    value: str = ""
    badge: Badge = ""
    link: str = ""
    title: str = ""


def text_cell(text: object, *, longest: int = 0, link: str = "") -> TableCell:
    """Cell of a name or a sentence; what is cut is shown in full on pointing at it."""
    full = visible(text)
    short = visible(text, longest)
    return TableCell(short, value=full, link=link, title=full if short != full else "")


def number_cell(value: object, digits: int = 3) -> TableCell:
    """Cell of a number, sorted by its full value.

    Examples
    --------
    >>> number_cell(12345.6)
    TableCell(text='12,346', value='12345.6', badge='', link='', title='')
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    exact = repr(number) if math.isfinite(number) else ""
    return TableCell(quantity(number, digits), value=exact)


def count_cell(value: object) -> TableCell:
    """Cell of a whole number, a dash where there is none.

    Examples
    --------
    >>> count_cell(12345.0).text
    '12,345'
    """
    cell = number_cell(value)
    return replace(cell, text=f"{float(cell.value):,.0f}") if cell.value else cell


def badge_cell(text: str, level: Badge, title: str = "") -> TableCell:
    """Cell of a status, by colour, sign and word."""
    return TableCell(visible(text), value=visible(text), badge=level, title=visible(title))


def table(
    name: str,
    caption: str,
    headings: Sequence[Heading],
    rows: Iterable[Sequence[TableCell]],
    *,
    interactive: bool = False,
) -> Markup:
    """Lay out a table.

    Parameters
    ----------
    name
        Anchor, unique in the page.
    caption
        What the table shows; read out by screen readers.
    headings, rows
        As many cells in each row as there are headings.
    interactive
        Whether the script may make it sortable and filterable.
    """
    return fill(
        "table.html.j2",
        name=name,
        caption=caption,
        headings=headings,
        rows=list(rows),
        interactive=interactive,
    )
