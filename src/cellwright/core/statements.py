"""What only a person can tell of an experiment, and reviewers ask: optional, in their own words."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["STATEMENTS"]

STATEMENTS: Mapping[str, str] = {
    "replicates": "What makes the replicates independent, such as passages, days or donors.",
    "number": "Why there are so many replicates.",
    "allocation": "How conditions were dealt to wells, plates and days.",
    "blinding": "Who knew the condition while pictures were taken.",
    "editing": "Who knew the condition while outlines were edited.",
    "primary": "When the primary feature was named.",
    "exclusion": "When the rules for leaving out were set, and by whom.",
    "stain": "Which stain or marker each channel shows.",
    "imaging": "Microscope, objective, exposure, light.",
    "pictures": "Where the pictures are shared.",
    "example": "Where example data are shared.",
    "model": "Where a model of your own is shared, and the pictures that it learnt from.",
}
"""What may be stated, in the order in which it is asked."""
