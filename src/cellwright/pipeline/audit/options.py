"""What a person decides of an audit."""

from __future__ import annotations

from pydantic import Field

from cellwright.core.method import Options

__all__ = ["AuditOptions"]


class AuditOptions(Options):
    """How much is looked at, and what it is compared with."""

    fields: int = Field(24, ge=1, le=200, description="Parts of pictures that are dealt.")
    cells: int = Field(60, ge=1, le=1000, description="Single cells that are dealt.")
    seed: int = Field(0, ge=0, description="Another number deals other fields and cells.")
    unit: str | None = Field(
        None,
        description="Column that tells independent replicates; without, donor where it is stated, "
        "else replicate.",
    )
    reference: str | None = Field(
        None, description="With --answers: condition that the corrected counts are compared with."
    )
