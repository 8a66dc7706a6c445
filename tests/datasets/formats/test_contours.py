"""Drawn outlines: gaps, slivers, frames, the line's own width, and what is refused."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from tests.datasets.formats.round_trip import label_images, picture, read_back

from cellwright.core.errors import InputError
from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn, Entry, Source
from cellwright.datasets.formats import contour_cells
from cellwright.datasets.formats.contour_cells import cells_in
from cellwright.datasets.formats.contour_gaps import GAP, bridged
from cellwright.datasets.formats.contour_ink import lines_in
from cellwright.datasets.formats.contours import FORMAT


def ring(
    shape: tuple[int, int], centre: tuple[float, float], radius: float, width: float = 1
) -> Array:
    """A circle drawn with a pen: all pixels whose middle it passes at half its width."""
    rows, columns = np.indices(shape)
    away = np.hypot(rows - centre[0], columns - centre[1])
    return np.asarray(np.abs(away - radius) <= width / 2)


def box(shape: tuple[int, int], top: int, left: int, bottom: int, right: int) -> Array:
    """A rectangle, one pixel wide; what lies beyond the picture is not drawn."""
    lines = np.zeros((max(shape[0], bottom + 1), max(shape[1], right + 1)), bool)
    lines[[top, bottom], left : right + 1] = True
    lines[top : bottom + 1, [left, right]] = True
    return lines[: shape[0], : shape[1]]


def areas(lines: Array) -> list[int]:
    """Of the cells, by number."""
    return [int(area) for area in np.bincount(cells_in(lines).labels.ravel())[1:]]


def iou(one: Array, other: Array) -> float:
    return float((one & other).sum() / (one | other).sum())


def save(folder: Path, name: str, drawing: Array, shape: tuple[int, int] = (60, 80)) -> Entry:
    """A source of one picture and its drawing."""
    for inner in ("images", "contours"):
        (folder / inner).mkdir(exist_ok=True)
    Pillow.new("L", shape[::-1]).save(folder / "images" / "a.png")
    Pillow.fromarray(drawing).save(folder / "contours" / f"{name}.png")
    [entry] = [one for one in FORMAT.entries(Source(folder)) if one.name == name]
    return entry


@pytest.mark.parametrize("width", [1.2, 2, 3, 4, 5])
@pytest.mark.parametrize("radius", [15, 20.3, 40, 77.5])
@pytest.mark.parametrize("shift", [0, 0.4])
def test_a_disc_has_the_area_within_the_middle_of_its_line(
    width: float, radius: float, shift: float
) -> None:
    lines = ring((180, 180), (90 + shift, 88), radius, width)

    assert areas(lines) == [pytest.approx(np.pi * radius**2, rel=0.02)]


@pytest.mark.parametrize("radius", [20, 33])
def test_two_discs_that_overlap_by_their_line_lose_nothing(radius: int) -> None:
    shape = (100, 180)
    lines = ring(shape, (50, 50), radius, 1.5) | ring(shape, (50, 50 + 2 * radius), radius, 1.5)

    assert areas(lines) == [pytest.approx(np.pi * radius**2, rel=0.02)] * 2


@pytest.mark.parametrize("missing", range(1, 10))
@pytest.mark.parametrize("width", [1, 3])
def test_gaps_up_to_the_limit_are_bridged(missing: int, width: int) -> None:
    lines = np.zeros((60, 80), bool)
    for grow in range(width):
        lines |= box((60, 80), 10 + grow, 10 + grow, 50 - grow, 70 - grow)
    lines[10 : 10 + width, 30 : 30 + missing] = False

    drawn = cells_in(lines)

    if missing <= GAP:
        expected = (41 - width + 1) * (61 - width + 1)
        assert np.bincount(drawn.labels.ravel())[1:].tolist() == [pytest.approx(expected, rel=0.05)]
        assert drawn.remarks == ("bridged, as at most 5 px of the line are missing: 1 gaps",)
    else:
        assert not drawn.labels.any()
        [told] = drawn.remarks
        assert "1 lines, with 2 ends at (row, column)" in told
        if width == 1:
            assert told.endswith(f"(10, 29), (10, {30 + missing})")


def test_a_gap_is_bridged_to_the_neighbours_line_and_to_the_frame() -> None:
    lines = box((60, 80), 10, 10, 50, 40) | box((60, 80), 10, 40, 30, 70)
    lines[30, 41:44] = False
    at_frame = np.zeros((60, 80), bool)
    at_frame[:30, 20] = at_frame[3:30, 50] = at_frame[29, 20:51] = True

    assert len(areas(lines)) == 2
    assert cells_in(at_frame).remarks[0].startswith("bridged")
    assert areas(at_frame) == [pytest.approx(30 * 31, rel=0.1)]


def test_a_diagonal_gap_is_bridged() -> None:
    rows, columns = np.indices((101, 101))
    lines = np.abs(rows - 50) + np.abs(columns - 50) == 40
    lines[28:31] &= columns[28:31] < 50  # three pixels of a slanting side

    assert areas(lines) == [pytest.approx(2 * 40**2, rel=0.02)]


def test_narrow_cells_and_lines_side_by_side_are_not_bridged() -> None:
    lines = box((60, 80), 10, 10, 14, 70) | box((60, 80), 18, 10, 22, 70)

    assert areas(lines) == pytest.approx([4 * 60] * 2, abs=1)  # but for a corner
    assert cells_in(lines).remarks == ()


def test_a_pen_that_went_too_far_closes_nothing() -> None:
    lines = box((60, 80), 10, 10, 50, 40) | box((60, 80), 10, 48, 50, 70)
    lines[20, 40:45] = lines[40, 40:45] = True  # toward the neighbour, over the gap between

    assert len(areas(lines)) == 2


def test_cells_share_the_line_between_them() -> None:
    lines = box((60, 80), 10, 10, 50, 30) | box((60, 80), 10, 30, 50, 70)

    labels = cells_in(lines).labels

    assert labels[30, 28:33].tolist() == [1, 1, 2, 2, 2]  # equally near: the right one
    lines[:, 31] |= lines[:, 30]
    assert cells_in(lines).labels[30, 28:34].tolist() == [1, 1, 1, 2, 2, 2]


def test_slivers_between_outlines_are_left_out_and_told() -> None:
    lines = box((100, 100), 10, 10, 90, 48) | box((100, 100), 10, 52, 90, 90)
    lines[[10, 90], 48:53] = True

    drawn = cells_in(lines)

    assert drawn.labels.max() == 2
    assert not drawn.labels[50, 50]
    assert drawn.remarks == (
        "left out as slivers between outlines: 1 regions, the largest of 237 px",
    )


def test_a_gap_no_wider_than_the_line_belongs_to_it() -> None:
    lines = box((100, 100), 10, 10, 90, 49) | box((100, 100), 10, 51, 90, 90)
    lines[[10, 90], 50] = True

    assert cells_in(lines).labels[50, 48:53].tolist() == [1, 1, 2, 2, 2]


def test_a_small_round_cell_among_large_ones_is_no_sliver() -> None:
    lines = box((200, 200), 10, 10, 190, 150) | ring((200, 200), (50, 170), 6)

    assert areas(lines) == pytest.approx([180 * 140, np.pi * 36], rel=0.03)


def test_an_outline_within_a_cell_is_a_cell_of_its_own() -> None:
    shape = (120, 120)
    lines = ring(shape, (60, 60), 50) | ring(shape, (60, 60), 20)

    outer, inner = areas(lines)

    assert inner == pytest.approx(np.pi * 20**2, rel=0.06)
    assert outer == pytest.approx(np.pi * (50**2 - 20**2), rel=0.02)


@pytest.mark.parametrize("turns", range(4))
def test_cells_cut_by_the_frame_are_cells(turns: int) -> None:
    shape = (200, 260)
    centres = [(100, 130), (0, 100), (198, 180), (0, 259)]  # whole, half, half, a quarter
    lines = np.rot90(np.any([ring(shape, centre, 30) for centre in centres], 0), turns)

    drawn = cells_in(lines)

    disc = np.pi * 30**2
    expected = sorted([disc, disc / 2, disc / 2, disc / 4])
    assert sorted(np.bincount(drawn.labels.ravel())[1:]) == pytest.approx(expected, rel=0.1)
    assert "open at the frame, taken as cells that it cuts: 3 regions" in drawn.remarks


def test_what_is_long_along_the_frame_is_outside() -> None:
    shape = (200, 300)
    band = box(shape, 0, 60, 220, 110) | box(shape, 40, 110, 160, 160)

    drawn = cells_in(band)  # from frame to frame: the outside lies on two sides of it

    assert drawn.labels[100, [5, 80, 130, 250]].tolist() == [0, 1, 2, 0]
    assert "along the frame for too long to be cells: 2 regions, the outside" in drawn.remarks


def test_a_picture_full_of_cells_has_no_outside() -> None:
    rows, columns = np.indices((121, 161))
    lines = (rows % 30 == 15) | (columns % 40 == 20)

    assert len(areas(lines)) == 5 * 5
    assert (cells_in(lines).labels > 0).all()


@st.composite
def mosaics(draw: st.DrawFn) -> Array:
    """(Y, X) uint32: cells that touch, without some, so that there are gaps and a background."""
    height, width = draw(st.integers(50, 120)), draw(st.integers(50, 120))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    seeds = rng.random((draw(st.integers(2, 12)), 2)) * (height, width)
    rows, columns = np.indices((height, width))
    away = np.hypot(rows[..., None] - seeds[:, 0], columns[..., None] - seeds[:, 1])
    labels: Array = (away.argmin(-1) + 1).astype(np.uint32)
    labels[away.min(-1) > draw(st.integers(15, 60))] = 0
    return labels


@given(labels=mosaics())
@settings(max_examples=40, deadline=None)
def test_large_cells_are_read_as_they_were_written(labels: Array) -> None:
    [read] = read_back(FORMAT, [Drawn(labels)])

    thick = {int(label): thickness(labels == label) for label in np.unique(labels)}
    for label in set(thick) - {0}:
        cell = labels == label
        if cell.sum() >= 300 and thick[label] >= max(7, 0.3 * max(thick.values())):  # no sliver
            best = np.bincount(read.labels[cell & (read.labels > 0)]).argmax()
            # a line one pixel wide is shared out: a cell of some 300 px has had 0.83
            assert iou(cell, read.labels == best) > 0.8, label


def thickness(region: Array) -> float:
    """Radius of the largest disc in it."""
    from scipy import ndimage

    return float(ndimage.distance_transform_edt(np.pad(region, 1)).max())  # type: ignore[union-attr]


def at_a_limit(lines: Array) -> bool:
    """Whether a region is outside or not by two pixels of the frame: bridges go by side, too."""
    regions = contour_cells._regions(bridged(lines).lines)
    outside = contour_cells._outside(regions)
    others = (
        replace(regions, span=np.where(regions.span > 0, regions.span + more, 0))
        for more in (-2, 2)
    )
    return any((contour_cells._outside(other) != outside).any() for other in others)


@given(labels=mosaics(), turns=st.integers(1, 3), flip=st.booleans())
@settings(max_examples=40, deadline=None)
def test_turned_and_flipped_drawings_give_the_same_cells(
    labels: Array, turns: int, flip: bool
) -> None:
    edges = np.zeros(labels.shape, bool)
    edges[:-1] |= labels[:-1] != labels[1:]
    edges[:, :-1] |= labels[:, :-1] != labels[:, 1:]

    def turned(plane: Array) -> Array:
        return np.array(np.rot90(plane, turns).T if flip else np.rot90(plane, turns))

    assume(not at_a_limit(edges))
    here, there = turned(cells_in(edges).labels), cells_in(turned(edges)).labels

    free = ~turned(edges)  # a line's middle pixels go by side, which turns
    assert here.max() == there.max()
    for label in range(1, int(here.max()) + 1):
        cell = here == label
        if cell.sum() >= 100:
            other = there == np.bincount(there[cell]).argmax()
            assert iou(cell & free, other & free) > 0.95


def test_round_trip_keeps_the_number_and_tells_what_it_cannot_hold(tmp_path: Path) -> None:
    labels = np.zeros((60, 80), np.uint32)
    labels[10:40, 10:30], labels[10:40, 30:60], labels[50:52, 10:70] = 7, 3, 9

    assert FORMAT.write is not None
    (out := tmp_path / "out").mkdir()
    drawn = Drawn(labels, classes={7: "round"})
    told = FORMAT.write([picture(tmp_path, "a", drawn)], out)

    assert told == [
        "a: lost or changed, as they are small, thin or in pieces: 1 of 3 cells",
        "a: outlines have no place for classes",
    ]
    [entry] = FORMAT.entries(Source(out))
    assert entry.read((60, 80)).labels.max() == 2


@given(labels=label_images())
@settings(max_examples=60, deadline=None)
def test_any_labels_are_written_and_what_is_lost_is_told(labels: Array) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (out := Path(folder, "out")).mkdir()
        assert FORMAT.write is not None
        told = FORMAT.write([picture(Path(folder), "a", Drawn(labels))], out)
        [entry] = FORMAT.entries(Source(out))
        n_cells = len(np.unique(labels[labels > 0]))
        try:
            read = entry.read(labels.shape)
        except InputError:
            assert any("cannot be read" in one for one in told)
        else:
            assert read.labels.shape == labels.shape
            assert told or read.labels.max() == n_cells


def test_an_empty_drawing_has_no_cells(tmp_path: Path) -> None:
    drawn = save(tmp_path, "a", np.zeros((60, 80), np.uint8)).read((60, 80))

    assert drawn.labels.shape == (60, 80)
    assert not drawn.labels.any()
    assert drawn.remarks == ("there is no outline in the drawing",)


def test_dark_lines_on_a_light_ground_and_colours(tmp_path: Path) -> None:
    lines = box((60, 80), 10, 10, 50, 70)
    light = np.where(lines, 255, 0).astype(np.uint8)
    red = np.stack([light, 0 * light, 0 * light], -1)

    expected = save(tmp_path, "a", light).read((60, 80))
    dark = save(tmp_path, "a_dark", 255 - light).read(None)
    coloured = save(tmp_path, "a_red", red).read((60, 80))

    np.testing.assert_array_equal(dark.labels, expected.labels)
    np.testing.assert_array_equal(coloured.labels, expected.labels)
    assert dark.remarks == ("the lines are dark on a light ground",)
    assert coloured.remarks == expected.remarks == ()


@pytest.mark.parametrize("ink", [0, 90, 255])
@pytest.mark.parametrize("beneath", [0, 255])
def test_on_nothing_all_that_is_seen_is_line(tmp_path: Path, ink: int, beneath: int) -> None:
    lines = box((60, 80), 10, 10, 50, 70)
    seen = np.where(lines, 255, 0).astype(np.uint8)
    grey = np.where(lines, ink, beneath).astype(np.uint8)

    expected = save(tmp_path, "a", seen).read((60, 80))
    for name, drawing in (
        ("a_colour", np.stack([grey, grey, grey, seen], -1)), ("a_grey", np.stack([grey, seen], -1))
    ):  # fmt: skip
        found = save(tmp_path, name, drawing).read((60, 80))
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.remarks == ()


def test_what_was_rubbed_out_of_paper_is_paper(tmp_path: Path) -> None:
    lines = box((60, 80), 10, 10, 50, 70)
    grey = np.where(lines, 0, 255).astype(np.uint8)
    seen = np.full((60, 80), 255, np.uint8)
    grey[20:30, 20:30] = seen[20:30, 20:30] = 0

    paper = save(tmp_path, "a", np.stack([grey, grey, grey, seen], -1)).read((60, 80))

    assert np.count_nonzero(paper.labels) == pytest.approx(40 * 60, abs=1)
    nothing = np.zeros((60, 80, 4), np.uint8)
    assert not save(tmp_path, "a_b", nothing).read((60, 80)).labels.any()


@pytest.mark.parametrize("second", [(0, 80, 0), (200, 200, 200), (40, 40, 40)])
def test_a_second_pen_may_be_fainter(tmp_path: Path, second: tuple[int, int, int]) -> None:
    first, other = box((60, 80), 10, 10, 50, 40), box((60, 80), 10, 40, 50, 70)
    drawing = np.zeros((60, 80, 3), np.uint8)
    drawing[other] = second
    drawing[first] = 255

    drawn = save(tmp_path, "a", drawing).read((60, 80))

    assert np.bincount(drawn.labels.ravel())[1:] == pytest.approx([40 * 30] * 2, abs=1)


def test_a_second_pen_may_have_drawn_small_cells(tmp_path: Path) -> None:
    drawing = box((60, 80), 10, 10, 50, 40) * np.uint8(255)
    drawing[box((60, 80), 20, 60, 29, 69)] = 80

    drawn = save(tmp_path, "a", drawing).read((60, 80))

    assert np.bincount(drawn.labels.ravel())[1:] == pytest.approx([40 * 30, 9 * 9], abs=1)


def test_the_rim_of_a_smoothed_line_is_no_second_pen() -> None:
    from scipy import ndimage

    for blur in (1.0, 2.0, 3.0):
        drawing = ndimage.gaussian_filter(ring((120, 120), (60, 60), 40, 2) * 255.0, blur)
        lines, _ = lines_in(drawing[..., None], "")
        np.testing.assert_array_equal(lines, drawing > 0.4 * drawing.max())


@pytest.mark.parametrize(
    ("drawing", "told"),
    [
        (np.full((60, 80), 255, np.uint8), "no line in it, all pixels are 255"),
        (np.zeros((60, 79), np.uint8), "the drawing is 79 x 60 px, the picture 80 x 60"),
        (
            np.random.default_rng(0).normal(100, 20, (60, 80)).astype(np.uint8),
            "this is no drawing",
        ),
        (
            np.pad(np.full((30, 30), 255, np.uint8), [(10, 20), (20, 30)]),
            "these are filled shapes, not lines",
        ),
    ],
)
def test_what_is_no_drawing_of_this_picture_is_refused(
    tmp_path: Path, drawing: Array, told: str
) -> None:
    with pytest.raises(InputError, match=rf"a\.png: .*{told}"):
        save(tmp_path, "a", drawing).read((60, 80))


def test_a_larger_drawing_is_cut_and_never_squeezed(tmp_path: Path) -> None:
    lines = box((64, 102), 10, 10, 50, 70).astype(np.uint8) * 255

    drawn = save(tmp_path, "a", lines).read((60, 80))

    np.testing.assert_array_equal(np.flatnonzero(drawn.labels[30])[[0, -1]], [10, 69])
    assert drawn.remarks == (
        "the drawing is 102 x 64 px, the picture 80 x 60: cut to it on the right and below",
    )


def test_several_drawings_of_a_picture_belong_together(tmp_path: Path) -> None:
    lines = box((60, 80), 10, 10, 50, 70).astype(np.uint8) * 255
    for name in ("a", "a_second", "a_by_hand", "b"):
        save(tmp_path, name, lines)

    entries = {one.name: one for one in FORMAT.entries(Source(tmp_path))}

    assert {name: one.image and one.image.name for name, one in entries.items()} == {
        "a": "a.png", "a_second": "a.png", "a_by_hand": "a.png", "b": None,
    }  # fmt: skip
    assert {name: one.group for name, one in entries.items()} == {
        "a": "a", "a_second": "a", "a_by_hand": "a", "b": "",
    }  # fmt: skip


def test_the_hand_drawn_endothelium(shared_data: Path) -> None:
    """Somebody's own fill has 61, 53 and 21 regions.

    It counts as cells 3, 1 and 0 gaps between cells, and leaves out 2 cells of the last picture
    whose outlines run off its lower edge.
    """
    folder = shared_data / "bbb"
    if not (folder / "contours").is_dir():
        pytest.skip("the endothelium is not among the shared data")
    cells = {}
    for entry in FORMAT.entries(Source(folder)):
        drawn = entry.read((1024, 1344))
        with Pillow.open(folder / "labels" / f"{entry.name}.png") as picture:
            known = np.array(picture)
        n_found, n_known = int(drawn.labels.max()), int(known.max())
        pairs = drawn.labels.astype(np.int64) * (n_known + 1) + known
        shared = np.bincount(pairs.ravel(), minlength=(n_found + 1) * (n_known + 1))
        shared = shared.reshape(n_found + 1, n_known + 1)
        union = shared.sum(0) + shared.sum(1)[:, None] - shared
        same = (shared / union)[1:, 1:]
        assert np.median(same[same >= 0.5]) > 0.98
        cells[entry.name] = n_found, int((same >= 0.5).sum())
    assert cells == {"0": (58, 58), "0_second": (52, 52), "1": (23, 21)}
