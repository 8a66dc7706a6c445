"""A fixed part of the pictures for validation: whole groups, and the same share of each kind."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from cellwright.core.errors import UsageError
from cellwright.datasets.example import Example

__all__ = ["split"]


def split(
    examples: Sequence[Example], share: float, seed: str = ""
) -> tuple[list[Example], list[Example]]:
    """Part the examples into training and validation.

    Within each kind whole groups go to validation, in the order of a hash of their names, until
    it holds its share. So the split does not depend on the order of the examples, and adding
    pictures of one kind leaves the others where they are. A group of several kinds counts under
    that of its first picture by name.

    Parameters
    ----------
    examples
        All of them, with their groups.
    share
        Of the pictures of each kind that go to validation, 0 to 1.
    seed
        Another text gives another split.

    Returns
    -------
    training, validation : list of Example
        In the order given.

    Raises
    ------
    UsageError
        If the share is not within 0 and 1.

    Examples
    --------
    >>> from pathlib import Path
    >>> four = [Example(name, Path(), Path(), "kind", name) for name in "abcd"]
    >>> [len(side) for side in split(four, 0.25)]
    [3, 1]
    """
    if not 0 <= share <= 1:
        raise UsageError(f"{share} is no share of the pictures", remedy="choose from 0 to 1")
    kinds: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    by_name = sorted(examples, key=lambda example: example.name)
    kind_of = {example.group: example.kind for example in reversed(by_name)}
    for example in by_name:
        kinds[kind_of[example.group]][example.group].append(example.name)
    held_out: set[str] = set()
    for groups in kinds.values():
        wanted = share * sum(len(names) for names in groups.values())
        taken = 0
        for group in sorted(groups, key=lambda name: _order(seed, name)):
            # a group goes only if that brings the share nearer
            if abs(taken + len(groups[group]) - wanted) < abs(taken - wanted):
                held_out.update(groups[group])
                taken += len(groups[group])
    training = [example for example in examples if example.name not in held_out]
    return training, [example for example in examples if example.name in held_out]


def _order(seed: str, name: str) -> str:
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()
