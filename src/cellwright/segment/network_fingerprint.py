"""What a model's training pictures looked like, as its file keeps it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.core.image import Array
from cellwright.segment.picture_distance import (
    COMPARED,
    DOUBTFUL,
    OF_PART,
    PARTS,
    doubt_of,
    joined,
    nearest,
    signs,
    some_known,
    spread_out,
    standardised,
)
from cellwright.segment.picture_traits import TRAITS

__all__ = [
    "LEAST_PICTURES",
    "VERSION",
    "Fingerprint",
    "fitted",
    "leave_one_out",
    "parse_fingerprint",
]

LEAST_PICTURES = 30
"""With fewer, nobody can say what is usual; such a model judges no picture."""

VERSION = 1
"""Of what is stored. It changes when other traits are compared; a fingerprint of another version
judges no picture."""

MOST_STORED = 1000
"""Of more training pictures so many are stored, those that lie farthest from each other."""

SHARE = 0.025
"""Of the training pictures that are unlike the others: it sets the limit."""

MARGIN = 1.1
"""By which the limit lies above that: nuclei of other laboratories, or few of them in a field,
are never quite like the training pictures."""

_USUAL = 97.0
"""Percentile of a part among the training pictures that is its unit."""

_Number = Annotated[float, Field(allow_inf_nan=False)]


class Fingerprint(BaseModel):
    """What is stored of the training pictures.

    Attributes
    ----------
    version
        `VERSION` of the program that made it.
    pictures
        How many there were.
    traits
        Of each trait the 10th, 50th and 90th percentile.
    doubts
        Of each sign of doubt its median and what only one picture in forty exceeds.
    units
        Of each part what 97 % of the pictures do not exceed.
    limit
        Of the score, in these units.
    vectors
        The standardised traits, base64 of one signed byte each.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    version: int
    pictures: int = Field(ge=LEAST_PICTURES)
    traits: dict[str, list[_Number]]
    doubts: dict[str, list[_Number]]
    units: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    limit: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    vectors: str

    def stored(self) -> Array:
        """(pictures, traits) int8 as standardised and rounded."""
        found = np.frombuffer(base64.b64decode(self.vectors, validate=True), np.int8)
        return found.reshape(-1, len(COMPARED))

    def fault(self) -> str:
        """What is wrong with it; empty if nothing."""
        if set(self.traits) != set(COMPARED) or any(len(v) != 3 for v in self.traits.values()):
            return "its traits are not those of this version"
        if set(self.doubts) != set(DOUBTFUL) or any(len(v) != 2 for v in self.doubts.values()):
            return "its signs of doubt are not those of this version"
        if set(self.units) != set(PARTS):
            return "its units are not those of this version"
        try:
            stored = self.stored()
        except (ValueError, binascii.Error):
            return "its vectors are damaged"
        return "" if len(stored) else "it has no vectors"


def fitted(
    vectors: Array,
    groups: Sequence[str] | None = None,
    share: float = SHARE,
    also: Array | None = None,
) -> dict[str, Any]:
    """Learn what the training pictures look like.

    Parameters
    ----------
    vectors
        (n, len(`TRAITS`)) of the training pictures, as the finished network sees them.
    groups
        Photograph that each is a part of; without, each is one of its own.
    share
        Of the training pictures that may score above the limit, less its margin.
    also
        (m, len(`TRAITS`)) of pictures that are known as well, but say nothing of what is usual:
        such as fields made with few objects, where the training pictures have many.

    Returns
    -------
    dict
        For the field ``fingerprint`` of a model's description; empty for fewer than
        `LEAST_PICTURES` pictures or three groups.

    Raises
    ------
    UsageError
        If the vectors have another length.
    """
    return _fitted(vectors, groups, share, also)[0]


def leave_one_out(vectors: Array, groups: Sequence[str] | None = None) -> Array:
    """Score each training picture against those of other groups: (n,), 1 is the limit.

    Parameters
    ----------
    vectors, groups
        As for `fitted`.
    """
    return _fitted(vectors, groups, SHARE, None)[1]


def _fitted(
    vectors: Array, groups: Sequence[str] | None, share: float, also: Array | None
) -> tuple[dict[str, Any], Array]:
    if vectors.ndim != 2 or vectors.shape[1] != len(TRAITS):
        raise UsageError(f"the vectors must be (n, {len(TRAITS)}), not {vectors.shape}")
    names = np.array(range(len(vectors)) if groups is None else groups)
    group = np.unique(names, return_inverse=True)[1]
    if len(vectors) < LEAST_PICTURES or group.max(initial=0) < 2:
        return {}, np.zeros(len(vectors))
    compared = vectors[:, [TRAITS.index(name) for name in COMPARED]]
    ranges = np.nan_to_num(np.nanpercentile(some_known(compared), (10, 50, 90), axis=0))
    doubtful = vectors[:, [TRAITS.index(name) for name in DOUBTFUL]] * signs()
    doubts = np.nan_to_num(np.nanpercentile(some_known(doubtful), (50, 97.5), axis=0))
    standard = standardised(compared, ranges)
    parts = np.empty((len(vectors), len(PARTS)))
    for index, vector in enumerate(standard):
        others = standard[group != group[index]]
        for place, part in enumerate(OF_PART):
            parts[index, place] = nearest(vector, others, OF_PART[part])[0]
    parts[:, -1] = doubt_of(doubtful, doubts)
    units = np.maximum(np.nan_to_num(np.nanpercentile(some_known(parts), _USUAL, axis=0)), 1e-2)
    score = joined(parts / units)
    limit = max(MARGIN * float(np.quantile(score, 1 - share)), 1e-2)
    if also is not None and len(also):
        more = also[:, [TRAITS.index(name) for name in COMPARED]]
        standard = np.concatenate([standard, standardised(more, ranges)])
    kept = standard[spread_out(standard, MOST_STORED)]
    print_of = {
        "version": VERSION,
        "pictures": len(vectors),
        "traits": {n: _rounded(ranges[:, i]) for i, n in enumerate(COMPARED)},
        "doubts": {n: _rounded(doubts[:, i]) for i, n in enumerate(DOUBTFUL)},
        "units": {n: _rounded(units)[i] for i, n in enumerate(PARTS)},
        "limit": _rounded([limit])[0],
        "vectors": base64.b64encode(kept.tobytes()).decode("ascii"),
    }
    return print_of, score / limit


def parse_fingerprint(fingerprint: Mapping[str, Any], where: str) -> Fingerprint:
    """Read what a model's file says of its training pictures.

    Parameters
    ----------
    fingerprint
        As `fitted` made it.
    where
        The model, for messages.

    Raises
    ------
    UnreadableError
        If it is damaged.
    """
    try:
        known = Fingerprint.model_validate(dict(fingerprint))
        fault = known.fault()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        fault = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    if fault:
        raise UnreadableError(
            f"what it says of its training pictures cannot be used: {fault}",
            where=where,
            remedy="get the model file again, or make it anew with this version",
        )
    return known


def _rounded(values: Sequence[float] | Array) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
