"""The sections of all cells: what they say, keep and leave out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.report.exploring.conftest import ALL, SECTIONS, contents, make

from cellwright.report.exploring import cell_map, measurements, relations
from cellwright.report.exploring.boxes import FEWEST_FOR_A_BOX
from cellwright.report.exploring.rainclouds import raincloud
from cellwright.report.exploring.wording import DRAWN_CONDITIONS, FEWEST_CELLS
from cellwright.report.page import build_report
from cellwright.report.section import Content, ReportData

LONG = '</b><script>alert("1")</script>' + "x" * 290 + "&\"'$x^2$"


def words(content: Content | None) -> str:
    assert content is not None
    html = re.sub(r"(?s)<svg.*?</svg>", " ", content.html)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)))


def names(content: Content | None) -> list[str]:
    return [] if content is None else [figure.name for figure in content.figures]


def rows(content: Content | None) -> list[list[str]]:
    assert content is not None
    body = content.html.split("<tbody>")[1].split("</tbody>")[0]
    cells = [re.findall(r"<td.*?>(.*?)</td>", row) for row in body.split("</tr>")[:-1]]
    return [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in cells]


def marks(svg: str, colour: str) -> int:
    """How many marks of this colour lines have in a figure."""
    return len(re.findall(rf'<use [^>]*style="fill: {colour}', svg))


def test_each_figure_is_kept_with_its_numbers(drawn: list[Content]) -> None:
    assert [names(content) for content in drawn] == [
        ["measurements", *(f"distribution_{n}" for n in range(1, 7))],
        ["correlations", "pairs", "scatter"],
        ["cell_map", "cell_map_loadings"],
    ]
    for content in drawn:
        for figure in content.figures:
            assert figure.svg.startswith("<?xml")
            assert len(figure.table)
            for ending in ("svg", "csv"):
                assert f'href="./figures/{figure.name}.{ending}"' in content.html


def test_equal_data_give_equal_bytes(standard: ReportData, drawn: list[Content]) -> None:
    again = make([60, 50, 40], ["a", "b", "b"], ["1", "1", "2"], features=ALL)
    for one, other in zip(drawn, contents(again), strict=True):
        assert one.html == other.html
        for figure, same in zip(one.figures, other.figures, strict=True):
            assert figure.svg == same.svg
            pd.testing.assert_frame_equal(figure.table, same.table)


def test_no_probability_is_given(drawn: list[Content]) -> None:
    for content in drawn:
        assert re.search(r"\bp [=<]|p-value|signific", words(content)) is None


def test_the_table_has_all_features_and_n_of_replicates_beside_n_of_cells(
    standard: ReportData, drawn: list[Content]
) -> None:
    assert standard.described is not None
    pd.testing.assert_frame_equal(drawn[0].figures[0].table, standard.described.table)
    found = rows(drawn[0])
    assert len(found) == 2 * len(ALL)
    area = standard.cells.loc[standard.cells["image"] != "0.tif", "area_px"]
    assert found[1][:5] == ["area_px (px²)", "b", "2", "2", "90"]
    assert found[1][7] == f"{area.median():,.0f}"
    assert "n is the number of replicates, not of cells" in words(drawn[0])


def test_a_table_of_many_rows_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurements, "MOST_ROWS", 4)
    content = measurements.SECTION.render(make([10, 10], ["a", "b"]))
    assert len(rows(content)) == 4
    assert "2 more rows in the numbers above" in words(content)


def test_names_stay_text_and_are_cut() -> None:
    data = make([40, 40], [LONG, LONG + "2"], [LONG, LONG])
    html = build_report(data, SECTIONS)[0]
    assert "<script>alert" not in html
    assert "x" * 290 not in re.sub(r'(?:title|data-value)="[^"]*"', "", html)
    assert html.count("&lt;/b&gt;&lt;script&gt;") > 8


def no_numbers(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.assign(aspect_ratio=np.nan, form_factor=3.0)


def infinite(cells: pd.DataFrame) -> pd.DataFrame:
    half = np.arange(len(cells)) % 2 == 0
    return cells.assign(aspect_ratio=np.where(half, np.inf, cells["aspect_ratio"]), area_px=1e300)


def one_value(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.assign(form_factor=[*[np.nan] * (len(cells) - 1), 0.5])


def movie(cells: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([cells.assign(frame=frame) for frame in range(5)], ignore_index=True)


@pytest.mark.parametrize(
    ("counts", "conditions", "change"),
    [
        ([1], [], None),
        ([3, 40], ["a", "b"], None),
        ([40, 0], ["a", "none"], None),
        ([40, 40], [], None),
        ([3] * 30, [f"c{n}" for n in range(30)], None),
        ([40, 30], ["a", "b"], no_numbers),
        ([40, 30], ["a", "b"], infinite),
        ([40], ["a"], one_value),
        ([10, 4], ["a", "b"], movie),
    ],
    ids=["cell", "few", "none", "unstated", "30", "nan", "infinite", "one value", "movie"],
)
@pytest.mark.filterwarnings("error")
def test_whatever_comes_is_drawn(
    counts: list[int],
    conditions: list[str],
    change: Callable[[pd.DataFrame], pd.DataFrame] | None,
) -> None:
    data = make(counts, conditions, change=change or (lambda cells: cells))
    made = contents(data)
    assert data.described is not None
    assert f"{data.described.n_cells:,} cell" in words(made[0])
    html = " ".join(content.html for content in made)
    identifiers = re.findall(r'\bid="([^"]+)"', html)
    assert len(identifiers) == len(set(identifiers))
    assert not re.search(r"\bnan\b|\binf\b", html)


def test_nothing_is_said_of_no_cells() -> None:
    data = make([40], ["a"])
    assert data.described is not None
    assert contents(replace(data, described=None)) == []
    assert contents(replace(data, described=replace(data.described, n_cells=0))) == []


def test_few_cells_have_neither_distributions_nor_relations() -> None:
    assert [names(c) for c in contents(make([FEWEST_CELLS - 1]))] == [["measurements"]]
    assert len(contents(make([FEWEST_CELLS]))) == 3


@pytest.mark.parametrize("few", [FEWEST_FOR_A_BOX - 1, FEWEST_FOR_A_BOX])
def test_conditions_with_few_cells_are_dots_and_no_boxes(few: int) -> None:
    content = measurements.SECTION.render(make([few, 19], ["a", "b"]))
    assert content is not None
    dots = marks(content.figures[0].svg, "#0072b2")
    said = f"Fewer than {FEWEST_FOR_A_BOX} cells are drawn themselves" in words(content)
    assert (dots, said) == ((3 * few, True) if few < FEWEST_FOR_A_BOX else (0, False))


def test_replicates_are_on_the_figures_of_cells(drawn: list[Content]) -> None:
    # each replicate of the second condition, in each of the panels and in a distribution
    assert marks(drawn[0].figures[0].svg, "#d55e00") == 2 * len(ALL)
    kept = drawn[0].figures[1].table
    medians = kept[kept["shown"] == "median of a replicate"]
    assert medians["replicate"].tolist() == ["1", "1", "2"]
    assert "median of the cells of a replicate" in words(drawn[0])
    unstated = measurements.SECTION.render(make([20, 9], ["a", "a"]))
    assert "of a replicate" not in words(unstated)
    assert "No replicate was stated" in words(unstated)


def test_a_distribution_keeps_all_that_it_shows() -> None:
    data = make([300, 50], ["a", "b"])
    assert data.described is not None
    kept = raincloud(data.described, "area_px", "distribution").table
    assert kept.loc[kept["shown"] == "bin of the histogram", "n_cells"].sum() == 350
    cells = kept[kept["shown"] == "cell"]
    assert cells["condition"].value_counts().to_dict() == {"a": 200, "b": 50}
    own = data.cells.loc[data.cells["image"] == "0.tif", "area_px"]
    ends = cells.loc[cells["condition"] == "a", "area_px"]
    assert (ends.min(), ends.max()) == (own.min(), own.max())


def test_cells_beyond_the_axis_and_without_a_value_are_counted() -> None:
    def change(cells: pd.DataFrame) -> pd.DataFrame:
        area = cells["area_px"].to_numpy(copy=True)
        area[0], area[1:4] = 1e9, np.nan
        return cells.assign(area_px=area)

    data = make([1000], ["a"], features=["area_px"], change=change)
    text = words(measurements.SECTION.render(data))
    # half a percent lies beyond the ends: 3 below, 3 above, the giant among them
    assert "6 cells lie beyond the ends of the axis, and count in every number." in text
    assert "3 cells have no value." in text
    assert "an even sample of at most 200 of its cells" in text


def test_more_conditions_than_fit_are_in_the_table() -> None:
    count = DRAWN_CONDITIONS + 3
    data = make([1] * count, [f"c{n}" for n in range(count)])
    content = measurements.SECTION.render(data)
    assert content is not None
    assert "3 more conditions in the table below" in words(content)
    assert f">c{DRAWN_CONDITIONS - 1}<" in content.figures[0].svg
    assert f">c{DRAWN_CONDITIONS}<" not in content.figures[0].svg
    assert f"c{count - 1}" in {row[1] for row in rows(content)}


def test_correlations_are_within_conditions() -> None:
    def change(cells: pd.DataFrame) -> pd.DataFrame:
        shift = 1000.0 * (cells["image"] == "1.tif")
        noise = np.random.default_rng(9).normal(size=(2, len(cells)))
        return cells.assign(form_factor=noise[0] + shift, aspect_ratio=noise[1] + shift)

    data = make([300, 300], ["a", "b"], features=ALL, change=change)
    content = relations.SECTION.render(data)
    assert content is not None
    table: Any = content.figures[0].table.set_index("feature")
    assert abs(table.loc["form_factor", "aspect_ratio"]) < 0.15
    assert table.loc["area_px", "equivalent_diameter_px"] == 1
    assert "within conditions" in words(content)


def test_features_that_do_not_vary_are_named_and_not_drawn() -> None:
    data = make([60], ["a"], change=lambda cells: cells.assign(form_factor=1.0))
    content = relations.SECTION.render(data)
    assert content is not None
    assert "all have the same: form_factor" in words(content)
    assert ">form factor" not in content.figures[0].svg
    # one condition needs no panel of its own
    assert names(content) == ["correlations", "pairs"]


def test_copies_are_not_paired(drawn: list[Content]) -> None:
    pairs = drawn[1].figures[1]
    assert "area_px" in pairs.table
    assert "equivalent_diameter_px" not in pairs.table


def test_the_map_says_what_it_is_and_what_its_axes_hold(drawn: list[Content]) -> None:
    figure, loadings = drawn[2].figures
    assert re.search(r"first principal component \(\d+ % of the variance\)", figure.svg)
    assert "to look at, and no test" in words(drawn[2])
    assert {"image", "frame", "label", "condition", "first", "second"} <= set(figure.table)
    assert len(figure.table) == 150
    copies = loadings.table.set_index("feature")["counts_for"]
    assert copies["area_px"] == "equivalent_diameter_px"


@pytest.mark.parametrize(("count", "panels"), [(6, 1), (7, 7)])
def test_many_conditions_have_a_panel_each_on_the_map(count: int, panels: int) -> None:
    content = cell_map.SECTION.render(make([9] * count, [f"c{n}" for n in range(count)]))
    assert content is not None
    assert content.figures[0].svg.count('<g id="axes_') == panels


def test_figures_stay_small_however_many_cells_there_are() -> None:
    data = make([4000] * 6, [f"c{n}" for n in range(6)], ["1"] * 6, features=ALL)
    svgs = [svg for c in contents(data) for svg in re.findall(r"(?s)<svg.*?</svg>", c.html)]
    assert len(svgs) == 12
    assert sum(map(len, svgs)) < 1_500_000
