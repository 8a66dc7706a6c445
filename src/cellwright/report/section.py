"""The door for report sections: what a section is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from cellwright.core.columns import Column

if TYPE_CHECKING:
    from cellwright.report.answer.data import Answer
    from cellwright.report.odd_cells.data import OddPage
    from cellwright.stats.describing import Described

__all__ = ["Content", "Figure", "Preview", "Render", "ReportData", "Section", "View"]


@dataclass(frozen=True)
class Preview:
    """A picture with its outlines, small enough for the report.

    Attributes
    ----------
    image, frame
        Which.
    role
        Why it is shown: ``worst``, ``median``, ``best``, or text such as
        ``typical of control``.
    caption
        What a person should see in it.
    picture
        PNG file, grey or colour, of the plane as it was segmented.
    outlines
        PNG file of the same size, transparent but for the outlines.
    width, height
        Of both, in pixels.
    scale_bar_um, scale_bar_px
        Length of the bar in micrometres (None without a pixel size) and in preview pixels.
    scale
        Preview pixels per pixel of the picture; 0 if not known, and then no bar in pixels
        is shown.
    window
        How grey values became brightness, in words: ``black at 12, white at 847``.
    grey
        The grey values shown as black and as white; empty for a picture in colour.
    """

    image: str
    frame: int
    role: str
    caption: str
    picture: bytes
    outlines: bytes
    width: int
    height: int
    scale_bar_um: float | None
    scale_bar_px: float
    scale: float = 0.0
    window: str = ""
    grey: Sequence[float] = ()


@dataclass(frozen=True)
class View:
    """A picture whose cells can be looked at one by one.

    Attributes
    ----------
    image, frame
        Which.
    picture
        WebP file, grey or colour, of the plane as it was segmented; lossy.
    labels
        Label of each pixel of `picture`, as `cellwright.report.view.packed` has it.
    width, height, scale_bar_um, scale_bar_px, scale, window
        As of `Preview`.
    part
        Whether only the middle of the picture is shown.
    """

    image: str
    frame: int
    picture: bytes
    labels: bytes
    width: int
    height: int
    scale_bar_um: float | None
    scale_bar_px: float
    scale: float = 0.0
    window: str = ""
    part: bool = False


@dataclass(frozen=True, eq=False)
class ReportData:
    """All that the sections see; nothing else may get into a report.

    Attributes
    ----------
    run
        The content of ``run.json``.
    images
        The table ``images.csv``, text unescaped, one row an input.
    cells
        A sample of the table of cells: every row where there are few, else an even,
        reproducible sample, which `n_cells` tells.
    n_cells
        How many rows the whole table has.
    columns
        Declarations of the columns of `cells`.
    previews
        In the order in which they are to be shown.
    views
        Pictures whose cells can be looked at one by one.
    viewed
        All rows of the table of cells that are of `views`.
    audit
        The content of ``audit/audit.json``, and ``current``: whether the run is still as it was
        when it was audited; None where there was no audit.
    quality
        The table ``quality.csv``, one row a check of a channel of a frame.
    answer, odd
        The comparison and the odd cells of the experiment; None where nobody asked.
    described
        What all cells are like by condition; None where nothing is measured.
    statements
        What a person states, by the names of `cellwright.core.statements.STATEMENTS`.
    """

    run: Mapping[str, Any]
    images: pd.DataFrame
    cells: pd.DataFrame
    n_cells: int
    columns: tuple[Column, ...]
    previews: tuple[Preview, ...]
    views: tuple[View, ...] = ()
    viewed: pd.DataFrame = field(default_factory=pd.DataFrame)
    audit: Mapping[str, Any] | None = None
    quality: pd.DataFrame = field(default_factory=pd.DataFrame)
    answer: Answer | None = None
    odd: OddPage | None = None
    described: Described | None = None
    statements: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A kept figure: ``figures/NAME.svg`` and the numbers that it shows, ``NAME.csv``."""

    name: str
    svg: str
    table: pd.DataFrame


@dataclass(frozen=True)
class Content:
    """What a section gives.

    Attributes
    ----------
    html
        Already escaped.
    figures
        Those in it.
    assets
        Styles and scripts (``.css``, ``.js``) that it needs beside those of the page, by their
        path within ``report/assets``; each is put into the page once.
    """

    html: str
    figures: tuple[Figure, ...] = ()
    assets: tuple[str, ...] = ()


class Render(Protocol):
    """Make the section, or None where it has nothing to say."""

    def __call__(self, data: ReportData) -> Content | None: ...  # noqa: D102


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Found by the entry point group ``cellwright.sections``. See the how-to "Add a report
    section".

    Attributes
    ----------
    name
        Anchor in the page, unique.
    title
        Heading.
    order
        Sections stand in ascending order.
    render
        Makes it.
    """

    name: str
    title: str
    order: int
    render: Render
