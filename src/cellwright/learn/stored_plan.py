"""The plan of a training as its folder keeps it: what goes on later is what was begun."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from cellwright.core.errors import RunError, UsageError
from cellwright.core.version import VERSION
from cellwright.datasets.example import Example
from cellwright.engine.files import write_atomic
from cellwright.learn.architecture import architectures
from cellwright.learn.options import TrainOptions
from cellwright.learn.plan import Nature
from cellwright.learn.training import Settings
from cellwright.models.description import CLASS

__all__ = ["PLAN", "Plan", "digest_of", "kept_plan", "read_plan", "write_plan"]

PLAN = "plan.json"
"""In a training's folder."""

_ENDED_IT = (
    "these pictures also told when the training was to end, so that scores may be a little too good"
)


class Plan(BaseModel):
    """How a training is done.

    Attributes
    ----------
    cellwright
        Version that made it.
    asked
        What a person wanted.
    data
        Hash of all pictures and labels.
    nature
        What they are like.
    training, validation
        Names of the pictures on either side.
    folds
        Of each part of a cross-validation the names that are held out.
    looks
        Of each run with held-out pictures the names of further ones that it does not learn from
        either: they tell when it is to end. Without any, the held-out ones tell. None in a plan
        that was made before there were such pictures.
    settings
        How is trained.
    seconds
        That a step took when the plan was made; None if it was not measured.
    known
        AP at IoU 0.5 that the model which it begins with has on some of the training pictures;
        None if it begins with none.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    cellwright: str = VERSION
    asked: dict[str, Any]
    data: str
    nature: Nature
    training: tuple[str, ...]
    validation: tuple[str, ...]
    folds: tuple[tuple[str, ...], ...] = ()
    looks: tuple[tuple[str, ...], ...] | None = None
    settings: Settings
    seconds: float | None = None
    known: float | None = None

    @property
    def is_ensemble(self) -> bool:
        """Whether the networks of the parts are joined, and none learns from all pictures."""
        return bool(self.asked.get("ensemble"))

    @property
    def runs(self) -> int:
        """How many networks are trained."""
        return len(self.folds) + (not self.is_ensemble)

    def aside(self, number: int = 0) -> tuple[str, ...]:
        """Pictures that are put aside to tell when a run is to end.

        Parameters
        ----------
        number
            Of the part of a cross-validation.
        """
        return self.looks[number] if self.looks else ()

    @property
    def doubt(self) -> str:
        """What is to be said of scores of pictures that also tell when to end; else nothing."""
        scored = self.folds or self.validation
        apart = self.looks and all(self.looks)
        return _ENDED_IT if scored and not apart and self.settings.patience is not None else ""

    @property
    def split(self) -> str:
        """Which pictures are scored, and what else they did, in words."""
        which = (
            f"each as found by the one of {len(self.folds)} networks of a cross-validation that "
            "had not learnt from it"
            if self.folds
            else "held out of the training"
        )
        return f"{which}; {self.doubt}" if self.doubt else which

    def words(self) -> str:
        """Say what was chosen and why, in a few lines."""
        nature, settings = self.nature, self.settings
        sampling = settings.sampling
        shown = "whole pictures" if sampling.whole else (
            f"objects of {nature.diameter:.0f} px shown {sampling.diameter:.0f} px large"
        )  # fmt: skip
        lines = [
            f"{nature.pictures} pictures of {nature.groups} groups with {nature.objects:,} objects"
            f" ({nature.covered:.0%} of the pixels, {nature.touching:.0%} of that touching)",
            f"{settings.architecture.name}: patches of {sampling.side} px, {shown}, "
            f"{sampling.count} a step",
            f"{settings.steps:,} steps at the most" + self._time(),
        ]
        if self.known is not None and settings.update == "all":
            how = "by small steps, which keep what it knows" if settings.rates else "at full speed"
            lines.append(
                f"the model it begins with has an AP of {self.known:.2f} here: trained {how}"
            )
        if nature.classes:
            told = ", ".join(f"{count:,} {name}" for name, count in nature.classes.items())
            lines.insert(1, f"classes: {told}{self._not_learnt()}")
        if self.is_ensemble:
            lines.append(
                f"cross-validation in {len(self.folds)} parts, whose networks are joined to one "
                f"model: each picture will take {len(self.folds)} times as long"
            )
        elif self.folds:
            lines.append(f"cross-validation in {len(self.folds)} parts, then once on all pictures")
        elif self.validation:
            lines.append(
                f"trained on {len(self.training)} pictures, {len(self.validation)} held out"
                + (f", {len(self.aside())} more tell when to end" if self.aside() else "")
            )
        else:
            lines.append("no picture is held out: nobody will know how good the model is")
        if self.doubt:
            lines.append(
                "too few groups of pictures to put some aside: those that are scored also tell "
                "when to end"
            )
        return "\n".join(lines)

    def _not_learnt(self) -> str:
        architecture = self.settings.architecture
        if any(channel.startswith(CLASS) for channel in architecture.channels):
            return ""
        able = " and ".join(n for n, one in architectures().items() if one.presets.tells_classes)
        return f"; they are not learnt: the network ({architecture.name}) tells none, {able} can"

    def _time(self) -> str:
        if self.seconds is None:
            return ""
        minutes = self.settings.steps * self.seconds / 60 * self.runs
        return f", about {minutes:.0f} minutes" if minutes < 90 else f", about {minutes / 60:.1f} h"


def digest_of(examples: Sequence[Example]) -> str:
    """Hash of all pictures, labels, kinds and groups."""
    whole = hashlib.sha256()
    for example in examples:
        whole.update(f"{example.name}\0{example.kind}\0{example.group}\0".encode())
        for file in filter(None, (example.image, example.labels, example.region)):
            whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def read_plan(folder: Path) -> Plan | None:
    """Plan that a folder holds; None if it holds none.

    Raises
    ------
    RunError
        If it cannot be read.
    """
    path = folder / PLAN
    if not path.exists():
        return None
    try:
        return Plan.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunError(
            f"this is no plan of a training ({error.errors()[0]['msg']})",
            where=str(path),
            remedy="choose another folder",
        ) from error


def kept_plan(folder: Path, asked: dict[str, Any], data: str) -> Plan | None:
    """Plan of a training that was begun; None if the folder holds none.

    Raises
    ------
    UsageError
        If it is of other options or other pictures.
    RunError
        If it cannot be read.
    """
    plan = read_plan(folder)
    if plan is None:
        return None
    # an option that was not there when the plan was made is as it is preset
    known = TrainOptions().model_dump(mode="json") | plan.asked
    differ = [name for name in sorted(asked) if known.get(name) != asked[name]]
    if differ or plan.data != data:
        what = ", ".join(differ) if differ else "the pictures"
        raise UsageError(
            f"this folder holds a training that differs in {what}",
            where=str(folder),
            remedy="choose another --out, or ask for the same to go on",
        )
    return plan


def write_plan(folder: Path, plan: Plan) -> None:
    """Put the plan into the folder."""
    write_atomic(folder / PLAN, (plan.model_dump_json(indent=1) + "\n").encode(), folder)
