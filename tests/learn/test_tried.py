"""What a search tries, and what it leaves alone."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")
pytest.importorskip("optuna", reason="the extra [train] is not installed")

from optuna.trial import FixedTrial

from cellwright.learn.architectures.unet import Unet
from cellwright.learn.batches import Sampling
from cellwright.learn.plan import changed
from cellwright.learn.training import Settings
from cellwright.learn.tried import as_written, by_itself, suggested, tried


def test_what_a_person_has_chosen_stays() -> None:
    wanted = ["learning_rate=0.004", "sampling.diameter=20", "decoding.foreground=0.4"]
    base = changed(Settings(), wanted)
    assert tried(base, wanted) == ("sampling.changed",)
    settings = suggested(FixedTrial({"sampling.changed": 0.1}), base, wanted)
    assert settings == changed(base, ["sampling.changed=0.1"])
    assert by_itself(base, wanted, 0.4) == {"sampling.changed": 0.5}
    assert tried(base, ['decoding={"foreground":0.4}', "sampling={}"]) == ("learning_rate",)


def test_networks_that_are_asked_at_one_scale_are_trained_at_this_scale() -> None:
    for base in (
        Settings(architecture=Unet(), sampling=Sampling(side=64)),
        Settings(sampling=Sampling(whole=True)),
    ):
        assert tried(base, []) == ("learning_rate", "sampling.changed", "decoding.foreground")
        assert "scale" not in by_itself(base, [], 0.5)


def test_the_first_trial_is_as_train_would_choose() -> None:
    base = Settings(learning_rate=2e-3)
    told = by_itself(base, [], 0.6)
    settings = suggested(FixedTrial(told), base, [])
    assert settings == changed(base, ["decoding.foreground=0.6"])
    assert changed(Settings(), as_written(settings, tried(base, []))) == settings
