"""Which label image belongs to which truth: two folders, joined by path, else by unique name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cellwright.core.errors import InputError, RunError, UsageError
from cellwright.io.cells import read_table
from cellwright.io.inputs import find_inputs
from cellwright.io.names import label_paths
from cellwright.io.open import known_extensions

__all__ = [
    "LabelFile", "PairedFiles", "find_label_files", "label_folder", "named_alike", "pair_files",
    "stem_of",
]  # fmt: skip

_MADE = {"done", "warned"}  # pictures of a run that have labels
_FEW = 3  # names in a message


@dataclass(frozen=True)
class LabelFile:
    """A label image: the picture that it is of, and where it lies.

    Attributes
    ----------
    image
        Identity of the picture in a run; else the path of the label image in its folder.
    path
        The file; None if the run could not make one.
    reason
        Why there is none.
    """

    image: str
    path: Path | None
    reason: str = ""


@dataclass(frozen=True)
class PairedFiles:
    """Truth and labels of one picture; one of them may be missing, `reason` says why.

    Attributes
    ----------
    image
        Name of the picture: that of its truth, or of its labels where there is no truth.
    labels_image
        Its name on the side of the labels: in a run, the path of the picture itself.
    """

    image: str
    truth: Path | None
    labels: Path | None
    reason: str = ""
    labels_image: str = ""


def label_folder(given: Path) -> Path:
    """Give the folder that holds the label images: ``labels`` of a run or data set, or itself."""
    inner = given / "labels"
    return inner if inner.is_dir() else given


def find_label_files(given: Path) -> list[LabelFile]:
    """List the label images that `given` stands for, by the names of their pictures.

    Parameters
    ----------
    given
        A label image; a folder of them, searched with all folders in it; a folder with
        ``labels`` in it; or a run, whose ``images.csv`` says which labels are of which picture.

    Raises
    ------
    UsageError
        If it does not exist.
    RunError
        If there is no label image.
    """
    if not given.exists():
        raise UsageError("there is no such file or folder", where=str(given))
    folder = label_folder(given)
    table = folder.parent / "images.csv"
    if folder.name == "labels" and table.is_file() and (files := _of_run(table)) is not None:
        return files
    found = find_inputs([folder]).found
    if not found:
        raise RunError("there is no label image", where=str(given))
    return [LabelFile(file.image, file.path) for file in found]


def _of_run(table: Path) -> list[LabelFile] | None:
    """Label images that a run lists; None if this is the table of something else."""
    try:
        rows = read_table(table)
    except InputError:
        return None
    if not {"image", "status", "reason", "labels"} <= set(rows.columns):
        return None
    files = []
    for row in rows[["image", "status", "reason", "labels"]].itertuples(index=False):
        image, status, reason, labels = (str(value) for value in row)
        path = PurePosixPath(labels)
        if status == "failed":
            files.append(LabelFile(image, None, f"it was not segmented: {reason}"))
        elif status in _MADE and labels:
            inside = not path.is_absolute() and ".." not in path.parts
            there = inside and (table.parent / path).exists()
            gone = "" if there else f"the run's {labels} is not there"
            files.append(LabelFile(image, table.parent / path if there else None, gone))
    return files


def pair_files(labels: Sequence[LabelFile], truth: Sequence[LabelFile]) -> list[PairedFiles]:
    """Join label images and truth: by the same path, else without the ending, else by name.

    Each step takes what the one before has left, and only where one on either side is meant: two
    that could be are never chosen from.

    Returns
    -------
    list of PairedFiles
        Sorted by `image`: every truth and every label image, with a partner or a reason.

    Examples
    --------
    >>> labels = [LabelFile("day1/a.tif", Path("L/day1/a.tif")), LabelFile("b.tif", Path("L/b.tif"))]
    >>> truth = [LabelFile("day1/a.png", Path("T/day1/a.png")), LabelFile("x/b.png", Path("T/x/b.png"))]
    >>> [(pair.image, pair.labels.as_posix()) for pair in pair_files(labels, truth)]
    [('day1/a.png', 'L/day1/a.tif'), ('x/b.png', 'L/b.tif')]
    """  # noqa: E501
    if len(labels) == len(truth) == 1 and (single := _single(labels[0], truth[0])) is not None:
        return [single]
    written = label_paths([file.image for file in truth])
    steps: tuple[tuple[Callable[[str], str], Callable[[str], str]], ...] = (
        (str, str),
        (str, lambda image: written[image]),  # as `segment` names labels of such pictures
        (_path_of, _path_of),
        (stem_of, stem_of),
    )
    partner: dict[int, int] = {}  # from the place of a truth to that of its labels
    doubt: dict[str, str] = {}
    for of_label, of_truth in steps:
        taken = set(partner.values())
        left_labels = _places(labels, of_label, taken)
        left_truth = _places(truth, of_truth, set(partner))
        for key, places in left_truth.items():
            others = left_labels.get(key, [])
            if len(places) == 1 and len(others) == 1:
                partner[places[0]] = others[0]
            elif others:
                names = [labels[i].image for i in others] + [truth[i].image for i in places]
                for name in names:
                    doubt.setdefault(name, f"several could belong together: {_few(names)}")
    pairs = [_pair(truth[i], labels[partner[i]]) for i in partner]
    pairs += [
        PairedFiles(file.image, file.path, None, doubt.get(file.image, "there are no labels of it"))
        for i, file in enumerate(truth)
        if i not in partner
    ]
    taken = set(partner.values())
    pairs += [
        PairedFiles(
            file.image,
            None,
            file.path,
            doubt.get(file.image, "there is no truth for it"),
            file.image,
        )
        for i, file in enumerate(labels)
        if i not in taken
    ]
    return sorted(pairs, key=lambda pair: (pair.image, pair.truth is None))


def _single(labels: LabelFile, truth: LabelFile) -> PairedFiles | None:
    """Two files that were given as such are a pair, whatever their names."""
    alone = all(file.path is not None and "/" not in file.image for file in (labels, truth))
    return _pair(truth, labels) if alone else None


def _pair(truth: LabelFile, labels: LabelFile) -> PairedFiles:
    reason = labels.reason or truth.reason
    return PairedFiles(truth.image, truth.path, labels.path, reason, labels.image)


def named_alike(names: Sequence[str], others: Sequence[str]) -> dict[str, str]:
    """Find for each name the other one that means the same picture.

    By the same name, else by the path without the ending of a format, else by the name without
    folders: each step only where one on either side is meant.

    Returns
    -------
    dict
        From name to the other name; those that have none are not in it.

    Examples
    --------
    >>> named_alike(["day1/a.tif", "b.tif"], ["day1/a.png", "b", "day2/a.png"])
    {'day1/a.tif': 'day1/a.png', 'b.tif': 'b'}
    """
    found: dict[str, str] = {}
    for key in (str, _path_of, stem_of):
        meant: dict[str, list[str]] = {}
        for other in dict.fromkeys(others):
            meant.setdefault(key(other), []).append(other)
        left = [name for name in dict.fromkeys(names) if name not in found]
        count = Counter(map(key, left))
        found |= {
            name: meant[key(name)][0]
            for name in left
            if count[key(name)] == 1 and len(meant.get(key(name), ())) == 1
        }
    return found


def _places(
    files: Sequence[LabelFile], key: Callable[[str], str], taken: set[int]
) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, file in enumerate(files):
        if place not in taken:
            places.setdefault(key(file.image), []).append(place)
    return places


def _path_of(image: str) -> str:
    """Path without the ending of a format: ``day1/a.ome.tif`` gives ``day1/a``."""
    path = image.replace("::", "__")
    for ending in sorted(known_extensions(), key=lambda ending: (-len(ending), ending)):
        if path.casefold().endswith(ending):
            path = path[: -len(ending)]
            break
    return path[:-4] if path.casefold().endswith(".ome") else path


def stem_of(image: str) -> str:
    """Name without folders and the ending of a format.

    Examples
    --------
    >>> stem_of("day1/a.b.ome.tif"), stem_of("plate.nd2::2")
    ('a.b', 'plate.nd2__2')
    """
    return PurePosixPath(_path_of(image)).name


def _few(names: Sequence[str]) -> str:
    shown = [repr(name) for name in names[:_FEW]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
