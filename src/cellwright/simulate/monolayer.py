"""A sheet of cells seen by its borders: bright ones, as of ZO-1, or dark ones, as of corneas."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.simulate.camera import Bits, cloud, photograph
from cellwright.simulate.dirt import debris as specks
from cellwright.simulate.dirt import with_scale_bar
from cellwright.simulate.scatter import scatter

__all__ = ["simulate_monolayer"]

_PACKING = 0.9
"""Reach of a cell's centre, as a share of the radius: below 1, so that sizes differ."""
_WAVE_SIZE, _WAVE_HEIGHT = 0.22, 0.055
"""Size and height of the border's waves, as shares of the diameter."""
_PATCH = 0.25
"""Size of the patches in which a border is weak or broken, as a share of the diameter."""
_BAR_WORDS = "100 um"
_NUCLEUS, _NUCLEUS_RIM = 0.2, 0.05
"""Radius of a nucleus and softness of its rim, as shares of the diameter of the cell."""


def simulate_monolayer(
    shape: tuple[int, int] = (512, 512),
    diameter_px: float = 60.0,
    seed: int = 0,
    *,
    elongation: float = 1.4,
    direction: float = 0.6,
    border_px: float = 1.6,
    brightness: float = 0.6,
    unevenness: float = 0.4,
    broken: float = 0.05,
    nuclei: float = 0.12,
    dark: float = 0.0,
    gaps: float = 0.0,
    background: float = 0.06,
    debris: float = 0.0,
    scale_bar: float = 0.0,
    blur: float = 1.0,
    photons: float = 600.0,
    noise: float = 0.008,
    illumination: float = 0.15,
    bits: Bits = 8,
) -> tuple[Array, npt.NDArray[np.uint32]]:
    """Simulate a field of a sheet of cells, and its truth.

    Cells are the points nearest to their centres (a Voronoi tessellation), stretched along one
    direction, with wavy borders.

    Parameters
    ----------
    shape
        (Y, X) in pixels.
    diameter_px
        Diameter of the disc of a cell's mean area.
    seed
        The same seed gives the same picture.
    elongation
        Length by width of a typical cell.
    direction
        Of the long axis: angle from the X axis towards Y (radians, axial).
    border_px
        Standard deviation of a border's profile.
    brightness, background
        Of a typical border and of the cells, as a share of full scale.
    unevenness
        Standard deviation of the brightness along borders, as a share.
    broken
        Share of the borders that cannot be seen, 0 to 1.
    nuclei
        How bright nuclei shine through, as a share of full scale.
    dark
        Probability that the picture shows dark borders between bright cells.
    gaps
        Share of the cells that are missing: their places are background, label 0.
    debris
        Specks and fibres for each cell.
    scale_bar
        Probability that a scale bar is burnt in.
    blur, photons, noise, illumination, bits
        As in `simulate_nuclei`.

    Returns
    -------
    tuple
        Picture (Y, X) uint8 or uint16; labels (Y, X) uint32 from 1 on; 0 where cells are
        missing.

    Raises
    ------
    UsageError
        For a shape or a diameter out of range.

    Examples
    --------
    >>> picture, labels = simulate_monolayer((96, 96), diameter_px=24, seed=3)
    >>> int(labels.min()), picture.shape
    (1, (96, 96))
    """
    if min(shape) < 1 or not diameter_px > 0 or not elongation >= 1:
        raise UsageError(
            f"a sheet of cells of {diameter_px:g} px in {shape} pixels cannot be simulated",
            remedy="give a shape and a diameter above 0, and an elongation from 1 on",
        )
    random = np.random.default_rng(seed)
    y, x = _stretched(shape, direction, elongation)
    wave = _WAVE_HEIGHT * diameter_px
    y = y + wave * cloud(shape, _WAVE_SIZE * diameter_px, random)
    x = x + wave * cloud(shape, _WAVE_SIZE * diameter_px, random)
    centres = _centres(y, x, diameter_px, random)

    found = KDTree(centres).query(np.stack([y.ravel(), x.ravel()], axis=1), k=2)
    distance, nearest = np.asarray(found[0]), np.asarray(found[1])
    between = np.linalg.norm(centres[nearest[:, 0]] - centres[nearest[:, 1]], axis=1)
    # How far it is to the line half way between the two nearest centres.
    to_border = (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * np.maximum(between, 1e-9))
    border = np.exp(-0.5 * (to_border.reshape(shape) / border_px) ** 2)
    patches = cloud(shape, _PATCH * diameter_px, random)
    strength = np.maximum(1 + unevenness * cloud(shape, _PATCH * diameter_px, random), 0.1)
    strength = np.where(patches < np.quantile(patches, broken), 0.0, strength)
    inwards = _NUCLEUS - distance[:, 0].reshape(shape) / diameter_px
    glow = np.clip(0.5 + inwards / (2 * _NUCLEUS_RIM), 0, 1)
    each = np.exp(0.3 * random.standard_normal(len(centres)))[nearest[:, 0]].reshape(shape)
    # chance is asked only for what is wanted: what is not wanted changes no picture
    missing = random.random(len(centres)) < gaps if gaps else np.zeros(len(centres), bool)
    here = ~missing[nearest[:, 0]].reshape(shape)
    border *= ~missing[nearest].all(axis=1).reshape(shape)  # none between two that are missing
    if dark and random.random() < dark:
        # cells as bright as borders would be, and borders as dark as the ground
        shade = np.clip(1 - strength * border, 0, 1)
        light = background + (brightness * each + nuclei * glow) * here * shade
    else:
        light = (background + nuclei * glow) * each * here + brightness * strength * border
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
    labels = np.zeros(shape, np.uint32)
    labels[here] = np.unique(nearest[here.ravel(), 0], return_inverse=True)[1] + 1
    return picture, labels


def _stretched(
    shape: tuple[int, int], direction: float, elongation: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Coordinates in which stretched cells are round; areas are kept."""
    y, x = np.meshgrid(*(np.arange(length, dtype=np.float64) for length in shape), indexing="ij")
    along = x * np.cos(direction) + y * np.sin(direction)
    across = y * np.cos(direction) - x * np.sin(direction)
    return across * np.sqrt(elongation), along / np.sqrt(elongation)


def _centres(
    y: npt.NDArray[np.float64],
    x: npt.NDArray[np.float64],
    diameter_px: float,
    random: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Centres over the whole field and a rim around it, so that border cells are like others."""
    rim = 2 * diameter_px
    low = np.array([y.min(), x.min()]) - rim
    high = np.array([y.max(), x.max()]) + rim
    count = max(round(float(np.prod(high - low)) / (np.pi / 4 * diameter_px**2)), 2)
    size = (int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1)
    return low + scatter(size, np.full(count, _PACKING * diameter_px / 2), random)
