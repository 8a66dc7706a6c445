"""A training keeps its page up to date, and never fails because of it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

from cellwright.api import train
from cellwright.engine.events import Event, Message, StepFinished
from cellwright.io.label_image import encode_labels
from cellwright.simulate.nuclei import simulate_nuclei

TINY = (
    "architecture.widths=[4,8]", "architecture.depths=[1,1]", "sampling.side=64",
    "sampling.count=2", "steps=4", "warm_up=2", "fall=2", "checkpoint_steps=2", "averaging=0.5",
)  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three small pictures of nuclei."""
    for part in ("images", "labels"):
        (tmp_path / "dataset" / part).mkdir(parents=True)
    for seed in range(3):
        both = simulate_nuclei((72, 72), n=6, diameter_px=14, seed=seed)
        for part, pixels in zip(("images", "labels"), both, strict=True):
            file = tmp_path / "dataset" / part / f"p{seed}.tif"
            file.write_bytes(encode_labels(pixels, "YX"))
    return tmp_path / "dataset"


def test_the_page_is_there_from_the_first_look_on(dataset: Path, tmp_path: Path) -> None:
    page = tmp_path / "t" / "training.html"
    titles: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepFinished) and page.exists():
            titles.append(page.read_text("utf-8").partition("<title>")[2].partition(" –")[0])

    done = train(dataset, tmp_path / "t", listener=listen, set=TINY)
    assert "In training: step 2 of 4" in titles
    assert "In training: step 4 of 4" in titles
    html = page.read_text("utf-8")
    assert "1 picture that it has not learnt from" in html
    train(dataset, tmp_path / "t", set=TINY)
    assert page.read_text("utf-8") == html
    assert done.model is not None


def test_a_page_that_cannot_be_drawn_ends_nothing(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(folder: Path) -> Path:
        raise MemoryError("no room")

    monkeypatch.setattr("cellwright.pipeline.training_page.write_training_page", fails)
    heard: list[Event] = []
    done = train(dataset, tmp_path / "t", listener=heard.append, set=TINY)
    assert done.model is not None
    warnings = [one for one in heard if isinstance(one, Message) and one.level == "warning"]
    assert len(warnings) == 3  # two looks, and the end
