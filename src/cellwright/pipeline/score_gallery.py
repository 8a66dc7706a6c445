"""Which pictures belong to an evaluation, and the page that shows some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import CellwrightError, InputError, UsageError
from cellwright.core.image import Image
from cellwright.core.labels import Labels
from cellwright.evaluation.evaluate import Evaluation
from cellwright.evaluation.gallery import choose_pictures
from cellwright.evaluation.pairing import PairedFiles, label_folder, named_alike
from cellwright.io.cells import read_table
from cellwright.io.file_set import open_set
from cellwright.io.inputs import Found, find_inputs
from cellwright.io.joining import join_files
from cellwright.io.label_image import decode_labels
from cellwright.io.open import read
from cellwright.pipeline.planes import finite, read_planes
from cellwright.report.score_gallery import build_score_gallery, draw_scored
from cellwright.report.section import Preview

__all__ = ["find_pictures", "score_gallery"]

LARGEST_SIDE = 2048
"""Of a picture that is shown as a whole, in pixels: in larger ones no outline could be seen."""
SHOWN_SIDE = 1024
"""Of the part that is shown of a larger one."""

Window = tuple[slice, slice]


def find_pictures(images: Path) -> dict[str, Found]:
    """Find pictures by their names.

    Raises
    ------
    UsageError
        If there is none.
    """
    found = join_files(find_inputs([images])).inputs.found
    if not found:
        raise UsageError("there is no picture", where=str(images))
    return {one.image: one for one in found}


def score_gallery(evaluation: Evaluation, *, pictures: Mapping[str, Found], labels: Path) -> bytes:
    """Draw the worst, median and best pictures of an evaluation.

    Parameters
    ----------
    evaluation
        What came out.
    pictures
        Of `find_pictures`.
    labels
        What was scored: in a run, ``images.csv`` tells in which channel cells were found.

    Returns
    -------
    bytes
        The page, in UTF-8. What cannot be drawn is named in it.

    Raises
    ------
    UsageError
        If none of the pictures was scored.
    """
    files = {pair.image: pair for pair in evaluation.files}
    scores = {score.image: score for score in evaluation.pictures}
    meant = _pictures_of(list(files.values()), pictures)
    if files and not meant:
        raise UsageError(
            f"none of the pictures, such as {next(iter(pictures))!r}, is one of those that were "
            f"scored, such as {next(iter(files))!r}",
            remedy="give --images with pictures that are named like the truth or the labels",
        )
    channels = _channels(labels)
    left_out: list[str] = []

    def drawn(image: str) -> Preview | None:
        if image not in meant:
            left_out.append(f"{image}: there is no picture of this name")
            return None
        try:
            return _drawn(files[image], *meant[image], channels)
        except CellwrightError as error:
            left_out.append(f"{image}: {error.reason}")
            return None

    chosen = choose_pictures(evaluation.pictures)
    roles = {"worst": chosen.worst, "median": chosen.median, "best": chosen.best}
    shown = {
        role: [(scores[image], one) for image in images if (one := drawn(image)) is not None]
        for role, images in roles.items()
    }
    return build_score_gallery(shown, ranked=chosen.ranked, left_out=left_out).encode()


def _pictures_of(
    pairs: Sequence[PairedFiles], pictures: Mapping[str, Found]
) -> dict[str, tuple[Found, str]]:
    """Picture of each pair, and the scene in it: by its name in the run, else that of its truth."""
    meant: dict[str, tuple[Found, str]] = {}
    for names in (
        {pair.image: pair.labels_image for pair in pairs},
        {pair.image: pair.image for pair in pairs},
    ):
        whole = named_alike(list(names.values()), list(pictures))
        part = named_alike([name.partition("::")[0] for name in names.values()], list(pictures))
        for image, name in names.items():
            file, _, scene = name.partition("::")
            if image in meant:
                continue
            if name in whole:
                meant[image] = pictures[whole[name]], ""
            elif scene and file in part:
                meant[image] = pictures[part[file]], scene
    return meant


def _channels(labels: Path) -> dict[str, str]:
    """Channel in which a run found the cells of each picture; nothing of other folders."""
    try:
        table = read_table(label_folder(labels).parent / "images.csv")
    except InputError:
        return {}
    if not {"image", "channel"} <= set(table.columns):
        return {}
    return dict(zip(table["image"].astype(str), table["channel"].astype(str), strict=True))


def _drawn(pair: PairedFiles, picture: Found, scene: str, channels: Mapping[str, str]) -> Preview:
    """One picture with both outlines: of a movie its first frame, of a stack its middle plane."""
    assert pair.truth is not None
    assert pair.labels is not None
    image = _opened(picture, scene)
    truth, found = decode_labels(pair.truth), decode_labels(pair.labels)
    size = image.size("Y"), image.size("X")
    if size != truth.data.shape[-2:]:
        raise InputError(
            f"the picture has {size[0]} × {size[1]} pixels, the truth has "
            + " × ".join(str(length) for length in truth.data.shape[-2:])
        )
    said = [f"frame 0 of {truth.n_frames}"] if truth.n_frames > 1 else []
    window = tuple(_middle(length) for length in size)
    if max(size) > LARGEST_SIDE:
        shown = [str(one.stop - one.start) for one in window]
        said.append(f"the middle {' × '.join(shown)} of {size[0]} × {size[1]} px")
    place = None
    if "Z" in truth.axes:
        depth = truth.data.shape[truth.axes.index("Z")]
        place = depth // 2
        said.append(f"plane {place} of {depth}")
    here = (window[0], window[1])
    part = _part(image, here, place)
    if part.size("Z") > 1:
        said.append("brightest of all planes")
    planes = read_planes(part, 0, "max")
    pixels = planes.whole
    if pixels is None:
        wanted = channels.get(pair.labels_image, "")
        name = wanted if wanted in planes.channels else next(iter(planes.channels))
        pixels = planes.channels[name]
        if len(planes.channels) > 1:
            said.append(f"channel {name}")
    return draw_scored(
        finite(pixels),
        _plane(truth, here, place),
        _plane(found, here, place),
        image=pair.image,
        spacing=image.spacing,
        note="; ".join(said),
    )


def _opened(picture: Found, scene: str) -> Image:
    if picture.files is not None:
        return open_set(picture.files)
    scene = scene or picture.scene
    return read(f"{picture.path}::{scene}" if scene else picture.path)


def _middle(length: int) -> slice:
    if length <= LARGEST_SIDE:
        return slice(0, length)
    start = (length - SHOWN_SIDE) // 2
    return slice(start, start + SHOWN_SIDE)


def _part(image: Image, window: Window, place: int | None) -> Image:
    """The first frame of a picture, cut out, with one plane where labels have many."""
    at: dict[str, int | slice] = {"T": 0, "Y": window[0], "X": window[1]}
    if place is not None and "Z" in image.axes:
        if place >= image.size("Z"):
            raise InputError(f"the picture has {image.size('Z')} planes, fewer than the truth")
        at["Z"] = place
    key = tuple(at.get(axis, slice(None)) for axis in image.axes)
    axes = "".join(a for a, k in zip(image.axes, key, strict=True) if isinstance(k, slice))
    return replace(image, data=np.asarray(image.data[key]), axes=axes)


def _plane(labels: Labels, window: Window, place: int | None) -> npt.NDArray[np.uint32]:
    """The same part of labels."""
    at: dict[str, int | slice] = {"T": 0, "Z": place or 0, "Y": window[0], "X": window[1]}
    return np.asarray(labels.data[tuple(at[axis] for axis in labels.axes)], dtype=np.uint32)
