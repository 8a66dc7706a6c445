"""What the method ``network`` asks of a model: maps that it can decode, by a decoder it knows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.models.description import Description
from cellwright.models.model import Model, model_named
from cellwright.segment.decoder import MapOptions, decoder_of
from cellwright.segment.network_confidence import FEATURES

__all__ = ["decoding_of", "usable_model"]


def usable_model(name_or_path: str | Path) -> Model:
    """Read a model, and see whether the method can use it.

    Raises
    ------
    UsageError
        If there is no such model, or it cannot be used.
    """
    try:
        model = model_named(name_or_path)
        _check(model.description)
    except InputError as error:
        where = error.where or str(name_or_path)
        raise UsageError(error.what, where=where, remedy=error.remedy) from error
    return model


def decoding_of(description: Description) -> MapOptions:
    """Options with which the model's maps are decoded.

    Raises
    ------
    UnreadableError
        If there are no such options.
    UnsupportedError
        If there is no such decoder.
    """
    try:
        return decoder_of(description).options.model_validate(description.decoder.options)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in ("decoder.options", *problem["loc"]))
        raise UnreadableError(
            f"its {place} makes no sense: {problem['msg']}",
            remedy="get the model again, or train it again",
        ) from error


def _check(description: Description) -> None:
    decoding_of(description)
    _check_calibration(description.calibration)


def _check_calibration(calibration: Mapping[str, Any]) -> None:
    least = calibration.get("least", 0.0)
    if not _is_number(least) or not 0 <= least <= 1:
        raise UnsupportedError(
            f"its calibration's least confidence is {least!r}, and not between 0 and 1",
            remedy="take another model, or package it again",
        )
    if "weights" not in calibration:
        return
    weights = calibration["weights"]
    numbers = [calibration.get("intercept")]
    numbers += weights.values() if isinstance(weights, dict) else [None]
    if not all(map(_is_number, numbers)) or set(weights) != set(FEATURES):
        raise UnsupportedError(
            "its confidence was calibrated on other features than this version has",
            remedy="calibrate it again, or take the version of cellwright that made it",
        )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)
