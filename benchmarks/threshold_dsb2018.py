"""Score a classical method on a folder of pictures with true labels, and print a table.

    python benchmarks/threshold_dsb2018.py FOLDER [--method threshold] [--parity even|odd]
        [--every N] [--set background=off ...]

FOLDER holds ``images/``, ``labels/`` and ``images.csv`` with the columns ``name`` and, where
there are several, ``kind``. Scores are means over pictures: AP = TP / (TP + FP + FN) at an
overlap (IoU) above 0.5, and its mean over the overlaps 0.50, 0.55, … 0.95. A picture where
there is nothing and nothing was found has 1. The parity is that of the number in a picture's
name: settings were chosen on one half, the other was looked at in the end.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image as PillowImage

from cellwright.core.image import Array, Image
from cellwright.core.method import Method
from cellwright.segment.threshold import METHOD as THRESHOLD
from cellwright.segment.watershed import METHOD as WATERSHED

OVERLAPS = np.arange(0.5, 1.0, 0.05)


def average_precision(truth: Array, found: Array) -> Array:
    """AP at each of `OVERLAPS`; above 0.5 no object can match two."""
    columns = int(found.max()) + 1
    pairs = truth.astype(np.int64) * columns + found
    shared = np.bincount(pairs.ravel(), minlength=(int(truth.max()) + 1) * columns)
    shared = shared.reshape(-1, columns)
    true_areas, found_areas = shared.sum(axis=1)[1:], shared.sum(axis=0)[1:]
    shared = shared[1:, 1:]
    union = true_areas[:, None] + found_areas[None, :] - shared
    n_true, n_found = np.count_nonzero(true_areas), np.count_nonzero(found_areas)
    matched = (shared[None] > OVERLAPS[:, None, None] * union[None]).sum(axis=(1, 2))
    if n_true + n_found == 0:
        return np.ones(OVERLAPS.size)
    precision: Array = matched / (n_true + n_found - matched)
    return precision


def score_folder(folder: Path, method: Method, options: Any, parity: str, every: int) -> Any:
    """One row a picture: kind, scores, counts, seconds."""
    table = pd.read_csv(folder / "images.csv")
    number = table["name"].map(lambda name: int((re.findall(r"\d+", name) or ["0"])[-1]))
    if parity != "all":
        table = table[number % 2 == (parity == "odd")]
    rows = []
    for row in table.iloc[::every].itertuples():
        pixels = np.asarray(PillowImage.open(folder / "images" / str(row.name)))
        truth = np.asarray(PillowImage.open(folder / "labels" / str(row.name)))
        start = time.process_time()
        objects = method.segment(Image(pixels, "YX" if pixels.ndim == 2 else "YXS"), options)
        seconds = time.process_time() - start
        found = np.asarray(objects.main_labels.data)
        scores = average_precision(truth, found)
        rows.append(
            {
                "kind": getattr(row, "kind", folder.name),
                "AP@0.5": scores[0],
                "mean AP": scores.mean(),
                "true": np.unique(truth[truth > 0]).size,
                "found": objects.main_labels.count,
                "s per megapixel": seconds / found.size * 1e6,
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Read the arguments, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--method", choices=["threshold", "watershed"], default="threshold")
    parser.add_argument("--parity", choices=["all", "even", "odd"], default="all")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    method: Method = THRESHOLD if arguments.method == "threshold" else WATERSHED
    options = method.options(**dict(item.split("=", 1) for item in arguments.set))
    table = score_folder(arguments.folder, method, options, arguments.parity, arguments.every)
    grouped = table.groupby("kind", sort=True)
    means = grouped[["AP@0.5", "mean AP"]].mean()
    means.insert(0, "pictures", grouped.size())
    means[["true", "found"]] = grouped[["true", "found"]].sum()
    means["s per megapixel"] = grouped["s per megapixel"].median()
    print(means.round(3).to_string())


if __name__ == "__main__":
    main()
