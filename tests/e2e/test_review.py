"""Findings of a review, each a test of its own: wrong numbers, lost edits, unequal runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from tests.e2e.conftest import GRID, Command, analyze, discs, outputs, threads

import cellwright
from cellwright.core.errors import RunError, UsageError
from cellwright.engine.events import Event, PhaseFinished, StepFinished
from cellwright.io.cells import read_table


def two_channels(path: Path) -> None:
    """GFP with three discs, DAPI with seven: not in the order of the alphabet."""
    planes = np.stack([discs(GRID[:3]), discs(GRID[:7])])
    metadata = {"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}}
    tifffile.imwrite(path, planes, metadata=metadata)


def test_another_channel_in_the_same_run_gives_its_own_cells(tmp_path: Path) -> None:
    two_channels(tmp_path / "two.ome.tif")
    out = tmp_path / "run"
    counts = [
        analyze(
            tmp_path / "two.ome.tif", out, channel=channel
        ).images["n_cells"].tolist()
        for channel in ("0", "1", "GFP", "DAPI")
    ]  # fmt: skip

    assert counts == [[3], [7], [3], [7]]


def test_nothing_is_computed_twice_for_channels_and_colour(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    two_channels(folder / "two.ome.tif")
    colour = np.stack([discs(GRID[:3]), discs(GRID[:4]), discs([])], axis=-1)
    Pillow.fromarray(colour).save(folder / "colour.png")
    analyze(folder, tmp_path / "run", channel=None)
    before = outputs(tmp_path / "run")

    again = analyze(folder, tmp_path / "run").summary

    assert again is not None
    assert again.computed == 0
    assert outputs(tmp_path / "run") == before


def test_a_picture_that_changes_meanwhile_fails_and_is_right_the_next_time(
    pictures: Path,
) -> None:
    old = (pictures / "nine.png").read_bytes()

    def change(event: Event) -> None:
        if isinstance(event, PhaseFinished) and event.phase == "files":
            Pillow.fromarray(discs(GRID[:2])).save(pictures / "nine.png")

    out = pictures.parent / "run"
    first = analyze(pictures, out, listener=change).images
    (pictures / "nine.png").write_bytes(old)
    second = analyze(pictures, out).images

    row = first.set_index("image").loc["nine.png"]
    assert row["status"] == "failed"
    assert "changed while the run went on" in str(row["reason"])
    assert second.set_index("image").loc["nine.png", "n_cells"] == 9


def test_labels_edited_while_a_run_goes_on_are_not_lost(pictures: Path) -> None:
    out = pictures.parent / "run"
    analyze(pictures, out)
    Pillow.fromarray(discs(GRID[:8])).save(pictures / "nine.png")
    mine = np.zeros((128, 128), np.uint16)
    mine[5:9, 5:9] = 1

    def edit(event: Event) -> None:
        if isinstance(event, StepFinished) and event.image == "nine.png":
            tifffile.imwrite(out / "labels" / "nine.tif", mine)

    analyze(pictures, out, listener=edit)
    np.testing.assert_array_equal(tifffile.imread(out / "labels" / "nine.tif"), mine)
    run = analyze(pictures, out)

    assert run.images.set_index("image").loc["nine.png", "n_cells"] == 1


def test_one_label_image_for_several_pictures_is_refused(pictures: Path) -> None:
    found = cellwright.segment(
        pictures, pictures.parent / "found", method="threshold", make_executor=threads
    )

    with pytest.raises(UsageError, match="one label image for 4 pictures"):
        cellwright.measure(
            pictures, found.path / "labels" / "nine.tif", pictures.parent / "measured",
            make_executor=threads,
        )  # fmt: skip


def test_labels_with_another_number_of_frames_are_refused(pictures: Path, tmp_path: Path) -> None:
    found = cellwright.segment(
        pictures, tmp_path / "found", method="threshold", make_executor=threads
    )

    run = cellwright.measure(
        pictures / "nine.png", found.path / "labels" / "movie.tif", tmp_path / "measured",
        make_executor=threads,
    )  # fmt: skip

    assert run.images["status"].tolist() == ["failed"]
    assert "have 3 frames, the picture has 1" in run.images["reason"].iloc[0]


def test_measured_pictures_name_no_labels_and_keep_the_hash_of_those_given(
    pictures: Path, tmp_path: Path
) -> None:
    found = cellwright.segment(
        pictures, tmp_path / "found", method="threshold", make_executor=threads
    )
    run = cellwright.measure(pictures, found.path, tmp_path / "measured", make_executor=threads)

    assert set(run.images["labels"]) == {""}
    assert run.record["method"]["name"] == "given labels"
    assert all(len(entry["labels_sha256"]) == 64 for entry in run.record["inputs"])


def test_edits_of_filtered_labels_are_counted_against_what_was_shown(pictures: Path) -> None:
    out = pictures.parent / "run"
    rule = ["centroid_y_px=50:"]
    first = analyze(pictures, out, filter=rule)
    removed = first.record["filters"]
    labels = tifffile.imread(out / "labels" / "nine.tif")
    tifffile.imwrite(out / "labels" / "nine.tif", labels)  # saved again, nothing changed

    run = analyze(pictures, out, filter=rule)

    assert run.images["edited"].sum() == 0
    assert run.record["filters"] == removed


def scenes(path: Path) -> None:
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(discs(GRID[:2]), metadata={"axes": "YX", "Name": "first"})
        writer.write(discs(GRID[:5]), metadata={"axes": "YX", "Name": "second"})


def test_a_scene_is_counted_once_however_it_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    scenes(folder / "plate.ome.tif")

    run = analyze(
        [folder, f"{folder / 'plate.ome.tif'}::1", f"{folder / 'plate.ome.tif'}::second"],
        tmp_path / "run",
    )
    assert run.images["n_cells"].tolist() == [2, 5]
    assert run.images["image"].is_unique
    with pytest.raises(UsageError, match="no scene '99'"):
        analyze(
            [f"{folder / 'plate.ome.tif'}::1", f"{folder / 'plate.ome.tif'}::99"],
            tmp_path / "other",
        )


def test_a_table_may_name_scenes(tmp_path: Path) -> None:
    scenes(tmp_path / "plate.ome.tif")
    first = analyze(tmp_path / "plate.ome.tif", tmp_path / "a")
    name = first.images["image"].iloc[1]
    (tmp_path / "samples.csv").write_text(f"image,condition\n{name},drug\n")

    run = analyze(tmp_path / "samples.csv", tmp_path / "run")

    assert run.images[["image", "n_cells", "condition"]].values.tolist() == [[name, 5, "drug"]]


def test_rows_and_pictures_that_do_not_meet_are_said(pictures: Path) -> None:
    table = pictures.parent / "samples.csv"
    table.write_text("image,condition\nnine.pgn,drug\nfive.png,control\n")

    run = analyze(pictures, pictures.parent / "run", samples=table)

    said = " ".join(run.record["decisions"])
    assert "1 rows name no picture: nine.pgn (line 2)" in said
    assert "3 pictures have no row: movie.tif" in said


def test_several_tables_at_once_are_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("image,condition\n")

    with pytest.raises(UsageError, match="stands alone"):
        analyze([tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "run")


def test_names_are_decided_over_all_pictures_with_a_limit_too(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Pillow.fromarray(discs(GRID[:2])).save(folder / "same.bmp")
    Pillow.fromarray(discs(GRID[:3])).save(folder / "same.png")

    run = analyze(folder, tmp_path / "run", limit=1)

    assert run.images["labels"].tolist() == ["labels/same.bmp.tif"]
    assert "1 further pictures were not looked at" in run.record["decisions"][0]


def test_a_correction_follows_its_picture_to_another_name(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "run"
    folder.mkdir()
    Pillow.fromarray(discs(GRID)).save(folder / "same.png")
    analyze(folder, out)
    labels = tifffile.imread(out / "labels" / "same.tif")
    labels[labels == 9] = 0
    tifffile.imwrite(out / "labels" / "same.tif", labels)
    analyze(folder, out)
    Pillow.fromarray(discs(GRID[:2])).save(folder / "same.bmp")

    run = analyze(folder, out)

    counts = run.images.set_index("image")["n_cells"].to_dict()
    assert counts == {"same.bmp": 2, "same.png": 8}
    assert run.record["decisions"] == []


def test_a_recipe_keeps_its_options_beside_those_that_are_typed(
    pictures: Path, cellwright: Command
) -> None:
    first, second = pictures.parent / "first", pictures.parent / "second"
    cellwright(
        "analyze", pictures, "--out", first, "--method", "threshold", "--set", "algorithm=triangle",
        "--set", "neck=0.7", "--limit", 1,
    )  # fmt: skip
    cellwright(
        "analyze", pictures, "--out", second, "--recipe", first / "recipe.toml",
        "--set", "fill_holes=false",
    )  # fmt: skip

    record = json.loads((second / "run.json").read_text())
    options = record["method"]["options"]
    assert (options["algorithm"], options["neck"], options["fill_holes"]) == (
        "triangle", 0.7, False,
    )  # fmt: skip
    assert record["summary"]["inputs"] == 4


def test_two_verbs_do_not_share_a_folder(pictures: Path, cellwright: Command) -> None:
    out = pictures.parent / "run"
    cellwright("segment", pictures, "--out", out)

    assert "a run of `segment`" in cellwright("analyze", pictures, "--out", out, code=2).stderr
    assert "no finished run of `analyze`" in cellwright("report", out, code=2).stderr


def test_a_run_inside_its_pictures_is_the_same_the_second_time(pictures: Path) -> None:
    analyze(pictures, pictures / "run")
    first = outputs(pictures / "run")

    analyze(pictures, pictures / "run")

    assert outputs(pictures / "run") == first


def test_nothing_is_written_next_to_a_picture_that_is_named_alone(pictures: Path) -> None:
    before = sorted(pictures.rglob("*"))

    with pytest.raises(UsageError, match="among the pictures"):
        analyze(pictures / "nine.png", pictures)

    assert sorted(pictures.rglob("*")) == before


@pytest.mark.skipif(os.name != "posix", reason="such names cannot be made elsewhere")
@pytest.mark.parametrize("name", [b"gr\xfcn.png", b"a\rb.png"])
def test_names_that_no_text_file_holds(tmp_path: Path, name: bytes, cellwright: Command) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Pillow.fromarray(discs(GRID[:3])).save(tmp_path / "plain.png")
    try:
        (tmp_path / "plain.png").rename(folder / os.fsdecode(name))
    except OSError as error:
        pytest.skip(f"this file system refuses the name: {error}")

    cellwright("analyze", folder, "--out", tmp_path / "run")

    images = read_table(tmp_path / "run" / "images.csv")
    cells = read_table(tmp_path / "run" / "cells.csv")
    assert images["n_cells"].tolist() == [3]
    assert cells["image"].nunique() == 1
    assert len(cells) == 3


def test_a_broken_correction_says_which_file_is_meant(pictures: Path) -> None:
    out = pictures.parent / "run"
    (out / "corrections").mkdir(parents=True)
    (out / "corrections" / "nine.tif").write_bytes(b"")

    images = analyze(pictures, out).images

    reason = str(images.set_index("image").loc["nine.png", "reason"])
    assert reason.startswith("its labels in nine.tif cannot be used")


def test_only_stray_files_are_listed_before_giving_up(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "notes.txt").write_text("notes")

    with pytest.raises(RunError, match="no picture to work on"):
        analyze(folder, tmp_path / "run")

    listed = read_table(tmp_path / "run" / "images.csv")
    assert listed[["image", "status"]].values.tolist() == [["notes.txt", "skipped"]]


def test_a_sharpest_plane_of_a_colour_stack_is_one_plane() -> None:
    from cellwright.core.image import Image
    from cellwright.pipeline.planes import read_planes

    sharp = np.random.default_rng(0).integers(0, 255, (8, 9, 3)).astype(np.uint8)
    stack = np.stack([np.full_like(sharp, 90), sharp, np.full_like(sharp, 10)])

    planes = read_planes(Image(stack, "ZYXS"), 0, "focus")

    np.testing.assert_array_equal(planes.whole, sharp)


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"format": "something else"}'])
def test_a_damaged_record_is_written_anew(pictures: Path, cellwright: Command, damage: str) -> None:
    out = pictures.parent / "run"
    cellwright("segment", pictures, "--out", out, "--limit", 1)
    whole = (out / "run.json").read_text()
    (out / "run.json").write_text(damage)

    cellwright("segment", pictures, "--out", out, "--limit", 1)

    assert (out / "run.json").read_text() == whole
