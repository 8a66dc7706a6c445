"""Put the pictures that the model ``phase`` learns from into one folder: ``gather.py DATA OUT``."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path


def sources(data: Path) -> Iterator[tuple[Path, str, str, str]]:
    """Each picture with its set, and its name, kind and group in the folder.

    Frames of one colony are a group: what was learnt from one of them says nothing of how well
    the next is found. The fields of `usiigaci` do not overlap.
    """
    for name in ("usiigaci", "yeast_phase"):
        for image in sorted((data / name / "images").iterdir()):
            group = image.stem if name == "usiigaci" else f"yeast_{image.stem[0]}"
            yield image, name, f"{name}_{image.stem}", group


def main(data: str, out: str) -> None:
    """Copy pictures and labels, and write the table."""
    folder = Path(out)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    rows = [("name", "kind", "group")]
    for image, kind, name, group in sources(Path(data)):
        shutil.copy(image, folder / "images" / f"{name}.png")
        shutil.copy(Path(data) / kind / "labels" / image.name, folder / "labels" / f"{name}.png")
        rows.append((f"{name}.png", kind, group))
    with (folder / "images.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
