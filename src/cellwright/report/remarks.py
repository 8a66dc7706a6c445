"""Remarks on a design as the lights of a page."""

from __future__ import annotations

from collections.abc import Iterable

from cellwright.report.table import Badge
from cellwright.stats.design import Remark

__all__ = ["lights_of"]

_LEVELS: dict[str, Badge] = {"error": "fail", "warning": "warn", "notice": "quiet"}
_SUBJECTS = {"error": "Cannot be tested", "warning": "Take care", "notice": "To know"}


def lights_of(remarks: Iterable[Remark]) -> list[dict[str, str]]:
    """A light for each remark: its level, what it is about, and what was found."""
    return [
        {
            "level": _LEVELS[one.severity],
            "subject": _SUBJECTS[one.severity],
            "finding": one.text,
        }
        for one in remarks
    ]
