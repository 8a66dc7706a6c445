"""Batches of patches: a sample's randomness is a function of seed, step and place alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from cellwright.core.image import Array
from cellwright.learn.architecture import Architecture
from cellwright.learn.augmentation import augmented
from cellwright.learn.patches import Patch, View, centred, cut, random_view, whole_view
from cellwright.learn.pictures import NO_CLASS, Picture
from cellwright.learn.targets import Truth, distance

__all__ = ["Batch", "Batches", "Sampling", "overlaid", "weights_of"]


@dataclass(frozen=True)
class Sampling:
    """How patches are drawn.

    Attributes
    ----------
    side
        Of a patch, in pixels.
    count
        Patches in a batch.
    diameter
        Of the median object in the patches, in pixels; log-normal about it. That of the pictures,
        and no other, for an architecture that tells no sizes.
    jitter
        Standard deviation of its natural logarithm.
    wild
        Share of patches at any scale from `wildest`, from which the size of objects is learnt.
    wildest
        Smallest and largest diameter of all patches, in pixels.
    overlaid
        Share of bright patches on which another is laid, so that nuclei overlap.
    changed
        Factor of the probabilities of `cellwright.learn.augmentation.CHANGES`.
    whole
        Whether a patch is a whole picture, squeezed into the square; what is said of diameters
        and overlaid patches does not count then.
    rare
        Share of patches with an object of a random class in their middle, whichever class is
        rare, where objects have classes.
    balance
        Pictures of a kind are drawn with the power -balance of their number: 0 draws all
        pictures alike, 1 all kinds.
    """

    side: Annotated[int, Field(ge=1, le=2048)] = 256
    count: Annotated[int, Field(ge=1, le=256)] = 4
    diameter: Annotated[float, Field(gt=0, le=1000)] = 18.0
    jitter: Annotated[float, Field(ge=0, le=3)] = 0.4
    wild: Annotated[float, Field(ge=0, le=1)] = 0.2
    wildest: tuple[float, float] = (4.0, 200.0)
    overlaid: Annotated[float, Field(ge=0, le=1)] = 0.12
    changed: Annotated[float, Field(ge=0, le=10)] = 0.5
    whole: bool = False
    rare: Annotated[float, Field(ge=0, le=1)] = 0.0
    balance: Annotated[float, Field(ge=0, le=10)] = 0.5

    def __post_init__(self) -> None:
        low, high = self.wildest
        if not 0 < low < high:
            raise ValueError(
                f"wildest is the smallest and the largest diameter, and not {low:g}, {high:g}"
            )


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step of training sees.

    Attributes
    ----------
    pixels
        (N, 3, S, S) float32, normalised.
    wanted
        Targets by name, each (N, S, S) or (N, C, S, S) float32.
    inside
        (N, S, S) bool: pixels that count.
    labels
        (N, S, S) int32: the objects in each patch.
    names
        Of the pictures.
    """

    pixels: torch.Tensor
    wanted: dict[str, torch.Tensor]
    inside: torch.Tensor
    labels: Array
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Sample:
    """One patch of a batch: shapes as of `Batch`, without the first axis."""

    name: str
    pixels: torch.Tensor
    wanted: dict[str, Array]
    inside: torch.Tensor
    labels: Array


def weights_of(pictures: Sequence[Picture], balance: float) -> Array:
    """Probability of each picture: rare kinds are drawn more often than their share.

    Within a kind a picture is drawn as often as another, whatever its size.

    Parameters
    ----------
    pictures
        To be drawn from.
    balance
        See `Sampling`.

    Returns
    -------
    Array
        (n,) float64 of sum 1.
    """
    count = Counter(picture.kind for picture in pictures)
    weights = np.array([count[picture.kind] ** -balance for picture in pictures])
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True, eq=False)
class Batches:
    """Draws the batch of any step, the same whenever it is asked.

    Attributes
    ----------
    pictures
        To be drawn from.
    architecture
        Makes targets.
    sampling
        How patches are drawn.
    seed
        Of all chance.
    """

    pictures: Sequence[Picture]
    architecture: Architecture
    sampling: Sampling
    seed: int

    @cached_property
    def weights(self) -> Array:
        """Probability of each picture."""
        return weights_of(self.pictures, self.sampling.balance)

    def __call__(self, step: int) -> Batch:
        """Draw the batch of a step."""
        samples = [
            self._sample(np.random.default_rng([self.seed, step, place]))
            for place in range(self.sampling.count)
        ]
        wanted = {
            name: torch.from_numpy(
                np.stack([sample.wanted[name] for sample in samples]).astype(np.float32)
            )
            for name in samples[0].wanted
        }
        return Batch(
            torch.stack([sample.pixels for sample in samples]),
            wanted,
            torch.stack([sample.inside for sample in samples]),
            np.stack([sample.labels for sample in samples]),
            tuple(sample.name for sample in samples),
        )

    def _sample(self, random: np.random.Generator) -> _Sample:
        side = self.sampling.side
        picture = self.pictures[int(random.choice(len(self.pictures), p=self.weights))]
        diameter = self._diameter(random)
        if self.sampling.whole:
            patch = cut(picture, whole_view(picture, side, random), side)
        else:
            picture, view = self._view(picture, diameter, random)
            patch = cut(picture, view, side)
        overlap = np.zeros(patch.labels.shape, bool)
        bright = picture.is_bright and not picture.is_colour and not self.sampling.whole
        if bright and random.random() < self.sampling.overlaid:
            patch, overlap = overlaid(
                patch, cut(picture, random_view(picture, side, diameter, random), side)
            )
        pixels = augmented(patch, random, picture.is_colour, self.sampling.changed)
        truth = Truth(patch.labels, overlap, patch.inside.numpy(), patch.classes)
        wanted = self.architecture.targets(truth)
        return _Sample(picture.name, pixels, wanted, patch.inside, patch.labels)

    def _view(
        self, picture: Picture, diameter: float, random: np.random.Generator
    ) -> tuple[Picture, View]:
        """Choose a view of the picture, or of another one with an object of a rare class."""
        side = self.sampling.side
        if self.sampling.rare and self._of_class and random.random() < self.sampling.rare:
            places = self._of_class[int(random.integers(len(self._of_class)))]
            index, label = places[int(random.integers(len(places)))]
            picture = self.pictures[index]
            view = random_view(picture, side, diameter, random)
            return picture, centred(view, picture, label, side)
        return picture, random_view(picture, side, diameter, random)

    @cached_property
    def _of_class(self) -> list[list[tuple[int, int]]]:
        """Of each class where its objects are: index of the picture, and label."""
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for index, picture in enumerate(self.pictures):
            for label in np.flatnonzero(picture.classes != NO_CLASS):
                found[int(picture.classes[label])].append((index, int(label)))
        return [found[number] for number in sorted(found)]

    def _diameter(self, random: np.random.Generator) -> float:
        """Of the median object in the patch, in the patch's pixels."""
        sampling = self.sampling
        if random.random() < sampling.wild:
            low, high = np.log(sampling.wildest)
            diameter = np.exp(random.uniform(low, high))
        else:
            diameter = sampling.diameter * np.exp(random.normal(0, sampling.jitter))
        return float(np.clip(diameter, *sampling.wildest))


def overlaid(one: Patch, other: Patch) -> tuple[Patch, Array]:
    """Lay a bright patch over another: light adds up, and nuclei overlap.

    Where two nuclei overlap, a pixel goes to that in which it lies deeper.

    Parameters
    ----------
    one, other
        Of one size; the objects of the other get numbers above those of the first.

    Returns
    -------
    patch : Patch
        Both together; inside where both are.
    overlap : Array
        (S, S) bool, where two objects lie over each other.
    """
    overlap = (one.labels > 0) & (other.labels > 0)
    shifted = np.where(other.labels > 0, other.labels + int(one.labels.max()), 0)
    deeper = distance(shifted) > distance(one.labels)
    labels = np.where(deeper, shifted, one.labels).astype(np.int32)
    pixels = one.pixels + other.pixels.clamp(0)
    known = int(one.labels.max()) + 1
    classes = np.concatenate([one.classes[:known], other.classes[1:]])
    return Patch(pixels, labels, classes, one.inside & other.inside), overlap
