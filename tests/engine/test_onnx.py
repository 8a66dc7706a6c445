"""The runtime of networks: the same maps from any thread, batch and process; no calls home."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.engine.onnx import Network, runtime, used_device
from cellwright.engine.onnx_weights import check_weights, opset_version

Floats = npt.NDArray[np.float32]


def tensor(name: str, *shape: int | str, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def network(nodes: list[onnx.NodeProto], weights: dict[str, Floats], **more: object) -> bytes:
    graph = helper.make_graph(
        nodes,
        "test",
        [tensor("x", "n", 3, "y", "x")],
        [tensor("maps", "n", "c", "h", "w")],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10, **more)
    return bytes(model.SerializeToString())


def sum_of_colours() -> bytes:
    """A map that is the sum of the three colours in a box of 3 × 3, so that it is known by hand."""
    node = helper.make_node("Conv", ["x", "w"], ["maps"], pads=[1, 1, 1, 1])
    return network([node], {"w": np.ones((1, 3, 3, 3), np.float32)})


@pytest.fixture(scope="module")
def deep() -> bytes:
    """Several wide convolutions: enough work that threads share it."""
    rng = np.random.default_rng(0)
    nodes, weights, last, channels = [], {}, "x", 3
    for layer in range(4):
        weights[f"w{layer}"] = rng.normal(0, 0.1, (24, channels, 3, 3)).astype(np.float32)
        out = "maps" if layer == 3 else f"h{layer}"
        nodes.append(helper.make_node("Conv", [last, f"w{layer}"], [out], pads=[1, 1, 1, 1]))
        last, channels = out, 24
    return network(nodes, weights)


@pytest.fixture(scope="module")
def batch() -> Floats:
    return np.random.default_rng(1).random((2, 3, 128, 96), np.float32)


def test_it_computes_what_the_network_says() -> None:
    picture = np.zeros((1, 3, 16, 16), np.float32)
    picture[0, :, 5, 5] = (1.0, 2.0, 4.0)
    maps = Network(sum_of_colours()).run(picture)
    assert maps.shape == (1, 1, 16, 16)
    expected = np.zeros((16, 16), np.float32)
    expected[4:7, 4:7] = 7.0
    np.testing.assert_array_equal(maps[0, 0], expected)


def test_threads_do_not_change_a_bit(deep: bytes, batch: Floats) -> None:
    one, two = (Network(deep, threads=threads).run(batch) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_a_batch_is_its_pictures(deep: bytes, batch: Floats) -> None:
    run = Network(deep, threads=2).run
    singles = [run(batch[:1]), run(batch[1:])]
    np.testing.assert_array_equal(run(batch), np.concatenate(singles))


def test_it_goes_to_another_process_without_its_session(deep: bytes, batch: Floats) -> None:
    here = Network(deep, threads=2)
    maps = here.run(batch)
    there = pickle.loads(pickle.dumps(here))
    assert len(pickle.dumps(here)) < len(deep) + 1000
    assert (there.device, there.threads) == ("cpu", 2)
    np.testing.assert_array_equal(there.run(batch), maps)


def test_it_takes_a_view_that_is_not_contiguous(deep: bytes, batch: Floats) -> None:
    view = batch.transpose(0, 1, 3, 2)
    run = Network(deep).run
    np.testing.assert_array_equal(run(view), run(view.copy()))


@pytest.mark.parametrize(
    ("shape", "kind", "words"),
    [
        ((1, 1, 16, 16), np.float32, "takes 3 along C, and the batch has 1"),
        ((3, 16, 16), np.float32, "not float32 (3, 16, 16)"),
        ((1, 3, 16, 16), np.float64, "not float64 (1, 3, 16, 16)"),
    ],
)
def test_a_batch_of_another_form_is_refused(
    shape: tuple[int, ...], kind: type[np.floating], words: str
) -> None:
    with pytest.raises(UnsupportedError) as refusal:
        Network(sum_of_colours()).run(np.zeros(shape, kind))
    assert words in str(refusal.value)


def test_a_network_that_gives_no_maps_of_the_same_size_is_refused() -> None:
    node = helper.make_node("MaxPool", ["x"], ["maps"], kernel_shape=[2, 2], strides=[2, 2])
    with pytest.raises(UnsupportedError, match=r"gives float32 \(1, 3, 8, 8\) for a batch"):
        Network(network([node], {})).run(np.zeros((1, 3, 16, 16), np.float32))


def test_what_fails_while_it_runs_is_translated() -> None:
    node = helper.make_node("Add", ["x", "w"], ["maps"])
    fixed = network([node], {"w": np.zeros((1, 3, 16, 16), np.float32)})
    with pytest.raises(UnsupportedError, match="failed on pictures of 24 × 16 pixels"):
        Network(fixed).run(np.zeros((1, 3, 24, 16), np.float32))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x08\x0a", b"\x3a\xff\xff\x03"])
def test_what_is_no_network_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableError, match="no ONNX file"):
        Network(content).run(np.zeros((1, 3, 16, 16), np.float32))


def test_an_unknown_operator_is_refused() -> None:
    node = helper.make_node("Launch", ["x"], ["maps"], domain="org.example")
    stranger = network([node], {})
    with pytest.raises(UnreadableError, match="cannot be loaded"):
        Network(stranger).run(np.zeros((1, 3, 16, 16), np.float32))


def external(where: str) -> bytes:
    """A network whose weights lie in a file, at each place where ONNX may hold a tensor."""
    stored = numpy_helper.from_array(np.ones((1, 3, 3, 3), np.float32), "w")
    stored.ClearField("raw_data")
    stored.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", "108")):
        stored.external_data.add(key=key, value=value)
    constant = helper.make_node("Constant", [], ["w"], value=stored)
    convolution = helper.make_node("Conv", ["x", "w"], ["maps"], pads=[1, 1, 1, 1])
    model = onnx.load_from_string(network([convolution], {}))
    if where == "initialiser":
        model.graph.initializer.append(stored)
    elif where == "constant":
        model.graph.node.insert(0, constant)
    elif where == "branch":
        branch = helper.make_graph([constant], "branch", [], [tensor("w", 1, 3, 3, 3)])
        yes = helper.make_node(
            "Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))
        )
        both = {"then_branch": branch, "else_branch": branch}
        model.graph.node.insert(0, helper.make_node("If", ["yes"], ["w"], **both))
        model.graph.node.insert(0, yes)
    else:
        function = helper.make_function(
            "org.example", "Weights", [], ["w"], [constant], [helper.make_opsetid("", 20)]
        )
        model.functions.append(function)
        model.opset_import.append(helper.make_opsetid("org.example", 1))
        model.graph.node.insert(0, helper.make_node("Weights", [], ["w"], domain="org.example"))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("where", ["initialiser", "constant", "branch", "function"])
def test_weights_in_another_file_are_never_loaded(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where a session that is opened from bytes would look
    (tmp_path / "weights.bin").write_bytes(np.ones((1, 3, 3, 3), np.float32).tobytes())
    with pytest.raises(UnsupportedError, match="in another file"):
        Network(external(where)).run(np.zeros((1, 3, 16, 16), np.float32))


@given(st.data())
def test_damaged_weights_give_no_other_error(data: st.DataObject) -> None:
    content = bytearray(sum_of_colours())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        check_weights(bytes(content[:cut]))
        opset_version(bytes(content[:cut]))
    except InputError:
        pass


def test_fields_without_end_are_refused() -> None:
    with pytest.raises(UnreadableError):
        check_weights(b"\x08\x01" * 300_001)


def test_the_version_of_the_operators() -> None:
    assert opset_version(sum_of_colours()) == 20


def test_devices() -> None:
    assert used_device("cpu") == "cpu"
    offered = "CUDAExecutionProvider" in runtime().get_available_providers()
    if not offered:
        assert used_device("auto") == "cpu"
        with pytest.raises(UsageError, match="onnxruntime-gpu") as refusal:
            used_device("cuda")
        assert "--device cpu" in str(refusal.value)
    with pytest.raises(UsageError, match="choose auto, cpu, cuda"):
        used_device("tpu")


def test_the_runtime_keeps_silent_and_leaves_no_trace(tmp_path: Path) -> None:
    """Official builds make an identifier of the device and a queue of events in the home folder."""
    code = (
        "import sys, numpy as np\n"
        "from cellwright.engine.onnx import Network\n"
        "picture = np.zeros((1, 3, 16, 16), np.float32)\n"
        "Network(sys.stdin.buffer.read()).run(picture)\n"
    )
    suppress = {"CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_DISABLE_TELEMETRY"}
    environment = {key: value for key, value in os.environ.items() if key not in suppress}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=sum_of_colours(),
        env={**environment, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"", b"")
    assert list(tmp_path.rglob("*")) == []
