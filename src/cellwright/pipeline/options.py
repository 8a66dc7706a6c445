"""What a person can ask for: one typed model, from which the command line is made."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cellwright.core.method import Options
from cellwright.core.units import parse_duration, parse_length, parse_memory, parse_size

__all__ = ["AUTO", "AnalyzeOptions", "Execution", "Projection"]

AUTO = "auto"

Projection = Literal["max", "mean", "focus", "none"]


class AnalyzeOptions(Options):
    """All that changes a number; a recipe holds just this."""

    method: str = Field("network", description="How cells are found: see `cellwright doctor`.")
    model: str | None = Field(
        None, description="Name or path of a model; implies --method network."
    )
    set: tuple[str, ...] = Field(
        (), description="An option of the method, as NAME=VALUE; may be given several times."
    )
    channel: str | None = Field(
        None, description="The channel in which cells are found, by name, or by number from 0."
    )
    nuclei: str | None = Field(
        None, description="The channel of the nuclei, where cells are outlined in another one."
    )
    cells: str | None = Field(
        None, description="The channel of the whole cells: nuclei and cells are related."
    )
    pattern: str = Field(
        "auto",
        description="How names tell which files are one picture: auto, none, or a scheme such as "
        "imagexpress, operetta, incucyte, cv8000.",
    )
    project: Projection = Field(
        "max", description="How a Z stack becomes one plane; the report says so."
    )
    pixel_size: str | None = Field(
        None,
        description="Such as 0.65um, where the files do not tell or tell wrongly; auto: where they "
        "do not tell, from a scale bar in the picture.",
    )
    interval: str | None = Field(None, description="Time from frame to frame, such as 5min.")
    diameter: str | None = Field(
        None, description="Typical diameter of a cell, such as 12um or 18px; estimated if absent."
    )
    filter: tuple[str, ...] = Field(
        (),
        description="Leave cells out by a named rule: border, debris=0.25, area=50:5000, "
        "solidity=0.8: or any column with MIN:MAX; may be given several times.",
    )
    features: tuple[str, ...] = Field(
        (),
        description="Measurements on request: texture, spots, junctions, or of one channel, as "
        "spots=GFP; may be given several times.",
    )
    positive: tuple[str, ...] = Field(
        (),
        description="Which cells are positive: CHANNEL=THRESHOLD, or CHANNEL=control, gated by "
        "the pictures whose role in samples.csv is negative control.",
    )
    flat_field: Literal["off", "batch", "reference"] = Field(
        "off",
        description="Correct uneven light: as the pictures themselves show it (batch), or by "
        "--flat-reference.",
    )
    outlines: tuple[str, ...] = Field(
        (), description="Also write outlines: fiji, geojson (QuPath) or coco."
    )
    quality: tuple[str, ...] = Field(
        (), description="Thresholds of a quality check, as NAME=WARN:FAIL."
    )
    limit: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Only the first N pictures, to try settings."
    )

    @field_validator("pixel_size")
    @classmethod
    def _length(cls, value: str | None) -> str | None:
        if value is not None and value != AUTO:
            parse_length(value)
        return value

    @model_validator(mode="after")
    def _together(self) -> AnalyzeOptions:
        if (self.nuclei is None) != (self.cells is None):
            raise ValueError("--nuclei and --cells are given together")
        if self.nuclei is not None and self.channel is not None:
            raise ValueError("--channel is for one kind of object: leave it out")
        return self

    @field_validator("interval")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    @field_validator("diameter")
    @classmethod
    def _size(cls, value: str | None) -> str | None:
        if value is not None:
            parse_size(value)
        return value


class Execution(Options):
    """How the work is done; nothing here changes a number."""

    workers: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Processes at work at once; as many as there are cores if absent."
    )
    memory: str | None = Field(
        None, description="Such as 4GB: the most that all processes together may use."
    )
    scheduler: str | None = Field(
        None, description="Address of a Dask scheduler, such as tcp://host:8786: work runs there."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where networks run; the methods without a network need the CPU only."
    )

    @field_validator("memory")
    @classmethod
    def _memory(cls, value: str | None) -> str | None:
        if value is not None:
            parse_memory(value)
        return value
