"""The checklist of the analysis: an established workflow, and what a network asks for besides.

Asked after Schmied and others (2024), Nature Methods 21: 170.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cellwright.models.catalogue import is_bundled
from cellwright.report.checklist_item import Group, Item, ideal, minimal, recommended
from cellwright.report.groups import measured_pictures, records
from cellwright.report.references import references_of
from cellwright.report.section import ReportData
from cellwright.report.wording import counted, joined, visible

__all__ = ["GIVEN", "UNLIKE", "best_known_score", "workflow_groups"]

GIVEN = "given labels"
"""What ``run.json`` has for the method where labels were given."""
UNLIKE = 1.0
"""Above it a picture is unlike those that a model knows."""
_F1 = "f1_50"
_HELD_OUT = ("validation", "members_out_of_fold")
"""What a model's file calls pictures that were held out of its training."""
_MOST = 6
"""Names that a sentence lists."""


def workflow_groups(data: ReportData) -> list[Group]:
    """The workflow; and the model, where a network was asked."""
    groups = [Group("checklist-workflow", "Analysis: the workflow", list(_workflow(data)))]
    card = (data.run.get("method") or {}).get("model")
    if card:
        own = not is_bundled(str(card.get("sha256", "")))
        title = "Analysis: a model of your own" if own else "Analysis: the model"
        items = list(_model_of_own(card)) if own else list(_model_of_ours(card))
        items += _model(data, card)
        groups.append(Group("checklist-model", title, items))
    return groups


def best_known_score(card: Mapping[str, Any]) -> str:
    """How good the model was where that was measured, in words; empty where it is not known.

    Parameters
    ----------
    card
        What ``run.json`` says of the model.

    Examples
    --------
    >>> best_known_score({"scores": {"validation": {
    ...     "f1_50": {"value": 0.875, "low": 0.843, "high": 0.9, "n": 81}}}})
    'F1 at an overlap of 0.5: 0.88 (0.84 to 0.90) in 81 pictures held out of its training'
    """
    scores = card.get("scores")
    for of, measures in scores.items() if isinstance(scores, Mapping) else ():
        estimate = measures.get(_F1) if isinstance(measures, Mapping) else None
        if not isinstance(estimate, Mapping):
            continue
        try:
            value, low, high = (f"{float(estimate[end]):.2f}" for end in ("value", "low", "high"))
            n = int(estimate["n"])
        except (KeyError, TypeError, ValueError):
            continue
        where = "held out of its training" if of in _HELD_OUT else f"called {visible(of)}"
        where = f"in {counted(n, 'picture')} {where}"
        return f"F1 at an overlap of 0.5: {value} ({low} to {high}) {where}"
    return ""


def _workflow(data: ReportData) -> Iterator[Item]:
    yield from _cited(data)
    settings = "In Methods, and in recipe.toml, which repeats the run."
    method = data.run.get("method") or {}
    known = bool(data.run.get("options") or method.get("options"))
    for level, asked in ((minimal, "The settings that matter"), (recommended, "All settings")):
        if known:
            yield level(f"{asked} are given", "yes", settings)
        else:
            yield level(f"{asked} are given", "not known", "run.json holds none.")
    yield minimal(
        "Example data, on which others can try it",
        "not stated",
        "The program brings pictures to try it (cellwright demo).",
        "Share some of these too.",
        "example",
    )
    yield _drawn_by_hand(data)
    yield recommended(
        "The example can be downloaded", "not stated", "", "Give the address.", "example"
    )
    yield ideal(
        "Its use is shown, as by a recording or a tutorial",
        "partly",
        "The command is under Files; the program has a tutorial.",
    )
    yield _container()


def _cited(data: ReportData) -> Iterator[Item]:
    """Program and method with their versions."""
    cited, exact = "Workflow and platform are cited", "The exact version is given"
    method = data.run.get("method") or {}
    name, version = visible(method.get("name", "")), visible(data.run.get("cellwright", ""))
    if not (name and version):
        yield minimal(cited, "not known", "run.json names no program or method.")
        yield minimal(exact, "not known", "run.json does not tell.")
        return
    papers = "; ".join(paper.short for paper in references_of({"method": method})[:-1])
    yield minimal(
        cited,
        "yes",
        f"Methods cites cellwright, the method {name}{f' ({papers})' if papers else ''} and the "
        "packages; log.jsonl has the operating system.",
    )
    yield minimal(
        exact, "yes", f"cellwright {version}, method version {visible(method.get('version', ''))}."
    )


def _drawn_by_hand(data: ReportData) -> Item:
    asked = "Regions and outlines drawn by hand are kept as files"
    edited = [r for r in records(data.run, "corrections") if int(r.get("edited", 0) or 0)]
    given = (data.run.get("method") or {}).get("name") == GIVEN
    if given or any(record.get("region") for record in records(data.run, "inputs")):
        what = "labels" if given else "regions"
        said = f"run.json has hashes of the {what}, which came from files of yours: share them."
        return minimal(asked, "partly", said)
    if edited:
        said = f"Edited labels of {counted(len(edited), 'picture')} are in corrections/."
        return minimal(asked, "yes", said)
    return minimal(asked, "does not apply", "Nothing was drawn by hand.")


def _model_of_ours(card: Mapping[str, Any]) -> Iterator[Item]:
    """A model that comes with the program: all of it is open."""
    sources = [visible(source.get("name", "")) for source in records(card, "sources")]
    public = f"Public sets, under their licences: {joined(sources, most=_MOST)}."
    yield minimal("The model can be had", "yes", f"{_named(card)} comes with the program.")
    yield minimal("Pictures to test it on are open", "yes", public)
    yield recommended("Training pictures and settings are open", "yes", f"{_origins(card)}.")
    yield recommended(
        "The code that trained it is open", "yes", "This program; its documentation says how."
    )


def _model_of_own(card: Mapping[str, Any]) -> Iterator[Item]:
    """A model that does not come with this version: what its file tells, and what it cannot."""
    asked, said = "The model can be had", f"{_named(card)}."
    yield minimal(asked, "not stated", said, "Share its file.", "model")
    asked = "Pictures to test it on are open"
    yield minimal(asked, "not stated", "", "Give the address of some.", "model")
    asked = "Training pictures and settings are open"
    if records(card, "sources"):
        said = f"Its file names {_origins(card)}; share what else it learnt from."
        yield recommended(asked, "partly", said)
    else:
        said = "Its file names no source: share the pictures, and the folder of the training."
        yield recommended(asked, "not known", said)
    yield recommended(
        "The code that trained it is open",
        "not known",
        "Of a model by cellwright train it is this program; of others the file does not tell.",
    )


def _model(data: ReportData, card: Mapping[str, Any]) -> Iterator[Item]:
    """What is asked of every model."""
    cited = "The method behind the model is cited"
    if works := records(card, "cite"):
        yield minimal(cited, "yes", f"{counted(len(works), 'work')} that its file names: Methods.")
    else:
        yield minimal(cited, "not known", "Its file names nothing to cite.")
    scored = "It was scored on pictures held out of the training"
    if score := best_known_score(card):
        yield recommended(scored, "yes", f"{score}.")
    else:
        yield recommended(scored, "not known", "run.json holds no score of it.")
    yield _tested_here(data)
    yield _container()
    standard = "It has a standard format"
    if (data.run.get("method") or {}).get("name") == "network":
        yield ideal(standard, "yes", "Its file is a bioimage.io package with ONNX weights.")
    else:
        yield ideal(standard, "not known", "The method does not tell.")


def _tested_here(data: ReportData) -> Item:
    asked = "Its limits are discussed, and tested on these pictures"
    said = ["Under Limits."]
    pictures = measured_pictures(data)
    if "unlike" in pictures and pictures["unlike"].notna().any():
        unlike = int((pictures["unlike"] > UNLIKE).sum())
        verb = "is" if unlike == 1 else "are"
        said.append(f"{counted(unlike, 'picture')} here {verb} unlike what it knows.")
    if data.audit is not None and data.audit.get("current", True):
        return recommended(asked, "yes", " ".join([*said, "A person judged its outlines: Audit."]))
    said.append(
        "Its outlines here were not judged: cellwright audit does it."
        if data.audit is None
        else "A person judged its outlines before the run changed: Audit."
    )
    return recommended(asked, "partly", " ".join(said))


def _container() -> Item:
    asked = "It can be run in a container or in the cloud"
    return ideal(asked, "not stated", "The package itself brings none.")


def _named(card: Mapping[str, Any]) -> str:
    name, version = visible(card.get("name", "")), visible(card.get("version", ""))
    return f"{name}, version {version} (SHA-256 {visible(card.get('sha256', ''))})"


def _origins(card: Mapping[str, Any]) -> str:
    """What it has learnt from."""
    listed = [
        f"{visible(source.get('name', ''))} "
        f"({counted(int(source.get('pictures', 0) or 0), 'picture')})"
        for source in records(card, "sources")
    ]
    return joined(listed, most=_MOST)
