"""What other microscopes, stains and cameras do to a picture, done to a patch.

Each change is one small function of (patch, random), applied with a probability of its own. They
work on normalised intensities, where 0 is the ground and 1 the brightest objects (or the other
way round in light microscopy), and never touch the labels.

The ranges are judgements: as wide as a person would still call the result a micrograph. Each
number stands where it is drawn and nowhere else, with its meaning in the function's docstring;
lengths are in the patch's pixels, in which an object is some 20 wide.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

from cellwright.core.image import Array
from cellwright.learn.patches import Patch
from cellwright.segment.network_input import CLIP

__all__ = ["CHANGES", "SMALLEST_SIDE", "Change", "Scene", "augmented"]

Random = np.random.Generator

SMALLEST_SIDE = 32
"""Side in pixels of the smallest patch that every change can be made of: the widest blur, of
ghosts at a quarter of the size, reaches 7 pixels, and mirrors as many at the frame."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What a change works on: (3, S, S) pixels, (S, S) labels, and where chance comes from."""

    pixels: torch.Tensor
    labels: Array
    random: Random


@dataclass(frozen=True)
class Change:
    """A change of the pixels and how often it is made.

    Attributes
    ----------
    name
        In words.
    do
        Gives the new pixels, (3, S, S) float32.
    grey, colour
        Share of the grey and of the coloured patches that are changed so.
    """

    name: str
    do: Callable[[Scene], torch.Tensor]
    grey: float
    colour: float


def augmented(patch: Patch, random: Random, colour: bool, share: float = 1.0) -> torch.Tensor:
    """Pixels of a patch as another laboratory might have taken them.

    Parameters
    ----------
    patch
        At least `SMALLEST_SIDE` wide; it is left as it is.
    random
        Where chance comes from.
    colour
        Whether its channels differ.
    share
        Factor of the probabilities of the changes.

    Returns
    -------
    torch.Tensor
        (3, S, S) float32, cut off as the network's input is.
    """
    pixels = patch.pixels
    for change in CHANGES:
        if random.random() < share * (change.colour if colour else change.grey):
            pixels = change.do(Scene(pixels, patch.labels, random))
    return pixels.clamp(*CLIP)


def _blurred(pixels: torch.Tensor, deviation: float) -> torch.Tensor:
    """Gaussian blur of (C, S, S), mirrored at the frame; 1 % of it lies beyond 2.5 deviations."""
    reach = max(1, math.ceil(2.5 * deviation))
    along = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (along / deviation) ** 2)
    weights = (weights / weights.sum())[None, None, None]
    planes = pad(pixels[:, None], (reach,) * 4, mode="reflect")
    return conv2d(conv2d(planes, weights), weights.transpose(2, 3))[:, 0]


def _noise_of(shape: tuple[int, ...], random: Random) -> torch.Tensor:
    """Standard normal numbers, from the patch's own source of randomness."""
    return torch.from_numpy(random.standard_normal(shape, dtype=np.float32))


def _smooth_field(side: int, places: int, random: Random) -> torch.Tensor:
    """(S, S) values that change slowly, about standard normal."""
    coarse = _noise_of((1, 1, places, places), random)
    field = interpolate(coarse, size=(side, side), mode="bicubic", align_corners=True)
    return field[0, 0]


def _invert(scene: Scene) -> torch.Tensor:
    """Exchange bright and dark."""
    return 1.0 - scene.pixels


def _gamma(scene: Scene) -> torch.Tensor:
    """Change the contrast of dim against bright: half of the powers lie between 0.8 and 1.27."""
    power = math.exp(scene.random.normal(0, 0.35))
    return torch.sign(scene.pixels) * scene.pixels.abs() ** power


def _stretch(scene: Scene) -> torch.Tensor:
    """Another gain (half within 0.84 and 1.18) and another zero."""
    return scene.pixels * math.exp(scene.random.normal(0, 0.25)) + scene.random.normal(0, 0.05)


def _blur(scene: Scene) -> torch.Tensor:
    """A lower aperture, or a little out of focus."""
    return _blurred(scene.pixels, scene.random.uniform(0.4, 2.0))


def _sharpen(scene: Scene) -> torch.Tensor:
    """Add what a blur takes away, as cameras' and viewers' software does."""
    strength, deviation = scene.random.uniform(0.2, 1.0), scene.random.uniform(0.7, 2)
    return scene.pixels + strength * (scene.pixels - _blurred(scene.pixels, deviation))


def _noise(scene: Scene) -> torch.Tensor:
    """Noise of the camera, constant, and of light, which grows with the root of the intensity."""
    constant = scene.random.uniform(0, 0.06)
    of_light = scene.random.uniform(0, 0.12)
    grey = _noise_of((1, *scene.pixels.shape[1:]), scene.random)
    if scene.random.random() < 0.3:  # a camera's noise spans several of the patch's pixels
        grey = _blurred(grey, 0.7) * 2
    return scene.pixels + grey * (constant + of_light * scene.pixels.clamp(0, 1).sqrt())


def _pixelate(scene: Scene) -> torch.Tensor:
    """Fewer pixels for the same view, enlarged by software."""
    factor = scene.random.uniform(1.3, 2.5)
    small = interpolate(scene.pixels[None], scale_factor=1 / factor, mode="area")
    size = (scene.pixels.shape[1], scene.pixels.shape[2])
    return interpolate(small, size=size, mode="bilinear", align_corners=False)[0]


def _uneven_light(scene: Scene) -> torch.Tensor:
    """Brighter and darker regions: the lamp, or the edge of the field."""
    field = _smooth_field(scene.pixels.shape[1], int(scene.random.integers(2, 4)), scene.random)
    return scene.pixels * torch.exp(scene.random.uniform(0.1, 0.5) * field)


def _haze(scene: Scene) -> torch.Tensor:
    """Light from above and below the plane of focus, in places."""
    field = _smooth_field(scene.pixels.shape[1], int(scene.random.integers(3, 7)), scene.random)
    return scene.pixels + scene.random.uniform(0.02, 0.2) * field.clamp(0)


def _per_object(scene: Scene) -> torch.Tensor:
    """Make each object dimmer or brighter against the ground: half by 0.71 to 1.4."""
    factors = np.exp(scene.random.normal(0, 0.5, int(scene.labels.max()) + 1)).astype(np.float32)
    factors[0] = 1.0
    factor = _blurred(torch.from_numpy(factors[scene.labels])[None], 1.0)
    ground = torch.quantile(scene.pixels[0, ::8, ::8], 0.2)
    return ground + (scene.pixels - ground) * factor.clamp(0.2, 1.6)


def _texture(scene: Scene) -> torch.Tensor:
    """Spots and holes inside the objects: chromocentres, nucleoli, condensing chromatin."""
    side = scene.pixels.shape[1]
    places = int(scene.random.integers(side // 16, side // 3))
    field = _smooth_field(side, places, scene.random)
    inside = _blurred(torch.from_numpy((scene.labels > 0).astype(np.float32))[None], 0.7)
    strength = scene.random.uniform(0.1, 0.45)
    return scene.pixels * (1 + strength * field.clamp(-1.8, 1.8) * inside)


def _debris(scene: Scene) -> torch.Tensor:
    """Specks of light on the ground, 1.4 to 3.8 wide at half of their height."""
    side = scene.pixels.shape[1]
    light = torch.zeros((1, side, side))
    for _ in range(int(scene.random.integers(3, 25))):
        row, column = scene.random.integers(side, size=2)
        light[0, row, column] += float(scene.random.uniform(0.3, 2.0))
    deviation = scene.random.uniform(0.6, 1.6)
    spots = _blurred(light, deviation) * (2 * math.pi * deviation**2)
    ground = _blurred(torch.from_numpy((scene.labels == 0).astype(np.float32))[None], 1.0)
    return scene.pixels + scene.random.uniform(0.2, 1.0) * spots * ground


def _ghosts(scene: Scene) -> torch.Tensor:
    """Objects far out of focus behind the others: the patch turned, moved, blurred and dimmed."""
    turned = torch.rot90(scene.pixels, int(scene.random.integers(1, 4)), (1, 2)).roll(
        tuple(int(x) for x in scene.random.integers(20, 100, 2)), (1, 2)
    )
    small = avg_pool2d(turned[None], 4)[0]
    far = _blurred(small, scene.random.uniform(1.0, 2.5))
    size = (scene.pixels.shape[1], scene.pixels.shape[2])
    far = interpolate(far[None], size=size, mode="bilinear", align_corners=False)[0]
    return scene.pixels + scene.random.uniform(0.1, 0.5) * far.clamp(0)


def _stain(scene: Scene) -> torch.Tensor:
    """Change each channel's contrast, as another stain or camera does."""
    gains = torch.from_numpy(np.exp(scene.random.normal(0, 0.2, (3, 1, 1))).astype(np.float32))
    powers = torch.from_numpy(np.exp(scene.random.normal(0, 0.2, (3, 1, 1))).astype(np.float32))
    return scene.pixels.clamp(0) ** powers * gains


def _hue(scene: Scene) -> torch.Tensor:
    """Turn the colours about the grey axis, mostly by less than 20°: Rodrigues' rotation."""
    angle = scene.random.normal(0, 0.35)
    c, s = math.cos(angle), math.sin(angle) / math.sqrt(3)
    a = (1 - c) / 3
    turn = torch.tensor([[c + a, a - s, a + s], [a + s, c + a, a - s], [a - s, a + s, c + a]])
    return torch.einsum("ij,jrc->irc", turn, scene.pixels)


def _grey(scene: Scene) -> torch.Tensor:
    """One grey picture of the colours, in any mixture."""
    weights = torch.from_numpy(scene.random.dirichlet((2, 2, 2)).astype(np.float32))
    return torch.einsum("j,jrc->rc", weights, scene.pixels)[None].expand(3, -1, -1)


def _tint(scene: Scene) -> torch.Tensor:
    """Show a grey picture in one colour, as microscopes' software does."""
    tint = scene.random.uniform(0.0, 1.0, (3, 1, 1)).astype(np.float32)
    return scene.pixels * torch.from_numpy(tint / tint.max())


def _mix_channels(scene: Scene) -> torch.Tensor:
    """Exchange the colours."""
    return scene.pixels[torch.from_numpy(scene.random.permutation(3))]


CHANGES: tuple[Change, ...] = (
    Change("ghosts", _ghosts, 0.12, 0.0),
    Change("per object", _per_object, 0.25, 0.1),
    Change("texture", _texture, 0.25, 0.1),
    Change("debris", _debris, 0.15, 0.03),
    Change("grey", _grey, 0.0, 0.15),
    Change("hue", _hue, 0.0, 0.4),
    Change("stain", _stain, 0.0, 0.5),
    Change("mixed channels", _mix_channels, 0.0, 0.05),
    Change("tint", _tint, 0.07, 0.0),
    Change("inverted", _invert, 0.12, 0.05),
    Change("uneven light", _uneven_light, 0.3, 0.3),
    Change("haze", _haze, 0.2, 0.1),
    Change("gamma", _gamma, 0.5, 0.4),
    Change("pixelated", _pixelate, 0.12, 0.12),
    Change("blurred", _blur, 0.25, 0.25),
    Change("sharpened", _sharpen, 0.1, 0.1),
    Change("noisy", _noise, 0.4, 0.3),
    Change("stretched", _stretch, 0.5, 0.5),
)
"""In the order of nature: the sample, its stain and light, the lens, the camera. Rare and strong
changes, such as exchanged brightness, keep the network from trusting what most pictures have in
common; a grey patch is never given the colours of a stain, but for a tint."""
