"""The door for quality checks: a value, thresholds, a verdict, and a reason in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from cellwright.core.image import Array

__all__ = ["Check", "Finding", "Judge", "Verdict", "grade"]

Verdict = Literal["pass", "warn", "fail"]


def grade(value: float, warn: float, fail: float) -> Verdict:
    """Hold a value against its thresholds; which way is worse, their order tells.

    Parameters
    ----------
    value
        What was measured; NaN passes, as it says nothing against the picture.
    warn, fail
        ``warn < fail``: large values are bad, ``warn > fail``: small ones are. A value that
        reaches a threshold has crossed it. Of two equal thresholds large values are bad.

    Examples
    --------
    >>> grade(0.4, warn=0.3, fail=0.5), grade(2.0, warn=8.0, fail=3.0)
    ('warn', 'fail')
    """
    sign = 1 if warn <= fail else -1
    if sign * value >= sign * fail:
        return "fail"
    return "warn" if sign * value >= sign * warn else "pass"


@dataclass(frozen=True)
class Finding:
    """What a check says of one channel of one plane set.

    Attributes
    ----------
    check, channel
        Names.
    value
        The number that was judged, finite; NaN where it cannot be had, or has no bound.
    verdict
        ``pass``, ``warn`` or ``fail``.
    reason
        One sentence without a full stop, with the number; for a pass as well.
    """

    check: str
    channel: str
    value: float
    verdict: Verdict
    reason: str


class Judge(Protocol):
    """Judges one plane."""

    def __call__(
        self, plane: Array, bits: int | None, warn: float, fail: float, /
    ) -> tuple[float, Verdict, str]:
        """Judge one plane.

        Parameters
        ----------
        plane
            (Y, X), any real number type, as it was read; pixels that are not finite are
            possible.
        bits
            How many bits the camera used, or None.
        warn, fail
            The thresholds.

        Returns
        -------
        tuple
            Value, verdict, reason.
        """
        ...


@dataclass(frozen=True)
class Check:
    """A quality check.

    Found by the entry point group ``cellwright.checks``. See the how-to "Add a quality
    check".

    Attributes
    ----------
    name
        Of the check, as in ``--quality focus=0.1:0.05``.
    version
        Raised whenever the same picture would be judged differently.
    meaning
        One sentence for the report: what is computed, and why it matters.
    warn, fail
        Default thresholds, with their source in a comment where they are set. Their order
        tells which way is worse (see `grade`).
    judge
        Computes and judges.
    """

    name: str
    version: int
    meaning: str
    warn: float
    fail: float
    judge: Judge
