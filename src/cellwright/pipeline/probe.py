"""A first look into a file: what it holds, without its pixels."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cellwright.core.errors import CellwrightError, InputError, UnreadableError
from cellwright.core.image import Image
from cellwright.engine.keys import file_digest, key_of, plain_files
from cellwright.io.file_set import FileSet, open_set
from cellwright.io.open import open_images
from cellwright.pipeline.failure import Failure, failure_of
from cellwright.pipeline.hidden import found_in
from cellwright.pipeline.planes import read_planes
from cellwright.quality.scale_bar import ScaleProposal, proposal

__all__ = [
    "Header",
    "Look",
    "Probe",
    "Where",
    "changed",
    "file_states",
    "open_scene",
    "probe",
    "refuse_changed",
]

Where = str | FileSet
"""What is opened: the path of a file or an OME-Zarr folder, or files that are one picture."""


@dataclass(frozen=True)
class Header:
    """All of an Image but its pixels; with what its files were like, and the hash of them.

    `bar` is the scale bar that was looked for in its pixels.
    """

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
    plate: str
    well: str
    position: str
    sha256: str
    files: tuple[tuple[str, int, int], ...]
    bar: ScaleProposal | None = None

    def size(self, axis: str) -> int:
        """Length of an axis; 1 where there is none."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    @property
    def layout(self) -> tuple[str, tuple[int, ...], str, tuple[str, ...]]:
        """Axes, sizes, type of the pixels and names of the channels."""
        return self.axes, self.shape, self.dtype, self.channels

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
    """What could be opened, and its scenes."""

    headers: tuple[Header, ...]
    seconds: float = 0.0


@dataclass(frozen=True)
class Look:
    """What is to be opened, and whether a scale bar is looked for where no pixel size is known."""

    where: Where
    bars: bool = False


def probe(look: Look) -> Probe | Failure:
    """Open a file far enough to plan the work; runs in a worker."""
    where = look.where
    started = time.perf_counter()
    digests: dict[str, str] = {}

    def digest(file: str) -> str:
        if file not in digests:
            digests[file] = file_digest(Path(file))
        return digests[file]

    try:
        headers = []
        for image in _open(where):
            files = sorted(set(image.source.files)) or _files_of(where)
            states = file_states(files)
            hashes = [digest(file) for file in files]
            sha256 = hashes[0] if len(hashes) == 1 else key_of(files=hashes)
            header = _header(image, sha256, states)
            if look.bars and image.spacing.x is None:
                header = replace(header, bar=proposal(found_in(read_planes(image, 0, "max"))))
            headers.append(header)
    except (CellwrightError, OSError, MemoryError) as error:
        return failure_of(error)
    except Exception as error:  # noqa: BLE001 - the boundary of one input
        return failure_of(error)
    return Probe(tuple(headers), time.perf_counter() - started)


def _files_of(where: Where) -> list[str]:
    """Files of an input whose reader names none."""
    if isinstance(where, FileSet):
        return sorted({part.path for part in where.parts})
    return [str(where)]


def _open(where: Where) -> list[Image]:
    return [open_set(where)] if isinstance(where, FileSet) else open_images(Path(where))


def file_states(files: Iterable[str]) -> tuple[tuple[str, int, int], ...]:
    """Name, size in bytes and time of change of files: whether they are still the same.

    Of a folder, the sum of the sizes in it and the time of the last change.
    """
    return tuple((file, *_state(Path(file))) for file in files)


def changed() -> InputError:
    """Make the error for a file that is no longer what was hashed."""
    return InputError(
        "the file changed while the run went on", remedy="start the same command again"
    )


def refuse_changed(files: tuple[tuple[str, int, int], ...]) -> None:
    """Refuse files that are not as `file_states` once found them.

    Raises
    ------
    InputError
        If one is, or is gone.
    """
    if file_states(name for name, _, _ in files) != files:
        raise changed()


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    if not path.is_dir():
        return status.st_size, status.st_mtime_ns
    inside = [file.stat() for file in plain_files(path)]
    return sum(s.st_size for s in inside), max((s.st_mtime_ns for s in inside), default=0)


def _header(image: Image, sha256: str, files: tuple[tuple[str, int, int], ...]) -> Header:
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
        plate=image.source.plate,
        well=image.source.well,
        position=image.source.position,
        sha256=sha256,
        files=files,
    )


def open_scene(where: Where, scene: int, image_id: str) -> Image:
    """Open one scene of a file, under its identity."""
    image = _open(where)[scene]
    return replace(image, source=replace(image.source, image=image_id))
