"""Networks are run by ONNX Runtime: on the processor, or on a graphics card by CUDA.

ONNX Runtime is imported here and nowhere else, because since 1.29 its official builds send
telemetry to their maker unless they are told not to before they are loaded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnreadableError, UnsupportedError, UsageError
from cellwright.engine.onnx_weights import check_weights

__all__ = ["Device", "Network", "runtime", "used_device"]

Floats = npt.NDArray[np.float32]
Device = Literal["auto", "cpu", "cuda"]

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_CUDA_OPTIONS = {
    # the default tries algorithms against the clock, and so may take another one the next time
    "cudnn_conv_algo_search": "HEURISTIC",
    # TensorFloat-32 keeps 10 bits of each factor: maps would differ in the third digit
    "use_tf32": "0",
}
_FATAL = 4  # severity of messages that ONNX Runtime may print: errors come as exceptions too
_BATCH_AXES = 4  # N, C, H, W
_NOTHING = bytes.fromhex(
    "0808"  # ir_version 8
    "3a2b"  # the graph:
    "0a10 0a0178 120179 22084964656e74697479"  # a node from x to y: Identity
    "120167"  # its name is g
    "5a09 0a0178 12040a020801"  # input x of float32
    "6209 0a0179 12040a020801"  # output y of float32
    "4204 0a00100d"  # the standard operators, version 13
)
"""The smallest network: it hands on what it is given. It shows whether a device works."""


@cache
def runtime() -> ModuleType:
    """Import ONNX Runtime, silent and without telemetry.

    Raises
    ------
    UsageError
        If it is not installed or cannot be loaded.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, while the library is loaded
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(
            f"ONNX Runtime cannot be loaded ({error})", remedy="pip install onnxruntime"
        ) from error
    onnxruntime.set_default_logger_severity(_FATAL)
    onnxruntime.disable_telemetry_events()  # on Windows the variable has no effect
    module: ModuleType = onnxruntime
    return module


@cache
def used_device(device: str) -> Literal["cpu", "cuda"]:
    """Tell which device ``--device`` means on this machine.

    Parameters
    ----------
    device
        ``cpu``; ``cuda``; or ``auto``, which takes CUDA where the installed ONNX Runtime has it
        and a card works, else the processor.

    Raises
    ------
    UsageError
        If CUDA was asked for and does not work, or there is no device of this name.

    Examples
    --------
    >>> used_device("cpu")
    'cpu'
    """
    if device == "cpu":
        return "cpu"
    if device not in {"auto", "cuda"}:
        raise UsageError(f"there is no device {device!r}", remedy="choose auto, cpu, cuda")
    offered = _CUDA in runtime().get_available_providers()
    if offered and _cuda_works():
        return "cuda"
    if device == "auto":
        return "cpu"
    if offered:
        raise UsageError(
            "the installed ONNX Runtime has CUDA, but no graphics card answers",
            where="--device cuda",
            remedy="look at `nvidia-smi`, and whether CUDA and cuDNN are of the versions that this "
            "build asks for (how-to: Use a graphics card)",
        )
    raise UsageError(
        "the installed ONNX Runtime has no CUDA",
        where="--device cuda",
        remedy="pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]' "
        "(how-to: Use a graphics card), or take --device cpu",
    )


def _cuda_works() -> bool:
    module = runtime()
    if hasattr(module, "preload_dlls"):  # finds CUDA where pip has put it
        module.preload_dlls()
    try:
        session = _session(_NOTHING, "cuda", 1)
        found = _CUDA in session.get_providers()
        if found:
            session.run(None, {"x": np.zeros((1, 1, 1, 1), np.float32)})
    except _failures():
        return False
    return found


@cache
def _failures() -> tuple[type[Exception], ...]:
    """Give what ONNX Runtime raises: its errors have no base of their own."""
    runtime()
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = (kind for kind in vars(state).values() if isinstance(kind, type))
    return (RuntimeError, ValueError, *(kind for kind in kinds if issubclass(kind, Exception)))


def _session(weights: bytes, device: Literal["cpu", "cuda"], threads: int) -> Any:
    module = runtime()
    options = module.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = module.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = module.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.use_deterministic_compute = True
    # The arena stays: without it a tile takes up to three times as long, and more memory at its
    # peak. The plan of memory for each size of pictures goes: over pictures of five sizes the peak
    # is a quarter lower without (450 and 608 MB), at the same speed.
    options.enable_mem_pattern = False
    # Idle threads sleep, so that decoding and other workers have the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _FATAL
    providers: list[Any] = [_CPU]
    if device == "cuda":
        providers.insert(0, (_CUDA, _CUDA_OPTIONS))
    return module.InferenceSession(weights, options, providers=providers, enable_fallback=0)


@dataclass(frozen=True, eq=False)
class Network:
    """A network that turns pictures into maps.

    It may be sent to another process: the weights go along, and the session is opened there, when
    it is first used.

    Attributes
    ----------
    weights
        The ONNX file: one input and one output of interest, the first of each.
    device
        ``auto``, ``cpu`` or ``cuda``: see `used_device`.
    threads
        Of the processor, for one batch at a time. The maps do not depend on it.
    """

    weights: bytes
    device: str = "cpu"
    threads: int = 1

    def __getstate__(self) -> dict[str, Any]:
        return {"weights": self.weights, "device": self.device, "threads": self.threads}

    @cached_property
    def _opened(self) -> Any:
        device = used_device(self.device)
        check_weights(self.weights)
        try:
            session = _session(self.weights, device, max(1, self.threads))
        except _failures() as error:
            raise UnreadableError(
                f"the network cannot be loaded: {_said(error)}",
                remedy="get the model again; if it is newer than this ONNX Runtime "
                f"({runtime().__version__}), update that",
            ) from error
        if device == "cuda" and _CUDA not in session.get_providers():
            raise UsageError(
                "the network cannot run on the graphics card", remedy="take --device cpu"
            )
        return session

    @property
    def channels(self) -> int | None:
        """Number of colour channels that it takes; None where the file leaves it open."""
        size = _input(self._opened).shape[1]
        return size if isinstance(size, int) else None

    def run(self, batch: Floats) -> Floats:
        """Give the maps of a batch of pictures.

        Parameters
        ----------
        batch
            (N, C, H, W) float32, normalised; H and W multiples of what the model asks for.

        Returns
        -------
        numpy.ndarray
            (N, maps, H, W) float32: each picture's maps are the same in any batch.

        Raises
        ------
        UnreadableError
            If the weights are no network.
        UnsupportedError
            If it cannot take such pictures, or gives no maps of their size.
        UsageError
            If the device does not work.
        """
        session = self._opened
        self._check(batch)
        try:
            maps = session.run(
                [session.get_outputs()[0].name],
                {_input(session).name: np.ascontiguousarray(batch)},
            )[0]
        except _failures() as error:
            raise UnsupportedError(
                f"the network failed on pictures of {_size(batch)}: {_said(error)}",
                remedy="run `cellwright models check` on the model; if memory is short, "
                "take fewer workers",
            ) from error
        if (
            not isinstance(maps, np.ndarray)
            or maps.dtype != np.float32
            or maps.ndim != _BATCH_AXES
            or (maps.shape[0], *maps.shape[2:]) != (batch.shape[0], *batch.shape[2:])
        ):
            raise UnsupportedError(
                f"the network gives {_form(maps)} for a batch of {batch.shape}, not maps of "
                "float32 of the same height and width",
                remedy="use a model that was made by `cellwright train`",
            )
        return maps

    def _check(self, batch: Floats) -> None:
        entry = _input(self._opened)
        if entry.type != "tensor(float)" or len(entry.shape) != _BATCH_AXES:
            raise UnsupportedError(
                f"the network takes {entry.type} of axes {entry.shape}, not pictures as float32 "
                "(N, C, H, W)",
                remedy="use a model that was made by `cellwright train`",
            )
        if batch.ndim != _BATCH_AXES or batch.dtype != np.float32:
            raise UnsupportedError(f"a network takes float32 (N, C, H, W), not {_form(batch)}")
        for name, size, wanted in zip("NCHW", batch.shape, entry.shape, strict=True):
            if isinstance(wanted, int) and size != wanted:
                raise UnsupportedError(
                    f"the network takes {wanted} along {name}, and the batch has {size}",
                    remedy="give as many channels as the model asks for",
                )


def _input(session: Any) -> Any:
    return session.get_inputs()[0]


def _form(array: Any) -> str:
    return f"{getattr(array, 'dtype', type(array).__name__)} {getattr(array, 'shape', '')}".strip()


def _size(batch: Floats) -> str:
    return f"{batch.shape[-2]} × {batch.shape[-1]} pixels"


def _said(error: Exception) -> str:
    """Give the first line of what ONNX Runtime says, without its codes."""
    line = str(error).splitlines()[0] if str(error) else type(error).__name__
    return line.rsplit(" : ", 1)[-1].strip().rstrip(".")
