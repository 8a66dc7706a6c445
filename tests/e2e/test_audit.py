"""An audit from its dealing to the report: blinded, judged, joined with its key."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import fastparquet
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from tests.e2e.conftest import GRID, Command, discs, facts, outputs, threads

import cellwright
from cellwright.core.errors import CellwrightError, UnreadableError, UsageError
from cellwright.io.cells import read_table

HOSTILE = {"control": "<b>control</b>", "drug": "\"drug\" & 'more'; =1+1"}
MARK = "zebra<i>'&"
"""In the name of each picture."""


def analysed(folder: Path) -> Path:
    """A run of two conditions with three days each, whose names could break a page."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    rows = ["image,condition,replicate"]
    for condition, said in HOSTILE.items():
        for day in (1, 2, 3):
            for field in "ab":
                name = f"{MARK}{condition}_{day}{field}.png"
                plane = discs(GRID if condition == "control" else GRID[:6], 8)
                plane[0, 0] = 10 * day + (field == "b")  # no picture twice
                Pillow.fromarray(plane).save(pictures / name)
                quoted = said.replace('"', '""')
                rows.append(f'{name},"{quoted}",day{day}giraffe')
    samples = folder / "samples.csv"
    samples.write_text("\n".join(rows) + "\n", "utf-8")
    cellwright.analyze(
        pictures, folder / "run", method="threshold", samples=samples, make_executor=threads
    )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return analysed(tmp_path_factory.mktemp("audited"))


@pytest.fixture
def dealt(folder: Path, tmp_path: Path) -> Path:
    cellwright.audit(folder / "run", folder / "pictures", tmp_path / "audit", fields=6, cells=24)
    return tmp_path / "audit"


def key_of(audit: Path) -> dict[str, Any]:
    key: dict[str, Any] = json.loads((audit / "key.json").read_text("utf-8"))
    return key


def answered(audit: Path, /, **changed: Any) -> Path:
    """All outlines right; under the drug a third of the cells was missed."""
    key = key_of(audit)
    fields = {
        str(number): {
            "state": "done",
            "wrong": [],
            "missed": [] if "control" in field["condition"] else [[1.5, 2], [3, 4], [5, 6]],
        }
        for number, field in enumerate(key["fields"], 1)
    }
    cells = {str(number): "right" for number in range(1, len(key["cells"]) + 1)}
    content = {
        "format": "cellwright-audit-answers", "version": 1, "audit": key["audit"],
        "fields": fields, "cells": cells, **changed,
    }  # fmt: skip
    path = audit / "answers.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_it_is_dealt_evenly(dealt: Path) -> None:
    key = key_of(dealt)
    for what, each in (("fields", 1), ("cells", 4)):
        strata = Counter((one["condition"], one["replicate"]) for one in key[what])
        assert set(strata.values()) == {each}
        assert len(strata) == 6
    assert len({(one["image"], one["label"]) for one in key["cells"]}) == 24
    order = [one["condition"] for one in key["cells"]]
    assert order != sorted(order)
    assert order != sorted(order, reverse=True)


def test_the_page_tells_nothing_of_where_it_is_from(dealt: Path) -> None:
    page = (dealt / "audit.html").read_text("utf-8")
    key = key_of(dealt)
    for word in ("control", "drug", "zebra", "giraffe", "day1", ".png", "pictures/", key["run"]):
        assert word not in page, word
    assert key["audit"] in page
    assert page.count("<article") == 30


def test_equal_runs_and_options_deal_equally_and_another_seed_otherwise(
    folder: Path, dealt: Path, tmp_path: Path
) -> None:
    def again(out: Path, **options: Any) -> dict[str, str]:
        cellwright.audit(folder / "run", folder / "pictures", out, fields=6, cells=24, **options)
        return outputs(out)

    assert again(tmp_path / "again") == outputs(dealt)
    assert again(dealt) == outputs(dealt)  # the same audit may be written again
    assert again(tmp_path / "other", seed=1) != outputs(dealt)
    with pytest.raises(UsageError, match="another audit is in this folder"):
        again(dealt, seed=1)


def test_answers_become_rates_and_a_corrected_effect(folder: Path, dealt: Path) -> None:
    done = cellwright.read_audit(
        folder / "run", answered(dealt), dealt, reference=HOSTILE["control"]
    )
    table = read_table(dealt / "audit.csv").set_index(["condition", "kind"])
    assert table.loc[(HOSTILE["drug"], "missed"), "count"] == 9
    assert table.loc[(HOSTILE["drug"], "missed"), "rate"] == pytest.approx(9 / 27)
    assert table.loc[(HOSTILE["control"], "missed"), "rate"] == 0
    assert (table.xs("missed", level="kind")["differs"] == "yes").all()
    assert (table.xs("split", level="kind")["differs"] == "not seen").all()
    counts = read_table(dealt / "audit_counts.csv").set_index("condition")
    drug = counts.loc[HOSTILE["drug"]]
    assert (drug["count"], drug["corrected"]) == (6, 9)
    assert drug["percent"] == pytest.approx(-100 / 3)
    assert drug["corrected_percent"] == pytest.approx(0)
    record = json.loads((dealt / "audit.json").read_text("utf-8"))
    assert (record["format"], record["judged"]) == ("cellwright-audit", {"fields": 6, "cells": 24})
    assert done.remarks == ()
    assert not (folder / "run" / "audit").exists()


def test_incomplete_and_unsure_answers_are_counted_as_such(folder: Path, dealt: Path) -> None:
    path = answered(
        dealt,
        fields={"1": {"state": "open", "missed": [], "wrong": []}, "2": {"state": "unsure"}},
        cells={"1": "right", "2": "unsure", "5": "split"},
    )
    done = cellwright.read_audit(folder / "run", path, dealt)
    assert done.judged == {"fields": 0, "cells": 2}
    assert "5 fields and 21 cells were not judged" in done.remarks[0]
    assert "were passed over" in done.remarks[0]  # cells 3 and 4, before 5
    assert "of 2 nobody could tell" in done.remarks[1]
    assert done.counts["corrected"].isna().all()


def test_answers_that_end_early_stand_for_the_rest(folder: Path, dealt: Path) -> None:
    path = answered(dealt, fields={}, cells={"1": "right", "2": "merged"})
    done = cellwright.read_audit(folder / "run", path, dealt)
    assert "22 cells were not judged; as they were dealt in random order" in done.remarks[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"audit": "0" * 32}, "another audit"),
        ({"cells": {}, "fields": {}}, "nothing was judged"),
        ({"cells": {"25": "right"}}, "no number 25"),
        ({"cells": {"1": "wrong_type"}}, "the cells have none"),
        ({"cells": {"1": "<script>"}}, "no answers to an audit"),
        ({"version": 2}, "no answers to an audit"),
        ({"fields": {"1": {"state": "done", "missed": [[1, 9e9]], "wrong": []}}}, "outside"),
        ({"fields": {"1": {"state": "done", "missed": [], "wrong": [99]}}}, "outside"),
        ({"fields": {"1": {"state": "done", "missed": [], "wrong": [1, 1]}}}, "twice"),
        ({"fields": {"1": {"state": "done", "missed": [[1, -1]], "wrong": []}}}, "no answers"),
    ],
)
def test_answers_that_make_no_sense_are_refused(
    folder: Path, dealt: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(CellwrightError, match=message):
        cellwright.read_audit(folder / "run", answered(dealt, **changed), dealt)
    assert not (dealt / "audit.csv").exists()


def test_a_changed_key_or_run_is_refused(folder: Path, dealt: Path, tmp_path: Path) -> None:
    path = answered(dealt)
    other = shutil.copytree(folder / "run", tmp_path / "run")
    with (other / "cells.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(UsageError, match="not the one that was audited"):
        cellwright.read_audit(other, path, dealt)
    key = key_of(dealt)
    key["cells"][0]["condition"] = HOSTILE["drug"]
    key["cells"][1]["condition"] = HOSTILE["drug"]
    key["cells"][2]["condition"] = HOSTILE["drug"]
    (dealt / "key.json").write_text(json.dumps(key), "utf-8")
    with pytest.raises(UnreadableError, match="changed since the audit was dealt"):
        cellwright.read_audit(folder / "run", path, dealt)


def test_pictures_and_labels_must_be_those_of_the_run(folder: Path, tmp_path: Path) -> None:
    pictures = shutil.copytree(folder / "pictures", tmp_path / "pictures")
    for file in pictures.iterdir():
        Pillow.fromarray(discs(GRID, 5)).save(file)
    with pytest.raises(UsageError, match="not the picture that was analysed"):
        cellwright.audit(folder / "run", pictures, tmp_path / "a", fields=1, cells=1)
    run = shutil.copytree(folder / "run", tmp_path / "run")
    for file in (run / "labels").glob("*.tif"):
        tifffile.imwrite(file, np.zeros((128, 128), np.uint16))
    with pytest.raises(UsageError, match="not those that were measured"):
        cellwright.audit(run, folder / "pictures", tmp_path / "b", fields=1, cells=1)
    (tmp_path / "few").mkdir()
    shutil.copy(next(folder.glob("pictures/*_1a.png")), tmp_path / "few")
    with pytest.raises(UsageError, match="not among those of --images"):
        cellwright.audit(folder / "run", tmp_path / "few", tmp_path / "c")


def test_the_run_keeps_it_and_shows_it_if_told(folder: Path, dealt: Path, tmp_path: Path) -> None:
    run = shutil.copytree(folder / "run", tmp_path / "run")
    cellwright.read_audit(
        run, answered(dealt), dealt, reference=HOSTILE["control"], into_report=True
    )
    for name in ("audit.csv", "audit_counts.csv", "audit.json"):
        assert (run / "audit" / name).read_bytes() == (dealt / name).read_bytes()
    page = (run / "report.html").read_text("utf-8")
    assert 'id="audit"' in page
    assert "Outlines are not equally good in all conditions: missed." in page
    assert "&lt;b&gt;control&lt;/b&gt;" in page
    assert "<b>control</b>" not in page
    assert page.index('id="audit"') < page.index('id="counts"')
    before = outputs(run)
    cellwright.report(run)
    assert outputs(run) == before

    with (run / "cells.csv").open("a") as file:
        file.write("\n")
    cellwright.report(run)
    assert "The run has changed since this audit" in (run / "report.html").read_text("utf-8")


def test_movies_and_runs_without_conditions(pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    cellwright.analyze(pictures, run, method="threshold", make_executor=threads)
    dealt = cellwright.audit(run, pictures, tmp_path / "audit", fields=4, cells=27)
    assert (dealt.fields, dealt.cells) == (4, 27)
    key = key_of(tmp_path / "audit")
    assert {one["frame"] for one in key["cells"]} == {0, 1, 2}
    assert "no condition is known: rates are of the whole run" in dealt.remarks
    images = read_table(run / "images.csv")  # a longer movie has no more cells
    assert key["counts"][""][""] == pytest.approx((images["n_cells"] / images["frames"]).mean())
    assert images["frames"].max() > 1
    done = cellwright.read_audit(run, answered(tmp_path / "audit"), tmp_path / "audit")
    assert set(done.rates["condition"]) == {""}


def test_types_of_cells_are_shown_and_may_be_called_wrong(folder: Path, tmp_path: Path) -> None:
    run = shutil.copytree(folder / "run", tmp_path / "run")
    cells = read_table(run / "cells.parquet")
    cells["class"] = ["<b>round</b>", "flat"] * (len(cells) // 2)
    fastparquet.write(str(run / "cells.parquet"), cells)
    audit = tmp_path / "audit"
    cellwright.audit(run, folder / "pictures", audit, fields=1, cells=12)
    page = (audit / "audit.html").read_text("utf-8")
    assert "found as <b>&lt;b&gt;round&lt;/b&gt;</b>" in page
    said = {str(n): "wrong_type" if n < 4 else "right" for n in range(1, 13)}
    done = cellwright.read_audit(run, answered(audit, cells=said), audit)
    wrong = done.rates[done.rates["kind"] == "wrong_type"]
    assert (wrong["count"].sum(), wrong["n"].sum()) == (3, 12)


def test_a_large_picture_is_read_in_windows_and_shown_as_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    other = discs([(60, 60)], 20)
    stack = np.stack([other, discs(GRID, 8)]).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "in" / "scan.ome.tif", stack, ome=True, photometric="minisblack",
        metadata={"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}},
    )  # fmt: skip

    def page(name: str) -> str:
        run = tmp_path / name / "run"
        cellwright.analyze(tmp_path / "in", run, method="threshold", make_executor=threads)
        cellwright.audit(run, tmp_path / "in", tmp_path / name / "audit", fields=2, cells=9)
        text = (tmp_path / name / "audit" / "audit.html").read_text("utf-8")
        return text.replace(key_of(tmp_path / name / "audit")["audit"], "")

    whole = page("whole")
    for module in ("large_plane", "plan", "gallery"):
        monkeypatch.setattr(f"cellwright.pipeline.{module}.LARGE_PIXELS", 10_000)
    assert page("large") == whole
    assert (tmp_path / "large" / "run" / "labels" / "scan.ome.zarr").is_dir()


def test_by_the_command_line(folder: Path, tmp_path: Path, cellwright: Command) -> None:
    run, out = folder / "run", tmp_path / "audit"
    said = cellwright("audit", run, "--images", folder / "pictures", "--out", out, "--fields", 3,
                      "--cells", 900)  # fmt: skip
    assert "3 fields and 90 cells are dealt" in said.stdout
    assert "the run has only 90 cells to look at, where 900 were asked for" in said.stdout
    answers = answered(out)
    said = cellwright("audit", run, "--answers", answers, "--out", out)
    assert "judged: 3 of 3 fields, 90 of 90 cells" in said.stdout
    assert "name a condition with --reference" in said.stdout
    found = facts(cellwright("audit", run, "--answers", answers, "--out", out, "--json"))
    assert found["judged"] == {"fields": 3, "cells": 90}
    neither = cellwright("audit", run, "--out", out, code=2)
    assert "either the pictures or the answers" in neither.stderr
    cellwright("audit", run, "--answers", answers, "--out", out, "--cells", 5, code=2)
    cellwright("audit", run, "--images", run, "--out", out, "--into-report", code=2)
    cellwright("audit", run, "--answers", answers, "--out", out, "--reference", "x", code=2)
