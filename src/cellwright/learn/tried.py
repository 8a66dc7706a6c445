"""The settings that a search tries, and in which range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.trial import BaseTrial

from cellwright.learn.training import Settings

__all__ = ["as_written", "by_itself", "suggested", "tried"]

_RATE, _CHANGED = "learning_rate", "sampling.changed"
_DIAMETER, _FOREGROUND = "sampling.diameter", "decoding.foreground"
_SCALE = "scale"
"""What is suggested of a diameter: a factor, so that it means the same for all architectures."""

_DIGITS = {_RATE: ".4g", _CHANGED: ".3g", _DIAMETER: ".4g", _FOREGROUND: ".3g"}
"""All that can be tried, and how it is written."""


def tried(base: Settings, changes: Sequence[str]) -> tuple[str, ...]:
    """Names of the settings that are tried with an architecture.

    Parameters
    ----------
    base
        What `train` would choose.
    changes
        ``NAME=VALUE`` of settings that a person has chosen: these stay.

    Examples
    --------
    >>> tried(Settings(), ["learning_rate=0.001", "steps=100"])
    ('sampling.changed', 'sampling.diameter', 'decoding.foreground')
    """
    stay = {change.partition("=")[0] for change in changes}
    if "size" not in base.architecture.channels or base.sampling.whole:
        stay.add(_DIAMETER)  # whoever asks such a network shows it pictures at one scale
    return tuple(name for name in _DIGITS if not stay & {name, name.partition(".")[0]})


def suggested(trial: BaseTrial, base: Settings, changes: Sequence[str]) -> Settings:
    """Settings of a trial.

    Parameters
    ----------
    trial
        Suggests what is tried.
    base, changes
        As of `tried`.
    """
    names, content = tried(base, changes), base.model_dump(mode="json")
    sampling = content["sampling"]
    if _RATE in names:
        content["learning_rate"] = trial.suggest_float(_RATE, 2e-4, 5e-3, log=True)
    if _CHANGED in names:
        sampling["changed"] = trial.suggest_float(_CHANGED, 0.0, 1.0)
    if _DIAMETER in names:
        scale = trial.suggest_float(_SCALE, 0.6, 1.8, log=True)
        sampling["diameter"] = round(sampling["diameter"] * scale, 2)
    if _FOREGROUND in names:
        level = trial.suggest_float(_FOREGROUND, 0.2, 0.8)
        content["decoding"] = {**content["decoding"], "foreground": round(level, 3)}
    return Settings.model_validate(content)


def by_itself(base: Settings, changes: Sequence[str], foreground: float) -> dict[str, float]:
    """What a trial must be told to have the settings that `train` would choose.

    Parameters
    ----------
    base, changes
        As of `tried`.
    foreground
        Least probability of an object, if nobody says otherwise.
    """
    values = {
        _RATE: base.learning_rate,
        _CHANGED: base.sampling.changed,
        _DIAMETER: 1.0,
        _FOREGROUND: foreground,
    }
    return {_SCALE if n == _DIAMETER else n: values[n] for n in tried(base, changes)}


def as_written(settings: Settings, names: Sequence[str]) -> tuple[str, ...]:
    """Settings as ``NAME=VALUE``, to be given to `train`.

    Examples
    --------
    >>> as_written(Settings(), ["learning_rate", "sampling.diameter"])
    ('learning_rate=0.0015', 'sampling.diameter=18')
    """
    written = []
    for name in names:
        value: Any = settings.model_dump(mode="json")
        for key in name.split("."):
            value = value[key]
        written.append(f"{name}={value:{_DIGITS[name]}}")
    return tuple(written)
