"""All quality checks of a plane, and the worst of what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, nan

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.core.registry import entries, load_all
from cellwright.quality.check import Check, Finding, Verdict

__all__ = ["GROUP", "check_versions", "judge_plane", "loaded_checks", "parse_thresholds", "worst"]

GROUP = "cellwright.checks"
_ORDER: tuple[Verdict, ...] = ("pass", "warn", "fail")


def loaded_checks() -> dict[str, Check]:
    """All checks by name, ours first."""
    return load_all(GROUP)


def check_versions() -> dict[str, int]:
    """Version of each check: part of the key of a finished quality step."""
    return {name: check.version for name, check in loaded_checks().items()}


def judge_plane(
    plane: Array,
    channel: str,
    bits: int | None,
    thresholds: Mapping[str, tuple[float, float]] | None = None,
) -> list[Finding]:
    """Let every check judge one plane.

    Parameters
    ----------
    plane
        (Y, X), any real number type, as it was read; a colour picture is judged sample by
        sample.
    channel
        Its name, for the findings.
    bits
        How many bits the camera used, or None.
    thresholds
        Warn and fail of some checks, instead of their defaults.

    Returns
    -------
    list of Finding
        One for each check, in the order of `loaded_checks`.

    Raises
    ------
    UsageError
        If the plane is not (Y, X), or a threshold is for a check that there is not.

    Examples
    --------
    >>> import numpy as np
    >>> [f.verdict for f in judge_plane(np.zeros((64, 64)), "DAPI", None) if f.check == "emptiness"]
    ['fail']
    """
    if plane.ndim != 2 or plane.dtype.kind not in "buif":
        raise UsageError(
            f"an array of {plane.dtype} with {plane.ndim} axes cannot be judged",
            remedy="give one plane (Y, X) of real numbers",
        )
    checks = loaded_checks()
    chosen = dict(thresholds or {})
    for name in chosen:
        _known(name, checks)
    findings = []
    for name, check in checks.items():
        warn, fail = chosen.get(name, (check.warn, check.fail))
        value, verdict, reason = check.judge(plane, bits, warn, fail)
        # A ratio to no noise at all is infinite: no number that a table could hold.
        number = float(value) if isfinite(value) else nan
        findings.append(Finding(name, channel, number, verdict, reason))
    return findings


def worst(findings: Iterable[Finding]) -> Verdict:
    """Worst verdict of all; ``pass`` where there is none.

    Examples
    --------
    >>> worst([Finding("focus", "0", 1.0, "pass", ""), Finding("noise", "0", 1.0, "warn", "")])
    'warn'
    """
    return max((finding.verdict for finding in findings), key=_ORDER.index, default="pass")


def parse_thresholds(texts: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Read thresholds such as ``focus=5:8``: the name of a check, warn and fail.

    Raises
    ------
    UsageError
        For an unknown check (listing those that there are), a text that is not of this form,
        the same check twice, or thresholds the wrong way round.

    Examples
    --------
    >>> parse_thresholds(["focus=5:8", "noise=3:1.5"])
    {'focus': (5.0, 8.0), 'noise': (3.0, 1.5)}
    """
    checks = loaded_checks() if texts else {}
    found: dict[str, tuple[float, float]] = {}
    for text in texts:
        name, _, limits = text.partition("=")
        name = name.strip()
        check = _known(name, checks)
        example = f"write it like {name}={check.warn:g}:{check.fail:g}"
        if name in found:
            raise UsageError(f"the thresholds of {name!r} are given twice", remedy=example)
        try:
            warn, fail = (float(limit) for limit in limits.split(":"))
        except ValueError:
            raise UsageError(f"{text!r} is not NAME=WARN:FAIL", remedy=example) from None
        if not (isfinite(warn) and isfinite(fail)):
            raise UsageError(f"{text!r} holds a threshold that is no number", remedy=example)
        if (warn - fail) * (check.warn - check.fail) < 0:
            worse = "larger" if check.warn < check.fail else "smaller"
            raise UsageError(
                f"{text!r} would fail before it warns: a {worse} {name} is worse", remedy=example
            )
        found[name] = (warn, fail)
    return found


def _known(name: str, checks: Mapping[str, Check]) -> Check:
    if name not in checks:
        known = ", ".join(checks or entries(GROUP))
        raise UsageError(f"there is no quality check {name!r}", remedy=f"choose {known}")
    return checks[name]
