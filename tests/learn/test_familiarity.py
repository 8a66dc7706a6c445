"""What a model keeps of its training pictures where they are few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellwright.core.errors import CancelledError
from cellwright.core.image import Array
from cellwright.datasets.example import Example
from cellwright.engine.events import CancelToken, Event, StepFinished
from cellwright.engine.onnx import Network
from cellwright.io.label_image import encode_labels
from cellwright.learn import familiarity
from cellwright.learn.familiarity import fingerprint_of, picture_vector, quarters
from cellwright.models.model import Model, model_named
from cellwright.segment.network_familiarity import Familiarity, unlike
from cellwright.segment.network_maps import Answer
from cellwright.simulate.nuclei import simulate_nuclei


@pytest.fixture(scope="module")
def model() -> Model:
    return model_named("nuclei")


@pytest.fixture(scope="module")
def answer(model: Model) -> Answer:
    return Network(model.weights, threads=1).run


def nuclei(seed: int) -> Array:
    pixels, _ = simulate_nuclei((160, 160), n=24, diameter_px=15, seed=seed)
    return pixels


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """Eight pictures, each of a photograph of its own."""
    folder = tmp_path_factory.mktemp("few")
    found = []
    for seed in range(8):
        path = folder / f"{seed}.tif"
        path.write_bytes(encode_labels(nuclei(seed), "YX"))
        found.append(Example(f"few/{seed}", path, path, "nuclei", f"{seed}"))
    return found


@pytest.fixture(scope="module")
def fingerprint(examples: list[Example], model: Model, answer: Answer) -> dict[str, Any]:
    return fingerprint_of(examples, model, answer)


def test_few_pictures_are_known_by_their_quarters_too(fingerprint: dict[str, Any]) -> None:
    assert fingerprint["pictures"] == 8 * 5


def test_it_knows_another_picture_of_the_kind_and_no_noise(
    fingerprint: dict[str, Any], model: Model, answer: Answer
) -> None:
    def judged(pixels: Array) -> Familiarity:
        found = unlike(picture_vector(pixels, model, answer), fingerprint)
        assert found is not None
        return found

    other = nuclei(50)
    noise = np.random.default_rng(0).integers(0, 255, other.shape).astype(other.dtype)
    assert judged(noise).unlike
    assert judged(noise).score > 2 * judged(other).score


def test_of_fewer_than_six_nothing_is_said(
    examples: list[Example], model: Model, answer: Answer
) -> None:
    assert fingerprint_of(examples[:5], model, answer) == {}


def test_of_many_some_are_looked_at(
    examples: list[Example], model: Model, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(familiarity, "_MOST_PICTURES", 7)
    seen: list[str] = []

    def listener(event: Event) -> None:
        if isinstance(event, StepFinished):
            seen.append(event.image)

    found = fingerprint_of(examples, model, answer, listener)
    assert len(seen) == 7
    assert seen[0] == examples[0].name
    assert seen[-1] == examples[-1].name
    assert found["pictures"] == 7 * 5


def test_it_stops_at_the_next_picture(
    examples: list[Example], model: Model, answer: Answer
) -> None:
    cancel, seen = CancelToken(), []

    def listener(event: Event) -> None:
        if isinstance(event, StepFinished):
            seen.append(event)
            cancel.cancel()

    with pytest.raises(CancelledError):
        fingerprint_of(examples, model, answer, listener, cancel)
    assert len(seen) == 1


def test_small_pictures_are_not_cut(tmp_path: Path, model: Model, answer: Answer) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(encode_labels(nuclei(0)[:100], "YX"))
    examples = [Example(f"{n}", path, path, "nuclei", f"{n}") for n in range(10)]
    assert fingerprint_of(examples, model, answer) == {}


def test_quarters_lie_beside_each_other() -> None:
    picture = np.arange(7 * 5 * 3).reshape(7, 5, 3)
    one, two, three, four = quarters(picture)
    np.testing.assert_array_equal(
        np.vstack([np.hstack([one, two]), np.hstack([three, four])]), picture
    )
