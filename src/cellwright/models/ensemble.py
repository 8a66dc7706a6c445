"""Several models joined to one: its network asks each of theirs, and gives the mean of their maps.

What decodes maps is the same for one network and for many, so that nothing else has to know.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnsupportedError, UsageError
from cellwright.engine.onnx import Network
from cellwright.models.archive import LARGEST
from cellwright.models.averaging import averaged
from cellwright.models.catalogue import SUFFIX, find_model
from cellwright.models.cover import cover_of
from cellwright.models.description import (
    CLASS,
    ENSEMBLE,
    NAME,
    PAINTED,
    Architecture,
    Description,
    Origin,
)
from cellwright.models.learnt import LEARNT, Learnt, learnt_file, learnt_of, together
from cellwright.models.licences import licence_named
from cellwright.models.model import Model, ModelFile, read_model_file, write_model
from cellwright.models.stored_test import normalised

__all__ = [
    "NOT_CALIBRATED", "Ensemble", "check_averaged", "check_target", "ensemble_of",
    "join", "member_facts", "write_ensemble",
]  # fmt: skip

NOT_CALIBRATED = (
    "not fitted: what was fitted to one of the networks does not hold for their mean, and the "
    "confidence is the mean probability of an object's pixels"
)

_AVERAGED = {
    "foreground", "border", "boundary", "distance", "size", "overlap", "row_offset",
    "column_offset",
}  # fmt: skip
_AVERAGED_KINDS = (CLASS, "ray_")
"""Maps whose mean is such a map again: logits, lengths and octaves; and beginnings of their names.
"""

_LONGEST = 1024  # characters of a description, of bioimage.io
_TOP = 4096  # pixels of a multiple

_TEXT = """# {name}

{description}

Each picture is shown to all of these networks, and their maps are averaged: logits as logits,
lengths as lengths. It takes as long as all of them together.

{members}

# Validation

The scores of one of the networks are not those of their mean. Score it on annotated pictures of
your own with `cellwright evaluate LABELS TRUTH --out OUT`, and look at the outlines in the report
before you believe a number.
"""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Joined models, before they are written.

    Attributes
    ----------
    description
        Of the whole.
    weights
        The ONNX file.
    test_input
        (1, 3, Y, X) picture of the stored test, before normalisation.
    learnt
        What each member has learnt from, by its name.
    """

    description: Description
    weights: bytes
    test_input: npt.NDArray[Any]
    learnt: tuple[tuple[str, Learnt], ...]

    @property
    def model(self) -> Model:
        """As it is used."""
        return Model(self.description, self.weights)

    @property
    def words(self) -> tuple[str, ...]:
        """What there is to know of it, a sentence each, without full stops."""
        names = [name for name, _ in self.learnt]
        return (
            f"{len(names)} networks ({', '.join(names)}), {len(self.weights) / 1e6:.1f} MB of "
            f"weights: a picture takes as long as with each of them one after the other",
            f"confidence: {self.description.calibration.get('how', 'not stated')}",
        )


def join(models: Sequence[str | Path], name: str, licence: str | None = None) -> Ensemble:
    """Join models to one.

    Parameters
    ----------
    models
        Names or paths, two at the least.
    name
        Of the whole.
    licence
        Of the whole, an SPDX identifier; that of the members if they have one licence.

    Returns
    -------
    Ensemble
        Without calibration and scores.

    Raises
    ------
    UsageError
        If there are fewer than two, one is there twice, they do not fit together, there is no such
        licence, or the package ``onnx`` is not installed.
    UnreadableError, UnsupportedError
        If one cannot be read, or no graph can be made of them.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"a model cannot be called {name!r}",
            where="--name",
            remedy="choose a name with --name, of small letters, digits, - and _",
        )
    if len(models) < 2:
        raise UsageError(
            "an ensemble needs two models at the least",
            remedy="cellwright models join A.zip B.zip --out ENSEMBLE.zip",
        )
    if licence is not None:
        licence = licence_named(licence)
    files = {str(one): read_model_file(find_model(one)) for one in models}
    _check_once(models, files)
    _check_alike({named: file.model.description for named, file in files.items()})
    members = [file.model for file in files.values()]
    description = _described(name, [one.description for one in members], _licence(files, licence))
    facts = [member_facts(one.description, one.weights, one.digest) for one in members]
    weights = _averaged([one.weights for one in members])
    first = next(iter(files.values())).test_input
    return Ensemble(
        description.model_copy(update={"architecture": ensemble_of(facts)}),
        weights,
        _grown(first, description),
        tuple((one.description.name, learnt_of(one)) for one in members),
    )


def check_target(path: Path, models: Sequence[str | Path]) -> None:
    """See whether joined models can be written to a file, before anything is computed.

    Raises
    ------
    UsageError
        If it does not end in .zip, or is one of the models.
    """
    if path.suffix != SUFFIX:
        raise UsageError(
            "the file of a model ends in .zip", where=str(path), remedy=f"--out {path.name}{SUFFIX}"
        )
    if path.exists() and any(path.samefile(find_model(one)) for one in models):
        raise UsageError(
            "it is one of the models that are joined", where=str(path), remedy="choose another name"
        )


def write_ensemble(path: Path, made: Ensemble) -> None:
    """Write the file; its stored test is the picture of the first member, and is run.

    Raises
    ------
    UsageError
        If the test fails.
    RunError
        If it cannot be written.
    """
    description = made.description
    shown = normalised(made.test_input, description.normalisation)
    members = description.architecture.options["members"]
    write_model(
        path,
        description,
        made.weights,
        test_input=made.test_input,
        test_output=Network(made.weights).run(shown),
        cover=cover_of(made.test_input, description.normalisation),
        documentation=_TEXT.format(
            name=description.name,
            description=description.description,
            members="\n".join(
                f"- {one['name']}, version {one['version']}, {one['licence']}, weights SHA-256 "
                f"{one['weights']}"
                for one in members
            ),
        ),
        attachments={LEARNT: learnt_file(together(known for _, known in made.learnt))},
    )


def member_facts(description: Description, weights: bytes, digest: str = "") -> dict[str, Any]:
    """What an ensemble says of one of its networks.

    Parameters
    ----------
    description, weights
        Of the member.
    digest
        SHA-256 of its file, if it has one.
    """
    facts: dict[str, Any] = {
        "name": description.name,
        "version": description.version,
        "licence": description.licence,
        "weights": hashlib.sha256(weights).hexdigest(),
        "architecture": description.architecture.model_dump(mode="json"),
    }
    return facts | ({"file": digest} if digest else {})


def ensemble_of(members: Sequence[Mapping[str, Any]]) -> Architecture:
    """Architecture of networks whose maps are averaged, from `member_facts`."""
    return Architecture(name=ENSEMBLE, options={"members": [dict(one) for one in members]})


def check_averaged(description: Description) -> None:
    """See whether the mean of the maps of such networks is a map of the same meaning.

    Raises
    ------
    UsageError
        If it is none, or not known of one of them.
    """
    if description.architecture.name in PAINTED:  # where nothing was found, offsets mean nothing
        raise UsageError(
            f"the maps of {description.architecture.name} are painted of the objects that it has "
            "found: the mean of such maps is of no object",
            remedy="join models of networks that answer pixel by pixel",
        )
    for name in description.channels:
        if name not in _AVERAGED and not name.startswith(_AVERAGED_KINDS):
            raise UsageError(
                f"the mean of several maps {name!r} is not known to mean anything",
                remedy="join models of networks that give foreground, borders, distances, sizes "
                "or ways to the middle",
            )


def _check_once(models: Sequence[str | Path], files: Mapping[str, ModelFile]) -> None:
    """Each network may count once."""
    seen: dict[str, str] = {}
    for named, file in files.items():
        if file.model.description.architecture.name == ENSEMBLE:
            raise UsageError(
                "it is an ensemble, whose networks would count less than the others",
                where=named,
                remedy="join the models that it was made of",
            )
        digest = hashlib.sha256(file.model.weights).hexdigest()
        if digest in seen:
            raise UsageError(f"it has the same network as {seen[digest]}", where=named)
        seen[digest] = named
    if len(files) < len(models):
        raise UsageError("a model is named twice", remedy="name each once")


_ALIKE: Mapping[str, Callable[[Description], str]] = {
    "what they find": lambda d: d.object,
    "channels": lambda d: ", ".join(d.channels),
    "classes": lambda d: ", ".join(_told(d)) or "none",
    "decoder": lambda d: (
        f"{d.decoder.name}, version {d.decoder.version}, "
        + (json.dumps(d.decoder.options, sort_keys=True) if d.decoder.options else "no options")
    ),
    "normalisation": lambda d: json.dumps(d.normalisation.model_dump(mode="json"), sort_keys=True),
    "diameter of objects": lambda d: f"{d.diameter!r} px",
    "frame": lambda d: f"a square of {d.frame} px" if d.frame else "none",
    "side of tiles": lambda d: f"{d.side} px alone" if d.side else "any",
}
"""What must be alike for the mean of the maps to be decoded as those of one network are."""


def _told(description: Description) -> list[str]:
    """Classes that the network tells apart; others are names without a map."""
    if not any(name.startswith(CLASS) for name in description.channels):
        return []
    return [one.name for one in description.classes]


def _check_alike(members: Mapping[str, Description]) -> None:
    for found in members.values():
        check_averaged(found)
    (first, wanted), *others = members.items()
    for named, found in others:
        differ = [
            f"{what} ({said(wanted)}; {said(found)})"
            for what, said in _ALIKE.items()
            if said(wanted) != said(found)
        ]
        if differ:
            raise UsageError(
                f"{first} and {named} cannot be joined: they differ in " + "; in ".join(differ),
                remedy="join models that were trained alike, such as with other seeds (--set "
                "seed=2) or on other pictures",
            )


def _licence(files: Mapping[str, ModelFile], licence: str | None) -> str:
    if licence is not None:
        return licence
    licences = {named: file.model.description.licence for named, file in files.items()}
    if len(set(licences.values())) > 1:
        raise UsageError(
            "the models have several licences: "
            + ", ".join(f"{named} {what}" for named, what in licences.items()),
            remedy="name with --licence one that all of them allow",
        )
    return next(iter(licences.values()))


def _described(name: str, members: Sequence[Description], licence: str) -> Description:
    first = members[0]
    said = f"Finds each {first.object} by the mean of {len(members)} networks: " + ", ".join(
        one.name for one in members
    )
    sizes = _common([one.sizes for one in members])
    diameters = _common([one.diameters for one in members])
    if sizes is None or diameters is None:
        raise UsageError(
            "the models were made for objects of other sizes: "
            + "; ".join(f"{d.name} {d.sizes[0]:g} to {d.sizes[1]:g} px" for d in members),
            remedy="join models for objects of one size",
        )
    classes = {one.classes for one in members}
    spacings = {one.spacing for one in members}
    return first.model_copy(
        update={
            "name": name,
            "version": 1,
            "description": said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…",
            "licence": licence,
            "authors": tuple(dict.fromkeys(who for one in members for who in one.authors)),
            "cite": tuple(dict.fromkeys(work for one in members for work in one.cite)),
            "classes": first.classes if _told(first) or len(classes) == 1 else (),
            "sizes": sizes,
            "diameters": diameters,
            "spacing": first.spacing if len(spacings) == 1 else None,
            **_tiles(members),
            "fingerprint": {},
            "calibration": {"how": NOT_CALIBRATED},
            "scores": {},
            "sources": _sources(members),
        }
    )


def _common(ranges: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """What lies in all ranges; None if nothing does.

    Examples
    --------
    >>> _common([(6, 40), (20, 200)]), _common([(6, 10), (20, 200)])
    ((20, 40), None)
    """
    low, high = max(low for low, _ in ranges), min(high for _, high in ranges)
    return (low, high) if low <= high else None


def _tiles(members: Sequence[Description]) -> dict[str, int]:
    """Tiles that suit all: the widest halo, a common multiple, and no more memory than any asks.

    Members that take squares of one side only have the same side, and a tile is what the widest
    halo leaves of it.
    """
    multiple = math.lcm(*(one.multiple for one in members))
    if multiple > _TOP:
        raise UsageError(
            "no tile suits all the models: heights and widths would have to be multiples of "
            f"{multiple}",
            remedy="join models whose multiples are alike",
        )
    halo = max(one.halo for one in members)
    side = members[0].side
    tile = min(one.tile for one in members) if side is None else side - 2 * halo
    least = max(one.least for one in members)
    return {
        "tile": max(1, tile // multiple) * multiple,
        "halo": halo,
        "multiple": multiple,
        "least": least if least == 1 else -(-least // multiple) * multiple,
    }


def _sources(members: Sequence[Description]) -> tuple[Origin, ...]:
    """Pictures of all members; of a set that several learnt from, the largest part."""
    found: dict[tuple[str, str, str], Origin] = {}
    for origin in (origin for one in members for origin in one.sources):
        known = found.setdefault((origin.name, origin.licence, origin.url), origin)
        if origin.pictures > known.pictures:
            found[origin.name, origin.licence, origin.url] = origin
    return tuple(found.values())


def _averaged(weights: Sequence[bytes]) -> bytes:
    total = sum(map(len, weights))
    if total > LARGEST:
        raise UsageError(
            f"the networks have {total / 1e6:.0f} MB of weights together, and a model holds "
            f"{LARGEST / 1e6:.0f} MB at the most",
            remedy="join fewer",
        )
    try:
        return averaged(weights)
    except UnsupportedError as error:
        raise UsageError(error.what, remedy=error.remedy) from error


def _grown(picture: npt.NDArray[Any], description: Description) -> npt.NDArray[Any]:
    """Repeat the last row and column of a test picture until all members take it."""
    multiple = description.multiple
    rows, columns = (
        max(description.least, -(-length // multiple) * multiple) - length
        for length in picture.shape[2:]
    )
    return np.pad(picture, ((0, 0), (0, 0), (0, rows), (0, columns)), mode="edge")
