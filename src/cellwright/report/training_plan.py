"""The plan of a training as tables: what the pictures are like, and every setting."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from cellwright.report.table import Heading, TableCell, table, text_cell
from cellwright.report.template import Markup, fill
from cellwright.report.training_folder import PLAN, Training, listed, mapping, number
from cellwright.report.training_settings import SETTINGS
from cellwright.report.wording import between, rounded, visible

__all__ = ["plan"]

_ASKED: Mapping[str, str] = {
    "architecture": "--architecture",
    "from_": "--from",
    "update": "--update",
    "budget": "--budget",
    "validation": "--validation",
    "folds": "--folds",
    "ensemble": "--ensemble",
    "object": "--object",
    "name": "--name",
    "leave_out": "--leave-out",
}
_LONGEST = 80
_LONGEST_VALUE = 28


def plan(training: Training) -> Markup | None:
    """Tables of the data, of what was asked, and of every setting."""
    if not training.plan:
        return None
    by_hand = _by_hand(training)
    rows = [
        (
            text_cell(name),
            text_cell(_value(value), longest=_LONGEST_VALUE),
            TableCell(SETTINGS.get(name, "")),
            TableCell("you, with --set" if name in by_hand else "the plan"),
        )
        for name, value in _flat(training.settings)
    ]
    headings = (Heading("Setting"), Heading("Value"), Heading("What it says"), Heading("Set by"))
    return fill(
        "training_plan.html.j2",
        nature=_nature(training),
        asked=_asked(training),
        settings=table("settings", "Every setting of the training", headings, rows),
        example=f"cellwright train ANNOTATIONS --out ANOTHER_FOLDER{_example(training)}",
        sides=[
            (title, [visible(name) for name in names]) for title, names in _sides(training) if names
        ],
        file=PLAN,
    )


def _flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by the name that ``--set`` takes: plain ones first, inner ones as OUTER.INNER."""
    inner = {name: value for name, value in content.items() if isinstance(value, dict) and value}
    for name, value in content.items():
        if name not in inner:
            yield before + name, value
    for name in sorted(inner, reverse=True):  # sampling before architecture: it is changed more
        yield from _flat(inner[name], f"{before}{name}.")


def _value(value: Any) -> str:
    """As ``--set`` takes it; long fractions are cut, which changes nothing that matters."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"[{','.join(map(_value, value))}]"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _by_hand(training: Training) -> set[str]:
    return {str(change).partition("=")[0] for change in listed(training.asked, "set")}


def _example(training: Training) -> str:
    """Two settings with values that could be tried."""
    steps = 2 * (training.planned_steps or 500)
    side = number(mapping(training.settings, "sampling"), "side")
    return f" --set steps={steps}" + (
        f" --set sampling.side={side:.0f}" if math.isfinite(side) else ""
    )


def _nature(training: Training) -> Markup | str:
    nature = training.nature
    if not nature:
        return ""

    def both(name: str) -> tuple[float, float]:
        ends = [float(end) for end in listed(nature, name) if isinstance(end, int | float)]
        return (ends[0], ends[1]) if len(ends) == 2 else (math.nan, math.nan)

    def whole(name: str) -> str:
        return f"{number(nature, name):,.0f}"

    def share(name: str) -> str:
        return f"{100 * number(nature, name):.0f} %"

    facts = [
        ("Pictures", whole("pictures")),
        ("Groups of pictures that belong together", whole("groups")),
        ("Objects drawn by hand", whole("objects")),
        ("Diameter of the median object", f"{rounded(number(nature, 'diameter'))} px"),
        ("Of the median object of each picture", f"{between(*both('diameters'))} px"),
        ("Sides of the pictures", f"{between(*both('sides'))} px"),
        ("Pixels that are object", share("covered")),
        ("Of these, in objects that touch another", share("touching")),
        ("Pictures in colour", share("colour")),
        ("Pictures with objects brighter than the ground", share("bright")),
    ]
    classes = mapping(nature, "classes")
    facts += [(f"Objects of class {visible(name, 40)}", f"{int(number(classes, name)):,}")
              for name in classes if math.isfinite(number(classes, name))]  # fmt: skip
    rows = [(TableCell(title), TableCell(value)) for title, value in facts if "nan" not in value]
    return table("nature", "What the pictures are like", (Heading("What"), Heading("Value")), rows)


def _asked(training: Training) -> Markup | str:
    rows = [
        (TableCell(option), text_cell(_value(training.asked[name]), longest=_LONGEST))
        for name, option in _ASKED.items()
        if name in training.asked and training.asked[name] is not None
    ]
    rows += [
        (TableCell("--set"), text_cell(change, longest=_LONGEST))
        for change in listed(training.asked, "set")
    ]
    if not rows:
        return ""
    return table("asked", "What was asked for", (Heading("Option"), Heading("Value")), rows)


def _sides(training: Training) -> list[tuple[str, list[str]]]:
    folds = listed(training.plan, "folds")
    parts = [
        (f"Held out in part {number}", [str(name) for name in part])
        for number, part in enumerate(folds, 1)
        if isinstance(part, list)
    ]
    told = "Neither learnt from nor scored: these tell when {} is to end"
    aside = [
        (told.format(f"part {number}" if folds else "the training"), names)
        for number, names in enumerate(training.aside, 1)
    ]
    return [
        ("Learnt from", training.names("training")),
        ("Held out", training.names("validation")),
        *parts,
        *aside,
    ]
