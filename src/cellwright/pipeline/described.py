"""What a method knows of each object: kept beside its labels, shown in the table of cells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cellwright.core.columns import CHANCE
from cellwright.core.image import Array
from cellwright.engine.journal import Step
from cellwright.engine.run_folder import step_file
from cellwright.pipeline.packing import unpacked

__all__ = ["OBJECTS", "classes_in", "classes_of", "described", "is_described"]

OBJECTS = "objects.npz"
"""Ending of the file of a method's table."""
_CLASSES = "classes"


def is_described(done: Mapping[str, Step]) -> bool:
    """Whether the labels of a plane set are those of a method that knows more of them."""
    return "given" not in done and "segment" in done and OBJECTS in done["segment"].files


def classes_in(table: pd.DataFrame) -> dict[str, list[str]]:
    """Facts of a step: the classes that a method's table tells, in their order."""
    told = [
        name.removeprefix(CHANCE) for name in map(str, table.columns) if name.startswith(CHANCE)
    ]
    return {_CLASSES: told} if told else {}


def classes_of(done: Mapping[str, Step]) -> list[str]:
    """Classes that the method of a plane set tells."""
    return list(done["segment"].facts.get(_CLASSES, ())) if is_described(done) else []


def described(steps: Path, done: Mapping[str, Step], labels: Array) -> dict[str, Array]:
    """Columns of what a method knows, for labels that it gave; none where there is nothing.

    Parameters
    ----------
    steps
        Folder of finished steps.
    done
        Finished steps of the plane set by name.
    labels
        (n,) numbers of the objects that are wanted, all of them the method's.
    """
    if not is_described(done):
        return {}
    columns = unpacked(step_file(steps, done["segment"].key, OBJECTS))
    numbers = columns.pop("label")
    columns.pop("frame", None)
    place = np.searchsorted(numbers, labels)  # a method numbers its objects in order
    return {name: values[place] for name, values in columns.items()}
