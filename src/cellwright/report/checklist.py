"""The checklist of QUAREP-LiMi for pictures and their analysis, filled in from the run.

After Schmied and others (2024), "Community-developed checklists for publishing images and image
analyses", Nature Methods 21: 170-181. What a person must add is named first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from cellwright.report.checklist_experiment import experiment_group
from cellwright.report.checklist_images import image_groups
from cellwright.report.checklist_item import BADGES, LEVELS, Group, Item, Reply
from cellwright.report.checklist_workflow import workflow_groups
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.table import Heading, TableCell, badge_cell, table, text_cell
from cellwright.report.template import fill

__all__ = ["SECTION", "checklist"]

_LEFT_TO_A_PERSON: tuple[Reply, ...] = ("not stated", "not known", "no", "partly")


def checklist(data: ReportData) -> list[Group]:
    """All items in their groups, what matters most first."""
    groups = [*image_groups(data), *workflow_groups(data), experiment_group(data)]
    return [
        replace(
            group,
            items=sorted(
                (item.stated(data.statements) for item in group.items),
                key=lambda item: LEVELS.index(item.level),
            ),
        )
        for group in groups
    ]


def render(data: ReportData) -> Content | None:
    """What is left to a person, then every item; None of an empty run."""
    if not len(data.images):
        return None
    groups = checklist(data)
    html = fill(
        "checklist.html.j2",
        left=[
            (group.title, [item for item in group.items if _is_left(item)])
            for group in groups
            if any(map(_is_left, group.items))
        ],
        badges=BADGES,
        overview=_overview(groups),
        groups=[
            {"title": group.title, "tally": _tally(group.items), "table": _table(group)}
            for group in groups
        ],
    )
    return Content(html)


def _is_left(item: Item) -> bool:
    """Whether a person has to see to it before publishing."""
    return item.level in {"minimal", ""} and item.reply in _LEFT_TO_A_PERSON


def _overview(groups: Sequence[Group]) -> str:
    items = [item for group in groups for item in group.items if item.level in {"minimal", ""}]
    asked = [item for item in items if item.reply != "does not apply"]
    met = sum(item.reply in {"yes", "stated"} for item in asked)
    left = sum(map(_is_left, items))
    held = f"{met:,} of {len(asked):,} points that are asked of everyone hold or are stated"
    return f"{held}; {left:,} are left to you."


def _tally(items: Sequence[Item]) -> str:
    """How many of each reply, in the order of the replies."""
    found = Counter(item.reply for item in items)
    return ", ".join(
        f"{n:,} {'do not apply' if reply == 'does not apply' and n > 1 else reply}"
        for reply in BADGES
        if (n := found[reply])
    )


def _table(group: Group) -> str:
    levels = any(item.level for item in group.items)
    headings = [
        *([Heading("Level")] if levels else []),
        Heading("Asked"), Heading("Holds", "badge"), Heading("What the run knows"),
    ]  # fmt: skip
    rows: list[list[TableCell]] = [
        [
            *([text_cell(item.level)] if levels else []),
            text_cell(item.asked),
            badge_cell(item.reply, BADGES[item.reply]),
            text_cell(item.text),
        ]
        for item in group.items
    ]
    return table(group.name, group.title, headings, rows)


SECTION = Section("checklist", "Checklist", 94, render)
