"""Cells for other programs: as these would read them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from typing import Any

import fastparquet
import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow
from tests.e2e.conftest import discs, threads
from tests.e2e.test_compare import analysed

import cellwright
from cellwright.cli.app import run_app
from cellwright.core.errors import UsageError
from cellwright.engine import extras
from cellwright.io import export_xlsx
from cellwright.io.cells import read_table

h5py = pytest.importorskip("h5py", reason="the extra [export] is not installed")
pytest.importorskip("xlsxwriter", reason="the extra [export] is not installed")

FORMULA, MARKUP, LONG = "=1+1", "<b>", "x" * 300


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return analysed(tmp_path_factory.mktemp("export"))


def table_of(path: Path, **columns: Any) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two conditions, two replicates, two cells each: means that can be told by hand."""
    return table_of(
        tmp_path / "small.csv",
        condition=["control"] * 4 + ["drug"] * 4,
        replicate=["a", "a", "b", "b"] * 2,
        area_px=[1.0, 3, 5, 7, 10, 20, 30, 50],
        dose=[0] * 4 + [2.5] * 4,
        dose_unit=["uM"] * 8,
    )


def hostile(path: Path) -> Path:
    return table_of(
        path,
        image=[FORMULA, MARKUP, LONG, "a/b.png"] * 2,
        label=[1, 1, 1, 1, 2, 2, 2, 2],
        condition=[FORMULA, MARKUP, LONG, MARKUP] * 2,
        replicate=["@r", "1", "1", "-2"] * 2,
        area_px=np.arange(8.0),
        perimeter_px=[np.nan] * 8,
        **{"intensity_mean_a/b": [1.5, np.nan, np.inf, 2, 3, 4, 5, 6], "..": range(8)},
    )


class Sheet:
    """A sheet of a workbook, as its XML has it."""

    def __init__(self, book: Path, number: int) -> None:
        space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
        with zipfile.ZipFile(book) as parts:
            self.xml = parts.read(f"xl/worksheets/sheet{number}.xml").decode("utf-8")
        root = ET.fromstring(self.xml)
        self.rows: list[dict[str, Any]] = []
        self.formulas = len(list(root.iter(f"{space}f")))
        names: dict[str, str] = {}
        for row in root.iter(f"{space}row"):
            found: dict[str, Any] = {}
            for cell in row:
                column = cell.get("r", "").rstrip("0123456789")
                kind, words = cell.get("t", "n"), "".join(cell.itertext())
                found[column] = float(words) if kind == "n" else words
            if not names:
                names = found
            else:
                self.rows.append({names[key]: value for key, value in found.items()})
        self.names = list(names.values())


def sheet(book: Path, name: str) -> Sheet:
    names = ["cells", "pictures", "design", "replicates", "columns", "about"]
    return Sheet(book, names.index(name) + 1)


class TestAnnData:
    def test_features_are_x_and_all_else_is_obs(self, run: Path, tmp_path: Path) -> None:
        out = tmp_path / "cells.h5ad"
        done = cellwright.export(run, out, reference="control")
        cells = read_table(run / "cells.parquet")
        assert done.n_cells == len(cells) == 108
        with h5py.File(out) as file:
            assert file.attrs["encoding-type"] == "anndata"
            names = file["var/_index"].asstr()[:].tolist()
            assert "area_um2" in names
            assert not {"area_px", "label", "centroid_x_um", "orientation_rad"} & set(names)
            x = file["X"]
            assert (x.dtype, x.shape) == (np.float32, (108, len(names)))
            assert x[:, names.index("area_um2")] == pytest.approx(cells["area_um2"])
            assert file["var/unit"]["categories"].asstr()[:].tolist().count("µm²") == 1
            index = file["obs/_index"].asstr()[:].tolist()
            assert len(set(index)) == 108
            assert index[0] == "control_1a.png:1"
            assert {"label", "area_px", "condition", "replicate"} <= set(
                file["obs"].attrs["column-order"]
            )
            condition = file["obs/condition"]
            assert condition.attrs["encoding-type"] == "categorical"
            words = condition["categories"].asstr()[:][condition["codes"][:]]
            assert words.tolist() == cells["condition"].tolist()
            spatial = file["obsm/spatial"][:]
            assert spatial == pytest.approx(cells[["centroid_x_um", "centroid_y_um"]].to_numpy())
            about = file["uns/cellwright"]
            assert about["spatial_unit"].asstr()[()] == "µm"
            assert about["pixel_sizes_um"][:].tolist() == [0.5]
            assert about["runs"].asstr()[:].tolist() == ["run"]

    def test_a_row_finds_its_label_image(self, run: Path, tmp_path: Path) -> None:
        out = tmp_path / "cells.h5ad"
        cellwright.export(run, out)
        with h5py.File(out) as file:
            keys = file["uns/spatialdata_attrs"]
            assert keys["region_key"].asstr()[()] == "region"
            assert keys["instance_key"].asstr()[()] == "label"
            region = file["obs/region"]
            regions = region["categories"].asstr()[:][region["codes"][:]]
            assert set(keys["region"].asstr()[:]) == set(regions)
            labels = file["obs/labels"]
            path = labels["categories"].asstr()[labels["codes"][-1]]
            label, area = file["obs/label"][-1], file["obs/area_px"][-1]
        assert regions[-1] == "drug_3b.png"
        pixels = cellwright.Run(run).labels("drug_3b.png").pixels()
        assert np.array_equal(np.asarray(Pillow.open(run / path)), pixels)
        assert (pixels == label).sum() == area

    def test_frames_and_runs_are_regions_of_their_own(self, tmp_path: Path) -> None:
        for name, areas in {"week1": [4.0, 5.0], "week2": [6.0, 7.0]}.items():
            table_of(
                tmp_path / f"{name}.csv", image=["m.tif"] * 2, frame=[0, 1], label=[1, 1],
                condition=["c"] * 2, area_px=areas,
            )  # fmt: skip
        out = tmp_path / "o.h5ad"
        cellwright.export([tmp_path / "week1.csv", tmp_path / "week2.csv"], out)
        with h5py.File(out) as file:
            assert file["uns/spatialdata_attrs/region"].asstr()[:].tolist() == [
                "week1.csv_m.tif_frame0", "week1.csv_m.tif_frame1",
                "week2.csv_m.tif_frame0", "week2.csv_m.tif_frame1",
            ]  # fmt: skip
            assert file["obs/_index"].asstr()[0] == "week1.csv:m.tif:0:1"
            assert len(file["obsm"]) == 0

    def test_hostile_names_and_gaps(self, tmp_path: Path) -> None:
        out = tmp_path / "o.h5ad"
        cellwright.export(hostile(tmp_path / "t.csv"), out)
        with h5py.File(out) as file:
            names = file["var/_index"].asstr()[:].tolist()
            assert names == ["area_px", "intensity_mean_a/b"]
            assert file["var/n_missing"][:].tolist() == [0, 1]
            assert np.isnan(file["X"][1, 1])
            assert "column_.." in file["obs"]
            assert np.isnan(file["obs/perimeter_px"][:]).all()
            assert set(file["obs/condition/categories"].asstr()[:]) == {FORMULA, MARKUP, LONG}
            regions = file["uns/spatialdata_attrs/region"].asstr()[:].tolist()
            assert regions == ["1_1", "b", LONG, "a_b.png"]

    def test_as_anndata_reads_it(self, run: Path, tmp_path: Path) -> None:
        """Where CELLWRIGHT_ANNDATA_PYTHON names an interpreter that has anndata."""
        python = os.environ.get("CELLWRIGHT_ANNDATA_PYTHON", "")
        if not python:
            pytest.skip("CELLWRIGHT_ANNDATA_PYTHON names no interpreter that has anndata")
        empty = empty_run(tmp_path)
        cellwright.export(run, tmp_path / "run.h5ad")
        cellwright.export(hostile(tmp_path / "t.csv"), tmp_path / "t.h5ad")
        cellwright.export(empty, tmp_path / "empty.h5ad")
        code = (
            "import anndata, json, sys\n"
            "for path in sys.argv[1:]:\n"
            "    a = anndata.read_h5ad(path)\n"
            "    a.write_h5ad(path + '.again')\n"
            "    print(json.dumps([list(a.shape), str(a.X.dtype), str(a.obs['condition'].dtype),"
            " a.obs_names.is_unique, list(a.uns)]))\n"
        )
        paths = [str(tmp_path / f"{name}.h5ad") for name in ("run", "t", "empty")]
        done = subprocess.run(
            [python, "-W", "error", "-c", code, *paths], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert [one[0][0] for one in found] == [108, 8, 0]
        assert found[0][1:] == ["float32", "category", True, ["cellwright", "spatialdata_attrs"]]


class TestExcel:
    def test_sheets_hold_numbers_and_their_meaning(self, run: Path, tmp_path: Path) -> None:
        out = tmp_path / "o.xlsx"
        cellwright.export(run, out, reference="control")
        cells = read_table(run / "cells.parquet")
        found = sheet(out, "cells")
        assert len(found.rows) == 108
        assert [row["area_um2"] for row in found.rows] == cells["area_um2"].tolist()
        assert found.rows[0]["condition"] == "control"
        assert 'state="frozen"' in found.xml
        assert "<autoFilter" in found.xml
        assert len(sheet(out, "pictures").rows) == 13
        design = sheet(out, "design").rows
        assert [(row["condition"], row["dose"], row["n_replicates"]) for row in design] == [
            ("control", 0, 3),
            ("drug", 2, 3),
        ]
        means = cells.groupby(["condition", "replicate"])["area_um2"].mean()
        replicates = sheet(out, "replicates").rows
        assert [row["area_um2"] for row in replicates] == pytest.approx(means.tolist())
        assert replicates[3]["total_cells"] == 18
        assert replicates[3]["n_cells"] == 6  # a picture, one of which has none
        legend = {row["column"]: row for row in sheet(out, "columns").rows}
        assert legend["area_um2"]["unit"] == "µm²"
        assert legend["counted"]["meaning"].startswith("Whether the cell counts")
        about = {row["what"]: row["value"] for row in sheet(out, "about").rows}
        assert (about["runs"], about["replicates_are"]) == ("run", "replicate")

    def test_text_is_text_and_gaps_are_empty(self, tmp_path: Path) -> None:
        out = tmp_path / "o.xlsx"
        cellwright.export(hostile(tmp_path / "t.csv"), out)
        found = sheet(out, "cells")
        assert found.formulas == 0
        assert "<hyperlink" not in found.xml
        assert {row["condition"] for row in found.rows} == {FORMULA, MARKUP, LONG}
        assert "perimeter_px" in found.names
        assert not any("perimeter_px" in row for row in found.rows)
        assert found.rows[2]["intensity_mean_a/b"] == "inf"
        assert found.rows[3]["intensity_mean_a/b"] == 2.0

    def test_more_than_a_sheet_holds_is_refused(
        self, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_xlsx, "MOST_ROWS", 7)
        with pytest.raises(UsageError, match=r"holds 7 rows .* there are 8 cells; .*parquet"):
            cellwright.export(small, tmp_path / "o.xlsx")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["small.csv"]


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


class TestPrism:
    def test_replicates_are_rows_and_conditions_columns(self, small: Path, tmp_path: Path) -> None:
        done = cellwright.export(small, tmp_path / "p", to="prism")
        assert [path.name for path in done.files] == ["area_px.csv", "area_px_by_dose.csv"]
        assert rows(tmp_path / "p" / "area_px.csv") == [
            ["replicate", "control", "drug"],
            ["a", "2.0", "15.0"],
            ["b", "6.0", "40.0"],
        ]
        assert rows(tmp_path / "p" / "area_px_by_dose.csv") == [
            ["dose (uM)", "a", "b"],
            ["0.0", "2.0", "6.0"],
            ["2.5", "15.0", "40.0"],
        ]

    def test_each_compound_has_its_doses_and_the_reference_is_dose_0(self, tmp_path: Path) -> None:
        path = table_of(
            tmp_path / "t.csv",
            condition=["none", "x_100nM", "x_1uM", "y_3ng"],
            area_px=[1.0, 2, 3, 4],
            replicate=["1"] * 4,
        )
        cellwright.export(path, tmp_path / "p", to="prism", reference="none")
        assert rows(tmp_path / "p" / "area_px_by_dose_x.csv") == [
            ["dose (nM)", "1"], ["0.0", "1.0"], ["100.0", "2.0"], ["1000.0", "3.0"],
        ]  # fmt: skip
        assert rows(tmp_path / "p" / "area_px_by_dose_y.csv") == [
            ["dose (ng)", "1"],
            ["0.0", "1.0"],
            ["3.0", "4.0"],
        ]

    def test_hostile_names(self, tmp_path: Path) -> None:
        cellwright.export(hostile(tmp_path / "t.csv"), tmp_path / "p", to="prism")
        names = {path.name for path in (tmp_path / "p").iterdir()}
        assert "intensity_mean_a_b.csv" in names
        found = rows(tmp_path / "p" / "area_px.csv")
        assert found[0] == ["replicate", "'" + FORMULA, MARKUP, LONG]
        assert [row[0] for row in found[1:]] == ["'-2", "1", "'@r"]
        assert found[1][1:] == ["", "5.0", ""]

    def test_cells_are_no_replicates(self, tmp_path: Path) -> None:
        path = table_of(tmp_path / "t.csv", condition=["a", "b"], area_px=[1.0, 2.0])
        with pytest.raises(UsageError, match="no replicate is known"):
            cellwright.export(path, tmp_path / "p", to="prism")
        assert not (tmp_path / "p").exists()


class TestTables:
    @pytest.mark.parametrize("ending", ["csv", "parquet"])
    def test_one_run_comes_back_as_it_was(self, run: Path, tmp_path: Path, ending: str) -> None:
        out = tmp_path / f"o.{ending}"
        cellwright.export(run, out, reference="control")
        cells, found = read_table(run / "cells.parquet"), read_table(out)
        assert list(found.columns[:8]) == [
            "run", "image", "frame", "object", "label", "labels", "condition", "replicate",
        ]  # fmt: skip
        assert set(cells.columns) <= set(found.columns)
        for name in cells:
            assert found[name].tolist() == pytest.approx(cells[name].tolist(), nan_ok=True)
        assert set(zip(found["condition"], found["dose"], strict=True)) == {
            ("control", 0.0),
            ("drug", 2.0),
        }

    def test_runs_of_different_columns_are_joined(self, run: Path, tmp_path: Path) -> None:
        shutil.copytree(run, tmp_path / "week2")
        cells = read_table(run / "cells.csv").drop(columns="touches_border").assign(note="=2")
        (tmp_path / "week2" / "cells.parquet").unlink()
        cells.to_csv(tmp_path / "week2" / "cells.csv", index=False)
        for ending in ("csv", "parquet"):
            out = tmp_path / f"o.{ending}"
            done = cellwright.export([run, tmp_path / "week2"], out, mixed=True)
            assert "taken as different ones" in " ".join(done.remarks)
            found = read_table(out)
            assert len(found) == 216
            assert set(found["replicate"]) == {f"{r}/{n}" for r in ("run", "week2") for n in "123"}
            assert set(found["note"]) == {"", "=2"}
            assert found["touches_border"].isna().sum() == 108

    def test_a_table_keeps_its_own_runs(self, tmp_path: Path) -> None:
        path = table_of(tmp_path / "t.csv", run=["u", "v"], condition=["a", "b"], area_px=[1.0, 2])
        cellwright.export(path, tmp_path / "o.csv")
        assert read_table(tmp_path / "o.csv")["run"].tolist() == ["u", "v"]

    def test_some_features_and_excluded_pictures(self, run: Path, tmp_path: Path) -> None:
        samples = tmp_path / "s.csv"
        told = [
            f"{image},{image[:4]},{image[-6]},{'yes' if '1' in image else ''}"
            for image in read_table(run / "images.csv")["image"]
        ]
        samples.write_text("\n".join(["image,condition,replicate,exclude", *told, ""]), "utf-8")
        out = tmp_path / "o.csv"
        done = cellwright.export(run, out, samples=samples, features=("area_um2",))
        found = read_table(out)
        assert (done.n_cells, done.n_pictures) == (len(found), 8)
        assert set(found["condition"]) == {"cont", "drug"}
        assert "area_um2" in found
        assert not {"area_px", "solidity"} & set(found)


def empty_run(folder: Path) -> Path:
    (folder / "pictures").mkdir()
    Pillow.fromarray(discs([])).save(folder / "pictures" / "none.png")
    samples = folder / "samples.csv"
    samples.write_text("image,condition,replicate\nnone.png,c,1\n", "utf-8")
    cellwright.analyze(
        folder / "pictures", folder / "run", method="threshold", samples=samples,
        make_executor=threads,
    )  # fmt: skip
    return folder / "run"


def test_a_run_without_cells_is_exported(tmp_path: Path) -> None:
    run = empty_run(tmp_path)
    for ending in ("h5ad", "xlsx", "csv", "parquet"):
        assert cellwright.export(run, tmp_path / f"o.{ending}").n_cells == 0
    assert len(read_table(tmp_path / "o.parquet")) == 0
    assert sheet(tmp_path / "o.xlsx", "replicates").rows[0]["n_cells"] == 0
    with h5py.File(tmp_path / "o.h5ad") as file:
        assert file["X"].shape == (0, 0)
    cellwright.export(run, tmp_path / "p", to="prism")
    assert rows(tmp_path / "p" / "n_cells.csv") == [["replicate", "c"], ["1", "0.0"]]


def test_the_same_cells_have_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        for ending in ("h5ad", "xlsx", "csv", "parquet"):
            cellwright.export(run, tmp_path / folder / f"o.{ending}")
        time.sleep(1.1)  # formats hold times in seconds
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_nothing_is_written_over_but_by_force(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.csv"
    out.write_text("mine", "utf-8")
    with pytest.raises(UsageError, match=r"something already; .* --force"):
        cellwright.export(small, out)
    assert out.read_text("utf-8") == "mine"
    cellwright.export(small, out, force=True)
    assert len(read_table(out)) == 8
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine", "utf-8")
    with pytest.raises(UsageError, match="something already"):
        cellwright.export(small, folder, to="prism")
    cellwright.export(small, folder, to="prism", force=True)
    assert (folder / "notes.txt").read_text("utf-8") == "mine"
    assert (folder / "area_px.csv").is_file()


@pytest.mark.parametrize(
    ("out", "options", "words"),
    [
        ("o.txt", {}, r"ends in none of \.h5ad, \.xlsx, \.csv, \.parquet"),
        ("o.csv", {"to": "xlsx"}, r"an Excel workbook ends in \.xlsx; call it o\.xlsx"),
        ("o.csv", {"to": "prism"}, "makes a folder"),
        ("small.csv", {"force": True}, "written into what is exported"),
        ("o.csv", {"to": "word"}, "--to: Input should be"),
        ("o.csv", {"features": ("label",)}, "nothing called 'label'"),
        ("o.csv", {"reference": "z"}, "no condition 'z'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    small: Path, tmp_path: Path, out: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        cellwright.export(small, tmp_path / out, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["small.csv"]


def test_what_is_read_is_not_written_over_even_by_force(small: Path, tmp_path: Path) -> None:
    before = small.read_bytes()
    with pytest.raises(UsageError, match="written into what is exported"):
        cellwright.export(small, tmp_path, to="prism", force=True)
    samples = table_of(tmp_path / "s.csv", image=["a"], condition=["x"])
    with pytest.raises(UsageError, match="written into what is exported"):
        cellwright.export(small, samples, samples=samples, force=True)
    assert small.read_bytes() == before


def test_columns_of_any_type_are_exported(tmp_path: Path) -> None:
    day = pd.Timestamp("2024-05-01 12:00")
    table = pd.DataFrame(
        {
            "condition": pd.Categorical(["c", "x"]), "area_px": [1.5, 2.5],
            "taken": [day, pd.NaT], "after": [pd.Timedelta(hours=1), pd.NaT],
            "small": pd.array([1, None], dtype="Int32"),
        }
    )  # fmt: skip
    fastparquet.write(str(tmp_path / "t.parquet"), table)
    for ending in ("h5ad", "xlsx", "csv", "parquet"):
        cellwright.export(tmp_path / "t.parquet", tmp_path / f"o.{ending}")
    found = read_table(tmp_path / "o.parquet")
    assert found["taken"].tolist() == ["2024-05-01 12:00:00", ""]
    assert found["small"].isna().tolist() == [False, True]


def test_a_feature_may_not_have_the_name_of_another_column(tmp_path: Path) -> None:
    path = table_of(
        tmp_path / "t.csv", condition=list("cx"), replicate=list("11"), total_cells=[1.0, 2.0]
    )
    with pytest.raises(UsageError, match="called total_cells already"):
        cellwright.export(path, tmp_path / "p", to="prism", features=("total_cells",))
    assert not (tmp_path / "p").exists()


def test_a_number_of_pictures_is_no_column_of_cells(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="n_cells is a number of a picture"):
        cellwright.export(run, tmp_path / "o.h5ad", features=("n_cells",))
    with pytest.raises(UsageError, match="written into what is exported"):
        cellwright.export(run, run / "o.h5ad")


def test_a_missing_extra_is_named(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'needs xlsxwriter.*pip install "cellwright\[export\]"'):
        cellwright.export(small, tmp_path / "o.xlsx")
    cellwright.export(small, tmp_path / "o.csv")


def test_the_command_line(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["export", str(small), "--out", str(tmp_path / "o.xlsx")]
    assert run_app(asked) == 0
    assert "8 cells of 4 pictures" in capsys.readouterr().out
    assert run_app(asked) == 2
    assert "--force" in capsys.readouterr().err
    assert run_app([*asked, "--force", "--json", "--to", "xlsx"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["to"], found["cells"], found["features"]) == ("xlsx", 8, ["area_px"])
