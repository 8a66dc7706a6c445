"""A first ``samples.csv``: what the names of a batch say of conditions, doses and replicates.

A name alone says little. What is the same in all names is no condition, and a number that
counts up is a replicate only where several conditions count alike. All of it is a guess that
a person looks at before it is used.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cellwright.core.errors import RunError, UsageError
from cellwright.io.cells import write_table
from cellwright.io.inputs import Found
from cellwright.io.name_parts import NameParts, part_name
from cellwright.io.pattern import folder_parts
from cellwright.io.samples import KNOWN_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Template", "sample_template", "write_template"]

_ALWAYS = ("image", "condition", "replicate")
_MOST_REPLICATES = 12
"""Numbers that count further than this are fields of view: nobody repeats so often."""
_NEGATIVE, _POSITIVE = "negative control", "positive control"
_RUNNING = re.compile(r"[ _.-]*[0-9]+\Z")


@dataclass(frozen=True, eq=False)
class Template:
    """The table, one row a picture, all of it text; and what was guessed from what."""

    table: pd.DataFrame
    said: tuple[str, ...] = ()


@dataclass
class _Picture:
    """A picture, what its name and folders say, and its row."""

    found: Found
    folders: tuple[str, ...]
    stem: str
    parts: tuple[NameParts, ...]  # of the name first, then of its folders from the inside
    row: dict[str, str] = field(default_factory=dict)

    def first(self, name: str) -> str:
        return next((str(v) for part in self.parts if (v := getattr(part, name))), "")

    def counter(self, name: str) -> str:
        return next((p.counters[name] for p in self.parts if name in p.counters), "")

    @property
    def words(self) -> tuple[str, ...]:
        """Words of the folders and of the name, each once."""
        ordered = (word for part in reversed(self.parts) for word in part.words)
        return tuple(dict.fromkeys(ordered))

    @property
    def numbers(self) -> tuple[str, ...]:
        return self.parts[0].numbers


def sample_template(found: Sequence[Found]) -> Template:
    """Guess a table of samples from the names of pictures and of their folders.

    Parameters
    ----------
    found
        The pictures, from `cellwright.io.inputs.find_inputs` or, for plates, from
        `cellwright.io.joining.join_files`.

    Returns
    -------
    Template
        Columns image, condition and replicate, and those others that have something. The
        condition is never empty: compound and dose; else a control; else the folder, the
        well or the time; else the name without its running number.

    Examples
    --------
    >>> from pathlib import Path
    >>> names = ["tatmn_80ng_1.png", "tatmn_80ng_2.png", "control_1.png", "control_2.png"]
    >>> template = sample_template([Found(name, Path(name)) for name in names])
    >>> template.table[["condition", "replicate", "dose"]].values.tolist()
    [['tatmn 80 ng', '1', '80'], ['tatmn 80 ng', '2', '80'],
     ['control', '1', ''], ['control', '2', '']]
    """
    import pandas as pd

    pictures = [_picture(item) for item in found]
    for picture in pictures:
        _fill_plain(picture)
    _fill_moments(pictures)
    _fill_conditions(pictures)
    _fill_replicates(pictures)
    columns = [
        name
        for name in KNOWN_COLUMNS
        if name in _ALWAYS or any(picture.row.get(name) for picture in pictures)
    ]
    rows = [[picture.row.get(name, "") for name in columns] for picture in pictures]
    return Template(pd.DataFrame(rows, columns=columns, dtype=object), _said(pictures, columns))


def write_template(path: Path, table: pd.DataFrame, *, force: bool = False) -> None:
    """Write the table; one that is there may be a person's work and stays.

    Raises
    ------
    UsageError
        If there is such a file already, unless `force`.
    RunError
        If the folder cannot be written to.
    """
    text = io.StringIO()
    write_table(text, table)
    content = text.getvalue().encode("utf-8")
    try:
        if not force:
            with path.open("xb") as file:
                file.write(content)
            return
        unfinished = path.with_name(path.name + ".part")
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except FileExistsError as error:
        raise UsageError(
            "the file is there already, and may have been corrected by hand",
            where=str(path),
            remedy="choose another name, or overwrite it with --force",
        ) from error
    except OSError as error:
        raise RunError(
            f"the file cannot be written ({error.strerror})",
            where=str(path),
            remedy="choose another folder with --out",
        ) from error


def _picture(found: Found) -> _Picture:
    file = found.image.partition("::")[0]
    folder, _, name = file.rpartition("/")
    stem = name.rpartition(".")[0] or name
    folders = tuple(folder_parts(folder))
    parts = tuple(part_name(text) for text in (stem, *reversed(folders)))
    return _Picture(found, folders, stem, parts)


def _fill_plain(picture: _Picture) -> None:
    """What a name says whatever the others say."""
    files, row = picture.found.files, picture.row
    row["image"] = picture.found.image
    row["well"] = files.well if files is not None else picture.first("well")
    row["plate"] = (files.plate if files is not None else "") or picture.counter("plate")
    row["donor"] = picture.counter("donor")
    row["batch"] = picture.counter("batch")
    if files is None or not files.well:
        row["dose"], row["dose_unit"] = picture.first("dose"), picture.first("dose_unit")
        row["time"] = picture.first("time")
        if any(part.positive for part in picture.parts):
            row["role"] = _POSITIVE
        elif picture.first("control"):
            row["role"] = _NEGATIVE


def _fill_moments(pictures: Sequence[_Picture]) -> None:
    """Dates and numbered time points, where they differ."""
    dates = {picture.first("date") for picture in pictures}
    moments = {picture.counter("moment") for picture in pictures}
    for picture in pictures:
        if len(dates) > 1 and not picture.row["batch"]:
            picture.row["batch"] = picture.first("date")
        if len(moments) > 1 and not picture.row.get("time") and picture.counter("moment"):
            picture.row["time"] = f"t{picture.counter('moment')}"


def _fill_conditions(pictures: Sequence[_Picture]) -> None:
    """Compound, and condition: what differs between the pictures."""
    everywhere = _in_all(picture.words for picture in pictures)
    controls = {picture.first("control") for picture in pictures} - {""}
    dosed = {_words(picture, everywhere) for picture in pictures if picture.row.get("dose")} - {""}
    for picture in pictures:
        row, words = picture.row, _words(picture, everywhere)
        is_dosed = bool(row.get("dose"))
        if words and (is_dosed or words in dosed) and not row.get("role"):
            row["compound"] = words
        kind = picture.first("control")
        control = {_NEGATIVE: "control", _POSITIVE: "positive control"}.get(row.get("role", ""), "")
        if control == "control" and len(controls) > 1:  # DMSO and untreated are not one
            control = "DMSO" if kind == "dmso" else kind
        dose = f"{row['dose']} {row['dose_unit']}" if is_dosed else ""
        row["condition"] = " ".join(part for part in (words, control, dose) if part)
    _fill_the_rest(pictures)


def _fill_the_rest(pictures: Sequence[_Picture]) -> None:
    """Conditions of pictures whose names hold no word of their own."""
    folders = {picture.folders for picture in pictures}
    times = {picture.row.get("time", "") for picture in pictures}
    for picture in pictures:
        row = picture.row
        if picture.found.files is not None and row["well"]:
            row["condition"] = row["well"]
        if row["condition"]:
            continue
        plain = _RUNNING.sub("", picture.stem)
        row["condition"] = (
            row["well"]
            or ("/".join(picture.folders) if len(folders) > 1 else "")
            or (row.get("time", "") if len(times) > 1 else "")
            or " ".join(picture.words)
            or plain
            or picture.stem
        )


def _in_all(groups: Iterable[Sequence[str]]) -> frozenset[str]:
    sets = [frozenset(group) for group in groups]
    return frozenset.intersection(*sets) if len(sets) > 1 else frozenset()


def _words(picture: _Picture, everywhere: frozenset[str]) -> str:
    return " ".join(word for word in picture.words if word not in everywhere)


def _fill_replicates(pictures: Sequence[_Picture]) -> None:
    """Replicates by the word for them, else by date, else by a number that counts up."""
    dates = {picture.first("date") for picture in pictures}
    experiments = {picture.counter("experiment") for picture in pictures}
    counted = _counted(pictures)
    for picture in pictures:
        picture.row["replicate"] = (
            (picture.counter("experiment") if len(experiments) > 1 else "")
            or picture.counter("replicate")
            or picture.counter("experiment")
            or (picture.first("date") if len(dates) > 1 else "")
            or counted.get(picture.found.image, "")
        )


def _counted(pictures: Sequence[_Picture]) -> Mapping[str, str]:
    """Numbers that count replicates: alike in several conditions, and not far."""
    if any(picture.row["well"] for picture in pictures):
        return {}  # numbers of a plate are fields of view
    varying = [
        place
        for place in (1, 2)
        if len({p.numbers[-place] for p in pictures if len(p.numbers) >= place}) > 1
    ]
    if not varying:
        return {}
    place = varying[-1]  # of two numbers the last is the field of view
    numbers = {p.found.image: p.numbers[-place] for p in pictures if len(p.numbers) >= place}
    of_conditions: dict[str, set[str]] = {}
    for picture in pictures:
        number = numbers.get(picture.found.image)
        if number is not None:
            of_conditions.setdefault(picture.row["condition"], set()).add(number)
    several = list(of_conditions.values())
    alike = any(a & b for at, a in enumerate(several) for b in several[at + 1 : at + 3])
    if not alike or max(len(values) for values in several) > _MOST_REPLICATES:
        return {}
    return numbers


def _said(pictures: Sequence[_Picture], columns: Sequence[str]) -> tuple[str, ...]:
    """For each column, what was guessed, with the first picture that has it."""
    said = []
    for name in columns:
        values = {p.row[name] for p in pictures if p.row.get(name)}
        if name == "image" or not values:
            continue
        example = next(p for p in pictures if p.row.get(name))
        differs = f"{len(values)} different values" if len(values) > 1 else "one value"
        said.append(f"{name}: {differs}, such as {example.row[name]!r} of {example.row['image']}")
    if not any(picture.row["replicate"] for picture in pictures):
        said.append("replicate: nothing in the names tells; fill it in for statistics")
    return tuple(said)
