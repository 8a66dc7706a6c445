"""Nuclei of every kind, the seed's way and ours: ``run.py DATA OUT [NAME …] [--budget 10min]``.

The seed trained a U-Net on 600 of the 670 pictures of the Data Science Bowl 2018, squeezed to
128 × 128, and reached a mean IoU of 0.75 on the 70 others. Here the same split is made of the
pictures that DATA holds (tiles of one photograph on one side), each network is trained by
``cellwright train`` for the same time, and scored twice on the held-out pictures: as the seed did
it, on pixels of 128 × 128 with a threshold at the mean of the picture's own output, and at the
picture's own resolution as ``cellwright evaluate`` does it.

``--split pictures`` parts tiles of one photograph at random, as the seed did. ``--masks touched``
squeezes pictures and masks beforehand, and a pixel is nucleus if a nucleus touches it: so masks
come out where they are squeezed and then made true or false. The seed does not say how it did it.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from scipy.special import expit

from cellwright.core.image import Array
from cellwright.datasets.example import Example, examples_in, read_labels, read_pixels
from cellwright.engine.events import Event, Message
from cellwright.engine.onnx import Network
from cellwright.evaluation.intervals import RatioOfSums, ratio_intervals
from cellwright.io.label_image import encode_labels
from cellwright.learn.job import Trained, train_model
from cellwright.learn.options import TrainOptions
from cellwright.learn.packaging import network_of
from cellwright.models.model import Model, read_model
from cellwright.segment.blocks import Window
from cellwright.segment.network_input import Normalisation
from cellwright.segment.network_mapping import InMemory, map_plane
from cellwright.segment.rescale import ScaledPlane

SIDE = 128
SHARE = 70 / 670
WHOLE = (
    "sampling.whole=true", f"sampling.side={SIDE}", "sampling.changed=0", "sampling.balance=0",
    "patience=9",
)  # fmt: skip
"""As the seed had it: whole pictures, squeezed, all alike often, and no other change than turns and
mirrors."""
RANDOM = "architecture.imagenet=random"
WAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "unet": ("unet", WHOLE),
    "alexnet_fcn": ("alexnet_fcn", (*WHOLE, RANDOM)),
    "vgg16_unet": ("vgg16_unet", (*WHOLE, RANDOM)),
    "tiramisu": (
        "tiramisu",
        (
            *WHOLE, "architecture.growth=12", "architecture.layers=[4,4,4,4,4]",
            "architecture.bottleneck=4",
        ),
    ),
    "tiramisu_103": ("tiramisu", WHOLE),
    "instance": ("instance", ()),
    "maskrcnn": ("maskrcnn", (RANDOM,)),
    "maskrcnn_50": ("maskrcnn", (RANDOM, "architecture.backbone=resnet50")),
}  # fmt: skip
"""Rows of the table: architecture and settings. Those without `WHOLE` see pictures at their own
resolution."""
COLUMNS = (
    "row", "weights", "steps", "seconds a step", "held out",
    "IoU at 128, mean threshold", "low", "high", "IoU at 128, threshold 0.5", "low", "high",
    "IoU", "low", "high", "AP at 0.5", "low", "high",
)  # fmt: skip


@dataclass(frozen=True)
class Squeezed:
    """Probability and truth of a picture at `SIDE` × `SIDE`."""

    chance: Array
    truth: Array

    def iou(self, threshold: float) -> float:
        """Of what is at or above a threshold; 1 if neither has anything."""
        found = self.chance >= threshold
        either = np.count_nonzero(found | self.truth)
        return np.count_nonzero(found & self.truth) / either if either else 1.0


def apart(examples: Iterable[Example], out: Path) -> Path:
    """Copy pictures; each is a group of its own, whatever photograph it is of."""
    rows = [("name", "kind", "group")]
    for example in examples:
        for part, file in (("images", example.image), ("labels", example.labels)):
            (out / part).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, out / part)
        rows.append((example.image.name, example.kind, f"alone_{example.image.stem}"))
    return listed(rows, out)


def touched(examples: Iterable[Example], out: Path) -> Path:
    """Write pictures of `SIDE` × `SIDE`; a pixel is of a nucleus that touches it."""
    for part in ("images", "labels"):
        (out / part).mkdir(parents=True, exist_ok=True)
    rows = [("name", "kind", "group")]
    for example in examples:
        pixels, labels = read_pixels(example), read_labels(example)
        small = np.zeros((SIDE, SIDE), np.uint32)
        row, column = np.nonzero(labels)
        places = (row * SIDE // labels.shape[0], column * SIDE // labels.shape[1])
        small[places] = labels[row, column]
        name = f"{example.image.stem}.tif"
        top = np.iinfo(pixels.dtype).max
        grey = np.rint(squeezed(pixels / np.float32(top)) * top).astype(pixels.dtype)
        tifffile.imwrite(out / "images" / name, grey)
        (out / "labels" / name).write_bytes(encode_labels(small))
        rows.append((name, example.kind, example.group))
    return listed(rows, out)


def listed(rows: Iterable[tuple[str, ...]], out: Path) -> Path:
    with (out / "images.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return out


def squeezed(pixels: Array) -> Array:
    """(Y, X), or with samples, of `SIDE` × `SIDE`: means of the pixels that each new one covers.

    Of numbers from 0 to 1.
    """
    plane = ScaledPlane(InMemory(pixels), Normalisation(0.0, 1.0), (SIDE, SIDE))
    return np.asarray(plane.read(Window(0, 0, SIDE, SIDE)))


def looked_at(model: Model, answer: Callable[[Array], Array], example: Example) -> Squeezed:
    """Probability of the foreground, whatever the scale at which the network saw the picture."""
    mapped = map_plane(InMemory(read_pixels(example)), model, answer)
    whole = Window(0, 0, *mapped.plane.shape)
    chance = expit(mapped.maps.one("foreground", whole))
    mask = (read_labels(example) > 0).astype(np.float32)
    return Squeezed(squeezed(chance), squeezed(mask) >= 0.5)


def mean_with_interval(values: list[float]) -> list[str]:
    """Mean over pictures and its 95 % interval, three digits."""
    column = np.array(values)[:, None]
    [interval] = ratio_intervals([RatioOfSums(column, np.ones_like(column), (0.0, 1.0))])
    return [f"{value:.3f}" for value in (column.mean(), interval.low, interval.high)]


def row(name: str, done: Trained, examples: dict[str, Example]) -> list[str]:
    assert done.model is not None
    assert done.result is not None
    model = read_model(done.model)
    answer = Network(model.weights, threads=2).run
    seen = [looked_at(model, answer, examples[held]) for held in done.plan.validation]
    scores = done.result.summary.overall.scores
    told = [
        name,
        f"{sum(weight.numel() for weight in network_of(model).parameters()):,}",
        str(done.plan.settings.steps),
        f"{done.plan.seconds:.2f}",
        str(len(seen)),
        *mean_with_interval([one.iou(float(one.chance.mean())) for one in seen]),
        *mean_with_interval([one.iou(0.5) for one in seen]),
    ]
    for score in ("semantic_iou", "dsb_ap_50"):
        value = scores[score]
        told += [f"{v:.3f}" for v in (value.value, value.interval.low, value.interval.high)]
    return told


def heard(event: Event) -> None:
    if isinstance(event, Message):
        print(event.text, flush=True)


def main() -> None:
    """Train, score, and write ``table.csv``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("rows", nargs="*", default=list(WAYS), metavar="NAME")
    parser.add_argument("--budget", default="10min")
    parser.add_argument("--split", choices=["photographs", "pictures"], default="photographs")
    parser.add_argument("--masks", choices=["covered", "touched"], default="covered")
    asked = parser.parse_args()
    folder = asked.data / "dsb2018"
    if asked.masks == "touched":
        folder = touched(examples_in(folder), asked.out / "squeezed")
    if asked.split == "pictures":
        folder = apart(examples_in(folder), asked.out / "pictures")
    examples = {example.image.stem: example for example in examples_in(folder)}
    rows = []
    for name in asked.rows:
        architecture, settings = WAYS[name]
        options = TrainOptions(
            architecture=architecture, budget=asked.budget, validation=SHARE, set=settings,
            object="nucleus", leave_out=True,
        )  # fmt: skip
        done = train_model(folder, asked.out / name, options, listener=heard)
        rows.append(row(name, done, examples))
        print(*rows[-1], sep=" | ", flush=True)
    with (asked.out / "table.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
