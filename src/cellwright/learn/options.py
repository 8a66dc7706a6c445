"""What a person may ask of a training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cellwright.core.method import Options

__all__ = ["TrainOptions", "TuneOptions", "Update"]

Update = Literal["all", "heads", "class-head"]
"""Which weights are trained: all, those that make the answer of the last features, or those of
the classes alone."""


class TrainOptions(Options):
    """How to train; what is not given is chosen from what the pictures are like."""

    architecture: str = Field(
        "instance",
        description="instance, unet, vgg16_unet, tiramisu, alexnet_fcn or maskrcnn; with --from, "
        "the model's own.",
    )
    from_: str | None = Field(None, description="Name or path of a model whose training goes on.")
    update: Update = Field(
        "all", description="With --from, what is trained: all, heads or class-head."
    )
    budget: str | None = Field(
        None, description="Time to train for, such as 10min or 2h; without, as the plan says."
    )
    validation: float = Field(
        0.2,
        ge=0,
        le=0.9,
        description="Share of the pictures that is held out for the scores: with --from none that "
        "the model has learnt from.",
    )
    folds: int = Field(
        0,
        ge=0,
        description="Cross-validation in so many parts, whole groups in each; as many as there "
        "are groups, or more, leave one out. The model then learns from all pictures.",
    )
    ensemble: bool = Field(
        False,
        description="With --folds: the networks of the parts become one model, which takes the "
        "mean of their maps and as many times as long; none learns from all pictures.",
    )
    learning_curve: bool = Field(
        False,
        description="Train on a quarter and on half of the pictures too, to see whether more "
        "pictures would help: nearly three times as long.",
    )
    set: tuple[str, ...] = Field(
        (), description="NAME=VALUE of a setting of plan.json, as often as wanted."
    )
    object: str | None = Field(
        None, description="What is found: cell, nucleus, …; without, that of --from, or cell."
    )
    name: str | None = Field(None, description="Of the model; without, that of the folder.")
    licence: str = Field(
        "CC-BY-NC-ND-4.0",
        description="Of the model, an SPDX identifier; the one that is preset grants least.",
    )
    preview: bool = Field(
        False, description="Make the plan, draw what the network would see, and stop."
    )
    leave_out: bool = Field(
        False, description="Leave pictures with errors out, which else stop everything."
    )
    accept: bool = Field(False, description="Write model.zip even if it is not better than --from.")


class TuneOptions(Options):
    """What to try, and for how long."""

    architecture: tuple[str, ...] = Field(
        ("instance",), description="To choose from; give it several times for several."
    )
    trials: int = Field(20, ge=1, le=10_000, description="How many trainings are tried.")
    budget: str = Field("5min", description="Time of each, such as 90s or 10min.")
    validation: float = Field(
        0.25, gt=0, lt=1, description="Share of the pictures, less those for the test, that choose."
    )
    test: float = Field(
        0.2, gt=0, lt=1, description="Share of the pictures that no trial sees, and that judge."
    )
    set: tuple[str, ...] = Field(
        (), description="NAME=VALUE of a setting that is the same in all trials, and not tried."
    )
    leave_out: bool = Field(
        False, description="Leave pictures with errors out, which else stop everything."
    )
