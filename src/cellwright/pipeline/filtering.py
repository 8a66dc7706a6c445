"""Named rules applied to the labels of a plane set; the cells that stay keep their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellwright.core.image import Array
from cellwright.measure.filters import apply_rules, parse_rule
from cellwright.measure.relation import relate
from cellwright.measure.table import loaded_features, measure_plane
from cellwright.pipeline.planes import Planes
from cellwright.pipeline.unit import Unit

__all__ = ["NUCLEUS", "Filtered", "filtered", "nuclei_of", "only"]

NUCLEUS = "nucleus"
"""Kind of the objects that lie within cells, where both are found."""


@dataclass(frozen=True, eq=False)
class Filtered:
    """What the rules left.

    Attributes
    ----------
    labels
        Label image of the cells that stay; the same object where all do.
    table
        Their measurements; None where nothing needed them.
    removed
        How many cells each rule left out.
    """

    labels: Array
    table: pd.DataFrame | None
    removed: Mapping[str, int]


def filtered(unit: Unit, planes: Planes, labels: Array, *, measure: bool) -> Filtered:
    """Apply the rules of a unit, and measure what stays if `measure` says so."""
    rules = [parse_rule(text) for text in unit.filters]
    if not rules and not measure:
        return Filtered(labels, None, {})
    features = loaded_features(unit.features)
    table = measure_plane(labels, planes.measured, unit.spacing, features)
    keep, removed = apply_rules(table, rules)
    if keep.all():
        return Filtered(labels, table, removed)
    kept = only(labels, table["label"].to_numpy()[keep])
    # again, since neighbours and background depend on which cells there are
    again = measure_plane(kept, planes.measured, unit.spacing, features) if measure else None
    return Filtered(kept, again, removed)


def nuclei_of(nuclei: Array, cells: Array, kept: Array) -> Array:
    """Give the nuclei without those of the cells that a filter left out.

    Parameters
    ----------
    nuclei, cells, kept
        Label images of one plane: nuclei, all cells, and the cells that stay.
    """
    if kept is cells:
        return nuclei
    relation = relate(nuclei, cells)
    stays = (relation.parent == 0) | np.isin(relation.parent, np.unique(kept))
    return nuclei if stays.all() else only(nuclei, relation.children[stays])


def only(labels: Array, keep: Array) -> Array:
    """Give a label image with just the labels of `keep`.

    Examples
    --------
    >>> only(np.array([[1, 2, 0, 3]]), np.array([1, 3]))
    array([[1, 0, 0, 3]])
    """
    present, place = np.unique(labels, return_inverse=True)
    stays = np.where(np.isin(present, keep), present, 0).astype(labels.dtype)
    return np.asarray(stays[place.reshape(labels.shape)])
