"""The methods paragraph: what was done, in sentences that can go into a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellwright.report.groups import MEASURED, records
from cellwright.report.references import Work, bibtex, references_of, works_of
from cellwright.report.wording import counted, joined, rounded, visible

__all__ = ["Further", "methods_paragraph", "methods_sentences", "settings"]

_PROJECTIONS = {
    "max": "maximum intensity",
    "mean": "mean intensity",
    "focus": "best-focused plane",
}
_MARKDOWN = str.maketrans({mark: "\\" + mark for mark in "\\`*_[]<>#|"})


COLOUR = "colour"
"""What `run.json` has for the channel of a picture in colour."""


@dataclass(frozen=True)
class Further:
    """What was done with a run after it was made: an audit, a comparison.

    Attributes
    ----------
    paragraphs
        Plain text, one a thing that was done.
    works
        What these cite.
    """

    paragraphs: Sequence[str] = ()
    works: Sequence[Work] = ()


def methods_paragraph(run: Mapping[str, Any], further: Further = Further()) -> str:
    """Write the methods as Markdown: paragraphs, settings, references and BibTeX.

    Parameters
    ----------
    run
        The content of ``run.json``; what it lacks is left out.
    further
        Stands after the paragraphs of the run, its works after the run's references.

    Examples
    --------
    >>> text = methods_paragraph({"cellwright": "0.1.0", "method": {"name": "threshold"}})
    >>> text.splitlines()[0], "`threshold`" in text
    ('# Methods', True)
    """
    parts = ["# Methods", *methods_sentences(run, markdown=True)]
    parts += [_escaped(paragraph) for paragraph in further.paragraphs]
    listed = settings(run)
    if listed:
        parts += ["## Settings", "Every setting that changes a number, defaults included."]
        rows = ["| setting | value |", "| --- | --- |"]
        rows += [f"| {_escaped(name)} | {_escaped(value)} |" for name, value in listed]
        parts.append("\n".join(rows))
    versions = [(visible(k), visible(v)) for k, v in (run.get("versions") or {}).items()]
    if versions:
        rows = ["| package | version |", "| --- | --- |"]
        rows += [f"| {_escaped(name)} | {_escaped(value)} |" for name, value in versions]
        parts += ["## Versions", "\n".join(rows)]
    papers, works = references_of(run), (*works_of(run), *further.works)
    lines = [paper.full for paper in papers] + [_escaped(work.full) for work in works]
    parts += ["## References", "\n".join(f"- {line}" for line in lines)]
    entries = "\n\n".join([*map(bibtex, papers), *map(bibtex, works)])
    parts += ["## BibTeX", f"```bibtex\n{entries}\n```"]
    return "\n\n".join(parts) + "\n"


def methods_sentences(run: Mapping[str, Any], *, markdown: bool = False) -> list[str]:
    """The paragraphs: pictures, cells, measurements and n.

    Parameters
    ----------
    run
        The content of ``run.json``.
    markdown
        Escape what names hold of Markdown, and set settings in code; else plain text.
    """
    say = _escaped if markdown else visible
    paragraphs = [
        _pictures(run, say), _cells(run, markdown), _compartments(run, say), _measured(run, say),
        _counting(run), _n(run),
    ]  # fmt: skip
    return [paragraph for paragraph in paragraphs if paragraph]


def settings(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every setting of the run and of its method, by name, values as text."""
    method = run.get("method") or {}
    name = str(method.get("name", "method"))
    listed = [(str(k), _value(v)) for k, v in (run.get("options") or {}).items()]
    listed += [(f"{name}: {k}", _value(v)) for k, v in (method.get("options") or {}).items()]
    return [(visible(key), value) for key, value in listed]


def _escaped(text: object) -> str:
    return visible(text).translate(_MARKDOWN)


def _value(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, (list, tuple)):
        return visible(", ".join(map(str, value))) or "none"
    if isinstance(value, Mapping):
        return visible(", ".join(f"{k} = {_value(v)}" for k, v in value.items())) or "none"
    return visible(value)


def _pictures(run: Mapping[str, Any], say: Any) -> str:
    version = visible(run.get("cellwright", ""))
    python = visible((run.get("versions") or {}).get("python", ""))
    program = "cellwright" + (f" {version}" if version else "")
    parts = [f"Pictures were analysed with {program}" + (f" (Python {python})." if python else ".")]
    used = [r for r in records(run, "inputs") if r.get("status") in MEASURED]
    channels = list(dict.fromkeys(str(r["channel"]) for r in used if r.get("channel")))
    named = [name for name in channels if not name.isdigit() and name != COLOUR]
    in_colour = sum(r.get("channel") == COLOUR for r in used)
    if in_colour:
        parts.append(f"{in_colour:,} of {len(used):,} pictures were in colour.")
    if named:
        noun = "channel" if len(named) == 1 else "channels"
        parts.append(f"Cells were found in the {noun} {joined([say(c) for c in named], most=4)}.")
    projections = dict.fromkeys(str(r.get("project", "")) for r in used)
    if any("Z" in str(r.get("axes", "")) for r in used):
        ways = joined([_PROJECTIONS[kind] for kind in projections if kind in _PROJECTIONS])
        parts += [f"Z stacks were reduced to one plane by {ways}."] if ways else []
    spacings = [(r.get("spacing") or {}).get("x") for r in used]
    known = sorted({float(value) for value in spacings if value})
    if known and all(spacings):
        many = f"between {rounded(known[0], 4)} and {rounded(known[-1], 4)}"
        size = rounded(known[0], 4) if len(known) == 1 else many
        parts.append(f"The pixel size was {size} µm.")
    elif known:
        lacking = sum(not value for value in spacings)
        parts.append(
            f"The pixel size was known for {len(used) - lacking:,} of {len(used):,} pictures."
        )
    elif used:
        parts.append("The pixel size was not known; sizes are given in pixels.")
    return " ".join(parts)


def _cells(run: Mapping[str, Any], markdown: bool) -> str:
    method = run.get("method") or {}
    if not method.get("name"):
        return ""
    quote = "`" if markdown else "'"
    name = visible(method["name"]).replace("`", "'")
    version = method.get("version")
    asked = method.get("options") or {}
    options = {str(k): _value(v) for k, v in asked.items() if v is not None}
    sentence = f"Cells were found with the method {quote}{name}{quote}"
    sentence += f" (version {version})" if version is not None else ""
    if options:
        say = _escaped if markdown else visible
        listed = ", ".join(f"{say(k)} = {say(v)}" for k, v in options.items())
        sentence += f", with {listed}"
    papers = references_of({"method": method})[:-1]  # without the one on how n is shown
    cited = "; ".join(paper.short for paper in papers)
    sentence += f" ({cited})." if cited else "."
    device = str(run.get("device", ""))
    sentence += f" It ran on the {visible(device).upper()}." if device else ""
    return sentence + _model(method.get("model") or {}, _escaped if markdown else visible)


def _model(card: Mapping[str, Any], say: Any) -> str:
    """Which model it was, what that has learned from, and what to cite for it."""
    if not card:
        return ""
    text = (
        f" The model was {say(card.get('name', ''))}, version {say(card.get('version', ''))} "
        f"(SHA-256 {say(card.get('sha256', ''))})"
    )
    sources = records(card, "sources")
    if sources:
        objects = sum(int(source.get("objects", 0) or 0) for source in sources)
        pictures = sum(int(source.get("pictures", 0) or 0) for source in sources)
        names = joined([say(source.get("name", "")) for source in sources], most=8)
        text += f", trained on {objects:,} objects in {pictures:,} pictures of {names}"
    cited = [
        f"{say(work.get('text', ''))} {say(work.get('link', ''))}" for work in records(card, "cite")
    ]
    return text + "." + (f" Please cite: {' '.join(cited)}" if cited else "")


def _compartments(run: Mapping[str, Any], say: Any) -> str:
    """Nuclei and cells, even light, markers: where a run has them."""
    parts = []
    used = [r for r in records(run, "inputs") if r.get("status") in MEASURED]
    nuclei = list(dict.fromkeys(str(r["nuclei"]) for r in used if r.get("nuclei")))
    if nuclei:
        channels = joined([say(name) for name in nuclei], most=4)
        ways = (run.get("method") or {}).get("cells_around_nuclei") or {}
        listed = ", ".join(f"{say(k)} = {say(_value(v))}" for k, v in ways.items())
        parts.append(
            f"The method found nuclei in the channel {channels}; whole cells were then found "
            f"around them in the channel of the cells ({listed}), and each nucleus was counted to "
            "the cell that holds most of it."
        )
    flat = (run.get("options") or {}).get("flat_field", "off")
    if flat != "off":
        source = "the pictures themselves" if flat == "batch" else "reference pictures"
        parts.append(
            f"Uneven light was estimated from {source} and divided out before cells were found; "
            "intensities are given as recorded and corrected."
        )
    for record in records(run, "gates"):
        request = record.get("request") or {}
        where = f" of the {request['compartment']}" if request.get("compartment") else ""
        parts.append(
            f"Cells were called positive in {say(request.get('channel', ''))} where their mean"
            f"{where} lay {say(record.get('note', ''))}."
        )
    return " ".join(parts)


def _counting(run: Mapping[str, Any]) -> str:
    """How densities and mean areas came about."""
    if not any(r.get("counted") for r in records(run, "inputs")):
        return ""
    where = " in the given regions" if any(r.get("region") for r in records(run, "inputs")) else ""
    return (
        f"Densities and weighted mean areas are of whole cells{where}, each weighted by the "
        "inverse of the share of places at which it would have been whole (Miles 1974; "
        "Lantuéjoul 1980), "
        "so that the border of the picture biases neither."
    )


def _measured(run: Mapping[str, Any], say: Any) -> str:
    removed: dict[str, int] = {}
    for entry in records(run, "filters"):
        rule = str(entry.get("rule", ""))
        removed[rule] = removed.get(rule, 0) + int(entry.get("removed", 0) or 0)
    parts = []
    if removed:
        rules = joined([f"{say(rule)} ({n:,} removed)" for rule, n in removed.items()])
        parts.append(f"Objects were then left out by these rules: {rules}.")
    elif run.get("method"):
        parts.append("No object was left out by a filter.")
    quality = (run.get("options") or {}).get("quality")
    if quality:
        parts.append(f"Thresholds of the quality checks were set by hand: {say(_value(quality))}.")
    edits = [r for r in records(run, "corrections") if int(r.get("edited", 0) or 0)]
    if edits:
        cells = sum(int(r["edited"]) for r in edits)
        verb = "was" if cells == 1 else "were"
        where = f"in {counted(len(edits), 'picture')}"
        parts.append(f"{counted(cells, 'cell')} {where} {verb} corrected by hand.")
    used = [
        name
        for name in ("NumPy", "SciPy", "scikit-image", "pandas")
        if name.casefold() in (run.get("versions") or {})
    ]
    if used:
        versions = run["versions"]
        cited = [f"{name} {visible(versions[name.casefold()])}" for name in used]
        papers = [paper.short for paper in references_of({"versions": versions})[:-1]]
        parts.append(f"Computations used {joined(cited)} ({'; '.join(papers)}).")
    return " ".join(parts)


def _n(run: Mapping[str, Any]) -> str:
    summary = run.get("summary") or {}
    if "cells" not in summary:
        return ""
    failed = int(summary.get("failed", 0))
    excluded = {str(r.get("image", "")) for r in records(run, "excluded")}
    measured = sum(
        r.get("status") in MEASURED and str(r.get("image", "")) not in excluded
        for r in records(run, "inputs")
    )
    sentence = (
        f"{counted(int(summary['cells']), 'cell')} were measured in {counted(measured, 'picture')}"
    )
    sentence += f"; {counted(failed, 'picture')} could not be used." if failed else "."
    if excluded:
        verb = "was" if len(excluded) == 1 else "were"
        sentence += f" {counted(len(excluded), 'picture')} {verb} excluded beforehand."
    return (
        sentence + " Cells of one picture are not independent of each other: n is the number of"
        " independent replicates (Lord et al. 2020)."
    )
