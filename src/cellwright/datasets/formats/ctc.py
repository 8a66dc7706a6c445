"""The Cell Tracking Challenge: sequences of frames, each with its truth or a result beside it.

The names are those of its "Naming and file content conventions": pictures ``01/t000.tif``, outlines
of people ``01_GT/SEG/man_seg000.tif``, marked cells ``01_GT/TRA/man_track000.tif``, outlines that
several programs agree on ``01_ST/SEG/man_seg000.tif``, and results ``01_RES/mask000.tif``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.core.image import Array
from cellwright.datasets.annotation import AnnotationFormat, Drawn, Entry, Source
from cellwright.datasets.formats.ctc_write import write
from cellwright.io.label_image import decode_labels
from cellwright.io.open import read

__all__ = ["FORMAT"]

_ENDING = r"\.(?:tif|tiff)"
_BESIDE = re.compile(r"([0-9]{2,})_(?:GT|ST|RES)")
_PICTURE = re.compile(rf"t([0-9]{{3,4}}){_ENDING}", re.IGNORECASE)
_SLICE = re.compile(rf"man_seg_([0-9]{{3,4}})_([0-9]{{3,4}}){_ENDING}", re.IGNORECASE)


@dataclass(frozen=True)
class _Truth:
    """One of the places in which a sequence has labels."""

    folder: str
    prefix: str
    remark: str = ""

    def frames(self, root: Path, sequence: str) -> dict[int, Path]:
        """Files of labels by number of the frame."""
        pattern = re.compile(rf"{self.prefix}([0-9]{{3,4}}){_ENDING}", re.IGNORECASE)
        return _numbered(root / f"{sequence}_{self.folder}", pattern)


_OUTLINES = _Truth("GT/SEG", "man_seg")
_MARKERS = _Truth("GT/TRA", "man_track", "these are markers of cells, not outlines")
_SILVER = _Truth("ST/SEG", "man_seg", "several programs agreed on these outlines, nobody drew them")
_RESULT = _Truth("RES", "mask", "these outlines are the result of a program, not the truth")


def _numbered(folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        if match := pattern.fullmatch(file.name):
            other = found.setdefault(int(match[1]), file)
            if other is not file:
                raise UsageError(
                    f"{other.name} and {file.name} are both of the frame {int(match[1])}",
                    where=str(folder),
                    remedy="keep one of them",
                )
    return found


def _slices(root: Path, sequence: str) -> dict[int, dict[int, Path]]:
    """Files of single drawn planes, by number of the frame and of the plane."""
    folder = root / f"{sequence}_{_OUTLINES.folder}"
    found: dict[int, dict[int, Path]] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        if match := _SLICE.fullmatch(file.name):
            found.setdefault(int(match[1]), {})[int(match[2])] = file
    return found


def _sequences(root: Path) -> list[str]:
    """Numbers of sequences that have labels of some kind."""
    beside = (_BESIDE.fullmatch(inner.name) for inner in root.iterdir() if inner.is_dir())
    return sorted({match[1] for match in beside if match})


def _roots(path: Path) -> list[Path]:
    """Folders with sequences: the source, or those in it (``Fluo-N2DH-SIM+/01``)."""
    if not path.is_dir():
        return []
    if _sequences(path):
        return [path]
    return [inner for inner in sorted(path.iterdir()) if inner.is_dir() and _sequences(inner)]


def _recognises(path: Path) -> bool:
    try:
        return any(
            _slices(root, number)
            or any(truth.frames(root, number) for truth in (_OUTLINES, _MARKERS, _SILVER, _RESULT))
            for root in _roots(path)
            for number in _sequences(root)
        )
    except UsageError:  # two files of one frame: of this format, and `_entries` tells of it
        return True
    except OSError:
        return False


def _entries(source: Source) -> list[Entry]:
    """One for each frame with labels, by sequence and number."""
    roots = _roots(source.path)
    alone = len(roots) == 1 and len(_sequences(roots[0])) == 1
    found = []
    for root in roots:
        for sequence in _sequences(root):
            group = (root / sequence).relative_to(source.path).as_posix()
            pictures = _numbered((source.images or source.path) / group, _PICTURE)
            if source.images is not None and alone and not pictures:
                pictures = _numbered(source.images, _PICTURE)
            found += list(_frames(root, sequence, group, pictures))
    return found


def _frames(root: Path, sequence: str, group: str, pictures: Mapping[int, Path]) -> Iterator[Entry]:
    """Frames of the best labels that a sequence has; kinds of labels are not mixed."""
    drawn, planes = _OUTLINES.frames(root, sequence), _slices(root, sequence)
    marked = _MARKERS.frames(root, sequence)
    reads: dict[int, tuple[str, Callable[[tuple[int, int] | None], Drawn]]] = {}
    if drawn or planes:
        for frame, files in planes.items():
            digits = next(iter(files.values())).name.split("_")[2]
            reads[frame] = digits, partial(_read_planes, files, pictures.get(frame))
        for frame, file in drawn.items():
            reads[frame] = _digits(file), partial(_read_outlines, file, marked.get(frame))
    else:
        for truth in (_SILVER, _MARKERS, _RESULT):
            if files := truth.frames(root, sequence):
                for frame, file in files.items():
                    reads[frame] = _digits(file), partial(_read_labels, file, truth.remark)
                break
    for frame, (digits, reading) in sorted(reads.items()):
        image = pictures.get(frame)
        name = image.stem if image is not None else f"t{digits}"
        yield Entry(f"{group}/{name}", image, reading, group=group)


def _digits(file: Path) -> str:
    return re.sub("[^0-9]", "", file.stem)


def _labels(file: Path) -> tuple[Array, str]:
    """Labels of one frame and their axes: a file is never of several frames, so planes are Z."""
    labels = decode_labels(file)
    axes = labels.axes.replace("T", "Z")
    if axes not in ("YX", "ZYX"):
        raise UnsupportedError(
            f"labels of one frame have the axes YX or ZYX, not {labels.axes}",
            where=str(file),
            remedy="save each frame as a file of its own",
        )
    return labels.pixels(), axes


def _read_labels(file: Path, remark: str, shape: tuple[int, int] | None) -> Drawn:  # noqa: ARG001 - labels have a size of their own, which `check` compares
    labels, axes = _labels(file)
    return Drawn(labels, axes, remarks=(remark,))


def _read_outlines(file: Path, marked: Path | None, shape: tuple[int, int] | None) -> Drawn:  # noqa: ARG001 - as above
    """Outlines of people, of which the challenge often has a few cells only."""
    labels, axes = _labels(file)
    if marked is None:
        return Drawn(labels, axes)
    try:
        remark = _missed(labels, _labels(marked)[0])
    except InputError as error:
        remark = error.what
    return Drawn(labels, axes, remarks=(f"{marked.name}: {remark}",) if remark else ())


def _missed(labels: Array, markers: Array) -> str:
    if markers.shape != labels.shape:
        return "the markers have another size than the outlines"
    cells = np.setdiff1d(markers, [0])
    missed = np.setdiff1d(cells, markers[labels > 0]).size
    return f"{missed:,} of {cells.size:,} marked cells have no outline" if missed else ""


def _read_planes(
    files: Mapping[int, Path],
    image: Path | None,
    shape: tuple[int, int] | None,  # noqa: ARG001 - as above
) -> Drawn:
    """Planes of a volume, drawn one by one; where some were not drawn, 0 would be no truth."""
    depth = 0
    if image is not None:
        picture = read(image)
        depth = picture.size("Z") * picture.size("T")  # nothing says which its planes are
    if sorted(files) != list(range(depth)):
        some = ", ".join(str(plane) for plane in sorted(files)[:3])
        raise UnsupportedError(
            f"only {len(files)} of {depth or 'its'} planes are drawn ({some}"
            + (", …)" if len(files) > 3 else ")"),
            where=str(next(iter(files.values())).parent),
            remedy="take these planes out of the volume, as pictures of their own",
        )
    planes = [_labels(files[plane]) for plane in range(depth)]
    if any(axes != "YX" or labels.shape != planes[0][0].shape for labels, axes in planes):
        raise UnreadableError(
            "the drawn planes of the volume have several sizes",
            where=str(files[0].parent),
            remedy="draw each in a plane of the same volume",
        )
    return Drawn(np.stack([labels for labels, _ in planes]), "ZYX")


FORMAT = AnnotationFormat(
    "ctc",
    "Cell Tracking Challenge: 01/t000.tif and 01_GT/SEG/man_seg000.tif (or TRA, 01_ST, 01_RES)",
    _recognises,
    _entries,
    write,
    axes=("YX", "TYX", "ZYX"),
)
