"""The runs of a training: one with pictures held out, or one for each part and one on all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn

from cellwright.engine.events import CancelToken, Listener, Message
from cellwright.engine.files import write_atomic
from cellwright.io.label_image import encode_labels
from cellwright.learn.checkpoint import steps_made
from cellwright.learn.dataset import Dataset
from cellwright.learn.judging import Judged, answer_of, judged, judged_all, scores_of
from cellwright.learn.pictures import Picture
from cellwright.learn.preview import shown
from cellwright.learn.stored_plan import Plan
from cellwright.learn.training import CHECKPOINT, Look, train
from cellwright.models.description import Description
from cellwright.models.model import Model
from cellwright.segment.network_maps import Answer

__all__ = ["LOOKS", "PICTURE", "TRUTH", "Runs"]

LOOKS, PICTURE, TRUTH = "looks", "picture.png", "truth.tif"
"""In a run's folder, a folder for each of some pictures that it does not learn from: the picture,
the truth, and what was found after so many steps."""

_TRAINING, _FOLDS, _FEWER = "training", "folds", "fewer"
FEWER = (0.25, 0.5)
"""Shares of the groups of which it is seen what they would have been good for."""

SHOWN = 8
"""Pictures that are looked at while the training goes on."""
KEPT = 4
"""Of these, pictures whose labels are kept."""

_PROGRESS = "dsb_ap_mean"
"""Score by which progress is told."""


def _shuffled(group: str) -> str:
    """An order of groups that has nothing to do with their names."""
    return hashlib.sha256(group.encode()).hexdigest()


class Runs:
    """Trains what a plan says.

    Parameters
    ----------
    out
        Folder of the training.
    plan, data
        What is to be done, with which pictures.
    pictures
        All of them, by name.
    description
        Of the model that comes out.
    start
        Weights that it begins with.
    listener, cancel
        As of `train`.
    """

    def __init__(
        self,
        out: Path,
        plan: Plan,
        data: Dataset,
        *,
        pictures: Mapping[str, Picture],
        description: Description,
        start: Mapping[str, torch.Tensor] | None,
        listener: Listener,
        cancel: CancelToken | None,
    ) -> None:
        self._out, self._plan, self._data, self._pictures = out, plan, data, pictures
        self._model = Model(description, b"")
        self._start, self._listener, self._cancel = start, listener, cancel
        self._examples = {example.name: example for example in data.examples}

    def all(self) -> tuple[list[nn.Module], list[Judged]]:
        """Make all runs.

        Returns
        -------
        networks : list of nn.Module
            Those that come out: one, or those of the parts where they are to be joined.
        found : list of Judged
            What was found in pictures by a network that had not learnt from them.
        """
        plan = self._plan
        found: list[Judged] = []
        networks: list[nn.Module] = []
        for number, held in enumerate(plan.folds):
            aside = plan.aside(number)
            left_out = {*held, *aside}
            others = [name for name in plan.training if name not in left_out]
            network = self._trained(self._part(number), others, aside or held)
            found += self.judged(self._model, answer_of(network), held)
            networks.append(network)
        if plan.is_ensemble:
            return networks, found
        folder = self._out / _TRAINING
        if plan.folds:
            return [self._trained(folder, plan.training, (), self._steps())], found
        network = self._trained(folder, plan.training, plan.aside() or plan.validation)
        if plan.validation:
            found = self.judged(self._model, answer_of(network), plan.validation)
        return [network], found

    def _part(self, number: int) -> Path:
        return self._out / _FOLDS / f"{number:02}"

    def _steps(self) -> int:
        """Steps of the run on all pictures: none is left to tell when to end, so the parts do."""
        most, parts = self._plan.settings.steps, range(len(self._plan.folds))
        if self._plan.looks is None:  # begun by a version that let it make them all
            return most
        made = [steps_made(self._part(number) / CHECKPOINT) for number in parts]
        steps = round(median(made))
        if steps < most:
            text = f"the run on all pictures makes {steps:,} steps, the median of the parts"
            self._listener(Message("notice", text))
        return steps

    def with_fewer(self) -> dict[int, list[Judged]]:
        """Train on a quarter and on half of the groups, as long as on all.

        Returns
        -------
        dict
            From a number of training pictures to what was found in those that are held out.
        """
        plan = self._plan
        groups = sorted({self._examples[name].group for name in plan.training}, key=_shuffled)
        found = {}
        for share in FEWER:
            taken = set(groups[: max(1, round(share * len(groups)))])
            names = [name for name in plan.training if self._examples[name].group in taken]
            if len(names) < len(plan.training):
                folder = self._out / _FEWER / f"{len(names):04}"
                network = self._trained(folder, names, plan.aside() or plan.validation)
                found[len(names)] = self.judged(self._model, answer_of(network), plan.validation)
        return found

    def judged(self, model: Model, answer: Answer, names: Sequence[str]) -> list[Judged]:
        """Let a network look at pictures of the dataset."""
        examples = [self._examples[name] for name in names]
        return judged_all(
            model,
            answer,
            examples,
            self._data.class_of,
            listener=self._listener,
            cancel=self._cancel,
        )

    def judged_examples(self, model: Model, answer: Answer, data: Dataset) -> list[Judged]:
        """Let a network look at the pictures of another dataset.

        Its classes count only if they are those of this one.
        """
        classes = data.class_of if data.classes == self._data.classes else {}
        return judged_all(
            model, answer, data.examples, classes, listener=self._listener, cancel=self._cancel
        )

    def _trained(
        self, folder: Path, names: Sequence[str], looked: Sequence[str], steps: int | None = None
    ) -> nn.Module:
        """Train on pictures; others are looked at, of those that have an object.

        What has none is found perfectly as long as nothing is found, and tells no progress.
        """
        settings = self._plan.settings
        if steps is not None:
            settings = settings.model_copy(update={"steps": steps})
        drawn = [name for name in sorted(looked) if self._pictures[name].labels.any()]
        return train(
            [self._pictures[name] for name in names],
            settings,
            folder,
            self._listener,
            cancel=self._cancel,
            start=self._start,
            look=self._look(folder, drawn) if drawn else None,
        )

    def _keep(self, one: Judged, folder: Path, step: int) -> None:
        """Keep what was found, beside the picture and the truth."""
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / PICTURE).exists():
            write_atomic(folder / TRUTH, encode_labels(one.truth, "YX"), folder)
            pixels = shown(self._pictures[one.example.name])
            write_atomic(folder / PICTURE, pixels, folder)
        write_atomic(folder / f"{step:06}.tif", encode_labels(one.labels, "YX"), folder)

    def _look(self, folder: Path, drawn: Sequence[str]) -> Look:
        count = min(SHOWN, len(drawn))
        places = np.unique(np.linspace(0, len(drawn) - 1, count).round().astype(int))
        names = [drawn[place] for place in places]

        def look(step: int, network: nn.Module) -> float:
            found = [
                judged(self._model, answer_of(network), self._examples[name], {}) for name in names
            ]
            for one in found[:KEPT]:
                self._keep(one, folder / LOOKS / one.example.name, step)
            return float(np.mean([score[_PROGRESS] for score in scores_of(found)]))

        return look
