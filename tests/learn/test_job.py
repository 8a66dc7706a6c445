"""The whole of a training, on small simulated pictures and a tiny network."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch

from cellwright.cli.app import run_app
from cellwright.core.errors import CancelledError, UnsupportedError, UsageError
from cellwright.core.image import Image
from cellwright.datasets.example import examples_in, read_pixels
from cellwright.engine.events import CancelToken, Event, Message, StepFinished, silent
from cellwright.engine.onnx import Network
from cellwright.evaluation.comparison import Difference
from cellwright.evaluation.intervals import Interval
from cellwright.evaluation.object_summary import TABLES
from cellwright.io.cells import read_table
from cellwright.io.label_image import encode_labels
from cellwright.learn import job
from cellwright.learn.beside import PRIMARY, is_better
from cellwright.learn.classifying import ACCURACY
from cellwright.learn.job import CANDIDATE, MODEL, PREVIEW, Trained, train_model
from cellwright.learn.judging import answer_of
from cellwright.learn.options import TrainOptions
from cellwright.learn.outcome import BEFORE, COMPARISON, FORGOTTEN, LEARNING, SCORES, SUMMARY
from cellwright.learn.own_folder import MARK, NAMES
from cellwright.learn.stored_plan import PLAN
from cellwright.learn.training import average_of
from cellwright.learn.tuning import BEST, IMPORTANCE, SEARCH, STUDY, TRIALS
from cellwright.models.archive import read_archive, write_archive
from cellwright.models.card import card_lines
from cellwright.models.check import check_model
from cellwright.models.learnt import Learnt, learnt_of, picture_hash
from cellwright.models.model import model_named, read_model
from cellwright.report.training import PAGE
from cellwright.segment.network import NetworkMethod, NetworkOptions
from cellwright.segment.network_confidence import FEATURES
from cellwright.simulate.nuclei import simulate_nuclei

TINY = (
    "architecture.widths=[8,16]", "architecture.depths=[1,1]", "sampling.side=64",
    "sampling.count=2", "steps=100", "warm_up=5", "fall=30", "checkpoint_steps=40", "averaging=0.9",
    "learning_rate=0.01", "sampling.changed=0", "sampling.wild=0", "sampling.overlaid=0",
)  # fmt: skip


def dataset_in(folder: Path, *seeds: int) -> Path:
    """Pictures of nuclei, large ones of one class and small ones of the other."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    rows = ["name,label,class"]
    for seed in seeds:
        pixels, labels = simulate_nuclei((96, 96), n=12, diameter_px=14, seed=seed)
        (folder / "images" / f"p{seed}.tif").write_bytes(encode_labels(pixels, "YX"))
        (folder / "labels" / f"p{seed}.tif").write_bytes(encode_labels(labels, "YX"))
        for label in range(1, labels.max() + 1):
            large = np.count_nonzero(labels == label) > 150
            rows.append(f"p{seed},{label},{'large' if large else 'small'}")
    (folder / "classes.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dataset_in(tmp_path_factory.mktemp("set") / "dataset", *range(5))


def trained(dataset: Path, out: Path, *changes: str, **options: Any) -> Trained:
    listener = options.pop("listener", silent)
    cancel = options.pop("cancel", None)
    more = {name: options.pop(name) for name in ("also",) if name in options}
    asked = TrainOptions(set=(*TINY, *changes), **options)
    return train_model(dataset, out, asked, listener=listener, cancel=cancel, **more)


@pytest.fixture(scope="session")
def model(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    torch.set_num_threads(1)  # as in the tests: with two threads sums are in another order
    return trained(dataset, tmp_path_factory.mktemp("trained") / "my cells")


def test_out_comes_a_model_that_segments_and_names_its_classes(
    model: Trained, dataset: Path
) -> None:
    assert model.model is not None
    assert model.model.name == MODEL
    assert all(finding.passed for finding in check_model(model.model))
    description = read_model(model.model).description
    assert description.name == "my-cells"
    assert [one.name for one in description.classes] == ["large", "small"]
    pixels, _ = simulate_nuclei((96, 96), n=12, diameter_px=14, seed=9)
    options = NetworkOptions(model=str(model.model), confidence=0.0)
    objects = NetworkMethod().segment(Image(pixels, "YX"), options)
    table = objects.labels["cell"].table
    assert table is not None
    assert {"class", "p_large", "p_small", "confidence"} <= set(table.columns)
    if len(table):
        np.testing.assert_allclose(table["p_large"] + table["p_small"], 1)
    scores = json.loads((model.folder / "summary.json").read_text("utf-8"))
    assert scores["overall"]["n_pictures"] == 1
    assert (model.folder / "confusion.csv").exists()


def test_a_network_that_tells_no_classes_is_trained_on_data_with_classes(
    dataset: Path, tmp_path: Path
) -> None:
    few = ("architecture.widths=[4,8]", "sampling.side=64", "sampling.count=2", "steps=30")
    asked = TrainOptions(architecture="unet", set=(*few, "learning_rate=0.01"))
    done = train_model(dataset, tmp_path / "t", asked)
    assert "they are not learnt: the network (unet) tells none" in done.plan.words()
    assert done.model is not None
    description = read_model(done.model).description
    assert (description.classes, description.channels) == ((), ("foreground",))
    assert any(len(one.numbers) for one in done.judged)
    assert (done.folder / SUMMARY).exists()


@pytest.mark.parametrize("steps", [7, 85])
def test_a_training_that_was_stopped_goes_on_to_the_same_bytes(
    dataset: Path, model: Trained, tmp_path: Path, steps: int
) -> None:
    cancel = CancelToken()
    made = 0

    def listen(event: Event) -> None:
        nonlocal made
        if isinstance(event, StepFinished) and event.phase == "training":
            made += 1
            if made == steps:
                cancel.cancel()

    out = tmp_path / "my cells"
    with pytest.raises(CancelledError):
        trained(dataset, out, listener=listen, cancel=cancel)
    assert made == steps
    again = trained(dataset, out)
    assert again.model is not None
    assert model.model is not None
    assert again.model.read_bytes() == model.model.read_bytes()


def test_another_training_is_not_written_over(dataset: Path, model: Trained) -> None:
    with pytest.raises(UsageError, match="differs in set"):
        trained(dataset, model.folder, "steps=7")


def test_all_faults_are_named_before_training_starts(dataset: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    for part in ("images", "labels"):
        (bad / part).mkdir(parents=True)
        for file in (dataset / part).iterdir():
            (bad / part / file.name).write_bytes(file.read_bytes())
    (bad / "images" / "p0.tif").write_bytes(b"II*\0 and no more")
    _, labels = simulate_nuclei((80, 96), n=9, diameter_px=14, seed=1)
    (bad / "labels" / "p1.tif").write_bytes(encode_labels(labels, "YX"))
    with pytest.raises(UsageError) as caught:
        trained(bad, tmp_path / "out")
    assert "p0" in str(caught.value)
    assert "p1" in str(caught.value)
    assert "--leave-out" in str(caught.value)
    assert not (tmp_path / "out" / "plan.json").exists()
    left = trained(bad, tmp_path / "out", leave_out=True)
    assert {*left.plan.training, *left.plan.validation} == {"p2", "p3", "p4"}


def test_folds_judge_every_picture_by_a_network_that_has_not_seen_it(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = trained(dataset, tmp_path / "t", "steps=3", folds=9)
    assert done.plan.folds == tuple((f"p{i}",) for i in range(5))
    assert done.plan.validation == ()
    assert len(done.plan.training) == 5
    assert done.result is not None
    assert sorted(score.image for score in done.result.scores) == [f"p{i}" for i in range(5)]
    # none was held out from the network that comes out, and nobody says so
    assert done.model is not None
    card = read_model(done.model).description
    assert list(card.scores) == ["members_out_of_fold"]
    assert "pictures like the 5 that it was trained on" in card.description
    assert "each as found by the one of 5 networks of a cross-validation" in card.description
    settings = [word for change in (*TINY, "steps=3") for word in ("--set", change)]
    asked = ["train", str(dataset), "--out", str(tmp_path / "t"), "--folds", "9", *settings]
    assert run_app(asked) == 0
    told = capsys.readouterr().out
    assert "each as found by a network of the cross-validation that had not learnt from it" in told
    assert "the model itself has learnt from all, and is not judged" in told


@pytest.fixture(scope="session")
def ensemble(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("joined") / "my cells"
    return trained(dataset, folder, "steps=12", folds=2, ensemble=True)


def test_the_networks_of_the_parts_become_one_model(ensemble: Trained, dataset: Path) -> None:
    assert ensemble.model is not None
    assert all(finding.passed for finding in check_model(ensemble.model))
    assert not (ensemble.folder / "training").exists()
    assert "whose networks are joined" in ensemble.plan.words()
    model = read_model(ensemble.model)
    card = model.description
    assert card.architecture.name == "ensemble"
    members = card.architecture.options["members"]
    assert [one["name"] for one in members] == ["my-cells, part 1", "my-cells, part 2"]
    assert {one["architecture"]["name"] for one in members} == {"instance"}
    assert "the mean of 2 networks" in card.description
    # the scores are those of the members, and said to be
    assert ensemble.result is not None
    assert sorted(score.image for score in ensemble.result.scores) == [f"p{i}" for i in range(5)]
    assert list(card.scores) == ["members_out_of_fold"]
    assert "members" in card.calibration["how"] or "too few" in card.calibration["how"]
    # all pictures were learnt from by one of them or the other
    pictures = [read_pixels(one) for one in examples_in(dataset)]
    assert learnt_of(model) == Learnt(frozenset(map(picture_hash, pictures)), complete=True)
    # its maps are the mean of those of the checkpoints
    batch = np.random.default_rng(0).random((1, 3, 64, 96)).astype(np.float32)
    networks = [average_of(ensemble.folder / "folds" / part)[1] for part in ("00", "01")]
    each = [answer_of(network)(batch).astype(np.float64) for network in networks]
    assert np.abs(each[0] - each[1]).max() > 0.01
    np.testing.assert_allclose(Network(model.weights).run(batch), np.mean(each, 0), atol=1e-4)
    np.testing.assert_allclose(answer_of(*networks)(batch), np.mean(each, 0), atol=1e-6)
    pixels, _ = simulate_nuclei((96, 96), n=12, diameter_px=14, seed=9)
    options = NetworkOptions(model=str(ensemble.model), confidence=0.0)
    table = NetworkMethod().segment(Image(pixels, "YX"), options).labels["cell"].table
    assert table is not None
    assert {"class", "p_large", "confidence"} <= set(table.columns)


def test_an_ensemble_that_was_stopped_goes_on_to_the_same_bytes(
    dataset: Path, ensemble: Trained, tmp_path: Path
) -> None:
    cancel = CancelToken()
    made = 0

    def listen(event: Event) -> None:
        nonlocal made
        if isinstance(event, StepFinished) and event.phase == "training":
            made += 1
            if made == 15:  # in the second part
                cancel.cancel()

    options = {"folds": 2, "ensemble": True}
    out = tmp_path / "my cells"
    with pytest.raises(CancelledError):
        trained(dataset, out, "steps=12", listener=listen, cancel=cancel, **options)
    again = trained(dataset, out, "steps=12", **options)
    assert again.model is not None
    assert ensemble.model is not None
    assert again.model.read_bytes() == ensemble.model.read_bytes()


def test_a_training_does_not_go_on_from_an_ensemble(
    dataset: Path, ensemble: Trained, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedError, match="it is an ensemble: several networks"):
        trained(dataset, tmp_path / "t", from_=str(ensemble.model))
    assert not (tmp_path / "t").exists()


def test_networks_that_began_with_a_model_are_joined_too(model: Trained, tmp_path: Path) -> None:
    others = dataset_in(tmp_path / "others", 11, 12, 13)
    options = {"from_": str(model.model), "folds": 2, "ensemble": True, "accept": True}
    done = trained(others, tmp_path / "t", "steps=3", **options)
    assert done.model is not None
    [against] = [one.value for one in done.against if one.score == PRIMARY]
    assert done.result is not None
    assert against == pytest.approx(done.result.summary[PRIMARY])  # the scores that are told
    # the calibration of the one network that they began with is not taken for theirs
    assert "weights" not in read_model(done.model).description.calibration
    assert all(finding.passed for finding in check_model(done.model))


def test_a_calibration_that_nobody_could_check_is_carried_over_without_its_error(
    model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = read_model(Path(str(model.model)))
    rule = {"least": 0.25, "intercept": 0.5, "weights": dict.fromkeys(FEATURES, 0.1)}
    report = {"expected_calibration_error": 0.01, "pictures": 67, "how": "fitted", "temperature": 3}
    said = start.description.model_copy(update={"calibration": {**rule, **report}})
    monkeypatch.setattr(job, "model_named", lambda _: replace(start, description=said))
    same = dataset_in(tmp_path / "same", 11, 12)
    other = dataset_in(tmp_path / "other", 11, 12)
    table = other / "classes.csv"
    table.write_text(table.read_text("utf-8").replace("large", "big"), "utf-8")
    options = {"from_": str(model.model), "accept": True}
    for source, validation, more in ((same, 0, {"temperature": 3}), (other, 0.5, {})):
        out = tmp_path / f"from {source.name}"
        done = trained(source, out, "steps=1", validation=validation, **options)
        assert done.model is not None
        card = read_model(done.model).description
        how = card.calibration["how"]
        assert card.calibration == {**rule, **more, "how": how}
        assert any("its error is not known" in line for line in card_lines(card))
        assert all(finding.passed for finding in check_model(done.model))


def test_a_training_does_not_go_on_from_another_model_of_the_same_name(
    model: Trained, tmp_path: Path
) -> None:
    others = dataset_in(tmp_path / "others", 11, 12)
    start = shutil.copy(Path(str(model.model)), tmp_path / "m.zip")
    trained(others, tmp_path / "t", from_=str(start), preview=True)
    files, _ = read_archive(Path(start))
    Path(start).write_bytes(write_archive(dict(reversed(files.items()))))
    with pytest.raises(UsageError, match=r"m\.zip is another model") as caught:
        trained(others, tmp_path / "t", from_=str(start))
    assert "--out" in caught.value.remedy
    shutil.copy(Path(str(model.model)), start)
    assert trained(others, tmp_path / "t", from_=str(start), preview=True).model is None


def test_a_plan_of_before_an_option_goes_on(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "t"
    trained(dataset, out, preview=True)
    plan = json.loads((out / "plan.json").read_text("utf-8"))
    del plan["asked"]["ensemble"]
    (out / "plan.json").write_text(json.dumps(plan), "utf-8")
    trained(dataset, out, preview=True)
    with pytest.raises(UsageError, match="differs in ensemble, folds"):
        trained(dataset, out, preview=True, folds=2, ensemble=True)


def test_what_is_not_better_than_its_beginning_is_only_a_candidate(
    dataset: Path, model: Trained, tmp_path: Path
) -> None:
    options = {"from_": str(model.model), "update": "class-head", "also": dataset}
    done = trained(dataset, tmp_path / "t", **options)
    assert not done.better
    assert done.model == tmp_path / "t" / CANDIDATE
    # the segmentation is that of before: only the head of the classes has changed
    assert done.plan.known is not None
    assert 0 <= done.plan.known <= 1
    assert {one.difference for one in done.against if one.score != ACCURACY} == {0}
    assert {one.difference for one in done.forgotten if one.score != ACCURACY} == {0}
    assert ACCURACY in {one.score for one in done.against}
    now, before = (read_table(tmp_path / "t" / f"{one}confusion.csv") for one in ("", BEFORE))
    assert list(now["true"]) == list(before["true"]) == ["large", "small", "(invented)"]
    # the same objects, told apart by another head
    assert now.drop(columns="true").to_numpy().sum() == before.drop(columns="true").to_numpy().sum()
    options |= {"accept": True, "licence": "mit"}  # neither is of the plan: nothing is made anew
    accepted = trained(dataset, tmp_path / "t", **options)
    assert accepted.model == tmp_path / "t" / MODEL
    assert model_named(str(accepted.model)).description.licence == "MIT"
    assert not (tmp_path / "t" / CANDIDATE).exists()


def test_a_licence_that_is_none_is_refused_before_anything_is_done(
    dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"'CC BY' is no SPDX identifier.* such as "):
        trained(dataset, tmp_path / "t", licence="CC BY")
    assert not (tmp_path / "t").exists()


def test_pictures_that_a_model_has_learnt_from_do_not_judge_what_becomes_of_it(
    model: Trained, tmp_path: Path
) -> None:
    grown = dataset_in(tmp_path / "grown", *range(9))
    options = {"from_": str(model.model), "preview": True}
    told: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Message):
            told.append(event.text)

    plan = trained(grown, tmp_path / "t", listener=listen, **options).plan
    assert any(text.startswith("4 pictures were learnt from") for text in told)
    learnt, fresh = set(model.plan.training), 9 - len(model.plan.training)
    assert set(plan.training) > learnt
    assert len(plan.validation) == 2  # a fifth of all
    parts = trained(grown, tmp_path / "folds", folds=9, **options).plan
    assert len(parts.folds) == fresh
    assert not learnt & {name for part in parts.folds for name in part}
    assert set(parts.training) > learnt


def test_a_training_that_nothing_could_judge_is_refused(model: Trained, tmp_path: Path) -> None:
    known = dataset_in(tmp_path / "known", *(int(name[1:]) for name in model.plan.training))
    options = {"from_": str(model.model), "preview": True}
    with pytest.raises(UsageError, match="learnt from all 4 pictures") as caught:
        trained(known, tmp_path / "t", **options)
    assert "--validation 0" in caught.value.remedy
    with pytest.raises(UsageError, match="0 of 4 are left to judge by"):
        trained(known, tmp_path / "t", folds=2, **options)
    assert trained(known, tmp_path / "t", validation=0, **options).plan.validation == ()
    others = dataset_in(tmp_path / "others", 11, 12, 13)
    with pytest.raises(UsageError, match=r"nothing in --also .* 4 of the 4 pictures"):
        trained(others, tmp_path / "also", from_=str(model.model), also=known)
    with pytest.raises(UsageError, match="nothing in --also"):  # the new model learns from them
        trained(others, tmp_path / "other", from_=str(model.model), also=others, validation=0)


def test_all_that_is_written_is_known_as_ours(model: Trained, ensemble: Trained) -> None:
    there = {path.name for out in (model.folder, ensemble.folder) for path in out.iterdir()}
    tables = (SCORES, SUMMARY, COMPARISON, FORGOTTEN, LEARNING, *TABLES)
    tried = (SEARCH, TRIALS, IMPORTANCE, BEST, STUDY)
    before = {f"{BEFORE}{name}" for name in TABLES[:2]}
    assert {*there, *before, *tables, *tried, MODEL, CANDIDATE, PREVIEW, PLAN, PAGE} < set(NAMES)


@pytest.mark.parametrize(
    "name",
    ["data/raw/x.tif", "also/x.tif", "model.zip", "candidate.zip", "scores.csv", "summary.json",
     "training/notes.txt", "classes.csv", "search.json"],
)  # fmt: skip
def test_what_no_training_wrote_stays_as_it_is(dataset: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "project"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("mine")
    (out / "notes.txt").write_text("of no concern")
    with pytest.raises(
        UsageError, match=f"the folder holds {name.split('/', maxsplit=1)[0]}, which no"
    ):
        trained(dataset, out, preview=True)
    assert (out / name).read_text() == "mine"
    assert not (out / "plan.json").exists()


def test_what_is_learnt_from_or_begun_with_is_not_written_over(
    dataset: Path, model: Trained, tmp_path: Path
) -> None:
    out = tmp_path / "t"
    shutil.copytree(dataset, out / "data")
    with pytest.raises(UsageError, match="the folder holds data"):
        trained(out / "data", out, preview=True)
    assert len(list((out / "data" / "images").iterdir())) == 5
    before = Path(str(model.model)).read_bytes()
    with pytest.raises(UsageError, match="what is read would be written over"):
        trained(dataset, model.folder, from_=str(model.model))
    with pytest.raises(UsageError, match="what is read would be written over"):
        trained(out / "data", out / "data", preview=True)
    assert Path(str(model.model)).read_bytes() == before


@pytest.mark.parametrize("part", ["images", "labels", "images/new"])
def test_nothing_is_written_among_pictures_and_labels(
    dataset: Path, tmp_path: Path, part: str
) -> None:
    source = shutil.copytree(dataset, tmp_path / "source")
    before = sorted(source.rglob("*"))
    with pytest.raises(UsageError, match="would lie among the pictures and labels"):
        trained(source, source / part, preview=True)
    assert sorted(source.rglob("*")) == before


def test_a_training_of_before_copies_had_a_mark_goes_on(dataset: Path, tmp_path: Path) -> None:
    source = shutil.copytree(dataset, tmp_path / "source")
    (source / "labels").rename(source / "masks")  # StarDist's layout
    (source / "classes.csv").unlink()
    out = tmp_path / "t"
    with pytest.raises(UsageError, match="stepps"):  # after the copy, before the plan
        trained(source, out, "stepps=3", preview=True)
    assert not (out / "plan.json").exists()
    first = trained(source, out, preview=True)
    (out / "data" / MARK).unlink()
    assert trained(source, out, preview=True).plan == first.plan
    assert (out / "data" / MARK).exists()


def test_a_preview_trains_nothing(dataset: Path, tmp_path: Path) -> None:
    done = trained(dataset, tmp_path / "t", preview=True)
    assert done.model is None
    assert (tmp_path / "t" / "preview.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "t" / "training").exists()


def test_a_budget_decides_how_many_steps_are_made(dataset: Path, tmp_path: Path) -> None:
    few = tuple(change for change in TINY if not change.startswith("steps"))
    asked = TrainOptions(set=few, budget="1min", preview=True)
    done = train_model(dataset, tmp_path / "t", asked)
    assert done.plan.seconds is not None
    steps = done.plan.settings.steps
    assert steps == pytest.approx(0.8 * 60 / done.plan.seconds, rel=0.2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"update": "heads"}, "--from"),
        ({"architecture": "resnet"}, "instance, unet"),
        ({"folds": 1}, "two --folds"),
        ({"ensemble": True}, "--folds"),
        ({"learning_curve": True, "folds": 2}, "--learning-curve"),
        ({"learning_curve": True, "validation": 0}, "--learning-curve"),
        ({"learning_curve": True, "validation": 0.01}, "no picture can be held out"),
        ({"set": ("stepps=3",)}, "stepps"),
        ({"set": ("sampling.side=33",)}, "33"),
        ({"architecture": "unet", "set": ("sampling.diameter=20",)}, "sampling.diameter cannot be"),
    ],
)
def test_what_makes_no_sense_is_said(
    dataset: Path, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        train_model(dataset, tmp_path / "t", TrainOptions(**options))


@pytest.mark.parametrize(
    ("intervals", "better"),
    [
        ({"dsb_ap_50": (0.01, 0.2)}, True),
        ({"dsb_ap_50": (-0.01, 0.2)}, False),
        ({"dsb_ap_50": (None, None)}, False),
        ({"dsb_ap_50": (-0.1, 0.1), "class_accuracy": (0.1, 0.2)}, True),
        ({"dsb_ap_50": (-0.2, -0.1), "class_accuracy": (0.1, 0.2)}, False),
        ({"semantic_iou": (0.1, 0.2)}, False),
    ],
)
def test_better_is_what_is_so_beyond_its_interval(
    intervals: dict[str, tuple[float | None, float | None]], better: bool
) -> None:
    against = [
        Difference(name, 9, 0.5, 0.4, 0.1, Interval(low, high), 0.1, 5, 4)
        for name, (low, high) in intervals.items()
    ]
    assert is_better(against) == better
