"""The checklist ticks what is really so in a run, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.report.answer.test_answer import answer
from tests.report.test_sections import rows, words

from cellwright.core.statements import STATEMENTS
from cellwright.models.model import model_named
from cellwright.report import checklist
from cellwright.report.section import Content, ReportData

SCORES = {"validation": {"f1_50": {"value": 0.9, "low": 0.8, "high": 0.95, "n": 12}}}


def replies(data: ReportData) -> dict[str, tuple[str, str]]:
    """From what is asked to the reply and what is said."""
    found = {}
    for group in checklist.checklist(data):
        for item in group.items:
            assert item.asked not in found or group.name == "checklist-model"
            found[item.asked] = (str(item.reply), item.said)
    return found


def reply(data: ReportData, beginning: str) -> str:
    found = [said for asked, (said, _) in replies(data).items() if asked.startswith(beginning)]
    assert len(found) == 1, beginning
    return found[0]


def with_run(data: ReportData, **values: Any) -> ReportData:
    return replace(data, run={**data.run, **values})


def shown(data: ReportData, *changes: Mapping[str, Any]) -> ReportData:
    return replace(data, previews=tuple(replace(data.previews[0], **one) for one in changes))


def model(**card: Any) -> dict[str, Any]:
    return {"name": "network", "version": 1, "options": {}, "model": {"name": "mine", **card}}


@pytest.mark.parametrize(
    ("bars", "said"),
    [([20.0, 20.0], "yes"), ([20.0, None], "partly"), ([None, None], "not known")],
)
def test_a_bar_in_pixels_is_no_scale(data: ReportData, bars: list[float | None], said: str) -> None:
    changed = shown(
        data, *({"scale_bar_um": bar, "image": f"a{i}.tif"} for i, bar in enumerate(bars))
    )
    assert reply(changed, "The scale is given") == said


def test_without_pictures_nothing_about_pictures_is_ticked(data: ReportData) -> None:
    groups = checklist.checklist(replace(data, previews=()))
    of_pictures = [group for group in groups if group.title.startswith("Pictures")]
    assert len(of_pictures) == 4
    ticked = [item.asked for group in of_pictures for item in group.items if item.reply == "yes"]
    assert ticked == []


def test_a_channel_is_named_only_if_the_file_names_it(data: ReportData) -> None:
    asked = "The stain or marker"
    assert reply(data, asked) == "not known"
    images = data.images.assign(channel=["DAPI", "", "", "", ""])
    assert reply(replace(data, images=images), asked) == "yes"
    of_two = shown(data, {"image": "a1.tif"}, {"image": "a2.tif"})
    assert reply(replace(of_two, images=images), asked) == "partly"
    numbered = replace(data, images=images.assign(channel="0"))
    assert reply(numbered, asked) == "not known"
    colour = replace(data, images=images.assign(channel="colour"))
    assert reply(colour, asked) == "not stated"
    assert reply(colour, "Colours stand out") == "partly"
    assert reply(colour, "Of several colours") == "no"


def test_one_window_for_all_is_ticked_and_each_its_own_is_not(data: ReportData) -> None:
    asked = "Pictures that are compared"
    assert reply(data, asked) == "does not apply"
    same = shown(data, {"image": "a1.tif"}, {"image": "a2.tif"})
    assert reply(same, asked) == "yes"
    one, other = {"window": "black at 1, white at 2"}, {"window": "black at 1, white at 3"}
    assert reply(shown(data, one, other), asked) == "partly"  # there is a switch
    coloured = shown(data, {**one, "grey": ()}, {**other, "grey": ()})
    assert reply(coloured, asked) == "no"
    assert reply(shown(data, {"window": ""}), "Brightness and contrast") == "not known"


def test_resampling_is_said(data: ReportData) -> None:
    asked = "Cut, turned and scaled"
    shrunk = shown(data, {"scale": 0.25}, {"scale": 2.0}, {"scale": 1.0})
    assert replies(shrunk)["Cut, turned and scaled only where it is said"] == (
        "yes",
        "Nothing is turned or stretched in one direction. Of 3 pictures 1 made smaller, by "
        "averages, to 25 % at the least and 1 enlarged, by whole pixels: it stands beside each.",
    )
    assert reply(shown(data, {"scale": 0.0}), asked) == "not known"


def test_the_middle_of_a_large_picture_is_a_part(data: ReportData) -> None:
    preview = data.previews[0]
    whole = preview.width / preview.scale
    asked = "Enlarged parts"
    assert reply(replace(data, images=data.images.assign(width=whole)), asked) == "does not apply"
    assert reply(replace(data, images=data.images.assign(width=3 * whole)), asked) == "partly"


def test_the_range_is_shown_by_rule_or_not_known(data: ReportData) -> None:
    asked = "The range is shown"
    assert reply(data, asked) == "not known"
    by_rule = shown(data, {"role": "worst"}, {"role": "best"})
    assert reply(by_rule, asked) == "yes"
    every = shown(data, *({"image": f"{name}.tif"} for name in ("a1", "a2", "b1", "b2")))
    assert reply(every, asked) == "yes"


def test_jpeg_has_lost_detail(data: ReportData) -> None:
    asked = "The pictures are shared"
    assert reply(data, asked) == "not stated"
    images = data.images.assign(image=["a1.jpg", "a2.tif", "b1.tif", "b2.tif", "broken.tif"])
    assert reply(replace(data, images=images), asked) == "no"


def test_a_bundled_model_is_open_and_a_model_of_ones_own_is_to_be_shared(data: ReportData) -> None:
    digest = model_named("nuclei").digest
    source = {"name": "BBBC038", "pictures": 590, "objects": 25033, "licence": "CC0-1.0"}
    ours = with_run(data, method=model(sha256=digest, sources=[source], scores=SCORES))
    assert reply(ours, "The model can be had") == "yes"
    assert reply(ours, "Training pictures") == "yes"
    own = with_run(data, method=model(sha256="0" * 64))
    assert reply(own, "The model can be had") == "not stated"
    assert "0" * 64 in replies(own)["The model can be had"][1]
    assert reply(own, "Training pictures") == "not known"
    assert reply(own, "It was scored") == "not known"
    assert reply(own, "The code that trained") == "not known"
    assert reply(with_run(data, method=model(sha256="0", scores=SCORES)), "It was scored") == "yes"
    assert not any(asked.startswith("The model can be had") for asked in replies(data))


@pytest.mark.parametrize(
    "scores",
    [{}, None, "good", {"validation": 3}, {"validation": {"f1_50": {"value": "high", "n": 1}}}],
)
def test_scores_of_any_form_are_read_or_not_known(data: ReportData, scores: Any) -> None:
    assert reply(with_run(data, method=model(sha256="0", scores=scores)), "It was scored") == (
        "not known"
    )


def test_an_audit_is_blind_and_goes_stale(data: ReportData) -> None:
    asked = "Outlines were judged"
    audit = {"judged": {"fields": 4, "cells": 20}, "current": True}
    assert reply(data, asked) == "not stated"
    assert reply(replace(data, audit=audit), asked) == "yes"
    assert reply(replace(data, audit={**audit, "current": False}), asked) == "partly"


def test_edited_labels_are_not_found_blind(data: ReportData) -> None:
    asked = "Cells were found without"
    assert reply(data, asked) == "partly"  # three cells of a1.tif were edited
    assert reply(with_run(data, corrections=[]), asked) == "yes"
    assert reply(with_run(data, method={"name": "given labels"}), asked) == "not stated"


def test_exclusions_need_reasons(data: ReportData) -> None:
    asked, when = "What was left out", "Rules for leaving out"
    clean = with_run(data, excluded=[], filters=[], corrections=[], summary={"failed": 0})
    assert (reply(clean, asked), reply(clean, when)) == ("yes", "does not apply")
    why = {"image": "b2.tif", "reason": "excluded by samples.csv: wrong dish"}
    said = with_run(clean, excluded=[why])
    assert (reply(said, asked), reply(said, when)) == ("yes", "not stated")
    silent = {"image": "b1.tif", "reason": "excluded by samples.csv: no reason given"}
    assert reply(with_run(clean, excluded=[why, silent]), asked) == "partly"
    edited = with_run(clean, corrections=[{"image": "b1.tif", "edited": 2}])
    assert (reply(edited, asked), reply(edited, when)) == ("partly", "not stated")


def test_other_channels_under_other_conditions_are_no_blind_search(data: ReportData) -> None:
    asked = "Cells were found without knowing"
    alike = with_run(replace(data, images=data.images.assign(channel="DAPI")), corrections=[])
    assert reply(alike, asked) == "yes"
    channels = ["DAPI" if one == data.images["condition"][0] else "FITC"
                for one in data.images["condition"]]  # fmt: skip
    mixed = replace(alike, images=data.images.assign(channel=channels))
    assert reply(mixed, asked) == "no"
    assert "FITC" in next(said for what, (_, said) in replies(mixed).items() if asked in what)


def test_a_primary_feature_is_named_and_a_search_is_called_one(data: ReportData) -> None:
    asked = "What is compared was named"
    assert reply(replace(data, answer=answer()), asked) == "no"
    assert reply(replace(data, answer=answer(primary="area_px")), asked) == "partly"


def test_n_is_of_replicates(data: ReportData) -> None:
    asked = "n is the number"
    assert reply(data, asked) == "partly"  # whether they are independent only a person knows
    assert reply(replace(data, images=data.images.assign(replicate="")), asked) == "not stated"


def test_what_only_a_person_knows_is_not_stated(data: ReportData) -> None:
    found = replies(data)
    for asked in (
        "It is said why there are so many",
        "Conditions were dealt to wells, plates and days by chance",
        "What is compared was named beforehand",
        "Pictures were taken without knowing the condition",
        "Example data, on which others can try it",
        "They can be downloaded freely",
    ):
        assert found[asked][0] == "not stated"


def test_an_empty_record_ticks_nothing_of_the_workflow() -> None:
    images = pd.DataFrame({"image": ["a.tif"], "status": ["done"], "n_cells": [1.0]})
    data = ReportData({}, images, pd.DataFrame({"image": ["a.tif"]}), 1, (), ())
    found = replies(data)
    assert [asked for asked, (said, _) in found.items() if said == "yes"] == [
        "What was left out is listed, with the reason"
    ]


def test_the_page_counts_and_lists_what_is_left(data: ReportData) -> None:
    content = checklist.SECTION.render(data)
    text = words(content)
    groups = checklist.checklist(data)
    asked = [
        item
        for group in groups
        for item in group.items
        if item.level in {"minimal", ""} and item.reply != "does not apply"
    ]
    met = [item for item in asked if item.reply == "yes"]
    assert f"{len(met)} of {len(asked)} points" in text
    assert f"{len(asked) - len(met)} are left to you" in text
    assert isinstance(content, Content)
    left = content.html.split("<details")[0]
    assert all(item.asked in left for item in asked if item.reply != "yes")
    assert not any(f"<b>{item.asked}." in left for item in met)
    for group in groups:
        levels = [item.level for item in group.items]
        assert levels == sorted(levels, key=["", "minimal", "recommended", "ideal"].index)
        told = [
            row[-3:-1] if group.items[0].level else row[:2] for row in rows(content, group.name)
        ]
        assert told == [[item.asked, item.reply] for item in group.items]


def test_no_section_of_an_empty_run() -> None:
    assert (
        checklist.SECTION.render(ReportData({}, pd.DataFrame(), pd.DataFrame(), 0, (), ())) is None
    )


def test_widths_that_are_not_known_are_no_crop(data: ReportData) -> None:
    images = data.images.assign(width=np.nan)
    assert reply(replace(data, images=images), "Enlarged parts") == "does not apply"


def test_what_a_person_states_is_quoted_and_no_longer_left_to_them(data: ReportData) -> None:
    asked = "Pictures were taken without knowing"
    before = words(checklist.SECTION.render(data))
    assert reply(data, asked) == "not stated"
    assert "blinding" in before
    stated = replace(data, statements={"blinding": "nobody <was>", "pictures": "doi:1"})
    assert reply(stated, asked) == "stated"
    assert [said for said, _ in replies(stated).values()].count("stated") == 3
    content = checklist.SECTION.render(stated)
    assert content is not None
    assert "“nobody &lt;was&gt;”" in content.html
    assert "Say who knew what" not in content.html
    assert "“doi:1”" in words(content)


def test_a_statement_changes_nothing_that_the_run_shows(data: ReportData) -> None:
    images = data.images.assign(channel=["DAPI", "", "", "", ""])
    stated = replace(data, images=images, statements={"stain": "Hoechst"})
    assert reply(stated, "The stain or marker") == "yes"
    asked = "What is compared was named beforehand"
    for answered, before in ((None, "not stated"), (answer(), "no")):
        none = replace(data, answer=answered, statements={"primary": "in May"})
        said = next(one for what, one in replies(none).items() if what == asked)
        assert said[0] == before
        assert "“in May”" in said[1]


def test_every_statement_answers_an_item(data: ReportData) -> None:
    found = set()
    for one in (
        data, replace(data, images=data.images.assign(channel="0")),
        with_run(data, method=model()), replace(data, answer=answer(primary="area_px")),
        with_run(data, corrections=[{"image": "a", "edited": 3}], method=model()),
        with_run(data, excluded=[{"image": "a", "reason": "x"}]),
    ):  # fmt: skip
        found |= {item.statement for group in checklist.checklist(one) for item in group.items}
    assert found - {""} == set(STATEMENTS)
