"""What the file of a trained model says about it."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

from tests.learn.test_plan import nature

from cellwright.core.errors import UsageError
from cellwright.learn.architectures.instance import Instance
from cellwright.learn.architectures.maskrcnn import MaskRcnn
from cellwright.learn.architectures.unet import Unet
from cellwright.learn.batches import Sampling
from cellwright.learn.describing import described
from cellwright.learn.training import Settings
from cellwright.models.description import Description


def made(settings: Settings, **changes: Any) -> Description:
    said: dict[str, Any] = {"name": "mine", "kind": "cell", "licence": "CC0-1.0", "learnt": 3}
    return described(settings, nature(), **(said | changes))


@pytest.mark.parametrize("architecture", [Instance(classes=2), MaskRcnn(classes=2)])
def test_classes_are_those_that_the_network_tells(architecture: Instance | MaskRcnn) -> None:
    settings = Settings(architecture=architecture)
    assert [one.name for one in made(settings, classes="ab").classes] == ["a", "b"]
    with pytest.raises(UsageError, match="have 3 classes, and the network is to tell 2"):
        made(settings, classes="abc")
    with pytest.raises(UsageError, match="must be one for each class"):
        made(settings)


@pytest.mark.parametrize("architecture", [Instance(), Unet()])
def test_a_network_that_tells_no_classes_names_none(architecture: Instance | Unet) -> None:
    assert made(Settings(architecture=architecture), classes="ab").classes == ()


def test_deep_networks_are_shown_tiles_that_fit() -> None:
    settings = Settings(architecture=Unet(widths=(2,) * 9), sampling=Sampling(side=256))
    assert made(settings).tile == 7 * 256
    assert made(Settings()).tile == 1664


def test_what_no_model_file_can_hold_is_said() -> None:
    with pytest.raises(UsageError, match=r"name: .*--name"):
        made(Settings(), name="My cells")
