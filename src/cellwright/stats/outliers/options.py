"""What a person decides before odd cells are looked for."""

from __future__ import annotations

from pydantic import Field

from cellwright.core.method import Options
from cellwright.stats.outliers.scores import WayName

__all__ = ["USUAL_RATE", "OutlierOptions"]

USUAL_RATE = 0.05


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
        "reconstruction, isolation-forest, mahalanobis.",
    )
    group: str | None = Field(
        None,
        description="Column of what is left out whole to know the rate: well, replicate, image, …; "
        "without, the well where it is stated, else the replicate, else the picture.",
    )
    unit: str | None = Field(
        None,
        description="Column that tells independent replicates, for the test of the shares; "
        "without, donor where it is stated, else replicate.",
    )
    rename: tuple[str, ...] = Field(
        (),
        description="NAME=COLUMN: what a column of a foreign table is called here, such as "
        "area=area_px; as often as wanted.",
    )
    object: str | None = Field(
        None, description="Which kind of objects is judged, where a table has several."
    )
    mixed: bool = Field(
        False,
        description="Put runs together that were made with different models, options or pixel "
        "sizes.",
    )
