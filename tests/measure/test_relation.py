"""Relation of nuclei to cells: by hand, and against counting pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.measure.relation import relate

LARGEST = 2**32 - 1


def test_two_nuclei_one_cell_and_a_cell_without() -> None:
    cells = np.zeros((8, 12), np.uint32)
    cells[1:7, 1:7], cells[1:7, 8:11] = 4, 2
    nuclei = np.zeros((8, 12), np.uint32)
    nuclei[2:4, 2:4], nuclei[4:6, 4:6] = 11, 7
    found = relate(nuclei, cells)
    assert found.children.tolist() == [7, 11]
    assert found.parent.tolist() == [4, 4]
    assert found.overlap.tolist() == [1, 1]
    assert found.parents.tolist() == [2, 4]
    assert found.count.tolist() == [0, 2]
    assert found.outside == 0


def test_a_nucleus_across_a_border_belongs_to_the_larger_part() -> None:
    cells = np.array([[1, 1, 1, 2, 2, 2, 0, 0]])
    nuclei = np.array([[0, 0, 5, 5, 5, 5, 5, 0]])
    found = relate(nuclei, cells)
    assert found.parent.tolist() == [2]
    assert found.overlap.tolist() == [3 / 5]


def test_of_two_equal_parts_the_smaller_label() -> None:
    found = relate(np.array([[5, 5, 0, 6, 6]]), np.array([[9, 3, 0, 3, 9]]))
    assert found.parent.tolist() == [3, 3]
    assert found.overlap.tolist() == [0.5, 0.5]


def test_mostly_outside_is_still_inside_but_shows() -> None:
    found = relate(np.array([[5, 5, 5, 5]]), np.array([[0, 0, 0, 8]]))
    assert (found.parent.tolist(), found.overlap.tolist()) == ([8], [0.25])


def test_outside_any_cell() -> None:
    found = relate(np.array([[3, 0, 4]]), np.array([[0, 1, 1]]))
    assert found.parent.tolist() == [0, 1]
    assert found.overlap.tolist() == [0, 1]
    assert found.outside == 1


def test_numbers_with_gaps_up_to_the_largest() -> None:
    children = np.array([[LARGEST, 0, 3]], np.uint32)
    parents = np.array([[7, 7, LARGEST]], np.uint32)
    found = relate(children, parents)
    assert found.children.tolist() == [3, LARGEST]
    assert found.parent.tolist() == [LARGEST, 7]
    assert found.parents.tolist() == [7, LARGEST]
    assert found.count.tolist() == [1, 1]


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (1, 1), (4, 4)])
def test_nothing_at_all(shape: tuple[int, int]) -> None:
    found = relate(np.zeros(shape, np.uint32), np.zeros(shape, np.uint32))
    assert found.children.size == found.parents.size == found.count.size == 0


def test_no_children_and_no_parents() -> None:
    one = np.ones((2, 2), np.uint32)
    none = np.zeros((2, 2), np.uint32)
    assert relate(none, one).count.tolist() == [0]
    assert relate(one, none).parent.tolist() == [0]


def test_volumes() -> None:
    children = np.zeros((2, 2, 2), np.uint16)
    children[:, 0, 0] = 9
    assert relate(children, np.full((2, 2, 2), 4)).parent.tolist() == [4]


@pytest.mark.parametrize(
    ("children", "parents"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 3), int)),
        (np.zeros((2, 2), float), np.zeros((2, 2), int)),
        (np.zeros((2, 2), int), np.full((2, 2), -1)),
        (np.full((2, 2), 2**32), np.zeros((2, 2), int)),
    ],
)
def test_what_are_no_two_label_images_is_refused(children: Array, parents: Array) -> None:
    with pytest.raises(UsageError):
        relate(children, parents)


planes = hnp.arrays(np.uint32, (6, 7), elements=st.sampled_from([0, 0, 1, 2, 5, LARGEST]))


@settings(deadline=None)
@given(planes, planes)
def test_as_counted_pixel_by_pixel(children: Array, parents: Array) -> None:
    found = relate(children, parents)
    for child, parent, overlap in zip(found.children, found.parent, found.overlap, strict=True):
        held = parents[children == child]
        counts = {int(label): int((held == label).sum()) for label in held if label}
        if not counts:
            assert (parent, overlap) == (0, 0)
            continue
        most = max(counts.values())
        assert parent == min(label for label, count in counts.items() if count == most)
        assert overlap == pytest.approx(most / held.size)
    assert found.parents.tolist() == [label for label in np.unique(parents) if label]
    assert int(found.count.sum()) + found.outside == found.children.size


def test_seventy_thousand_of_each() -> None:
    rows, columns = np.indices((2120, 2120), sparse=True)
    cells = (rows // 8 * 265 + columns // 8 + 1).astype(np.uint32)
    nuclei = np.where((rows % 8 < 4) & (columns % 8 < 4), cells * 3, 0).astype(np.uint32)
    found = relate(nuclei, cells)
    assert found.parent.size == 265**2
    assert np.array_equal(found.parent * 3, found.children)
    assert (found.count == 1).all()
    assert (found.overlap == 1).all()
