"""Which cells are positive for a marker: gates of the run, and the share in each picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.core.columns import Column
from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.measure.gating import (
    CELL_COLUMNS,
    Gate,
    GateRequest,
    gate_of_controls,
    parse_gates,
    positive,
    share_positive,
)
from cellwright.measure.table import parse_request
from cellwright.pipeline.measuring import measured_columns
from cellwright.pipeline.options import AnalyzeOptions
from cellwright.pipeline.outcome import Outcome, measured_channels
from cellwright.pipeline.plan import Picture

__all__ = ["Gated", "Gating", "check_requests", "gates_of"]

NEGATIVE_CONTROL = "negative control"
"""What the column ``role`` of samples.csv says of the pictures that gates come from."""


@dataclass(frozen=True)
class Gated:
    """A gate of a run: what was asked for, and the threshold."""

    request: GateRequest
    gate: Gate

    @property
    def declared(self) -> Column:
        """The column that says which cells are positive; empty where nothing was measured."""
        [column] = CELL_COLUMNS
        return replace(column.for_channel(self.request.channel), dtype="boolean")

    def flags(self, columns: Mapping[str, Array]) -> Array:
        """Whether each cell is positive, (N,): 1, 0, or NaN where it is not known."""
        values = np.asarray(columns[self.request.column], np.float64)
        return np.where(np.isfinite(values), positive(values, self.gate), np.nan)

    def record(self) -> dict[str, Any]:
        """For ``run.json``."""
        return {"request": asdict(self.request), "gate": asdict(self.gate), "note": self.gate.note}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Gated:
        """Make it again of what `record` gave."""
        return cls(GateRequest(**record["request"]), Gate(**record["gate"]))


@dataclass(frozen=True)
class Gating:
    """Gates of a run, shares of each picture by name, and what is to be known."""

    gates: tuple[Gated, ...] = ()
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    said: tuple[str, ...] = ()


def check_requests(pictures: Sequence[Picture], options: AnalyzeOptions) -> None:
    """Refuse gates and measurements on request that nothing can come of, before any work.

    Raises
    ------
    UsageError
        For a channel that no picture has, or controls that are not named.
    """
    readable = [p for p in pictures if p.header is not None]
    channels = sorted({name for p in readable for name in measured_channels(p)})
    if readable:
        for text in options.features:
            parse_request(text, channels)
    for request in parse_gates(options.positive):
        if readable and request.channel not in channels:
            raise UsageError(
                f"--positive: no picture has the channel {request.channel!r}",
                remedy="there are " + ", ".join(channels),
            )
        if request.compartment and not any(p.nuclei for p in pictures):
            raise UsageError(
                f"--positive: the compartment {request.compartment} needs --nuclei and --cells"
            )
        if request.threshold is None and not any(_is_control(p) for p in pictures):
            raise UsageError(
                f"--positive {request.channel}=control: no picture is a negative control",
                remedy=f"write {NEGATIVE_CONTROL!r} into the column role of samples.csv, or give "
                "the threshold as a number",
            )


def _is_control(picture: Picture) -> bool:
    role = picture.row.role if picture.row is not None else ""
    return role.replace("_", " ").replace("-", " ").casefold().strip() == NEGATIVE_CONTROL


def gates_of(outcomes: Sequence[Outcome], asked: Sequence[str], steps: Path) -> Gating:
    """Find the gates that are asked for, and the share of positive cells in each picture."""
    gates: list[Gated] = []
    said: list[str] = []
    for request in parse_gates(asked):
        if request.threshold is not None:
            gates.append(Gated(request, Gate(request.threshold)))
        else:
            try:
                gates.append(Gated(request, _of_controls(outcomes, request, steps)))
            except UsageError as error:
                said.append(f"no cell is called positive in {request.channel}: {error.reason}")
                continue
        said.append(f"positive in {request.channel}: {gates[-1].gate.note}")
    shares = {o.picture.image: _shares(o, gates, steps) for o in outcomes if o.failure is None}
    return Gating(tuple(gates), shares if gates else {}, tuple(said))


def _values(outcome: Outcome, column: str, steps: Path) -> Array:
    """A measurement of all cells of a picture; empty where it was not measured."""
    parts = [np.zeros(0)]
    for frame in outcome.frames:
        columns = measured_columns(steps, frame["measure"])
        if columns is not None and column in columns:
            parts.append(columns[column])
    return np.concatenate(parts)


def _of_controls(outcomes: Sequence[Outcome], request: GateRequest, steps: Path) -> Gate:
    controls = [o for o in outcomes if o.failure is None and _is_control(o.picture)]
    values = [_values(outcome, request.column, steps) for outcome in controls]
    images = [np.full(len(v), n) for n, v in enumerate(values)]
    empty = np.zeros(0)
    return gate_of_controls(
        np.concatenate([empty, *values]), request.quantile, np.concatenate([empty, *images])
    )


def _shares(outcome: Outcome, gates: Sequence[Gated], steps: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for gated in gates:
        values = _values(outcome, gated.request.column, steps)
        share = share_positive(positive(values, gated.gate), np.isfinite(values))
        for name in ("count", "n", "share", "low", "high"):
            found[f"positive_{name}_{gated.request.channel}"] = getattr(share, name)
    return found
