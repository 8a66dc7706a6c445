"""Twenty pictures of a new kind: go on from a model, or begin anew: ``run.py DATA OUT``.

Whole cells in phase contrast (`usiigaci`), of which the model ``nuclei`` has seen none: quarters
of five fields are learnt from, and those of the three others are scored, by the untouched model,
by one that went on from it, and by one that began with random weights. Both trainings get the same
time. All of it, scoring included, is one run of ``cellwright train`` as a user would make it.
"""

from __future__ import annotations

import argparse
import csv
import time
from dataclasses import asdict
from pathlib import Path

from cellwright.datasets.example import Example, examples_in, read_labels, read_pixels
from cellwright.engine.events import Event, Message
from cellwright.engine.onnx import Network
from cellwright.evaluation.comparison import COMPARED, compare
from cellwright.evaluation.picture import PictureScore
from cellwright.evaluation.summary import summarise
from cellwright.io.label_image import encode_labels
from cellwright.learn.calibrating import kept_scores
from cellwright.learn.familiarity import quarters
from cellwright.learn.job import train_model
from cellwright.learn.judging import judged
from cellwright.learn.options import TrainOptions
from cellwright.models.model import Model, model_named, read_model

FIELDS = 5
"""Whose quarters are learnt from."""
START = "nuclei"
WAYS = {"from nuclei": START, "from scratch": None}


def cut(data: Path, folder: Path) -> tuple[Path, Path]:
    """Quarters of the fields: those that are learnt from, and the others."""
    examples = examples_in(data / "usiigaci")
    parts = {"train": examples[:FIELDS], "test": examples[FIELDS:]}
    for part, fields in parts.items():
        for name in ("images", "labels"):
            (folder / part / name).mkdir(parents=True, exist_ok=True)
        rows = [("name", "kind", "group")]
        for field in fields:
            stem = field.image.stem
            pairs = zip(quarters(read_pixels(field)), quarters(read_labels(field)), strict=True)
            for index, (pixels, labels) in enumerate(pairs):
                name = f"{stem}_{index}.tif"
                (folder / part / "images" / name).write_bytes(encode_labels(pixels, "YX"))
                (folder / part / "labels" / name).write_bytes(encode_labels(labels, "YX"))
                rows.append((name, "phase", stem))
        with (folder / part / "images.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    return folder / "train", folder / "test"


def scored(model: Model, examples: list[Example]) -> list[PictureScore]:
    """What a model makes of pictures, without what it leaves out as too unsure."""
    answer = Network(model.weights, threads=2).run
    found = [judged(model, answer, example, {}) for example in examples]
    return list(kept_scores(found, model.description.calibration))


def heard(event: Event) -> None:
    """Print what a person should read."""
    if isinstance(event, Message):
        print(event.text, flush=True)


def main() -> None:
    """Train, score, and write ``table.csv`` and ``differences.csv``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--budget", default="9min")
    asked = parser.parse_args()
    train, test = cut(asked.data, asked.out / "pictures")
    examples = examples_in(test)
    scores = {"untouched": scored(model_named(START), examples)}
    minutes = {"untouched": 0.0}
    for way, start in WAYS.items():
        begun = time.monotonic()
        options = TrainOptions(from_=start, budget=asked.budget, object="cell", accept=True)
        done = train_model(train, asked.out / way.replace(" ", "_"), options, listener=heard)
        minutes[way] = (time.monotonic() - begun) / 60
        assert done.model is not None
        scores[way] = scored(read_model(done.model), examples)
    with (asked.out / "table.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            ["model", "minutes", *(f"{s} {e}" for s in COMPARED for e in ("", "low", "high"))]
        )
        for way, found in scores.items():
            overall = summarise(found, {}).overall.scores
            row = [way, f"{minutes[way]:.1f}"]
            for score in COMPARED:
                estimate = overall[score]
                ends = (estimate.value, estimate.interval.low, estimate.interval.high)
                row += ["" if one is None else f"{one:.3f}" for one in ends]
            table.writerow(row)
            print(row, flush=True)
    with (asked.out / "differences.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [
            {"less": other, **asdict(difference)}
            for other in ("untouched", "from scratch")
            for difference in compare(scores["from nuclei"], scores[other])
        ]
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
        for row_of in rows:
            print(row_of)


if __name__ == "__main__":
    main()
