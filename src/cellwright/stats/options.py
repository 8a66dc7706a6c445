"""What a person decides before any number is seen."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cellwright.core.method import Options

__all__ = [
    "Asked", "CompareOptions", "Correction", "Mixed", "ObjectKind", "Question", "Rename", "Summary",
    "Unit",
]  # fmt: skip

Asked = Literal["auto", "paired", "welch", "student", "permutation"]
Correction = Literal["holm", "bh", "none"]
Summary = Literal["mean", "median"]

# How runs and tables are read: the same for all verbs that put them together.
Unit = Annotated[
    str | None,
    Field(
        description="Column that tells independent replicates; without, donor where it is stated, "
        "else replicate."
    ),
]
Rename = Annotated[
    tuple[str, ...],
    Field(
        description="NAME=COLUMN: what a column of a foreign table is called here, such as "
        "area=area_px; as often as wanted."
    ),
]
ObjectKind = Annotated[
    str | None, Field(description="Which kind of objects is meant, where a table has several.")
]
Mixed = Annotated[
    bool,
    Field(
        description="Put runs together that were made with different models, options or pixel "
        "sizes."
    ),
]


class Question(Options):
    """What an experiment was made to answer; all else is as `compare` has it by default."""

    reference: str | None = Field(
        None,
        description="Condition that all others are compared with; the answer becomes part of the "
        "report.",
    )
    primary: str | None = Field(
        None,
        description="The one feature that the experiment was made for: its p is not corrected for "
        "the others.",
    )

    @model_validator(mode="after")
    def _together(self) -> Question:
        if self.primary is not None and self.reference is None:
            raise ValueError("--primary needs --reference: what is it compared with?")
        return self


class CompareOptions(Options):
    """The plan of a comparison."""

    reference: str = Field(description="Condition that all others are compared with.")
    features: tuple[str, ...] = Field(
        (),
        description="What is compared, as often as wanted; without, all columns that may be. "
        "Columns of your own are compared only where they are named here.",
    )
    primary: str | None = Field(
        None,
        description="The one feature that the experiment was made for: its p is not corrected for "
        "the others.",
    )
    test: Asked = Field(
        "auto",
        description="auto, paired, welch, student or permutation, over replicates. auto pairs "
        "conditions that share all replicates by name, and takes Welch's test of others.",
    )
    correction: Correction = Field(
        "holm",
        description="Over the features: holm bounds the chance of any false claim, bh the share of "
        "false ones among the claims, none leaves p as it is.",
    )
    summary: Summary = Field(
        "mean", description="Of the cells of a replicate: mean or median; a share is a share."
    )
    level: float = Field(0.95, ge=0.5, lt=1, description="Of the intervals.")
    detect: str | None = Field(
        None,
        description="Difference that the next experiment shall show, for power.csv: in percent of "
        "the reference, such as 20%, or in the unit of the primary feature; without, the one "
        "found.",
    )
    unit: Unit = None
    positive: tuple[str, ...] = Field(
        (), description="A condition that is a positive control, as often as wanted."
    )
    rename: Rename = ()
    object: ObjectKind = None
    mixed: Mixed = False
