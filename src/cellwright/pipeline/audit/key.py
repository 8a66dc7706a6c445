"""The key of an audit: which field and cell is of which picture, kept apart from the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.engine.keys import bytes_hash, file_digest, key_of

__all__ = [
    "KEY", "PAGE", "Answers", "DealtCell", "DealtField", "FieldAnswer", "Key", "read_answers",
    "read_key", "run_digest",
]  # fmt: skip

KEY, PAGE = "key.json", "audit.html"
LARGEST_ANSWERS = 10_000_000
"""Bytes of a file of answers: a thousand times what the largest audit gives."""

_MOST_MARKS = 2_000
Said = Literal["right", "merged", "split", "false", "wrong_type", "unsure"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DealtField(_Strict):
    """A part of a picture, and the labels whose middle lies in it, in the page's order."""

    image: str
    frame: int
    condition: str
    replicate: str
    top: int
    left: int
    height: int
    width: int
    labels: tuple[int, ...]


class DealtCell(_Strict):
    """A single cell."""

    image: str
    frame: int
    condition: str
    replicate: str
    label: int


class Key(_Strict):
    """All that the page does not tell.

    Attributes
    ----------
    audit
        Hash of all else: it ties page, answers and key together.
    run
        Of `run_digest`.
    options
        With which it was dealt.
    unit
        Column that tells replicates; empty if none is known.
    classes
        Whether cells have types.
    counts
        Of each condition and replicate the mean number of cells of a picture.
    fields, cells
        In the order of the page.
    remarks
        What is to be known of the dealing.
    """

    format: Literal["cellwright-audit-key"] = "cellwright-audit-key"
    version: Literal[1] = 1
    audit: str = ""
    cellwright: str
    run: str
    options: Mapping[str, Any]
    unit: str
    classes: bool
    counts: Mapping[str, Mapping[str, float]]
    fields_: tuple[DealtField, ...] = Field(alias="fields")
    cells: tuple[DealtCell, ...]
    remarks: tuple[str, ...] = ()

    def identity(self) -> str:
        """Hash of all but the hash."""
        return key_of(**self.model_dump(mode="json", by_alias=True, exclude={"audit"}))[:32]

    def text(self) -> str:
        """As it is kept."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=1) + "\n"


Place = Annotated[float, Field(ge=0)]


class FieldAnswer(_Strict):
    """What was said of a field: cells that were missed (x, y), outlines that are wrong."""

    state: Literal["open", "done", "unsure"]
    missed: tuple[tuple[Place, Place], ...] = Field((), max_length=_MOST_MARKS)
    wrong: tuple[Annotated[int, Field(ge=1)], ...] = Field((), max_length=_MOST_MARKS)


class Answers(_Strict):
    """What the page saves."""

    format: Literal["cellwright-audit-answers"]
    version: Literal[1]
    audit: str
    fields_: Mapping[int, FieldAnswer] = Field(alias="fields")
    cells: Mapping[int, Said]


def run_digest(run: Path) -> str:
    """Hash of what a run found: its record and its cells."""
    files = [run / "run.json", run / "cells.csv"]
    if not all(file.is_file() for file in files):
        raise UsageError(
            "there is no finished run of `analyze` here",
            where=str(run),
            remedy="make one with `cellwright analyze IN --out RUN`",
        )
    return bytes_hash("\n".join(map(file_digest, files)).encode("ascii"))


def read_key(folder: Path) -> Key:
    """Read the key of the audit in a folder.

    Raises
    ------
    UsageError
        If there is none.
    UnreadableError
        If it is none, or was changed.
    """
    path = folder / KEY
    if not path.is_file():
        raise UsageError(
            f"there is no {KEY}",
            where=str(folder),
            remedy="name with --out the folder that `cellwright audit RUN --images PICTURES` wrote",
        )
    try:
        key = Key.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UnreadableError("this is no key of an audit", where=str(path)) from error
    if key.audit != key.identity():
        raise UnreadableError(
            "the key was changed since the audit was dealt",
            where=str(path),
            remedy="deal it again with the same options, and the same key comes back",
        )
    return key


def read_answers(path: Path, key: Key) -> Answers:
    """Read the answers to an audit.

    Raises
    ------
    UsageError
        If there are none, they are to another audit, or name what was not dealt.
    UnreadableError
        If it is no file of answers.
    """
    if not path.is_file():
        raise UsageError("there are no such answers", where=str(path))
    if path.stat().st_size > LARGEST_ANSWERS:
        raise UnreadableError("this is too large to be answers to an audit", where=str(path))
    try:
        answers = Answers.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UnreadableError(
            "these are no answers to an audit",
            where=str(path),
            remedy=f"give the file that {PAGE} saved",
        ) from error
    if answers.audit != key.audit:
        raise UsageError(
            "these answers are to another audit",
            where=str(path),
            remedy="name with --out the folder of the audit that they are to",
        )
    _check(answers, key, path)
    return answers


def _check(answers: Answers, key: Key, path: Path) -> None:
    """Refuse answers to what was never asked."""
    unknown = [n for n in answers.cells if not 1 <= n <= len(key.cells)]
    unknown += [n for n in answers.fields_ if not 1 <= n <= len(key.fields_)]
    if unknown:
        raise UsageError(f"there is no number {unknown[0]} in this audit", where=str(path))
    if not key.classes and "wrong_type" in answers.cells.values():
        raise UsageError("a type is called wrong, but the cells have none", where=str(path))
    for number, said in answers.fields_.items():
        dealt = key.fields_[number - 1]
        outside = [p for p in said.missed if p[0] > dealt.width or p[1] > dealt.height]
        if outside or max(said.wrong, default=0) > len(dealt.labels):
            raise UsageError(f"a mark lies outside of field {number}", where=str(path))
        if len(set(said.wrong)) < len(said.wrong):
            raise UsageError(f"an outline of field {number} is marked twice", where=str(path))
