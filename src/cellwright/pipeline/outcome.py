"""What became of each picture: the rows of ``images.csv``, ``quality.csv`` and ``cells.csv``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from cellwright.core.columns import FOUND, IDENTITY, PLACE, TIME, Column, of_classes
from cellwright.engine.journal import Step
from cellwright.io.file_set import FileSet
from cellwright.io.inputs import Skipped
from cellwright.measure.compartments import NUCLEUS_COLUMNS, compartment_columns
from cellwright.measure.counting import COUNTING_COLUMNS
from cellwright.measure.layer import LAYER_COLUMNS
from cellwright.measure.table import declared, loaded_features
from cellwright.pipeline.choice import COLOUR
from cellwright.pipeline.described import classes_of, is_described
from cellwright.pipeline.failure import Failure
from cellwright.pipeline.hidden import proposed_by, words_of
from cellwright.pipeline.plan import Picture
from cellwright.pipeline.planes import COLOURS
from cellwright.pipeline.unit import Given
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
    labels
        Path of its label image in the run; empty where none was written.
    given
        Label files that were used instead of the method's labels.
    flat, flat_sha256
        File with the fields of light that were divided out, and its hash; empty for none.
    region_sha256
        Hash of the file that said where to count; empty for everywhere.
    batch_warnings
        What shows only beside the other pictures: a duplicate, channels in another order.
    """

    picture: Picture
    frames: tuple[Mapping[str, Step], ...] = ()
    failure: Failure | None = None
    labels: str = ""
    given: tuple[Given, ...] = ()
    flat: str = ""
    flat_sha256: str = ""
    region_sha256: str = ""
    batch_warnings: tuple[str, ...] = ()

    @property
    def corrected(self) -> bool:
        """Whether its labels were edited by a person."""
        return any(given.is_correction for given in self.given)

    @property
    def given_sha256(self) -> str:
        """Hashes of the label files that were used."""
        return " ".join(given.sha256 for given in self.given)

    @property
    def main_kind(self) -> str:
        """Kind of the objects that are counted."""
        if not self.frames:
            return ""
        done = self.frames[0]
        return str(done["given" if "given" in done else "segment"].facts["main"])

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the channels whose intensities are measured; those with even light last."""
        channels = measured_channels(self.picture)
        flat = self.frames[0]["measure"].facts.get("flat", ()) if self.frames else ()
        return (*channels, *flat)

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

    @property
    def _judged_channels(self) -> tuple[str, ...]:
        nuclei = self.picture.nuclei
        return (self.judged_channel, *((nuclei.name,) if nuclei is not None else ()))

    def worst_findings(self) -> dict[str, dict[str, Any]]:
        """From the name of each check to its worst finding in the chosen channel."""
        worst: dict[str, dict[str, Any]] = {}
        for finding in self.judged:
            if finding["channel"] not in self._judged_channels:
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
            why = sorted({str(d[n]) for d in decisions for n in d if n.endswith("no_objects")})
            said.insert(0, "no cells were found" + (f" ({', '.join(why)})" if why else ""))
        bad = sum(int(steps["planes"].facts["not_finite"]) for steps in self.frames)
        if bad:
            said.append(f"{bad} pixels are NaN or infinite and were left out")
        said += sorted({str(d[n]) for d in decisions for n in d if n.endswith("warning") and d[n]})
        related = _related([steps["measure"].facts for steps in self.frames])
        if outside := related.get("nuclei_outside"):
            said.append(f"{outside} nuclei lie in no cell")
        return [*said, *self._drawn_in(), *self.batch_warnings]

    def _drawn_in(self) -> list[str]:
        """What was burned into the picture, and the pixel size that a scale bar would give."""
        facts = [s["planes"].facts["overlays"] for s in self.frames]
        said = sorted(
            {f"{words}: no cell is looked for there" for f in facts if (words := words_of(f))}
        )
        if self.picture.spacing.x is None:
            found = [p for f in facts if (p := proposed_by(f)) is not None]
            if found:
                take = "; --pixel-size auto takes it" if found[0].pixel_size_um else ""
                said.append(found[0].text + take)
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


def images_table(
    outcomes: Sequence[Outcome],
    skipped: Sequence[Skipped],
    shares: Mapping[str, Mapping[str, float]] | None = None,
) -> pd.DataFrame:
    """One row for each input that was found, by name.

    `shares` are further numbers of each picture, by its identity: shares of positive cells.
    """
    checks = list(loaded_checks())
    rows = [
        _row(outcome, checks) | dict((shares or {}).get(outcome.picture.image, {}))
        for outcome in outcomes
    ]
    rows += [{"image": s.image, "status": "skipped", "reason": s.reason} for s in skipped]
    rows.sort(key=lambda row: str(row["image"]))
    known = {n: k for n, k in _IMAGE_COLUMNS_WHERE_KNOWN.items() if any(n in row for row in rows)}
    kinds = _IMAGE_COLUMNS | known
    gated = sorted({name for row in rows for name in row if name.startswith("positive_")})
    table = pd.DataFrame(rows, columns=[*kinds, *gated, *checks])
    for name, kind in kinds.items():
        if kind == "str":
            text = [value if isinstance(value, str) else "" for value in table[name]]
            table[name] = np.array(text, dtype=object)
        elif kind == "int":
            table[name] = table[name].astype("Int64")
    for name in (*checks, *gated):
        table[name] = pd.to_numeric(table[name])
    for name, values in _sample_columns(outcomes).items():
        if name not in table.columns:
            table[name] = [values.get(image, "") for image in table["image"]]
    return table


# Columns of samples.csv that are told on, where a picture has something in them.
_TOLD = ("batch", "donor", "compound", "dose", "dose_unit", "time", "role")

_IMAGE_COLUMNS = {
    "image": "str", "status": "str", "reason": "str", "n_cells": "int", "labels": "str",
    "condition": "str", "replicate": "str", "frames": "int", "width": "int", "height": "int",
    "channel": "str", "pixel_size_um": "float", "interval_s": "float", "quality": "str",
    "warnings": "str", "edited": "int", "coverage": "float", "separation": "float",
    "area_median_px": "float", "area_median_um2": "float",
    "n_in_region": "int", "n_border": "int", "n_counted": "int",
    "region_area_px": "float", "region_area_mm2": "float", "counted_area_px": "float",
    "density_per_mpx": "float", "density_per_mm2": "float", "area_mean_px": "float",
    "area_mean_weighted_px": "float", "area_mean_weighted_um2": "float",
    "counting_note": "str", "sha256": "str", "notes": "str",
}  # fmt: skip

# Only where a picture of the run has something in them.
_IMAGE_COLUMNS_WHERE_KNOWN = {
    "plate": "str", "well": "str", "field": "str", "files": "int", "unlike": "float",
    "gap_count": "float", "gap_area_px": "float", "gap_area_um2": "float", "gap_share": "float",
    "nematic_order": "float", "alignment_rad": "float", "alignment": "float",
    "alignment_local": "float",
    "n_nuclei": "int",
    "nuclei_outside": "int", "nuclei_across_border": "int", "cells_without_nucleus": "int",
    "cells_with_several_nuclei": "int", "cells_without_cytoplasm": "int",
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
    places = {"plate": picture.plate, "well": picture.well, "field": picture.field_of_view}
    row |= {name: value for name, value in places.items() if value}
    if isinstance(picture.where, FileSet):
        row["files"] = len(picture.where.parts)
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
        **_unlike(outcome),
        **_counted(measured, pixel_area),
        **_layer(measured, pixel_area),
        **_related(measured),
    }


def _unlike(outcome: Outcome) -> dict[str, float]:
    """How unlike the model's training pictures the picture is: 1 is the limit."""
    decisions = [s["segment"].facts["decisions"] for s in outcome.frames if "segment" in s]
    told = [float(value) for d in decisions for name, value in d.items() if name.endswith("unlike")]
    return {"unlike": max(told)} if told else {}


def _counted(measured: Sequence[Mapping[str, Any]], pixel_area: float | None) -> dict[str, Any]:
    """Densities and sizes that the picture's border does not bias, over all frames."""
    facts = [m["counting"] for m in measured if "counting" in m]
    if not facts:
        return {}
    row: dict[str, Any] = {
        name: sum(f[name] for f in facts) for name in ("n_in_region", "n_border", "n_counted")
    }
    row |= {
        name: _mean([f[name] for f in facts])
        for name in (
            "region_area_px", "counted_area_px", "density_per_mpx", "area_mean_px",
            "area_mean_weighted_px",
        )
    }  # fmt: skip
    row["counting_note"] = "; ".join(sorted({str(f["reason"]) for f in facts if f["reason"]}))
    if pixel_area is not None:
        row |= {
            "region_area_mm2": row["region_area_px"] * pixel_area / 1e6,
            "density_per_mm2": row["density_per_mpx"] / pixel_area,
            "area_mean_weighted_um2": row["area_mean_weighted_px"] * pixel_area,
        }
    return row


def _layer(measured: Sequence[Mapping[str, Any]], pixel_area: float | None) -> dict[str, float]:
    """Gaps and alignment, the median over all frames; what is not known is left out."""
    facts = [m["layer"] for m in measured if "layer" in m]
    row = {column.name: _median([f[column.name] for f in facts]) for column in LAYER_COLUMNS}
    # An axis has no median: 0 and π are the same.
    angles = [f["alignment_rad"] for f in facts if f["alignment_rad"] is not None]
    if angles:
        row["alignment_rad"] = float(np.angle(np.exp(2j * np.array(angles)).mean()) / 2.0 % np.pi)
    if pixel_area is not None:
        row["gap_area_um2"] = row["gap_area_px"] * pixel_area
    return {name: value for name, value in row.items() if not np.isnan(value)}


def _related(measured: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How nuclei and cells belong together, over all frames."""
    facts = [m["nuclei"] for m in measured if "nuclei" in m]
    if not facts:
        return {}
    return {name: sum(int(f[name]) for f in facts) for name in facts[0]}


def _mean(values: Sequence[float | None]) -> float:
    numbers = [value for value in values if value is not None]
    return float(np.mean(numbers)) if numbers else float("nan")


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


def cell_columns(
    outcomes: Sequence[Outcome], features: Sequence[str] = (), gates: Sequence[Column] = ()
) -> tuple[Column, ...]:
    """Declare the columns of this run's table of cells."""
    usable = [o for o in outcomes if o.failure is None and o.picture.header is not None]
    return declared_columns(
        list(dict.fromkeys(name for o in usable for name in o.measured)),
        physical=any(o.picture.spacing.x is not None for o in usable),
        places=any(o.picture.well for o in outcomes),
        times=any(o.picture.interval is not None and len(o.frames) > 1 for o in usable),
        found=any(is_described(done) for o in usable for done in o.frames),
        classes=list(
            dict.fromkeys(name for o in usable for done in o.frames for name in classes_of(done))
        ),
        compartments=any(o.picture.nuclei is not None for o in usable),
        features=features,
        gates=gates,
    )


def declared_columns(
    channels: Sequence[str],
    *,
    physical: bool,
    places: bool,
    times: bool,
    compartments: bool,
    found: bool = False,
    classes: Sequence[str] = (),
    features: Sequence[str] = (),
    gates: Sequence[Column] = (),
) -> tuple[Column, ...]:
    """Declare the columns of a table of cells, in their order."""
    families = loaded_features(features)
    return (
        *IDENTITY,
        *(PLACE if places else ()),
        *(TIME if times else ()),
        *(FOUND if found else ()),
        *of_classes(classes),
        *declared(channels, physical, families),
        *COUNTING_COLUMNS,
        *(_nullable(compartment_columns(channels, physical)) if compartments else ()),
        *(_nullable(NUCLEUS_COLUMNS) if compartments else ()),
        *gates,
    )


def _nullable(columns: Iterable[Column]) -> list[Column]:
    """Columns that rows of another kind of object do not have."""
    types = {"int64": "Int64", "bool": "boolean"}
    return [replace(column, dtype=types.get(column.dtype, column.dtype)) for column in columns]


def measured_channels(picture: Picture) -> tuple[str, ...]:
    """Names of the channels of a picture whose intensities are measured as they are."""
    if picture.channel is not None and picture.channel.number == COLOUR:
        return COLOURS
    return picture.header.channels if picture.header is not None else ()
