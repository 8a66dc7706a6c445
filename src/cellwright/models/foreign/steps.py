"""What a foreign package does before and after its network, in our words.

One scaling of the whole plane becomes our `Normalisation`; what follows it, and what follows the
network, becomes `Step`s, which are put into the network itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cellwright.core.errors import UnsupportedError
from cellwright.models.description import Normalisation

__all__ = ["Step", "normalisation_of", "steps_of"]

_NOTHING = {"ensure_dtype"}
"""Steps that change no number: all is computed as float32."""
_FIXED = "fixed_zero_mean_unit_variance"
_DEVIATIONS, _PERCENTILES = "zero_mean_unit_variance", "scale_range"


@dataclass(frozen=True)
class Step:
    """Something done to each pixel of a picture or map.

    Attributes
    ----------
    kind
        ``linear``: times a gain, plus an offset. ``clip``: cut off at both ends. ``sigmoid``;
        ``softmax`` over channels.
    gain, offset
        One number for all channels, or one for each.
    low, high
        Ends of ``clip``; None for an open one.
    """

    kind: Literal["linear", "clip", "sigmoid", "softmax"]
    gain: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    low: float | None = None
    high: float | None = None


def normalisation_of(
    steps: Sequence[Mapping[str, Any]], channels: int, tensor: str
) -> tuple[Normalisation, tuple[Step, ...]]:
    """Translate what is done before the network.

    Parameters
    ----------
    steps
        As they stand in the package, with all defaults.
    channels
        Of the network's input.
    tensor
        Name of the input.

    Returns
    -------
    tuple
        What is done to a plane, and what is done after that, inside the network.

    Raises
    ------
    UnsupportedError
        If something cannot be said in our words.

    Examples
    --------
    >>> fixed = {"id": "fixed_zero_mean_unit_variance", "kwargs": {"mean": 10.0, "std": 5.0}}
    >>> normalisation_of([fixed], 1, "x")[0].zero, normalisation_of([fixed], 1, "x")[0].one
    (10.0, 15.0)
    """
    found: Normalisation | None = None
    after: list[Step] = []
    for step in steps:
        name, said = _name(step), step.get("kwargs") or {}
        if name in _NOTHING:
            continue
        if name in {_DEVIATIONS, _PERCENTILES} and said.get("mode") != "fixed":
            if found is not None or any(not _harmless(earlier) for earlier in after):
                raise _cannot(f"its step {name!r} comes after another one")
            after = []  # the same for every plane, and so undone by what is taken from the plane
            found = _of_plane(name, said, channels, tensor)
        else:
            after.append(_step(name, said, "pre"))
    if found is not None:
        return found, tuple(after)
    return _linear(after)


def _linear(steps: Sequence[Step]) -> tuple[Normalisation, tuple[Step, ...]]:
    """Take a first linear step of one gain into the normalisation, where it is readable."""
    if steps and _harmless(steps[0]):
        zero = -steps[0].offset[0] / steps[0].gain[0]
        one = zero + 1 / steps[0].gain[0]
        if one > zero:
            return Normalisation(how="linear", zero=zero, one=one, clip=None), tuple(steps[1:])
    return Normalisation(how="linear", clip=None), tuple(steps)


def _harmless(step: Step) -> bool:
    return (
        step.kind == "linear"
        and len(step.gain) == len(step.offset) == 1
        and step.gain[0] > 0
    )  # fmt: skip


def _of_plane(name: str, said: Mapping[str, Any], channels: int, tensor: str) -> Normalisation:
    """Translate a scaling by what is in the plane."""
    if said.get("mode") == "per_dataset":
        raise _cannot(f"its step {name!r} needs numbers of a whole set of pictures")
    if said.get("reference_tensor") not in {None, tensor}:
        raise _cannot(f"its step {name!r} takes its numbers from another picture")
    axes = said.get("axes")
    letters = None if axes is None else {_letter(axis) for axis in axes}
    if letters is not None and not letters >= {"y", "x"}:
        raise _cannot(f"its step {name!r} scales rows or columns on their own")
    if letters is not None and "c" not in letters and channels > 1:
        raise _cannot(f"its step {name!r} scales each colour on its own")
    if name == _DEVIATIONS:
        return Normalisation(how="deviations", clip=None)
    return Normalisation(low=said["min_percentile"], high=said["max_percentile"], clip=None)


def steps_of(steps: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Translate what is done after the network.

    Raises
    ------
    UnsupportedError
        If something cannot be said in our words.

    Examples
    --------
    >>> [step.kind for step in steps_of([{"name": "sigmoid"}])]
    ['sigmoid']
    """
    return tuple(
        _step(_name(step), step.get("kwargs") or {}, "post")
        for step in steps
        if _name(step) not in _NOTHING
    )


def _step(name: str, said: Mapping[str, Any], place: str) -> Step:
    if said.get("axis") is not None and _letter(said["axis"]) != "c":
        raise _cannot(f"its step {name!r} differs along the axis {str(said['axis'])[:40]!r}")
    if name == "scale_linear":
        return Step("linear", tuple(_numbers(said["gain"])), tuple(_numbers(said["offset"])))
    if name in {_FIXED, _DEVIATIONS} and said.get("mode", "fixed") == "fixed":
        if said.get("mean") is None or said.get("std") is None:
            raise _cannot(f"its step {name!r} has no numbers")
        means, spreads = list(_numbers(said["mean"])), list(_numbers(said["std"]))
        if len(means) != len(spreads) or min(spreads) <= 0:
            raise _cannot(f"its step {name!r} has numbers that do not fit together")
        gains = [1 / spread for spread in spreads]
        offsets = [-mean * gain for mean, gain in zip(means, gains, strict=True)]
        return Step("linear", tuple(gains), tuple(offsets))
    if name == "clip" and said.get("min_percentile") is said.get("max_percentile") is None:
        return Step("clip", low=said.get("min"), high=said.get("max"))
    if name == "sigmoid":
        return Step("sigmoid")
    if name == "softmax":
        return Step("softmax")
    raise _cannot(f"its {place}processing has a step {name[:60]!r}")


def _name(step: Mapping[str, Any]) -> str:
    return str(step.get("id") or step.get("name"))


def _letter(axis: Any) -> str:
    return {"channel": "c", "batch": "b"}.get(str(axis), str(axis))


def _numbers(value: Any) -> Iterator[float]:
    for number in value if isinstance(value, list) else [value]:
        yield float(number)


def _cannot(what: str) -> UnsupportedError:
    return UnsupportedError(
        f"{what}, which this version cannot do",
        remedy="use it in the program that it was made for",
    )
