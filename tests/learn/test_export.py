"""From torch to ONNX and into a model file, and from there to the network as it was trained."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")
pytest.importorskip("onnxscript", reason="the extra [train] is not installed")

import torch
from tests.models.tiny_model import make_description
from torch import nn

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Array
from cellwright.engine.onnx import Network
from cellwright.learn.architectures.instance import Instance
from cellwright.learn.architectures.unet import Unet
from cellwright.learn.export import folded, in_half, norms_file, read_norms, to_onnx, unfolded
from cellwright.learn.packaging import NORMS, network_of, package, to_weights
from cellwright.models.check import check_model
from cellwright.models.description import Architecture
from cellwright.models.model import Model, read_model_file
from cellwright.models.stored_test import run_test

OPTIONS = {"separation": "offsets", "widths": [4, 8], "depths": [1, 2]}
ARCHITECTURE = Instance(widths=(4, 8), depths=(1, 2))


@dataclass(frozen=True)
class Exported:
    """A network, and what was made of it."""

    network: nn.Module
    weights: bytes
    norms: bytes


@pytest.fixture(scope="module")
def exported() -> Exported:
    """A network whose batch norms have seen something, and stretch and shift it, or drop it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = ARCHITECTURE.network()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, -1.5, 1.5)
                nn.init.normal_(module.bias)
        for _ in range(5):
            network(torch.rand(2, 3, 32, 32))
    with torch.no_grad():
        network.get_parameter("stem.1.weight")[2] = 0
        for name in ("bias", "running_mean"):  # such a bias of 0 is not stored
            network.state_dict()[f"decoder.0.second.1.{name}"].zero_()
    network.eval()
    return Exported(network, *to_weights(network, ARCHITECTURE.multiple))


def answer(network: nn.Module, batch: torch.Tensor) -> Array:
    with torch.no_grad():
        return np.asarray(network(batch).numpy())


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (2, 3, 32, 96), (3, 3, 100, 20)])
def test_onnx_runtime_agrees_with_torch(exported: Exported, shape: tuple[int, ...]) -> None:
    batch = torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2.5 - 0.5
    wanted = answer(exported.network, batch)
    assert np.abs(wanted).max() > 0.1
    found = Network(exported.weights).run(batch.numpy())
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_weights_in_half_the_bytes_say_nearly_the_same() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = Instance(widths=(16, 32), depths=(1, 1)).network().eval()
        batch = torch.rand(2, 3, 64, 96)
    weights, norms = to_weights(network, 4)
    half = in_half(weights)
    assert len(half) < 0.6 * len(weights)
    assert in_half(weights) == half
    exact, near = (Network(one).run(batch.numpy()) for one in (weights, half))
    assert near.dtype == np.float32
    assert not np.array_equal(near, exact)
    np.testing.assert_allclose(near, exact, atol=2e-3 * np.abs(exact).max())
    state = unfolded(network, half, read_norms(norms))
    assert list(state) == list(network.state_dict())
    for name, value in network.state_dict().items():
        torch.testing.assert_close(state[name], value, atol=1e-6, rtol=1e-3)


def test_weights_beyond_half_numbers_are_refused() -> None:
    convolution = nn.Conv2d(3, 64, 3)
    nn.init.constant_(convolution.weight, 1e5)
    network = nn.Sequential(convolution)
    with pytest.raises(UnsupportedError, match=r"'0\.weight' are too large for float16"):
        in_half(to_onnx(network))


def test_folding_leaves_the_network_as_it_is_and_no_norms(exported: Exported) -> None:
    before = {name: value.clone() for name, value in exported.network.state_dict().items()}
    plain, norms = folded(exported.network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in plain.modules())
    assert all(torch.equal(value, before[n]) for n, value in exported.network.state_dict().items())
    counted = sum(isinstance(module, nn.BatchNorm2d) for module in exported.network.modules())
    assert len(norms) == 5 * counted
    batch = torch.rand(1, 3, 32, 32)
    np.testing.assert_allclose(answer(plain, batch), answer(exported.network, batch), atol=1e-5)


def test_unfolding_gives_the_network_as_it_was_trained(exported: Exported) -> None:
    network = ARCHITECTURE.network()
    untouched = {name: value.clone() for name, value in network.state_dict().items()}
    state = unfolded(network, exported.weights, read_norms(exported.norms))
    assert all(torch.equal(value, untouched[n]) for n, value in network.state_dict().items())
    trained = {name: value.clone() for name, value in exported.network.state_dict().items()}
    assert list(state) == list(trained)
    # behind a gain of 0 weights are gone, and do not matter
    assert (state["stem.0.weight"][2] == 0).all()
    trained["stem.0.weight"][2] = 0
    for name, value in trained.items():
        assert state[name].dtype == value.dtype
        torch.testing.assert_close(state[name], value, atol=1e-6, rtol=1e-5)
    network.load_state_dict(state)
    batch = torch.rand(2, 3, 64, 48)
    np.testing.assert_allclose(
        answer(network.eval(), batch), answer(exported.network, batch), atol=1e-5
    )


def test_batch_norms_that_follow_no_convolution_stay_and_come_back() -> None:
    """DenseNet has its norms before its convolutions; fresh ones are alike, and stored once."""

    def make() -> nn.Sequential:
        return nn.Sequential(
            *(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
            *(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()),
            *(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 1)),
        )

    network = make()
    network(torch.rand(2, 3, 16, 16) * 5)
    plain, norms = folded(network.eval())
    kept = [name for name, part in plain.named_modules() if isinstance(part, nn.BatchNorm2d)]
    assert kept == ["3", "7"]
    weights = to_onnx(plain)
    batch = torch.rand(2, 3, 20, 24)
    np.testing.assert_allclose(
        Network(weights).run(batch.numpy()), answer(network, batch), atol=1e-5
    )
    state = unfolded(make(), weights, read_norms(norms_file(norms)))
    for name, value in network.state_dict().items():
        assert state[name].dtype == value.dtype
        torch.testing.assert_close(state[name], value, atol=1e-6, rtol=1e-5)
    del norms["7.running_var"]
    with pytest.raises(UnreadableError, match=r"'7\.running_var', and nothing is there"):
        unfolded(make(), weights, norms)


def test_a_model_file_holds_all_that_training_needs_to_go_on(
    exported: Exported, tmp_path: Path
) -> None:
    description = make_description(
        architecture={"name": "instance", "options": OPTIONS},
        channels=ARCHITECTURE.channels,
        multiple=ARCHITECTURE.multiple,
    )
    for name in ("one.zip", "two.zip"):
        package(
            tmp_path / name,
            description,
            exported.weights,
            exported.norms,
            "# Model\n\n# Validation",
        )
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    model = read_model_file(tmp_path / "one.zip").model
    assert model.weights == exported.weights
    batch = torch.rand(1, 3, 32, 64)
    found = answer(network_of(model).eval(), batch)
    np.testing.assert_allclose(found, answer(exported.network, batch), atol=1e-5)


def test_deep_networks_are_packaged_too(tmp_path: Path) -> None:
    architecture = Unet(widths=(2,) * 9)
    multiple = architecture.multiple
    assert multiple == 256  # more than the usual sides of what it is traced and tested with
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = architecture.network().eval()
    weights, norms = to_weights(network, multiple)
    batch = torch.rand(1, 3, multiple, 2 * multiple)
    np.testing.assert_allclose(
        Network(weights).run(batch.numpy()), answer(network, batch), atol=1e-4
    )
    description = make_description(
        channels=architecture.channels, multiple=multiple, tile=2 * multiple
    )
    package(tmp_path / "deep.zip", description, weights, norms, "# Model\n\n# Validation")
    assert read_model_file(tmp_path / "deep.zip").test_input.shape[-1] % multiple == 0


def packaged(path: Path, gain: float, bias: float) -> Path:
    """Package a network that says everywhere how bright a picture is on the whole."""
    from onnx import TensorProto, helper, numpy_helper

    numbers = {"all": [1, 2, 3], "colours": [1], "gain": np.float32(gain), "bias": np.float32(bias)}
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["x", "all"], ["mean"]),
            helper.make_node("Mul", ["mean", "gain"], ["more"]),
            helper.make_node("Add", ["more", "bias"], ["said"]),
            helper.make_node("ReduceMean", ["x", "colours"], ["grey"]),
            helper.make_node("Sub", ["grey", "grey"], ["nothing"]),
            helper.make_node("Add", ["nothing", "said"], ["maps"]),
        ],
        "on the whole",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "y", "x"])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", 1, "y", "x"])],
        [numpy_helper.from_array(np.array(one), name) for name, one in numbers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    description = make_description(channels=("foreground",), classes=(), multiple=1)
    package(path, description, model.SerializeToString(), None, "# Model\n\n# Validation")
    return path


def test_what_finds_nothing_in_bright_nuclei_is_tested_with_dark_ones(tmp_path: Path) -> None:
    bright = read_model_file(packaged(tmp_path / "bright.zip", -2, 1))
    dark = read_model_file(packaged(tmp_path / "dark.zip", 2, -1))
    assert min(bright.test_output.max(), dark.test_output.max()) > 0.1
    np.testing.assert_array_equal(dark.test_input, 255 - bright.test_input)


@pytest.mark.parametrize(("gain", "bias"), [(0.1, -5), (0, -5), (0.001, 0)])
def test_a_network_that_finds_nothing_in_any_picture_is_packaged(
    gain: float, bias: float, tmp_path: Path
) -> None:
    from bioimageio.spec import InvalidDescr, ValidationContext, load_description

    path = packaged(tmp_path / "nothing.zip", gain, bias)
    assert all(finding.passed for finding in check_model(path))
    file = read_model_file(path)
    # its own reader looks into the stored test
    with zipfile.ZipFile(path) as packed, ValidationContext(perform_io_checks=True):
        loaded = load_description(packed)
    assert not isinstance(loaded, InvalidDescr), loaded.validation_summary.format()
    # and the test still tells
    other = run_test(
        file.model.description, file.model.weights, file.test_input, file.test_output * 1.1 - 1e-4
    )
    assert not other.passed


def model_of(exported: Exported, name: str = "instance", **options: object) -> Model:
    architecture = Architecture(name=name, options=OPTIONS | options)
    description = make_description().model_copy(update={"architecture": architecture})
    return Model(description, exported.weights, {NORMS: exported.norms})


def test_models_that_cannot_go_on(exported: Exported) -> None:
    with pytest.raises(UnsupportedError, match="no architecture 'other'"):
        network_of(model_of(exported, "other"))
    with pytest.raises(UnreadableError, match="options of the architecture 'instance'"):
        network_of(model_of(exported, depth=3))
    with pytest.raises(UnreadableError, match=r"\(5, 4, 5, 5\) was looked for under 'stem.0.weig"):
        network_of(model_of(exported, widths=[5, 8]))
    with pytest.raises(UnreadableError, match=r"under 'down.2.0.weight', and nothing is there"):
        network_of(model_of(exported, widths=[4, 8, 8], depths=[1, 2, 1]))
    with pytest.raises(UnsupportedError, match=f"has no {NORMS}"):
        network_of(replace(model_of(exported), attachments={}))
    missing = norms_file({"stem.1.weight": np.ones(4, np.float32)})
    with pytest.raises(UnreadableError, match=r"'stem.1.bias', and nothing is there"):
        network_of(replace(model_of(exported), attachments={NORMS: missing}))
    with pytest.raises(UnreadableError, match="no ONNX file"):
        network_of(replace(model_of(exported), weights=b"PK\x03\x04"))


def packed(content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("a.npy", content)
    return stream.getvalue()


def pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([{}], object), allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no zip",
        packed(b"no array"),
        packed(pickled()),
        packed(b"0" * 10_000, zipfile.ZIP_DEFLATED),
        norms_file({"a": np.ones(9)})[:-30],
    ],
    ids=["empty", "no zip", "no array", "a pickle", "compressed", "cut off"],
)
def test_norms_that_are_none(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_norms(content, "model.zip")


def test_norms_survive_their_file() -> None:
    norms = {"stem.1.running_var": np.array([0.5, 2], np.float32), "n": np.array(7)}
    found = read_norms(norms_file(norms))
    assert list(found) == list(norms)
    for name, value in norms.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == value.dtype
