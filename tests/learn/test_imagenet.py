"""Weights of ImageNet: what is put where, and what is said when they are not there."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch
from torch import nn

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.learn.imagenet import ALEXNET, RANDOM, VGG16, Standardised, begin

NAMES = ("features.weight", "features.bias", "classifier.weight")


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 4, 3)
        self.classifier = nn.Conv2d(4, 5, 2)
        self.head = nn.Conv2d(5, 1, 1)


def stored() -> dict[str, torch.Tensor]:
    """As torchvision has it: the classifier is a matrix, and there is more in the file."""
    return {
        "features.weight": torch.arange(108.0).reshape(4, 3, 3, 3),
        "features.bias": torch.arange(4.0),
        "classifier.weight": torch.arange(80.0).reshape(5, 16),
        "last.weight": torch.ones(1000, 5),
    }


def written(path: Path, content: object) -> str:
    torch.save(content, path)
    return str(path)


def test_weights_are_put_where_they_belong_and_nowhere_else(tmp_path: Path) -> None:
    network = Small()
    head = network.head.weight.detach().clone()
    begin(network, written(tmp_path / "w.pth", stored()), VGG16, NAMES)
    torch.testing.assert_close(network.features.weight.data, stored()["features.weight"])
    torch.testing.assert_close(network.features.bias.data, stored()["features.bias"])  # type: ignore[union-attr]
    torch.testing.assert_close(network.head.weight.data, head)
    # as convolution, the matrix says of a picture what it said when that was flattened
    picture = torch.randn(1, 4, 2, 2)
    found = nn.functional.conv2d(picture, network.classifier.weight)
    wanted = picture.flatten(1) @ stored()["classifier.weight"].T
    torch.testing.assert_close(found.flatten(1), wanted)


def test_files_of_the_old_format_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"  # that of VGG-16 is one
    torch.save(stored(), path, _use_new_zipfile_serialization=False)
    network = Small()
    begin(network, str(path), VGG16, NAMES)
    torch.testing.assert_close(network.features.weight.data, stored()["features.weight"])


def test_random_weights_stay() -> None:
    network = Small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    begin(network, RANDOM, VGG16, NAMES)
    assert all(torch.equal(value, before[n]) for n, value in network.state_dict().items())


@pytest.mark.parametrize("published", [VGG16, ALEXNET], ids=["VGG-16", "AlexNet"])
@pytest.mark.parametrize("given", [None, "/there/is/no.pth"])
def test_without_a_file_it_is_said_where_there_is_one(given: str | None, published: object) -> None:
    assert published in {VGG16, ALEXNET}
    wanted = VGG16 if published == VGG16 else ALEXNET
    with pytest.raises(UsageError) as caught:
        begin(Small(), given, wanted, NAMES)
    assert wanted.title in caught.value.what
    assert caught.value.where == (given or "imagenet")
    assert wanted.url in caught.value.remedy
    assert "imagenet='random'" in caught.value.remedy


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("executed",))


def other_shape() -> dict[str, torch.Tensor]:
    return stored() | {"features.weight": torch.zeros(4, 3, 5, 5)}


def turned() -> dict[str, torch.Tensor]:
    """As many numbers, in another order."""
    return stored() | {"classifier.weight": torch.zeros(16, 5)}


def missing() -> dict[str, torch.Tensor]:
    return {name: value for name, value in stored().items() if name != "features.bias"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (other_shape(), r"'features.weight' is \(4, 3, 5, 5\), not \(4, 3, 3, 3\)"),
        (turned(), r"'classifier.weight' is \(16, 5\), not \(5, 4, 2, 2\)"),
        (missing(), "no weights 'features.bias'"),
        (stored() | {"features.bias": [0.0]}, "no weights 'features.bias'"),
        (stored() | {"features.bias": torch.zeros(4, dtype=torch.int)}, "no weights 'features.b"),
        ([1, 2], "no tensors by name"),
        (_Evil(), "cannot be read"),
    ],
    ids=["shape", "turned", "missing", "a list", "whole numbers", "no names", "code"],
)
def test_other_files_are_refused_and_the_network_stays(
    content: object, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    path = written(tmp_path / "w.pth", content)
    with pytest.raises(UnreadableError, match=message) as caught:
        begin(network, path, VGG16, NAMES)
    assert caught.value.where == path
    assert VGG16.url in caught.value.remedy
    assert all(torch.equal(value, before[n]) for n, value in network.state_dict().items())
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps({"a": 1}, 2), b"PK\x03\x04cut off"])
def test_broken_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=r"w\.pth: this is no file with weights of AlexNet"):
        begin(Small(), str(path), ALEXNET, NAMES)


def test_pixels_are_standardised_channel_by_channel_and_this_is_no_weight() -> None:
    module = Standardised()
    assert module.state_dict() == {}
    found = module(torch.ones(2, 3, 1, 4))
    assert found.shape == (2, 3, 1, 4)
    # one less the mean over the spread, of red, green and blue
    assert found[1, :, 0, 3].tolist() == pytest.approx(
        [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225], rel=1e-5
    )
