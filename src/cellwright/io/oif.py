"""Olympus FluoView pictures, OIF and OIB: taken apart by the library oiffile."""

from __future__ import annotations

import io
import mmap
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Array, Image, Source, Spacing
from cellwright.core.units import duration_in_s, length_in_um
from cellwright.io.libraries import translated
from cellwright.io.oif_files import COMPOUND, OlympusFiles, opened
from cellwright.io.planar import Place, Planes, distinct, spacing_or_none, stack_axes
from cellwright.io.reader import Reader

__all__ = ["READER"]

_FILE = "Olympus file"
_PLANE = re.compile(r"s_((?:[A-Z]\d+)+)\.tif", re.IGNORECASE)
_POSITION = re.compile(r"([A-Z])(\d+)", re.IGNORECASE)
_INFORMATION = "OibInfo.txt".encode("utf-16-le")
_SETTINGS = b"\xff\xfe[\x00"  # settings are UTF-16 with a mark, and begin with a section
_SECTIONS = tuple(
    f"[{name}".encode("utf-16-le")
    for name in ("ProfileSaveInfo]", "Acquisition Parameters", "Axis ", "Version Info]")
)
_FURTHER = {"L": "wavelength", "A": "animation", "P": "position", "R": "region", "Q": "sequence"}


@dataclass(frozen=True)
class _Tiffs:
    """Reads planes, each a TIFF file of its own; satisfies `cellwright.io.planar.ReadPlanes`."""

    names: Mapping[Place, str]
    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def __call__(self, path: Path, places: Sequence[Place]) -> Iterator[tuple[int, Array]]:
        """Read the planes one by one."""
        with opened(path) as files:
            for number, place in enumerate(places):
                yield number, self._plane(files, self.names[place])

    def _plane(self, files: OlympusFiles, name: str) -> Array:
        from tifffile import TiffFile

        with TiffFile(io.BytesIO(files.read(name)), name=name) as tiff:
            page = tiff.pages.first
            if page.shape != self.shape or page.dtype != self.dtype:
                raise UnreadableError(
                    f"{name} is {page.shape} {page.dtype} instead of {self.shape} {self.dtype}",
                    remedy="copy or export the picture again",
                )
            return np.asarray(page.asarray())


def _recognise(head: bytes, path: Path) -> bool:
    if head.startswith(COMPOUND):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            return whole.find(_INFORMATION) >= 0
    if not head.startswith(_SETTINGS):
        return False
    return (
        path.with_name(path.name + ".files").is_dir()
        or path.suffix.lower() == ".oif"
        or any(section in head for section in _SECTIONS)
    )


def _open(path: Path) -> list[Image]:
    with translated(path, _FILE), opened(path) as files:
        places: dict[tuple[tuple[str, int], ...], str] = {}
        for name in sorted(files.names):
            if match := _PLANE.fullmatch(name):
                where = {letter.upper(): int(n) for letter, n in _POSITION.findall(match[1])}
                places[tuple(sorted(where.items()))] = name
        if not places:
            raise UnreadableError(
                "there are no planes in it (files named s_C001.tif)",
                remedy="copy the picture with all its files",
            )
        return _images(path, files, places)


def _images(
    path: Path, files: OlympusFiles, places: dict[tuple[tuple[str, int], ...], str]
) -> list[Image]:
    values: dict[str, list[int]] = {}
    for where in places:
        for letter, number in where:
            values.setdefault(letter, []).append(number)
    values = {letter: sorted(set(numbers)) for letter, numbers in values.items()}
    unknown = sorted(set(values) - set("TCZ") - set(_FURTHER))
    if unknown:
        raise UnsupportedError(
            f"its axis {unknown[0]} is not known", remedy="export it as OME-TIFF"
        )
    waves = values.get("L", [0])
    channels = values.get("C", [0])
    shape, dtype = _first(files, next(iter(places.values())))
    sizes = {axis: len(values.get(axis, [0])) for axis in "TZ"}
    sizes |= {"C": len(channels) * len(waves), "Y": shape[0], "X": shape[1]}
    axes, whole = stack_axes(sizes)
    leading = axes[: axes.index("Y")]
    apart = [letter for letter in _FURTHER if letter != "L" and len(values.get(letter, [])) > 1]
    notes = []
    if len(waves) > 1:
        notes.append(f"its {len(waves)} wavelengths are taken for channels")
    notes += [
        f"its {len(values[letter])} positions of {_FURTHER[letter]} are pictures of their own"
        for letter in apart
    ]
    spacing, interval, bits = _sizes_of(files.settings, leading)
    images = []
    for numbers in product(*(values[letter] for letter in apart)):
        fixed = {letter: own[0] for letter, own in values.items() if len(own) == 1}
        fixed |= dict(zip(apart, numbers, strict=True))
        names: dict[Place, str] = {}
        for place in np.ndindex(*(sizes[axis] for axis in leading)):
            at = dict(fixed)
            for axis, index in zip(leading, place, strict=True):
                if axis == "C":
                    channel, wave = divmod(index, len(waves))
                    at |= {"C": channels[channel]} if "C" in values else {}
                    at |= {"L": waves[wave]} if "L" in values else {}
                else:
                    at[axis] = values[axis][index]
            key = tuple(sorted(at.items()))
            if key not in places:
                raise UnreadableError(
                    "the plane s_" + "".join(f"{a}{n:03d}" for a, n in key) + ".tif is missing",
                    remedy="copy the picture with all its files",
                )
            names[place] = places[key]
        position = ", ".join(f"{_FURTHER[a]} {n}" for a, n in zip(apart, numbers, strict=True))
        images.append(
            Image(
                Planes(path, _FILE, whole, dtype, _Tiffs(names, shape, dtype)),
                axes,
                spacing=spacing,
                interval=interval,
                channels=_channel_names(files.settings, channels, len(waves)),
                bits=bits,
                source=Source(path=str(path), scene=position, position=position),
                notes=tuple(notes),
            )
        )
    return images


def _first(files: OlympusFiles, name: str) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Size and type of a plane, by its TIFF."""
    from tifffile import TiffFile

    content = files.read(name)
    with TiffFile(io.BytesIO(content), name=name) as tiff:
        page = tiff.pages.first
        shape, dtype = page.shape, page.dtype
    if len(shape) != 2 or dtype is None or dtype.kind not in "uif":
        raise UnsupportedError(f"{name} is not a plane of grey values", remedy="export it as TIFF")
    if int(np.prod(shape)) * dtype.itemsize > max(len(content), 1) * 1032:  # deflate's bound
        raise UnreadableError(
            f"{name} claims {shape[1]} × {shape[0]} pixels, more than it can hold",
            remedy="copy the picture again",
        )
    return (int(shape[0]), int(shape[1])), np.dtype(dtype)


def _section(settings: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    section = settings.get(name, {})
    return section if isinstance(section, dict) else {}


def _sizes_of(
    settings: dict[str, dict[str, Any]], leading: str
) -> tuple[Spacing, float | None, int | None]:
    """Spacing, interval and bits."""
    reference = _section(settings, "Reference Image Parameter")
    steps: dict[str, float | None] = {}
    for axis, side in (("Y", "Height"), ("X", "Width")):
        scale = length_in_um(str(reference.get(f"{side}Unit", "um")))
        steps[axis] = spacing_or_none(_float(reference.get(f"{side}ConvertValue")), scale or 0.0)
    interval = None
    for number in range(8):
        own = _section(settings, f"Axis {number} Parameters Common")
        code, count = str(own.get("AxisCode", "")), _float(own.get("MaxSize")) or 0
        unit = str(own.get("UnitName") or own.get("PixUnit") or "")
        ends = (_float(own.get("StartPosition")), _float(own.get("EndPosition")))
        step = None
        if None not in ends and count > 1:
            step = abs((ends[1] or 0.0) - (ends[0] or 0.0)) / (count - 1)
        # The step that was set, else what the ends give.
        for value in (_float(own.get("Interval")), step):
            if code == "Z" and steps.get("Z") is None:
                steps["Z"] = spacing_or_none(abs(value or 0.0), length_in_um(unit) or 0.0)
            elif code == "T" and interval is None:
                interval = spacing_or_none(value, duration_in_s(unit) or 0.0)
    bits = int(_float(reference.get("ValidBitCounts")) or 0)
    return (
        Spacing(z=steps.get("Z") if "Z" in leading else None, y=steps["Y"], x=steps["X"]),
        interval if "T" in leading else None,
        bits if 0 < bits <= 64 else None,
    )


def _channel_names(
    settings: dict[str, dict[str, Any]], channels: Sequence[int], waves: int
) -> tuple[str, ...]:
    """Names of dyes, else of the channels; with wavelengths, these are counted."""
    names: tuple[str, ...] = ()
    for key in ("DyeName", "CH Name"):
        sections = [_section(settings, f"GUI Channel {number} Parameters") for number in channels]
        names = names or distinct((str(own.get(key, "")) for own in sections), len(channels))
    if waves == 1:
        return names
    own_names = names or tuple(str(i) for i in range(len(channels)))
    return tuple(f"{name} wavelength {i}" for name in own_names for i in range(waves))


def _float(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None


READER = Reader("Olympus OIB and OIF", (".oib", ".oif"), _recognise, _open, "cellwright[formats]")
"""Olympus FluoView pictures."""
