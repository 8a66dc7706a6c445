"""Confidence and scores of joined models, on networks of one operator and simulated nuclei."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

from tests.models.test_ensemble import brighter_than
from tests.models.tiny_model import write_tiny

from cellwright.api import join_models
from cellwright.core.errors import CancelledError, UsageError
from cellwright.datasets.example import examples_in, read_pixels
from cellwright.engine.events import CancelToken, Event, Message
from cellwright.io.label_image import encode_labels
from cellwright.learn.joining import unseen
from cellwright.models.check import check_model
from cellwright.models.learnt import LEARNT, Learnt, learnt_file, picture_hash
from cellwright.models.model import read_model
from cellwright.simulate.nuclei import simulate_nuclei

COUNT = 8


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nuclei that touch: a threshold finds some of them right, and others as one.

    Two pictures each are of one group.
    """
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    rows = ["name,kind,group"]
    for seed in range(COUNT):
        pixels, labels = simulate_nuclei((128, 128), n=18, diameter_px=16, seed=seed, clumping=0.3)
        (folder / "images" / f"p{seed}.tif").write_bytes(encode_labels(pixels, "YX"))
        (folder / "labels" / f"p{seed}.tif").write_bytes(encode_labels(labels, "YX"))
        rows.append(f"p{seed},nuclei,g{seed // 2}")
    (folder / "images.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return folder


def hashes(dataset: Path, *places: int) -> frozenset[str]:
    examples = examples_in(dataset)
    return frozenset(picture_hash(read_pixels(examples[place])) for place in places)


def members(folder: Path, *learnt: Learnt | None) -> list[Path]:
    paths = []
    for index, what in enumerate(learnt):
        more: dict[str, Any] = {} if what is None else {"attachments": {LEARNT: learnt_file(what)}}
        paths.append(
            write_tiny(
                folder / f"m{index}.zip", name=f"m{index}",
                weights=brighter_than(0.2 + 0.1 * index),
                channels=("foreground",), classes=[], multiple=1, halo=0,
                decoder={"name": "components", "version": 1}, **more,
            )
        )  # fmt: skip
    return paths


NOTHING = Learnt(frozenset(), complete=True)


def test_the_confidence_is_fitted_to_what_the_mean_finds(dataset: Path, tmp_path: Path) -> None:
    paths, out = members(tmp_path, NOTHING, NOTHING), tmp_path / "joined.zip"
    told: list[Event] = []
    made, summary = join_models(paths, out, on=dataset, listener=told.append)
    assert all(finding.passed for finding in check_model(out))
    card = read_model(out).description
    assert card == made.description
    assert set(card.calibration) >= {"intercept", "weights", "least", "reliability"}
    assert card.calibration["how"].startswith(
        f"logistic regression on what the mean of the networks finds in {COUNT} pictures; error"
    )
    assert summary is not None
    assert card.scores["validation"]["dsb_ap_50"]["n"] == COUNT
    assert card.scores["validation"]["dsb_ap_50"]["value"] > 0.1
    assert not [one for one in told if isinstance(one, Message) and one.level == "warning"]
    again, _ = join_models(paths, tmp_path / "again.zip", name="joined", on=dataset)
    assert again.description == card
    assert (tmp_path / "again.zip").read_bytes() == out.read_bytes()


def test_a_picture_that_was_learnt_from_stops_everything(dataset: Path, tmp_path: Path) -> None:
    paths = members(tmp_path, Learnt(hashes(dataset, 2), complete=True), NOTHING)
    out = tmp_path / "joined.zip"
    with pytest.raises(UsageError, match=r"1 of the 8 pictures were learnt from: p2.*--leave-out"):
        join_models(paths, out, on=dataset)
    assert not out.exists()
    made, _ = join_models(paths, out, on=dataset, leave_out=True)
    # p3 is of the same group
    assert made.description.scores["validation"]["dsb_ap_50"]["n"] == COUNT - 2


def test_where_all_pictures_were_learnt_from_nothing_is_left(dataset: Path) -> None:
    examples = examples_in(dataset)
    every = Learnt(hashes(dataset, *range(COUNT)), complete=True)
    with pytest.raises(UsageError, match=r"8 of the 8 pictures .*give other pictures"):
        unseen(examples, [("m", every)], leave_out=True)


def test_of_a_model_that_does_not_tell_it_cannot_be_known(dataset: Path, tmp_path: Path) -> None:
    told: list[Event] = []
    paths = members(tmp_path, NOTHING, None)
    made, _ = join_models(paths, tmp_path / "joined.zip", on=dataset, listener=told.append)
    warnings = [one.text for one in told if isinstance(one, Message) and one.level == "warning"]
    assert warnings == ["nobody can tell whether m1 learnt from these pictures: see to it yourself"]
    assert "nobody can tell whether m1 learnt from them" in made.description.calibration["how"]


def test_too_few_pictures_are_said_to_be(dataset: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for part in ("images", "labels"):
        (few / part).mkdir(parents=True)
        (few / part / "p0.tif").write_bytes((dataset / part / "p0.tif").read_bytes())
    made, summary = join_models(
        members(tmp_path, NOTHING, NOTHING), tmp_path / "joined.zip", on=few
    )
    assert set(made.description.calibration) == {"how"}
    assert "1 annotated pictures were too few" in made.description.calibration["how"]
    assert summary is not None
    assert np.isfinite(summary.overall.scores["dsb_ap_50"].value)


def test_it_can_be_stopped(dataset: Path, tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(CancelledError):
        join_models(
            members(tmp_path, NOTHING, NOTHING), tmp_path / "joined.zip", on=dataset, cancel=cancel
        )
