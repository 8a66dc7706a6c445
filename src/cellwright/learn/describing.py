"""What the file of a trained model says about it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from cellwright.core.errors import UsageError
from cellwright.learn.plan import Nature
from cellwright.learn.training import Settings
from cellwright.models.description import (
    CLASS,
    NAME,
    Architecture,
    Decoder,
    Description,
    Normalisation,
    ObjectClass,
)

__all__ = ["PERCENTILES", "described", "name_from"]

PERCENTILES = (1.0, 99.8)
"""Of a picture's intensities that become 0 and 1."""

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""M. Okabe and K. Ito, "Color Universal Design", 2008."""

_HALO = 12
"""Width of what is computed around a tile and thrown away, in `multiple`s: as wide as the deepest
level of a network sees."""

_SPREAD = 2.0
"""Factor below and above the diameter that networks bear without rescaling."""


def name_from(text: str) -> str:
    """Make a model's name of any text.

    Examples
    --------
    >>> name_from("Müller lab, cells (2)"), name_from("…")
    ('m-ller-lab-cells-2', 'model')
    """
    name = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")[:64]
    return name if NAME.fullmatch(name) else "model"


def described(
    settings: Settings,
    nature: Nature,
    *,
    name: str,
    kind: str,
    licence: str,
    learnt: int,
    classes: Sequence[str] = (),
    start: Description | None = None,
) -> Description:
    """Describe a model before it is calibrated and scored.

    Parameters
    ----------
    settings, nature
        How it was trained, and on what.
    name, kind
        Of the model, and of its objects.
    licence
        Of its weights.
    learnt
        Number of pictures that it learnt from: `nature` is of those that were held out too.
    classes
        Names of the kinds of objects that the pictures have; a network need not tell them apart.
    start
        Model that it began with: its sources are sources of this one too.

    Raises
    ------
    UsageError
        If the network tells another number of classes than there are, or what is given cannot
        stand in a model's file.
    """
    architecture, sampling = settings.architecture, settings.sampling
    presets, multiple = architecture.presets, architecture.multiple
    sizes_known = "size" in architecture.channels
    diameter = sampling.diameter if sizes_known else nature.diameter
    low, high = sampling.wildest if sizes_known else nature.diameters
    decoder = start.decoder if start is not None else None
    if decoder is None:
        options = dict(presets.decoding)
        decoder = Decoder(name=architecture.decoder, version=1, options=options)
    if settings.decoding:
        options = {**decoder.options, **settings.decoding}
        decoder = decoder.model_copy(update={"options": options})
    made = _classes(settings, classes, start)
    halo = _HALO * multiple if presets.halo is None else presets.halo
    content = settings.model_dump(mode="json")["architecture"]
    content.pop("name", None)
    if content.get("imagenet"):
        content["imagenet"] = Path(content["imagenet"]).name  # where it lay is nobody's matter
    try:
        return Description(
            name=name,
            version=1,
            description=f"Finds each {kind} in pictures like the {learnt} that it was "
            f"trained on with cellwright.",
            licence=licence,
            authors=("A user of cellwright",),
            object=kind,
            architecture=Architecture(name=architecture.name, options=content),
            decoder=decoder,
            channels=architecture.channels,
            classes=made,
            normalisation=Normalisation(low=PERCENTILES[0], high=PERCENTILES[1]),
            diameter=diameter,
            diameters=(diameter / _SPREAD, diameter * _SPREAD),
            sizes=(max(1.0, low), max(1.0, high)),
            frame=sampling.side if sampling.whole else None,
            tile=math.ceil(presets.tile / multiple) * multiple,
            halo=halo,
            multiple=multiple,
            sources=start.sources if start is not None else (),
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        said = f"{place}: {first['msg'].removeprefix('Value error, ')}".removeprefix(": ")
        raise UsageError(
            f"no model file can hold what was asked for: {said}",
            remedy="choose another --name, --object, --licence or --set",
        ) from error


def _classes(
    settings: Settings, classes: Sequence[str], start: Description | None
) -> tuple[ObjectClass, ...]:
    """Kinds of objects that a network tells apart; where none are drawn, those of its beginning."""
    told = sum(channel.startswith(CLASS) for channel in settings.architecture.channels)
    if told and classes and told != len(classes):
        raise UsageError(
            f"the pictures have {len(classes)} classes, and the network is to tell {told}",
            remedy="leave architecture.classes to the plan, or give pictures with as many classes",
        )
    names = classes if told else ()
    if not names and start is not None:
        names = [one.name for one in start.classes]
    return tuple(
        ObjectClass(name=word, colour=_COLOURS[index % len(_COLOURS)])
        for index, word in enumerate(names)
    )
