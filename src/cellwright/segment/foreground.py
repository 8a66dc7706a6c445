"""What is object and what is background: polarity, noise, threshold."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.histogram import Histogram, histogram_of, otsu, otsu_of

__all__ = [
    "Polarity",
    "above_noise",
    "background_and_noise",
    "frame_of",
    "half_height",
    "has_two_classes",
    "is_skewed",
    "is_well_parted",
    "noise_left",
    "noise_response",
    "polarity_by",
    "polarity_of",
    "roots_above",
    "surroundings",
]

Polarity = Literal["bright", "dark"]

NOISE_FACTOR = 6.0
"""Nothing below this many standard deviations of the noise is an object: in a normal
distribution one pixel in 1e9 gets there, so that a picture of noise has no objects."""

NORMAL_SEPARABILITY = 0.68
"""A normal distribution has 2 / pi = 0.637; a margin for the little that is sampled."""

NORMAL_SKEWNESS = 0.5
"""A normal distribution has 0; pictures of nuclei with so low a separability have over 1.5."""

MEDIAN_TO_DEVIATION = 1.4826
"""From the median of absolute values to the standard deviation of a normal distribution."""

LONE_PIXEL_LOSS = 1.3
"""By how much the Laplacian below finds too little after `grey.without_lone_pixels` has taken the
peaks off the noise: 1.2 to 1.4 for normal and Poisson noise, smoothed over 0.7 to 2 pixels."""

_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_LAPLACIAN_GAIN = 6.0
"""Factor by which this filter raises the deviation of independent noise: its norm."""


def polarity_of(plane: Array) -> Polarity:
    """Whether objects are brighter or darker than their ground.

    The ground is the class (of Otsu's two) that has the larger share of the picture and of
    its frame, both counted alike: objects are the minority, and if they are not, then still
    the ground reaches the frame more often than they do.

    Parameters
    ----------
    plane
        (Y, X), not constant.

    Examples
    --------
    >>> plane = np.zeros((5, 5))
    >>> plane[2, 2:4] = 1
    >>> polarity_of(plane), polarity_of(1 - plane)
    ('bright', 'dark')
    """
    upper = plane > otsu(plane)[0]
    return polarity_by(float(upper.mean()), float(frame_of(upper).mean()))


def frame_of(plane: Array) -> Array:
    """Give the outermost pixels of a plane; those of a line or column of pixels twice."""
    return np.concatenate([plane[0], plane[-1], plane[1:-1, 0], plane[1:-1, -1]])


def polarity_by(share: float, frame: float) -> Polarity:
    """Polarity by the upper class's share of the picture and of its frame; see `polarity_of`."""
    return "bright" if share + frame <= 1 else "dark"


def has_two_classes(plane: Array) -> bool:
    """Whether there is more in a plane than one class of pixels with noise.

    Noise, smoothed or not, has a histogram without a tail that Otsu's threshold parts no
    better than a normal distribution. Objects make a second class, or, where they are few, a
    tail: the two together tell noise from both.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(64, 64))
    >>> has_two_classes(noise), has_two_classes(np.where(noise > 1.5, 9, noise))
    (False, True)
    """
    if is_well_parted(histogram_of(lambda: (plane,))):
        return True
    from_mean = plane.astype(np.float64) - plane.mean(dtype=np.float64)
    return is_skewed(float(np.mean(from_mean**2)), float(np.mean(from_mean**3)))


def is_well_parted(histogram: Histogram) -> bool:
    """Whether Otsu's threshold parts the values better than a normal distribution."""
    return otsu_of(histogram)[1] >= NORMAL_SEPARABILITY


def is_skewed(square: float, cube: float) -> bool:
    """Whether values have a tail, by the mean square and cube of their way from the mean."""
    return bool(abs(cube) >= NORMAL_SKEWNESS * np.sqrt(square) ** 3)


def background_and_noise(heights: Array, smooth: Array, smoothing: float) -> tuple[float, float]:
    """Height of the background, and the deviation that noise has left after smoothing.

    Parameters
    ----------
    heights
        (Y, X), before smoothing.
    smooth
        The same, smoothed by a Gaussian.
    smoothing
        Its standard deviation in pixels.

    Returns
    -------
    base : float
        Median of the lower of Otsu's two classes.
    noise : float
        By a Laplacian that is blind to slopes; the median keeps the edges of objects out.

    References
    ----------
    J. Immerkaer, "Fast noise variance estimation", Computer Vision and Image Understanding 64
    (1996) 300-302; here with the median instead of the mean.
    """
    base = float(np.median(smooth[smooth <= otsu(smooth)[0]]))
    return base, noise_left(float(np.median(noise_response(heights))), smoothing)


def noise_response(heights: Array) -> Array:
    """How much each pixel differs from its neighbours, slopes aside; (Y, X), 0 or more."""
    response: Array = np.abs(ndimage.convolve(heights, _LAPLACIAN, mode="nearest"))
    return response


def noise_left(response: float, smoothing: float) -> float:
    """Deviation that noise has left after smoothing, by the median of `noise_response`."""
    noise = response * MEDIAN_TO_DEVIATION / _LAPLACIAN_GAIN
    # A Gaussian of deviation s leaves 1 / (2 s sqrt(pi)) of independent noise.
    left = 1.0 if smoothing == 0 else min(1.0, 1 / (2 * np.sqrt(np.pi) * smoothing))
    return noise * left * LONE_PIXEL_LOSS


def roots_above(smooth: Array, base: float) -> Array:
    """Square roots of heights above the background.

    Photon noise grows with the square root of the light, so on this scale dim objects beside
    bright ones stand out of the background as they do to the eye: it is where a threshold is
    looked for.

    Parameters
    ----------
    smooth
        (Y, X) float32, objects high.
    base
        Height of the background.

    Returns
    -------
    Array
        (Y, X) float32, 0 where there is no height above it.

    References
    ----------
    F. J. Anscombe, "The transformation of Poisson, binomial and negative-binomial data",
    Biometrika 35 (1948) 246-254.
    """
    roots: Array = np.sqrt(np.maximum(smooth - np.float32(base), 0))
    return roots


def above_noise(base: float, noise: float, root: float, algorithm: str) -> tuple[float, str]:
    """Height of a threshold on the scale of `roots_above`, but not within the noise.

    Returns
    -------
    threshold : float
        Heights above it are foreground.
    rule : str
        What set it: the name of the algorithm, or ``noise`` where that fell into the noise.

    Examples
    --------
    >>> above_noise(1.0, 0.5, 3.0, "otsu"), above_noise(1.0, 0.5, 1.0, "otsu")
    ((10.0, 'otsu'), (4.0, 'noise'))
    """
    threshold, floor = base + root**2, base + NOISE_FACTOR * noise
    return (floor, "noise") if threshold < floor else (threshold, algorithm)


def surroundings(smooth: Array, noise: float, window: float) -> Array:
    """Give the surface above which a pixel stands out of its surroundings.

    Parameters
    ----------
    smooth
        (Y, X) float32, objects high.
    noise
        Of `background_and_noise`.
    window
        Standard deviation of the Gaussian that weighs the surroundings, in pixels.
    """
    around = ndimage.gaussian_filter(smooth, window, mode="nearest")
    surface: Array = around + np.float32(NOISE_FACTOR * noise)
    return surface


def half_height(smooth: Array, labels: Array, base: float) -> Array:
    """Keep of each object what is higher than half of its own height above the background.

    A blurred edge has its true place at half height. One threshold for a whole picture draws
    bright objects too large and lets them run together.

    Parameters
    ----------
    smooth
        (Y, X), objects high.
    labels
        (Y, X) integers, 0 is background.
    base
        Height of the background.

    Returns
    -------
    Array
        (Y, X) bool. An object's height is its upper quartile, which a few bright spots
        within it do not move.

    Examples
    --------
    >>> smooth = np.array([[0.0, 1.0, 4.0, 4.0, 4.0, 3.0, 0.0]])
    >>> half_height(smooth, (smooth > 0).astype(int), 0.0).astype(int)
    array([[0, 0, 1, 1, 1, 1, 0]])
    """
    places = np.flatnonzero(labels)
    found, values = labels.ravel()[places], smooth.ravel()[places]
    # Bits of floats from 0 up sort as the floats do: one fast sort instead of two slow ones.
    bits = np.maximum(values, 0).astype(np.float32).view(np.int32)
    keys = np.sort((found.astype(np.int64) << 32) | bits)
    counts = np.bincount(found)
    starts = np.cumsum(counts) - counts
    present = counts > 0
    quartile = starts[present] + (3 * counts[present]) // 4
    heights = (keys[quartile] & 0xFFFFFFFF).astype(np.int32).view(np.float32)
    threshold = np.zeros(counts.size, smooth.dtype)
    threshold[present] = base + (heights - base) / 2
    kept = np.zeros(labels.shape, bool)
    kept.ravel()[places] = values > threshold[found]
    return kept
