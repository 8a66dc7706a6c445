"""A folder of simulated pictures: conditions, replicates, truth, and what was planted."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.core.method import Options
from cellwright.simulate.place import take

__all__ = [
    "Condition",
    "SimulateOptions",
    "Simulated",
    "encode_picture",
    "parse_condition",
    "simulate_experiment",
    "simulated_pictures",
]

SAMPLES = "samples.csv"
PICTURES, TRUTH = "pictures", "truth"
_HEADER = "image,condition,replicate,pixel_size_um,truth,n_cells_truth"

# How replicates of one condition differ by nature, as standard deviations of logarithms: the
# number of cells far more than their size.
_COUNT_SPREAD, _SIZE_SPREAD, _BRIGHTNESS_SPREAD = 0.08, 0.004, 0.1
_FIELD_SPREAD = 0.05
"""Of the number of cells from picture to picture of a replicate."""
_SMALLEST_FIELD = 16
_MOST_COVERED = 0.45
"""Nuclei that keep apart cannot cover more of a field than this."""


@dataclass(frozen=True)
class Condition:
    """A condition, and what is planted in it.

    Attributes
    ----------
    name
        Of the condition.
    area, count
        By what factor area and number of cells differ from the options' own.
    """

    name: str
    area: float = 1.0
    count: float = 1.0


class SimulateOptions(Options):
    """What to simulate.

    Examples
    --------
    >>> options = SimulateOptions(pictures=1, conditions=("control", "drug=1.2:0.5"))
    >>> parse_condition(options.conditions[1])
    Condition(name='drug', area=1.2, count=0.5)
    """

    kind: Literal["nuclei", "monolayer"] = Field(
        "nuclei", description="Nuclei in fluorescence, or a sheet of cells with bright borders."
    )
    conditions: tuple[str, ...] = Field(
        ("control", "drug=1.10:0.75"),
        min_length=1,
        description="Conditions, as NAME or NAME=AREA:COUNT: by what factors area and number "
        "of cells differ (1.10 is 10 % larger). May be given several times.",
    )
    replicates: int = Field(3, ge=1, description="Independent replicates of each condition.")
    pictures: int = Field(2, ge=1, description="Pictures of each replicate.")
    seed: int = Field(0, ge=0, description="The same seed gives the same pictures.")
    size: int = Field(
        512, ge=_SMALLEST_FIELD, le=16384, description="Width and height of a picture in pixels."
    )
    diameter: Annotated[float, Field(gt=1, le=1000)] | None = Field(
        None, description="Diameter of a cell in pixels: 24 for nuclei, 60 for a monolayer."
    )
    cells: int | None = Field(
        None, ge=1, description="Nuclei in a picture; by default so many that 12 % is covered."
    )
    clumping: float = Field(0.0, ge=0, le=1, description="Share of the nuclei that touch.")
    blur: float = Field(1.0, ge=0, le=50, description="Blur of the optics in pixels.")
    noise: float = Field(
        0.005, ge=0, le=1, description="Noise of the camera, as a share of full scale."
    )
    illumination: float = Field(
        0.1, ge=0, le=1, description="By what share the corners are darker than the centre."
    )
    bits: Literal[8, 16] = Field(8, description="Bits of a pixel: 8 or 16.")
    pixel_size_um: float = Field(0.5, gt=0, description="Micrometres per pixel.")

    @field_validator("conditions")
    @classmethod
    def _conditions(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        names = [parse_condition(text).name for text in texts]
        # On some file systems upper and lower case are the same name.
        if len({name.casefold() for name in names}) < len(names):
            raise UsageError("two conditions have the same name", where=", ".join(names))
        return texts


@dataclass(frozen=True, eq=False)
class Simulated:
    """One simulated picture.

    Attributes
    ----------
    name
        Of its file, without folder and extension.
    condition, replicate
        What it belongs to; replicates count from 1.
    picture, labels
        (Y, X) uint8 or uint16; (Y, X) uint32.
    """

    name: str
    condition: str
    replicate: int
    picture: Array
    labels: npt.NDArray[np.uint32]


def parse_condition(text: str) -> Condition:
    """Read ``NAME`` or ``NAME=AREA:COUNT``.

    Raises
    ------
    UsageError
        For another form, a factor that is not above 0, or a name that is no file name.

    Examples
    --------
    >>> parse_condition("drug=1.10:0.75")
    Condition(name='drug', area=1.1, count=0.75)
    """
    name, planted, factors = text.partition("=")
    remedy = "write it like drug=1.10:0.75"
    if not name[:1].isalnum() or not all(sign.isalnum() or sign in "-+_ " for sign in name):
        raise UsageError(f"{name!r} cannot name a condition in a file's name", remedy=remedy)
    if not planted:
        return Condition(name.strip())
    try:
        area, count = (float(factor) for factor in factors.split(":"))
    except ValueError:
        raise UsageError(f"{text!r} is not NAME=AREA:COUNT", remedy=remedy) from None
    if not (0 < area < 100 and 0 < count < 100):
        raise UsageError(f"{text!r} holds a factor that is not between 0 and 100", remedy=remedy)
    return Condition(name.strip(), area, count)


def simulated_pictures(options: SimulateOptions) -> Iterator[Simulated]:
    """Simulate picture after picture, in stable order.

    Each picture has a seed of its own, made of the option's seed and its place, so that more
    pictures or conditions leave the first ones as they are.
    """
    for place, text in enumerate(options.conditions):
        condition = parse_condition(text)
        for replicate in range(1, options.replicates + 1):
            nature = np.random.default_rng([options.seed, place, replicate, 0])
            count, size, bright = np.exp(
                nature.standard_normal(3) * (_COUNT_SPREAD, _SIZE_SPREAD, _BRIGHTNESS_SPREAD)
            )
            for number in range(1, options.pictures + 1):
                chance = np.random.default_rng([options.seed, place, replicate, number])
                here = float(count * np.exp(_FIELD_SPREAD * chance.standard_normal()))
                picture, labels = _simulate(
                    options,
                    condition,
                    (here, float(size), float(bright)),
                    int(chance.integers(2**32)),
                )
                name = _name(condition, replicate, number)
                yield Simulated(name, condition.name, replicate, picture, labels)


def _name(condition: Condition, replicate: int, number: int) -> str:
    return f"{condition.name}_{replicate}_{number}".replace(" ", "_")


def simulate_experiment(
    out: Path, options: SimulateOptions | None = None, *, force: bool = False
) -> Path:
    """Write a folder of pictures with their truth.

    ``pictures/NAME.tif`` (ImageJ TIFF with the pixel size), ``truth/NAME.tif`` (labels), and
    ``samples.csv`` with one row a picture, whose ``image`` is relative to the folder, and
    ``parameters.json`` with the options. The same options give the same bytes.

    Parameters
    ----------
    out
        Folder to write to, made if need be; it may hold the same experiment. Files of other names
        are left alone.
    options
        What to simulate.
    force
        Whether another simulation in the folder is removed first.

    Returns
    -------
    Path
        Of ``samples.csv``.

    Raises
    ------
    UsageError
        If the folder holds other pictures, or what is asked for does not fit.
    """
    options = options or SimulateOptions()
    asked = options.model_dump(mode="json")
    take(out, asked, folders=(PICTURES, TRUTH), table=SAMPLES, files=_files, force=force)
    rows = [_HEADER]
    for one in simulated_pictures(options):
        image, truth = f"{PICTURES}/{one.name}.tif", f"{TRUTH}/{one.name}.tif"
        (out / image).write_bytes(encode_picture(one.picture, options.pixel_size_um))
        labels = one.labels.astype(np.uint16 if one.labels.max() < 2**16 else np.float32)
        (out / truth).write_bytes(encode_picture(labels, options.pixel_size_um))
        rows.append(
            f"{image},{one.condition},{one.replicate},{options.pixel_size_um:g},"
            f"{truth},{int(one.labels.max())}"
        )
    path = out / SAMPLES
    path.write_text("\n".join(rows) + "\n", encoding="utf-8", newline="")
    return path


def _files(asked: Mapping[str, Any]) -> list[str]:
    """Names of the files that were written for what was asked for."""
    return [
        f"{_name(parse_condition(text), replicate, number)}.tif"
        for text in asked["conditions"]
        for replicate in range(1, asked["replicates"] + 1)
        for number in range(1, asked["pictures"] + 1)
    ]


def encode_picture(plane: Array, pixel_size_um: float | None = None) -> bytes:
    """Bytes of an ImageJ TIFF, the same for the same pixels.

    Parameters
    ----------
    plane
        (Y, X) uint8, uint16 or float32.
    pixel_size_um
        Micrometres per pixel, or None.

    Examples
    --------
    >>> encode_picture(np.zeros((2, 2), np.uint8), 0.5)[:2]
    b'II'
    """
    import tifffile

    stream = io.BytesIO()
    known = pixel_size_um is not None
    tifffile.imwrite(
        stream,
        plane,
        imagej=True,
        byteorder="<",
        resolution=None if pixel_size_um is None else (1 / pixel_size_um, 1 / pixel_size_um),
        metadata={"axes": "YX", "unit": "um"} if known else {"axes": "YX"},
    )
    return stream.getvalue()


def _simulate(
    options: SimulateOptions, condition: Condition, nature: tuple[float, float, float], seed: int
) -> tuple[Array, npt.NDArray[np.uint32]]:
    count, size, bright = nature
    # Late: the command line shows the options without loading SciPy.
    from cellwright.simulate.monolayer import simulate_monolayer
    from cellwright.simulate.nuclei import simulate_nuclei

    shape = (options.size, options.size)
    stretch = size * float(np.sqrt(condition.area))
    if options.kind == "monolayer":
        # In a full sheet number and size are one: it is the area that is planted.
        return simulate_monolayer(
            shape,
            (options.diameter or 60.0) * stretch,
            seed,
            blur=options.blur,
            noise=options.noise,
            illumination=options.illumination,
            bits=options.bits,
        )
    diameter = options.diameter or 24.0
    area = np.pi / 4 * diameter**2
    cells = options.cells or max(round(0.12 * options.size**2 / area), 1)
    n = max(round(cells * condition.count * count), 1)
    if n * area * stretch**2 > _MOST_COVERED * options.size**2:
        raise UsageError(
            f"{n} nuclei of {diameter * stretch:.0f} px do not fit into {options.size} px squared",
            where=condition.name,
            remedy="ask for fewer cells, a smaller diameter or a larger size",
        )
    return simulate_nuclei(
        shape,
        n,
        diameter * stretch,
        seed,
        clumping=options.clumping,
        brightness=0.45 * bright,
        blur=options.blur,
        noise=options.noise,
        illumination=options.illumination,
        bits=options.bits,
    )
