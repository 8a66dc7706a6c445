"""Brain endothelium outlined by its borders: ``run.py DATA PICTURES --out OUT [--way ours]``.

Trains on the annotated pictures of DATA (``images/`` and ``labels/`` of the same names, as in the
set ``bbb``) and outlines the cells of PICTURES: ``OUT/labels``. On the way each annotated picture
is judged by a network that has not learnt from it, and the scores are printed beside those of a
second person who drew a picture again (``labels/NAME_second.png``), where there is one.

``--way seed`` does it as the seed did: a full-size U-Net learns the drawn borders, and cells are
what lies between them; ``seed-small`` has a quarter of its channels, and time for more steps.
``--way ours`` goes on from the model ``borders``, which has learnt from other cells which pixels
belong together, and moves outlines to the bright borders near them (``--set borders=bright`` of
`segment`). Not every cell is drawn, so nothing is learnt from, and nothing scored, beyond the
cells that are and their surroundings.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.measure import regionprops_table
from skimage.segmentation import find_boundaries

from cellwright.api import segment
from cellwright.core.image import Array
from cellwright.datasets.example import read_pixels
from cellwright.engine.events import Event, Message
from cellwright.evaluation.picture import PictureScore, score_picture
from cellwright.io.label_image import decode_labels, encode_labels
from cellwright.learn.job import Trained, train_model
from cellwright.learn.judging import Judged, within
from cellwright.learn.options import TrainOptions
from cellwright.segment.outlines import on_borders

AROUND = 12
"""Pixels around drawn cells that are known too: a neighbour begins there, or there is none."""
SHOWN = ("boundary_f1", "f1_50", "semantic_iou")
SHAPES = ("area", "perimeter", "aspect_ratio")
SECOND = "_second"
BORDERS = (
    "architecture.what=border", "architecture.dropout=[0,0,0,0.5,0.5]",
    "architecture.activation=relu", "sampling.side=256", "sampling.count=2",
)  # fmt: skip
"""As the seed had it."""
WAYS = {
    "ours": TrainOptions(
        from_="borders", folds=2, budget="20min", object="cell", name="seed-004", accept=True,
        set=("sampling.diameter=56", "sampling.side=320"),
    ),
    "seed": TrainOptions(
        architecture="unet", folds=2, budget="20min", object="cell", name="seed-004-unet",
        set=(*BORDERS, "architecture.widths=[64,128,256,512,1024]"),
    ),
    "seed-small": TrainOptions(
        architecture="unet", folds=2, budget="20min", object="cell", name="seed-004-unet-small",
        set=(*BORDERS, "architecture.widths=[16,32,64,128,256]"),
    ),
}  # fmt: skip
SEEN = {"ours": "bright"}
"""Borders to which outlines are moved; see `cellwright.segment.network.NetworkOptions`."""


def drawn(data: Path) -> Iterator[tuple[Path, Array]]:
    """Pictures with their labels. The set has a table of another form than ours."""
    for image in sorted((data / "images").iterdir()):
        yield image, decode_labels(data / "labels" / f"{image.stem}.png").pixels()


def prepared(data: Path, folder: Path) -> Path:
    """Copy pictures and labels, with the parts in which cells were drawn."""
    for part in ("images", "labels", "roi"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for image, labels in drawn(data):
        stem = image.stem
        shutil.copy(image, folder / "images" / image.name)
        (folder / "labels" / f"{stem}.tif").write_bytes(encode_labels(labels, "YX"))
        region = encode_labels(region_of(labels).astype(np.uint8), "YX")
        (folder / "roi" / f"{stem}.tif").write_bytes(region)
    return folder


def region_of(labels: Array) -> Array:
    """(Y, X) bool of drawn cells and what is around them."""
    grown: Array = ndimage.binary_dilation(labels > 0, iterations=AROUND)
    return grown


def outlines_right(truth: Array, found: Array) -> float:
    """Share of pixels that are outline in both or in neither, as the seed counted.

    Outlines are the outermost pixels of each cell. Nearly all pixels are none, so that a picture
    without any would have some 0.97.
    """
    one, other = (
        find_boundaries(labels, mode="inner")  # type: ignore[no-untyped-call]
        for labels in (truth, found)
    )
    return float(np.mean(one == other))


def shapes(labels: Array) -> dict[str, float]:
    """Medians over cells: area and perimeter in pixels, and width by height of the box."""
    table = regionprops_table(  # type: ignore[no-untyped-call]
        labels.astype(np.int64), properties=("area", "perimeter", "bbox")
    )
    wide, high = (table[f"bbox-{axis + 2}"] - table[f"bbox-{axis}"] for axis in (1, 0))
    columns = (table["area"], table["perimeter"], wide / high)
    return {
        name: float(np.median(column)) if len(column) else float("nan")
        for name, column in zip(SHAPES, columns, strict=True)
    }


def outlined(one: Judged, kept: Array, borders: str) -> Array:
    """Labels of what is kept, as `segment` would write them, of the known part only."""
    labels = one.without(~kept)
    if borders == "ignored":
        return labels
    grey = read_pixels(one.example).astype(np.float32)
    found = on_borders(labels, grey, "bright")
    return np.where(region_of(one.truth), found, 0)


def told(name: str, truth: Array, found: Array) -> str:
    """Line of a picture: labels within the part in which cells were drawn."""
    score: PictureScore = score_picture(truth, found, image=name)
    parts = [f"outline pixels right {outlines_right(truth, found):.3f}"]
    parts += [f"{one} {score[one]:.3f}" for one in SHOWN]
    parts += [f"median {one} {value:.4g}" for one, value in shapes(found).items()]
    return f"{name}: " + ", ".join(parts)


def two_people(data: Path) -> Iterator[str]:
    """Lines of the drawings, and of a second person's against the first one's."""
    for image, truth in drawn(data):
        yield told(f"{image.stem}, as drawn", truth, truth)
        other = data / "labels" / f"{image.stem}{SECOND}.png"
        if other.exists():
            second = within(decode_labels(other).pixels(), region_of(truth))
            yield told(f"{image.stem}, by a second person", truth, second)


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
    asked = parser.parse_args()
    borders = SEEN.get(asked.way, "ignored")
    dataset = prepared(asked.data, asked.out / "dataset")
    done: Trained = train_model(dataset, asked.out / "training", WAYS[asked.way], listener=heard)
    assert done.model is not None
    assert done.result is not None
    for one, kept in zip(done.judged, done.result.kept, strict=True):
        found = outlined(one, kept, borders)
        print(told(f"{one.example.image.stem}, left out", one.truth, found))
    for line in two_people(asked.data):
        print(line)
    run = segment(
        asked.pictures, asked.out / "found", model=str(done.model), set=(f"borders={borders}",)
    )
    labels = asked.out / "labels"
    shutil.copytree(asked.out / "found" / "labels", labels, dirs_exist_ok=True)
    print(json.dumps({"labels": str(labels), "pictures": len(run.images)}))


if __name__ == "__main__":
    main()
