"""Brain endothelium outlined by its borders: ``run.py DATA PICTURES --out OUT [--way ours]``.

Trains on the annotated pictures of DATA (``images/`` and ``labels/`` of the same names, as in the
set ``bbb``) and outlines the cells of PICTURES: ``OUT/labels``. On the way each annotated picture
is judged by a network that has not learnt from it, and the scores are printed beside those of a
second person who drew a picture again (``labels/NAME_second.png``), where there is one.

``--way seed`` does it as the seed did: a full-size U-Net learns the drawn borders, and cells are
what lies between them. ``--way ours`` learns which pixels belong together. Not every cell is
drawn, so nothing is learnt from, and nothing scored, beyond the cells that are and their
surroundings.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from scipy import ndimage

from cellwright.api import segment
from cellwright.core.image import Array
from cellwright.datasets.example import examples_in, read_labels
from cellwright.engine.events import Event, Message
from cellwright.evaluation.picture import PictureScore, score_picture
from cellwright.io.label_image import decode_labels, encode_labels
from cellwright.learn.job import Trained, train_model
from cellwright.learn.judging import within
from cellwright.learn.options import TrainOptions

AROUND = 12
"""Pixels around drawn cells that are known too: a neighbour begins there, or there is none."""
SHOWN = ("boundary_f1", "f1_50", "semantic_iou")
SECOND = "_second"
WAYS = {
    "ours": TrainOptions(
        folds=2, budget="20min", object="cell", name="seed-004",
        set=("sampling.diameter=32", "sampling.side=224"),
    ),
    "seed": TrainOptions(
        architecture="unet", folds=2, budget="20min", object="cell", name="seed-004-unet",
        set=(
            "architecture.what=border", "architecture.widths=[64,128,256,512,1024]",
            "architecture.dropout=[0,0,0,0.5,0.5]", "architecture.activation=relu",
            "sampling.side=256", "sampling.count=2",
        ),
    ),
}  # fmt: skip


def prepared(data: Path, folder: Path) -> Path:
    """Copy pictures and labels, with the parts in which cells were drawn."""
    for part in ("images", "labels", "roi"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for example in examples_in(data):
        labels = read_labels(example)
        stem = example.image.stem
        (folder / "images" / example.image.name).write_bytes(example.image.read_bytes())
        (folder / "labels" / f"{stem}.tif").write_bytes(encode_labels(labels, "YX"))
        region = encode_labels(region_of(labels).astype(np.uint8), "YX")
        (folder / "roi" / f"{stem}.tif").write_bytes(region)
    return folder


def region_of(labels: Array) -> Array:
    """(Y, X) bool of drawn cells and what is around them."""
    grown: Array = ndimage.binary_dilation(labels > 0, iterations=AROUND)
    return grown


def two_people(data: Path) -> dict[str, PictureScore]:
    """Scores of a second person's drawings against the first one's."""
    found = {}
    for example in examples_in(data):
        other = data / "labels" / f"{example.image.stem}{SECOND}.png"
        if other.exists():
            first, second = read_labels(example), decode_labels(other).pixels()
            region = region_of(first)
            found[example.image.stem] = score_picture(
                np.where(region, first, 0), within(second, region), image=example.image.stem
            )
    return found


def told(name: str, score: PictureScore) -> str:
    """Line of a picture."""
    return f"{name}: " + ", ".join(f"{one} {score[one]:.3f}" for one in SHOWN)


def heard(event: Event) -> None:
    """Print what a person should read."""
    if isinstance(event, Message):
        print(event.text, flush=True)


def main() -> None:
    """Train, judge, outline."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--way", choices=list(WAYS), default="ours")
    parser.add_argument("--start", help="name or path of a model to go on from")
    asked = parser.parse_args()
    options = WAYS[asked.way].model_copy(update={"from_": asked.start, "accept": True})
    dataset = prepared(asked.data, asked.out / "dataset")
    done: Trained = train_model(dataset, asked.out / "training", options, listener=heard)
    assert done.model is not None
    assert done.result is not None
    for score in done.result.scores:
        print(told(f"{score.image}, left out", score))
    for name, score in two_people(asked.data).items():
        print(told(f"{name}, by a second person", score))
    run = segment(asked.pictures, asked.out / "found", model=str(done.model))
    labels = asked.out / "labels"
    shutil.copytree(asked.out / "found" / "labels", labels, dirs_exist_ok=True)
    print(json.dumps({"labels": str(labels), "pictures": len(run.images)}))


if __name__ == "__main__":
    main()
