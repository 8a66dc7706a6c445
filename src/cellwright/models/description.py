"""What a model says about itself: the section ``config: cellwright`` of its file."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    model_serializer,
    model_validator,
)

from cellwright.core.errors import UnreadableError, UnsupportedError

__all__ = [
    "CLASS",
    "ENSEMBLE",
    "FORMAT",
    "PAINTED",
    "Architecture",
    "Citation",
    "Decoder",
    "Description",
    "Normalisation",
    "ObjectClass",
    "Origin",
    "parse_description",
]

FORMAT = 1
"""Version of this section. A reader takes every older one, and refuses a newer one."""

CLASS = "class_"
"""Beginning of the names of channels that tell classes: logits in the order of `classes`."""

PAINTED = frozenset({"maskrcnn"})
"""Architectures that find objects first, so many at a time, and then draw maps of them."""

ENSEMBLE = "ensemble"
"""Name of the architecture of several networks whose maps are averaged; its options hold a list of
its ``members``."""

_NO_CONTROLS = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"  # they could write over a terminal
_NOT_YAML = re.compile(r"[\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # YAML 1.2.2, 5.1; JSON may
_LONGEST = 5_000  # characters of a text

Text = Annotated[str, StringConstraints(pattern=_NO_CONTROLS, max_length=_LONGEST)]
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""Names of models, objects, architectures and decoders: good as names of files too."""
Name = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")]
Channel = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Licence = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,63}$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\x00-\x1f\x7f-\x9f]{1,2000}$")]
Pixels = Annotated[float, Field(gt=0, le=100_000)]
Range = tuple[Pixels, Pixels]


def _ordered(pair: Range) -> Range:
    if pair[0] > pair[1]:
        raise ValueError("the first of a range must not be larger than the second")
    return pair


def _as_json(free: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(free, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"it cannot be written as JSON ({error})") from error
    if _NOT_YAML.search(text):
        raise ValueError("it has characters that no YAML may hold")
    return free


OrderedRange = Annotated[Range, AfterValidator(_ordered)]
Json = Annotated[dict[str, Any], AfterValidator(_as_json)]


class _Part(BaseModel):
    """Base of all parts: frozen, no unknown names, no infinite numbers."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False
    )


class Architecture(_Part):
    """How the network was built: enough to build it again for fine-tuning."""

    name: Name
    options: Json = {}


class Decoder(_Part):
    """What makes labels of the maps: the name of a decoder, and the version it was tuned with."""

    name: Name
    version: int = Field(ge=1)
    options: Json = {}


class ObjectClass(_Part):
    """One kind of object that the model tells apart, and its colour in pictures."""

    name: Text
    colour: str = Field(pattern=r"^#[0-9a-f]{6}$")


class Normalisation(_Part):
    """How a plane is scaled before the network sees it.

    Attributes
    ----------
    how
        ``percentiles``: two percentiles of the whole plane, all its colours together, become 0
        and 1. ``deviations``: its mean becomes 0, its standard deviation 1. ``linear``: two
        intensities, the same in every plane, become 0 and 1.
    low, high
        The percentiles.
    zero, one
        The intensities of ``linear``; 0 and 1 leave a plane as it is.
    clip
        Scaled intensities are cut off here: a speck a hundred times brighter than any object says
        no more than one twice as bright. None where nothing is cut off.
    """

    how: Literal["percentiles", "deviations", "linear"] = "percentiles"
    low: float = Field(1.0, ge=0, lt=100)
    high: float = Field(99.8, gt=1, le=100)
    zero: float = 0.0
    one: float = 1.0
    clip: tuple[float, float] | None = (-0.5, 2.0)

    @model_validator(mode="after")
    def _in_order(self) -> Normalisation:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        if self.zero >= self.one:
            raise ValueError("zero must be less than one")
        if self.clip is not None and (self.clip[0] > 0 or self.clip[1] < 1):
            raise ValueError("clip must leave 0 to 1 as it is")
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what says nothing: such a file is that of a version without these names."""
        said: dict[str, Any] = write(self)
        usual = {"how": "percentiles", "zero": 0.0, "one": 1.0}
        return {k: v for k, v in said.items() if k not in usual or v != usual[k]}


class Citation(_Part):
    """A work to cite, where the model is used."""

    text: Text = Field(min_length=1)
    url: Address | None = None
    doi: str | None = Field(None, pattern=r"^10\.[0-9]{4,9}/[^\s\x00-\x1f\x7f-\x9f]{1,500}$")

    @model_validator(mode="after")
    def _to_be_found(self) -> Citation:
        if self.url is None and self.doi is None:
            raise ValueError("a citation needs a url or a doi")
        return self


class Origin(_Part):
    """A set of pictures that the model learned from."""

    name: Text
    licence: Text
    url: Address
    pictures: int = Field(ge=0)
    objects: int = Field(ge=0)


class Description(_Part):
    """What a model is, what it was made for and from, and how good it is.

    Attributes
    ----------
    format
        Version of this section.
    name, version
        Of the model itself; the version is raised whenever its weights or numbers change.
    description
        What it is for, in a few sentences.
    licence
        Of the weights: an SPDX identifier.
    authors, cite
        Who made it, and what to cite.
    task
        What it finds: single objects.
    object
        Name of the main object, such as ``nucleus``: that of its `Objects`.
    architecture, decoder
        How the network was built, and what makes labels of its maps.
    channels
        Names of the maps that the network gives, in their order.
    classes
        Kinds of objects that it tells apart; none if it tells none.
    normalisation
        How a plane is scaled before the network sees it.
    diameter
        Of a typical object (px), as the network sees it best.
    diameters
        Range of diameters (px) that it bears without rescaling.
    sizes
        Diameters of the objects (px of the picture) that it was made for.
    spacing
        (y, x) µm per pixel that it was trained at; None if at several.
    frame
        Side (px) of the square into which any picture is squeezed; None if it keeps its shape.
    tile, halo, multiple
        Side of a tile and width of the border around it that is computed and thrown away (px);
        height and width of what the network takes are multiples of `multiple`.
    least
        Shortest side (px) that the network takes.
    side
        Side (px) of the squares that it takes, if it takes no other: a tile with its halo.
    fingerprint
        What its training pictures looked like.
    calibration
        How its confidence relates to being right.
    scores
        How good it is, on pictures that no training has seen.
    sources
        The pictures that it learned from.

    Examples
    --------
    >>> Normalisation(low=1, high=99.8).high
    99.8
    """

    format: Literal[1] = 1
    name: Name
    version: int = Field(ge=1)
    description: Text = Field(min_length=1, max_length=1024)
    licence: Licence
    authors: tuple[Annotated[Text, StringConstraints(pattern=r"^[^/\\]+$")], ...] = Field(
        min_length=1
    )
    cite: tuple[Citation, ...] = ()
    task: Literal["instances"] = "instances"
    object: Name = "nucleus"
    architecture: Architecture
    decoder: Decoder
    channels: tuple[Channel, ...] = Field(min_length=1)
    classes: tuple[ObjectClass, ...] = ()
    normalisation: Normalisation = Normalisation(low=1.0, high=99.8)
    diameter: Pixels
    diameters: OrderedRange
    sizes: OrderedRange
    spacing: Range | None = None
    frame: int | None = Field(None, ge=1, le=4096)
    tile: int = Field(ge=1, le=16384)
    halo: int = Field(ge=0, le=4096)
    multiple: int = Field(ge=1, le=4096)
    least: int = Field(1, ge=1, le=16384)
    side: int | None = Field(None, ge=1, le=16384)
    fingerprint: Json = {}
    calibration: Json = {}
    scores: Json = {}
    sources: tuple[Origin, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Description:
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("two channels have the same name")
        if self.tile % self.multiple:
            raise ValueError(f"the tile must be a multiple of {self.multiple}")
        if self.least > 1 and self.least % self.multiple:
            raise ValueError(f"the shortest side must be a multiple of {self.multiple}")
        if self.side is not None and (self.side != self.tile + 2 * self.halo or self.multiple > 1):
            raise ValueError("a side that is fixed is a tile with its halo, and multiple is 1")
        if not self.diameters[0] <= self.diameter <= self.diameters[1]:
            raise ValueError("the diameter must lie in the range of diameters")
        telling = [name for name in self.channels if name.startswith(CLASS)]
        if telling and telling != [f"{CLASS}{i}" for i in range(len(self.classes))]:
            raise ValueError("the channels of classes must be one for each class, in their order")
        return self

    @property
    def smallest(self) -> int:
        """Smallest side (px) of which something is left without its halo."""
        return max(self.least, self.multiple * (2 * self.halo // self.multiple + 1))

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what says nothing: such a file is that of a version without these names."""
        said: dict[str, Any] = write(self)
        usual = {"least": 1, "side": None}
        return {k: v for k, v in said.items() if k not in usual or v != usual[k]}


def parse_description(section: Any, where: str) -> Description:
    """Read the section ``config: cellwright``.

    Parameters
    ----------
    section
        As it stands in the file.
    where
        The file, for messages.

    Raises
    ------
    UnsupportedError
        If it is of a newer version.
    UnreadableError
        If it lacks something, or has something that makes no sense.

    Examples
    --------
    >>> parse_description({"format": 2}, "new.zip")
    Traceback (most recent call last):
    cellwright.core.errors.UnsupportedError: new.zip: the model is of format 2, and this version
    of cellwright reads up to 1; update cellwright
    """
    version = section.get("format") if isinstance(section, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise UnsupportedError(
            f"the model is of format {version}, and this version of cellwright reads up to "
            f"{FORMAT}",
            where=where,
            remedy="update cellwright",
        )
    try:
        return Description.model_validate(section)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in ("config.cellwright", *problem["loc"]))
        raise UnreadableError(
            f"its section {place} makes no sense: "
            + problem["msg"].removeprefix("Value error, ").rstrip("."),
            where=where,
            remedy="get the model again, or train it again",
        ) from error
