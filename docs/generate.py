"""Makes the parts of the documentation that say what the program says.

A page holds a comment such as ``<!-- generated: columns -->``; when the site is built, what
the program itself declares stands in its place. So an option, a column or a format that is
not in the reference cannot be. ``<!-- code: PATH: NAME, NAME -->`` shows definitions of a file
that the tests run, ``<!-- file: PATH -->`` the whole of it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from cellwright.cli.verb import Verb
from cellwright.core.columns import IDENTITY, PLACE, TIME, Column, physical
from cellwright.core.method import Options
from cellwright.core.registry import entries
from cellwright.core.statements import STATEMENTS
from cellwright.measure.compartments import CELL_COLUMNS, NUCLEUS_COLUMNS
from cellwright.measure.counting import COUNTING_COLUMNS
from cellwright.measure.feature import Feature
from cellwright.measure.filters import Filter
from cellwright.measure.gating import CELL_COLUMNS as GATE_COLUMNS
from cellwright.quality.check import Check
from cellwright.report.section import Section

__all__ = ["DOORS", "fill_in", "on_page_markdown"]

ROOT = Path(__file__).resolve().parents[1]
_MARK = re.compile(r"^<!-- (generated|code|file): (.+?) -->$", re.M)

DOORS = {
    "readers": ("a file format", "cellwright.io.reader.Reader", "add-a-reader"),
    "patterns": ("a scheme of file names", "cellwright.io.pattern.Pattern", "add-a-pattern"),
    "outlines": (
        "a format of outlines",
        "cellwright.io.outline.OutlineWriter",
        "add-an-outline-format",
    ),
    "annotations": (
        "a format of annotations",
        "cellwright.datasets.annotation.AnnotationFormat",
        "add-an-annotation-format",
    ),
    "methods": ("a way to find cells", "cellwright.core.method.Method", "add-a-method"),
    "decoders": (
        "objects of a network's maps",
        "cellwright.segment.decoder.MapDecoder",
        "add-a-decoder",
    ),
    "features": ("a family of measurements", "cellwright.measure.feature.Feature", "add-a-feature"),
    "filters": (
        "a rule that leaves cells out",
        "cellwright.measure.filters.Filter",
        "add-a-filter",
    ),
    "checks": ("a quality check", "cellwright.quality.check.Check", "add-a-check"),
    "sections": ("a section of the report", "cellwright.report.section.Section", "add-a-section"),
    "verbs": ("a command", "cellwright.cli.verb.Verb", "add-a-verb"),
}
"""From each door to what comes in by it, its type, and the page that says how."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in a page; called by mkdocs for each."""
    return fill_in(markdown)


def fill_in(markdown: str) -> str:
    """Put what the program declares in the place of each mark."""
    return _MARK.sub(lambda mark: _made(mark[1], mark[2]), markdown)


def _made(kind: str, what: str) -> str:
    if kind == "generated":
        return _PARTS[what]()
    path, _, names = what.partition(": ")
    source = (ROOT / path).read_text(encoding="utf-8")
    if names:
        source = _definitions(source, [name.strip() for name in names.split(",")])
    return f'```python title="{path}"\n{source.rstrip()}\n```'


def _definitions(source: str, names: Sequence[str]) -> str:
    """Text of the named definitions of a file, in the given order, after its imports.

    ``imports`` stands for those imports whose names the chosen definitions use.
    """
    lines = source.splitlines()
    found: dict[str, str] = {}
    imports: list[ast.Import | ast.ImportFrom] = []
    for node in ast.parse(source).body:
        text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = text
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = text
    chosen = [name for name in names if name != "imports"]
    code = "\n\n\n".join(found[name] for name in chosen)
    code = re.sub(r"\n\n\n(?=[A-Z_]+ = )", "\n\n", code)
    if "imports" not in names:
        return code
    used = set(re.findall(r"\w+", code))
    needed: list[str] = []
    end = 0
    for node in imports:
        text = _import(node, used)
        if text:
            group = "\n" if needed and any(not line for line in lines[end : node.lineno]) else ""
            needed.append(group + text)
            end = node.end_lineno or node.lineno
    return "\n".join(needed) + "\n\n\n" + code


def _import(node: ast.Import | ast.ImportFrom, used: set[str]) -> str:
    names = [a for a in node.names if (a.asname or a.name.split(".")[0]) in used]
    if not names or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
        return ""
    kept = ", ".join(a.name + (f" as {a.asname}" if a.asname else "") for a in names)
    return (
        f"from {node.module} import {kept}"
        if isinstance(node, ast.ImportFrom)
        else (f"import {kept}")
    )


def _ours(group: str) -> dict[str, Any]:
    """Parts of a group that come with the program, whatever else is installed here."""
    found = entries(f"cellwright.{group}").values()
    return {e.name: e.load() for e in found if e.value.startswith("cellwright.")}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(c) for c in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


# --- the command line ---------------------------------------------------------------------


def _verbs() -> str:
    return "\n".join(_verb(name, verb) for name, verb in _ours("verbs").items())


def _verb(name: str, verb: Verb) -> str:
    usage = " ".join(
        [
            f"cellwright {name}",
            *(f"{word.upper()}…" if word == "inputs" else word.upper() for word in verb.inputs),
            *(f"--{word} PATH" for word in verb.paths if word in verb.required),
            "[OPTIONS]",
        ]
    )
    rows = [(f"`{word.upper()}`", "", text) for word, text in verb.inputs.items()]
    rows += [
        (f"`--{word.replace('_', '-')} PATH`", "needed" if word in verb.required else "", text)
        for word, text in verb.paths.items()
    ]
    for model in verb.models:
        rows += _options(model)
    rows += [(f"`--{word.replace('_', '-')}`", "", text) for word, text in verb.flags.items()]
    example = f"\n```sh\n{verb.example}\n```\n" if verb.example else ""
    return (
        f"## {name}\n\n{verb.help}\n\n```text\n{usage}\n```\n\n"
        + _table(("", "default", "meaning"), rows)
        + example
    )


def _options(model: type[Options]) -> list[tuple[str, str, str]]:
    """Options that the command line makes of a model: how they are written, default, meaning."""
    rows = []
    for field, info in model.model_fields.items():
        word = field.rstrip("_").replace("_", "-")
        kind = _kind(info.annotation)
        written = f"`--{word}`" if kind == "yes or no" else f"`--{word} {_placeholder(info)}`"
        rows.append((written, _default(info), _choices(info.annotation) + (info.description or "")))
    return rows


def _choices(annotation: Any) -> str:
    """Words of which an option takes one, to stand before its description."""
    if get_origin(annotation) is not Literal:
        return ""
    words = [f"`{word}`" for word in get_args(annotation)]
    return ", ".join(words[:-1]) + f" or {words[-1]}. "


def _placeholder(info: FieldInfo) -> str:
    kind = _kind(info.annotation)
    words = {"text": "TEXT", "number": "NUMBER", "whole number": "N", "texts": "TEXT"}
    return words.get(kind, "WORD")


def _kind(annotation: Any) -> str:
    """Name of a type, for people."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(parts[0])
    if origin in {UnionType, Union}:
        return _kind(next(part for part in parts if part is not type(None)))
    if origin is Literal:
        return " or ".join(str(part) for part in parts)
    if origin is tuple:
        return "texts"
    plain = {bool: "yes or no", int: "whole number", float: "number", str: "text"}
    return plain.get(annotation, str(annotation))


def _default(info: FieldInfo) -> str:
    if info.default in (None, (), False):
        return ""
    if isinstance(info.default, tuple):
        return " ".join(f"`{part}`" for part in info.default)
    return "yes" if info.default is True else f"`{info.default}`"


# --- what the parts declare ---------------------------------------------------------------


def _methods() -> str:
    parts = []
    for name, method in _ours("methods").items():
        rows = [
            (
                f"`{field}`",
                _kind(info.annotation),
                {True: "yes", False: "no", None: ""}.get(info.default, f"`{info.default}`")
                if isinstance(info.default, bool | None)
                else f"`{info.default}`",
                info.description or "",
            )
            for field, info in method.options.model_fields.items()
        ]
        parts.append(
            f"## {name}\n\nVersion {method.version}, in `{type(method).__module__}`.\n\n"
            + _table(("option", "value", "default", "meaning"), rows)
        )
    return "\n".join(parts)


def _columns() -> str:
    families: list[Feature] = sorted(_ours("features").values(), key=lambda f: (f.order, f.name))
    parts = [
        _family("Identity", IDENTITY),
        _family("Place on a plate", PLACE, "Where any picture of the run has a well."),
        _family("Time", TIME, "Where the interval of any movie of the run is known."),
    ]
    asked = "On request: `--features {}`."
    parts += [
        _family(
            family.name.capitalize(),
            family.columns,
            asked.format(family.name) if family.on_request else "",
        )
        for family in families
    ]
    with_nuclei = "With `--nuclei` and `--cells`."
    parts += [
        _family("Counting", COUNTING_COLUMNS),
        _family("Compartments of cells", CELL_COLUMNS, with_nuclei),
        _family("Nuclei", NUCLEUS_COLUMNS, with_nuclei),
        _family("Markers", GATE_COLUMNS, "With `--positive`."),
    ]
    return "\n".join(parts)


def _patterns() -> str:
    rows = [
        (f"`{name}`", one.title, f"`{one.example}`", one.meaning)
        for name, one in _ours("patterns").items()
    ]
    return _table(("scheme", "of", "a name", "its parts"), rows)


def _family(title: str, columns: Sequence[Column], when: str = "") -> str:
    rows = []
    for column in columns:
        twin = physical([column])
        name = f"`{column.name}`" + (f"<br>`{twin[0].name}`" if twin else "")
        unit = column.unit + (f"<br>{twin[0].unit}" if twin else "")
        rows.append((name, unit, _meaning(column), _bounds(column)))
    head = f"## {title}\n\n" + (f"{when}\n\n" if when else "")
    return head + _table(("column", "unit", "meaning", "can be"), rows)


def _meaning(column: Column) -> str:
    remarks = [_TYPES[column.dtype]] if column.dtype in _TYPES else []
    if column.circular:
        remarks.append(f"circular, period {_period(column.circular)}")
    if not column.comparable:
        remarks.append("not compared")
    text = column.meaning + (f" *({'; '.join(remarks)})*" if remarks else "")
    return text + (f"<br><small>{column.source}</small>" if column.source else "")


_TYPES = {
    "int64": "whole number",
    "Int64": "whole number",
    "bool": "true or false",
    "boolean": "true or false",
    "str": "text",
}


def _period(radians: float) -> str:
    return {"3.14": "π", "6.28": "2π"}[f"{radians:.2f}"]


def _bounds(column: Column) -> str:
    low, high = column.bounds
    if low is None and high is None:
        return ""
    if high is None:
        return f"{low:g} or more"
    if low is None:
        return f"{high:g} or less"
    return f"{low:g} to {_period(high) if column.circular else format(high, 'g')}"


def _readers() -> str:
    rows = [
        (reader.name, " ".join(f"`{ending}`" for ending in reader.extensions), reader.requires)
        for reader in _ours("readers").values()
    ]
    return _table(("format", "usual extensions", "extra that it needs"), rows)


def _annotations() -> str:
    rows = [
        (f"`{name}`", one.title, "yes" if one.write is not None else "")
        for name, one in _ours("annotations").items()
    ]
    return _table(("format", "what it is", "written"), rows)


def _checks() -> str:
    checks: dict[str, Check] = _ours("checks")
    rows = [
        (f"`{name}`", check.meaning, f"{check.warn:g}", f"{check.fail:g}",
         "large" if check.warn <= check.fail else "small")
        for name, check in checks.items()
    ]  # fmt: skip
    return _table(("check", "what is computed, and why", "warns at", "fails at", "bad is"), rows)


def _filters() -> str:
    filters: dict[str, Filter] = _ours("filters")
    return _table(
        ("rule", "leaves out"), [(f"`{one.form}`", one.meaning) for one in filters.values()]
    )


def _sections() -> str:
    sections: dict[str, Section] = _ours("sections")
    rows = [
        (str(one.order), one.title, f"`{name}`")
        for name, one in sorted(sections.items(), key=lambda item: item[1].order)
    ]
    return _table(("order", "heading", "name"), rows)


def _statements() -> str:
    return _table(("name", "what to state"), [(f"`{n}`", about) for n, about in STATEMENTS.items()])


def _doors() -> str:
    rows = [
        (
            f"`cellwright.{group}`",
            what,
            f"[`{kind.rpartition('.')[2]}`][{kind}]",
            ", ".join(f"`{name}`" for name in _ours(group)),
            f"[how](../how-to/{page}.md)",
        )
        for group, (what, kind, page) in DOORS.items()
    ]
    return _table(("group", "brings", "type", "ours", ""), rows)


_PARTS: dict[str, Callable[[], str]] = {
    "verbs": _verbs,
    "methods": _methods,
    "columns": _columns,
    "readers": _readers,
    "patterns": _patterns,
    "annotations": _annotations,
    "checks": _checks,
    "filters": _filters,
    "sections": _sections,
    "statements": _statements,
    "doors": _doors,
}
