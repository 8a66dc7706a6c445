"""The page that a training leaves in its folder, made of what lies there and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cellwright.engine.files import write_atomic
from cellwright.report.page import content_policy, html_text
from cellwright.report.template import Markup, asset, fill
from cellwright.report.training_classes import classes
from cellwright.report.training_curves import curves
from cellwright.report.training_files import files
from cellwright.report.training_folder import PAGE, Training, read_training
from cellwright.report.training_looks import looks
from cellwright.report.training_plan import plan
from cellwright.report.training_preview import seen
from cellwright.report.training_scores import differences, pictures
from cellwright.report.training_verdict import headline, verdict
from cellwright.report.wording import visible

__all__ = ["PAGE", "build_training_page", "write_training_page"]

_SECTIONS: tuple[tuple[str, str, Callable[[Training], Markup | None]], ...] = (
    ("verdict", "Result", verdict),
    ("curves", "Learning", curves),
    ("looks", "As it learnt", looks),
    ("pictures", "Held-out pictures", pictures),
    ("classes", "Classes", classes),
    ("differences", "Before and after", differences),
    ("seen", "What it saw", seen),
    ("plan", "Plan", plan),
    ("files", "Files", files),
)
"""Anchor, heading, and what makes it; None where it has nothing to say."""

_STYLES = ("report.css", "score_gallery.css", "training.css")
_SCRIPTS = ("report.js", "training.js")


def write_training_page(folder: Path) -> Path:
    """Write ``training.html`` of a training that is done or still goes on.

    Parameters
    ----------
    folder
        Of the training. Files that are missing are left out, or said to be.

    Returns
    -------
    Path
        Of the page. The same files give the same bytes.

    Raises
    ------
    UsageError
        If there is no such folder.
    RunError
        If it cannot be written to.
    """
    path = folder / PAGE
    write_atomic(path, build_training_page(read_training(folder)).encode(), folder)
    return path


def build_training_page(training: Training) -> str:
    """Make the page: one HTML file that needs nothing else; equal files give equal text."""
    styles = [asset(name).strip() for name in _STYLES]
    scripts = [asset(name).strip() for name in _SCRIPTS]
    made = [(name, title, section(training)) for name, title, section in _SECTIONS]
    html = fill(
        "page.html.j2",
        title=headline(training),
        version=visible(training.plan.get("cellwright", "")),
        policy=content_policy(styles, scripts),
        styles=[Markup(text) for text in styles],
        scripts=[Markup(text) for text in scripts],
        sections=[
            {"name": name, "title": title, "html": content}
            for name, title, content in made
            if content is not None
        ],
    )
    return html_text(html)
