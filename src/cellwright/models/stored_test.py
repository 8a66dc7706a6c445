"""The test that a model's file holds: a picture, and the maps that the network must give of it."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnreadableError
from cellwright.engine.onnx import Network
from cellwright.models.description import Description, Normalisation
from cellwright.models.package import EPSILON, LEAST, TOLERANCE

__all__ = ["TestOutcome", "array_of", "normalised", "run_test"]

Numbers = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TestOutcome:
    """What came of the stored test.

    Attributes
    ----------
    passed
        Whether all maps are within the tolerance of the stored ones: `TOLERANCE`, or less where
        all of these are smaller than `LEAST`, of which as small ones would tell nothing.
    difference
        The largest difference of any value.
    words
        One sentence, without a full stop.
    """

    __test__ = False  # no class of tests

    passed: bool
    difference: float
    words: str


def run_test(
    description: Description,
    weights: bytes,
    test_input: Numbers,
    test_output: Numbers,
    device: str = "cpu",
) -> TestOutcome:
    """Run the network on the stored picture, and compare its maps with the stored ones.

    Parameters
    ----------
    description, weights
        Of the model.
    test_input
        (N, C, Y, X): the picture, before normalisation.
    test_output
        (N, maps, Y, X): its maps.
    device
        As for `Network`.

    Raises
    ------
    UnreadableError, UnsupportedError
        If the network cannot be run at all.
    """
    maps = Network(weights, device).run(normalised(test_input, description.normalisation))
    stated = len(description.channels)
    if maps.shape[1] != stated:
        return TestOutcome(
            False, math.inf, f"the network gives {maps.shape[1]} maps, and {stated} are named"
        )
    if maps.shape != test_output.shape:
        return TestOutcome(
            False, math.inf, f"the maps are {maps.shape}, and {test_output.shape} are stored"
        )
    difference = float(np.abs(maps - test_output).max())
    tolerance = TOLERANCE * min(1.0, float(np.abs(test_output).max()) / LEAST)
    passed = bool(np.allclose(maps, test_output, rtol=TOLERANCE, atol=tolerance))
    judged = "within" if passed else "more than"
    return TestOutcome(
        passed,
        difference,
        f"maps differ from the stored ones by at most {difference:.1e}, {judged} the tolerance of "
        f"{tolerance:g}",
    )


def normalised(batch: Numbers, how: Normalisation) -> Floats:
    """Scale each picture of a batch as a model asks for, and cut it off.

    These are ``scale_range``, ``zero_mean_unit_variance`` over channels, rows and columns together,
    or ``fixed_zero_mean_unit_variance``, and ``clip`` of bioimage.io.

    Parameters
    ----------
    batch
        (N, C, Y, X) of any real number type.
    how
        Of the model.

    Returns
    -------
    numpy.ndarray
        float32 of the same shape.

    Examples
    --------
    >>> ramp = np.arange(11.0).reshape(1, 1, 1, 11)
    >>> normalised(ramp, Normalisation(low=0, high=50)).round(3)[0, 0, 0, ::5].tolist()
    [0.0, 1.0, 2.0]
    """
    axes = (1, 2, 3)
    if how.how == "linear":
        scaled = (batch - how.zero) / (how.one - how.zero)
    elif how.how == "deviations":
        numbers = np.asarray(batch, np.float64)
        spread = numbers.std(axis=axes, keepdims=True)
        scaled = (numbers - numbers.mean(axis=axes, keepdims=True)) / (spread + EPSILON)
    else:
        ends = np.percentile(batch, [how.low, how.high], axis=axes, keepdims=True)
        scaled = (batch - ends[0]) / (ends[1] - ends[0] + EPSILON)
    if how.clip is not None:
        scaled = np.clip(scaled, *how.clip)
    return np.asarray(scaled, np.float32)


def array_of(content: bytes, name: str, where: str) -> Numbers:
    """Read a NumPy file of numbers, never a pickled one, and none that claims more than it holds.

    Parameters
    ----------
    content
        Of the file.
    name, where
        The file in the package, and the package, for messages.

    Raises
    ------
    UnreadableError
        If it is no such file.
    """
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, columns_first, kind = read_header(stream)
        if kind.kind not in "uif" or kind.hasobject:
            raise ValueError(f"it holds {kind}")
        if any(size < 1 for size in shape) or len(content) - stream.tell() != (
            math.prod(shape) * kind.itemsize
        ):
            raise ValueError(f"its header claims an array of {shape}")
    except (ValueError, KeyError, EOFError, OSError, TypeError, SyntaxError) as error:
        raise UnreadableError(
            f"its file {name!r} is no NumPy file of plain numbers ({error})",
            where=where,
            remedy="get the model again",
        ) from error
    flat = np.frombuffer(content, kind, offset=stream.tell())
    return flat.reshape(shape, order="F" if columns_first else "C")
