"""What ImageJ and Fiji write into the description of a TIFF file, and into their own tag."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cellwright.core.image import Spacing
from cellwright.core.units import duration_in_s, length_in_um

__all__ = ["ImageJDescription", "channel_names", "parse_imagej", "slice_labels"]

_COUNTERS = re.compile(r"^(?:[czt]:\d+/\d+\s*)+-?\s*")  # "c:1/3 z:2/9 - name"
_LABEL = {"<": b"lbal", ">": b"labl"}  # the letters of a number, so turned by byte order


@dataclass(frozen=True)
class ImageJDescription:
    """The description's ``key=value`` lines, read.

    Attributes
    ----------
    images, channels, slices, frames
        Numbers of planes, 1 where not said.
    composite
        Whether the channels are shown on top of each other.
    interval
        Seconds between frames.
    offset
        What ImageJ adds to each stored value to show it (signed 16-bit pictures).
    values
        All lines, as text.
    """

    images: int = 1
    channels: int = 1
    slices: int = 1
    frames: int = 1
    composite: bool = False
    interval: float | None = None
    offset: float = 0.0
    values: Mapping[str, str] = field(default_factory=dict)

    def spacing(self, x_resolution: float, y_resolution: float) -> Spacing:
        """Pixel size from the pixels per unit of the TIFF's tags, and ImageJ's unit."""
        unit = self.values.get("unit", "")
        found = {
            "x": _length(x_resolution, unit),
            "y": _length(y_resolution, self.values.get("yunit", unit)),
        }
        step = _number(self.values.get("spacing", ""))
        scale = length_in_um(self.values.get("zunit", unit))
        if step and scale:
            found["z"] = abs(step) * scale  # negative where the stack was taken downwards
        return Spacing(**found)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value != 0 else None


def _length(per_unit: float, unit: str) -> float | None:
    scale = length_in_um(unit)
    if scale is None or not (per_unit > 0 and math.isfinite(per_unit)):
        return None
    size = scale / per_unit
    return size if 0 < size < math.inf else None


def parse_imagej(description: str) -> ImageJDescription | None:
    r"""Read a description that ImageJ wrote, or None for another.

    Examples
    --------
    >>> parse_imagej("ImageJ=1.53t\nimages=6\nchannels=2\nframes=3\nfinterval=5\n").interval
    5.0
    """
    if not description.startswith("ImageJ="):
        return None
    values: dict[str, str] = {}
    for line in description.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            values.setdefault(key.strip(), value.strip())

    def count(key: str) -> int:
        text = values.get(key, "1")
        return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 else 1

    interval = _number(values.get("finterval", ""))
    scale = duration_in_s(values.get("tunit", "s"))
    straight = values.get("cf", "") == "0" and values.get("c1", "") in {"1.0", "1"}
    return ImageJDescription(
        images=count("images") or 1,
        channels=count("channels") or 1,
        slices=count("slices") or 1,
        frames=count("frames") or 1,
        composite=values.get("mode", "") == "composite",
        interval=interval * scale if interval and interval > 0 and scale else None,
        offset=_number(values.get("c0", "")) or 0.0 if straight else 0.0,
        values=values,
    )


def slice_labels(metadata: bytes, counts: Sequence[int], order: str) -> list[str]:
    """Read the labels of the planes from ImageJ's own tag (50839); empty if there are none.

    Parameters
    ----------
    metadata
        Value of the tag: a header of kinds and how many of each, then the values.
    counts
        Value of tag 50838: bytes of the header, then of each value.
    order
        Byte order of the file, ``<`` or ``>``.
    """
    if len(counts) < 2 or not 4 <= counts[0] <= len(metadata):
        return []
    labels: list[str] = []
    place, value = counts[0], 1
    for start in range(4, counts[0] - 7, 8):
        kind, number = struct.unpack_from(order + "4sI", metadata, start)
        for size in counts[value : value + number]:
            if kind == _LABEL[order]:
                raw = metadata[place : place + size]
                labels.append(raw.decode("utf-16-le" if order == "<" else "utf-16-be", "replace"))
            place += size
        value += number
    return labels


def channel_names(labels: Sequence[str], channels: int) -> tuple[str, ...]:
    """Names of channels, where every plane of a channel bears the same and each its own.

    Planes run through the channels fastest, as ImageJ stores them.

    Examples
    --------
    >>> channel_names(["c:1/2 t:1/2 - DAPI", "c:2/2 t:1/2 - GFP", "DAPI", "GFP"], 2)
    ('DAPI', 'GFP')
    >>> channel_names(["c:1/2 - cells.lsm", "c:2/2 - cells.lsm"], 2)
    ()
    """
    if channels < 2 or len(labels) < channels:
        return ()
    plain = [_COUNTERS.sub("", label.partition("\n")[0]).strip() for label in labels]
    names = []
    for channel in range(channels):
        own = set(plain[channel::channels])
        if len(own) != 1 or "" in own:
            return ()
        names.append(own.pop())
    return tuple(names) if len(set(names)) == channels else ()
