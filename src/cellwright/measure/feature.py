"""The door for measurements: a family of features and the columns that it fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cellwright.core.columns import Column
from cellwright.core.image import Array

if TYPE_CHECKING:
    from cellwright.measure.regions import Regions

__all__ = ["Feature", "MeasureRegions"]


class MeasureRegions(Protocol):
    """Compute the columns of a family, for all regions of a plane at once.

    The arrays have one value for each of ``regions.labels``, in that order. A per-channel
    column is returned under its name with the channel filled in.
    """

    def __call__(self, regions: Regions) -> Mapping[str, Array]:
        """Measure all of `regions`."""
        ...


@dataclass(frozen=True)
class Feature:
    """A family of measurements.

    Found by the entry point group ``cellwright.features``. See the how-to "Add a feature".

    Attributes
    ----------
    name
        Of the family.
    version
        Raised whenever the same cells would give other numbers.
    columns
        Declared columns, those in pixels only: twins in micrometres follow from ``power``.
    measure
        Computes them.
    order
        Families stand in ascending order in the table of cells.
    """

    name: str
    version: int
    columns: tuple[Column, ...]
    measure: MeasureRegions
    order: int = 100
