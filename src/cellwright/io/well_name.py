"""The name of a well inside the name that a person or a program gave to a position."""

from __future__ import annotations

import re

__all__ = ["well_in"]

# Rows A to AF and columns 1 to 48 are those of the largest plate in use, of 1,536 wells; the
# name must stand by itself, so that "S1" of "scan S1b" is none.
_WELL = re.compile(r"(?<![A-Za-z0-9])(A[A-F]|[A-P])0?([1-9]|[1-3][0-9]|4[0-8])(?![A-Za-z0-9])")


def well_in(text: str) -> str:
    """Find the one well that a name speaks of, as ``B03``; empty if there is none, or several.

    Examples
    --------
    >>> well_in("B3"), well_in("plate 2, D08_field 1"), well_in("P1 of A1"), well_in("tile")
    ('B03', 'D08', '', '')
    """
    wells = {f"{row}{int(column):02d}" for row, column in _WELL.findall(text.replace("_", " "))}
    return wells.pop() if len(wells) == 1 else ""
