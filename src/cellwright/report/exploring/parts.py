"""A figure with its words, as it stands in the page."""

from __future__ import annotations

from cellwright.report.drawing import page_svg
from cellwright.report.section import Figure
from cellwright.report.template import Markup, fill

__all__ = ["figure_html"]


def figure_html(figure: Figure, description: str, caption: str) -> Markup:
    """The figure, a caption below it, and where it is kept; `description` is for the ear."""
    return fill(
        "answer_figure.html.j2",
        drawing=page_svg(figure.svg, figure.name, description),
        caption=caption,
        name=figure.name,
    )
