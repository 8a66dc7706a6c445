"""COCO: one JSON with all pictures, objects as polygons or as run lengths, and categories.

Lin et al. 2014, Microsoft COCO: Common Objects in Context; the format of data is told at
https://cocodataset.org/#format-data. A polygon has the pixels whose middles it goes around;
several polygons of one object are its pieces, and never holes, as in COCO's own programs.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.core.errors import InputError, UnreadableError, UsageError
from cellwright.datasets.annotation import (
    AnnotatedPicture,
    AnnotationFormat,
    Drawn,
    Entry,
    Source,
)
from cellwright.datasets.json_files import (
    files_in,
    is_no_json,
    json_ends,
    read_json,
    some_ends,
    with_damaged,
)
from cellwright.datasets.pictures import Annotation, Pictures, entries_with_pictures
from cellwright.datasets.sheet import Sheet, check_size
from cellwright.datasets.writing import copied, flat_name
from cellwright.io.masks_coco import decode_lengths, lengths_patch
from cellwright.io.outline import write_items
from cellwright.io.outlines_coco import encode_masks
from cellwright.io.polygons import Patch, as_ring, joined, polygon_patch

__all__ = ["FORMAT"]

IMAGES, FILE = "images", "annotations.json"
ENDING = ".json"
PLAIN = "cell"
"""Category of objects without a class, for COCO knows none."""
UNCLASSIFIED = "unclassified"
"""Member of that category, by which it is told from a class of the same name."""
_LISTS = re.compile(r'"(?:images|annotations)"\s*:\s*[\[{]')
_MEMBERS = re.compile(r'"(?:image_id|category_id|file_name|categories)"\s*:')

Record = Mapping[str, Any]


def _recognises(path: Path) -> bool:
    return any(_is_coco(text) for _, text in some_ends(path, ENDING))


def _is_coco(text: str) -> bool:
    return bool(_LISTS.search(text) and _MEMBERS.search(text))


def _files(path: Path) -> list[Path]:
    """The JSON itself; the one of a folder; or those in the folder's folders."""
    if not path.is_dir():
        return [path]
    files = files_in(path, ENDING)
    found = [file for file in files if _is_coco(json_ends(file))]
    direct = [file for file in found if file.parent == path]
    if len(direct) > 1:
        raise UsageError(
            f"{len(direct)} files of COCO lie here: {', '.join(one.name for one in direct[:3])}",
            where=str(path),
            remedy="give one of them",
        )
    names = {file.name for file in found}  # those of train/ and valid/ are often called the same
    return direct or with_damaged(
        files,
        lambda file: _is_coco(json_ends(file)),
        lambda file: file.name in names,
        is_no_json,
    )


def _entries(source: Source) -> list[Entry]:
    files = _files(source.path)
    # train/_annotations.coco.json is called by its folder, annotations/train.json by its name.
    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        names = [file.parent.name for file in files]
    return [
        entry
        for file, name in zip(files, names, strict=True)
        for entry in entries_with_pictures(
            _annotations(file), Pictures(source, file.parent), name if len(files) > 1 else ""
        )
    ]


def _annotations(file: Path) -> list[Annotation]:
    """What is drawn in each of the pictures that a file lists."""
    root = read_json(file)
    if not isinstance(root, dict) or not isinstance(root.get("images"), list):
        raise UnreadableError(
            "the file has no list of images",
            where=str(file),
            remedy="give the JSON of COCO's instances, which has images and annotations",
        )
    images = [image if isinstance(image, dict) else {} for image in root["images"]]
    ids = Counter(_key(image.get("id")) for image in images)
    drawn: dict[str, list[Record]] = {key: [] for key in ids}
    lost = 0
    for annotation in _records(root.get("annotations"), file):
        key = _key(annotation.get("image_id"))
        if key in drawn and key:
            drawn[key].append(annotation)
        else:
            lost += 1
    names = _category_names(root.get("categories"))
    found = []
    for number, image in enumerate(images, 1):
        key, name = _key(image.get("id")), image.get("file_name")
        name = name if isinstance(name, str) and name else f"image {number} without a file_name"
        fault = "" if ids[key] == 1 else f"{ids[key]} images of the file have the id {key}"
        fault = fault if key else "the image has no id"
        told = f"{lost:,} annotations of the file belong to none of its images"
        one = _Picture(f"{file} ({name})", image, drawn[key], names, fault, (told,) * bool(lost))
        found.append(Annotation((name,), name, one.read))
        lost = 0  # told once, with the first picture
    return found


def _records(values: Any, file: Path) -> Sequence[Record]:
    """Annotations: a list, or from id to annotation as some programs have it."""
    if isinstance(values, dict):
        values = list(values.values())
    if not isinstance(values, list):
        raise UnreadableError(
            "the file has no list of annotations",
            where=str(file),
            remedy="give the JSON of COCO's instances, which has images and annotations",
        )
    return [value if isinstance(value, dict) else {} for value in values]


def _key(value: Any) -> str:
    """An id as text, so that 7, 7.0 and "7" are one; empty if it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""


def _category_names(values: Any) -> dict[str, set[str]]:
    """From id to names, of which a sound file has one each; empty for objects without a class."""
    names: dict[str, set[str]] = {}
    for value in values if isinstance(values, list) else []:
        if isinstance(value, dict) and (key := _key(value.get("id"))):
            name = value.get("name")
            plain = value.get(UNCLASSIFIED) is True or not isinstance(name, str)
            names.setdefault(key, set()).add("" if plain else str(name))
    return names


@dataclass(frozen=True, eq=False)
class _Picture:
    """What is drawn in one picture, as the file has it."""

    where: str
    image: Record
    annotations: Sequence[Record]
    names: Mapping[str, set[str]]
    fault: str
    remarks: tuple[str, ...]

    def read(self, shape: tuple[int, int] | None) -> Drawn:
        if self.fault:
            raise UnreadableError(
                self.fault, where=self.where, remedy="give each image an id of its own"
            )
        told = self.image.get("height"), self.image.get("width")
        sheet = Sheet(check_size(shape, told, self.where), self.where)
        for remark in self.remarks:
            sheet.tell(remark)
        boxes = sum(not one.get("segmentation") for one in self.annotations)
        if boxes and boxes == len(self.annotations):
            raise InputError(
                "there are boxes or points only, and no outlines (segmentation)",
                where=self.where,
                remedy="export masks or polygons",
            )
        ids = Counter(key for one in self.annotations if (key := _key(one.get("id"))))
        if twice := sum(count for count in ids.values() if count > 1):
            sheet.tell(f"{twice:,} objects share an id with another: each was read as one")
        keys = [_key(one.get("category_id")) for one in self.annotations]
        if unnamed := sum(key not in self.names for key in keys if key):
            sheet.tell(
                f"no category has their id, so they are without a class: {unnamed:,} objects"
            )
        for number, annotation in enumerate(self.annotations, 1):
            key = _key(annotation.get("id"))
            with sheet.reading(f"annotation {key}" if key else f"its annotation {number}"):
                self._add(sheet, annotation)
        return sheet.finished()

    def _add(self, sheet: Sheet, annotation: Record) -> None:
        segmentation = annotation.get("segmentation")
        if annotation.get("iscrowd") in (1, "1"):
            sheet.leave_out("are regions of many (iscrowd)")
        elif not segmentation:
            sheet.leave_out("are boxes or points without an outline")
        else:
            patch = _patch(segmentation, sheet.shape)
            key = _key(annotation.get("category_id"))
            names = self.names.get(key, {""})
            if len(names) > 1:
                raise ValueError(f"its category {key} has several names: {sorted(names)}")
            sheet.add(patch, min(names))


def _patch(segmentation: Any, shape: tuple[int, int]) -> Patch:
    if isinstance(segmentation, dict):
        size = segmentation["size"]
        if size != list(shape):
            raise ValueError(f"its mask has the size {size}, the picture {list(shape)}")
        return lengths_patch(decode_lengths(segmentation["counts"]), shape)
    if not isinstance(segmentation, list):
        raise ValueError("its segmentation is neither polygons nor run lengths")
    pieces = segmentation if isinstance(segmentation[0], list) else [segmentation]
    return joined([polygon_patch([_ring(piece)], shape) for piece in pieces])


def _ring(piece: Any) -> Any:
    """Points of a polygon from x and y in turn."""
    values = np.asarray(piece)
    if values.ndim != 1 or len(values) % 2:
        raise ValueError("a polygon is a list of x and y in turn")
    return as_ring(values.reshape(-1, 2))


def _write(pictures: Iterable[AnnotatedPicture], out: Path) -> list[str]:
    """Objects go to the disk as they come; the short lists of pictures and classes follow."""
    images: list[Record] = []
    numbers: dict[str, int] = {}
    (out / IMAGES).mkdir()

    def foot() -> bytes:
        plain = PLAIN
        while plain in numbers:
            plain = f"other {plain}"
        if not numbers:
            numbers[""] = 1
        categories = [
            {"id": number, "name": name or plain} | ({} if name else {UNCLASSIFIED: True})
            for name, number in numbers.items()
        ]
        rest = json.dumps({"images": images, "categories": categories}, separators=(",", ":"))
        return b"]," + rest[1:].encode("ascii") + b"\n"

    head = b'{"info":{"description":"cellwright annotations","version":"1"},"annotations":['
    with (out / FILE).open("wb") as stream:
        write_items(stream, head, _items(pictures, out, images, numbers), foot)
    return []


def _items(
    pictures: Iterable[AnnotatedPicture], out: Path, images: list[Record], numbers: dict[str, int]
) -> Iterator[Record]:
    """Annotations of all pictures, of which the pictures and classes are noted by the way."""
    count = 0
    for picture in pictures:
        plane = picture.drawn.labels
        file = copied(picture.image, out / IMAGES / flat_name(picture.name))
        height, width = plane.shape
        number = len(images) + 1
        images.append({"id": number, "file_name": file.name, "width": width, "height": height})
        for mask in encode_masks(plane):
            count += 1
            name = picture.drawn.classes.get(mask.label, "")
            yield {
                "id": count,
                "image_id": number,
                "category_id": numbers.setdefault(name, len(numbers) + 1),
                "segmentation": {"size": [height, width], "counts": mask.counts},
                "area": mask.area,
                "bbox": list(mask.box),
                "iscrowd": 0,
            }


FORMAT = AnnotationFormat(
    "coco", "COCO: a JSON of images, annotations and categories", _recognises, _entries, _write
)
