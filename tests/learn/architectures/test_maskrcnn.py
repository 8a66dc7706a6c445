"""Mask R-CNN: what it learns from, what it finds as torchvision does, and what is painted."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")
pytest.importorskip("onnxscript", reason="the extra [train] is not installed")

import torch
from pydantic import TypeAdapter

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.core.image import Array, Image
from cellwright.engine.onnx import Network
from cellwright.io.label_image import encode_labels
from cellwright.learn.architecture import architecture_of, architectures
from cellwright.learn.architectures.maskrcnn import MaskRcnn
from cellwright.learn.batches import Sampling
from cellwright.learn.beginning import begun
from cellwright.learn.job import train_model
from cellwright.learn.options import TrainOptions
from cellwright.learn.packaging import network_of
from cellwright.learn.pictures import Picture
from cellwright.learn.regions import at_boxes, mosaic
from cellwright.learn.targets import Truth
from cellwright.learn.torchvision_shim import has_operators, load_torchvision
from cellwright.learn.training import Settings, train
from cellwright.models.check import check_model
from cellwright.models.model import read_model
from cellwright.segment.decoders.votes import VotesOptions, decode
from cellwright.segment.network import NetworkMethod, NetworkOptions
from cellwright.segment.network_maps import SIZE_UNIT, UNIT
from cellwright.simulate.nuclei import simulate_nuclei

if find_spec("torchvision") is None:  # it cannot be imported before its operators are declared
    pytest.skip("the extra [detection] is not installed", allow_module_level=True)

from cellwright.learn.architectures.mask_rcnn_losses import drawn
from cellwright.learn.architectures.mask_rcnn_maps import Found, maps_of
from cellwright.learn.architectures.mask_rcnn_network import MaskRcnnNetwork

load_torchvision()

SMALL = MaskRcnn(imagenet="random", pyramid=8, hidden=16, detections=24, samples=16, classes=2)


def network_with(seed: int, architecture: MaskRcnn = SMALL) -> MaskRcnnNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return architecture.network()


def nuclei() -> tuple[torch.Tensor, Array]:
    """(1, 3, 64, 64) pixels and (64, 64) labels."""
    plane, labels = simulate_nuclei((64, 64), n=6, diameter_px=16, seed=3)
    unit = (plane - plane.min()) / np.ptp(plane)
    return torch.from_numpy(unit.astype(np.float32)).expand(1, 3, 64, 64).contiguous(), labels


def wanted_of(labels: Array, classes: Array | None = None) -> dict[str, torch.Tensor]:
    known = np.full(labels.max() + 1, -1, np.int16) if classes is None else classes
    found = SMALL.targets(Truth(labels, labels < 0, labels >= 0, known))
    assert all(array.dtype == np.float32 for array in found.values())
    return {name: torch.from_numpy(array)[None] for name, array in found.items()}


def losses_of(
    network: MaskRcnnNetwork,
    labels: Array,
    inside: Array | None = None,
    classes: Array | None = None,
) -> dict[str, torch.Tensor]:
    pixels = torch.zeros(1, 3, *labels.shape) + torch.from_numpy(labels > 0)
    within = torch.from_numpy(np.ones(labels.shape, bool) if inside is None else inside)[None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return SMALL.loss(network.train()(pixels), wanted_of(labels, classes), within)


def test_it_is_known_by_its_name_and_its_options_survive_their_file() -> None:
    assert architectures()["maskrcnn"] is MaskRcnn
    assert architecture_of("maskrcnn", {"classes": 2}) == MaskRcnn(classes=2)
    adapter = TypeAdapter(MaskRcnn)
    assert adapter.validate_json(adapter.dump_json(SMALL)) == SMALL
    assert next(iter(adapter.dump_python(SMALL))) == "name"
    assert SMALL.channels == (
        "foreground", "size", "overlap", "row_offset", "column_offset", "class_0", "class_1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"backbone": "resnet34"}, "there is no backbone"),
        ({"anchors": (8.0, 16.0)}, "cannot have the anchors"),
        ({"anchors": (0.0, 16.0, 32.0, 64.0)}, "cannot have the anchors"),
        ({"pyramid": 0}, "no channels"),
        ({"detections": 0}, "find no objects"),
        ({"classes": 2, "class_weights": (1.0,)}, "1 weights for 2 classes"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        MaskRcnn(**options)


def test_it_begins_with_the_weights_of_a_file_and_then_norms_keep_their_statistics(
    tmp_path: Path,
) -> None:
    from torchvision.models import resnet18

    stored = resnet18(weights=None).state_dict()
    path = tmp_path / "resnet18.pth"
    torch.save(stored, path)
    network = replace(SMALL, imagenet=str(path)).network()
    state = network.body.state_dict()
    assert torch.equal(state["layer2.0.conv1.0.weight"], stored["layer2.0.conv1.weight"])
    assert torch.equal(state["layer4.1.conv2.1.bias"], stored["layer4.1.bn2.bias"])
    assert torch.equal(state["layer2.0.downsample.1.bias"], stored["layer2.0.downsample.1.bias"])
    before = state["conv1.1.running_mean"].clone()
    for each, moves in ((network, False), (network_with(1), True)):
        each.train()(torch.rand(1, 3, 64, 64))
        moved = not torch.equal(each.body.state_dict()["conv1.1.running_mean"], before)
        assert moved == moves
    torch.save({name: value for name, value in stored.items() if name != "bn1.bias"}, path)
    with pytest.raises(UnreadableError, match=r"no weights 'bn1\.bias'"):
        replace(SMALL, imagenet=str(path)).network()
    with pytest.raises(UsageError, match=r"resnet18-f37072fd\.pth.*imagenet='random'"):
        replace(SMALL, imagenet=None).network()
    with pytest.raises(UsageError, match=r"resnet50-11ad3fa6\.pth"):
        replace(SMALL, imagenet=None, backbone="resnet50").network()


def test_boxes_are_those_of_what_lies_inside() -> None:
    labels = np.zeros((8, 10), np.int64)
    labels[1:4, 2:7], labels[6, 9], labels[7, 0] = 3, 9, 4
    inside = np.ones((8, 10), bool)
    inside[:, 5:9] = inside[7] = False
    classes = np.where(labels == 3, 1, -1)
    found = drawn(*(torch.from_numpy(each) for each in (labels, inside, classes)))
    assert found.numbers.tolist() == [3, 9]
    assert found.boxes.tolist() == [[2, 1, 5, 4], [9, 6, 10, 7]]
    assert found.classes.tolist() == [1, -1]
    assert found.holds(found.boxes + torch.tensor([3.0, 0, 3, 0])).tolist() == [False, True]


def test_patches_of_nothing_of_specks_and_of_what_does_not_count_give_numbers() -> None:
    network = network_with(2)
    empty = np.zeros((64, 64), np.int32)
    specks = empty.copy()
    specks[10, 10], specks[40:42, 3], specks[0, 63] = 1, 2, 3
    outside = np.zeros((64, 64), bool)
    for labels, inside in ((empty, None), (specks, None), (specks, outside), (empty, outside)):
        parts = losses_of(network, labels, inside)
        assert list(parts) == ["objectness", "proposals", "score", "boxes", "masks", "class"]
        assert all(torch.isfinite(part) for part in parts.values())
        torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
        gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert losses_of(network, specks)["masks"].item() > 0
    assert all(part.item() == 0 for part in losses_of(network, specks, outside).values())


def test_what_is_drawn_outside_does_not_matter() -> None:
    labels = nuclei()[1].astype(np.int32)
    inside = np.ones((64, 64), bool)
    inside[:, 40:] = False
    other = np.where(inside, labels, 99).astype(np.int32)
    network, pixels = network_with(2).train(), nuclei()[0]
    found = []
    for each in (labels, other):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            parts = SMALL.loss(network(pixels), wanted_of(each), torch.from_numpy(inside)[None])
        found.append({name: part.item() for name, part in parts.items()})
    assert found[0] == pytest.approx(found[1])


def test_only_classes_that_are_known_are_learnt() -> None:
    network, labels = network_with(2), nuclei()[1].astype(np.int32)
    none = losses_of(network, labels)
    some = losses_of(network, labels, classes=np.arange(labels.max() + 1, dtype=np.int16) % 3 - 1)
    assert none["class"].item() == 0 < some["class"].item()
    assert "class" not in replace(SMALL, classes=0).loss(
        network_with(2, replace(SMALL, classes=0)).train()(torch.rand(1, 3, 64, 64)),
        wanted_of(labels),
        torch.ones(1, 64, 64, dtype=torch.bool),
    )


def test_a_few_steps_lower_the_loss() -> None:
    pixels, labels = nuclei()
    network = network_with(5).train()
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    inside = torch.ones(1, 64, 64, dtype=torch.bool)
    found = []
    for step in range(12):
        optimiser.zero_grad()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(step)
            parts = SMALL.loss(network(pixels), wanted_of(labels.astype(np.int32)), inside)
        loss = torch.stack(list(parts.values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        found.append(float(loss.detach()))
    assert min(found[-3:]) < 0.8 * found[0], found


class Interrupted(Exception):
    """Instead of a person who ends a run."""


class Ending(list[Picture]):
    """Pictures of which only so many can be taken."""

    def __init__(self, pictures: list[Picture], left: int) -> None:
        super().__init__(pictures)
        self._left = left

    def __getitem__(self, index: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Interrupted
        return super().__getitem__(index)


def test_a_run_that_was_ended_goes_on_to_the_same_weights(
    tmp_path: Path, pictures: list[Picture]
) -> None:
    said = Settings(
        architecture=SMALL, sampling=Sampling(side=64, count=2), steps=3, warm_up=1, fall=1,
        checkpoint_steps=2, optimiser="adam", learning_rate=3e-4,
    )  # fmt: skip
    whole = train(pictures, said, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(Ending(pictures, 4), said, tmp_path / "parted")
    torch.rand(7)  # whatever else drew from the generator
    again = train(pictures, said, tmp_path / "parted")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    beginning = begun(SMALL, seed=said.seed).network.state_dict()
    assert not torch.equal(beginning["head.box_head.fc6.weight"],
                           whole.state_dict()["head.box_head.fc6.weight"])  # fmt: skip


class Taken(torch.nn.Module):
    """Takes what lies in boxes as the network does, where torchvision asks for it."""

    def __init__(self, side: int, ratio: int) -> None:
        super().__init__()
        self.side, self.ratio = side, ratio

    def forward(
        self, levels: dict[str, torch.Tensor], boxes: list[torch.Tensor], shapes: Any
    ) -> torch.Tensor:
        stacked = torch.stack(boxes)
        finest = torch.zeros(stacked.shape[:2])  # all boxes are small
        return at_boxes(
            mosaic(list(levels.values())), stacked, finest,
            stride=4, side=self.side, ratio=self.ratio,
        ).flatten(0, 1)  # fmt: skip


@pytest.mark.skipif(not has_operators(), reason="torchvision's compiled operators are missing")
def test_objects_are_found_as_torchvision_finds_them() -> None:
    from torchvision.models.detection.image_list import ImageList

    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    many = replace(
        SMALL,
        detections=1100,  # more than there are anchors
        anchors=(8.0, 10.0, 12.0, 16.0),
    )
    network = network_with(4, many).eval()
    with torch.no_grad():
        for weight in (
            network.head.box_predictor.bbox_pred.weight,
            network.rpn.head.bbox_pred.weight,
        ):
            weight.mul_(3)  # as if trained: boxes move
        seen = network.train()(pixels)
        network.eval()
        network.head.score_thresh = 0.0
        found = network.found(seen.levels)
        boxes, scores, masks = found.boxes, found.scores, found.masks
        anchors = network.proposed(seen.levels).anchors
        levels = OrderedDict(enumerate(seen.levels))
        network.rpn.anchor_generator.forward = lambda images, features: [anchors]
        network.rpn._pre_nms_top_n = network.rpn._post_nms_top_n = {"testing": 10_000}
        network.head.box_roi_pool, network.head.mask_roi_pool = Taken(7, 2), Taken(14, 1)
        images = ImageList(pixels, [(64, 64)])
        proposals, _ = network.rpn(images, levels)
        [wanted], _ = network.head(levels, proposals, [(64, 64)])
    count = len(wanted["scores"])
    assert 50 < count < 1000
    assert int((scores[0] > 0).sum()) == count
    torch.testing.assert_close(scores[0, :count], wanted["scores"], atol=1e-5, rtol=0)
    ours, theirs = (  # of equal scores the order is anybody's
        np.lexsort(np.round(each.numpy(), 2).T) for each in (boxes[0, :count], wanted["boxes"])
    )
    torch.testing.assert_close(boxes[0, ours], wanted["boxes"][theirs], atol=1e-3, rtol=0)
    torch.testing.assert_close(masks[0, ours], wanted["masks"][theirs, 0], atol=1e-4, rtol=0)


def discs(middles: list[tuple[float, float]], radius: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes about discs, and their masks."""
    at = (np.arange(28) + 0.5) / 28 * 2 - 1
    disc = (at[:, None] ** 2 + at**2 < 1).astype(np.float32)
    boxes = [[x - radius, y - radius, x + radius, y + radius] for y, x in middles]
    return torch.tensor(boxes)[None], torch.from_numpy(disc).expand(1, len(boxes), 28, 28)


def test_what_was_found_is_painted_such_that_votes_find_it_again() -> None:
    middles = [(20.0, 20.0), (20.0, 37.0), (36.0, 28.0), (50.0, 60.0), (4.0, 70.0), (30.0, 60.0)]
    boxes, masks = discs(middles, 9.0)
    scores = torch.tensor([[0.99, 0.9, 0.8, 0.95, 0.9, 0.2]])
    classes = torch.arange(6.0)[None, :, None]
    middle = torch.arange(80) + 0.5
    found = maps_of(Found(boxes, scores, masks, classes), middle[:64], middle)[0].numpy()
    names = ("foreground", "size", "overlap", "row_offset", "column_offset", "class_0")
    maps = dict(zip(names, found, strict=True))
    assert found.shape == (6, 64, 80)
    assert np.isfinite(found).all()
    rows, columns = np.indices((64, 80)) + 0.5
    for index, (y, x) in enumerate(middles):
        there = (rows - y) ** 2 + (columns - x) ** 2 < 7**2
        np.testing.assert_allclose(maps["class_0"][there], index)
        np.testing.assert_allclose(UNIT * maps["row_offset"][there], (y - rows)[there], atol=0.05)
        np.testing.assert_allclose(
            UNIT * maps["column_offset"][there], (x - columns)[there], atol=0.05
        )
        np.testing.assert_allclose(SIZE_UNIT * 2 ** maps["size"][there], 18, rtol=0.05)
        score = 1 / (1 + np.exp(-maps["foreground"][there]))
        np.testing.assert_allclose(score, float(scores[0, index]), atol=1e-3)
    lengths = {name: UNIT * maps[name] for name in ("row_offset", "column_offset")}
    size = np.log2(SIZE_UNIT) + maps["size"]
    said = {"foreground": maps["foreground"], "size": size, **lengths}
    labels = decode(said, VotesOptions(least_area=4, smoothing=2.0, join=0.05)).labels
    numbers = [labels[int(y), int(x)] for y, x in middles]
    assert numbers[-1] == 0  # too unsure
    assert len(set(numbers[:-1])) == 5 == len(np.unique(labels)) - 1
    for number, (y, x) in zip(numbers[:-1], middles, strict=False):
        disc = (rows - y) ** 2 + (columns - x) ** 2 < 9**2
        assert np.count_nonzero(disc & (labels == number)) > 0.9 * np.count_nonzero(disc)


def test_where_two_lie_over_each_other_both_are_known() -> None:
    boxes, masks = discs([(20.0, 16.0), (20.0, 24.0)], 8.0)
    middle = torch.arange(40) + 0.5
    scores = torch.tensor([[0.9, 0.7]])
    found = maps_of(Found(boxes, scores, masks, masks[..., :0, 0]), middle, middle)
    overlap = torch.sigmoid(found[0, 2])
    assert float(overlap[20, 20]) == pytest.approx(0.7, abs=0.01)
    assert float(overlap[20, 11]) < 0.01


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model after a few steps: what a person gets, and the one export of these tests."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("dataset")
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for seed in range(3):
        pixels, labels = simulate_nuclei((96, 96), n=12, diameter_px=24, seed=seed)
        (folder / "images" / f"p{seed}.tif").write_bytes(encode_labels(pixels, "YX"))
        (folder / "labels" / f"p{seed}.tif").write_bytes(encode_labels(labels, "YX"))
    changes = (
        "architecture.imagenet=random", "architecture.pyramid=8", "architecture.hidden=16",
        "architecture.detections=32", "architecture.samples=16", "sampling.side=64",
        "sampling.count=2", "steps=4", "warm_up=1", "fall=1", "checkpoint_steps=4",
    )  # fmt: skip
    done = train_model(folder, folder / "out", TrainOptions(architecture="maskrcnn", set=changes))
    assert done.model is not None
    assert done.plan.settings.optimiser == "adam"
    return done.model


def test_out_comes_a_model_that_segments(path: Path) -> None:
    assert all(finding.passed for finding in check_model(path))
    description = read_model(path).description
    assert description.decoder.name == "votes"
    assert description.decoder.options["smoothing"] == 2
    assert (description.tile, description.halo, description.multiple) == (256, 64, 32)
    assert description.diameter == 24
    pixels, _ = simulate_nuclei((96, 96), n=12, diameter_px=24, seed=9)
    options = NetworkOptions(model=str(path), diameter=24.0, confidence=0.0)
    objects = NetworkMethod().segment(Image(pixels, "YX"), options)
    assert objects.labels["cell"].pixels().shape == (96, 96)


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (3, 3, 32, 96), (1, 3, 160, 128)])
def test_onnx_agrees_with_torch_and_leads_back_to_it(path: Path, shape: tuple[int, ...]) -> None:
    """Logits of the least chance there is, 0.0005, show each rounding 2000 times as large."""
    model = read_model(path)
    network = network_of(model).eval()
    random = torch.Generator().manual_seed(8)
    batch = torch.nn.functional.interpolate(  # spots, not noise: where nothing is alike by chance
        torch.rand(*shape[:2], shape[2] // 8, shape[3] // 8, generator=random), scale_factor=8.0,
        mode="bicubic",
    )  # fmt: skip
    with torch.no_grad():
        wanted = network(batch).numpy()
    assert wanted[:, 0].max() > -4
    assert np.abs(wanted[:, 3:]).max() > 0.1
    apart = np.abs(Network(model.weights).run(batch.numpy()) - wanted) > 1e-3
    assert apart.mean() < 1e-4  # where two are equally sure of a pixel, rounding says whose it is
