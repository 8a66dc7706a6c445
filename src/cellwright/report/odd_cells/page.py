"""The page: one HTML file that needs nothing else, and the figures beside it."""

from __future__ import annotations

from collections.abc import Iterable

from cellwright.core.version import VERSION
from cellwright.report.answer.data import p_is, p_text
from cellwright.report.odd_cells.data import OddPage, has_several_runs
from cellwright.report.odd_cells.figures import cell_map, shares
from cellwright.report.odd_cells.pictures import crops, fields
from cellwright.report.page import TABULATOR, content_policy, html_text, inline
from cellwright.report.remarks import lights_of
from cellwright.report.section import Figure
from cellwright.report.table import Heading, TableCell, count_cell, number_cell, table, text_cell
from cellwright.report.template import Markup, fill
from cellwright.report.wording import counted, visible

__all__ = ["build_odd_page", "result"]

_MOST_ROWS = 2000
_BY_LOOKS = "They were judged by how they look within their outline, and not by its shape."


def build_odd_page(page: OddPage) -> tuple[str, tuple[Figure, ...]]:
    """Make the page.

    Returns
    -------
    tuple
        The HTML, and the figures to be kept beside it. Equal data give equal bytes.
    """
    drawn = [figure for figure in (shares(page), cell_map(page)) if figure is not None]
    sections = [
        ("verdict", "Result", result(page)),
        ("shares", "Shares", Markup("\n").join(html for html, _ in drawn) if drawn else None),
        ("fields", "Pictures", fields(page)),
        ("oddest", "The oddest", crops(page)),
        ("cells", "Odd cells", _cells(page)),
    ]
    styles = tuple(
        inline(name)
        for name in (f"{TABULATOR}/tabulator_simple.min.css", "report.css", "odd_cells.css")
    )
    scripts = (inline(f"{TABULATOR}/tabulator.min.js"), inline("report.js"))
    html = fill(
        "page.html.j2",
        title=_headline(page),
        version=VERSION,
        policy=content_policy(styles, scripts),
        styles=[Markup(text) for text in styles],
        scripts=[Markup(text) for text in scripts],
        sections=[{"name": n, "title": t, "html": h} for n, t, h in sections if h is not None],
    )
    return html_text(html), tuple(figure for _, figure in drawn)


def _headline(page: OddPage) -> str:
    odd, judged = int(page.table["is_outlier"].sum()), int(page.table["p"].notna().sum())
    return f"{odd:,} of {counted(judged, 'cell')} are odd"


def result(page: OddPage) -> Markup:
    """Sentences, the share of each condition, and what is to be known."""
    reference = page.shares.design.reference.name
    return fill(
        "result.html.j2",
        paragraphs=[
            f"Of the cells of {visible(reference, 40)}, {100 * page.rate:.3g} % may be called odd "
            f"by chance: known from {page.groups} {page.what}, each left out in turn.",
            *([_BY_LOOKS] if page.by_looks else []),
            *_compared(page),
        ],
        tiles=[_tile(page, one.name) for one in page.shares.design.conditions[:6]],
        lights=lights_of(page.said),
        caveats=[],
        broken=[],
    )


def _compared(page: OddPage) -> Iterable[str]:
    for row in page.shares.table.head(6).to_dict("records"):
        said = f"{visible(row['condition'], 40)}: {100 * row['difference']:+.1f} percentage points"
        if row["p"] == row["p"]:
            yield f"{said} ({row['test']}, {p_is(row['p'])}, n = {row['n_replicates']})."
        else:
            yield f"{said}; {row['note']}."


def _tile(page: OddPage, name: str) -> dict[str, str]:
    here = page.table[(page.table["condition"] == name) & page.table["p"].notna()]
    odd = int(here["is_outlier"].sum())
    share = f"{100 * odd / len(here):.1f} %" if len(here) else "–"
    return {
        "title": visible(name, 30), "help": "", "value": share, "interval": "",
        "n": f"{odd:,} of {counted(len(here), 'cell')}",
    }  # fmt: skip


def _cells(page: OddPage) -> Markup | None:
    odd = page.table[page.table["is_outlier"]]
    if not len(odd):
        return None
    shown = odd.sort_values("score", ascending=False, kind="stable").head(_MOST_ROWS)
    several = has_several_runs(page.table)
    headings = (
        Heading("Picture"), Heading("Frame", "number"), Heading("Cell", "number"),
        Heading("Condition"), Heading("p", "number"), Heading("Doubt"), Heading("Why"),
    )  # fmt: skip
    rows = [
        (
            text_cell(f"{row['run']}/{row['image']}" if several else row["image"], longest=40),
            count_cell(row["frame"]),
            count_cell(row["label"]),
            text_cell(row["condition"], longest=30),
            TableCell(p_text(row["p"]), value=number_cell(row["p"]).value),
            TableCell(row["doubt"]),
            text_cell(row["reason"]),
        )
        for row in shown.to_dict("records")
    ]
    caption = (
        "Odd cells" if len(odd) <= _MOST_ROWS else f"The oddest {_MOST_ROWS:,} of {len(odd):,}"
    )
    return table("odd-table", caption, headings, rows, interactive=True)
