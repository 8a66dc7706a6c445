"""Whether a picture is of the kind that a model was trained on.

Three things are compared with the training pictures: what the picture looks like, how that which
was taken for objects stands out from its ground, and how sure the network is. The first two are
distances to the training picture that is nearest; the third grows with every sign of doubt. Each
is measured in its own 97th percentile among the training pictures, every one of which is compared
with pictures of other photographs alone. Their root mean square is the score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cellwright.core.image import Array
from cellwright.segment.network_fingerprint import VERSION, Fingerprint, parse_fingerprint
from cellwright.segment.picture_distance import (
    COMPARED,
    DOUBTFUL,
    OF_PART,
    PARTS,
    difference,
    doubt_of,
    joined,
    known_of_both,
    nearest,
    signs,
    signs_of_doubt,
    standardised,
)
from cellwright.segment.picture_traits import TRAITS

__all__ = ["Familiarity", "unlike"]

_EVEN = 0.5
"""Range of intensities, as a share of the highest, below which a field may be empty."""
_NOISE = (0.72, 0.86)
"""Evenness of a texture of noise: the mean absolute value of a Gaussian is 0.80 deviations."""
_RISE = 0.5
"""Octaves by which noise may be stronger at 4 px than at 1 px; shapes are by more."""
_NO_TEXTURE = -6.0
"""Logarithm of a texture's strength below which there is none."""
_MOST_REASONS = 2


@dataclass(frozen=True)
class Familiarity:
    """How far a picture is from what a model knows.

    Attributes
    ----------
    score
        0 for a picture that is like a training picture in everything.
    limit
        Above it a picture is unlike.
    reason
        In what it is unlike, in words; empty if it is not.
    """

    score: float
    limit: float
    reason: str

    @property
    def unlike(self) -> bool:
        """Whether the model does not know such pictures."""
        return self.score > self.limit


def unlike(
    vector: Array, fingerprint: Mapping[str, Any], where: str = "the model"
) -> Familiarity | None:
    """Judge a picture.

    Parameters
    ----------
    vector
        (len(`TRAITS`),) of `picture_traits.traits_of_picture`.
    fingerprint
        Of the model, as `fitted` gives it.
    where
        The model, for messages.

    Returns
    -------
    Familiarity or None
        None of a model without a fingerprint, or with one of another version.

    Raises
    ------
    UnreadableError
        If the fingerprint is damaged.

    Examples
    --------
    >>> unlike(np.zeros(len(TRAITS)), {}) is None
    True
    """
    if not fingerprint or fingerprint.get("version") != VERSION:
        return None
    known = parse_fingerprint(fingerprint, where)
    own = dict(zip(TRAITS, vector.tolist(), strict=True))
    if _empty_field(own):
        return Familiarity(0.0, 1.0, "")
    ranges = np.array([known.traits[name] for name in COMPARED]).T
    standard = standardised(np.array([[own[name] for name in COMPARED]]), ranges)[0]
    doubts = np.array([known.doubts[name] for name in DOUBTFUL]).T
    doubtful = np.array([[own[name] for name in DOUBTFUL]]) * signs()
    stored = known.stored()
    parts = np.empty(len(PARTS))
    worst: dict[str, tuple[str, float]] = {}
    for place, (part, mask) in enumerate(OF_PART.items()):
        parts[place], like = nearest(standard, stored, mask)
        away = np.where(mask & known_of_both(standard, like), difference(standard, like), 0.0)
        most = int(np.argmax(np.abs(away)))
        worst[part] = (COMPARED[most], float(away[most]))
    parts[-1] = doubt_of(doubtful, doubts)[0]
    doubted = np.nan_to_num(signs_of_doubt(doubtful, doubts)[0], nan=-1.0)
    worst["doubt"] = (tuple(DOUBTFUL)[int(np.argmax(doubted))], 1.0)
    parts /= np.array([known.units[part] for part in PARTS])
    score = round(float(joined(parts[None])[0]) / known.limit, 4)
    if score <= 1:
        return Familiarity(score, 1.0, "")
    # the network's own doubt says most to a person, the picture's texture least
    above = [index for index in (2, 1, 0) if parts[index] > known.limit]
    told = above or [int(np.nanargmax(parts))]
    reasons = ["it looks like noise alone, as an empty field does"] if _noise(own) else []
    reasons += [_words(*worst[PARTS[index]], own, known) for index in told]
    return Familiarity(score, 1.0, ", and ".join(list(dict.fromkeys(reasons))[:_MOST_REASONS]))


def _noise(own: Mapping[str, float]) -> bool:
    """Whether the three finest textures are those of noise, or there are none."""
    even = all(
        own[f"texture_{scale}"] < _NO_TEXTURE or _NOISE[0] <= own[f"evenness_{scale}"] <= _NOISE[1]
        for scale in (1, 2, 4)
    )
    return even and own["texture_4"] <= max(own["texture_1"] + _RISE, _NO_TEXTURE)


def _empty_field(own: Mapping[str, float]) -> bool:
    """Whether nothing was found in an even field: there is nothing to be unlike."""
    return own["objects"] == 0 and own["span"] < _EVEN and _noise(own)


def _words(trait: str, away: float, own: Mapping[str, float], known: Fingerprint) -> str:
    """Say in what a picture is unlike."""
    more = away > 0
    if trait in {"unsure", "certainty"}:
        usual = 100 * known.doubts["unsure"][0]
        return (
            "the network is unsure of what it sees: it is undecided (0.2 to 0.8) on"
            f" {100 * own['unsure']:.0f} % of what might be objects, on {usual:.0f} % in a usual"
            " training picture"
        )
    if trait == "convergence":
        return "the network finds no middles for what it takes for objects"
    if trait.startswith("edge_"):
        return "what it takes for outlines of objects does not follow the picture's edges"
    if trait.startswith(("red_", "blue_")):
        return "its colours are those of no training picture that is otherwise like it"
    if trait.startswith("grey_"):
        return "dark and bright are distributed as in no training picture"
    if trait.endswith(("_inside", "_outside")):
        place = "objects are" if trait.endswith("_inside") else "the ground around objects is"
        return f"{place} {'rougher' if more else 'smoother'} than in training pictures like it"
    if trait.startswith("texture_"):
        kind = "fine" if int(trait.split("_")[1]) <= 2 else "coarse"
        return (
            f"it has {'more' if more else 'less'} {kind} structure than training pictures like it"
        )
    if trait.startswith("evenness_"):
        return (
            "its structure is everywhere, as that of noise"
            if more
            else "its structure is in a few sharp lines and specks"
        )
    return "objects stand out from their ground as in no training picture"
