"""Which pictures are held out: whole groups, and none that the first weights have learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cellwright.core.errors import UsageError
from cellwright.datasets.example import Example
from cellwright.datasets.splits import split
from cellwright.engine.events import Listener, Message, silent
from cellwright.learn.pictures import Picture
from cellwright.models.learnt import learnt_of, picture_hash
from cellwright.models.model import Model

__all__ = ["fresh_to", "held_out", "parted"]

_MOST_OF_FRESH = 0.5
"""Of pictures that a model has not learnt from, the share that is held out at the most: most often
they are the new ones, which it is to learn."""


def parted(
    examples: Sequence[Example], share: float, seed: str = ""
) -> tuple[list[Example], list[Example]]:
    """Part the pictures of a folder as `split` does, whatever the folder is called.

    Parameters
    ----------
    examples
        Whose groups begin with the folder's name.
    share, seed
        As of `split`.

    Returns
    -------
    training, validation : list of Example
        In the order given.
    """
    own = [replace(one, group=one.group.partition("/")[2] or one.group) for one in examples]
    names = {one.name for one in split(own, share, seed)[1]}
    training = [one for one in examples if one.name not in names]
    return training, [one for one in examples if one.name in names]


def fresh_to(
    model: Model,
    examples: Sequence[Example],
    pictures: Mapping[str, Picture],
    listener: Listener = silent,
) -> list[Example]:
    """Find the pictures that a model has not learnt from, nor from others of their groups.

    Parameters
    ----------
    model
        That a training begins with.
    examples, pictures
        The dataset, and its pictures by name.
    listener
        Is told if the model does not say what it has learnt from.
    """
    learnt = learnt_of(model)
    if not learnt.complete:
        name = model.description.name
        text = f"nobody can tell whether {name} learnt from these pictures: see to it yourself"
        listener(Message("warning", text))
    known = {
        one.group
        for one in examples
        if picture_hash(pictures[one.name].levels[0]) in learnt.pictures
    }
    return [one for one in examples if one.group not in known]


def held_out(examples: Sequence[Example], fresh: Sequence[Example], share: float) -> set[str]:
    """Choose the pictures that are held out.

    Parameters
    ----------
    examples
        All of them.
    fresh
        Those that may be held out.
    share
        Of all that is wanted. If not all are fresh, no more than half of the fresh ones are taken,
        unless they are one group.

    Returns
    -------
    set of str
        Names; empty if there are too few.

    Raises
    ------
    UsageError
        If a share is wanted and no picture is fresh.
    """
    if not share:
        return set()
    if not fresh:
        raise UsageError(
            f"the model that the training begins with has learnt from all {len(examples)} "
            "pictures, or from others of their groups: none is left to judge by",
            remedy="add pictures that it has not learnt from, begin with another model, or train "
            "without scores with --validation 0",
        )
    most = _MOST_OF_FRESH if len({one.group for one in fresh}) > 1 else 1.0
    wanted = min(share * (len(examples) / len(fresh)), max(share, most))
    found = parted(fresh, wanted)[1]
    if not found:  # few pictures of each kind: one of all
        found = parted([replace(one, kind="") for one in fresh], wanted)[1]
    return {one.name for one in found}
