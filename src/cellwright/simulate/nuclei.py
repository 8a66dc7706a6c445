"""Nuclei in fluorescence: elliptic, uneven in outline, textured, single or in clumps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import ndtri

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.simulate.camera import Bits, Light, cloud, photograph
from cellwright.simulate.dirt import debris as specks
from cellwright.simulate.dirt import with_scale_bar
from cellwright.simulate.scatter import scatter

__all__ = ["simulate_nuclei"]

_BAR_WORDS = "50 um"
_ASPECT = (1.05, 1.6)
"""Length by width of the ellipses, as of nuclei in culture."""
_WAVES = np.arange(2, 6)
_WAVINESS = 0.035
"""Standard deviation of each wave of the outline, as a share of the radius; shrinks with the
wave's number, so that outlines stay smooth."""
_BRIGHTNESS_SPREAD = 0.25
_REACH = 1.9
"""Half side of the square in which a nucleus is drawn, in radii."""
_CHROMATIN = 0.08
"""Size of the texture's grain, as a share of the diameter."""
_HAZE = 0.3
"""Blur of a nucleus out of focus, as a share of its diameter."""
_TOUCHING = 0.92
"""Nuclei that touch are flattened where they do: their discs may overlap by this much."""


def simulate_nuclei(
    shape: tuple[int, int] = (512, 512),
    n: int = 60,
    diameter_px: float = 24.0,
    seed: int = 0,
    *,
    size_spread: float = 0.1,
    clumping: float = 0.2,
    out_of_focus: float = 0.0,
    texture: float = 0.2,
    brightness: float = 0.45,
    background: float = 0.04,
    blur: float = 1.0,
    photons: float = 1000.0,
    noise: float = 0.005,
    illumination: float = 0.1,
    debris: float = 0.0,
    scale_bar: float = 0.0,
    margin_px: float = 0.0,
    bits: Bits = 8,
) -> tuple[Array, npt.NDArray[np.uint32]]:
    """Simulate a field of nuclei, and its truth.

    Parameters
    ----------
    shape
        (Y, X) in pixels.
    n
        Number of nuclei. In a field too full for them some vanish under others.
    diameter_px
        Median diameter of the disc of the same area.
    seed
        The same seed gives the same picture.
    size_spread
        Standard deviation of the logarithm of the diameter.
    clumping
        Share of the nuclei that touch another one, 0 to 1.
    out_of_focus
        Share of the nuclei that lie above or below the plane of focus, 0 to 1. The truth
        holds these too.
    texture
        Standard deviation of the chromatin's brightness, as a share.
    brightness, background
        Of a typical nucleus and of what is around it, as a share of full scale.
    blur
        Standard deviation (px) of the optics.
    photons
        Caught by a pixel at full scale; 0 for no photon noise.
    noise
        Standard deviation of the camera's noise, as a share of full scale.
    illumination
        By what share the corners are darker than the centre.
    debris
        Specks and fibres for each nucleus that the field has room for.
    scale_bar
        Probability that a scale bar is burnt in.
    margin_px
        Least distance of a nucleus' centre from the border.
    bits
        8 or 16.

    Returns
    -------
    tuple
        Picture (Y, X) uint8 or uint16; labels (Y, X) uint32, 0 and 1 to the number of nuclei.

    Raises
    ------
    UsageError
        For a shape, a number or a diameter out of range.

    Examples
    --------
    >>> picture, labels = simulate_nuclei((128, 128), n=6, seed=1, clumping=0)
    >>> picture.dtype.name, int(labels.max())
    ('uint8', 6)
    """
    if min(shape) < 1 or n < 0 or not diameter_px > 0:
        raise UsageError(
            f"{n} nuclei of {diameter_px:g} px in {shape} pixels cannot be simulated",
            remedy="give a shape and a diameter above 0, and a number from 0 on",
        )
    random = np.random.default_rng(seed)
    # Sizes are the normal distribution's quantiles, in random order: so the mean size of a
    # picture is what was planted, whatever the seed.
    ranks = random.permutation(n)
    radius = diameter_px / 2 * np.exp(size_spread * ndtri((ranks + 0.5) / max(n, 1)))
    aspect = random.uniform(*_ASPECT, n)
    # Clumped nuclei touch along their long axes' mean; loose ones keep clear of each other.
    reach = radius * np.where(clumping > 0, _TOUCHING, np.sqrt(aspect) * (1 + 2 * _WAVINESS) + 0.1)
    centres = scatter(shape, reach, random, clumping, margin_px)
    owner, pixel, level = _outlines(shape, centres, radius, aspect, random)
    labels = _truth(shape, owner, pixel, level)

    gain = brightness * np.exp(_BRIGHTNESS_SPREAD * random.standard_normal(n))
    hazy = np.zeros(n, bool)
    hazy[: round(out_of_focus * n)] = True
    hazy = random.permutation(hazy)
    chromatin = cloud(shape, max(_CHROMATIN * diameter_px, 0.7), random)
    # A flat cap: nuclei in culture are discs with a rounded rim, not balls.
    glow = gain[owner] * (0.55 + 0.45 * np.sqrt(1 - level**2))
    sharp = _sum(shape, pixel, np.where(hazy[owner], 0, glow))
    light = background + sharp * np.maximum(1 + texture * chromatin, 0)
    if hazy.any():
        far = _sum(shape, pixel, np.where(hazy[owner], glow, 0))
        light = light + ndimage.gaussian_filter(far, _HAZE * diameter_px)
    if debris > 0:
        light = light + brightness * specks(shape, debris, diameter_px, random)
    picture = photograph(
        light.astype(np.float32),
        random,
        blur=blur,
        photons=photons,
        read_noise=noise,
        illumination=illumination,
        bits=bits,
    )
    if scale_bar and random.random() < scale_bar:
        picture = with_scale_bar(picture, _BAR_WORDS)
    return picture, labels


def _outlines(
    shape: tuple[int, int],
    centres: npt.NDArray[np.float64],
    radius: npt.NDArray[np.float64],
    aspect: npt.NDArray[np.float64],
    random: np.random.Generator,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Pixels inside each nucleus: whose, which, and how far out (0 centre, 1 outline)."""
    n = len(radius)
    turn = random.random(n) * np.pi
    waves = random.standard_normal((2, n, len(_WAVES))) * _WAVINESS * 2 / _WAVES
    half = int(np.ceil(_REACH * radius.max(initial=1.0)))
    window = np.arange(-half, half + 1)
    corner = np.rint(centres).astype(np.intp)
    y = corner[:, 0, None, None] + window[None, :, None]
    x = corner[:, 1, None, None] + window[None, None, :]
    dy, dx = y - centres[:, 0, None, None], x - centres[:, 1, None, None]
    cos, sin = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
    long = np.sqrt(aspect)[:, None, None]
    u, v = (dx * cos + dy * sin) / long, (dy * cos - dx * sin) * long
    near = (np.hypot(u, v) < _REACH * radius[:, None, None]) & (y >= 0) & (x >= 0)
    near &= (y < shape[0]) & (x < shape[1])
    owner, row, column = np.nonzero(near)
    u, v = u[near], v[near]
    phase = np.arctan2(v, u)[:, None] * _WAVES
    wavy = 1 + (waves[0, owner] * np.cos(phase) + waves[1, owner] * np.sin(phase)).sum(axis=1)
    level = np.hypot(u, v) / (radius[owner] * np.maximum(wavy, 0.5))
    inside = level < 1
    owner, row, column = owner[inside], row[inside], column[inside]
    pixel = (corner[owner, 0] - half + row) * shape[1] + (corner[owner, 1] - half + column)
    return owner, pixel, level[inside]


def _truth(
    shape: tuple[int, int],
    owner: npt.NDArray[np.intp],
    pixel: npt.NDArray[np.intp],
    level: npt.NDArray[np.float64],
) -> npt.NDArray[np.uint32]:
    """Labels without gaps; a pixel in two nuclei belongs to the one it lies deeper in."""
    order = np.lexsort((owner, level, pixel))
    pixel, owner = pixel[order], owner[order]
    first = np.concatenate([[True], pixel[1:] != pixel[:-1]]) if pixel.size else slice(0)
    labels = np.zeros(shape, np.uint32)
    kept, number = np.unique(owner[first], return_inverse=True)
    if kept.size:
        labels.ravel()[pixel[first]] = number + 1
    return labels


def _sum(
    shape: tuple[int, int], pixel: npt.NDArray[np.intp], glow: npt.NDArray[np.float64]
) -> Light:
    return np.bincount(pixel, glow, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float32)
