"""What became of each picture: the rows of ``images.csv``, ``quality.csv`` and ``cells.csv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellwright.core.columns import IDENTITY, Column
from cellwright.engine.journal import Step
from cellwright.io.inputs import Skipped
from cellwright.measure.table import declared
from cellwright.pipeline.choice import COLOUR
from cellwright.pipeline.failure import Failure
from cellwright.pipeline.plan import Picture
from cellwright.pipeline.planes import COLOURS
from cellwright.quality.judge import loaded_checks

__all__ = [
    "Outcome",
    "cell_columns",
    "images_table",
    "measured_channels",
    "quality_table",
]

_SEVERITY = {"pass": 0, "warn": 1, "fail": 2}


@dataclass(frozen=True)
class Outcome:
    """What became of a picture.

    Attributes
    ----------
    picture, frames
        The picture, and the finished steps of each of its frames.
    failure
        Why there are none.
    corrected
        Whether its labels were edited by a person.
    labels
        Path of its label image in the run; empty where none was written.
    given_sha256
        Hash of the label file that was used instead of the method's labels.
    """

    picture: Picture
    frames: tuple[Mapping[str, Step], ...] = ()
    failure: Failure | None = None
    corrected: bool = False
    labels: str = ""
    given_sha256: str = ""

    @property
    def n_cells(self) -> int:
        """Kept labels over all frames."""
        return sum(int(steps["measure"].facts["n_cells"]) for steps in self.frames)

    @property
    def edited(self) -> int:
        """Labels that a person drew, changed or deleted."""
        return sum(int(s["given"].facts.get("edited", 0)) for s in self.frames if "given" in s)

    @property
    def judged(self) -> list[dict[str, Any]]:
        """All findings, with the frame of each."""
        return [
            {"frame": number, **finding}
            for number, steps in enumerate(self.frames)
            for finding in steps["quality"].facts["findings"]
        ]

    @property
    def judged_channel(self) -> str:
        """Name of the channel whose findings count for the picture."""
        channel = self.picture.channel
        return channel.name if channel is not None else ""

    def worst_findings(self) -> dict[str, dict[str, Any]]:
        """From the name of each check to its worst finding in the chosen channel."""
        worst: dict[str, dict[str, Any]] = {}
        for finding in self.judged:
            if finding["channel"] != self.judged_channel:
                continue
            before = worst.get(finding["check"])
            if before is None or _SEVERITY[finding["verdict"]] > _SEVERITY[before["verdict"]]:
                worst[finding["check"]] = finding
        return worst

    @property
    def quality(self) -> str:
        """Worst verdict in the chosen channel."""
        verdicts = [f["verdict"] for f in self.worst_findings().values()]
        return max(verdicts, key=_SEVERITY.__getitem__, default="pass") if self.frames else ""

    def warnings(self) -> list[str]:
        """All that a person should know before believing the picture's numbers."""
        said = [f["reason"] for f in self.worst_findings().values() if f["verdict"] != "pass"]
        decisions = [s["segment"].facts["decisions"] for s in self.frames if "segment" in s]
        if self.frames and self.n_cells == 0:
            why = sorted({str(d["no_objects"]) for d in decisions if d.get("no_objects")})
            said.insert(0, "no cells were found" + (f" ({', '.join(why)})" if why else ""))
        bad = sum(int(steps["planes"].facts["not_finite"]) for steps in self.frames)
        if bad:
            said.append(f"{bad} pixels are NaN or infinite and were left out")
        said += sorted({str(d["warning"]) for d in decisions if d.get("warning")})
        return said

    @property
    def status(self) -> str:
        """``done``, ``warned`` or ``failed``."""
        if self.failure is not None:
            return "failed"
        return "warned" if self.warnings() else "done"

    @property
    def reason(self) -> str:
        """Why it failed, or what is to be known; empty where all is well."""
        return self.failure.reason if self.failure is not None else "; ".join(self.warnings())


def images_table(outcomes: Sequence[Outcome], skipped: Sequence[Skipped]) -> pd.DataFrame:
    """One row for each input that was found, by name."""
    checks = list(loaded_checks())
    rows = [_row(outcome, checks) for outcome in outcomes]
    rows += [{"image": s.image, "status": "skipped", "reason": s.reason} for s in skipped]
    rows.sort(key=lambda row: str(row["image"]))
    table = pd.DataFrame(rows, columns=[*_IMAGE_COLUMNS, *checks])
    for name, kind in _IMAGE_COLUMNS.items():
        if kind == "str":
            text = [value if isinstance(value, str) else "" for value in table[name]]
            table[name] = np.array(text, dtype=object)
        elif kind == "int":
            table[name] = table[name].astype("Int64")
    for name in checks:
        table[name] = pd.to_numeric(table[name])
    for name, values in _sample_columns(outcomes).items():
        if name not in table.columns:
            table[name] = [values.get(image, "") for image in table["image"]]
    return table


# Columns of samples.csv that are told on, where a picture has something in them.
_TOLD = ("well", "plate", "batch", "donor", "compound", "dose", "dose_unit", "time", "role")

_IMAGE_COLUMNS = {
    "image": "str", "status": "str", "reason": "str", "n_cells": "int", "labels": "str",
    "condition": "str", "replicate": "str", "frames": "int", "width": "int", "height": "int",
    "channel": "str", "pixel_size_um": "float", "interval_s": "float", "quality": "str",
    "warnings": "str", "edited": "int", "coverage": "float", "separation": "float",
    "area_median_px": "float", "area_median_um2": "float", "sha256": "str", "notes": "str",
}  # fmt: skip


def _sample_columns(outcomes: Sequence[Outcome]) -> dict[str, dict[str, str | float]]:
    """From each further column of samples.csv, known or the user's own, to values by picture."""
    columns: dict[str, dict[str, str | float]] = {}
    for outcome in outcomes:
        row = outcome.picture.row
        if row is None:
            continue
        known = {name: getattr(row, name) for name in _TOLD}
        for name, value in (known | dict(row.others)).items():
            if value not in ("", None):
                columns.setdefault(name, {})[outcome.picture.image] = value
    return columns


def _row(outcome: Outcome, checks: Sequence[str]) -> dict[str, Any]:
    picture, header = outcome.picture, outcome.picture.header
    row: dict[str, Any] = {
        "image": picture.image,
        "status": outcome.status,
        "reason": outcome.reason,
        "condition": picture.condition,
        "replicate": picture.row.replicate if picture.row is not None else "",
        "sha256": picture.sha256,
        "notes": "; ".join(picture.notes),
    }
    if header is not None:
        row |= {
            "frames": picture.n_frames,
            "width": header.size("X"),
            "height": header.size("Y"),
            "channel": outcome.judged_channel,
            "pixel_size_um": picture.spacing.x,
            "interval_s": picture.interval,
        }
    if outcome.failure is not None:
        return row
    measured = [steps["measure"].facts for steps in outcome.frames]
    worst = outcome.worst_findings()
    area = _median([m["area_median_px"] for m in measured])
    spacing = picture.spacing
    pixel_area = spacing.y * spacing.x if spacing.y and spacing.x else None
    return row | {
        "n_cells": outcome.n_cells,
        "labels": outcome.labels,
        "quality": outcome.quality,
        "warnings": "; ".join(outcome.warnings()),
        "edited": outcome.edited,
        "coverage": _median([m["coverage"] for m in measured]),
        "separation": _median([m["separation"] for m in measured]),
        "area_median_px": area,
        "area_median_um2": area * pixel_area if pixel_area is not None else None,
        **{name: worst[name]["value"] for name in checks if name in worst},
    }


def _median(values: Sequence[float | None]) -> float:
    numbers = [value for value in values if value is not None]
    return float(np.median(numbers)) if numbers else float("nan")


def quality_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """One row for each check of each channel of each frame."""
    names = ["image", "frame", "channel", "check", "value", "verdict", "reason"]
    rows = [
        {"image": outcome.picture.image, **finding}
        for outcome in outcomes
        for finding in outcome.judged
    ]
    table = pd.DataFrame(rows, columns=names)
    table["value"] = pd.to_numeric(table["value"])
    return table


def cell_columns(outcomes: Sequence[Outcome]) -> tuple[Column, ...]:
    """Declare the columns of this run's table of cells."""
    channels: dict[str, None] = {}
    for outcome in outcomes:
        if outcome.failure is None and outcome.picture.header is not None:
            channels.update(dict.fromkeys(measured_channels(outcome.picture)))
    physical = any(o.picture.spacing.x is not None for o in outcomes if o.failure is None)
    return (*IDENTITY, *declared(list(channels), physical))


def measured_channels(picture: Picture) -> tuple[str, ...]:
    """Names of the channels whose intensities are measured."""
    if picture.channel is not None and picture.channel.number == COLOUR:
        return COLOURS
    return picture.header.channels if picture.header is not None else ()
