"""Files that together are one picture: one each channel, depth or time, told by their names."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FileSet", "Part"]


@dataclass(frozen=True, order=True)
class Part:
    """One file of a set and its place in the picture, each counted from 0."""

    path: str
    frame: int = 0
    channel: int = 0
    depth: int = 0


@dataclass(frozen=True, order=True)
class FileSet:
    """Files that together are one picture.

    Attributes
    ----------
    pattern
        Name of the scheme of file names that told so.
    parts
        The files, in the order of frame, channel and depth.
    channels
        Names of the channels.
    plate, well, position
        As the names tell; empty where they do not.
    interval
        Seconds from frame to frame, where the names tell.
    notes
        What was decided, in words for the person who reads the report.
    """

    pattern: str
    parts: tuple[Part, ...]
    channels: tuple[str, ...]
    plate: str = ""
    well: str = ""
    position: str = ""
    interval: float | None = None
    notes: tuple[str, ...] = ()
