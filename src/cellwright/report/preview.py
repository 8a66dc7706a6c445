"""A picture with its outlines, small enough for the report.

Runs in the worker that holds the plane. Equal input gives equal bytes.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Spacing
from cellwright.report.outlines import nearest, outlined, png
from cellwright.report.section import Preview

__all__ = [
    "brightness", "display_window", "fitting", "make_preview", "resized", "scale_bar", "windowed",
]  # fmt: skip

SATURATED_PERCENT = 0.35
"""Share of pixels shown as black or white, half on each side: what ImageJ's "Enhance
Contrast" takes by default."""
MAX_SIZE = 720
"""Longest side of a preview in pixels: sharp at the width of the report's larger view."""
ENLARGED_BELOW = 480
"""Smaller pictures are enlarged by a whole number, so that outlines cover less of a cell."""
LARGEST_ENLARGEMENT = 4
_SAMPLED_PIXELS = 1_000_000  # enough for percentiles to within 0.01 %
_BAR_SHARE = 0.22  # of the width, the longest that a scale bar may be

Pixels = npt.NDArray[np.uint8]


def make_preview(
    plane: Array,
    labels: npt.NDArray[np.uint32],
    *,
    image: str,
    frame: int,
    role: str,
    caption: str,
    spacing: Spacing,
    max_size: int = MAX_SIZE,
) -> Preview:
    """Make the preview of one plane.

    Parameters
    ----------
    plane
        (Y, X) of any number type, or (Y, X, 3) in colour. Pixels that are not finite are
        shown as the darkest.
    labels
        (Y, X), 0 is background.
    image, frame, role, caption
        As in `Preview`.
    spacing
        Of the plane; gives the scale bar.
    max_size
        Longest side of the preview in pixels. Larger planes are made smaller by averaging,
        their labels by nearest neighbour.

    Raises
    ------
    UsageError
        If plane and labels do not fit, or the plane has no pixel.

    Examples
    --------
    >>> plane = np.arange(24.0).reshape(4, 6)
    >>> preview = make_preview(plane, np.uint32(plane > 12), image="a.tif", frame=0,
    ...     role="median", caption="", spacing=Spacing(y=0.5, x=0.5))
    >>> preview.width, preview.height, preview.scale
    (24, 16, 4.0)
    """
    colour = plane.ndim == 3 and plane.shape[2] == 3
    if not (plane.ndim == 2 or colour) or plane.shape[:2] != labels.shape or not labels.size:
        raise UsageError(
            f"a preview needs a plane and labels of one size, not {plane.shape} and {labels.shape}",
            where=image,
        )
    shown, window, grey = brightness(plane)
    height, width = _preview_size(labels.shape, max_size)
    scale = width / labels.shape[1]
    small = resized(shown, height, width)
    bar_um, bar_px = scale_bar(labels.shape[1], spacing.x)
    return Preview(
        image=image,
        frame=frame,
        role=role,
        caption=caption,
        picture=png(small),
        outlines=outlined(nearest(labels, height, width)),
        width=width,
        height=height,
        scale_bar_um=bar_um,
        scale_bar_px=bar_px * scale,
        scale=scale,
        window=window,
        grey=grey,
    )


def scale_bar(width: int, spacing: float | None) -> tuple[float | None, float]:
    """Length of a scale bar: the longest of 1, 2, 5 × 10ⁿ within about a fifth of the width.

    Parameters
    ----------
    width
        Of the picture, in pixels.
    spacing
        Micrometres per pixel, or None.

    Returns
    -------
    tuple
        The length in µm (None without a spacing: then the bar has a round number of
        pixels), and in pixels of the picture.

    Examples
    --------
    >>> scale_bar(1000, 0.5), scale_bar(1000, None)
    ((100.0, 200.0), (None, 200.0))
    """
    room = width * _BAR_SHARE * (spacing or 1.0)
    power = 10.0 ** math.floor(math.log10(room))
    # The small excess lets 2 fit into 2 when the division before has rounded down.
    length = max(step * power for step in (1, 2, 5) if step * power <= room * (1 + 1e-9))
    return (length, length / spacing) if spacing else (None, length)


def display_window(plane: Array) -> tuple[float, float]:
    """Grey values shown as black and as white: the percentiles 0.175 and 99.825.

    Large planes are sampled on a regular grid. Not finite pixels do not count; a plane
    without any finite one gives (0, 0). Of colours, (Y, X, 3), all that their type holds; the
    largest there is where that is no type of pictures.
    """
    if plane.ndim == 3 and plane.dtype in (np.uint8, np.uint16):
        return 0.0, float(np.iinfo(plane.dtype).max)
    if plane.ndim == 3:
        values = plane.astype(np.float64)
        return 0.0, float(np.max(values, where=np.isfinite(values), initial=1.0))
    step = max(1, math.isqrt(max(1, plane.size // _SAMPLED_PIXELS)))
    sample = plane[::step, ::step].astype(np.float64).ravel()
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 0.0
    half = SATURATED_PERCENT / 2
    low, high = np.percentile(sample, [half, 100 - half])
    if low == high:  # a few bright specks on a flat ground are all that there is to see
        low, high = sample.min(), sample.max()
    return float(low), float(high)


def brightness(plane: Array) -> tuple[Pixels, str, tuple[float, ...]]:
    """The plane as bytes, linear in the grey value, how in words, and from where to where."""
    if plane.ndim == 3 and plane.dtype == np.uint8:
        return plane, "colours as in the file", ()
    low, high = display_window(plane)
    window = f"black at {_grey(low)}, white at {_grey(high)}"
    grey = (low, high) if plane.ndim == 2 and high > low else ()
    return windowed(plane, (low, high)), window, grey


def windowed(values: Array, window: tuple[float, float]) -> Pixels:
    """Grey values as bytes, linear from black to white; black where they are not finite.

    Examples
    --------
    >>> windowed(np.array([5.0, 10.0, 25.0, np.nan]), (10, 20)).tolist()
    [0, 0, 255, 0]
    """
    low, high = window
    scaled = (values.astype(np.float64) - low) * (255.0 / (high - low) if high > low else 0.0)
    finite = np.where(np.isfinite(scaled), scaled, 0.0)
    return np.clip(np.rint(finite), 0, 255).astype(np.uint8)


def fitting(shape: tuple[int, ...], most: int) -> tuple[int, int]:
    """Height and width with a longest side of at most `most`, never enlarged.

    Examples
    --------
    >>> fitting((1000, 500), 100), fitting((10, 20), 100)
    ((100, 50), (10, 20))
    """
    factor = min(1.0, most / max(shape))
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def _grey(value: float) -> str:
    """A grey value as it is written: whole where it is large."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def _preview_size(shape: tuple[int, ...], max_size: int) -> tuple[int, int]:
    longest = max(shape)
    if longest > max_size:
        return fitting(shape, max_size)
    times = min(LARGEST_ENLARGEMENT, max(1, math.ceil(ENLARGED_BELOW / longest)))
    times = max(1, min(times, max_size // longest))
    return shape[0] * times, shape[1] * times


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """Averages when it gets smaller, whole pixels when it gets larger."""
    from PIL import Image as Picture

    if pixels.shape[:2] == (height, width):
        return pixels
    if height > pixels.shape[0]:
        return nearest(pixels, height, width)
    small = Picture.fromarray(np.ascontiguousarray(pixels)).resize(
        (width, height), Picture.Resampling.BOX
    )
    return np.asarray(small, np.uint8)
