"""How the pixels of one picture in a Leica LIF file are laid out, as its XML describes it.

Each dimension and each channel states its distance in bytes from one element to the next, so
that a picture is a number of strides over one block of memory. Which dimensions are rows and
columns is not said: they are those that were scanned, which may be x and z.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.units import length_in_um
from cellwright.io.planar import distinct

__all__ = ["Channel", "Dimension", "Layout", "layout_of"]

_DESCRIPTION = "./Data/Image/ImageDescription"
_NAMES = {
    1: "x", 2: "y", 3: "z", 4: "time", 5: "emission", 6: "rotation", 7: "x-t section",
    8: "time section", 9: "excitation", 10: "tile", 11: "loop",
}  # fmt: skip
"""DimID, as in Leica's description of the format and the library liffile."""

SPACE = {"x", "y", "z"}
WAVELENGTHS = ("emission", "excitation")
_NM_PER_M = 1e9
_RED_GREEN_BLUE = [1, 2, 3]  # ChannelTag; 0 is grey
_MOST = 2**40  # elements of a dimension, bytes of a stride: far beyond any file
_TYPES = {0: "u", 1: "f"}  # DataType


@dataclass(frozen=True)
class Dimension:
    """One dimension: what it is, how many elements, from where to where, bytes from one to next.

    Attributes
    ----------
    name
        ``x``, ``y``, ``z``, ``time``, ``emission`` and so on.
    count, stride
        Number of elements, and bytes from one to the next.
    origin, length, unit
        Position of the first, and distance from the first to the last, in `unit`.
    """

    name: str
    count: int
    stride: int
    origin: float
    length: float
    unit: str

    @property
    def step_um(self) -> float | None:
        """Micrometres from one element to the next; None if that is not known."""
        scale = length_in_um(self.unit)
        step = abs(self.length) / (self.count - 1) * scale if scale and self.count > 1 else 0.0
        return step if 0 < step < float("inf") else None

    @property
    def values_nm(self) -> list[float]:
        """Positions as wavelengths, in nanometres."""
        return [
            (self.origin + self.length * i / max(1, self.count - 1)) * _NM_PER_M
            for i in range(self.count)
        ]


@dataclass(frozen=True)
class Channel:
    """One channel: where it begins, its type, how many bits are used, its tag and colour table."""

    start: int
    dtype: np.dtype[np.generic]
    bits: int
    tag: int
    table: str


@dataclass(frozen=True)
class Layout:
    """All of a picture.

    Attributes
    ----------
    rows, columns
        The two dimensions of a plane.
    others
        The further dimensions with more than one element, slowest first.
    channels
        One for each channel, or for each sample of a colour picture.
    samples
        For a colour picture, how far red, green and blue lie from the start of a pixel.
    names
        Of the channels; empty if they have none.
    """

    rows: Dimension
    columns: Dimension
    others: tuple[Dimension, ...]
    channels: tuple[Channel, ...]
    samples: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """A type that holds the values of all channels."""
        return np.result_type(*(channel.dtype for channel in self.channels))

    @property
    def extent(self) -> int:
        """How many bytes of the block are used."""
        last = max(channel.start + channel.dtype.itemsize for channel in self.channels)
        last += max(self.samples, default=0)
        return last + sum((d.count - 1) * d.stride for d in (self.rows, self.columns, *self.others))


def layout_of(element: Element) -> Layout:
    """Read the layout of the picture that an Element of the XML describes.

    Raises
    ------
    UnreadableError
        If numbers are missing or impossible.
    UnsupportedError
        If there is nothing that could be rows and columns, or values are packed in bits.
    KeyError, ValueError
        If an attribute is missing, or is not a number.
    """
    dimensions = [
        _dimension(node.attrib)
        for node in element.findall(f"{_DESCRIPTION}/Dimensions/DimensionDescription")
    ]
    channels = [
        _channel(node.attrib)
        for node in element.findall(f"{_DESCRIPTION}/Channels/ChannelDescription")
    ]
    if not channels or not dimensions:
        raise UnreadableError(
            "a picture has no channels or no dimensions", remedy="export it again"
        )
    channels.sort(key=lambda channel: channel.start)
    used = sorted((d for d in dimensions if d.count > 1), key=lambda d: d.stride)
    rows, columns = _plane(used or dimensions)
    others = tuple(reversed([d for d in used if d not in (rows, columns)]))
    names = [d.name for d in (rows, columns, *others)]
    if len(set(names)) < len(names):
        raise UnsupportedError("one of its dimensions stands there twice", remedy="export it again")
    samples: tuple[int, ...] = ()
    size = channels[0].dtype.itemsize
    tags = [channel.tag for channel in channels]
    if (
        len(channels) % 3 == 0
        and columns.stride == 3 * size
        and all(sorted(tags[i : i + 3]) == _RED_GREEN_BLUE for i in range(0, len(tags), 3))
    ):
        pixel = channels[:3]
        samples = tuple(
            next(c.start for c in pixel if c.tag == tag) - pixel[0].start for tag in _RED_GREEN_BLUE
        )
        channels = channels[::3]
    return Layout(rows, columns, others, tuple(channels), samples, _names(element, channels))


def _dimension(attributes: dict[str, str]) -> Dimension:
    count, stride = int(attributes["NumberOfElements"]), int(attributes["BytesInc"])
    if not (0 < count < _MOST and 0 <= stride < _MOST):
        raise UnreadableError(
            f"a dimension of {count} elements, {stride} bytes apart, is not possible",
            remedy="copy or export the file again",
        )
    number = int(attributes["DimID"])
    _no_bits(attributes)
    return Dimension(
        _NAMES.get(number, f"dimension {number}"),
        count,
        stride,
        float(attributes.get("Origin") or 0),
        float(attributes.get("Length") or 0),
        attributes.get("Unit", ""),
    )


def _channel(attributes: dict[str, str]) -> Channel:
    kind, bits = _TYPES.get(int(attributes["DataType"]), ""), int(attributes["Resolution"])
    start = int(attributes["BytesInc"])
    size = next((size for size in (1, 2, 4, 8) if bits <= 8 * size), 0)
    if not kind or bits < 1 or size == 0 or (kind == "f" and size == 1):
        raise UnsupportedError(f"pixels of {bits} bits are not read", remedy="export them as TIFF")
    if not 0 <= start < _MOST:
        raise UnreadableError("a channel begins nowhere", remedy="copy or export the file again")
    _no_bits(attributes)
    return Channel(
        start,
        np.dtype(f"<{kind}{size}"),
        bits,
        int(attributes.get("ChannelTag") or 0),
        attributes.get("LUTName", ""),
    )


def _no_bits(attributes: dict[str, str]) -> None:
    if int(attributes.get("BitInc") or 0):
        raise UnsupportedError("pixels packed in bits are not read", remedy="export them as TIFF")


def _plane(used: list[Dimension]) -> tuple[Dimension, Dimension]:
    """Rows and columns: the two directions in space that were scanned first, or one and time."""
    space = [d for d in used if d.name in SPACE]
    if not space:
        raise UnsupportedError(
            "a picture without x, y and z (a point that was watched) is not read",
            remedy="export its values as a table",
        )
    columns = space[0]
    if len(space) > 1:
        return space[1], columns
    later = [d for d in used if d.name in {"time", "time section"} and d.stride > columns.stride]
    none = Dimension("y", 1, 0, 0.0, 0.0, "")
    return (later[0] if later else none), columns


def _names(element: Element, channels: list[Channel]) -> tuple[str, ...]:
    """Names of the channels: their dyes, else their detectors, else the names of their tables."""
    count = len(channels)
    described = element.findall(f"{_DESCRIPTION}/Channels/ChannelDescription")
    dyes = [
        next(
            (
                entry.findtext("Value")
                for entry in node.findall("ChannelProperty")
                if entry.findtext("Key") == "DyeName"
            ),
            None,
        )
        for node in described
    ]
    settings = element.findall("./Data/Image/Attachment//ATLConfocalSettingDefinition")
    detected: list[str | None] = []
    if len(settings) == 1:  # several are a sequence, of which it is not said what became of it
        bands = {
            band.get("Channel"): (band.get("DyeName") or "").rpartition("/")[2]
            for band in settings[0].iter("MultiBand")
        }
        detected = [
            bands.get(detector.get("Channel")) or detector.get("Name", "")
            for detector in settings[0].iter("Detector")
            if detector.get("IsActive") == "1"
        ]
    return (
        distinct(dyes, count)
        or distinct(detected, count)
        or distinct((channel.table for channel in channels), count)
    )
