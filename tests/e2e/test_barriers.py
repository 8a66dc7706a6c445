"""Sheets of cells: from pictures with labels to the statement that a treatment opens the layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from tests.e2e.conftest import threads

import cellwright
from cellwright.pipeline.run import Run
from cellwright.simulate.monolayer import simulate_monolayer

LAYER = ["gap_count", "gap_share", "nematic_order", "alignment", "alignment_local"]


def write(folder: Path, name: str, **sheet: float) -> None:
    """A picture of a sheet, and its labels."""
    seed = sum(map(ord, name))
    picture, labels = simulate_monolayer((240, 260), 30, seed, unevenness=0.2, **sheet)  # type: ignore[arg-type]
    for kind, plane in (("pictures", picture), ("labels", labels.astype(np.uint16))):
        (folder / kind).mkdir(exist_ok=True)
        Pillow.fromarray(plane).save(folder / kind / name)


def measured(folder: Path, out: Path, samples: Path | None = None) -> Run:
    return cellwright.measure(
        folder / "pictures", folder / "labels", out, features=("junctions",),
        samples=samples, pixel_size="0.5um", make_executor=threads,
    )  # fmt: skip


def test_broken_borders_and_gaps_are_told_from_control(tmp_path: Path) -> None:
    rows = ["image,condition,replicate"]
    for day in "123":
        write(tmp_path, f"c{day}.png", broken=0.05)
        write(tmp_path, f"t{day}.png", broken=0.4, gaps=0.08)
        rows += [f"c{day}.png,control,{day}", f"t{day}.png,tat,{day}"]
    samples = tmp_path / "samples.csv"
    samples.write_text("\n".join(rows) + "\n", encoding="utf-8")
    run = measured(tmp_path, tmp_path / "run", samples)

    images = run.images
    assert (images["gap_share"].to_numpy(float)[images["condition"] == "tat"] > 0.02).all()
    np.testing.assert_allclose(images["gap_area_um2"], images["gap_area_px"] / 4)
    assert (run.cells["junction_length_um"] > 0).all()
    answer = cellwright.compare(
        run.path, tmp_path / "answer", reference="control", primary="junction_continuity_0"
    )
    found = {str(row["feature"]): row for row in answer.table.to_dict("records")}
    assert {"gap_share", "gap_count", "alignment", "alignment_local"} <= set(found)
    assert not {"nematic_order", "alignment_rad", "gap_area_px"} & set(found)
    assert found["junction_continuity_0"]["percent"] == pytest.approx(-37, abs=8)
    assert found["junction_continuity_0"]["p_adjusted"] < 0.05
    assert found["gap_share"]["difference"] > 0.02


def test_a_movie_has_the_median_of_its_frames_and_a_large_picture_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets = [simulate_monolayer((240, 260), 25, seed, gaps=0.1) for seed in range(3)]
    for kind, planes in zip(("pictures", "labels"), zip(*sheets, strict=True), strict=True):
        (tmp_path / kind).mkdir()
        for number, plane in enumerate(planes):
            tifffile.imwrite(tmp_path / kind / f"{number}.tif", plane.astype(np.uint16))
    run = measured(tmp_path, tmp_path / "run")
    for module in ("large_plane", "plan", "gallery"):
        monkeypatch.setattr(f"cellwright.pipeline.{module}.LARGE_PIXELS", 50_000)
    monkeypatch.setattr("cellwright.pipeline.large_unit.BLOCK", 100)
    large = measured(tmp_path, tmp_path / "large")

    assert (run.images["gap_count"] > 0).all()
    assert large.images[LAYER].equals(run.images[LAYER])
    assert large.cells.filter(like="junction").equals(run.cells.filter(like="junction"))

    movie = tmp_path / "movie"
    for kind in ("pictures", "labels"):
        (movie / kind).mkdir(parents=True)
        frames = [tifffile.imread(tmp_path / kind / f"{number}.tif") for number in range(3)]
        tifffile.imwrite(
            movie / kind / "movie.tif", np.stack(frames), ome=True, metadata={"axes": "TYX"}
        )
    of_movie = measured(movie, tmp_path / "run of movie").images.iloc[0]
    for name in LAYER:
        assert of_movie[name] == pytest.approx(run.images[name].median())
    assert of_movie["alignment_rad"] == pytest.approx(np.pi - 0.6, abs=0.15)
