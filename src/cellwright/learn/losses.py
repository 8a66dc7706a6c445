"""Losses for maps of logits that are to be 0 or 1, and how much each of them counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from cellwright.core.errors import UsageError

__all__ = ["LossShares", "boundary", "cross_entropy", "dice", "focal"]

_DICE_PIXELS = 20.0
"""Added above and below the fraction line: a patch without objects gives a number, and a speck
of a few pixels has no great say."""


@dataclass(frozen=True)
class LossShares:
    """How much each loss counts in the sum that is trained on; one that counts 0 is not computed.

    Attributes
    ----------
    bce
        Of `cross_entropy`.
    dice
        Of `dice`.
    focal
        Of `focal`.
    boundary
        Of `boundary`. Its unit is the pixel, not a share: values near 0.01 are usual, together
        with a loss of areas (Kervadec, 2019).
    positive
        How much a pixel counts in `cross_entropy` where the answer is yes.
    gamma, alpha
        Of `focal`.

    Raises
    ------
    UsageError
        If a share is below 0, or all are 0.

    Examples
    --------
    >>> LossShares(dice=0.5).boundary
    0.0
    """

    bce: float = 1.0
    dice: float = 0.0
    focal: float = 0.0
    boundary: float = 0.0
    positive: float = 1.0
    gamma: float = 2.0
    alpha: float = 0.25

    def __post_init__(self) -> None:
        shares = (self.bce, self.dice, self.focal, self.boundary)
        if min(shares) < 0 or max(shares) <= 0:
            raise UsageError(
                f"the shares of the losses (bce, dice, focal, boundary) are {shares}",
                remedy="give one of them a share above 0, and none of them one below",
            )


def cross_entropy(
    logits: torch.Tensor, wanted: torch.Tensor, inside: torch.Tensor, positive: float = 1.0
) -> torch.Tensor:
    """Binary cross-entropy, mean over the pixels that count.

    Parameters
    ----------
    logits
        (N, C, Y, X) float.
    wanted
        (N, C, Y, X) float, 0 or 1.
    inside
        (N, Y, X) bool: pixels that count.
    positive
        How much a pixel counts where 1 is wanted: above 1 where such pixels are rare.

    Returns
    -------
    torch.Tensor
        A number; 0 if no pixel counts.

    Examples
    --------
    >>> two = torch.tensor([[[[1.0, 0.0]]]])
    >>> cross_entropy(torch.zeros(1, 1, 1, 2), two, torch.ones(1, 1, 2, dtype=torch.bool))
    tensor(0.6931)
    """
    values = binary_cross_entropy_with_logits(
        logits, wanted, reduction="none", pos_weight=logits.new_tensor(positive)
    )
    return _mean(values, inside)


def dice(
    logits: torch.Tensor,
    wanted: torch.Tensor,
    inside: torch.Tensor,
    smoothing: float = _DICE_PIXELS,
) -> torch.Tensor:
    """One less the soft Dice coefficient, mean over patches and channels.

    The coefficient is twice the probability on what is wanted, over the sum of all probability
    and all that is wanted; a number of pixels is added above and below.

    Parameters
    ----------
    logits
        (N, C, Y, X) float.
    wanted
        (N, C, Y, X) float, 0 or 1.
    inside
        (N, Y, X) bool: pixels that count.
    smoothing
        Pixels that are added.

    Returns
    -------
    torch.Tensor
        A number from 0 to 1.

    Examples
    --------
    >>> two = torch.tensor([[[[1.0, 0.0]]]])
    >>> inside = torch.ones(1, 1, 2, dtype=torch.bool)
    >>> dice(torch.zeros(1, 1, 1, 2), two, inside, smoothing=0)
    tensor(0.5000)

    References
    ----------
    F. Milletari and others, "V-Net", 3DV 2016; there with squares below the line, here without,
    as in M. Drozdzal and others, "The importance of skip connections", DLMIA 2016.
    """
    counted = inside[:, None].to(logits.dtype)
    probability = torch.sigmoid(logits) * counted
    both = (probability * wanted).sum((2, 3))
    either = probability.sum((2, 3)) + (wanted * counted).sum((2, 3))
    least = torch.finfo(logits.dtype).tiny  # nothing over nothing is no number
    return 1 - ((2 * both + smoothing) / (either + smoothing).clamp_min(least)).mean()


def focal(
    logits: torch.Tensor,
    wanted: torch.Tensor,
    inside: torch.Tensor,
    gamma: float = 2.0,
    alpha: float = 0.25,
) -> torch.Tensor:
    """Cross-entropy in which pixels that are easy count little, mean over the pixels that count.

    With p the probability of the right answer it is ``-a (1 - p) ** gamma log p``, where a is
    `alpha` if 1 is right, else one less that. For ``gamma=0`` and ``alpha=0.5`` it is half the
    cross-entropy.

    Parameters
    ----------
    logits
        (N, C, Y, X) float.
    wanted
        (N, C, Y, X) float, 0 or 1.
    inside
        (N, Y, X) bool: pixels that count.
    gamma
        How much less easy pixels count, from 0 on.
    alpha
        How much pixels count where 1 is wanted, from 0 to 1.

    Returns
    -------
    torch.Tensor
        A number; 0 if no pixel counts.

    Examples
    --------
    >>> two = torch.tensor([[[[1.0, 0.0]]]])
    >>> inside = torch.ones(1, 1, 2, dtype=torch.bool)
    >>> focal(torch.zeros(1, 1, 1, 2), two, inside, gamma=1, alpha=0.5)
    tensor(0.1733)

    References
    ----------
    T.-Y. Lin and others, "Focal loss for dense object detection", ICCV 2017, equation 5; gamma
    and alpha are those of its best network. It divides the sum by the number of objects, for
    which pixels have no counterpart.
    """
    # below 0 for a right answer: the probability of a wrong one is its sigmoid
    wrong = logits * (1 - 2 * wanted)
    balance = alpha * wanted + (1 - alpha) * (1 - wanted)
    return _mean(balance * torch.sigmoid(wrong) ** gamma * softplus(wrong), inside)


def boundary(logits: torch.Tensor, distances: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Probability times the signed distance to the wanted edge, mean over the pixels that count.

    Probability costs the more the further outside it lies, and pays the more the further inside
    it lies: the loss is below 0 for good maps.

    Parameters
    ----------
    logits
        (N, C, Y, X) float.
    distances
        (N, C, Y, X) float, in pixels: above 0 outside of what is wanted, below 0 in it; 0 all over
        where there is no edge. See `cellwright.learn.architectures.semantic.signed_distance`.
    inside
        (N, Y, X) bool: pixels that count.

    Returns
    -------
    torch.Tensor
        A number, in pixels; 0 if no pixel counts.

    Examples
    --------
    >>> distances = torch.tensor([[[[-0.5, 0.5, 1.5]]]])
    >>> inside = torch.ones(1, 1, 3, dtype=torch.bool)
    >>> boundary(torch.zeros(1, 1, 1, 3), distances, inside)
    tensor(0.2500)

    References
    ----------
    H. Kervadec and others, "Boundary loss for highly unbalanced segmentation", MIDL 2019,
    equation 5.
    """
    return _mean(torch.sigmoid(logits) * distances, inside)


def _mean(values: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Mean of (N, C, Y, X) over the pixels that count; 0 if none does."""
    counted = inside[:, None].to(values.dtype).expand_as(values)
    return (values * counted).sum() / counted.sum().clamp(1)
