"""What is exported, and as what."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cellwright.core.method import Options
from cellwright.stats.options import Mixed, ObjectKind, Rename, Unit

__all__ = ["ExportOptions", "To"]

To = Literal["h5ad", "xlsx", "prism", "csv", "parquet"]


class ExportOptions(Options):
    """The plan of an export."""

    to: To | None = Field(
        None,
        description="h5ad (AnnData, for scanpy and squidpy), xlsx (Excel), prism (a folder of "
        "tables of replicate means for GraphPad), csv or parquet (one row a cell); without, as "
        "the name of the file ends.",
    )
    features: tuple[str, ...] = Field(
        (),
        description="What is exported, as often as wanted; without, all columns, and means of all "
        "that may be compared.",
    )
    reference: str | None = Field(
        None, description="Condition that comes first, and whose dose is 0; without, none does."
    )
    unit: Unit = None
    rename: Rename = ()
    object: ObjectKind = None
    mixed: Mixed = False
