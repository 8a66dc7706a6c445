"""From what a dataset is like to how it is trained on: chosen, told, and open to be changed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from cellwright.core.errors import UsageError
from cellwright.learn.architecture import architecture_of
from cellwright.learn.options import Update
from cellwright.learn.pictures import NO_CLASS, Picture
from cellwright.learn.targets import touching
from cellwright.learn.training import Settings
from cellwright.models.description import Description

__all__ = ["Nature", "changed", "check_scale", "nature_of", "scheduled", "settings_for"]

LEAST_SIDE, USUAL_SIDE = 64, 192
"""Of a patch, in pixels: less shows no neighbours, more makes steps long without being better."""

SHEET = 0.6
"""Share of the pixels that are object, and of the objects that touch, from which on pictures show
a sheet of cells: they are told apart by thin borders, which must be seen."""
SHEET_DIAMETER = 32.0
"""At which a network sees the cells of a sheet, in its pixels."""
FEW_OBJECTS = 20
"""Per class that decide how the classes are weighted, at the least."""

_STEPS = {True: (12.0, 150, 1500), False: (30.0, 600, 6000)}
"""Steps of a training that keeps what a model knows, and of one from the beginning: for the root of
the number of objects, at the least, at the most. Ten times as many objects do not need ten times
as many steps: they are more of the same."""


KNOWN = 0.5
"""AP at IoU 0.5 from which on a model knows such pictures, and what it knows is kept. Cells in
phase contrast, on which `nuclei` has 0.03, were learnt worse with small steps than from random
weights, and better with full ones: `experiments/fine_tuning`."""

_FREE = (["rates"], ["decoding"])
"""Settings that hold names which are not there before."""


class Nature(BaseModel):
    """What a dataset is like.

    Attributes
    ----------
    pictures, groups, objects
        How many there are.
    diameter
        Of the median object of the median picture, in pixels.
    diameters
        The smallest and the largest median diameter of a picture.
    sides
        The shortest and the longest side of a picture, in pixels.
    across
        How many objects lie side by side across the shorter side of the median picture.
    covered
        Share of the pixels that are object.
    touching
        Share of the objects' pixels that lie in objects which touch another one.
    colour, bright
        Share of the pictures in colour, and of those whose objects are brighter than the ground.
    classes
        Number of objects of each class.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    pictures: int
    groups: int
    objects: int
    diameter: float
    diameters: tuple[float, float]
    sides: tuple[int, int]
    across: float
    covered: float
    touching: float
    colour: float
    bright: float
    classes: Mapping[str, int]

    @property
    def is_sheet(self) -> bool:
        """Whether it shows sheets of cells."""
        return self.covered > SHEET and self.touching > SHEET


def nature_of(pictures: Sequence[Picture], groups: int, classes: Sequence[str]) -> Nature:
    """Find out what a dataset is like.

    Parameters
    ----------
    pictures
        All of them.
    groups
        How many groups they are of.
    classes
        Names of the kinds of objects.

    Raises
    ------
    UsageError
        If no picture has an object.
    """
    with_objects = [picture for picture in pictures if picture.labels.any()]
    if not with_objects:
        raise UsageError(
            "no picture has an object drawn in it", remedy="draw some cells, and train again"
        )
    diameters = [picture.diameter for picture in with_objects]
    on = sum(int(np.count_nonzero(picture.labels)) for picture in pictures)
    near = sum(int(np.count_nonzero(touching(picture.labels))) for picture in pictures)
    every = np.concatenate([picture.classes[1:] for picture in pictures])
    return Nature(
        pictures=len(pictures),
        groups=groups,
        objects=sum(picture.classes.size - 1 for picture in pictures),
        diameter=round(float(np.median(diameters)), 1),
        diameters=(round(min(diameters), 1), round(max(diameters), 1)),
        sides=(
            min(min(picture.shape) for picture in pictures),
            max(max(picture.shape) for picture in pictures),
        ),
        across=round(float(np.median([min(p.shape) / p.diameter for p in with_objects])), 1),
        covered=round(on / sum(picture.labels.size for picture in pictures), 3),
        touching=round(near / max(1, on), 3),
        colour=round(sum(picture.is_colour for picture in pictures) / len(pictures), 3),
        bright=round(sum(picture.is_bright for picture in pictures) / len(pictures), 3),
        classes={name: int(np.count_nonzero(every == index)) for index, name in enumerate(classes)}
        | ({"not known": int(np.count_nonzero(every == NO_CLASS))} if classes else {}),
    )


def settings_for(
    nature: Nature,
    architecture: str = "instance",
    start: Description | None = None,
    update: Update = "all",
    known: float = 1.0,
) -> Settings:
    """Choose how to train.

    Parameters
    ----------
    nature
        What the dataset is like.
    architecture
        Its name; that of `start` if there is one.
    start
        Model whose training goes on.
    update
        Which of its weights are trained.
    known
        AP at IoU 0.5 that it has on these pictures as it is.
    """
    kept = start is not None and (known >= KNOWN or update != "all")
    factor, least, most = _STEPS[kept]
    steps = int(np.clip(factor * math.sqrt(nature.objects), least, most))
    steps = max(10, round(steps, -1))
    chosen: dict[str, Any] = {"steps": steps, "patience": 5, **_schedule(steps)}
    if start is not None:
        return _going_on(nature, chosen, start, update, kept=kept)
    presets = architecture_of(architecture, {}).presets
    options = _class_options(nature) if presets.tells_classes else {}
    made = architecture_of(architecture, options)
    diameter = presets.diameter
    if diameter is None:
        diameter = nature.diameter
    elif nature.is_sheet:
        diameter = SHEET_DIAMETER
    chosen["architecture"] = {**options, "name": architecture}
    chosen["sampling"] = {
        "diameter": diameter,
        "side": _side(nature, diameter, made.multiple),
        "rare": 0.25 if options else 0.0,
        **presets.sampling,
    }
    return Settings.model_validate({**chosen, **presets.settings})


def _schedule(steps: int) -> dict[str, Any]:
    """Settings that depend on how many steps are made."""
    return {
        "warm_up": min(100, steps // 10),
        "fall": steps // 4,
        "averaging": float(np.clip(1 - 20 / steps, 0.95, 0.999)),
        "checkpoint_steps": max(20, steps // 10),
    }


def scheduled(settings: Settings, changes: Sequence[str]) -> Settings:
    """Fit all that depends on the number of steps to the steps that are made in the end.

    Parameters
    ----------
    settings
        With the last word on the steps.
    changes
        ``NAME=VALUE`` of settings that a person has chosen: these stay, as do those that an
        architecture brings with it.

    Examples
    --------
    >>> settings = scheduled(Settings(steps=200), ["fall=90"])
    >>> settings.warm_up, settings.fall, settings.checkpoint_steps
    (20, 300, 20)
    """
    stay = {change.partition("=")[0] for change in changes}
    stay |= set(settings.architecture.presets.settings)
    own = _schedule(settings.steps)
    return settings.model_copy(update={k: v for k, v in own.items() if k not in stay})


def _going_on(
    nature: Nature, chosen: dict[str, Any], start: Description, update: Update, *, kept: bool
) -> Settings:
    """What the model knows is kept where it is of use: small steps, smaller ones in the body."""
    known = architecture_of(start.architecture.name, start.architecture.options)
    options = dict(start.architecture.options)
    if known.presets.tells_classes:
        options |= _class_options(nature)  # where none are drawn, those of the model stay
    # one that tells no sizes is asked at the pictures' own scale, whatever it has seen before
    diameter = start.diameter if "size" in start.channels else nature.diameter
    chosen["architecture"] = {**options, "name": start.architecture.name}
    chosen["sampling"] = {
        "diameter": diameter,
        "side": _side(nature, diameter, start.multiple),
        "rare": 0.25 if options.get("classes") else 0.0,
        "changed": 0.3,
        "overlaid": 0.05,
        **known.presets.sampling,
    }
    chosen["update"] = update
    if kept:
        chosen |= {"learning_rate": 1e-3, "rates": {"body": 0.3}}
    return Settings.model_validate({**chosen, **known.presets.settings})


def _side(nature: Nature, diameter: float, multiple: int) -> int:
    """As long as the shorter side of a usual picture, at the network's scale, or less."""
    side = int(np.clip(nature.across * diameter, LEAST_SIDE, USUAL_SIDE))
    return math.ceil(side / multiple) * multiple


def _class_options(nature: Nature) -> dict[str, Any]:
    """Classes and their weights: the root of how much rarer each is than the most frequent."""
    counts = [count for name, count in nature.classes.items() if name != "not known"]
    if not counts:
        return {}
    most = max(counts)
    weights = [math.sqrt(most / max(FEW_OBJECTS, count)) for count in counts]
    mean = sum(weights) / len(weights)
    return {"classes": len(counts), "class_weights": [round(w / mean, 3) for w in weights]}


def check_scale(settings: Settings, nature: Nature) -> None:
    """See whether a network is trained at the scale at which it is asked later.

    Raises
    ------
    UsageError
        If it tells no sizes, and so is always asked at the pictures' own scale, but is to see
        objects of another size than they have there.
    """
    architecture, sampling = settings.architecture, settings.sampling
    own = sampling.whole or sampling.diameter == nature.diameter
    if own or "size" in architecture.channels:
        return
    raise UsageError(
        f"sampling.diameter cannot be {sampling.diameter:g}: {architecture.name} does not tell how "
        "large objects are, and so is always shown pictures as they are; trained at another scale "
        f"than that, where objects are {nature.diameter:g} px large, it would find none",
        remedy="leave sampling.diameter out, or choose an architecture that tells sizes, such as "
        "instance",
    )


def changed(settings: Settings, changes: Sequence[str]) -> Settings:
    """Settings with changes such as ``steps=500`` or ``sampling.side=128``.

    Raises
    ------
    UsageError
        If there is no such setting, or it cannot be that.

    Examples
    --------
    >>> changed(Settings(), ["steps=500", "sampling.side=128"]).sampling.side
    128
    """
    content = settings.model_dump(mode="json")
    for change in changes:
        name, found, value = change.partition("=")
        *path, last = name.split(".")
        part: Any = content
        for key in path:
            part = part.get(key) if isinstance(part, dict) else None
        if not found or not isinstance(part, dict) or (last not in part and path not in _FREE):
            raise UsageError(
                f"there is no setting {change!r}",
                remedy="write NAME=VALUE, with a name of plan.json such as steps or sampling.side",
            )
        part[last] = _value(value)
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"the setting {place} cannot be that: {first['msg']}") from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
