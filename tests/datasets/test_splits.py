"""The split keeps groups together and the share of each kind, whatever the order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.core.errors import UsageError
from cellwright.datasets.example import Example
from cellwright.datasets.splits import split


def example(name: str, kind: str, group: str) -> Example:
    return Example(name, Path(f"{name}.png"), Path(f"{name}.tif"), kind, group)


COLLECTIONS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.integers(0, 12)), min_size=1, max_size=60
).map(
    lambda drawn: [
        example(f"{index:02}", kind, f"{kind}{group}") for index, (kind, group) in enumerate(drawn)
    ]
)


@given(COLLECTIONS, st.floats(0, 1))
def test_groups_lie_on_one_side_and_nothing_is_lost(examples: list[Example], share: float) -> None:
    training, validation = split(examples, share)
    assert sorted([*training, *validation], key=lambda e: e.name) == examples
    assert not {e.group for e in training} & {e.group for e in validation}


@given(COLLECTIONS, st.floats(0, 1))
def test_each_kind_keeps_its_share_but_for_half_of_its_largest_group(
    examples: list[Example], share: float
) -> None:
    _, validation = split(examples, share)
    found = Counter(e.kind for e in validation)
    for kind, count in Counter(e.kind for e in examples).items():
        largest = max(Counter(e.group for e in examples if e.kind == kind).values())
        assert found[kind] <= share * count + largest / 2
    singles = [example(e.name, e.kind, e.name) for e in examples]
    found = Counter(e.kind for e in split(singles, share)[1])
    for kind, count in Counter(e.kind for e in examples).items():
        assert abs(found[kind] - share * count) <= 0.5


@given(COLLECTIONS, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(examples: list[Example], random: object) -> None:
    shuffled = list(examples)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {e.name for e in split(shuffled, 0.3)[1]} == {e.name for e in split(examples, 0.3)[1]}


def test_a_group_of_two_kinds_counts_under_its_first_name_in_any_order() -> None:
    examples = [example(f"{i:02}", "xy"[i % 2], f"group {i // 2}") for i in range(20)]
    forth, back = split(examples, 0.3), split(examples[::-1], 0.3)
    assert len(forth[1]) == 6
    assert {e.name for e in forth[1]} == {e.name for e in back[1]}


def test_more_pictures_of_one_kind_leave_the_others_where_they_are() -> None:
    old = [example(f"a{i}", "old", f"a{i}") for i in range(30)]
    new = [example(f"b{i}", "new", f"b{i}") for i in range(30)]
    before = split(old, 0.2)[1]
    assert [e for e in split([*new, *old], 0.2)[1] if e.kind == "old"] == before


def test_another_seed_gives_another_split() -> None:
    examples = [example(f"{i}", "kind", f"{i}") for i in range(50)]
    assert split(examples, 0.3, "one") != split(examples, 0.3, "two")


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none(share: float) -> None:
    with pytest.raises(UsageError, match="is no share"):
        split([], share)
