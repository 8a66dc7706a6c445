"""From pictures, or a table, to an answer: as a new user would do it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow
from scipy import stats
from tests.e2e.conftest import GRID, discs, threads

import cellwright
from cellwright.cli.app import run_app
from cellwright.core.errors import RunError, UsageError
from cellwright.io.cells import read_table

RADII = {"control": (7, 8, 7.5), "drug": (9, 10, 10)}
OF_WEEKS = RADII | {"drug": (9, 10, 9.5)}
"""No two alike, so that no week has pictures of another."""


def analysed(folder: Path, *, with_samples: bool = True, radii: Any = RADII) -> Path:
    """A run of two pictures a replicate, whose discs are larger under the drug."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    rows = ["image,condition,replicate,dose,dose_unit"]
    for condition, sizes in radii.items():
        for day, radius in enumerate(sizes, 1):
            for field in "ab":
                name = f"{condition}_{day}{field}.png"
                plane = discs(GRID, radius + (0.25 if field == "b" else 0))
                Pillow.fromarray(plane).save(pictures / name)
                dose = "0,uM" if condition == "control" else "2,uM"
                rows.append(f"{name},{condition},{day},{dose}")
    # a picture without any cell is a picture all the same
    Pillow.fromarray(discs([])).save(pictures / "drug_1c.png")
    rows.append("drug_1c.png,drug,1,2,uM")
    samples = folder / "samples.csv"
    samples.write_text("\n".join(rows) + "\n", "utf-8")
    cellwright.analyze(
        pictures, folder / "run", method="threshold", pixel_size="0.5um",
        samples=samples if with_samples else None, make_executor=threads,
    )  # fmt: skip
    return folder / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return analysed(tmp_path_factory.mktemp("one"))


def test_a_run_becomes_an_answer(run: Path, tmp_path: Path) -> None:
    done = cellwright.compare(run, tmp_path / "out", reference="control")

    table = read_table(tmp_path / "out" / "comparisons.csv").set_index("feature")
    area = table.loc["area_um2"]
    assert (area["n_replicates"], area["n_replicates_reference"]) == (3, 3)
    assert area["n_cells"] == 54
    means = read_table(run / "cells.csv").groupby(["condition", "replicate"])["area_um2"].mean()
    assert area["p"] == pytest.approx(stats.ttest_rel(means["drug"], means["control"]).pvalue)
    assert area["test"] == "paired t"
    assert 30 < area["percent"] < 80
    assert area["ci_low"] > 0
    assert "area_px" not in table.index
    # the empty picture counts where pictures are counted: (9 + 9 + 0) / 3 and 9 and 9
    assert table.loc["n_cells", "mean"] == pytest.approx((6 + 9 + 9) / 3)
    design = read_table(tmp_path / "out" / "design.csv").set_index("condition")
    assert design.loc["drug", "dose"] == 2
    assert design.loc["drug", "n_images"] == 7
    record = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    assert (record["unit"], record["options"]["reference"]) == ("replicate", "control")
    assert not [one for one in done.remarks if one.severity == "error"]


def test_the_same_answer_has_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        cellwright.compare(run, tmp_path / name, reference="control")
    files = [file.relative_to(tmp_path / "a") for file in sorted((tmp_path / "a").rglob("*.*"))]
    assert {"answer.html", "comparisons.csv"} < {file.name for file in files}
    assert len(files) > 8
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_what_an_earlier_answer_left_is_taken_away_and_nothing_else(
    run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o"
    cellwright.compare(run, out, reference="control")
    (out / "figures" / "superplot_99.svg").write_text("mine", "utf-8")
    (out / "notes.csv").write_text("mine", "utf-8")
    assert (out / "figures" / "superplot_2.svg").exists()
    cellwright.compare(run, out, reference="control", features=("area_um2",))
    assert (out / "figures" / "superplot_1.svg").exists()
    assert not (out / "figures" / "superplot_2.svg").exists()
    assert (out / "figures" / "superplot_99.svg").exists()
    assert (out / "notes.csv").exists()
    record = json.loads((out / "comparison.json").read_text("utf-8"))
    record["files"] += ["../outside.csv", "figures/../../outside.csv", "notes.txt"]
    (out / "comparison.json").write_text(json.dumps(record), "utf-8")
    for name in ("outside.csv", "o/notes.txt"):
        (tmp_path / name).write_text("mine", "utf-8")
    cellwright.compare(run, out, reference="control", features=("area_um2",))
    assert (tmp_path / "outside.csv").exists()
    assert (out / "notes.txt").exists()


def test_samples_may_come_later_and_go_before(tmp_path: Path) -> None:
    run = analysed(tmp_path, with_samples=False)
    with pytest.raises(UsageError, match="no picture has a condition"):
        cellwright.compare(run, tmp_path / "out", reference="control")
    rows = (tmp_path / "samples.csv").read_text("utf-8").replace("drug_1c.png,drug", "drug_1c.png,")
    (tmp_path / "later.csv").write_text(rows, "utf-8")
    done = cellwright.compare(
        run, tmp_path / "out", reference="control", samples=tmp_path / "later.csv"
    )
    assert "1 of 13 pictures have no condition" in " ".join(one.text for one in done.remarks)
    assert done.table.set_index("feature").loc["n_cells", "mean"] == 9


def test_rows_of_samples_that_fit_nothing_are_named(run: Path, tmp_path: Path) -> None:
    text = (run.parent / "samples.csv").read_text("utf-8").replace("drug_3b.png", "drug_3z.png")
    (tmp_path / "samples.csv").write_text(text, "utf-8")
    done = cellwright.compare(
        run, tmp_path / "o", samples=tmp_path / "samples.csv", reference="control"
    )
    said = " ".join(one.text for one in done.remarks)
    assert "1 pictures have no row in samples.csv: drug_3b.png" in said
    assert "1 rows of samples.csv are of no picture: drug_3z.png" in said


def test_an_answer_takes_the_place_of_no_run_and_of_no_table_it_is_made_of(
    run: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "replicates.csv"
    pd.DataFrame(
        {"condition": list("cccxxx"), "replicate": list("123123"), "area_px": range(6)}
    ).to_csv(mine, index=False)
    before = mine.read_bytes()
    with pytest.raises(UsageError, match="written over what it is made of"):
        cellwright.compare(mine, tmp_path, reference="c")
    assert mine.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["replicates.csv"]
    files = sorted(run.iterdir())
    with pytest.raises(UsageError, match="this is the folder of a run"):
        cellwright.compare(run, run, reference="control")
    with pytest.raises(UsageError, match="this is the folder of a run"):
        cellwright.audit(run, run.parent / "pictures", run)
    assert sorted(run.iterdir()) == files


def test_a_file_where_a_folder_is_needed_is_said(run: Path, tmp_path: Path) -> None:
    (tmp_path / "o").write_text("mine", "utf-8")
    with pytest.raises(RunError, match="a file stands where a folder is needed"):
        cellwright.compare(run, tmp_path / "o", reference="control")
    with pytest.raises(RunError, match="a file stands where a folder is needed"):
        cellwright.audit(run, run.parent / "pictures", tmp_path / "o")


def test_what_pictures_have_of_cells_is_not_said_of_nuclei(run: Path, tmp_path: Path) -> None:
    other = shutil.copytree(run, tmp_path / "run")
    (other / "cells.parquet").unlink()
    cells = read_table(other / "cells.csv")
    nuclei = cells[cells["label"] % 3 > 0].assign(object="nucleus")
    pd.concat([cells, nuclei]).to_csv(other / "cells.csv", index=False)
    table = cellwright.compare(other, tmp_path / "o", reference="control", object="nucleus").table
    features = set(table["feature"])
    assert {"n_cells", "area_um2"} <= features
    assert not features & {"coverage", "density_per_mm2", "density_per_mpx", "gap_count"}
    row = table.set_index("feature").loc["n_cells"]
    assert row["mean_reference"] == pytest.approx(6)
    whole = cellwright.compare(other, tmp_path / "o", reference="control")
    assert "objects nucleus are left out" in " ".join(one.text for one in whole.remarks)


def test_a_run_of_failures_says_so(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("a.tif", "b.tif"):
        (tmp_path / "pictures" / name).write_bytes(b"II*\0 no picture")
    run = tmp_path / "run"
    cellwright.analyze(tmp_path / "pictures", run, method="threshold", make_executor=threads)
    with pytest.raises(UsageError, match="all 2 pictures of the run failed"):
        cellwright.compare(run, tmp_path / "o", reference="control")


def test_the_command_line_says_it_all(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["compare", str(run), "--reference", "control", "--out", str(tmp_path / "o")]
    assert run_app([*asked, "--features", "area_um2", "--features", "n_cells"]) == 0
    said = capsys.readouterr().out
    assert "drug (test): n = 3, 54 cells" in said
    assert "n is the number of different replicates" in said
    assert "area_um2, drug: +" in said
    assert run_app([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["inputs"] == 13
    assert found["design"][1]["n_replicates"] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--reference", "placebo"], "there is no condition 'placebo'"),
        (["--reference", "control", "--features", "label"], "never tested"),
        (["--reference", "control", "--object", "nucleus"], "there are no objects 'nucleus'"),
        (["--reference", "control", "--unit", "day"], "no column 'day'"),
    ],
)
def test_what_makes_no_sense_ends_with_2(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run_app(["compare", str(run), *arguments, "--out", str(tmp_path / "o")]) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "o").exists()


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three experiments of one replicate each, whose pictures have the same names."""
    folder = tmp_path_factory.mktemp("weeks")
    found = []
    for week in range(3):
        radii = {name: (sizes[week],) for name, sizes in OF_WEEKS.items()}
        run = analysed(folder / str(week), radii=radii)
        found.append(run.rename(folder / f"week{week}"))
    return found


class TestSeveralRuns:
    def test_replicates_of_the_same_name_are_different_ones(
        self, weeks: list[Path], tmp_path: Path
    ) -> None:
        done = cellwright.compare(weeks, tmp_path / "o", reference="control")
        area = done.table.set_index("feature").loc["area_um2"]
        assert (area["n_replicates"], area["test"]) == (3, "paired t")
        assert set(done.replicates["replicate"]) == {f"week{n}/1" for n in range(3)}
        assert "taken as different ones" in " ".join(one.text for one in done.remarks)

    def test_other_options_are_refused_unless_allowed(
        self, weeks: list[Path], tmp_path: Path
    ) -> None:
        other = tmp_path / "other"
        shutil.copytree(weeks[2], other)
        record = json.loads((other / "run.json").read_text("utf-8"))
        record["method"]["options"]["diameter"] = 33
        (other / "run.json").write_text(json.dumps(record), "utf-8")
        sources = [*weeks[:2], other]
        with pytest.raises(UsageError, match="differ in the method or its model: options"):
            cellwright.compare(sources, tmp_path / "o", reference="control")
        done = cellwright.compare(sources, tmp_path / "o", reference="control", mixed=True)
        assert done.table["n_replicates"].max() == 3

    def test_a_table_of_several_runs_tells_them_apart(
        self, weeks: list[Path], tmp_path: Path
    ) -> None:
        cellwright.export(weeks, tmp_path / "joined.csv")
        whole = cellwright.compare(weeks, tmp_path / "a", reference="control")
        joined = cellwright.compare(tmp_path / "joined.csv", tmp_path / "b", reference="control")
        area = [one.table.set_index("feature").loc["area_um2"] for one in (whole, joined)]
        assert area[0]["n_replicates"] == area[1]["n_replicates"] == 3
        assert area[1]["p"] == pytest.approx(area[0]["p"])

    def test_the_pictures_of_a_run_do_not_count_twice(
        self, weeks: list[Path], tmp_path: Path
    ) -> None:
        again = shutil.copytree(weeks[0], tmp_path / "renamed")
        with pytest.raises(
            UsageError, match="renamed has 4 of the pictures of week0: one experiment"
        ):
            cellwright.compare([*weeks, again], tmp_path / "o", reference="control")
        done = cellwright.compare([*weeks, again], tmp_path / "o", reference="control", mixed=True)
        assert done.table["n_replicates"].max() == 4

    @pytest.mark.parametrize("first", [0, 1])
    def test_a_run_of_some_of_the_pictures_does_not_count_twice_in_either_order(
        self, weeks: list[Path], tmp_path: Path, first: int
    ) -> None:
        pictures = tmp_path / "some"
        pictures.mkdir()
        for name in ("control_1a.png", "new.png"):
            source = weeks[0].parent / "0" / "pictures" / "control_1a.png"
            plane = np.asarray(Pillow.open(source)).copy()
            plane[0, 0] += name == "new.png"
            Pillow.fromarray(plane).save(pictures / name)
        cellwright.analyze(
            pictures, tmp_path / "part", method="threshold", pixel_size="0.5um",
            make_executor=threads,
        )  # fmt: skip
        runs = [weeks[0], tmp_path / "part"]
        with pytest.raises(UsageError, match="has 1 of the pictures of"):
            cellwright.compare(runs[first:] + runs[:first], tmp_path / "o", reference="control")

    def test_a_copy_of_a_table_does_not_count_twice(self, tmp_path: Path) -> None:
        columns = {"condition": list("ccxx"), "replicate": list("1212"), "area_px": [1, 2, 3, 5]}
        table = pd.DataFrame(columns)
        table.to_csv(tmp_path / "a.csv", index=False)
        table.iloc[::-1].to_csv(tmp_path / "b.csv", index=False)
        tables = [tmp_path / "a.csv", tmp_path / "b.csv"]
        with pytest.raises(UsageError, match=r"b\.csv has the cells of a\.csv"):
            cellwright.compare(tables, tmp_path / "o", reference="c")
        cellwright.compare(tables, tmp_path / "o", reference="c", mixed=True)

    def test_rows_that_are_there_twice_are_told_of(self, tmp_path: Path) -> None:
        table = pd.DataFrame(
            {"condition": list("ccxx"), "image": list("abcd"), "label": 1, "area_px": [1, 2, 3, 5]}
        )
        pd.concat([table, table.iloc[:3]]).to_csv(tmp_path / "a.csv", index=False)
        done = cellwright.compare(tmp_path / "a.csv", tmp_path / "o", reference="c")
        said = " ".join(one.text for one in done.remarks)
        assert "a.csv: 3 rows are of the same picture, frame and label" in said

    def test_donors_are_not_called_runs(self, tmp_path: Path) -> None:
        for week in "12":
            pd.DataFrame(
                {
                    "condition": list("cccxxx"),
                    "donor": list("abcabc"),
                    "area_px": range(int(week), 6 + int(week)),
                }
            ).to_csv(tmp_path / f"{week}.csv", index=False)
        done = cellwright.compare(
            [tmp_path / "1.csv", tmp_path / "2.csv"], tmp_path / "o", reference="c"
        )
        assert done.table["n_replicates"].tolist() == [3]
        assert "each run is taken" not in " ".join(one.text for one in done.remarks)

    def test_a_run_cannot_be_named_twice(self, weeks: list[Path], tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="named twice"):
            cellwright.compare([weeks[0], weeks[0]], tmp_path / "o", reference="control")


class TestForeignTables:
    @pytest.fixture
    def table(self, tmp_path: Path) -> Callable[..., Path]:
        def make(**columns: Any) -> Path:
            path = tmp_path / "cells.csv"
            pd.DataFrame(columns).to_csv(path, index=False)
            return path

        return make

    def test_columns_are_renamed_and_own_ones_named(
        self, table: Callable[..., Path], tmp_path: Path
    ) -> None:
        rng = np.random.default_rng(0)
        path = table(
            condition=np.repeat(["c", "x"], 60), replicate=np.tile(np.repeat([1, 2, 3], 20), 2),
            area=rng.normal(10, 1, 120), shine=rng.normal(size=120),
        )  # fmt: skip
        asked: dict[str, Any] = {"reference": "c", "rename": ("area=area_px",)}
        done = cellwright.compare(path, tmp_path / "o", **asked)
        assert list(done.table["feature"]) == ["area_px"]
        done = cellwright.compare(path, tmp_path / "o", features=("shine",), **asked)
        assert list(done.table["feature"]) == ["shine"]
        assert done.table["n_replicates"].tolist() == [3]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"rename": ("are=area_px",)}, "no column 'are' to rename"),
            ({"rename": ("area",)}, "not NAME=COLUMN"),
            ({"rename": ("area=condition",)}, "two columns 'condition'"),
            ({}, "no column of the table is one that may be compared"),
        ],
    )
    def test_wrong_names_are_refused(
        self, table: Callable[..., Path], tmp_path: Path, options: Any, words: str
    ) -> None:
        path = table(condition=["c", "x"], area=[1.0, 2])
        with pytest.raises(UsageError, match=words):
            cellwright.compare(path, tmp_path / "o", reference="c", **options)

    def test_a_picture_is_of_one_condition(
        self, table: Callable[..., Path], tmp_path: Path
    ) -> None:
        path = table(image=["a", "a"], condition=["c", "x"], area_px=[1.0, 2])
        with pytest.raises(UsageError, match="'a' are of several conditions"):
            cellwright.compare(path, tmp_path / "o", reference="c")

    def test_hostile_names_come_through_as_text(
        self, table: Callable[..., Path], tmp_path: Path
    ) -> None:
        names = ["=1+1", '<b>"x"</b>', "ä" * 300]
        path = table(
            condition=np.repeat(names, 3), replicate=np.tile(["@a", "-b", "+c"], 3),
            area_px=[1.0, 2, 4, 2, 4, 3, 5, 4, 6],
        )  # fmt: skip
        done = cellwright.compare(path, tmp_path / "o", reference="=1+1")
        assert list(done.table["condition"]) == names[1:]
        text = (tmp_path / "o" / "comparisons.csv").read_text("utf-8")
        assert "'=1+1" in text
        assert list(read_table(tmp_path / "o" / "comparisons.csv")["condition"]) == names[1:]

    def test_columns_of_nothing_are_left_out(
        self, table: Callable[..., Path], tmp_path: Path
    ) -> None:
        path = table(
            condition=list("cccxxx"), replicate=list("123456"), area_px=[1.0, 2, 4, 2, 4, 3],
            extent=[np.nan] * 6, solidity=[0.5] * 3 + [np.nan] * 3,
        )  # fmt: skip
        table_of = cellwright.compare(path, tmp_path / "o", reference="c").table
        found = table_of.set_index("feature")
        assert set(found.index) == {"area_px", "solidity"}
        assert found.loc["solidity", "note"] == "no p: x has no cell with this number"
