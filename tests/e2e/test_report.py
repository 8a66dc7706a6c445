"""The report with its answer: asked with the run, asked later, asked of several runs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image as Pillow
from tests.e2e.conftest import GRID, Command, discs, threads

import cellwright
from cellwright.core.errors import UsageError
from cellwright.engine.events import Event, Message
from cellwright.io.cells import read_table

SECTIONS = ["answer", "verdict", "design", "gallery", "explore", "superplots", "effects"]


def drawn(folder: Path, days: tuple[int, ...] = (1, 2, 3), grow: float = 2.0) -> Path:
    """Pictures of discs that are larger under the drug, and their samples.csv beside them."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    rows = ["image,condition,replicate"]
    for condition, more in (("control", 0.0), ("drug", grow)):
        for day in days:
            name = f"{condition}_{day}.png"
            plane = discs(GRID, 7 + more + 0.3 * day)
            plane[0, 0] += day  # no two days have the same picture
            Pillow.fromarray(plane).save(pictures / name)
            rows.append(f"{name},{condition},{day}")
    (folder / "samples.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return pictures


def analysed(folder: Path, **options: Any) -> Path:
    cellwright.analyze(
        drawn(folder), folder / "run", method="threshold", pixel_size="0.5um",
        samples=folder / "samples.csv", make_executor=threads, **options,
    )  # fmt: skip
    return folder / "run"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose report was asked nothing; tests work on copies of it."""
    return analysed(tmp_path_factory.mktemp("report"))


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def sections(page: Path) -> list[str]:
    return re.findall(r'<section id="([a-z_]+)"', page.read_text("utf-8"))


def headline(page: Path) -> str:
    found = re.search("<h1>(.*?)</h1>", page.read_text("utf-8"))
    assert found is not None
    return found[1]


def test_a_run_that_was_asked_answers_first_of_all(tmp_path: Path) -> None:
    run = analysed(tmp_path, reference="control", primary="area_um2")
    page = run / "report.html"
    found = sections(page)
    assert [name for name in found if name in SECTIONS] == SECTIONS
    assert headline(page).startswith("area_um2: +")
    table = read_table(run / "answer" / "comparisons.csv")
    assert table["primary"].sum() == 1
    assert (run / "figures" / "effects.svg").is_file()
    assert "paired t" in (run / "report.html").read_text("utf-8")


def test_the_recipe_asks_again(tmp_path: Path, cellwright: Command) -> None:
    run = analysed(tmp_path, reference="control", primary="area_um2")
    again = tmp_path / "again"
    cellwright(
        "analyze", tmp_path / "pictures", "--recipe", run / "recipe.toml",
        "--samples", tmp_path / "samples.csv", "--out", again,
    )  # fmt: skip
    for name in ("report.html", "recipe.toml", "answer/comparisons.csv", "methods.md"):
        assert (again / name).read_bytes() == (run / name).read_bytes(), name


def test_a_reference_that_is_no_condition_is_refused_before_any_work(tmp_path: Path) -> None:
    pictures = drawn(tmp_path)
    out = tmp_path / "run"
    with pytest.raises(UsageError, match=r"'Control'.*control, drug"):
        cellwright.analyze(
            pictures, out, samples=tmp_path / "samples.csv", reference="Control",
            method="threshold",
        )  # fmt: skip
    with pytest.raises(UsageError, match="samples"):
        cellwright.analyze(pictures, out, reference="control", method="threshold")
    with pytest.raises(UsageError, match="reference"):
        cellwright.analyze(pictures, out, primary="area_um2", method="threshold")
    assert not out.exists()


def test_what_was_asked_once_is_answered_whenever_the_report_is_written(run: Path) -> None:
    assert "answer" not in sections(run / "report.html")
    cellwright.report(run, reference="control")
    page = (run / "report.html").read_bytes()
    assert "answer" in sections(run / "report.html")
    cellwright.report(run)
    assert (run / "report.html").read_bytes() == page


def test_a_comparison_with_samples_of_its_own_tells_the_report_what_pictures_are_of(
    finished: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "plain"
    cellwright.analyze(
        drawn(folder), folder / "run", method="threshold", pixel_size="0.5um",
        make_executor=threads,
    )  # fmt: skip
    run = folder / "run"
    cellwright.compare(
        run, run / "answer", reference="control", samples=folder / "samples.csv", test="welch"
    )
    cellwright.report(run)
    text = (run / "report.html").read_text("utf-8")
    assert "Welch t" in text
    assert "answer" in sections(run / "report.html")
    assert '"condition":"drug"' in text  # of a picture, where each cell can be looked at
    again = run / "report.html"
    before = again.read_bytes()
    (folder / "samples.csv").unlink()
    cellwright.report(run)
    assert again.read_bytes() == before


def test_what_can_no_longer_be_answered_is_said_and_the_report_is_written(run: Path) -> None:
    cellwright.report(run, reference="control")
    record = json.loads((run / "answer" / "comparison.json").read_text("utf-8"))
    record["options"]["reference"] = "vehicle"
    (run / "answer" / "comparison.json").write_text(json.dumps(record), "utf-8")
    heard: list[Event] = []
    cellwright.report(run, listener=heard.append)
    told = [one.text for one in heard if isinstance(one, Message)]
    assert len(told) == 1
    assert "vehicle" in told[0]
    assert "answer" not in sections(run / "report.html")


def test_odd_cells_are_part_of_the_report(tmp_path: Path) -> None:
    run = tmp_path / "run"
    cellwright.analyze(
        drawn(tmp_path, days=(1, 2, 3, 4, 5, 6, 7)), run, method="threshold", pixel_size="0.5um",
        samples=tmp_path / "samples.csv", make_executor=threads,
    )  # fmt: skip
    cellwright.report(run, reference="control", odd=True)
    odd = read_table(run / "odd" / "outliers.csv")
    assert len(odd) == len(read_table(run / "cells.csv"))
    assert "odd" in sections(run / "report.html")
    first = (run / "report.html").read_bytes()
    cellwright.report(run)
    assert (run / "report.html").read_bytes() == first
    with pytest.raises(UsageError, match="reference"):
        cellwright.report(run, odd=True)


def test_several_runs_are_one_report(tmp_path: Path) -> None:
    runs = []
    for day in (1, 2, 3, 4):
        folder = tmp_path / f"day_{day}"
        pictures = drawn(folder, days=(day,))
        cellwright.analyze(
            pictures, folder / f"run{day}", method="threshold", pixel_size="0.5um",
            samples=folder / "samples.csv", make_executor=threads,
        )  # fmt: skip
        runs.append(folder / f"run{day}")
    out = tmp_path / "together" / "report"
    page = cellwright.report(runs, out, reference="control", primary="area_um2")

    assert page == out / "report.html"
    table = read_table(out / "answer" / "comparisons.csv").set_index("feature")
    assert table.loc["area_um2", "n_replicates"] == 4
    cells = pd.concat([read_table(run / "cells.csv") for run in runs])
    assert table.loc["area_um2", "n_cells"] == (cells["condition"] == "drug").sum()
    text = page.read_text("utf-8")
    assert "run3/control_3.png" in text
    link = re.search(r'href="\./([^"]+run2/labels/drug_2\.tif)"', text)
    assert link is not None
    assert (out / link[1]).is_file()
    assert f"{len(cells):,} cells" in text
    assert json.loads((out / "answer" / "comparison.json").read_text("utf-8"))["unit"]
    assert (out / "methods.md").is_file()
    before = page.read_bytes()
    cellwright.report(runs, out)
    assert page.read_bytes() == before


def test_several_runs_need_a_folder_and_have_to_be_alike(finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    cellwright.analyze(
        drawn(tmp_path / "in", days=(9,)), other, method="threshold", pixel_size="0.7um",
        samples=tmp_path / "in" / "samples.csv", make_executor=threads,
    )  # fmt: skip
    with pytest.raises(UsageError, match="--out"):
        cellwright.report([finished, other])
    with pytest.raises(UsageError, match="folder of a run"):
        cellwright.report([finished, other], other)
    with pytest.raises(UsageError, match="pixel"):
        cellwright.report([finished, other], tmp_path / "out", reference="control")
    assert not (tmp_path / "out").exists()
    page = cellwright.report([finished, other], tmp_path / "out", reference="control", mixed=True)
    assert "answer" in sections(page)


def test_mixed_runs_may_have_measured_different_things(finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "textured"
    cellwright.analyze(
        drawn(tmp_path / "in", days=(9,)), other, method="threshold", pixel_size="0.5um",
        samples=tmp_path / "in" / "samples.csv", features=("texture",), make_executor=threads,
    )  # fmt: skip
    page = cellwright.report([finished, other], tmp_path / "out", reference="control", mixed=True)
    assert {"answer", "measurements"} <= set(sections(page))


def test_the_command_says_where_the_report_is(run: Path, cellwright: Command) -> None:
    done = cellwright("report", run, "--reference", "control", "--json")
    assert json.loads(done.stdout) == {"report": str(run / "report.html")}
    refused = cellwright("report", run, "--reference", "nobody", code=2)
    assert "nobody" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_a_person_states_is_kept_and_shown_whenever_the_report_is_written(
    tmp_path: Path,
) -> None:
    run = analysed(tmp_path)
    stated = tmp_path / "mine.toml"
    stated.write_text('blinding = "nobody was blind"\n', "utf-8")
    page = cellwright.report(run, statements=stated)
    stated.unlink()
    cellwright.report(run)
    assert "“nobody was blind”" in page.read_text("utf-8")
    assert "nobody was blind" in (run / "methods.md").read_text("utf-8")
    # what is stated later is added
    stated.write_text('stain = "0: DAPI"\n', "utf-8")
    assert "“nobody was blind”" in cellwright.report(run, statements=stated).read_text("utf-8")
    assert "Blinding: nobody was blind. Stain: 0: DAPI." in (run / "methods.md").read_text("utf-8")
    kept = run / "statements.toml"
    kept.write_text(kept.read_text("utf-8").replace('# number = ""', 'number = "time"'), "utf-8")
    assert "“time”" in cellwright.report(run).read_text("utf-8")
    # one picture more: the next start into the folder takes them up too
    Pillow.fromarray(discs(GRID)).save(tmp_path / "pictures" / "new.png")
    cellwright.analyze(
        tmp_path / "pictures", run, method="threshold", pixel_size="0.5um", make_executor=threads
    )
    assert "new.png" in page.read_text("utf-8")
    assert "“time”" in page.read_text("utf-8")
    kept.write_text("nonsense", "utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        cellwright.report(run)


def test_of_several_runs_holds_what_is_stated_of_all_alike_or_of_all_together(
    finished: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    cellwright.analyze(
        drawn(tmp_path / "in", days=(9,)), other, method="threshold", pixel_size="0.5um",
        samples=tmp_path / "in" / "samples.csv", make_executor=threads,
    )  # fmt: skip
    first = Path(shutil.copytree(finished, tmp_path / "first"))
    for run, dealt in ((first, "by dice"), (other, "by rows")):
        text = f'blinding = "all blind"\nallocation = "{dealt}"\n'
        (run / "statements.toml").write_text(text, "utf-8")
    page = cellwright.report([first, other], tmp_path / "out").read_text("utf-8")
    assert "“all blind”" in page
    assert "by dice" not in page
    assert not (tmp_path / "out" / "statements.toml").exists()
    mine = tmp_path / "mine.toml"
    mine.write_text('allocation = "by chance"\nblinding = "half of them"\n', "utf-8")
    for statements in (mine, None):
        page = cellwright.report([first, other], tmp_path / "out", statements=statements).read_text(
            "utf-8"
        )
        assert "“by chance”" in page
        assert "“half of them”" in page
        assert "all blind" not in page
