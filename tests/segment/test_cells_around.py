"""Cells around nuclei: drawn pictures with known cells, what must hold of any, and real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Image
from cellwright.io.open import read
from cellwright.segment.cells_around import CellsAroundOptions, cells_around
from cellwright.segment.threshold import METHOD, ThresholdOptions

SHAPE = (120, 200)
LARGEST = 2**32 - 1


def disc(row: float, column: float, radius: float, wide: float | None = None) -> Array:
    rows, columns = np.indices(SHAPE)
    away = ((rows - row) / radius) ** 2 + ((columns - column) / (wide or radius)) ** 2
    inside: Array = np.asarray(away <= 1)
    return inside


def picture(*cells: Array, light: float = 180, ground: float = 20, seed: int = 1) -> Array:
    """Cells of even light on a ground, blurred, with noise."""
    plane = np.full(SHAPE, float(ground))
    for cell in cells:
        plane[cell] = light
    plane = ndimage.gaussian_filter(plane, 1.5)
    plane += np.random.default_rng(seed).normal(0, 4, SHAPE)
    return np.asarray(np.rint(plane).clip(0, 255).astype(np.uint8))


def numbered(*nuclei: Array, numbers: tuple[int, ...] = ()) -> Array:
    labels = np.zeros(SHAPE, np.uint32)
    for i, nucleus in enumerate(nuclei):
        labels[nucleus] = numbers[i] if numbers else i + 1
    return labels


def find(plane: Array, nuclei: Array, **options: Any) -> tuple[Array, dict[str, float | str]]:
    return cells_around(Image(plane, "YX"), nuclei, CellsAroundOptions(**options))


def overlap(labels: Array, cell: Array) -> float:
    """Intersection over union of a drawn cell with the label that holds most of it."""
    held = labels[cell]
    label = int(np.bincount(held[held > 0]).argmax()) if (held > 0).any() else -1
    return float(np.count_nonzero(cell & (labels == label)) / np.count_nonzero(
        cell | (labels == label)
    ))  # fmt: skip


@pytest.mark.parametrize("gap", [0, 4, 9])
@pytest.mark.parametrize("radius", [22, 30])
def test_a_cell_with_two_nuclei_stays_one(radius: int, gap: int) -> None:
    cell = disc(60, 60, radius)
    nuclei = numbered(disc(60, 53 - gap / 2, 6.4), disc(60, 67 + gap / 2, 6.4))
    labels, decisions = find(picture(cell), nuclei)
    assert labels.max() == 1
    assert overlap(labels, cell) > 0.95
    assert decisions["cells_with_several_nuclei"] == 1


def test_two_nuclei_share_no_cell_where_that_is_not_wanted() -> None:
    nuclei = numbered(disc(60, 50, 6), disc(60, 70, 6))
    labels, decisions = find(picture(disc(60, 60, 26)), nuclei, binucleate=False)
    assert labels.max() == 2
    assert decisions["cells_with_several_nuclei"] == 0


@pytest.mark.parametrize("between", [32, 36, 39])
@pytest.mark.parametrize("shift", [0, 8])
def test_two_round_cells_that_touch_are_parted(between: int, shift: int) -> None:
    """Even where their nuclei lie close to where they touch."""
    cells = disc(60, 60, 20), disc(60, 60 + between, 20)
    nuclei = numbered(disc(60, 60 + shift, 7), disc(60, 60 + between - shift, 7))
    labels, _ = find(picture(*cells), nuclei)
    assert labels.max() == 2
    middle = 60 + between / 2
    columns = np.indices(SHAPE)[1]
    assert overlap(labels, cells[0] & (columns < middle)) > 0.92
    assert overlap(labels, cells[1] & (columns > middle)) > 0.92


def test_a_dark_line_parts_what_has_no_neck() -> None:
    cell = disc(60, 80, 18, 40)
    plane = picture(cell).astype(float)
    plane[:, 79:82] = 20 + (plane[:, 79:82] - 20) * 0.4
    nuclei = numbered(disc(60, 71, 6), disc(60, 89, 6))
    assert find(plane, nuclei)[0].max() == 2
    assert find(picture(cell), nuclei)[0].max() == 1


def test_a_binucleate_cell_among_others() -> None:
    cells = disc(60, 40, 22), disc(30, 140, 20), disc(85, 140, 20, 24)
    nuclei = numbered(
        disc(60, 32, 6), disc(60, 48, 6), disc(30, 140, 7), disc(85, 131, 6), disc(85, 149, 6)
    )
    labels, decisions = find(picture(*cells), nuclei)
    assert labels.max() == 3
    assert decisions["cells_with_several_nuclei"] == 2
    assert min(overlap(labels, cell) for cell in cells) > 0.95


def test_in_a_closed_layer_each_nucleus_has_its_cell() -> None:
    """Where outlines tell nothing, no line is no proof of one cell."""
    rows, columns = np.indices(SHAPE)
    nuclei = np.where((rows % 20 < 9) & (columns % 20 < 9), 1, 0)
    nuclei = ndimage.label(nuclei)[0].astype(np.uint32)
    plane = picture(columns > 20)
    labels, decisions = find(plane, nuclei)
    assert decisions["cells_with_several_nuclei"] == 0
    assert np.all(labels[columns > 24] > 0)


def test_cells_without_a_nucleus_are_kept() -> None:
    cells = disc(60, 40, 20), disc(60, 100, 20), disc(60, 139, 20)
    labels, decisions = find(picture(*cells), numbered(disc(60, 40, 7)))
    assert labels.max() == 3
    assert decisions["cells_without_nucleus"] == 2
    assert min(overlap(labels, cell) for cell in cells) > 0.92


def test_a_cell_without_a_nucleus_beside_one_with() -> None:
    cells = disc(60, 60, 20), disc(60, 98, 20)
    labels, decisions = find(picture(*cells), numbered(disc(60, 60, 7)))
    assert labels.max() == 2
    assert decisions["cells_without_nucleus"] == 1
    assert min(overlap(labels, cell) for cell in cells) > 0.9


def test_a_lobe_is_no_cell() -> None:
    cell = disc(60, 60, 20) | disc(60, 86, 9)
    labels, decisions = find(picture(cell), numbered(disc(60, 60, 7)))
    assert labels.max() == 1
    assert decisions["cells_without_nucleus"] == 0


def test_bare_nuclei_are_cells_that_are_all_nucleus_or_none() -> None:
    bare = disc(60, 150, 7)
    nuclei = numbered(disc(60, 60, 7), bare)
    plane = picture(disc(60, 60, 20))
    labels, decisions = find(plane, nuclei)
    assert decisions["bare_nuclei"] == 1
    assert labels.max() == 2
    assert np.array_equal(labels == labels[60, 150], bare)
    labels, decisions = find(plane, nuclei, bare_nuclei="leave")
    assert decisions["bare_nuclei"] == 1
    assert labels.max() == 1
    assert not labels[bare].any()


def test_no_stain_at_all() -> None:
    """As in a negative control: there are cells still, and the record says why they are small."""
    nuclei = numbered(disc(60, 60, 7), disc(60, 150, 7))
    for plane in (picture(), np.full(SHAPE, 7, np.uint16)):
        labels, decisions = find(plane, nuclei)
        assert np.array_equal(labels, nuclei)
        assert decisions["bare_nuclei"] == 2
        assert decisions["no_stain"]


def test_a_stain_that_leaves_out_the_nuclei() -> None:
    cells = disc(60, 50, 20), disc(60, 130, 20)
    nuclei = disc(60, 50, 9), disc(60, 130, 9)
    plane = picture(*(cell & ~nucleus for cell, nucleus in zip(cells, nuclei, strict=True)))
    labels, decisions = find(plane, numbered(*nuclei))
    assert (labels.max(), decisions["bare_nuclei"]) == (2, 0)
    assert min(overlap(labels, cell) for cell in cells) > 0.95


def test_a_fragment_of_a_nucleus_makes_no_cell() -> None:
    cells = disc(60, 50, 22), disc(60, 130, 22)
    nuclei = numbered(disc(60, 50, 9), disc(60, 63, 2), disc(60, 130, 9))
    labels, _ = find(picture(*cells), nuclei)
    assert labels.max() == 2
    assert labels[60, 50] == labels[60, 63]


def test_a_nucleus_that_the_frame_cuts_is_no_fragment() -> None:
    cells = disc(60, 60, 20), disc(60, 166, 20), disc(60, 204, 20)
    nuclei = numbered(disc(60, 60, 7), disc(60, 179, 7))
    nuclei[59:62, 192:] = 3
    labels, decisions = find(picture(*cells), nuclei)
    assert (labels.max(), decisions["cells_without_nucleus"]) == (3, 0)
    nuclei[59:62, 199] = 0
    assert find(picture(*cells), nuclei)[1]["cells_with_several_nuclei"] == 1, "inside it is one"


def test_without_nuclei_the_stain_decides() -> None:
    cells = disc(60, 50, 20), disc(60, 130, 20), disc(60, 168, 20)
    labels, decisions = find(picture(*cells), np.zeros(SHAPE, np.uint8))
    assert labels.max() == 3
    assert decisions["cells_without_nucleus"] == 3
    assert find(picture(), np.zeros(SHAPE, np.uint8))[0].max() == 0


def test_a_cell_reaches_no_further_than_the_distance() -> None:
    nucleus = disc(60, 60, 7)
    labels, _ = find(picture(disc(60, 60, 30)), numbered(nucleus), distance=8)
    away: Any = ndimage.distance_transform_edt(~nucleus)
    assert np.array_equal(labels > 0, away <= 8)


def test_smallest_cell() -> None:
    plane = picture(disc(60, 50, 22), disc(60, 130, 5))
    nuclei = numbered(disc(60, 50, 7))
    assert find(plane, nuclei)[0].max() == 1, "a tenth of the median cell"
    assert find(plane, nuclei, min_area=30)[0].max() == 2
    labels, decisions = find(plane, nuclei, min_area=2000)
    assert (labels.max(), decisions["removed_small"]) == (0, 2)


def test_a_threshold_that_is_given() -> None:
    plane = np.where(disc(60, 50, 20), 100, 10).astype(np.uint8)
    plane[disc(60, 130, 20)] = 50
    nuclei = numbered(disc(60, 50, 7), disc(60, 130, 7))
    labels, decisions = find(plane, nuclei, level=70, smoothing=0)
    assert decisions["threshold"] == pytest.approx(70)
    assert decisions["bare_nuclei"] == 1
    assert np.array_equal(labels == 1, disc(60, 50, 20))


def test_numbers_with_gaps_change_nothing() -> None:
    nuclei = (disc(60, 40, 7), disc(60, 79, 7), disc(60, 140, 7))
    plane = picture(disc(60, 40, 20), disc(60, 79, 20), disc(60, 140, 20))
    labels, decisions = find(plane, numbered(*nuclei))
    far, same = find(plane, numbered(*nuclei, numbers=(LARGEST, 70_000, 3)))
    assert np.array_equal(labels, far)
    assert decisions == same


def test_brighter_light_changes_nothing() -> None:
    plane = picture(disc(60, 40, 20), disc(60, 76, 20))
    nuclei = numbered(disc(60, 40, 7), disc(60, 76, 7))
    brighter = plane.astype(np.uint16) * 16 + 100
    assert np.array_equal(find(plane, nuclei)[0], find(brighter, nuclei)[0])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (3, 40)])
@pytest.mark.parametrize("value", [0, 5])
def test_tiny_pictures(shape: tuple[int, int], value: int) -> None:
    nuclei = np.full(shape, value, np.uint32)
    plane = np.arange(nuclei.size, dtype=np.uint8).reshape(shape)
    labels, decisions = find(plane, nuclei)
    assert labels.shape == shape
    assert labels.dtype == np.uint32
    assert np.all(labels[nuclei > 0] == 1)
    assert isinstance(decisions["bare_nuclei"], int)


@pytest.mark.parametrize(
    ("data", "axes", "nuclei"),
    [
        (np.zeros((4, 4, 3)), "YXS", np.zeros((4, 4), int)),
        (np.zeros((4, 4, 4)), "ZYX", np.zeros((4, 4), int)),
        (np.zeros((4, 4)), "YX", np.zeros((4, 5), int)),
        (np.zeros((4, 4)), "YX", np.zeros((4, 4), float)),
    ],
)
def test_what_is_no_plane_with_nuclei_is_refused(data: Array, axes: str, nuclei: Array) -> None:
    with pytest.raises(UsageError):
        cells_around(Image(data, axes), nuclei)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValidationError):
        CellsAroundOptions(knife=1)  # type: ignore[call-arg]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(5, 60), st.integers(5, 80), st.integers(1, 9), st.integers(8, 22)),
        min_size=1,
        max_size=7,
    ),
    st.booleans(),
    st.integers(0, 99),
)
def test_what_holds_of_any_picture(
    places: list[tuple[int, int, int, int]], binucleate: bool, seed: int
) -> None:
    rows, columns = np.indices((66, 86))
    stain, nuclei = np.full((66, 86), 20.0), np.zeros((66, 86), np.uint32)
    for i, (row, column, small, large) in enumerate(places):
        away = np.hypot(rows - row, columns - column)
        stain[away < large] = 60 + 20 * i if i % 3 else 20
        nuclei[away < small] = 11 * i + 5
    stain += np.random.default_rng(seed).normal(0, 3, stain.shape)
    labels, decisions = find(stain, nuclei, binucleate=binucleate)
    assert labels.dtype == np.uint32
    present, first = np.unique(labels, return_index=True)
    inside = present > 0
    assert present[inside].tolist() == list(range(1, int(labels.max()) + 1))
    assert np.all(np.diff(first[inside]) > 0), "numbered in the order of their first pixels"
    for nucleus in np.unique(nuclei[nuclei > 0]):
        within = np.unique(labels[nuclei == nucleus])
        assert within.size == 1, "a nucleus is cut"
        assert within[0] > 0, "a nucleus is in no cell"
    if not binucleate:
        assert decisions["cells_with_several_nuclei"] == 0
    again, same = find(stain, nuclei, binucleate=binucleate)
    assert np.array_equal(labels, again)
    assert decisions == same


def nuclei_of(image: Image) -> Array:
    return np.asarray(METHOD.segment(image, ThresholdOptions()).main_labels.data)


def test_a_sheet_of_real_cells(shared_data: Path) -> None:
    """HT29, nuclei and actin: a few hundred cells, most of them in closed layers."""
    folder = shared_data / "multichannel" / "example_human"
    files = sorted(folder.glob("*.tif"))
    if len(files) != 3:
        pytest.skip(f"{folder} does not hold the three channels")
    nuclei, cells = nuclei_of(read(files[0])), read(files[2])
    labels, decisions = cells_around(cells, nuclei)
    count = int(nuclei.max())
    held = [np.unique(labels[nuclei == i]) for i in range(1, count + 1)]
    assert all(each.size == 1 and each[0] > 0 for each in held)
    assert abs(int(labels.max()) - count) <= 0.05 * count
    assert int(decisions["bare_nuclei"]) <= 0.05 * count
    assert 0.45 < np.count_nonzero(labels) / labels.size < 0.6


def test_a_sheet_of_thin_cells(shared_data: Path) -> None:
    """Tubulin: Otsu's threshold takes half of the cells away, their thin rims."""
    file = shared_data / "multichannel" / "neubias" / "xyc_8bit__dapi_tublin.tif"
    if not file.is_file():
        pytest.skip(f"{file} is not here")
    image = read(file)
    nuclei = nuclei_of(image.channel(0))
    labels, decisions = cells_around(image.channel(1), nuclei)
    assert abs(int(labels.max()) - int(nuclei.max())) <= 0.05 * nuclei.max()
    assert decisions["bare_nuclei"] == 0
    assert np.count_nonzero(labels) / labels.size > 0.75
