"""Sequences as the Cell Tracking Challenge names them: frames of 16 bits, numbered from 0."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cellwright.core.errors import UnsupportedError
from cellwright.core.image import Array, Image
from cellwright.datasets.annotation import AnnotatedPicture
from cellwright.datasets.writing import table_text
from cellwright.io.label_image import encode_labels
from cellwright.io.open import read, recognise

__all__ = ["NAMES", "write"]

NAMES = "sequences.csv"
"""Columns ``sequence``, ``frame``, ``name``: which picture became which frame."""

_LARGEST = 2**16 - 1  # the challenge stores labels with 16 bits
_MOST_FRAMES = 10_000  # names have 3 digits, or 4
_SHORT = 1000
_UM_PER_CM = 10_000.0
_MOST_CLASSIC = 2**32 - 2**25  # bytes: offsets have 32 bits, and the tags need room
_CENTIMETRE = 3  # TIFF 6.0, ResolutionUnit
_TIFF = (".tif", ".tiff")


class _Sequence:
    """Two folders, of pictures and of outlines, that grow frame by frame."""

    def __init__(self, out: Path, number: int) -> None:
        self.name = f"{number:02d}"
        self._pictures, self._labels = out / self.name, out / f"{self.name}_GT" / "SEG"
        self._pictures.mkdir()
        self._labels.mkdir(parents=True)
        self.names: list[str] = []

    def add(self, picture: AnnotatedPicture, labels: Array, axes: str) -> Path:
        """Write the labels of the next frame, and give the place of its picture."""
        number = len(self.names)
        if number >= _MOST_FRAMES:
            raise UnsupportedError(
                f"a sequence has at most {_MOST_FRAMES:,} frames",
                where=picture.name,
                remedy="divide it into groups, or choose --to folder",
            )
        self.names.append(picture.name)
        (self._labels / f"man_seg{number:03d}.tif").write_bytes(encode_labels(labels, axes))
        return self._pictures / f"t{number:03d}.tif"

    def finish(self) -> None:
        """Give all files of a long sequence 4 digits: they are to have the same number of them."""
        if len(self.names) > _SHORT:
            for number in range(_SHORT):
                for folder, prefix in ((self._pictures, "t"), (self._labels, "man_seg")):
                    file = folder / f"{prefix}{number:03d}.tif"
                    file.rename(folder / f"{prefix}{number:04d}.tif")


def write(pictures: Iterable[AnnotatedPicture], out: Path) -> list[str]:
    """Write a sequence for each group, for each picture without a group, and for each movie.

    Parameters
    ----------
    pictures
        Those of one group become the frames of one sequence in the order in which they come;
        a movie (labels with the axes TYX) is a sequence by itself.
    out
        An empty folder.

    Returns
    -------
    list of str
        What the format cannot hold.

    Raises
    ------
    UnsupportedError
        If a label does not fit 16 bits, or a movie has other frames than its labels.
    InputError
        If a picture that is no TIFF cannot be read.
    """
    sequences: dict[tuple[str, str], _Sequence] = {}
    order: list[_Sequence] = []
    remarks: dict[str, None] = {}
    for picture in pictures:
        drawn = picture.drawn
        _check(picture)
        movie = "T" in drawn.axes
        key = ("", picture.name) if movie or not picture.group else ("group", picture.group)
        if key not in sequences:
            sequences[key] = _Sequence(out, len(order) + 1)
            order.append(sequences[key])
        if movie:
            frames = read(picture.image)
            for number, labels in enumerate(drawn.labels):
                place = sequences[key].add(picture, labels, drawn.axes.replace("T", ""))
                _write_picture(place, frames.frame(number))
        else:
            place = sequences[key].add(picture, drawn.labels, drawn.axes)
            _copy(picture.image, place)
        if drawn.classes:
            remarks["this layout has no place for classes"] = None
        if picture.kind:
            remarks["this layout has no place for kinds of pictures; groups are its sequences"] = (
                None
            )
    for sequence in order:
        sequence.finish()
    rows = [(one.name, i, name) for one in order for i, name in enumerate(one.names)]
    (out / NAMES).write_text(table_text(("sequence", "frame", "name"), rows), "utf-8")
    named = f"pictures are called by sequence and frame: {NAMES} tells which is which"
    return [*remarks, named] if rows else list(remarks)


def _check(picture: AnnotatedPicture) -> None:
    """Refuse what cannot be written before anything of the picture is."""
    drawn = picture.drawn
    if drawn.labels.size and (largest := int(drawn.labels.max())) > _LARGEST:
        raise UnsupportedError(
            f"this format holds labels up to {_LARGEST:,}, not {largest:,}",
            where=picture.name,
            remedy="choose --to folder, or number the objects anew",
        )
    if "T" in drawn.axes:
        frames = read(picture.image).size("T")
        if frames != drawn.labels.shape[0]:
            raise UnsupportedError(
                f"the picture has {frames} frames, its labels {drawn.labels.shape[0]}",
                where=picture.name,
                remedy="give a movie with as many frames as were drawn",
            )


def _copy(image: Path, place: Path) -> None:
    """Copy a TIFF byte for byte; the pixels of any other file are written as one."""
    reader = recognise(image) if image.suffix.lower() in _TIFF else None
    if reader is not None and reader.name == "TIFF":
        shutil.copyfile(image, place)
    else:
        _write_picture(place, read(image))


def _write_picture(place: Path, image: Image) -> None:
    import tifffile

    options: dict[str, Any] = {"photometric": "rgb" if image.is_colour else "minisblack"}
    if image.spacing.x is not None and image.spacing.y is not None:
        options["resolution"] = (_UM_PER_CM / image.spacing.x, _UM_PER_CM / image.spacing.y)
        options["resolutionunit"] = _CENTIMETRE
    pixels = image.pixels()
    if set(image.axes) <= set("ZYX"):
        # Page by page, as the challenge has volumes; so a width of 1 is not taken for samples.
        with tifffile.TiffWriter(place, bigtiff=pixels.nbytes > _MOST_CLASSIC) as file:
            for page in pixels.reshape(-1, *pixels.shape[-2:]):
                file.write(page, metadata=None, software=False, **options)
    else:
        described = {"axes": image.axes}
        tifffile.imwrite(place, pixels, metadata=described, software=False, **options)
