"""From what a person typed to pictures and plane sets: nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Spacing
from cellwright.core.method import Method
from cellwright.core.registry import find
from cellwright.core.units import parse_duration
from cellwright.io.inputs import Inputs, Skipped, find_inputs
from cellwright.io.names import label_paths
from cellwright.io.open import known_extensions
from cellwright.io.samples import SampleRow, Samples, read_samples
from cellwright.measure.filters import parse_rule
from cellwright.pipeline.choice import (
    Channel,
    choose_channel,
    choose_spacing,
    diameter_in_px,
    refuse_unchosen,
)
from cellwright.pipeline.failure import Failure
from cellwright.pipeline.options import AnalyzeOptions
from cellwright.pipeline.probe import Header, Probe
from cellwright.quality.judge import parse_thresholds

__all__ = ["Picture", "Settings", "find_pictures", "planned", "settle"]


@dataclass(frozen=True)
class Settings:
    """Options that have been checked: method and rules exist, and their values make sense.

    Attributes
    ----------
    options
        As asked, ``set`` with every default of the method filled in.
    method, method_options
        The method, and those of its options that have a value.
    thresholds
        Quality thresholds that were set.
    interval
        Seconds from frame to frame, as stated.
    """

    options: AnalyzeOptions
    method: Method
    method_options: Mapping[str, Any]
    thresholds: tuple[tuple[str, tuple[float, float]], ...]
    interval: float | None

    @property
    def all_method_options(self) -> dict[str, Any]:
        """Options of the method with every default."""
        return self.method.options(**self.method_options).model_dump(mode="json")


@dataclass(frozen=True)
class Picture:
    """One input: a scene of a file, and all that was decided for it.

    Attributes
    ----------
    image, path, scene
        Which.
    label_path
        Where its label image goes, relative to the run.
    sha256
        Of the file; empty where it could not be read.
    header
        What the file says; None for a failure.
    channel, spacing, interval, diameter_px
        As chosen.
    row
        Its row of samples.csv.
    failure
        Why it cannot be used.
    notes
        What was decided for it, in words.
    """

    image: str
    path: str
    scene: int = 0
    label_path: str = ""
    sha256: str = ""
    header: Header | None = None
    channel: Channel | None = None
    spacing: Spacing = Spacing()
    interval: float | None = None
    diameter_px: float | None = None
    row: SampleRow | None = None
    failure: Failure | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def n_frames(self) -> int:
        """Number of frames; 0 for a failure."""
        return self.header.size("T") if self.header is not None else 0

    @property
    def condition(self) -> str:
        """Condition of samples.csv; empty where there is none."""
        return self.row.condition if self.row is not None else ""


def settle(options: AnalyzeOptions) -> Settings:
    """Check everything that can be checked without a picture.

    Raises
    ------
    UsageError
        For a method, option, rule or check that does not exist, or a value that it refuses.
    """
    method: Method = find("cellwright.methods", options.method)
    given: dict[str, Any] = {}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set {text!r} is not NAME=VALUE")
        given[name.strip()] = value.strip()
    try:
        checked = method.options(**given)
    except ValidationError as error:
        raise UsageError(_in_words(error, options.method, method)) from error
    rules = tuple(parse_rule(text).text for text in options.filter)
    chosen = {n: v for n, v in checked.model_dump(mode="json").items() if v is not None}
    return Settings(
        options=options.model_copy(
            update={
                "set": tuple(f"{name}={value}" for name, value in chosen.items()),
                "filter": rules,
            }
        ),
        method=method,
        method_options=chosen,
        thresholds=tuple(sorted(parse_thresholds(options.quality).items())),
        interval=parse_duration(options.interval) if options.interval else None,
    )


def _in_words(error: ValidationError, name: str, method: Method) -> str:
    parts = []
    for problem in error.errors():
        option = ".".join(str(p) for p in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = ", ".join(method.options.model_fields)
            parts.append(f"the method {name} has no option {option!r}: it has {known}")
        else:
            parts.append(f"--set {option}: {problem['msg']}")
    return "; ".join(parts)


def find_pictures(
    inputs: Sequence[str | Path], out: Path, samples: Path | None
) -> tuple[Inputs, Samples | None]:
    """Find the inputs; a single ``samples.csv`` names them itself.

    Raises
    ------
    UsageError
        If a path does not exist.
    """
    paths = [Path(i) for i in inputs]
    if samples is None and len(paths) == 1 and paths[0].suffix.lower() == ".csv":
        return _named_by(paths[0], out)
    found = find_inputs([str(i) for i in inputs], exclude=out)
    if samples is None:
        return found, None
    # the table may lie among the pictures: it is no stray file
    table = samples.resolve()
    stray = tuple(
        s for s in found.skipped if not any((p / s.image).resolve() == table for p in paths)
    )
    return Inputs(found.found, stray), read_samples(samples)


def _named_by(path: Path, out: Path) -> tuple[Inputs, Samples]:
    """Find the pictures that samples.csv names, relative to its folder."""
    table = read_samples(path)
    everything = find_inputs([str(path.parent)], exclude=out)
    matched = table.join([found.image for found in everything.found])
    if matched.unmatched_rows:
        row = matched.unmatched_rows[0]
        raise UsageError(
            f"{len(matched.unmatched_rows)} pictures of the table are not there, "
            f"such as {row.image}",
            where=f"{path}, line {row.line}",
            remedy="paths are relative to the folder of the table",
        )
    return Inputs(tuple(f for f in everything.found if f.image in matched.rows), ()), table


def planned(
    inputs: Inputs,
    samples: Samples | None,
    probes: Mapping[str, Probe | Failure],
    settings: Settings,
) -> tuple[list[Picture], list[Skipped]]:
    """Decide for each picture: its channel, pixel size, label path and row of samples.csv.

    Raises
    ------
    UsageError
        If pictures have several channels and none was chosen; if no picture has the channel
        that was; or if samples.csv fits no picture.
    """
    found, skipped = _scenes(inputs, probes)
    rows = samples.match([p.image for p in found]) if samples is not None else {}
    if samples is not None and found and not rows:
        raise UsageError(
            "no row of samples.csv fits any picture",
            remedy=f"its column image holds paths such as {found[0].image}",
        )
    paths = label_paths([p.image for p in found])
    pictures = []
    unchosen: list[Picture] = []
    for picture in found:
        row = rows.get(picture.image)
        if row is not None and row.exclude:
            why = row.exclude_reason or "no reason given"
            skipped.append(Skipped(picture.image, f"excluded by samples.csv: {why}"))
            continue
        decided = _decided(picture, row, paths[picture.image], settings)
        if decided.failure is None and decided.channel is None:
            unchosen.append(decided)
        pictures.append(decided)
    if unchosen and unchosen[0].header is not None:
        raise refuse_unchosen(unchosen[0].image, unchosen[0].header, len(unchosen) - 1)
    _refuse_if_all_lack_the_channel(pictures, settings)
    return pictures, sorted(skipped, key=lambda s: s.image)


def _scenes(
    inputs: Inputs, probes: Mapping[str, Probe | Failure]
) -> tuple[list[Picture], list[Skipped]]:
    """One picture for each scene; unknown content under an unknown extension is skipped."""
    pictures: list[Picture] = []
    skipped = list(inputs.skipped)
    for found in inputs.found:
        path = str(found.path)
        looked = probes[path]
        if isinstance(looked, Failure):
            if looked.unknown and found.path.suffix.lower() not in known_extensions():
                skipped.append(Skipped(found.image, looked.reason))
            else:
                pictures.append(Picture(found.image, path, failure=looked))
            continue
        scenes = [h.scene for h in looked.headers]
        for number, header in enumerate(looked.headers):
            if found.scene and found.scene not in {header.scene, str(number)}:
                continue
            several = len(scenes) > 1 and not found.scene
            pictures.append(
                Picture(
                    f"{found.image}::{header.scene or number}" if several else found.image,
                    path,
                    scene=number,
                    sha256=looked.sha256,
                    header=header,
                )
            )
        if found.scene and not any(p.path == path for p in pictures):
            raise UsageError(
                f"there is no scene {found.scene!r}",
                where=found.image,
                remedy="it has " + ", ".join(scenes),
            )
    return pictures, skipped


def _decided(
    picture: Picture, row: SampleRow | None, label_path: str, settings: Settings
) -> Picture:
    picture = replace(picture, label_path=f"labels/{label_path}", row=row)
    header = picture.header
    if header is None:
        return picture
    options = settings.options
    notes = list(header.notes)
    try:
        channel = choose_channel(header, (row.channel if row else "") or options.channel)
        spacing = choose_spacing(
            header, options.pixel_size, row.pixel_size_um if row is not None else None
        )
        diameter = diameter_in_px(options.diameter, spacing)
    except InputError as error:
        return replace(picture, failure=Failure(error.reason))
    if channel is not None and channel.note:
        notes.append(channel.note)
    if header.size("Z") > 1:
        how = {"none": "was not projected", "focus": "is its sharpest plane"}.get(
            options.project, f"became one plane by its {options.project}"
        )
        notes.append(f"the stack of {header.size('Z')} planes {how}")
    return replace(
        picture,
        channel=channel,
        spacing=spacing,
        interval=settings.interval or header.interval,
        diameter_px=diameter,
        notes=tuple(notes),
    )


def _refuse_if_all_lack_the_channel(pictures: Sequence[Picture], settings: Settings) -> None:
    wanted = settings.options.channel
    readable = [p for p in pictures if p.header is not None]
    if wanted is None or not readable or any(p.channel is not None for p in readable):
        return
    failure = readable[0].failure
    raise UsageError(
        failure.reason if failure else f"no picture has the channel {wanted!r}",
        where=readable[0].image,
    )
