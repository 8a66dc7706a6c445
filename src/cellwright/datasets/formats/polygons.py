"""Polygons in JSON: VGG Image Annotator, labelme, and a plain list for each picture.

Coordinates are pixels from the upper left corner of the picture's first pixel, whose middle is
thus (0.5, 0.5), and a pixel belongs to what was drawn if its middle does (`fill_polygon`). All
three programs say x before y.

VGG Image Annotator (Dutta & Zisserman 2019, The VIA Annotation Software for Images, Audio and
Video), versions 1 and 2: what it exports, and its projects. labelme (Wada, labelme: Image
Polygonal Annotation with Python): a file for each picture.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from cellwright.core.errors import InputError, UnreadableError
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
from cellwright.datasets.pictures import Annotation, Pictures, entries_with_pictures, is_picture
from cellwright.datasets.sheet import Sheet, check_size
from cellwright.datasets.writing import copied, flat_name
from cellwright.io.polygons import (
    NoAreaError,
    Patch,
    as_ring,
    ellipse_patch,
    joined,
    polygon_patch,
)
from cellwright.io.tracing import Outline, trace_outlines

__all__ = ["FORMAT"]

IMAGES, FILE = "images", "via_regions.json"
ENDING = ".json"
VIA_IMAGES, VIA_ATTRIBUTES = "_via_img_metadata", "_via_attributes"
"""Members of a VIA project: what it else exports alone, and what can be said of regions."""
_VIA = re.compile(rf'"(?:{VIA_IMAGES}|filename)"\s*:')
_VIA_REGIONS = re.compile(r'"regions"\s*:')
_LABELME_SHAPES = re.compile(r'"(?:shapes|shape_type)"\s*:')
_LABELME = re.compile(r'"(?:imagePath|imageData|imageHeight)"\s*:')
_PLAIN = re.compile(r'\{\s*"([^"\\]+)"\s*:\s*(?:\[|\{\s*"polygons"\s*:)')
_CLASS_NAMES = ("class", "label", "type", "name", "category")
"""Attributes of VIA that tell a class, whatever others there are."""
_CHOICES = {"dropdown", "radio", "checkbox", "image"}
"""Types of attributes of which the values were given, and not typed freely."""
_TICKED = "+"
"""Between the names of a class of which several were ticked."""
_SHOWN, _SHOWN_NAME = 5, 40
"""Attributes that a message tells, and characters of each."""

Record = Mapping[str, Any]


def _recognises(path: Path) -> bool:
    return any(_is_ours(text) for _, text in some_ends(path, ENDING))


def _is_ours(text: str) -> bool:
    for pair in ((_VIA, _VIA_REGIONS), (_LABELME_SHAPES, _LABELME)):
        if all(one.search(text) for one in pair):
            return True
    plain = _PLAIN.match(text)
    return plain is not None and is_picture(Path(plain[1]).name)


def _entries(source: Source) -> list[Entry]:
    by_folder = _by_folder(source) if source.path.is_dir() else {}
    if not source.path.is_dir():
        by_folder[source.path.parent] = _annotations(source.path)
    several = len(by_folder) > 1
    return [
        entry
        for folder, found in by_folder.items()
        for entry in entries_with_pictures(
            found,
            Pictures(source, folder),
            folder.name if several and folder != source.path else "",
        )
    ]


def _by_folder(source: Source) -> dict[Path, list[Annotation]]:
    """Annotations of each folder; a file that cannot be read is one that fails alone.

    Raises
    ------
    InputError
        If there is none that can be read, as the first of them does.
    """
    pictures: dict[Path, Pictures] = {}

    def has_picture(file: Path) -> bool:
        place = pictures.setdefault(file.parent, Pictures(source, file.parent))
        return bool(place.find(file.name[: -len(ENDING)]))

    files = with_damaged(
        files_in(source.path, ENDING),
        lambda file: _is_ours(json_ends(file)),
        has_picture,
        is_no_json,
    )
    found: dict[Path, list[Annotation]] = defaultdict(list)
    errors = []
    for file in files:
        try:
            found[file.parent] += _annotations(file)
        except InputError as error:
            errors.append(error)
            failed = Annotation((file.name[: -len(ENDING)],), file.name, partial(_refuse, error))
            found[file.parent].append(failed)
    if errors and len(errors) == len(files):
        raise errors[0]
    return found


def _refuse(error: InputError, shape: tuple[int, int] | None) -> NoReturn:  # noqa: ARG001
    raise error


def _annotations(file: Path) -> list[Annotation]:
    root = read_json(file)
    if not isinstance(root, dict):
        raise _no_form(file)
    if isinstance(root.get("shapes"), list):
        return [_labelme(file, root)]
    images = root.get(VIA_IMAGES, root)
    if not isinstance(images, dict):
        raise _no_form(file)
    attribute, remark = _class_attribute(images.values(), _choices(root))
    found = []
    for key, value in images.items():
        if isinstance(value, dict) and isinstance(value.get("filename"), str):
            name, objects = value["filename"] or key, value.get("regions")
            draw: Callable[[Sheet, Any], None] = partial(_draw_via, attribute, remark)
            remark = ""  # told once, with the first picture
        elif isinstance(value, list) or (isinstance(value, dict) and "polygons" in value):
            name, objects = key, value if isinstance(value, list) else value["polygons"]
            draw = _draw_plain
        else:
            raise _no_form(file)
        read = partial(_read, f"{file} ({name})", (None, None), draw, objects)
        found.append(Annotation((name,), name, read))
    return found


def _no_form(file: Path) -> UnreadableError:
    return UnreadableError(
        "the file holds polygons in no form that is known",
        where=str(file),
        remedy="export JSON from VIA (version 2) or labelme, or give "
        '{"picture.png": [[[x, y], ...], ...]}',
    )


def _read(
    where: str,
    told: tuple[Any, Any],
    draw: Callable[[Sheet, Any], None],
    objects: Any,
    shape: tuple[int, int] | None,
) -> Drawn:
    sheet = Sheet(check_size(shape, told, where), where)
    with sheet.reading("its objects"):
        draw(sheet, objects)
    return sheet.finished()


# VGG Image Annotator


def _draw_via(attribute: str, remark: str, sheet: Sheet, regions: Any) -> None:
    regions = _regions_of(regions)
    if remark:
        sheet.tell(remark)
    if not isinstance(regions, list):
        raise ValueError("its regions are no list")
    lines = 0
    for number, region in enumerate(regions, 1):
        with sheet.reading(f"region {number}"):
            drawn = region["shape_attributes"]
            sheet.add(_via_patch(drawn, sheet.shape), _word_of(region, attribute))
            lines += drawn["name"] == "polyline"
    if lines:
        sheet.tell(f"lines of which the ends were joined to outlines: {lines:,}")


def _via_patch(drawn: Record, shape: tuple[int, int]) -> Patch:
    kind = drawn["name"]
    if kind in {"polygon", "polyline"}:
        x, y = drawn["all_points_x"], drawn["all_points_y"]
        return polygon_patch([as_ring(list(zip(x, y, strict=True)))], shape)
    if kind == "rect":
        x, y, width, height = _numbers(drawn, "x", "y", "width", "height")
        return _box(x, y, x + width, y + height, shape)
    if kind == "circle":
        x, y, radius = _numbers(drawn, "cx", "cy", "r")
        return ellipse_patch((x, y), (radius, radius), shape)
    if kind == "ellipse":
        x, y, across, down = _numbers(drawn, "cx", "cy", "rx", "ry")
        [angle] = _numbers({"theta": 0.0} | dict(drawn), "theta")
        return ellipse_patch((x, y), (across, down), shape, angle)
    if kind == "point":
        raise NoAreaError("a point has no area")
    raise ValueError(f"{str(kind)[:40]!r} is no shape of VIA")


def _numbers(drawn: Record, *names: str) -> list[float]:
    values = [drawn[name] for name in names]
    for name, value in zip(names, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"its {name} is no number")
    return [float(value) for value in values]


def _box(left: float, top: float, right: float, bottom: float, shape: tuple[int, int]) -> Patch:
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return polygon_patch([as_ring(corners)], shape)


def _regions_of(regions: Any) -> Any:
    """Regions are a list, or from number to region as version 1 has them."""
    return list(regions.values()) if isinstance(regions, dict) else regions


def _choices(root: Record) -> set[str]:
    """Attributes of regions that a project gives values to choose from."""
    told = root.get(VIA_ATTRIBUTES)
    regions = told.get("region") if isinstance(told, dict) else None
    return {
        _plain_name(name)
        for name, one in (regions.items() if isinstance(regions, dict) else ())
        if isinstance(one, dict) and str(one.get("type")) in _CHOICES
    }


def _class_attribute(images: Iterable[Any], choices: set[str]) -> tuple[str, str]:
    """Which attribute of a file's regions tells their class, and a remark; each may be empty.

    It is the one that is called so, else the only one, or the only one of which the values were
    given to choose from.
    """
    names: dict[str, str] = {}
    for image in images:
        regions = _regions_of(image.get("regions")) if isinstance(image, dict) else []
        for region in regions if isinstance(regions, list) else []:
            for name in _attributes(region):
                if name.strip() and _word(region["region_attributes"][name]):
                    names.setdefault(_plain_name(name), name[:_SHOWN_NAME])
    called = next((name for name in _CLASS_NAMES if name in names), "")
    if called or not names:
        return called, ""
    possible = [name for name in names if name in choices] or list(names)
    if len(possible) == 1:
        return possible[0], f"the attribute {names[possible[0]]!r} of regions is taken as the class"
    told = ", ".join(map(repr, list(names.values())[:_SHOWN]))
    more = ", …" if len(names) > _SHOWN else ""
    return "", (
        f"no class is taken, for any of several attributes may tell it: {told}{more}; "
        "call the one that does class"
    )


def _attributes(region: Any) -> Record:
    told = region.get("region_attributes") if isinstance(region, dict) else None
    return told if isinstance(told, dict) else {}


def _plain_name(name: str) -> str:
    return name.strip().lower()


def _word_of(region: Record, attribute: str) -> str:
    """What an attribute says of a region."""
    words = (_word(value) for name, value in _attributes(region).items()
             if attribute and _plain_name(name) == attribute)  # fmt: skip
    return next(filter(None, words), "")


def _word(value: Any) -> str:
    """A text, or what was ticked, by name."""
    if isinstance(value, dict):
        return _TICKED.join(sorted(name for name, ticked in value.items() if ticked is True))
    return value if isinstance(value, str) else ""


# labelme


def _labelme(file: Path, root: Record) -> Annotation:
    """The picture is called as the file says, else as the file is."""
    path = root.get("imagePath")
    names = [path] if isinstance(path, str) and path else []
    told = root.get("imageHeight"), root.get("imageWidth")
    read = partial(_read, str(file), told, _draw_labelme, root["shapes"])
    return Annotation((*names, file.stem), file.name.removesuffix(ENDING), read)


def _draw_labelme(sheet: Sheet, shapes: list[Any]) -> None:
    """Shapes of one label and one group are pieces of one object."""
    pieces: dict[tuple[str, Any], list[Patch]] = {}
    for number, drawn in enumerate(shapes, 1):
        with sheet.reading(f"shape {number}"):
            label, group = drawn.get("label"), drawn.get("group_id")
            label = label if isinstance(label, str) else ""
            own = ("", number) if group is None else ("group", str(group))
            patch = _labelme_patch(drawn, sheet.shape)
            pieces.setdefault((label, own), []).append(patch)
    for (label, _), patches in pieces.items():
        with sheet.reading(f"objects {label!r}"):
            sheet.add(joined(patches), label)


def _labelme_patch(drawn: Record, shape: tuple[int, int]) -> Patch:
    kind = drawn.get("shape_type") or "polygon"
    if kind in {"point", "points", "line", "linestrip"}:
        raise NoAreaError(f"a {kind} has no area")
    points = as_ring(drawn["points"])
    if kind == "polygon":
        return polygon_patch([points], shape)
    if kind == "rectangle" and len(points) >= 2:  # two corners, or all four in later versions
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return _box(left, top, right, bottom, shape)
    if kind == "circle" and len(points) == 2:  # its middle, and a point on it
        (x, y), radius = points[0], float(np.hypot(*(points[1] - points[0])))
        return ellipse_patch((float(x), float(y)), (radius, radius), shape)
    raise ValueError(f"{len(points)} points make no {str(kind)[:40]} that can be read")


# A plain list for each picture


def _draw_plain(sheet: Sheet, polygons: Any) -> None:
    if not isinstance(polygons, list):
        raise ValueError("its polygons are no list")
    for number, points in enumerate(polygons, 1):
        with sheet.reading(f"polygon {number}"):
            sheet.add(polygon_patch([as_ring(points)], sheet.shape))


def _write(pictures: Iterable[AnnotatedPicture], out: Path) -> list[str]:
    """What VIA exports as JSON, with a region for each object."""
    remarks = []
    (out / IMAGES).mkdir()
    with (out / FILE).open("w", encoding="ascii") as stream:
        before = "{\n"
        for picture in pictures:
            file = copied(picture.image, out / IMAGES / flat_name(picture.name))
            outlines = list(trace_outlines(picture.drawn.labels))
            size = file.stat().st_size
            regions = list(_regions(outlines, picture.drawn.classes))
            record = {"filename": file.name, "size": size, "regions": regions}
            key = json.dumps(f"{file.name}{size}")  # as VIA has it
            stream.write(before + f"{key}:" + json.dumps(record | {"file_attributes": {}}))
            before = ",\n"
            if several := sum(len(outline.rings) > 1 for outline in outlines):
                remarks.append(
                    f"{picture.name}: {several:,} objects have holes or several pieces, which "
                    "one line goes around; it joins them where it has no width"
                )
        stream.write("\n}\n" if before.startswith(",") else "{}\n")
    return remarks


def _regions(outlines: Iterable[Outline], classes: Mapping[int, str]) -> Iterator[Record]:
    for outline in outlines:
        line = _one_line(outline)
        name = classes.get(outline.label, "")
        yield {
            "shape_attributes": {
                "name": "polygon",
                "all_points_x": line[:, 0].tolist(),
                "all_points_y": line[:, 1].tolist(),
            },
            "region_attributes": {"class": name} if name else {},
        }


def _one_line(outline: Outline) -> Any:
    """All rings in one: from the first point to each ring, around it, and the same way back.

    What is between is gone over twice, so an odd number of times is gone around the same pixels.
    """
    first, *others = outline.rings
    parts = [first]
    for ring in others:
        parts += [first[:1], ring, ring[:1]]
    return np.concatenate(parts)


FORMAT = AnnotationFormat(
    "polygons",
    "polygons in JSON: VGG Image Annotator, labelme, or lists of points",
    _recognises,
    _entries,
    _write,
)
