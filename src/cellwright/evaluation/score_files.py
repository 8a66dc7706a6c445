"""Two files of one picture, read and scored; whatever is wrong with them stays in its row."""

from __future__ import annotations

import numpy as np

from cellwright.core.errors import CellwrightError, InputError
from cellwright.core.labels import Labels
from cellwright.evaluation.pairing import PairedFiles
from cellwright.evaluation.picture import PictureScore, label_pair, score_pair
from cellwright.evaluation.score import LabelPair
from cellwright.io.label_image import decode_labels

__all__ = ["score_files"]

_LARGEST_TO_LABEL = 2**27
"""Pixels up to which a label image with one number is looked at for separate pieces."""


def score_files(
    pair: PairedFiles,
) -> tuple[dict[str, str], PictureScore | None, LabelPair | None]:
    """Score the files of one picture.

    Returns
    -------
    tuple
        ``image``, ``status`` and ``reason``; the scores, and the labels with what they have in
        common. The last two are None where something is wrong, which `reason` then says.
    """
    row = {"image": pair.image, "status": "failed", "reason": pair.reason}
    if pair.truth is None or pair.labels is None:
        return row, None, None
    try:
        right, found = decode_labels(pair.truth), decode_labels(pair.labels)
        _check_shapes(right, found)
        both = label_pair(right, found, image=pair.image)
        score = score_pair(both, image=pair.image)
        warnings = [
            f"{name}: {warning}"
            for name, one, count in (
                ("truth", right, score.n_true),
                ("labels", found, score.n_found),
            )
            if (warning := _mask_warning(one, count))
        ]
    except CellwrightError as error:
        return row | {"reason": error.reason}, None, None
    status = "warned" if warnings else "done"
    return row | {"status": status, "reason": "; ".join(warnings)}, score, both


def _check_shapes(right: Labels, found: Labels) -> None:
    if tuple(right.data.shape) != tuple(found.data.shape):
        sizes = [" × ".join(str(length) for length in one.data.shape) for one in (found, right)]
        raise InputError(
            f"the labels have {sizes[0]} pixels, the truth has {sizes[1]}",
            remedy="give labels of the same picture; nothing is ever resized",
        )


def _mask_warning(labels: Labels, count: int) -> str:
    """Words for a mask in which all cells share one number; empty for label images."""
    if count != 1 or np.prod(labels.data.shape) > _LARGEST_TO_LABEL:
        return ""
    from scipy import ndimage

    pixels = labels.pixels()
    pieces = int(ndimage.label(pixels > 0, np.ones((3,) * pixels.ndim))[1])
    if pieces < 2:
        return ""
    return (
        f"{pieces} separate pieces have the one number {int(pixels.max())} and count as one cell: "
        "a mask, where each cell should have its own number"
    )
