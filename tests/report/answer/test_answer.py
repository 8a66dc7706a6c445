"""The page of a comparison says what the numbers say, and no more."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from cellwright.report.answer.data import MOST_CELLS, Answer, answer_of
from cellwright.report.answer.methods import sentences
from cellwright.report.answer.page import build_answer
from cellwright.report.answer.result import headline
from cellwright.report.answer.sensitivity import verdict_on
from cellwright.stats.comparing import compare_features
from cellwright.stats.design import design_of
from cellwright.stats.further import with_further
from cellwright.stats.options import CompareOptions


def answer(
    effect: float = 1.0, *, replicates: int = 3, names: tuple[str, ...] = ("control", "drug"),
    features: tuple[str, ...] = ("area_px",), **options: Any,
) -> Answer:  # fmt: skip
    """An experiment whose conditions differ by `effect` a step."""
    random = np.random.default_rng(5)
    rows = [(name, str(day)) for name in names for day in range(replicates)]
    pictures = pd.DataFrame(rows, columns=["condition", "replicate"])
    if not options.pop("known", True):
        pictures["replicate"] = ""
    pictures["picture"] = range(len(pictures))
    pictures["image"], pictures["run"], pictures["n_cells"] = pictures.index.astype(str), "r", 900
    of = np.repeat(np.arange(len(pictures)), 900)
    step = np.array([names.index(name) for name, _ in rows]) * effect
    cells = pd.DataFrame({name: random.normal(10 + step[of], 1) for name in features})
    design = design_of(pictures, names[0])
    plan = CompareOptions(reference=names[0], features=features, **options)
    comparison = compare_features(design, cells, of, plan)
    conditions = pictures["condition"].to_numpy(object)[of]

    def values(name: str) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float64]]:
        return conditions, cells[name].to_numpy(np.float64)

    return answer_of(comparison, values)


def with_doses(*more: str) -> Answer:
    """Three doses (or more) beside the control, in wells of a plate with a positive control."""
    conditions = {"control": "0", "low": "1", "mid": "10", "high": "100", "killed": ""}
    conditions |= {f"x{dose}": dose for dose in more}
    rows = [
        (name, str(day), f"{'ABCDEFG'[place]}{day + 1:02d}", dose, "compound" if dose else "")
        for place, (name, dose) in enumerate(conditions.items())
        for day in range(4)
    ]
    pictures = pd.DataFrame(rows, columns=["condition", "replicate", "well", "dose", "compound"])
    pictures["dose_unit"], pictures["plate"] = "nM", "p<1>"
    pictures["picture"] = range(len(pictures))
    pictures["image"], pictures["run"], pictures["n_cells"] = pictures.index.astype(str), "r", 50
    of = np.repeat(np.arange(len(pictures)), 50)
    shift = np.array([list(conditions).index(name) for name in pictures["condition"]])
    cells = pd.DataFrame({"area_px": np.random.default_rng(3).normal(20.0 + shift[of], 1)})
    design = design_of(pictures, "control", positive=("killed",))
    plan = CompareOptions(reference="control", features=("area_px",), positive=("killed",))
    comparison = with_further(compare_features(design, cells, of, plan), cells, of)
    told = pictures["condition"].to_numpy(object)[of]
    return answer_of(comparison, lambda name: (told, cells[name].to_numpy(np.float64)))


def page(made: Answer) -> str:
    return build_answer(made, ["comparisons.csv"])[0]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (answer(primary="area_px"), r"area_px: \+10\.\d % with drug"),
        (answer(0.0, primary="area_px"), "area_px: no difference shown with drug"),
        (answer(), "1 difference of 1 compared"),
        (answer(0.0), "No difference shown in 1 comparison"),
        (answer(replicates=2), "Differences, and no p: the design cannot carry one"),
        (
            answer(primary="area_px", names=("control", "low", "high")),
            "area_px differs from control in 2 of 2 conditions",
        ),
    ],
)
def test_the_headline_is_the_result(made: Answer, words: str) -> None:
    assert re.fullmatch(words, headline(made))


def without_p(made: Answer) -> Answer:
    """The same, had replicates not spread."""
    table = made.comparison.table.assign(p=np.nan, p_adjusted=np.nan, ci_low=np.nan, test="")
    return replace(made, comparison=replace(made.comparison, table=table))


def test_enough_replicates_without_p_are_not_called_too_few() -> None:
    assert headline(without_p(answer())) == "Differences, and no p"
    line = headline(without_p(answer(primary="area_px", features=("area_px", "extent"))))
    assert line == "Differences, and no p"


def test_a_primary_feature_without_p_is_not_called_alike() -> None:
    made = answer(primary="area_px", features=("area_px", "extent"))
    is_primary = made.comparison.table["primary"]
    table = made.comparison.table.mask(
        is_primary.to_numpy()[:, None] & np.isin(made.comparison.table.columns, ["p", "p_adjusted"])
    )
    line = headline(replace(made, comparison=replace(made.comparison, table=table)))
    assert re.fullmatch(r"area_px: \+10\.\d % with drug, and no p", line)


def test_positive_controls_are_no_question() -> None:
    made = with_doses()
    assert headline(made) == "3 differences of 3 compared"
    assert "Of 3 comparisons, 3 stay below 0.05" in page(made)
    assert "between killed and control" not in page(made)


def test_small_p_are_written_as_one_says_them() -> None:
    text = page(answer(5.0, primary="area_px", replicates=6))
    assert "paired t, p &lt; 0.0001, adjusted &lt; 0.0001" in text
    assert "p = &lt;" not in text


def test_what_is_not_drawn_is_said() -> None:
    names = tuple(f"c{number}" for number in range(18))
    text = page(answer(100.0, names=names))
    assert "Of 18 conditions the first 16 are drawn" in text
    assert "An arrow goes on, beyond 400 %" in text
    assert "changes are drawn" not in text
    assert "are drawn" not in page(answer())


def test_an_ec50_past_the_doses_is_said_once() -> None:
    text = page(with_doses("1000"))
    assert "EC50 above the tested range, at least" in text
    assert "EC50 above the tested range. " not in text


def test_the_sentence_has_the_numbers_of_the_table() -> None:
    made = answer(primary="area_px")
    row = made.rows[0]
    text = page(made)
    assert f"p = {row['p']:.2g}, adjusted {row['p_adjusted']:.2g}" in text
    assert "n = 3 and 3 replicates; paired t" in text
    assert "No primary feature was named beforehand" not in text
    assert "No primary feature was named beforehand" in page(answer())


def test_without_replicates_the_page_says_so_first() -> None:
    text = page(answer(known=False))
    assert "No replicate is known, so there is no p" in text
    assert "Cannot be tested" in text
    assert "no test was made" in text
    assert "p = " not in re.sub(r"would have claimed p = \S+", "", text.partition("<script")[0])


def test_figures_have_their_numbers_and_cells_are_a_sample() -> None:
    made = answer(features=("area_px", "perimeter_px"))
    _, figures = build_answer(made, [])
    assert [figure.name for figure in figures] == ["effects", "superplot_1", "superplot_2"]
    cloud = figures[1].table
    cells = cloud[cloud["what"] == "cell"]
    assert cells.groupby("condition").size().tolist() == [MOST_CELLS, MOST_CELLS]
    own = cloud[cloud["what"] == "replicate"]
    assert len(own) == 6
    known = made.comparison.replicates
    name = cloud["feature"].iloc[0]
    assert own["value"].tolist() == known.loc[known["feature"] == name, "value"].tolist()


def test_methods_name_the_tests_that_were_made() -> None:
    text = " ".join(sentences(answer(names=("c", "a", "b"), features=("area_px", "extent"))))
    assert "by paired t tests of the replicates" in text
    assert "Dunnett's procedure" in text
    assert "Over the features they were adjusted by Holm's method" in text
    many = answer(names=("c", "a", "b"), test="permutation", replicates=6)
    text = " ".join(sentences(many))
    assert "by permutation tests within the replicates" in text
    assert "for the conditions compared with one reference (Holm's method)" in text
    text = " ".join(sentences(answer(replicates=2, names=("c", "a", "b"))))
    assert "no test was made and no interval is given" in text
    assert "adjusted" not in text
    text = " ".join(sentences(answer()))
    assert "area_px was summarised by the mean of the cells of each replicate" in text
    assert "Dunnett" not in text
    assert "Over the features" not in text


def test_the_same_answer_has_the_same_bytes() -> None:
    (one, figures), (other, again) = (build_answer(answer(), []) for _ in range(2))
    assert one == other
    assert [figure.svg for figure in figures] == [figure.svg for figure in again]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)


def test_hostile_names_are_text() -> None:
    names = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>')
    text = page(answer(names=names))
    plain, hostile = _Tags(), _Tags()
    plain.feed(page(answer()))
    hostile.feed(text)
    assert hostile.seen.count("script") == plain.seen.count("script")
    assert hostile.seen.count("img") == plain.seen.count("img")
    assert "&lt;script&gt;" in text


def test_trends_plates_and_the_next_experiment_are_on_the_page() -> None:
    made = with_doses()
    assert {"trends", "plates", "power"} <= set(made.comparison.further)
    text = page(made)
    for name in ("trends", "plates", "next"):
        assert f'<section id="{name}"' in text
    slope = float(made.comparison.further["trends"]["slope"].iloc[0])
    assert f'data-value="{slope!r}"' in text
    z_prime = float(made.comparison.further["plates"]["z_prime"].iloc[0])
    assert f'data-value="{z_prime!r}"' in text
    assert "p&lt;1&gt;" in text
    needed = made.comparison.further["power"]["n_80"].iloc[0]
    assert f'data-value="{float(needed)!r}"' in text


def test_what_was_not_asked_is_not_on_the_page() -> None:
    text = page(answer(replicates=2))
    assert '<section id="trends"' not in text
    assert '<section id="plates"' not in text


def test_how_firm_a_difference_is_says_what_happens_without_one_replicate() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 600)
    pictures = pd.DataFrame(
        {"condition": ["c"] * 3 + ["x"] * 3, "replicate": list("123456"), "run": "r"}
    )
    pictures["picture"], pictures["n_cells"] = range(6), 100
    pictures["image"] = pictures.index.astype(str)
    of = np.repeat(np.arange(6), 100)
    cells = pd.DataFrame(
        {
            # one replicate of the drug makes the whole difference
            "area_px": np.array([10, 10.1, 10.2, 10, 10.1, 12])[of] + noise,
            "extent": np.array([0.2, 0.21, 0.22, 0.4, 0.41, 0.42])[of],
        }
    )
    plan = CompareOptions(reference="c", features=tuple(cells))
    made = Answer(compare_features(design_of(pictures, "c"), cells, of, plan), {})
    text = page(made)
    table = text[text.index('id="sensitivity-table"') :].split("</table>")[0]
    cell = {name: row for row in table.split("<tr") for name in cells if f">{name}<" in row}
    # without the third of the drug 10.05 - 10.1, without its first 11.05 - 10.1
    span = re.search(r">(-?[0-9.]+) to ([0-9.]+)<", cell["area_px"])
    assert span is not None
    assert [float(end) for end in span.groups()] == pytest.approx([-0.05, 0.95], abs=0.005)
    assert "one replicate decides its sign" in cell["area_px"]
    assert "keeps its sign" in cell["extent"]


def test_a_difference_of_nothing_is_called_so() -> None:
    row = {"difference": 0.0, "leave_one_out_low": 0.0, "leave_one_out_high": 0.0}
    assert verdict_on(row | {"difference_of_medians": 0.0}, "medians") == "no difference"


def test_without_replicates_nothing_can_be_left_out() -> None:
    assert "sensitivity" not in page(answer(known=False))


def test_methods_say_that_shares_have_no_median() -> None:
    said = " ".join(sentences(answer(summary="median")))
    assert "the median of the cells (yes and no: by the share of yes) of each" in said
    assert "yes and no" not in " ".join(sentences(answer()))
