from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image as Pillow
from tests.e2e.conftest import GRID, Command, analyze, discs, facts, outputs, threads

import cellwright
from cellwright.core.errors import RunError, UsageError
from cellwright.io.cells import read_table


def test_a_folder_of_pictures_becomes_labels_tables_and_a_report(pictures: Path) -> None:
    run = analyze(pictures, pictures.parent / "run")

    images = run.images.set_index("image")
    assert images["n_cells"].to_dict() == {
        "five.png": 5, "movie.tif": 9, "nine.png": 9, "sub/four.png": 4,
    }  # fmt: skip
    assert set(images["status"]) == {"done"}
    assert images.loc["sub/four.png", "labels"] == "labels/sub/four.tif"
    assert len(run.cells) == 27
    assert run.report.read_text(encoding="utf-8").startswith("<!")
    for name in ("methods.md", "recipe.toml", "run.json", "cells.csv", "cells.parquet"):
        assert (run.path / name).stat().st_size > 0


def test_a_movie_has_rows_for_each_frame_and_its_own_pixel_size(pictures: Path) -> None:
    run = analyze(pictures, pictures.parent / "run")

    movie = run.cells[run.cells["image"] == "movie.tif"]
    still = run.cells[run.cells["image"] == "nine.png"]
    assert movie.groupby("frame").size().to_dict() == {0: 4, 1: 3, 2: 2}
    assert movie.groupby("frame")["time_s"].first().tolist() == [0.0, 300.0, 600.0]
    assert still["time_s"].isna().all()
    np.testing.assert_allclose(movie["area_um2"], movie["area_px"] / 4)
    assert still["area_um2"].isna().all()
    labels = run.labels("movie.tif")
    assert labels.axes == "TYX"
    assert labels.spacing.square == pytest.approx(0.5)
    assert [labels.frame(t).count for t in range(3)] == [4, 3, 2]


def test_labels_on_disk_are_16_bit_and_match_the_table(pictures: Path) -> None:
    run = analyze(pictures, pictures.parent / "run")

    on_disk = tifffile.imread(run.path / "labels" / "nine.tif")
    nine = run.cells[run.cells["image"] == "nine.png"].set_index("label")
    assert on_disk.dtype == np.uint16
    assert nine["area_px"].to_dict() == {n: float((on_disk == n).sum()) for n in range(1, 10)}


def test_csv_and_parquet_hold_the_same_cells(pictures: Path) -> None:
    run = analyze(pictures, pictures.parent / "run")

    pd.testing.assert_frame_equal(
        read_table(run.path / "cells.csv"),
        read_table(run.path / "cells.parquet"),
        check_dtype=False,
        rtol=1e-12,
    )


def test_samples_give_conditions_and_leave_pictures_out(pictures: Path) -> None:
    table = pictures.parent / "samples.csv"
    table.write_text(
        "image,condition,replicate,exclude,exclude_reason\n"
        "nine.png,drug,1,,\nfive.png,control,1,,\nmovie.tif,control,2,yes,out of focus\n"
    )

    run = analyze(pictures, pictures.parent / "run", samples=table)

    images = run.images.set_index("image")
    assert images.loc["nine.png", "condition"] == "drug"
    assert images.loc["movie.tif", "status"] == "skipped"
    assert "out of focus" in str(images.loc["movie.tif", "reason"])
    assert run.cells.groupby("condition").size().to_dict() == {"": 4, "control": 5, "drug": 9}


def test_filters_remove_cells_without_renumbering_and_are_counted(pictures: Path) -> None:
    run = analyze(pictures, pictures.parent / "run", filter=["centroid_y_px=50:"])

    kept = run.cells[run.cells["image"] == "nine.png"]
    assert kept["label"].tolist() == [4, 5, 6, 7, 8, 9]
    assert run.labels("nine.png").count == 6
    # of 27 discs, three stand above row 50 in each plane but in the movie's last frame
    assert run.record["filters"] == [
        {"condition": "", "rule": "centroid_y_px=50:", "removed": 3 * 5 + 2}
    ]
    assert len(run.cells) == 27 - 17


def test_the_same_command_gives_the_same_bytes_anywhere(
    pictures: Path, cellwright: Command
) -> None:
    first, second = pictures.parent / "first", pictures.parent / "another name" / "second"

    cellwright("analyze", pictures, "--out", first, "--workers", 1)
    cellwright("analyze", pictures, "--out", second, "--workers", 2, "--memory", "3GB")

    assert outputs(first) == outputs(second)
    assert {"report.html", "cells.csv", "cells.parquet", "run.json"} <= outputs(first).keys()


def test_one_changed_picture_recomputes_only_itself(pictures: Path) -> None:
    out = pictures.parent / "run"
    first = analyze(pictures, out).summary
    again = analyze(pictures, out).summary
    Pillow.fromarray(discs(GRID[:7])).save(pictures / "five.png")
    changed = analyze(pictures, out)

    assert first is not None
    assert first.reused == 0
    assert again is not None
    assert again.computed == 0
    assert again.reused == first.computed
    assert changed.summary is not None
    steps = changed.summary.by_step
    computed = {name: counts["computed"] for name, counts in steps.items() if name != "preview"}
    assert computed == {"planes": 1, "quality": 1, "segment": 1, "measure": 1, "view": 1}
    assert changed.images.set_index("image").loc["five.png", "n_cells"] == 7


def test_a_picture_saved_again_with_the_same_pixels_computes_nothing(pictures: Path) -> None:
    out = pictures.parent / "run"
    analyze(pictures, out)
    Pillow.open(pictures / "nine.png").save(pictures / "nine.png", compress_level=0)

    again = analyze(pictures, out).summary

    assert again is not None
    computed = {name: counts["computed"] for name, counts in again.by_step.items()}
    assert computed == {
        "measure": 0, "planes": 1, "preview": 0, "quality": 0, "segment": 0, "view": 0,
    }  # fmt: skip


def test_a_recipe_repeats_a_run(pictures: Path, cellwright: Command) -> None:
    first, second = pictures.parent / "first", pictures.parent / "second"
    cellwright(
        "analyze", pictures, "--out", first, "--filter", "area=30:", "--diameter", "18px",
        "--pixel-size", "0.5um",
    )  # fmt: skip

    cellwright("analyze", pictures, "--recipe", first / "recipe.toml", "--out", second)

    assert outputs(first) == outputs(second)


def test_outputs_of_inputs_that_are_gone_are_set_aside(pictures: Path) -> None:
    out = pictures.parent / "run"
    analyze(pictures, out)
    (pictures / "nine.png").unlink()

    run = analyze(pictures, out)

    assert "nine.png" not in set(run.images["image"])
    assert not (out / "labels" / "nine.tif").exists()
    assert (out / ".work" / "orphans" / "labels" / "nine.tif").exists()


def test_limit_tries_a_few_and_the_rest_follows(pictures: Path) -> None:
    out = pictures.parent / "run"

    few = analyze(pictures, out, limit=2).images
    everything = analyze(pictures, out)

    assert len(few) == 2
    assert len(everything.images) == 4
    assert everything.summary is not None
    assert everything.summary.by_step["segment"] == {"computed": 2, "reused": 4}


def test_report_again_is_the_same_page(pictures: Path, cellwright: Command) -> None:
    out = pictures.parent / "run"
    cellwright("analyze", pictures, "--out", out)
    before = outputs(out)
    (out / "report.html").unlink()

    cellwright("report", out)

    assert outputs(out) == before


def test_segment_then_measure_agrees_with_analyze(pictures: Path) -> None:
    whole = analyze(pictures, pictures.parent / "whole")
    found = cellwright.segment(
        pictures, pictures.parent / "found", method="threshold", make_executor=threads
    )
    measured = cellwright.measure(
        pictures, found.path / "labels", pictures.parent / "measured", make_executor=threads
    )

    assert not (found.path / "cells.csv").exists()
    assert outputs(found.path)["labels/movie.tif"] == outputs(whole.path)["labels/movie.tif"]
    pd.testing.assert_frame_equal(measured.cells, whole.cells)


def test_json_and_dry_run_speak_to_programs(pictures: Path, cellwright: Command) -> None:
    out = pictures.parent / "run"

    planned = facts(cellwright("analyze", pictures, "--out", out, "--dry-run", "--json"))
    assert not out.exists()
    done = facts(cellwright("analyze", pictures, "--out", out, "--json"))

    assert planned["inputs"] == 4
    assert planned["frames"] == 6
    assert done["inputs"] == 4
    assert done["cells"] == 27
    assert done["steps"]["computed"] > 0
    assert done["steps"]["reused"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "magic"], "choose network, threshold, watershed"),
        (["--set", "colour=blue"], "no option 'colour'"),
        (["--set", "smoothing"], "NAME=VALUE"),
        (["--filter", "beauty=1:"], "beauty"),
        (["--quality", "beauty=1:2"], "beauty"),
        (["--pixel-size", "0.5"], "0.65um"),
        (["--memory", "lots"], "4GB"),
        (["--workers", "0"], "workers"),
        (["--device", "cuda"], "--device"),
        (["--channel", "GFP"], "GFP"),
        (["--recipe", "nothing.toml"], "nothing.toml"),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_starts(
    pictures: Path, cellwright: Command, arguments: list[str], words: str
) -> None:
    out = pictures.parent / "run"
    pictures_with_channels = pictures
    if "--channel" in arguments:
        pictures_with_channels = pictures.parent / "channels"
        pictures_with_channels.mkdir()
        tifffile.imwrite(
            pictures_with_channels / "a.tif",
            np.stack([discs(GRID), discs(GRID[:2])]),
            imagej=True,
            metadata={"axes": "CYX", "Labels": ["DAPI", "RFP"]},
        )

    done = cellwright("analyze", pictures_with_channels, "--out", out, *arguments, code=2)

    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (out / "cells.csv").exists()


def test_several_channels_and_none_chosen_lists_them(tmp_path: Path) -> None:
    two = np.stack([discs(GRID), discs(GRID[:2])])
    tifffile.imwrite(tmp_path / "two.tif", two, imagej=True, metadata={"axes": "CYX"})

    with pytest.raises(UsageError, match=r"2 channels.*--channel.*0, 1"):
        analyze(tmp_path / "two.tif", tmp_path / "run")

    run = analyze(tmp_path / "two.tif", tmp_path / "run", channel="1")
    assert run.images["n_cells"].tolist() == [2]
    assert {"intensity_mean_0", "intensity_mean_1"} <= set(run.cells.columns)


def test_a_nuclear_channel_is_guessed_and_said(tmp_path: Path) -> None:
    two = np.stack([discs(GRID[:2]), discs(GRID)])
    tifffile.imwrite(
        tmp_path / "two.ome.tif",
        two,
        metadata={"axes": "CYX", "Channel": {"Name": ["GFP", "Hoechst 33342"]}},
    )

    run = analyze(tmp_path / "two.ome.tif", tmp_path / "run")

    assert run.images["n_cells"].tolist() == [9]
    assert "Hoechst 33342" in run.images["notes"].iloc[0]


def test_a_stack_is_projected_and_said(tmp_path: Path) -> None:
    stack = np.stack([discs(GRID[:2]), discs(GRID[2:5]), discs([])])
    tifffile.imwrite(tmp_path / "z.tif", stack, imagej=True, metadata={"axes": "ZYX"})

    run = analyze(tmp_path / "z.tif", tmp_path / "run")

    assert run.images["n_cells"].tolist() == [5]
    assert "3 planes became one plane by its max" in run.images["notes"].iloc[0]


def test_no_pictures_is_exit_code_3(tmp_path: Path, cellwright: Command) -> None:
    (tmp_path / "empty").mkdir()

    done = cellwright("analyze", tmp_path / "empty", "--out", tmp_path / "run", code=3)

    assert "no picture" in done.stderr


def test_the_output_may_not_lie_on_the_pictures(pictures: Path) -> None:
    before = sorted(p.name for p in pictures.rglob("*"))

    with pytest.raises(UsageError, match="among the pictures"):
        analyze(pictures, pictures)

    assert sorted(p.name for p in pictures.rglob("*")) == before


def test_a_finished_run_inside_the_pictures_is_not_taken_for_pictures(pictures: Path) -> None:
    analyze(pictures, pictures / "run")

    again = analyze(pictures, pictures / "run")
    other = analyze(pictures, pictures.parent / "other")

    assert again.summary is not None
    assert again.summary.computed == 0
    assert set(other.images.loc[other.images["status"] == "done", "image"]) == {
        "five.png", "movie.tif", "nine.png", "sub/four.png",
    }  # fmt: skip


def test_names_that_would_collide_are_kept_apart(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in ("same.png", "same.bmp", "sub/same.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(discs(GRID[:2])).save(folder / "same.png")
    Pillow.fromarray(discs(GRID[:3])).save(folder / "same.bmp")
    Pillow.fromarray(discs(GRID[:4])).save(folder / "sub" / "same.png")

    run = analyze(folder, tmp_path / "run")

    images = run.images.set_index("image")
    assert images["labels"].to_dict() == {
        "same.bmp": "labels/same.bmp.tif",
        "same.png": "labels/same.png.tif",
        "sub/same.png": "labels/sub/same.tif",
    }
    assert [run.labels(i).count for i in ("same.png", "same.bmp", "sub/same.png")] == [2, 3, 4]


def test_a_run_folder_of_a_newer_version_is_refused(pictures: Path) -> None:
    out = pictures.parent / "run"
    (out / ".work").mkdir(parents=True)
    (out / ".work" / "journal.jsonl").write_text(
        json.dumps({"format": "cellwright-journal", "version": 2}) + "\n"
    )

    with pytest.raises(RunError, match="newer version"):
        analyze(pictures, out)


def test_every_verb_says_what_it_would_do(pictures: Path, cellwright: Command) -> None:
    out = pictures.parent / "out"

    segmented = cellwright("segment", pictures, "--out", out, "--dry-run")
    measured = cellwright("measure", pictures, pictures, "--out", out, "--dry-run")

    for done in (segmented, measured):
        assert "'nine.png': 1 frame(s), channel 0, no pixel size" in done.stdout
        assert "nothing was written" in done.stdout
    assert not out.exists()
