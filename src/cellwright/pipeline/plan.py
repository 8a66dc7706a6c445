"""From what a person typed to pictures and plane sets: nothing is computed here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Spacing
from cellwright.core.method import Method, ModelMethod, Options
from cellwright.core.registry import find
from cellwright.core.units import parse_duration
from cellwright.io.file_set import FileSet
from cellwright.io.inputs import Found, Inputs, Skipped, find_inputs
from cellwright.io.names import label_paths
from cellwright.io.open import known_extensions
from cellwright.io.samples import SampleRow, Samples, read_samples
from cellwright.measure.filters import parse_rule
from cellwright.measure.table import loaded_features
from cellwright.pipeline.choice import (
    Channel,
    choose_channel,
    choose_spacing,
    diameter_in_px,
    first_of_a_screen,
    refuse_unchosen,
)
from cellwright.pipeline.corrections import ZARR, kind_of
from cellwright.pipeline.failure import Failure
from cellwright.pipeline.large_plane import LARGE_PIXELS
from cellwright.pipeline.options import AUTO, AnalyzeOptions
from cellwright.pipeline.probe import Header, Probe, Where
from cellwright.quality.judge import parse_thresholds
from cellwright.segment.cells_around import CellsAroundOptions

__all__ = [
    "EXCLUDED",
    "Picture",
    "Plan",
    "Settings",
    "find_pictures",
    "planned",
    "settle",
    "where_of",
]


@dataclass(frozen=True)
class Settings:
    """Options that have been checked: method and rules exist, and their values make sense.

    Attributes
    ----------
    options
        As asked, ``set`` with every default of the method filled in.
    method, method_options
        The method, and those of its options that have a value.
    cell_options
        Those of the cells around nuclei that were set: ``--set cells.NAME=VALUE``.
    thresholds
        Quality thresholds that were set.
    interval
        Seconds from frame to frame, as stated.
    """

    options: AnalyzeOptions
    method: Method
    method_options: Mapping[str, Any]
    cell_options: Mapping[str, Any]
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
    image, where, scene
        Which.
    label_path
        Where its label image goes, relative to the run.
    header
        What the file says; None for a failure.
    channel, nuclei, spacing, interval, diameter_px
        As chosen; `channel` is that of the cells where nuclei have one of their own.
    row
        Its row of samples.csv.
    failure
        Why it cannot be used.
    notes
        What was decided for it, in words.
    """

    image: str
    where: Where
    scene: int = 0
    label_path: str = ""
    header: Header | None = None
    channel: Channel | None = None
    nuclei: Channel | None = None
    spacing: Spacing = Spacing()
    interval: float | None = None
    diameter_px: float | None = None
    row: SampleRow | None = None
    failure: Failure | None = None
    notes: tuple[str, ...] = field(default=())

    def label_path_of(self, kind: str) -> str:
        """Path of the labels of a kind of object; the main kind is empty."""
        return self.label_path.replace("labels/", f"labels/{kind}/", 1) if kind else self.label_path

    @property
    def n_frames(self) -> int:
        """Number of frames; 0 for a failure."""
        return self.header.size("T") if self.header is not None else 0

    @property
    def sha256(self) -> str:
        """Hash of its files; empty for a failure."""
        return self.header.sha256 if self.header is not None else ""

    @property
    def plate(self) -> str:
        """Plate: of samples.csv, else as the file or its name tells."""
        return (self.row.plate if self.row else "") or (self.header.plate if self.header else "")

    @property
    def well(self) -> str:
        """Well: of samples.csv, else as the file or its name tells."""
        return (self.row.well if self.row else "") or (self.header.well if self.header else "")

    @property
    def field_of_view(self) -> str:
        """Field of view: as the file or its name tells."""
        return self.header.position if self.header else ""

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
    method = _method(options)
    given: dict[str, Any] = {}
    of_cells: dict[str, Any] = {}
    for text in options.set:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name:
            raise UsageError(f"--set {text!r} is not NAME=VALUE")
        if name.startswith(_OF_CELLS) and options.nuclei is not None:
            of_cells[name.removeprefix(_OF_CELLS)] = value
        else:
            given[name] = value
    if options.model is not None:
        given["model"] = options.model
    chosen = _chosen(method.options, given, f"the method {method.name}")
    chosen.pop("device", None)  # of the machine, not of the recipe
    if isinstance(method, ModelMethod):
        method.model_digest(method.options(**chosen))  # is there such a model?
    cells: dict[str, Any] = {}
    if options.nuclei is not None:
        cells = _chosen(CellsAroundOptions, of_cells, "the way to find cells around nuclei")
    rules = tuple(parse_rule(text).text for text in options.filter)
    loaded_features(options.features)
    return Settings(
        options=options.model_copy(
            update={
                "method": method.name,
                "set": (
                    *(f"{name}={value}" for name, value in chosen.items()),
                    *(f"{_OF_CELLS}{name}={value}" for name, value in cells.items()),
                ),
                "filter": rules,
            }
        ),
        method=method,
        method_options=chosen,
        cell_options=cells,
        thresholds=tuple(sorted(parse_thresholds(options.quality).items())),
        interval=parse_duration(options.interval) if options.interval else None,
    )


_OF_CELLS = "cells."
_WITH_MODEL = "network"


def _method(options: AnalyzeOptions) -> Method:
    """Find the method; a model says by itself that it is one with models."""
    name = options.method
    if options.model is not None and "method" not in options.model_fields_set:
        name = _WITH_MODEL
    method: Method = find("cellwright.methods", name)
    if options.model is not None and not isinstance(method, ModelMethod):
        raise UsageError(
            f"--model is for methods with a model, and {name} has none",
            remedy="leave --method or --model out",
        )
    return method


def _chosen(model: type[Options], given: dict[str, Any], whose: str) -> dict[str, Any]:
    """Check options; gives those that have a value."""
    try:
        checked = model(**given)
    except ValidationError as error:
        raise UsageError(_in_words(error, whose, model)) from error
    return {n: v for n, v in checked.model_dump(mode="json").items() if v is not None}


def _in_words(error: ValidationError, whose: str, model: type[Options]) -> str:
    parts = []
    for problem in error.errors():
        option = ".".join(str(p) for p in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields)
            parts.append(f"{whose} has no option {option!r}: it has {known}")
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
    tables = [path for path in paths if path.suffix.lower() == ".csv"]
    if tables and (len(paths) > 1 or samples is not None):
        raise UsageError(
            "a table of samples stands alone, or is given with --samples", where=str(tables[0])
        )
    found = find_inputs([str(i) for i in inputs], exclude=out)
    kept = tuple(f for f in found.found if not _is_output(f.path, out))
    if tables:
        return Inputs(kept, found.skipped), read_samples(tables[0])
    if samples is None:
        return Inputs(kept, found.skipped), None
    # the table may lie among the pictures: it is no stray file
    table = samples.resolve()
    stray = tuple(
        s for s in found.skipped if not any((p / s.image).resolve() == table for p in paths)
    )
    return Inputs(kept, stray), read_samples(samples)


def _is_output(path: Path, out: Path) -> bool:
    """Whether a file is one that an earlier start wrote: a glob may reach into the run."""
    if not (out / ".work" / "journal.jsonl").exists():
        return False
    folders = [(out / name).resolve() for name in ("labels", "corrections", "figures", ".work")]
    return any(folder in path.resolve().parents for folder in folders)


@dataclass(frozen=True)
class Plan:
    """What is to be done: pictures, what was skipped, and what a person should know.

    `notes` are warnings; `decisions` tell what was found out and needs no look.
    """

    pictures: tuple[Picture, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    decisions: tuple[str, ...] = ()


def where_of(found: Found) -> Where:
    """Give what is to be opened."""
    return found.files if found.files is not None else str(found.path)


def planned(
    inputs: Inputs,
    samples: Samples | None,
    probes: Mapping[Where, Probe | Failure],
    settings: Settings,
) -> Plan:
    """Decide for each picture: its channel, pixel size, label path and row of samples.csv.

    Parameters
    ----------
    inputs
        All that was found.
    samples
        Their table.
    probes
        By path; files beyond ``--limit`` have none, but count where names are decided.
    settings
        Checked options.

    Raises
    ------
    UsageError
        If pictures have several channels and none was chosen; if no picture has the channel
        that was; or if samples.csv fits no picture.
    """
    found, skipped = _scenes(inputs, probes)
    beyond = [f.image for f in inputs.found if where_of(f) not in probes]
    everything = [p.image for p in found] + beyond
    notes = [f"--limit: {len(beyond)} further pictures were not looked at"] if beyond else []
    rows: Mapping[str, SampleRow] = {}
    if samples is not None:
        rows, said = _joined(samples, everything)
        notes += said
    paths = label_paths(everything)
    pictures = []
    for picture in found:
        row = rows.get(picture.image)
        if row is not None and row.exclude:
            why = row.exclude_reason or "no reason given"
            skipped.append(Skipped(picture.image, f"{EXCLUDED}: {why}"))
        else:
            pictures.append(_decided(picture, row, paths[picture.image], settings))
    _refuse_unchosen_channels(pictures, settings)
    if settings.options.nuclei is not None:
        _refuse_folders_of_kinds(pictures)
    guessed = [p for p in pictures if p.channel is not None and p.channel.is_guess]
    if guessed and guessed[0].channel is not None:
        notes.append(f"{guessed[0].channel.note} ({len(guessed)} pictures)")
    skipped.sort(key=lambda s: s.image)
    return Plan(tuple(pictures), tuple(skipped), tuple(notes))


EXCLUDED = "excluded by samples.csv"


def _joined(samples: Samples, images: Sequence[str]) -> tuple[Mapping[str, SampleRow], list[str]]:
    """Rows by picture, and what is left over on either side, in words."""
    joined = samples.join(images)
    if images and not joined.rows:
        raise UsageError(
            "no row of samples.csv fits any picture",
            where=str(samples.path),
            remedy=f"its column image holds paths such as {images[0]}",
        )
    notes = []
    lost, without = joined.unmatched_rows, joined.unmatched_images
    if lost:
        named = ", ".join(f"{row.image} (line {row.line})" for row in lost[:3])
        notes.append(f"samples.csv: {len(lost)} rows name no picture: {named}")
    if without:
        notes.append(f"samples.csv: {len(without)} pictures have no row: {', '.join(without[:3])}")
    return joined.rows, notes


def _scenes(
    inputs: Inputs, probes: Mapping[Where, Probe | Failure]
) -> tuple[list[Picture], list[Skipped]]:
    """One picture for each scene; unknown content under an unknown extension is skipped."""
    pictures: dict[tuple[Where, int], Picture] = {}
    skipped = list(inputs.skipped)
    for found in inputs.found:
        where = where_of(found)
        looked = probes.get(where)
        if looked is None:
            continue
        if isinstance(looked, Failure):
            if looked.unknown and found.path.suffix.lower() not in known_extensions():
                skipped.append(Skipped(found.image, looked.reason))
            else:
                pictures[where, 0] = Picture(found.image, where, failure=looked)
            continue
        wanted = [
            number
            for number, header in enumerate(looked.headers)
            if not found.scene or found.scene in {header.scene, str(number)}
        ]
        if not wanted:
            names = [header.scene or str(n) for n, header in enumerate(looked.headers)]
            raise UsageError(
                f"there is no scene {found.scene!r}",
                where=found.image,
                remedy="it has " + ", ".join(names),
            )
        file = found.image.removesuffix(f"::{found.scene}") if found.scene else found.image
        for number in wanted:
            header = looked.headers[number]
            # by its name in the file, however it was asked for: one scene, one identity
            scene = f"::{header.scene or number}" if len(looked.headers) > 1 else ""
            pictures[where, number] = Picture(file + scene, where, scene=number, header=header)
    return sorted(pictures.values(), key=lambda p: p.image), skipped


def _decided(
    picture: Picture, row: SampleRow | None, label_path: str, settings: Settings
) -> Picture:
    header = picture.header
    if header is not None and math.prod(header.size(axis) for axis in "TYX") >= LARGE_PIXELS:
        label_path = label_path.removesuffix(".tif") + ZARR
    picture = replace(picture, label_path=f"labels/{label_path}", row=row)
    if header is None:
        return picture
    options = settings.options
    notes = list(header.notes)
    try:
        nuclei = None
        if options.nuclei is not None and options.cells is not None:
            nuclei = choose_channel(header, options.nuclei)
            channel = choose_channel(header, options.cells)
            if nuclei == channel:
                raise InputError(f"nuclei and cells are both in the channel {options.cells!r}")
        else:
            channel = choose_channel(header, (row.channel if row else "") or options.channel)
            if channel is None and isinstance(picture.where, FileSet) and header.well:
                channel = first_of_a_screen(header)
        spacing = choose_spacing(
            header, options.pixel_size, row.pixel_size_um if row is not None else None
        )
        diameter = diameter_in_px(options.diameter, spacing)
    except InputError as error:
        return replace(picture, failure=Failure(error.reason))
    if channel is not None and channel.note:
        notes.append(channel.note)
    if options.pixel_size == AUTO and header.bar is not None and header.x_um is None:
        notes.append(header.bar.text)
    if header.size("Z") > 1:
        how = {"none": "was not projected", "focus": "is its sharpest plane"}.get(
            options.project, f"became one plane by its {options.project}"
        )
        notes.append(f"the stack of {header.size('Z')} planes {how}")
    return replace(
        picture,
        channel=channel,
        nuclei=nuclei,
        spacing=spacing,
        interval=settings.interval or header.interval,
        diameter_px=diameter,
        notes=tuple(notes),
    )


def _refuse_folders_of_kinds(pictures: Sequence[Picture]) -> None:
    """Refuse folders of pictures that are called like those of labels of other kinds."""
    for picture in pictures:
        if kind_of(picture.label_path.removeprefix("labels/")):
            raise UsageError(
                "labels of nuclei go to labels/nucleus/, and so would those of this picture",
                where=picture.image,
                remedy="rename its folder, or analyze the folders one by one",
            )


def _refuse_unchosen_channels(pictures: Sequence[Picture], settings: Settings) -> None:
    """Refuse pictures in which nobody can tell the channel, or a channel that none has."""
    readable = [p for p in pictures if p.header is not None]
    unchosen = [p for p in readable if p.failure is None and p.channel is None]
    if unchosen and unchosen[0].header is not None:
        raise refuse_unchosen(unchosen[0].image, unchosen[0].header, len(unchosen) - 1)
    wanted = settings.options.channel or settings.options.cells
    if wanted is not None and readable and all(p.channel is None for p in readable):
        failure = readable[0].failure
        raise UsageError(
            failure.reason if failure else f"no picture has the channel {wanted!r}",
            where=readable[0].image,
        )
