"""What a person decides before odd cells are looked for."""

from __future__ import annotations

from pydantic import Field

from cellwright.core.method import Options
from cellwright.stats.options import Mixed, ObjectKind, Rename, Unit
from cellwright.stats.outliers.scores import WayName

__all__ = ["STEPS", "USUAL_RATE", "OutlierOptions"]

USUAL_RATE = 0.05
STEPS = 300
"""Steps of a network: with more it gives back what is odd, see docs/explanation/odd-cells.md."""


class OutlierOptions(Options):
    """How odd cells are found."""

    reference: str = Field(description="Condition whose cells are usual.")
    rate: float | None = Field(
        None,
        gt=0,
        le=0.5,
        description="Of false alarms: the share of usual cells, in wells that nobody has seen, "
        "that are called odd. Without, 0.05, or the smallest that so few wells can promise.",
    )
    features: tuple[str, ...] = Field(
        (), description="By which cells are judged, as often as wanted; without, their shape."
    )
    way: WayName = Field(
        "surprise",
        description="surprise, or one of those that it is compared with: autoencoder, "
        "reconstruction, isolation-forest, mahalanobis; or appearance, by how cells look within "
        "their outline, with --images.",
    )
    channel: str | None = Field(
        None,
        description="Name or number of the channel that is looked at in --images; without, the one "
        "in which cells were found.",
    )
    steps: int = Field(
        STEPS,
        ge=10,
        le=100_000,
        description="Steps in which each network of --way appearance learns what usual cells look "
        "like; with many more it learns odd ones too.",
    )
    group: str | None = Field(
        None,
        description="Column of what is left out whole to know the rate: well, replicate, image, …; "
        "without, the well where it is stated, else the replicate, else the picture.",
    )
    unit: Unit = None
    rename: Rename = ()
    object: ObjectKind = None
    mixed: Mixed = False
