"""A first look into a file: what it holds, without its pixels."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cellwright.core.errors import CellwrightError, UnreadableError
from cellwright.core.image import Image
from cellwright.engine.keys import file_digest, key_of
from cellwright.io.open import open_images
from cellwright.pipeline.failure import Failure, failure_of

__all__ = ["Header", "Probe", "file_states", "open_scene", "probe"]


@dataclass(frozen=True)
class Header:
    """All of an Image but its pixels."""

    axes: str
    shape: tuple[int, ...]
    dtype: str
    z_um: float | None
    y_um: float | None
    x_um: float | None
    interval: float | None
    channels: tuple[str, ...]
    bits: int | None
    scene: str
    notes: tuple[str, ...]

    def size(self, axis: str) -> int:
        """Length of an axis; 1 where there is none."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    @property
    def is_colour(self) -> bool:
        """Whether the pixels are colours."""
        return "S" in self.axes

    @property
    def plane_bytes(self) -> int:
        """Bytes of one frame with all its channels and planes in Z."""
        pixels = int(np.prod([n for a, n in zip(self.axes, self.shape, strict=True) if a != "T"]))
        return pixels * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Probe:
    """A file that could be opened: its hash, its scenes, and what it was like then."""

    path: str
    sha256: str
    headers: tuple[Header, ...]
    files: tuple[tuple[str, int, int], ...] = ()
    seconds: float = 0.0


def probe(path: str) -> Probe | Failure:
    """Open a file far enough to plan the work; runs in a worker."""
    started = time.perf_counter()
    try:
        images = open_images(Path(path))
        files = sorted({f for image in images for f in image.source.files} | {path})
        states = file_states(files)
        hashes = [file_digest(Path(f)) for f in files]
        sha256 = hashes[0] if len(hashes) == 1 else key_of(files=hashes)
        headers = tuple(_header(image) for image in images)
    except (CellwrightError, OSError, MemoryError) as error:
        return failure_of(error)
    except Exception as error:  # noqa: BLE001 - the boundary of one input
        return failure_of(error)
    return Probe(path, sha256, headers, states, time.perf_counter() - started)


def file_states(files: Iterable[str]) -> tuple[tuple[str, int, int], ...]:
    """Name, size in bytes and time of change of files: whether they are still the same."""
    found = [(file, Path(file).stat()) for file in files]
    return tuple((file, status.st_size, status.st_mtime_ns) for file, status in found)


def _header(image: Image) -> Header:
    if 0 in image.shape:
        raise UnreadableError(f"the picture is empty: {image.axes} = {image.shape}")
    return Header(
        axes=image.axes,
        shape=image.shape,
        dtype=image.dtype.newbyteorder("=").str,
        z_um=image.spacing.z,
        y_um=image.spacing.y,
        x_um=image.spacing.x,
        interval=image.interval,
        channels=image.channels,
        bits=image.bits,
        scene=image.source.scene,
        notes=image.notes,
    )


def open_scene(path: str, scene: int, image_id: str) -> Image:
    """Open one scene of a file, under its identity."""
    image = open_images(Path(path))[scene]
    return replace(image, source=replace(image.source, image=image_id))
