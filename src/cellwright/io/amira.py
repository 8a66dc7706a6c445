"""Pictures of Amira and Avizo: fields of numbers on a lattice, in AmiraMesh files.

Surfaces, skeletons and tables of colours are kept in files of the same form; they are refused
for what they are. The text at the head is parsed in `cellwright.io.amira_header`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Image, Source, Spacing
from cellwright.core.units import length_in_um
from cellwright.io.amira_data import COMPONENTS, KINDS, FieldPlanes, find_sections
from cellwright.io.amira_header import MOST_TEXT, Field, Header, first_line, parse_header
from cellwright.io.libraries import BoundedFile, translated
from cellwright.io.planar import Planes, spacing_or_none, stack_axes
from cellwright.io.reader import Reader

__all__ = ["READER"]

_FILE = "AmiraMesh file"
_MOST = 2**20  # voxels along an axis
_MOST_UNZIPPED = 1032  # bytes that deflate can make of one (zlib's own bound)
_LONGEST_RUN = 127  # bytes that HxByteRLE makes of two
_MOST_FIELDS = 256  # each becomes a scene; real files have one to three
_ROUNDING = 1e-6  # of the numbers of a box, written with some seven digits
_SHOWN = 20  # materials named in a note
_LONGEST_NAME = 60  # letters of a name that are worth showing


def _recognise(head: bytes, path: Path) -> bool:  # noqa: ARG001
    return first_line(head) is not None


def _open(path: Path) -> list[Image]:
    with translated(path, _FILE), BoundedFile(path) as file:
        header = parse_header(file.read(MOST_TEXT + 1))
        lattices = {
            name: size for name, size in header.sizes.items() if len(size) in {2, 3}
        }  # a table of colours or a list of points has one length
        on_lattice = [field for field in header.fields if field.place in lattices]
        scalars = [field for field in on_lattice if field.kind in KINDS]
        others = [field for field in on_lattice if field.kind not in KINDS]
        if not scalars:
            raise _no_picture(header, others)
        if len(on_lattice) > _MOST_FIELDS:
            raise UnsupportedError(
                f"the AmiraMesh file has {len(on_lattice)} fields, more than {_MOST_FIELDS}",
                remedy="save them as files of their own in Amira",
            )
        sections = find_sections(file, header)
        notes = [_not_read(field) + ": it is left out" for field in others]
        labels = [*_materials(header), *notes]
        return [
            _image(
                path, header, field, sections.get(field.section, (0, 0)),
                notes if field.kind in {"float", "double"} else labels,
            )
            for field in scalars
        ]  # fmt: skip


def _no_picture(header: Header, others: Sequence[Field]) -> UnsupportedError:
    if others:
        return UnsupportedError(
            _not_read(others[0]), remedy="save its components as fields of their own in Amira"
        )
    content = " ".join((*header.words("ContentType"), *header.words("Content")))[:_LONGEST_NAME]
    known = {
        "SkeletonGraph": "a skeleton", "HxSpatialGraph": "a skeleton", "Colormap": "a colour map",
        "HxSpreadSheet": "a table", "HxCluster": "a cloud of points", "HxLineSet": "a set of lines",
    }  # fmt: skip
    what = next((name for key, name in known.items() if key in content), "")
    parts = ", ".join(dict.fromkeys(field.place for field in header.fields))[:_LONGEST_NAME]
    details = f"ContentType {content}" if content else f"of {parts}" if parts else ""
    return UnsupportedError(
        f"this is {what or 'a file'} of Amira"
        + (f" ({details})" if details else "")
        + ", without a lattice: no picture",
        remedy="give the picture that it was made from",
    )


def _not_read(field: Field) -> str:
    name, kind = field.name[:_LONGEST_NAME], field.kind[:_LONGEST_NAME]
    several = COMPONENTS.match(field.kind)
    if several:
        return f"the field {name!r} has {several[2]} numbers at each voxel ({kind})"
    return f"the field {name!r} is of a type that is not read ({kind})"


def _image(
    path: Path, header: Header, field: Field, section: tuple[int, int], more_notes: Sequence[str]
) -> Image:
    size = header.sizes[field.place]
    width, height, depth = (*size, 1)[:3]
    shape = (depth, height, width)
    stored = np.dtype((header.order or "=") + KINDS[field.kind])
    name = field.name[:_LONGEST_NAME]
    encoding = field.encoding if header.order else "ASCII"
    if encoding not in {"", "ASCII", "HxZip", "HxByteRLE"} or (
        encoding == "HxByteRLE" and stored.itemsize > 1
    ):
        raise UnsupportedError(
            f"the field {name!r} is packed as {encoding[:_LONGEST_NAME]} of {field.kind}, "
            "which is not read",
            remedy="save it in Amira without compression",
        )
    if not all(0 < length <= _MOST for length in shape):
        raise UnreadableError(
            f"a lattice of {' × '.join(map(str, size))} voxels is no picture",
            remedy="export the file again",
        )
    start, length = section
    at_most = {
        "": length,
        "ASCII": (length + 1) // 2 * stored.itemsize,  # a digit and what parts it from the next
        "HxZip": length * _MOST_UNZIPPED,
        "HxByteRLE": (length + 1) // 2 * _LONGEST_RUN,
    }[encoding]
    if math.prod(shape) * stored.itemsize > at_most:
        raise UnreadableError(
            f"it claims {' × '.join(map(str, size))} voxels in the field {name!r}, "
            "more than the file holds",
            remedy="the file is cut short or damaged: copy it again",
        )
    axes, sizes = stack_axes({"Z": depth, "Y": height, "X": width})
    spacing, notes = _spacing(header, shape)
    read = FieldPlanes(stored, shape, encoding, start, length)
    return Image(
        Planes(path, _FILE, sizes, stored.newbyteorder("="), read),
        axes,
        spacing=spacing,
        source=Source(path=str(path), scene=name),
        notes=(*notes, *more_notes),
    )


def _spacing(header: Header, shape: tuple[int, int, int]) -> tuple[Spacing, list[str]]:
    """Distances of voxels from the box around their centres, and what has to be said of it."""
    kind = "".join(header.words("CoordType"))[:_LONGEST_NAME]
    if kind and kind != "uniform":
        return Spacing(), [f"its voxels are not evenly spaced ({kind}): no spacing is taken"]
    try:
        box = [float(word) for word in header.words("BoundingBox")]
    except ValueError:
        box = []
    if len(box) != 6 or not all(math.isfinite(value) for value in box):
        return Spacing(), []
    low, high = box[0::2], box[1::2]
    steps = [
        (top - bottom) / (count - 1) if count > 1 else None
        for bottom, top, count in zip(low, high, reversed(shape), strict=True)
    ]
    unit = " ".join(header.words("Units", "Coordinates"))[:_LONGEST_NAME]
    scale, notes = length_in_um(unit) if unit else 1.0, []
    if scale is None:
        return Spacing(), [f"its unit of length is not known ({unit}): no spacing is taken"]
    if not unit:
        if all(step is None or math.isclose(step, 1, rel_tol=_ROUNDING) for step in steps):
            return Spacing(), [
                "it gives no unit and one per voxel, which programs write that know no size: "
                "no spacing is taken from it"
            ]
        notes.append("it gives no unit of length: its numbers are taken for micrometres")
    if any(low):
        corner = ", ".join(f"{value:g}" for value in low)
        notes.append(f"its first voxel lies at x, y, z {corner} {unit}".rstrip())
    x, y, z = (spacing_or_none(step, scale) for step in steps)
    return Spacing(z=z, y=y, x=x), notes


def _materials(header: Header) -> list[str]:
    """What the values of labels stand for: the materials in their order."""
    names = []
    for key, value in header.block("Materials"):
        inside = dict(value) if isinstance(value, list) else {}
        stated = inside.get("Name")
        named = " ".join(stated) if isinstance(stated, tuple) and stated else key
        names.append(named[:_LONGEST_NAME])
    if not names:
        return []
    shown = ", ".join(f"{value} {name}" for value, name in enumerate(names[:_SHOWN]))
    left = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"its values are labels of materials: {shown}{left}"]


READER = Reader("AmiraMesh", (".am",), _recognise, _open)
"""AmiraMesh files of Amira and Avizo, whatever they are called."""
