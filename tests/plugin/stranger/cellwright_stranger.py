"""A package that cellwright has never heard of: one part behind each door."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field
from scipy import ndimage

from cellwright.cli.verb import Asked, Verb
from cellwright.core.columns import Column
from cellwright.core.errors import InputError
from cellwright.core.image import Array, Image, Source
from cellwright.core.labels import Labels, Objects
from cellwright.core.method import Options
from cellwright.datasets.annotation import AnnotationFormat, Drawn, Entry
from cellwright.datasets.annotation import Source as Drawings
from cellwright.datasets.drawing import Drawing
from cellwright.io.outline import Outlined, OutlineWriter
from cellwright.io.pattern import Pattern, Place
from cellwright.io.reader import Reader
from cellwright.measure.feature import Feature
from cellwright.measure.filters import Filter
from cellwright.measure.regions import Regions
from cellwright.quality.check import Check, Verdict
from cellwright.report.section import Content, ReportData, Section
from cellwright.segment.blocks import Window
from cellwright.segment.decoder import TRAITS, MapOptions, Told, level_of
from cellwright.segment.decoder import Objects as Found
from cellwright.segment.network_maps import Quantised

MAGIC = b"STRANGER"
NAME = re.compile(r"(?P<well>[A-H][0-9]{2})-(?P<stain>[a-z]+)")


class AboveOptions(Options):
    """Options of the method."""

    level: float = Field(10.0, description="Pixels above it belong to cells.")


class Above:
    """Pixels above a level."""

    name = "above"
    version = 1
    options: type[Options] = AboveOptions
    memory = 16

    def segment(self, image: Image, options: Any) -> Objects:
        """Label what is above the level."""
        labels, _ = ndimage.label(image.pixels() > options.level)
        return Objects({"blob": Labels(labels, image.axes)}, decisions={"level": options.level})


class PeaksOptions(MapOptions):
    """Options of the decoder."""

    size: int = Field(9, description="Side of the square that has one peak at the most, pixels.")


class Peaks:
    """Each peak of the foreground is an object; a pixel goes with the peak that is nearest."""

    name = "peaks"
    version = 1
    options: type[MapOptions] = PeaksOptions
    needs = (frozenset({"foreground"}),)
    takes = ("foreground",)

    def find(self, maps: Quantised, labels: Array, options: Any, told: Told = None) -> Found:
        """Decode the maps of a whole plane."""
        height = self.height(maps, Window(0, 0, *labels.shape), options)
        tops = (height == ndimage.maximum_filter(height, options.size)) & (height > 0)
        numbered, count = ndimage.label(tops)
        nearest = ndimage.distance_transform_edt(
            numbered == 0, return_distances=False, return_indices=True
        )
        labels[...] = np.where(height > 0, numbered[tuple(nearest)], 0)
        traits = np.zeros((count + 1, len(TRAITS)))
        traits[:, TRAITS.index("area")] = np.bincount(labels.ravel(), minlength=count + 1)
        traits[:, TRAITS.index("foreground")] = 0.9
        return Found(traits)

    def height(self, maps: Quantised, window: Window, options: Any) -> Array:
        """How far above the level the foreground is."""
        found: Array = maps.one("foreground", window) - level_of(options)
        return found


def open_stranger(path: Path) -> list[Image]:
    """Read the format: magic, one byte each for height and width, pixels."""
    data = path.read_bytes()
    height, width = data[8], data[9]
    pixels = np.frombuffer(data[10 : 10 + height * width], dtype=np.uint8)
    return [Image(pixels.reshape(height, width), "YX", source=Source(path=str(path)))]


def match_name(name: str, folder: str) -> Place | None:
    """Take names such as ``B02-dapi`` apart: a well and a stain."""
    found = NAME.fullmatch(name)
    if found is None:
        return None
    well = found["well"]
    return Place(rest=well, folder=folder, well=well, channel=found["stain"])


def write_boxes(stream: BinaryIO, outlined: Outlined) -> None:
    """Write the box of each label: frame, label, top, left, bottom, right."""
    for frame, labels in outlined.frames():
        for label, box in enumerate(ndimage.find_objects(labels), start=1):
            if box is not None:
                rows, columns = box
                line = (frame, label, rows.start, columns.start, rows.stop, columns.stop)
                stream.write((" ".join(map(str, line)) + "\n").encode("ascii"))


def is_boxes(path: Path) -> bool:
    """Whether a folder has lists of boxes."""
    return path.is_dir() and any(path.glob("*.boxes"))


def find_boxes(source: Drawings) -> list[Entry]:
    """One entry for each list of boxes; its picture lies beside it."""
    folder = source.images or source.path
    return [
        Entry(
            file.stem, next(folder.glob(f"{file.stem}.*[!boxes]"), None), partial(read_boxes, file)
        )
        for file in sorted(source.path.glob("*.boxes"))
    ]


def read_boxes(file: Path, shape: tuple[int, int] | None) -> Drawn:
    """Draw each line of a list: top, left, bottom, right, name of the class."""
    if shape is None:
        raise InputError("boxes need a picture", where=str(file))
    drawing = Drawing(shape)
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        try:
            top, left, bottom, right = (int(word) for word in line.split()[:4])
        except ValueError as error:
            raise InputError(
                f"line {number} is no box", where=str(file), remedy="begin it with four numbers"
            ) from error
        box = np.ones((bottom - top, right - left), bool)
        drawing.add(box, (top, left), " ".join(line.split()[4:]))
    return drawing.finished()


def count_pixels(regions: Regions) -> Mapping[str, Array]:
    """Count the pixels, and double them."""
    return {"stranger_double_area": 2.0 * np.asarray(regions.area)}


def judge(plane: Array, bits: int | None, warn: float, fail: float) -> tuple[float, Verdict, str]:
    """Warn of everything."""
    return float(plane.max()), "warn", "a stranger looked at it"


def render(data: ReportData) -> Content | None:
    """Say hello."""
    return Content(f"<p>A stranger counted {data.n_cells} cells.</p>")


def keep_all_but_first(table: pd.DataFrame, value: None) -> npt.NDArray[np.bool_]:
    """Leave out the first cell of a plane."""
    return np.arange(len(table)) > 0


def greet(asked: Asked) -> int:
    """Greet whom the command names."""
    print(f"hello {asked['name']}")
    return 0


DECODER = Peaks()
METHOD = Above()
READER = Reader("stranger", (".strange",), lambda head, path: head.startswith(MAGIC), open_stranger)
FEATURE = Feature(
    "stranger",
    1,
    (Column("stranger_double_area", "px²", "Twice the area", function="cellwright_stranger"),),
    count_pixels,
)
CHECK = Check("stranger", 1, "Warns of everything", 1.0, 2.0, judge)
FILTER = Filter("headless", 1, "the first cell", "headless", lambda text: None, keep_all_but_first)
VERB = Verb(help="Greet.", run=greet, inputs={"name": "Whom."})
SECTION = Section("stranger", "From a stranger", 55, render)

PATTERN = Pattern(
    name="stranger",
    title="a stranger's camera",
    example="B02-dapi.tif",
    meaning="well and stain",
    match=match_name,
)
BOXES = AnnotationFormat("boxes", "lists of boxes, beside pictures", is_boxes, find_boxes)
WRITER = OutlineWriter("boxes", ".txt", write_boxes)
