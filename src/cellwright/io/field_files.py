"""The files of one field of view: their place in its picture, and what is missing."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cellwright.io.file_set import FileSet, Part
from cellwright.io.inputs import Found, Skipped
from cellwright.io.pattern import Description, Pattern, Place, natural_key

__all__ = ["Field", "FieldPicture", "Plate", "field_picture", "plate_of_fields"]

Members = Sequence[tuple[Found, Place]]
Frame = tuple[int, ...]

_COMMON = 0.5
"""A frame that at least half of the fields have is expected of all: the clock of some
microscopes differs from well to well, and then no frame is common."""
_UNEVEN = 0.1  # frames whose distances differ by more than a tenth have no one interval
_MINUTE = 60  # seconds
_PROJECTION = "a projection of planes that are read"


@dataclass(frozen=True)
class Plate:
    """What the fields of one plate have in common.

    Attributes
    ----------
    channels
        Keys of all channels, in order; one empty key where the names have none.
    names
        Their names.
    depths, frames
        Numbers of all planes, and of the frames that are expected of every field.
    variants
        Channels that are told apart by their variant.
    flat
        Channels that have one plane or projection only, in every field, while others have
        more: it stands in every plane.
    description
        What lies beside the pictures.
    """

    channels: tuple[str, ...]
    names: tuple[str, ...]
    depths: tuple[int, ...]
    frames: tuple[Frame, ...]
    variants: frozenset[str] = frozenset()
    flat: frozenset[str] = frozenset()
    description: Description = field(default_factory=Description)

    def channel_of(self, place: Place) -> str:
        """Key of the channel of a file, with its variant where that is needed."""
        return place.variant + place.channel if place.channel in self.variants else place.channel


@dataclass(frozen=True)
class Field:
    """The files of one field: the identity of the picture, the files, the plate's name."""

    identity: str
    members: tuple[tuple[Found, Place], ...]
    plate: str = ""


@dataclass(frozen=True)
class FieldPicture:
    """The picture, and those files of it that are not read."""

    picture: Found
    skipped: tuple[Skipped, ...] = ()


def plate_of_fields(fields: Sequence[Members], description: Description) -> Plate:
    """Find what the fields of a plate have in common.

    Parameters
    ----------
    fields
        The files of each field, with their places; thumbnails are not among them.
    description
        What lies beside the pictures.
    """
    variants = _clashing(fields)
    bare = Plate((), (), (), (), variants)
    of_channels: dict[str, set[int | None]] = {}
    seen: dict[Frame, int] = {}
    for members in fields:
        for _, place in members:
            of_channels.setdefault(bare.channel_of(place), set()).add(place.depth)
        for frame in {place.frame for _, place in members}:
            seen[frame] = seen.get(frame, 0) + 1
    channels = tuple(sorted(of_channels, key=natural_key))
    names = tuple(description.channels.get(channel, channel) for channel in channels)
    numbers = {depth for several in of_channels.values() for depth in several}
    depths = tuple(sorted(depth for depth in numbers if depth is not None))
    return Plate(
        channels,
        names if len(set(names)) == len(names) else channels,
        depths,
        tuple(sorted(f for f, count in seen.items() if count >= _COMMON * len(fields))),
        variants,
        frozenset(
            channel
            for channel, several in of_channels.items()
            if several == {None} or (len(several) == 1 < len(depths) and len(fields) > 1)
        ),
        description,
    )


def _clashing(fields: Sequence[Members]) -> frozenset[str]:
    """Channels of which several variants claim one place."""
    clashing = set()
    for members in fields:
        variants: dict[tuple[Frame, str, int | None], str] = {}
        for _, place in members:
            key = (place.frame, place.channel, place.depth)
            if variants.setdefault(key, place.variant) != place.variant:
                clashing.add(place.channel)
    return frozenset(clashing)


def field_picture(of: Field, plate: Plate, pattern: Pattern) -> FieldPicture:
    """Give each file of a field its place in one picture.

    Parameters
    ----------
    of
        The field.
    plate
        What the fields of its plate have in common.
    pattern
        The scheme that told the places.

    Returns
    -------
    FieldPicture
        Its set says what is missing: channels and planes that any field of the plate has, and
        frames before its last that most fields have. Frames missing at the end are a note.
    """
    cells: dict[tuple[Frame, str, int | None], list[Found]] = {}
    for found, place in of.members:
        cells.setdefault((place.frame, plate.channel_of(place), place.depth), []).append(found)
    frames = sorted({frame for frame, _, _ in cells})
    parts: list[Part] = []
    empty: list[tuple[int, str, int]] = []
    skipped: list[Skipped] = []
    for at, frame in enumerate(frames):
        for number, channel in enumerate(plate.channels):
            of_channel, left_out = _planes(cells, plate, frame, channel)
            skipped += [Skipped(found.image, _PROJECTION) for found in left_out]
            for depth, several in enumerate(of_channel):
                parts += [Part(str(found.path), at, number, depth) for found in several]
                if not several:
                    empty.append((at, channel, depth))
    if not parts:  # it fails when it is opened, and says why
        parts = [Part(str(found.path)) for found, _ in of.members[:1]]
    read = len({part.path for part in parts})
    notes, interval = _notes(plate, pattern, of.members, frames, read, left_out=bool(skipped))
    spacing, first = plate.description.spacing, of.members[0][1]
    files = FileSet(
        pattern=pattern.name,
        parts=tuple(parts),
        channels=plate.names if plate.channels != ("",) else (),
        plate=of.plate or plate.description.plate,
        well=first.well,
        position=first.position,
        interval=interval,
        notes=notes,
        missing=(*_missing(of, plate, len(frames), empty), *_missing_frames(plate, frames)),
        z_um=spacing.z if len(plate.depths) > 1 else None,
        y_um=spacing.y,
        x_um=spacing.x,
    )
    path = next(found.path for found, _ in of.members if str(found.path) == parts[0].path)
    return FieldPicture(Found(of.identity, path, files=files), tuple(skipped))


def _planes(
    cells: Mapping[tuple[Frame, str, int | None], list[Found]],
    plate: Plate,
    frame: Frame,
    channel: str,
) -> tuple[list[list[Found]], list[Found]]:
    """Files of each plane of a channel, empty where there are none; and those left out."""
    projected = cells.get((frame, channel, None), [])
    planes = [cells.get((frame, channel, depth), []) for depth in plate.depths]
    if channel in plate.flat:
        single = projected or next((files for files in planes if files), [])
        return [single] * max(len(plate.depths), 1), []
    return planes, projected


def _missing(
    of: Field, plate: Plate, n_frames: int, empty: Sequence[tuple[int, str, int]]
) -> list[str]:
    """Say which channels and planes are missing."""
    said = []
    per_channel = n_frames * max(len(plate.depths), 1)
    for channel in dict.fromkeys(channel for _, channel, _ in empty):
        of_channel = [(at, depth) for at, name, depth in empty if name == channel]
        name = plate.names[plate.channels.index(channel)]
        what = f"channel {name}" if channel else "the picture"
        projection = [f.image for f, p in of.members if plate.channel_of(p) == channel]
        if len(of_channel) == per_channel and projection:
            said.append(f"the planes of {what} are missing: there is only {projection[0]}")
            continue
        if len(of_channel) == per_channel:
            said.append(f"{what} is missing: {_expected(of, plate, channel)}")
            continue
        for at, depth in of_channel:
            place = f"plane {plate.depths[depth]}" if len(plate.depths) > 1 else ""
            if n_frames > 1:
                place += f"{' of' if place else ''} frame {at}"
            said.append(f"{what}, {place} is missing beside {of.members[0][0].image}")
    return said


def _expected(of: Field, plate: Plate, channel: str) -> str:
    """How the file of a channel would be named, after another file of the field."""
    found, place = min(of.members, key=lambda member: member[0].image)
    image, key = found.image, plate.channel_of(place)
    if place.tail:
        image = image.replace(place.tail, "…")
    before, has, after = image.rpartition(key or "/")
    return before + channel + after if has and key else f"there is only {found.image}"


def _missing_frames(plate: Plate, frames: Sequence[Frame]) -> list[str]:
    """Say which frames are missing before the last; whoever stopped early has fewer."""
    has = set(frames)
    return [
        f"frame {number} (of {len(plate.frames)} that other fields have) is missing"
        for number, frame in enumerate(plate.frames)
        if frame not in has and frame < frames[-1]
    ]


def _notes(
    plate: Plate,
    pattern: Pattern,
    members: Members,
    frames: Sequence[Frame],
    read: int,
    *,
    left_out: bool,
) -> tuple[tuple[str, ...], float | None]:
    """What was decided, in words; and the interval."""
    said = [
        f"joined from {read:,} files, named as {pattern.title} does"
        if read > 1
        else f"named as {pattern.title} does"
    ]
    renamed = [pair for pair in zip(plate.channels, plate.names, strict=True) if len(set(pair)) > 1]
    if renamed:
        said.append("; ".join(f"channel {key} is named {name}" for key, name in renamed))
    if len(plate.depths) > 1:
        for channel in sorted(plate.flat, key=natural_key):
            name = plate.names[plate.channels.index(channel)]
            said.append(
                f"channel {name} has no planes: its one picture stands in each of the "
                f"{len(plate.depths)} planes"
            )
    if left_out:
        said.append("projections of channels that have planes are left out")
    later = sum(1 for frame in plate.frames if frame > frames[-1])
    if later:
        said.append(f"it ends {later} {'frame' if later == 1 else 'frames'} before others do")
    interval, uneven = _interval(plate, members, frames)
    return (*said, *uneven, *plate.description.notes), interval


def _interval(
    plate: Plate, members: Members, frames: Sequence[Frame]
) -> tuple[float | None, tuple[str, ...]]:
    """Seconds from frame to frame, by the names or what lies beside them; None if uneven."""
    seconds = {place.frame: place.seconds for _, place in members if place.seconds is not None}
    steps = [b - a for a, b in pairwise(seconds[frame] for frame in frames if frame in seconds)]
    if not steps:
        return (plate.description.interval if len(frames) > 1 else None), ()
    interval = statistics.median(steps)
    if all(abs(step - interval) <= _UNEVEN * interval for step in steps):
        return interval, ()
    shortest, longest = min(steps) / _MINUTE, max(steps) / _MINUTE
    return None, (f"frames are {shortest:g} to {longest:g} minutes apart: no interval is taken",)
