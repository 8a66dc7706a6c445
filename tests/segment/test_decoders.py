"""The decoders that look at a whole plane, and the door of all of them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models.tiny_model import make_description

from cellwright.core.errors import UnsupportedError
from cellwright.core.image import Array
from cellwright.segment.blocks import Window
from cellwright.segment.decoder import TRAITS, decoder_of
from cellwright.segment.decoders.components import DECODER as COMPONENTS
from cellwright.segment.decoders.components import ComponentsOptions
from cellwright.segment.decoders.walls import DECODER as WALLS
from cellwright.segment.decoders.walls import WallsOptions
from cellwright.segment.network_classes import class_columns, class_logits
from cellwright.segment.network_maps import LOGIT_STEP, Quantised


def maps_of(**logits: Array) -> Quantised:
    values = np.stack([np.rint(one / LOGIT_STEP) for one in logits.values()])
    return Quantised(tuple(logits), np.clip(values, -127, 127).astype(np.int8))


def found(decoder: object, maps: Quantised, options: object) -> tuple[Array, Array]:
    labels = np.zeros(maps.values.shape[1:], np.uint32)
    objects = decoder.find(maps, labels, options)  # type: ignore[attr-defined]
    assert objects.count == labels.max()
    return labels, objects.traits


def test_components_are_what_hangs_together_filled_and_large_enough() -> None:
    logits = np.full((20, 30), -4.0)
    logits[2:9, 2:9] = 4
    logits[5, 5] = -4  # a hole
    logits[12:18, 10:20] = 4
    logits[15, 25] = 4  # a speck
    labels, traits = found(COMPONENTS, maps_of(foreground=logits), ComponentsOptions())
    wanted = np.zeros((20, 30), np.uint32)
    wanted[2:9, 2:9] = 1
    wanted[12:18, 10:20] = 2
    np.testing.assert_array_equal(labels, wanted)
    assert traits[:, TRAITS.index("area")].tolist() == [0, 49, 60]
    open_labels, _ = found(COMPONENTS, maps_of(foreground=logits), ComponentsOptions(holes=False))
    assert open_labels[5, 5] == 0


def test_the_level_may_be_the_mean_of_the_picture() -> None:
    logits = np.full((20, 20), -6.0)
    logits[4:14, 4:14] = -1.5  # a network that is nowhere sure
    maps = maps_of(foreground=logits)
    assert found(COMPONENTS, maps, ComponentsOptions())[0].max() == 0
    labels, _ = found(COMPONENTS, maps, ComponentsOptions(level="mean"))
    np.testing.assert_array_equal(labels > 0, logits > -2)


def test_two_that_touch_are_parted_at_their_neck() -> None:
    rows, columns = np.indices((30, 50))
    discs = ((rows - 15) ** 2 + (columns - 15) ** 2 < 100) | (
        (rows - 15) ** 2 + (columns - 33) ** 2 < 100
    )
    maps = maps_of(foreground=np.where(discs, 4.0, -4.0))
    assert found(COMPONENTS, maps, ComponentsOptions())[0].max() == 1
    labels, _ = found(COMPONENTS, maps, ComponentsOptions(neck=0.8))
    assert labels.max() == 2
    assert labels[15, 15] != labels[15, 33]


def tiles(gap: int = 0) -> Array:
    """Borders of cells of 15 px, with as wide a gap in the middle of each upright one."""
    border = np.full((60, 60), -4.0)
    border[::15] = 4
    border[:, ::15] = 4
    for top in range(0, 60, 15):
        middle = top + 8
        border[middle - gap // 2 : middle + (gap + 1) // 2, 1:] = np.where(
            border[middle, 1:] > 0, -4, border[middle, 1:]
        )
    return border


@pytest.mark.parametrize("gap", [0, 3])
def test_cells_lie_between_walls_also_broken_ones(gap: int) -> None:
    labels, _ = found(WALLS, maps_of(border=tiles(gap)), WallsOptions())
    assert labels.max() == 16
    assert (labels > 0).all()  # walls have no width
    middles = labels[7::15, 7::15]
    assert len(np.unique(middles)) == 16


def test_without_foreground_there_are_no_cells() -> None:
    foreground = np.full((60, 60), -4.0)
    foreground[:30] = 4
    maps = maps_of(foreground=foreground, border=tiles())
    labels, _ = found(WALLS, maps, WallsOptions())
    assert (labels[:30] > 0).all()
    assert (labels[30:] == 0).all()
    height = WALLS.height(maps, Window(0, 0, *labels.shape), WallsOptions())
    np.testing.assert_array_equal(height > 0, labels > 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"decoder": {"name": "stars", "version": 1}}, "'components', 'votes', 'walls'"),
        ({"decoder": {"name": "walls", "version": 9}}, "version 9"),
        ({"decoder": {"name": "walls", "version": 1}}, "no border"),
    ],
)
def test_a_model_whose_maps_nobody_can_decode_is_refused(
    change: dict[str, object], said: str
) -> None:
    with pytest.raises(UnsupportedError, match=said):
        decoder_of(make_description(**change))


def test_an_objects_class_is_that_of_its_pixels_together() -> None:
    labels = np.array([[1, 1, 1, 2], [0, 0, 2, 2]])
    first = np.array([[3.0, 3.0, -3.0, -1.0], [8.0, 8.0, -1.0, -1.0]])
    maps = maps_of(class_0=first, class_1=-first)
    logits = class_logits(maps, labels, 3)
    np.testing.assert_allclose(logits, [[0, 0], [1, -1], [-1, 1], [0, 0]])
    description = make_description(
        channels=("foreground", "class_0", "class_1"),
        classes=({"name": "HEK", "colour": "#000000"}, {"name": "N2a", "colour": "#ffffff"}),
        calibration={"temperature": 2.0},
    )
    columns = class_columns(logits[1:3], description)
    assert columns["class"].tolist() == ["HEK", "N2a"]
    np.testing.assert_allclose(columns["p_HEK"], [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])
