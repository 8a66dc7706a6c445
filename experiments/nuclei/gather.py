"""Copy the validation pictures into a folder: ``gather.py DATA FOLDER``.

FOLDER gets ``images/``, ``labels/`` and ``kinds.csv``, as `cellwright analyze` and `cellwright
evaluate` take them.
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

from data import training_and_validation


def main(data: str, folder: str) -> None:
    """Copy the files; names begin with that of their collection."""
    images, labels = Path(folder, "images"), Path(folder, "labels")
    for part in (images, labels):
        part.mkdir(parents=True)
    with Path(folder, "kinds.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("image", "kind"))
        for example in training_and_validation(Path(data))[1]:
            name = example.name.replace("/", "_")
            shutil.copyfile(example.image, images / f"{name}{example.image.suffix}")
            shutil.copyfile(example.labels, labels / f"{name}{example.labels.suffix}")
            table.writerow((f"{name}{example.image.suffix}", example.kind))


if __name__ == "__main__":
    main(*sys.argv[1:])
