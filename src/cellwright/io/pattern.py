"""The door for naming schemes: how the name of a file tells its place in a screen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

from cellwright.core import registry
from cellwright.core.image import Spacing

__all__ = [
    "WELL",
    "Describe",
    "Description",
    "Match",
    "Pattern",
    "Place",
    "folder_parts",
    "natural_key",
    "number_text",
    "patterns",
    "well_at",
    "well_name",
]

LARGEST_ROWS, LARGEST_COLUMNS = 32, 48
"""Rows A to AF and 48 columns: the plate of 1,536 wells (ANSI SLAS 4-2004), the largest."""

WELL = r"(?:[A-Z]|A[A-F])(?:0[1-9]|[1-3][0-9]|4[0-8])"
"""A well with two digits, as a regular expression: ``E07``, ``AF48``."""

_DIGITS = re.compile(r"([0-9]{1,18})")
_WELL_PARTS = re.compile(r"(A[A-F]|[A-Z])0*([1-9][0-9]?)\Z")


@dataclass(frozen=True)
class Place:
    """Where a file belongs, as its name and folders tell.

    Attributes
    ----------
    rest
        The name without its time, channel and depth: the files of one field share it. With
        `folder` and the extension it is the identity of the picture.
    folder
        The folder of the plate: that of the file, without folders that stand for a time, a
        channel or a depth. POSIX, relative like the identity of a picture.
    plate, well, position
        Plate, well (``B02``) and field of view; empty where the name does not tell.
    frame
        Numbers that sort the frames.
    seconds
        Time of the frame since any fixed moment, where the name tells it.
    channel
        Key of the channel (``w1``); empty where the name has none.
    depth
        Number of the plane; None where the name has none, as projections have not.
    variant
        What tells two files apart that are otherwise in one place (the step of a protocol).
    skip
        Why the file is no picture (a thumbnail); empty for pictures.
    tail
        An end of the name that cannot be foretold (a random number), for messages.
    certainty
        Whether such a name is believed: ``alone``; ``together``, where all pictures of a
        folder are named so; or only if ``asked``.
    """

    rest: str
    folder: str = ""
    plate: str = ""
    well: str = ""
    position: str = ""
    frame: tuple[int, ...] = (0,)
    seconds: float | None = None
    channel: str = ""
    depth: int | None = None
    variant: str = ""
    skip: str = ""
    tail: str = ""
    certainty: Literal["alone", "together", "asked"] = "alone"


@dataclass(frozen=True)
class Description:
    """What a file beside the pictures says of all of them.

    Attributes
    ----------
    spacing
        Micrometres per pixel, and from plane to plane.
    channels
        From the key of a channel to its name.
    interval
        Seconds from frame to frame.
    plate
        Name of the plate.
    notes
        Where it stands, in words for the person who reads the report.
    """

    spacing: Spacing = Spacing()
    channels: Mapping[str, str] = field(default_factory=dict)
    interval: float | None = None
    plate: str = ""
    notes: tuple[str, ...] = ()


class Match(Protocol):
    """Tell the place of a file from its name, or None if it is not named so."""

    def __call__(self, name: str, folder: str) -> Place | None:
        """`name` is without its extension; `folder` is POSIX, relative to the input."""
        ...


class Describe(Protocol):
    """Read what lies beside the pictures; None where there is nothing.

    Raises InputError for a file that is damaged, and then the pictures go on without it.
    """

    def __call__(self, folder: Path) -> Description | None:
        """`folder` is that of the pictures."""
        ...


@dataclass(frozen=True)
class Pattern:
    """A naming scheme.

    Found by the entry point group ``cellwright.patterns``.

    Attributes
    ----------
    name
        What is typed to force it.
    title
        The microscope or program that writes so.
    example
        A name.
    meaning
        What the parts of the name stand for, and where that is known from.
    match
        Takes a name apart.
    describe
        Reads what lies beside the pictures; None where nothing does.
    alike
        Whether all pictures of a plate have the same channels, planes and frames, so that one
        that lacks some is incomplete.
    """

    name: str
    title: str
    example: str
    meaning: str
    match: Match
    describe: Describe | None = None
    alike: bool = True


@cache
def patterns() -> dict[str, Pattern]:
    """All naming schemes that are installed, ours first."""
    return registry.load_all("cellwright.patterns")


def well_name(text: str) -> str:
    """Write a well with two digits; empty if it is none.

    Examples
    --------
    >>> well_name("B2"), well_name("AF48"), well_name("H99"), well_name("BB02")
    ('B02', 'AF48', '', '')
    """
    match = _WELL_PARTS.match(text)
    if match is None or int(match[2]) > LARGEST_COLUMNS:
        return ""
    return f"{match[1]}{int(match[2]):02d}"


def well_at(row: int, column: int) -> str:
    """Name of the well in a row and column, counted from 1; empty outside of any plate.

    Examples
    --------
    >>> well_at(2, 2), well_at(27, 1), well_at(0, 1)
    ('B02', 'AA01', '')
    """
    if not (1 <= row <= LARGEST_ROWS and 1 <= column <= LARGEST_COLUMNS):
        return ""
    letters = 26
    name = chr(ord("A") + (row - 1) % letters)
    return ("A" if row > letters else "") + f"{name}{column:02d}"


def number_text(digits: str | None) -> str:
    """Write a number of a name without leading zeros; empty for None.

    Examples
    --------
    >>> number_text("001"), number_text("00"), number_text(None)
    ('1', '0', '')
    """
    return "" if digits is None else str(int(digits))


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key that counts numbers as numbers.

    Examples
    --------
    >>> sorted(["w10", "w2", "phase"], key=natural_key)
    ['phase', 'w2', 'w10']
    """
    return tuple(
        (0, int(part)) if part.isdecimal() else (1, part) for part in _DIGITS.split(text) if part
    )


def folder_parts(folder: str) -> list[str]:
    """Names of the folders of a POSIX path, outermost first.

    Examples
    --------
    >>> folder_parts("plate/ZStep_1"), folder_parts("")
    (['plate', 'ZStep_1'], [])
    """
    return [part for part in folder.split("/") if part]
