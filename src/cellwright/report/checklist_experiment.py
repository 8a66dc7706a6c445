"""What reviewers ask of the experiment: n, chance, blinding, what was left out.

Asked after ARRIVE 2.0 (Percie du Sert and others 2020, PLoS Biology 18: e3000410) and MDAR
(Macleod and others 2021, PNAS 118: e2103238118).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cellwright.report.checklist_item import Group, Item, asked_of_all
from cellwright.report.checklist_workflow import GIVEN
from cellwright.report.groups import measured_pictures, records, replicate_means
from cellwright.report.section import ReportData
from cellwright.report.wording import counted, joined, visible

__all__ = ["experiment_group"]

_NO_REASON = "no reason given"
"""Stands in the reason of a picture that samples.csv excludes without one."""


def experiment_group(data: ReportData) -> Group:
    """Items without levels: each is asked for."""
    items = (_n(data), *_chance(data), *_blinding(data), *_left_out(data))
    return Group("checklist-experiment", "Experiment", items)


def _n(data: ReportData) -> Item:
    asked = "n is the number of independent experiments"
    means = replicate_means(measured_pictures(data), "n_cells")
    if not len(means):
        said = "No replicates in samples.csv: cells and pictures are no n."
        return asked_of_all(asked, "not stated", said, statement="replicates", firm=True)
    sizes = means.groupby("condition", sort=False).size()
    least, most = int(sizes.min()), int(sizes.max())
    n = f"{least}" if least == most else f"{least} to {most}"
    said = f"n = {n} replicates a condition, by samples.csv."
    advice = "Say what makes them independent."
    return asked_of_all(asked, "partly", said, advice, "replicates")


def _chance(data: ReportData) -> Iterator[Item]:
    yield asked_of_all(
        "It is said why there are so many",
        "not stated",
        "",
        "cellwright compare --detect tells how many replicates an effect needs.",
        "number",
    )
    pictures = measured_pictures(data)
    wells = "well" in pictures and bool(pictures["well"].astype(str).ne("").any())
    yield asked_of_all(
        "Conditions were dealt to wells, plates and days by chance",
        "not stated",
        "The wells are known." if wells else "",
        "Say how positions and days were dealt.",
        "allocation",
    )
    yield _named_beforehand(data)


def _named_beforehand(data: ReportData) -> Item:
    asked = "What is compared was named beforehand"
    if data.answer is None:
        return asked_of_all(
            asked, "not stated", "--primary names it where conditions are compared.",
            statement="primary", firm=True,
        )  # fmt: skip
    primary = data.answer.comparison.plan.primary
    if primary is None:
        said = "No feature was named by --primary: what was found is a search."
        return asked_of_all(asked, "no", said, statement="primary")
    said = f"{visible(primary)} was named as the one that matters."
    return asked_of_all(asked, "partly", said, "Say when.", "primary")


def _blinding(data: ReportData) -> Iterator[Item]:
    yield asked_of_all(
        "Pictures were taken without knowing the condition",
        "not stated",
        "",
        "Say who knew what.",
        "blinding",
    )
    yield _found_blind(data)
    yield _judged_blind(data)


def _found_blind(data: ReportData) -> Item:
    asked = "Cells were found without knowing the condition"
    method = (data.run.get("method") or {}).get("name")
    if not method or method == GIVEN:
        said = "The labels came from elsewhere."
        return asked_of_all(asked, "not stated", said, "Say who drew them.", "editing")
    if told := _channels_by_condition(data):
        return asked_of_all(asked, "no", told)
    edited = _edited(data)
    if edited:
        return asked_of_all(
            asked,
            "partly",
            f"By the program; then a person edited {counted(len(edited), 'picture')}.",
            "Say whether that person knew the condition.",
            "editing",
        )
    return asked_of_all(
        asked,
        "yes",
        "By one program with the same settings for all, which is not told the condition; nothing "
        "was edited.",
    )


def _edited(data: ReportData) -> list[Mapping[str, Any]]:
    return [r for r in records(data.run, "corrections") if int(r.get("edited", 0) or 0)]


def _channels_by_condition(data: ReportData) -> str:
    """In which channels cells were found, where that differs between conditions; else nothing."""
    pictures = measured_pictures(data)
    if not {"channel", "condition"} <= set(pictures):
        return ""
    named = {
        str(condition): sorted(set(map(str, own["channel"])))
        for condition, own in pictures.groupby("condition", sort=False)
    }
    if len({tuple(channels) for channels in named.values()}) < 2:
        return ""
    each = [
        f"{visible(name, 40)} in {joined(list(map(visible, of)))}" for name, of in named.items()
    ]
    return f"In other channels: {joined(each, most=4)}."


def _judged_blind(data: ReportData) -> Item:
    asked = "Outlines were judged without knowing the condition"
    if data.audit is None:
        return asked_of_all(asked, "not stated", "cellwright audit deals them blind.")
    judged = data.audit["judged"]
    fields, cells = counted(judged["fields"], "field"), counted(judged["cells"], "single cell")
    if data.audit.get("current", True):
        return asked_of_all(asked, "yes", f"{fields} and {cells}: see Audit.")
    return asked_of_all(asked, "partly", f"{fields} and {cells}, before the run changed.")


def _left_out(data: ReportData) -> Iterator[Item]:
    excluded = records(data.run, "excluded")
    rules = {str(entry.get("rule", "")) for entry in records(data.run, "filters")}
    failed = int((data.run.get("summary") or {}).get("failed", 0) or 0)
    edited = _edited(data)
    unexplained = sum(_NO_REASON in str(record.get("reason", "")) for record in excluded)
    parts = []
    if excluded:
        parts.append(f"{counted(len(excluded), 'picture')} excluded by samples.csv")
    if failed:
        parts.append(f"{counted(failed, 'picture')} that failed")
    if rules:
        parts.append(f"cells by {counted(len(rules), 'rule')}")
    if edited:
        where = counted(len(edited), "picture")
        parts.append(f"what a person took away from the labels of {where}")
    asked = "What was left out is listed, with the reason"
    if not parts:
        yield asked_of_all(asked, "yes", "Nothing was left out.")
    elif edited:
        said = f"{joined(parts)}: what was edited is in corrections/, and not why."
        yield asked_of_all(asked, "partly", said)
    elif unexplained:
        said = f"{joined(parts)}; {counted(unexplained, 'picture')} without a reason."
        yield asked_of_all(asked, "partly", said)
    else:
        where = "Look first and Filters" if rules else "Look first"
        yield asked_of_all(asked, "yes", f"{joined(parts)}: see {where}.")
    asked = "Rules for leaving out were set beforehand"
    if excluded or rules or edited:
        advice = "Say when they were set, and by whom."
        yield asked_of_all(asked, "not stated", "", advice, "exclusion")
    else:
        said = "Nothing was left out by a person or a rule."
        yield asked_of_all(asked, "does not apply", said, statement="exclusion")
