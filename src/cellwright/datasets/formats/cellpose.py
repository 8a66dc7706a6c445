"""Cellpose: each picture has its masks beside it, in ``X_seg.npy`` or ``X_masks.tif``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path, PureWindowsPath

import numpy as np

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.core.image import Array
from cellwright.datasets.annotation import (
    AnnotatedPicture,
    AnnotationFormat,
    Drawn,
    Entry,
    Source,
)
from cellwright.datasets.formats.cellpose_arrays import PickledArray
from cellwright.datasets.formats.cellpose_pickle import is_pickled, read_dictionary
from cellwright.datasets.writing import copied, flat_name
from cellwright.io.label_image import decode_labels, encode_labels
from cellwright.io.open import known_extensions, open_images

__all__ = ["FORMAT"]

_SEG = "_seg.npy"
_MASKS = "_masks"
_RESULTS = "_cp"  # of X_cp_masks.png, which Cellpose's command line writes
_ENDINGS = (".tif", ".tiff", ".png")
"""Of label images, in the order in which Cellpose looks for them."""
_SKIPPED = ("_masks", "_flows", "_flows_0", "_flows_1", "_flows_2", "_cellprob", "_cp_output")
"""Names with these ends are no pictures to Cellpose (`get_image_files` in its ``io.py``)."""
_AXES = {2: "YX", 3: "ZYX"}  # Cellpose knows planes and stacks, no movies


def _recognises(path: Path) -> bool:
    try:
        if not path.is_dir():
            return False
        pictures = _pictures(path)
        found = _annotations(path, pictures)
        return any(files[0].name.endswith(_SEG) or x in pictures for x, files in found.items())
    except OSError:
        return False


def _files(folder: Path) -> list[Path]:
    """By name; without the hidden ones, which macOS puts beside others (``._X_masks.tif``)."""
    if not folder.is_dir():
        return []
    return sorted(f for f in folder.iterdir() if not f.name.startswith(".") and f.is_file())


def _is_masks(file: Path) -> bool:
    return file.stem.endswith(_MASKS) and file.suffix.lower() in _ENDINGS


def _pictures(folder: Path) -> dict[str, list[Path]]:
    """From name without ending to the files that may be the picture."""
    pictures: dict[str, list[Path]] = {}
    for file in _files(folder):
        if file.suffix.lower() in known_extensions() and not (
            file.name.endswith(_SEG) or _is_masks(file)
        ):
            pictures.setdefault(file.stem, []).append(file)
    return pictures


def _annotations(folder: Path, pictures: dict[str, list[Path]]) -> dict[str, list[Path]]:
    """From the picture's name to its annotations, the one that counts first."""
    ranked: dict[str, list[tuple[int, Path]]] = {}
    for file in _files(folder):
        if file.name.endswith(_SEG):
            ranked.setdefault(file.name.removesuffix(_SEG), []).append((0, file))
        elif _is_masks(file):
            name, rank = file.stem.removesuffix(_MASKS), 1 + _ENDINGS.index(file.suffix.lower())
            if name.endswith(_RESULTS) and name not in pictures:
                name, rank = name.removesuffix(_RESULTS), rank + len(_ENDINGS)
            ranked.setdefault(name, []).append((rank, file))
    return {
        name: [file for _, file in sorted(files)] for name, files in sorted(ranked.items()) if name
    }


def _entries(source: Source) -> list[Entry]:
    """One for each picture with annotations; pictures without are no part of the dataset."""
    pictures = _pictures(source.images or source.path)
    entries = []
    for name, files in _annotations(source.path, pictures).items():
        images = pictures.get(name, [])
        if len(images) > 1:
            raise UsageError(
                "several pictures are called the same but for their ending: "
                + ", ".join(image.name for image in images),
                where=str(images[0].parent),
                remedy="keep one of them: masks find their picture by this name",
            )
        entries.append(Entry(name, images[0] if images else None, partial(_read, name, files)))
    return entries


def _read(name: str, files: Sequence[Path], shape: tuple[int, int] | None) -> Drawn:  # noqa: ARG001 - labels have a size of their own, which `check` compares
    first, *others = files
    drawn = _one(name, first)
    remarks = list(drawn.remarks)
    for other in others:
        try:
            same = np.array_equal(_one(name, other).labels, drawn.labels)
            what = "" if same else f"{other.name} has other masks"
        except InputError as error:
            what = f"{other.name} cannot be used ({error.what})"
        if what:
            remarks.append(f"{what}: those of {first.name} were taken")
    return Drawn(drawn.labels, drawn.axes, remarks=tuple(remarks))


def _one(name: str, file: Path) -> Drawn:
    if file.name.endswith(_SEG) and is_pickled(file):
        return _from_dictionary(name, file)
    labels = decode_labels(file)
    axes = labels.axes
    if axes == "TYX" and (file.suffix == ".npy" or _guessed(file)):
        axes = "ZYX"
    return Drawn(labels.pixels(), axes)


def _guessed(file: Path) -> bool:
    """Whether nothing but our reader calls the planes of a file frames."""
    return any("taken for frames" in note for image in open_images(file) for note in image.notes)


def _from_dictionary(name: str, file: Path) -> Drawn:
    held = read_dictionary(file)
    masks = held.get("masks")
    if not isinstance(masks, PickledArray):
        raise UnreadableError(
            "it holds no masks",
            where=str(file),
            remedy="save it again in Cellpose, or delete it if there is a file of masks too",
        )
    labels = _labels(file, masks.read())
    remarks = []
    drawn_in = held.get("filename")
    # Cellpose writes the path as it was on the machine where somebody drew.
    if isinstance(drawn_in, str) and drawn_in and PureWindowsPath(drawn_in).stem != name:
        remarks.append(f"it was drawn in a picture called {PureWindowsPath(drawn_in).name!r}")
    return Drawn(labels, _AXES[labels.ndim], remarks=tuple(remarks))


def _labels(file: Path, masks: Array) -> Array:
    """(Y, X) or (Z, Y, X) uint32."""
    if masks.ndim == 3 and masks.shape[0] == 1:
        masks = masks[0]
    if masks.ndim not in _AXES or 0 in masks.shape:
        shape = " x ".join(map(str, masks.shape)) or "one number"
        raise UnreadableError(
            f"its masks are neither a plane nor a stack of planes, but {shape}",
            where=str(file),
            remedy="save it again in Cellpose",
        )
    if masks.dtype.kind == "f" and not (np.isfinite(masks).all() and (masks % 1 == 0).all()):
        raise UnreadableError("its masks have fractions, not whole numbers", where=str(file))
    if masks.min() < 0 or masks.max() >= 2**32:
        raise UnreadableError(
            "the numbers of its masks do not lie between 0 and 4,294,967,295", where=str(file)
        )
    return masks.astype(np.uint32)


def _write(pictures: Iterable[AnnotatedPicture], out: Path) -> list[str]:
    remarks: dict[str, None] = {}
    for picture in pictures:
        name, drawn = flat_name(picture.name), picture.drawn
        if f"{name}{picture.image.suffix}".endswith(_SEG) or name.endswith(_SKIPPED):
            raise UnsupportedError(
                "Cellpose takes no file of this name for a picture",
                where=picture.name,
                remedy=f"rename it, so that it ends in none of _seg, {', '.join(_SKIPPED)}",
            )
        copied(picture.image, out / name)
        data = encode_labels(drawn.labels, drawn.axes)
        (out / f"{name}{_MASKS}.tif").write_bytes(data)
        if drawn.classes:
            remarks["this layout has no place for classes"] = None
        if "T" in drawn.axes:
            remarks["Cellpose takes the frames of a movie for planes of a stack"] = None
    return list(remarks)


FORMAT = AnnotationFormat(
    "cellpose",
    "Cellpose: pictures, and beside each X its masks in X_seg.npy, X_masks.tif or X_masks.png",
    _recognises,
    _entries,
    _write,
    axes=("YX", "TYX", "ZYX"),
)
