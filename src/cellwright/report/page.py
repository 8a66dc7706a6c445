"""The page: all sections in one HTML file that needs nothing else.

No network, no eval, no inline handler: the page's content policy names the hash of every
style and script in it, and browsers refuse all others.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence

from cellwright.core.registry import load_all
from cellwright.report.answer.result import headline as answer_headline
from cellwright.report.section import Figure, ReportData, Section
from cellwright.report.template import Markup, asset, fill
from cellwright.report.verdict import headline
from cellwright.report.wording import visible

__all__ = ["TABULATOR", "build_report", "content_policy", "html_text", "inline", "known_sections"]

TABULATOR = "vendor/tabulator-6.5.3"
_SOURCE_MAP = re.compile(r"(?://# sourceMappingURL=\S*|/\*# sourceMappingURL=\S* \*/)\s*\Z")
_NOT_IN_HTML = re.compile("[\x00\ud800-\udfff]")  # cannot be written as UTF-8, or be read


def build_report(
    data: ReportData, sections: Sequence[Section] | None = None
) -> tuple[str, tuple[Figure, ...]]:
    """Make the report.

    Parameters
    ----------
    data
        All that it shows.
    sections
        By default all that are installed.

    Returns
    -------
    tuple
        The HTML, and the figures to be kept beside it. Equal data give equal bytes.

    Examples
    --------
    >>> import pandas as pd
    >>> empty = ReportData({}, pd.DataFrame(), pd.DataFrame(), 0, (), ())
    >>> html, figures = build_report(empty, [])
    >>> html[:15], figures
    ('<!DOCTYPE html>', ())
    """
    chosen = known_sections() if sections is None else sorted(sections, key=_place)
    made = [(section, section.render(data)) for section in chosen]
    shown = [(section, content) for section, content in made if content is not None]
    assets = [
        f"{TABULATOR}/tabulator_simple.min.css", "report.css",
        f"{TABULATOR}/tabulator.min.js", "report.js",
        *(name for _, content in shown for name in content.assets),
    ]  # fmt: skip
    styles, scripts = inlined(assets, ".css"), inlined(assets, ".js")
    html = fill(
        "page.html.j2",
        title=headline(data) if data.answer is None else answer_headline(data.answer),
        version=visible(data.run.get("cellwright", "")),
        policy=content_policy(styles, scripts),
        styles=[Markup(text) for text in styles],
        scripts=[Markup(text) for text in scripts],
        sections=[
            {"name": section.name, "title": section.title, "html": Markup(content.html)}
            for section, content in shown
        ],
    )
    figures = tuple(figure for _, content in shown for figure in content.figures)
    return html_text(html), figures


def html_text(html: str) -> str:
    """Replace what cannot be written as UTF-8, such as halves of characters in file names."""
    return _NOT_IN_HTML.sub("\ufffd", html) + "\n"


def known_sections() -> list[Section]:
    """All sections that are installed, ours and those of other packages, in their order."""
    return sorted(load_all("cellwright.sections").values(), key=_place)


def inlined(names: Iterable[str], ending: str) -> list[str]:
    """Those of the assets that end so, each once."""
    return [inline(name) for name in dict.fromkeys(names) if name.endswith(ending)]


def inline(path: str) -> str:
    """An asset as it stands in the page: a source map would be looked for on the disk."""
    return _SOURCE_MAP.sub("", asset(path)).strip()


def _place(section: Section) -> tuple[int, str]:
    return section.order, section.name


def content_policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """Allow a page just these styles and scripts, and pictures that it holds itself."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            "style-src " + " ".join(map(_hash, styles)),
            "script-src " + (" ".join(map(_hash, scripts)) or "'none'"),
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
