"""Plates, nuclei and cells, light, regions, outlines: through the whole pipeline."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image as Pillow
from tests.e2e.conftest import GRID, Command, analyze, discs, facts, outputs, threads

import cellwright
from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.io.label_image import decode_labels


def two_channels(folder: Path, name: str = "a.tif") -> Path:
    """Draw four cells with two, one, one and no nuclei, and a nucleus without a cell."""
    y, x = np.mgrid[:160, :160]

    def ellipse(row: float, column: float, height: float, width: float) -> Array:
        return np.asarray(((y - row) / height) ** 2 + ((x - column) / width) ** 2 <= 1)

    cells, nuclei = np.full((160, 160), 20.0), np.full((160, 160), 20.0)
    for row, column, height, width in ((40, 40, 20, 30), (40, 115, 18, 18), (110, 40, 18, 18)):
        cells[ellipse(row, column, height, width)] = 120
    cells[ellipse(110, 100, 18, 18)] = 120
    for row, column in ((40, 28), (40, 52), (40, 115), (110, 40)):
        nuclei[ellipse(row, column, 7, 7)] = 200
    nuclei[ellipse(145, 145, 7, 7)] = 200
    rng = np.random.default_rng(3)
    stack = np.stack([nuclei, cells]) + rng.normal(0, 2, (2, 160, 160))
    path = folder / name
    tifffile.imwrite(
        path,
        stack.clip(0, 255).astype(np.uint8),
        imagej=True,
        resolution=(2, 2),
        metadata={"axes": "CYX", "unit": "um", "Labels": ["DAPI", "GFP"]},
    )
    return path


def test_nuclei_and_cells_are_related(tmp_path: Path) -> None:
    run = analyze(
        two_channels(tmp_path), tmp_path / "run", nuclei="DAPI", cells="GFP",
        set=("cells.bare_nuclei=leave",), positive=("DAPI@nucleus=100",),
    )  # fmt: skip

    cells = run.cells[run.cells["object"] == "cell"]
    nuclei = run.cells[run.cells["object"] == "nucleus"]
    assert sorted(cells["nucleus_count"].tolist()) == [0, 1, 1, 2]
    assert len(nuclei) == 5
    assert sorted(nuclei["parent"].value_counts().tolist()) == [1, 1, 1, 2]
    assert (nuclei["parent"] == 0).sum() == 1
    assert run.images["nuclei_outside"].item() == 1
    assert "1 nuclei lie in no cell" in str(run.images["reason"].item())
    assert run.images["n_cells"].item() == 4
    two = cells[cells["nucleus_count"] == 2].iloc[0]
    assert two["nucleus_area_px"] == pytest.approx(2 * np.pi * 49, rel=0.15)
    assert two["nucleus_to_cell_ratio"] == pytest.approx(2 * 49 / 600, rel=0.15)
    assert two["intensity_mean_nucleus_DAPI"] > 4 * two["intensity_mean_cytoplasm_DAPI"]
    assert cells["positive_DAPI"].fillna(False).sum() == 3
    assert run.images["positive_share_DAPI"].item() == pytest.approx(1.0)
    assert decode_labels(run.path / "labels" / "nucleus" / "a.tif").count == 5


def test_an_edited_nucleus_is_taken_up_and_cells_stay(tmp_path: Path) -> None:
    picture = two_channels(tmp_path)
    run = analyze(picture, tmp_path / "run", nuclei="0", cells="1")
    path = run.path / "labels" / "nucleus" / "a.tif"
    labels = decode_labels(path).pixels().copy()
    labels[labels == labels[40, 28]] = 0
    tifffile.imwrite(path, labels.astype(np.uint16))
    before = (run.path / "labels" / "a.tif").read_bytes()

    again = analyze(picture, tmp_path / "run", nuclei="0", cells="1")

    assert (run.path / "labels" / "a.tif").read_bytes() == before
    assert (run.path / "corrections" / "nucleus" / "a.tif").is_file()
    assert again.images["edited"].item() == 1
    cells = again.cells[again.cells["object"] == "cell"]
    assert (cells["nucleus_count"] == 2).sum() == 0


def test_a_cell_that_a_filter_removes_takes_its_nuclei_along(tmp_path: Path) -> None:
    run = analyze(
        two_channels(tmp_path), tmp_path / "run", nuclei="0", cells="1",
        filter=("centroid_y_px=60:",),
    )  # fmt: skip

    assert set(run.cells[run.cells["object"] == "nucleus"]["centroid_y_px"] > 60) == {True}
    assert decode_labels(run.path / "labels" / "nucleus" / "a.tif").pixels()[:60].max() == 0


def screen(folder: Path, *, wells: int = 6, fields: int = 2) -> Path:
    folder.mkdir()
    number = 0
    for well in range(wells):
        for field in range(fields):
            for channel in range(3):
                shown = discs(GRID[: 2 + well], radius=6) if channel == 0 else discs([], size=128)
                moved = np.roll(shown, (7 * field + 3 * well, 11 * well), (0, 1))
                name = f"P7_A{well + 1:02d}_s{field + 1}_w{channel + 1}"
                tifffile.imwrite(folder / f"{name}.tif", moved.astype(np.uint16) * 100)
                number += 1
    return folder


def test_a_folder_of_single_files_becomes_a_plate_without_an_option(
    tmp_path: Path, cellwright: Command
) -> None:
    folder = screen(tmp_path / "plate")

    done = cellwright("analyze", folder, "--out", tmp_path / "run", "--json")

    assert facts(done)["inputs"] == 12
    assert "named as ImageXpress" in done.stderr
    assert "no channel was chosen" in done.stderr
    images = pd.read_csv(tmp_path / "run" / "images.csv")
    assert images["image"].iloc[0] == "P7_A01_s1.tif"
    assert images["well"].tolist() == [f"A{w:02d}" for w in range(1, 7) for _ in range(2)]
    assert images["n_cells"].tolist() == [2 + w for w in range(6) for _ in range(2)]
    cells = pd.read_csv(tmp_path / "run" / "cells.csv")
    assert {"plate", "well", "field", "intensity_mean_w1", "intensity_mean_w3"} <= set(cells)
    assert (tmp_path / "run" / "figures" / "plate_P7.svg").is_file()
    assert 'id="plate"' in (tmp_path / "run" / "report.html").read_text()
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["inputs"][0]["files"] == [f"P7_A01_s1_w{c}.tif" for c in (1, 2, 3)]


def test_a_missing_channel_fails_its_field_only(tmp_path: Path) -> None:
    folder = screen(tmp_path / "plate", wells=3)
    (folder / "P7_A02_s1_w2.tif").unlink()

    run = analyze(folder, tmp_path / "run", channel="w1")

    status = run.images.set_index("image")
    assert status["status"].value_counts().to_dict() == {"done": 5, "failed": 1}
    assert "w2" in str(status.loc["P7_A02_s1.tif", "reason"])


def test_one_changed_file_of_a_set_recomputes_only_its_picture(tmp_path: Path) -> None:
    folder = screen(tmp_path / "plate", wells=3)
    analyze(folder, tmp_path / "run", channel="w1")
    tifffile.imwrite(folder / "P7_A02_s2_w1.tif", discs(GRID[:7]).astype(np.uint16))

    again = analyze(folder, tmp_path / "run", channel="w1")

    assert again.summary is not None
    assert again.summary.by_step["segment"] == {"computed": 1, "reused": 5}


def test_samples_writes_a_table_that_analyze_takes(tmp_path: Path, cellwright: Command) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for dose in (40, 80):
        for number in (1, 2, 3):
            plane = np.roll(discs(GRID[: 4 + number]), dose + 9 * number, axis=1)
            Pillow.fromarray(plane).save(folder / f"tat_{dose}ng_{number}.png")

    cellwright("samples", folder, "--out", tmp_path / "samples.csv")
    again = cellwright("samples", folder, "--out", tmp_path / "samples.csv", code=2)
    cellwright("analyze", folder, "--samples", tmp_path / "samples.csv", "--out", tmp_path / "run")

    assert "samples.csv" in again.stderr
    with (tmp_path / "samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["dose"], r["dose_unit"], r["replicate"]) for r in rows[:2]] == [
        ("40", "ng", "1"),
        ("40", "ng", "2"),
    ]
    images = pd.read_csv(tmp_path / "run" / "images.csv")
    assert images["condition"].nunique() == 2
    assert images["dose"].tolist() == [40.0] * 3 + [80.0] * 3


def test_a_region_of_half_the_picture_halves_the_area_and_keeps_the_density(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(5)
    plane = np.full((768, 768), 20.0)
    y, x = np.mgrid[-8:9, -8:9]
    disc = y**2 + x**2 <= 64
    for row in range(16, 768, 32):
        for column in range(16, 768, 32):
            r, c = row + rng.integers(-5, 6), column + rng.integers(-5, 6)
            plane[max(r - 8, 0) : r + 9, max(c - 8, 0) : c + 9][
                disc[max(8 - r, 0) : 768 - r + 8, max(8 - c, 0) : 768 - c + 8]
            ] = 180
    plane += rng.normal(0, 2, plane.shape)
    (tmp_path / "in").mkdir()
    (tmp_path / "rois").mkdir()
    Pillow.fromarray(plane.clip(0, 255).astype(np.uint8)).save(tmp_path / "in" / "a.png")
    half = np.zeros((768, 768), np.uint8)
    half[:, :384] = 255
    Pillow.fromarray(half).save(tmp_path / "rois" / "a.png")

    whole = analyze(tmp_path / "in", tmp_path / "whole")
    part = analyze(tmp_path / "in", tmp_path / "part", regions=tmp_path / "rois")

    one, other = whole.images.iloc[0], part.images.iloc[0]
    assert other["region_area_px"] == one["region_area_px"] / 2 == 768 * 384
    assert other["density_per_mpx"] == pytest.approx(one["density_per_mpx"], rel=0.02)
    assert other["n_cells"] == one["n_cells"]
    assert other["n_in_region"] < 0.55 * one["n_in_region"]
    with pytest.raises(UsageError, match="regions would be the pictures"):
        cellwright.analyze(tmp_path / "in", tmp_path / "x", regions=tmp_path / "in")


def test_outlines_are_written_for_each_format_and_again_only_when_needed(
    pictures: Path, tmp_path: Path
) -> None:
    asked = ("fiji", "geojson", "coco")
    run = analyze(pictures, tmp_path / "run", outlines=asked)
    again = analyze(pictures, tmp_path / "run", outlines=asked)

    features = json.loads((run.path / "outlines" / "nine.geojson").read_text())["features"]
    of_nine = run.cells[run.cells["image"] == "nine.png"]
    measured = features[0]["properties"]["measurements"]
    assert len(features) == 9
    assert measured["area_px"] == of_nine["area_px"].iloc[0]
    assert (run.path / "outlines" / "sub" / "four.zip").is_file()
    assert (run.path / "outlines" / "movie.json").is_file()
    assert again.summary is not None
    assert again.summary.by_step["outlines"] == {"computed": 0, "reused": 12}
    with pytest.raises(UsageError, match="there are no outlines 'svg'"):
        cellwright.analyze(pictures, tmp_path / "other", outlines=("svg",))


def test_uneven_light_is_divided_out_and_raw_values_stay(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:192, :192]
    light = 1.2 - 0.5 * (((y - 96) / 96) ** 2 + ((x - 96) / 96) ** 2) / 2
    for number in range(16):
        plane = np.full((192, 192), 50.0)
        for row, column in rng.integers(8, 184, (40, 2)):
            plane[(y - row) ** 2 + (x - column) ** 2 <= 25] = 400
        shown = plane * light + rng.normal(0, 2, light.shape)
        tifffile.imwrite(folder / f"{number:02d}.tif", shown.clip(0).astype(np.uint16))

    run = analyze(folder, tmp_path / "run", flat_field="batch")

    cells = run.cells
    centre = np.hypot(cells["centroid_y_px"] - 96, cells["centroid_x_px"] - 96)
    raw, even = cells["intensity_max_0"], cells["intensity_max_0_flat"]
    assert raw[centre > 85].median() < 0.85 * raw[centre < 40].median()
    assert even[centre > 85].median() == pytest.approx(even[centre < 40].median(), rel=0.06)
    assert any("light" in note for note in run.record["decisions"])


def test_a_copy_among_the_pictures_is_a_warning(pictures: Path, tmp_path: Path) -> None:
    (pictures / "copy.png").write_bytes((pictures / "nine.png").read_bytes())

    run = analyze(pictures, tmp_path / "run")

    warned = run.images[run.images["status"] == "warned"]
    assert set(warned["image"]) == {"copy.png", "nine.png"}
    assert warned["reason"].str.contains("same pixels").all()


def test_the_region_of_a_scale_bar_becomes_no_cell_and_proposes_a_pixel_size(
    tmp_path: Path,
) -> None:
    plane = discs([(40, 60), (100, 200), (150, 90)], size=300)
    plane[280:285, 200:280] = 255
    Pillow.fromarray(plane).save(tmp_path / "a.png")

    run = analyze(tmp_path / "a.png", tmp_path / "run")

    assert run.images["n_cells"].item() == 3
    assert run.labels("a.png").pixels()[275:290].max() == 0
    assert "a scale bar" in str(run.images["reason"].item())


def test_the_bytes_are_the_same_whatever_the_place(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for place in (one, other):
        place.mkdir()
        two_channels(place)
        analyze(
            place, place / "run", nuclei="0", cells="1", outlines=("fiji", "geojson"),
            features=("spots=DAPI",),
        )  # fmt: skip

    assert outputs(one / "run") == outputs(other / "run")


def test_a_filter_and_a_corrected_cell_leave_filtered_nuclei_out(tmp_path: Path) -> None:
    picture = two_channels(tmp_path)
    options: dict[str, Any] = {
        "nuclei": "0", "cells": "1", "filter": ("centroid_y_px=60:",),
    }  # fmt: skip
    before = analyze(picture, tmp_path / "run", **options)
    n_nuclei = before.images["n_nuclei"].item()
    path = tmp_path / "run" / "labels" / "a.tif"
    labels = decode_labels(path).pixels().copy()
    row, column = np.argwhere(labels > 0)[0]
    labels[row, column] = 0
    tifffile.imwrite(path, labels.astype(np.uint16))

    after = analyze(picture, tmp_path / "run", **options)

    assert after.images["n_nuclei"].item() == n_nuclei
    assert after.images["edited"].item() == 1
    assert after.images["nuclei_outside"].item() == before.images["nuclei_outside"].item()


def test_corrections_of_one_kind_are_never_taken_for_another(tmp_path: Path) -> None:
    picture = two_channels(tmp_path)
    run = analyze(picture, tmp_path / "run", channel="DAPI")
    path = run.path / "labels" / "a.tif"
    labels = decode_labels(path).pixels().copy()
    labels[labels == 1] = 0
    tifffile.imwrite(path, labels.astype(np.uint16))

    with pytest.raises(UsageError, match="other kinds of objects"):
        analyze(picture, tmp_path / "run", nuclei="DAPI", cells="GFP")


def test_a_folder_called_as_a_kind_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "nucleus").mkdir(parents=True)
    two_channels(folder)
    two_channels(folder / "nucleus")

    with pytest.raises(UsageError, match="labels/nucleus"):
        analyze(folder, tmp_path / "run", nuclei="0", cells="1")


def test_renamed_files_of_a_set_are_read_anew(tmp_path: Path) -> None:
    folder = screen(tmp_path / "plate", wells=1, fields=1)
    (folder / "P7_A01_s1_w1.tif").unlink()
    analyze(folder, tmp_path / "run", channel="w3")
    for old, new in ((3, 4), (2, 3)):
        (folder / f"P7_A01_s1_w{old}.tif").rename(folder / f"P7_A01_s1_w{new}.tif")
    tifffile.imwrite(folder / "P7_A01_s1_w3.tif", discs(GRID[:5]).astype(np.uint16))
    fresh = analyze(folder, tmp_path / "fresh", channel="w3")

    again = analyze(folder, tmp_path / "run", channel="w3")

    assert fresh.images["n_cells"].item() == 5
    pd.testing.assert_frame_equal(again.cells, fresh.cells)


def test_references_with_one_channel_are_for_all_channels(tmp_path: Path) -> None:
    picture = two_channels(tmp_path)
    flat = np.tile(np.linspace(0.5, 1.5, 160), (160, 1)) * 1000
    tifffile.imwrite(tmp_path / "flat.tif", flat.astype(np.uint16))

    run = analyze(
        picture, tmp_path / "run", channel="GFP", flat_field="reference",
        flat_reference=tmp_path / "flat.tif",
    )  # fmt: skip

    assert {"intensity_mean_DAPI_flat", "intensity_mean_GFP_flat"} <= set(run.cells)
    with pytest.raises(UsageError, match="goes with"):
        analyze(
            picture, tmp_path / "x", channel="0", flat_field="batch",
            flat_reference=tmp_path / "flat.tif",
        )  # fmt: skip


def test_outlines_of_pictures_that_are_gone_are_set_aside_and_edited_ones_kept(
    pictures: Path, tmp_path: Path
) -> None:
    run = analyze(pictures, tmp_path / "run", outlines=("fiji",))
    (pictures / "five.png").unlink()
    edited = run.path / "outlines" / "nine.zip"
    edited.write_bytes(b"a person's own")

    analyze(pictures, tmp_path / "run", outlines=("fiji",))

    orphans = run.path / ".work" / "orphans" / "outlines"
    assert not (run.path / "outlines" / "five.zip").exists()
    assert (orphans / "five.zip").is_file()
    assert (orphans / "nine.zip").read_bytes() == b"a person's own"
    assert edited.read_bytes() != b"a person's own"


def test_labels_that_do_not_fit_never_fit_by_a_second_start(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Pillow.fromarray(discs(GRID)).save(picture)
    (tmp_path / "labels").mkdir()
    three = np.zeros((3, 128, 128), np.uint16)
    three[:, 10:30, 10:30] = 1
    tifffile.imwrite(tmp_path / "labels" / "a.tif", three, imagej=True, metadata={"axes": "TYX"})

    for _ in range(2):
        run = cellwright.measure(
            picture, tmp_path / "labels", tmp_path / "run", make_executor=threads
        )
        assert run.images["status"].item() == "failed"


def test_requests_for_channels_that_are_not_there_are_refused_before_any_work(
    pictures: Path, tmp_path: Path, cellwright: Command
) -> None:
    for option in (("--features", "spots=GFP"), ("--positive", "XYZ=3"), ("--outlines", "svg")):
        cellwright("analyze", pictures, "--out", tmp_path / "run", *option, code=2)
        cellwright("analyze", pictures, "--out", tmp_path / "run", "--dry-run", *option, code=2)
    assert not (tmp_path / "run" / "images.csv").exists()


def test_truths_with_gaps_come_back_from_csv(tmp_path: Path) -> None:
    from cellwright.io.cells import read_table

    run = analyze(
        two_channels(tmp_path), tmp_path / "run", nuclei="0", cells="1", positive=("DAPI=40",),
    )  # fmt: skip

    table = read_table(run.path / "cells.csv")

    assert table["positive_DAPI"].dtype == "boolean"
    assert table["positive_DAPI"].tolist() == run.cells["positive_DAPI"].tolist()


def test_names_of_a_screen_with_one_channel_in_png_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "plate"
    folder.mkdir()
    for name in ("A09_s1", "B04_s4", "B21_s3"):
        Pillow.fromarray(discs(GRID)).save(folder / f"{name}.png")
    run = analyze(folder, tmp_path / "run")
    assert not (run.images["status"] == "failed").any(), run.images["reason"].tolist()
    assert run.images["n_cells"].tolist() == [9] * 3
