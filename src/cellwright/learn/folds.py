"""The networks of a cross-validation as one model, and what may be said of it.

No picture was held out from all of them: what is known is known of the members, and told so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.learn.calibrating import ERROR
from cellwright.models.description import Description
from cellwright.models.ensemble import ensemble_of, member_facts

__all__ = ["joined_description", "of_members", "of_parts"]

_OF_MEMBERS = (
    "logistic regression on what the members of the ensemble found, each in pictures that it had "
    "not learnt from, and not on their mean, for which no picture was held out; error cross-fitted "
    "in parts of the pictures"
)
_OF_PARTS = (
    "logistic regression on what the networks of the cross-validation found, each in pictures that "
    "it had not learnt from, and not on the model itself, which has learnt from all; error "
    "cross-fitted in parts of the pictures"
)
_NO_CONFIDENCE = "the confidence of an object is the mean probability of its pixels"


def joined_description(description: Description, weights: Sequence[bytes]) -> Description:
    """Describe the mean of networks, each of which was trained on all parts but one.

    Parameters
    ----------
    description
        What is true of each of them.
    weights
        Their ONNX files.
    """
    name = description.name
    members = [
        {**member_facts(description, one), "name": f"{name}, part {number}"}
        for number, one in enumerate(weights, 1)
    ]
    said = f"{description.description} It is the mean of {len(weights)} networks."
    return description.model_copy(
        update={"architecture": ensemble_of(members), "description": said}
    )


def of_parts(calibration: Mapping[str, Any]) -> dict[str, Any]:
    """Say of a calibration that it was fitted to the networks of a cross-validation, if it was.

    Examples
    --------
    >>> of_parts({"least": 0.2, "expected_calibration_error": 0.01})["how"]
    'logistic regression on what the networks of the cross-validation found, ...'
    >>> of_parts({"least": 0.2, "how": "that of the model it began with"})["how"]
    'that of the model it began with'
    """
    return {**calibration, "how": _OF_PARTS} if ERROR in calibration else dict(calibration)


def of_members(calibration: Mapping[str, Any]) -> dict[str, Any]:
    """Say of a calibration that it was fitted to the members of an ensemble, or that none was.

    Examples
    --------
    >>> of_members({"least": 0.2, "how": "logistic regression on the validation pictures"})["how"]
    'logistic regression on what the members of the ensemble found, ...'
    >>> of_members({})
    {'how': 'not fitted: ...'}
    """
    how = _OF_MEMBERS if calibration else f"not fitted: too few objects; {_NO_CONFIDENCE}"
    return {**calibration, "how": how}
