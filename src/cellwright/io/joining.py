"""Thousands of single files become pictures: the names tell which belong together.

A microscope for screens writes one file for each well, field, channel, plane and time. A
naming scheme (`cellwright.io.pattern`) tells the place of each; here the files of one field
become one picture. Nothing is opened but the small files that a scheme knows beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cellwright.core.errors import InputError, UsageError
from cellwright.io.field_files import Field, field_picture, plate_of_fields
from cellwright.io.inputs import Found, Inputs, Skipped
from cellwright.io.pattern import Description, Pattern, Place, patterns

__all__ = ["AUTO", "NONE", "Joined", "join_files"]

AUTO, NONE = "auto", "none"

_PICTURES = frozenset({"tif", "tiff", "png", "jpg", "jpeg", "bmp", "npy"})
"""Formats of one picture a file; others hold whole experiments and are never parts."""
_FEW = 2  # so many names that say little are needed to believe them
_NAMED = 3  # files named in a sentence


@dataclass(frozen=True)
class Joined:
    """The inputs with files joined to pictures, and what was recognised, in sentences."""

    inputs: Inputs
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Placed:
    """A file with the scheme that takes it."""

    found: Found
    pattern: Pattern
    place: Place


def join_files(
    inputs: Inputs, pattern: str = AUTO, *, known: Mapping[str, Pattern] | None = None
) -> Joined:
    """Join the files of each field of view to one picture, as their names tell.

    Parameters
    ----------
    inputs
        What was found. Scenes that were asked for, folders and files of other formats stay.
    pattern
        ``auto``: a folder's files are joined where their names leave no doubt. ``none``:
        nothing is joined. Else the name of a scheme, which then takes every name it can.
    known
        Naming schemes by name; those that are installed if None.

    Returns
    -------
    Joined
        The identity of a joined picture is the folder of its plate, what its files' names
        share, and their extension: ``PLATE_E07_s1.tif``. Pictures that lack a channel or a
        plane that others of their plate have are kept, to fail with the reason when they are
        opened. Thumbnails and projections of planes that are read are skipped.

    Raises
    ------
    UsageError
        If there is no such scheme.

    Examples
    --------
    >>> from pathlib import Path
    >>> from cellwright.io.patterns.imagexpress import PATTERN
    >>> names = [f"P_{well}_s1_w{n}.tif" for well in ("A01", "A02") for n in (1, 2)]
    >>> found = tuple(Found(name, Path(name)) for name in names)
    >>> joined = join_files(Inputs(found), known={"imagexpress": PATTERN})
    >>> [(picture.image, picture.files.channels) for picture in joined.inputs.found]
    [('P_A01_s1.tif', ('w1', 'w2')), ('P_A02_s1.tif', ('w1', 'w2'))]
    >>> joined.said
    ('4 files in the input folder are named as ImageXpress does: 2 pictures of 2 wells',)
    """
    if pattern == NONE:
        return Joined(inputs)
    schemes = patterns() if known is None else known
    if pattern not in {AUTO, *schemes}:
        raise UsageError(
            f"there is no naming scheme {pattern!r}",
            remedy=f"choose {', '.join([AUTO, NONE, *schemes])}",
        )
    asked = {pattern: schemes[pattern]} if pattern != AUTO else schemes
    placed, said = _placed(inputs.found, asked, by_itself=pattern == AUTO)
    if pattern != AUTO and not placed:
        said.append(f"no file is named as {schemes[pattern].title} does: nothing is joined")
    return _joined(inputs, placed, said)


def _placed(
    found: Sequence[Found], schemes: Mapping[str, Pattern], *, by_itself: bool
) -> tuple[list[_Placed], list[str]]:
    """Find the files that a scheme takes, folder by folder."""
    folders: dict[str, list[tuple[Found, str]]] = {}
    for item in found:
        folder, _, name = item.image.rpartition("/")
        stem, _, extension = name.rpartition(".")
        if not item.scene and item.files is None and extension.lower() in _PICTURES:
            folders.setdefault(folder, []).append((item, stem))
    taken: list[_Placed] = []
    said: list[str] = []
    for folder, files in folders.items():
        claims: dict[str, dict[int, Place]] = {}
        for pattern in schemes.values():
            places = (
                (number, pattern.match(stem, folder)) for number, (_, stem) in enumerate(files)
            )
            named = {number: place for number, place in places if place is not None}
            kept = _believed(named, len(files)) if by_itself else named
            if kept:
                claims[pattern.name] = kept
        doubtful = 0
        for number, (item, _) in enumerate(files):
            options = _options(claims, number)
            if len(options) == 1:
                taken.append(_Placed(item, schemes[options[0]], claims[options[0]][number]))
            doubtful += len(options) > 1
        if doubtful:
            titles = " or ".join(schemes[name].title for name in claims)
            said.append(
                f"{_files(doubtful)} in {_folder(folder)} may be named as {titles} does: "
                "they are not joined; choose with --pattern"
            )
    return taken, said


def _believed(places: dict[int, Place], n_files: int) -> dict[int, Place]:
    """Take those names that leave no doubt; those that say less, where all files have them."""
    together = {n: place for n, place in places.items() if place.certainty != "asked"}
    if len(together) == n_files >= _FEW:
        return together
    return {n: place for n, place in places.items() if place.certainty == "alone"}


def _options(claims: Mapping[str, Mapping[int, Place]], number: int) -> list[str]:
    """Names of the schemes that take a file; the surer ones, if they differ."""
    options = [name for name, places in claims.items() if number in places]
    if len(options) < 2:
        return options
    return [n for n in options if claims[n][number].certainty == "alone"] or options


def _joined(inputs: Inputs, placed: Sequence[_Placed], said: list[str]) -> Joined:
    groups: dict[tuple[str, str, str], list[_Placed]] = {}
    for item in placed:
        key = (item.pattern.name, item.place.folder, item.place.plate)
        groups.setdefault(key, []).append(item)
    titles = _plate_titles(groups)
    members = {item.found.image for item in placed}
    kept = [item for item in inputs.found if item.image not in members]
    names = {item.image for item in kept}
    skipped = list(inputs.skipped)
    for key, group in sorted(groups.items()):
        pictures, passed, apart, sentences = _group(group, titles[key], names)
        names |= {picture.image for picture in [*pictures, *apart]}
        kept += [*pictures, *apart]
        skipped += passed
        said += sentences
    return Joined(Inputs(tuple(sorted(kept)), tuple(sorted(set(skipped)))), tuple(said))


def _plate_titles(groups: Mapping[tuple[str, str, str], object]) -> dict[tuple[str, str, str], str]:
    """Name of each plate; with its folder where two plates have one name."""
    count: dict[str, int] = {}
    for _, _, plate in groups:
        count[plate] = count.get(plate, 0) + 1
    return {
        key: "/".join(part for part in key[1:] if part) if count[key[2]] > 1 else key[2]
        for key in groups
    }


def _group(
    group: Sequence[_Placed], plate: str, names: set[str]
) -> tuple[list[Found], list[Skipped], list[Found], list[str]]:
    """Join the files of one plate: pictures, what is skipped, what stays, and what to say."""
    pattern, folder = group[0].pattern, group[0].place.folder
    description, troubles = _description(group)
    skipped = [Skipped(p.found.image, p.place.skip) for p in group if p.place.skip]
    fields: dict[str, list[tuple[Found, Place]]] = {}
    for item in group:
        if not item.place.skip:
            fields.setdefault(item.place.rest, []).append((item.found, item.place))
    frame = plate_of_fields(list(fields.values()), description)
    pictures: list[Found] = []
    apart: list[Found] = []
    said: list[str] = []
    used = 0
    for rest, members in sorted(fields.items()):
        identity = "/".join(part for part in (folder, rest) if part) + _extension(members)
        why = _why_apart(identity, members, names)
        if why:
            apart += [found for found, _ in members]
            said.append(f"{_several([found.image for found, _ in members])} are kept apart: {why}")
            continue
        complete = frame if pattern.alike else plate_of_fields([members], description)
        field = field_picture(Field(identity, tuple(members), plate), complete, pattern)
        pictures.append(field.picture)
        skipped += field.skipped
        names.add(identity)
        used += len(members)
    if pictures:
        said.insert(0, _sentence(pattern, folder, used, pictures) + "".join(troubles))
    return pictures, skipped, apart, said


def _description(group: Sequence[_Placed]) -> tuple[Description, list[str]]:
    """Read what lies beside the pictures of a plate, where the scheme knows of something."""
    describe = group[0].pattern.describe
    if describe is not None:
        try:
            return describe(group[0].found.path.parent) or Description(), []
        except InputError as error:
            return Description(), [f"; but {error}"]
    return Description(), []


def _extension(members: Sequence[tuple[Found, Place]]) -> str:
    return min(PurePosixPath(found.image).suffix for found, _ in members)


def _why_apart(identity: str, members: Sequence[tuple[Found, Place]], names: set[str]) -> str:
    """Why the files of a field cannot be one picture; empty if they can."""
    if identity in names:
        return f"another picture is {identity}"
    channels = {place.channel for _, place in members}
    if "" in channels and len(channels) > 1:
        return "only some of them name a channel"
    return ""


def _sentence(pattern: Pattern, folder: str, files: int, pictures: Sequence[Found]) -> str:
    wells = {p.files.well for p in pictures if p.files is not None and p.files.well}
    lacking = sum(1 for p in pictures if p.files is not None and p.files.missing)
    named = "is named" if files == 1 else "are named"
    text = (
        f"{_files(files)} in {_folder(folder)} {named} as {pattern.title} does: "
        f"{len(pictures):,} {'picture' if len(pictures) == 1 else 'pictures'}"
    )
    if wells:
        text += f" of {len(wells):,} {'well' if len(wells) == 1 else 'wells'}"
    if lacking:
        text += f"; {lacking:,} of them lack a file that others have"
    return text


def _files(count: int) -> str:
    return f"{count:,} {'file' if count == 1 else 'files'}"


def _folder(folder: str) -> str:
    return folder or "the input folder"


def _several(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
