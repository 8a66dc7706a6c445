"""What optics and camera make of light: blur, uneven light, photons, read noise, grey values."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cellwright.core.image import Array

__all__ = ["Bits", "Light", "cloud", "photograph", "uneven"]

Light = npt.NDArray[np.float32]
Bits = Literal[8, 16]


def uneven(shape: tuple[int, int], drop: float) -> Light:
    """Light that falls with the squared distance from the centre, by `drop` in the corners.

    Examples
    --------
    >>> light = uneven((3, 3), 0.5)
    >>> float(light[1, 1]), float(light[0, 0])
    (1.0, 0.5)
    """
    y, x = (np.linspace(-1, 1, length, dtype=np.float32) ** 2 for length in shape)
    return np.asarray(1 - drop * (y[:, None] + x[None, :]) / 2, np.float32)


def cloud(shape: tuple[int, int], size: float, random: np.random.Generator) -> Light:
    """Smooth random values of mean 0 and standard deviation 1 over the plane.

    Parameters
    ----------
    shape
        (Y, X).
    size
        Standard deviation (px) of the Gaussian that smooths them.
    random
        Where chance comes from.
    """
    rough = random.standard_normal(shape, dtype=np.float32)
    smooth = ndimage.gaussian_filter(rough, size, mode="wrap", truncate=3)
    spread = float(smooth.std())
    return np.asarray((smooth - smooth.mean()) / (spread or 1.0), np.float32)


def photograph(
    light: Light,
    random: np.random.Generator,
    *,
    blur: float,
    photons: float,
    read_noise: float,
    illumination: float,
    bits: Bits,
) -> Array:
    """Take a picture.

    Parameters
    ----------
    light
        (Y, X), 1 is the full scale of the camera; brighter is cut off.
    random
        Where chance comes from.
    blur
        Standard deviation (px) of the Gaussian that stands for the optics.
    photons
        That a pixel of full scale catches: their square root is the noise. 0 for none.
    read_noise
        Standard deviation of the camera's own noise, as a share of full scale.
    illumination
        By what share the light is less in the corners than in the centre.
    bits
        8 or 16.

    Returns
    -------
    Array
        (Y, X) uint8 or uint16.
    """
    seen = ndimage.gaussian_filter(light, blur, truncate=3) if blur else light.copy()
    seen = np.maximum(seen * uneven(light.shape, illumination), 0).astype(np.float32)
    if photons:
        seen = (random.poisson(seen * photons) / photons).astype(np.float32)
    if read_noise:
        seen = seen + read_noise * random.standard_normal(seen.shape, dtype=np.float32)
    full = 2**bits - 1
    grey = np.clip(np.rint(seen * full), 0, full)
    return np.asarray(grey, np.uint8 if bits == 8 else np.uint16)
