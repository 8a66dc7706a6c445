"""Which channel, which pixel size, which interval: chosen, guessed in words, or refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Spacing
from cellwright.core.units import parse_length, parse_size
from cellwright.pipeline.options import AUTO

if TYPE_CHECKING:  # opening a picture needs to know of channels as well
    from cellwright.pipeline.probe import Header

__all__ = [
    "Channel", "choose_channel", "choose_spacing", "diameter_in_px", "first_of_a_screen",
    "number_of_channel", "refuse_unchosen",
]  # fmt: skip

# Names that microscopes and people give to the channel of the nuclei.
_NUCLEAR = re.compile(
    r"dapi|hoechst|\bnuc|nuclei|nucleus|h2b|draq\s?[57]|sytox|syto\s?\d|histone|\bh33\d\d\d", re.I
)
COLOUR = -1
"""Number of the channel where the picture is in colour: all samples together."""


@dataclass(frozen=True)
class Channel:
    """The chosen channel: number (`COLOUR` for a colour picture), name, and a note.

    A guess is one that a person should look at before believing any number.
    """

    number: int
    name: str
    note: str = ""
    is_guess: bool = False


def choose_channel(header: Header, wanted: str | None) -> Channel | None:
    """Choose the channel in which cells are found; None where nobody can tell.

    Raises
    ------
    InputError
        If the wanted channel is not in this picture, listing those that are.
    """
    names = header.channels
    if header.is_colour and len(names) == 1:
        if wanted not in (None, "", "colour"):
            raise InputError(f"there is no channel {wanted!r}", remedy="it is a colour picture")
        return Channel(COLOUR, "colour")
    if wanted is not None:
        number = number_of_channel(names, wanted)
        if number is None:
            raise InputError(f"there is no channel {wanted!r}", remedy="it has " + _listing(names))
        return Channel(number, names[number])
    if len(names) == 1:
        return Channel(0, names[0])
    nuclear = [i for i, name in enumerate(names) if _NUCLEAR.search(name)]
    if len(nuclear) == 1:
        found = nuclear[0]
        return Channel(
            found, names[found], f"channel {names[found]!r} was chosen of {_listing(names)}"
        )
    return None


def first_of_a_screen(header: Header) -> Channel:
    """Take the first channel of a picture whose file names tell a screen, and say so.

    Screens are set up with the stain of the nuclei first, by which the microscope focuses; the
    names of its files only number the channels.
    """
    names = header.channels
    note = (
        f"no channel was chosen: cells are found in {names[0]!r}, the first of {_listing(names)}, "
        "as a screen's nuclei usually are; choose another with --channel"
    )
    return Channel(0, names[0], note, is_guess=True)


def number_of_channel(names: Sequence[str], wanted: str) -> int | None:
    """Position of a channel: its name decides, then its name in any case, then its number."""
    for same in (str, str.casefold):
        matches = [i for i, name in enumerate(names) if same(name) == same(wanted)]
        if len(matches) == 1:
            return matches[0]
    return int(wanted) if wanted.isdecimal() and int(wanted) < len(names) else None


def _listing(names: Sequence[str]) -> str:
    return ", ".join(f"{i}: {name}" if name != str(i) else name for i, name in enumerate(names))


def refuse_unchosen(image: str, header: Header, others: int) -> UsageError:
    """Make the error for pictures with several channels of which none was chosen."""
    more = f" (and {others} more pictures)" if others else ""
    return UsageError(
        f"the picture has {len(header.channels)} channels, and none was chosen{more}",
        where=image,
        remedy=f"choose with --channel NAME or NUMBER: {_listing(header.channels)}",
    )


def choose_spacing(header: Header, stated: str | None, row_um: float | None) -> Spacing:
    """Choose the pixel size: of its row in samples.csv, of the command line, or of the file.

    ``auto`` takes that of a scale bar, where the file has none.
    """
    stated_um = row_um
    if stated_um is None and stated == AUTO:
        if header.x_um is None and header.bar is not None:
            stated_um = header.bar.pixel_size_um
    elif stated_um is None and stated is not None:
        stated_um = parse_length(stated)
    if stated_um is not None:
        return Spacing(header.z_um, stated_um, stated_um)
    return Spacing(header.z_um, header.y_um, header.x_um)


def diameter_in_px(diameter: str | None, spacing: Spacing) -> float | None:
    """Give the stated diameter of a cell in pixels.

    Raises
    ------
    InputError
        If it is in micrometres and the picture has no pixel size.
    """
    if diameter is None:
        return None
    number, unit = parse_size(diameter)
    if unit == "px":
        return number
    if spacing.x is None:
        raise InputError(
            f"--diameter {diameter} needs a pixel size, and the file has none",
            remedy="add --pixel-size, or give the diameter in px",
        )
    return number / spacing.x
