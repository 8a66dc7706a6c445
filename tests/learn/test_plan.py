"""Plans made from what pictures are like."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

from tests.models.tiny_model import make_description

from cellwright.core.errors import UsageError
from cellwright.learn.architectures.instance import Instance
from cellwright.learn.architectures.maskrcnn import MaskRcnn
from cellwright.learn.describing import described
from cellwright.learn.pictures import Picture, picture_of
from cellwright.learn.plan import (
    SHEET_DIAMETER,
    Nature,
    changed,
    check_scale,
    nature_of,
    scheduled,
    settings_for,
)
from cellwright.learn.training import Settings, rate_at
from cellwright.simulate.monolayer import simulate_monolayer
from cellwright.simulate.nuclei import simulate_nuclei


def nature(**changes: object) -> Nature:
    said = {
        "pictures": 20, "groups": 20, "objects": 400, "diameter": 30.0, "diameters": (20.0, 40.0),
        "sides": (512, 512), "across": 17.0, "covered": 0.2, "touching": 0.2, "colour": 0.0,
        "bright": 1.0, "classes": {},
    }  # fmt: skip
    return Nature.model_validate({**said, **changes})


def some(simulated: str) -> list[Picture]:
    if simulated == "nuclei":
        fields = [simulate_nuclei((128, 160), n=12, diameter_px=16, seed=i) for i in range(3)]
    else:
        fields = [simulate_monolayer((128, 160), 40.0, i) for i in range(3)]
    return [picture_of(f"{i}", "k", *field, (1, 99.8)) for i, field in enumerate(fields)]


def test_nuclei_and_sheets_are_told_apart() -> None:
    nuclei, sheet = (nature_of(some(kind), 3, ()) for kind in ("nuclei", "sheet"))
    assert not nuclei.is_sheet
    assert sheet.is_sheet
    assert nuclei.diameter == pytest.approx(16, rel=0.15)
    assert nuclei.across == pytest.approx(8, rel=0.15)
    assert nuclei.sides == (128, 160)
    assert settings_for(nuclei).sampling.diameter == 18
    assert settings_for(sheet).sampling.diameter == SHEET_DIAMETER


def test_patches_are_no_larger_than_pictures_and_fit_the_network() -> None:
    for across in (0.5, 4, 7.3, 50):
        side = settings_for(nature(across=across)).sampling.side
        assert side % 16 == 0
        assert 64 <= side <= 192
    assert settings_for(nature(across=7.3)).sampling.side == 144  # 7.3 × 18 = 131


def test_more_objects_more_steps_and_fewer_from_a_model() -> None:
    few, many = (settings_for(nature(objects=n)) for n in (400, 40_000))
    assert few.steps < many.steps < 100 * few.steps
    start = make_description(
        architecture={"name": "instance", "options": {"widths": [4, 8], "depths": [1, 1]}},
        diameter=12.0, diameters=(6, 24), multiple=4, tile=64,
    )  # fmt: skip
    going_on = settings_for(nature(), start=start, update="heads")
    assert going_on.steps < few.steps
    assert going_on.update == "heads"
    assert going_on.sampling.diameter == 12
    assert isinstance(going_on.architecture, Instance)
    assert going_on.architecture.widths == (4, 8)
    assert going_on.rates["body"] < 1


@pytest.mark.parametrize("steps", [1, 7, 300, 8000])
def test_a_schedule_is_as_long_as_the_steps_that_are_made(steps: int) -> None:
    planned = settings_for(nature())
    assert scheduled(planned, []) == planned
    said = [f"steps={steps}", "warm_up=33"]
    settings = scheduled(changed(planned, said), said)
    assert (settings.steps, settings.warm_up, settings.fall) == (steps, 33, steps // 4)
    assert settings.checkpoint_steps == max(20, steps // 10)
    # the rate comes to its full height
    settings = scheduled(changed(planned, said[:1]), said[:1])
    assert max(rate_at(step, settings) for step in range(steps)) == settings.learning_rate


def test_a_model_that_does_not_know_such_pictures_learns_at_full_speed() -> None:
    start = make_description(
        architecture={"name": "instance", "options": {"widths": [4, 8], "depths": [1, 1]}},
        diameter=12.0, diameters=(6, 24), multiple=4, tile=64,
    )  # fmt: skip
    new, known = (settings_for(nature(), start=start, known=score) for score in (0.1, 0.9))
    assert (new.rates, new.learning_rate) == ({}, settings_for(nature()).learning_rate)
    assert new.steps == settings_for(nature()).steps > known.steps
    assert known.learning_rate < new.learning_rate
    heads = settings_for(nature(), start=start, known=0.1, update="heads")
    assert heads.learning_rate == known.learning_rate


def test_rare_classes_count_more_and_are_shown_more_often() -> None:
    settings = settings_for(nature(classes={"alive": 900, "dead": 100, "not known": 50}))
    assert isinstance(settings.architecture, Instance)
    assert settings.architecture.classes == 2
    alive, dead = settings.architecture.class_weights
    assert dead / alive == pytest.approx(3, rel=0.01)
    assert (alive + dead) / 2 == pytest.approx(1, rel=0.01)
    assert settings.sampling.rare > 0
    again = settings_for(nature()).architecture
    assert isinstance(again, Instance)
    assert again.classes == 0


def test_a_dataset_without_objects_is_refused() -> None:
    empty = picture_of("empty", "k", np.zeros((64, 64)), np.zeros((64, 64), int), (1, 99.8))
    with pytest.raises(UsageError, match="no picture has an object"):
        nature_of([empty], 1, ())


def test_mask_rcnn_too_is_shown_objects_at_one_size_and_makes_small_steps() -> None:
    known = nature(classes={"alive": 900, "dead": 100})
    settings = settings_for(known, "maskrcnn")
    assert isinstance(settings.architecture, MaskRcnn)
    assert settings.architecture.classes == 2
    assert (settings.optimiser, settings.learning_rate) == ("adam", 3e-4)
    assert settings.sampling.diameter == 24
    assert settings.sampling.side % 32 == 0
    assert settings_for(nature(covered=0.9, touching=0.9), "maskrcnn").sampling.diameter == 32
    start = make_description(
        architecture={"name": "maskrcnn", "options": {"imagenet": "random", "pyramid": 8}},
        diameter=24.0, diameters=(12, 48), multiple=32, tile=256,
    )  # fmt: skip
    going_on = settings_for(known, start=start)
    assert going_on.architecture == MaskRcnn(
        imagenet="random", pyramid=8, classes=2,
        class_weights=settings.architecture.class_weights,
    )  # fmt: skip
    assert (going_on.optimiser, going_on.learning_rate) == ("adam", 3e-4)
    assert going_on.sampling.wild > 0


@pytest.mark.parametrize("name", ["unet", "vgg16_unet", "tiramisu", "alexnet_fcn"])
def test_other_architectures_see_pictures_as_they_are(name: str) -> None:
    settings = settings_for(nature(), name)
    assert settings.architecture.name == name
    assert settings.optimiser == "adam"
    assert settings.sampling.diameter == 30
    assert settings.sampling.side % settings.architecture.multiple == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("steps", "no setting 'steps'"),
        ("stepps=3", "no setting"),
        ("sampling.sidee=3", "no setting"),
        ("steps.more=3", "no setting"),
        ("steps=many", "steps cannot be that"),
        ("optimiser=sgd", "optimiser cannot be that"),
        ("sampling.count=0", "sampling.count cannot be that"),
        ("sampling.jitter=-1", "sampling.jitter cannot be that"),
        ("sampling.side=100000", "sampling.side cannot be that"),
        ("sampling.wildest=[200,4]", "smallest and the largest diameter, and not 200, 4"),
        ("seed=99999999999999999999", "seed cannot be that"),
        ("learning_rate=Infinity", "learning_rate cannot be that"),
        ("architecture.widths=[3]", "cannot have the widths"),
    ],
)
def test_settings_that_cannot_be_are_said(change: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        changed(Settings(), [change])


def test_rates_of_parts_are_named_freely() -> None:
    assert changed(Settings(), ["rates.head=0.5"]).rates == {"head": 0.5}


def test_going_on_keeps_how_an_architecture_is_best_trained() -> None:
    start = make_description(
        architecture={"name": "unet", "options": {}}, decoder={"name": "components", "version": 1},
        channels=("foreground",), diameter=30.0, diameters=(15, 60), multiple=16,
    )  # fmt: skip
    settings = settings_for(nature(), start=start)
    assert (settings.optimiser, settings.sampling.wild, settings.sampling.jitter) == (
        "adam", 0.0, 0.2
    )  # fmt: skip


@pytest.mark.parametrize("name", ["unet", "vgg16_unet", "tiramisu", "alexnet_fcn"])
def test_networks_that_tell_no_sizes_go_on_at_the_scale_of_the_pictures(name: str) -> None:
    start = make_description(
        architecture={"name": name, "options": {}}, decoder={"name": "components", "version": 1},
        channels=("foreground",), diameter=14.0, diameters=(7, 28), multiple=32, tile=1664,
    )  # fmt: skip
    drawn = nature(diameter=40.0, diameters=(30.0, 50.0), across=4.0)
    settings = settings_for(drawn, start=start)
    assert (settings.sampling.diameter, settings.sampling.side) == (40, 160)
    check_scale(settings, drawn)
    # as it is described, so it is asked: at the pictures' own scale
    described_as = described(settings, drawn, name="a", kind="cell", licence="CC0-1.0", learnt=1)
    assert described_as.diameter == settings.sampling.diameter
    with pytest.raises(UsageError, match=r"sampling.diameter cannot be 20: .* 40 px"):
        check_scale(changed(settings, ["sampling.diameter=20"]), drawn)
    check_scale(changed(settings, ["sampling.diameter=20", "sampling.whole=true"]), drawn)
    check_scale(changed(settings_for(drawn), ["sampling.diameter=20"]), drawn)
