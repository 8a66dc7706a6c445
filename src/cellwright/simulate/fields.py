"""A dataset of simulated fields: each drawn with numbers of its own from ranges in a file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.simulate.place import take

__all__ = ["KINDS", "Field", "Ranges", "read_ranges", "simulate_dataset", "simulated_fields"]

Range = float | tuple[float, float]
Ranges = Mapping[str, Range]

NUCLEI: Ranges = {
    "diameter_px": (14.0, 40.0), "cover": (0.05, 0.35), "size_spread": (0.05, 0.25),
    "clumping": (0.0, 0.7), "out_of_focus": (0.0, 0.3), "texture": (0.05, 0.45),
    "brightness": (0.15, 0.7), "background": (0.01, 0.15), "blur": (0.5, 2.5),
    "photons": (60.0, 2000.0), "noise": (0.002, 0.03), "illumination": (0.0, 0.5),
    "debris": (0.0, 0.3), "scale_bar": 0.05,
}  # fmt: skip
MONOLAYER: Ranges = {
    "diameter_px": (22.0, 90.0), "elongation": (1.0, 2.4), "direction": (0.0, 3.1416),
    "border_px": (0.8, 2.6), "brightness": (0.2, 0.8), "unevenness": (0.1, 0.7),
    "broken": (0.0, 0.2), "nuclei": (0.0, 0.3), "dark": 0.25, "gaps": (0.0, 0.1),
    "background": (0.02, 0.2), "blur": (0.5, 2.0), "photons": (60.0, 2000.0),
    "noise": (0.002, 0.03), "illumination": (0.0, 0.5), "debris": (0.0, 0.3),
    "scale_bar": 0.15,
}  # fmt: skip
"""What fields are drawn from where a file says nothing else: judgements, as wide as cultures,
stains and cameras of different laboratories. ``cover`` is the share of the field that nuclei
take; all others are arguments of the simulator of the kind."""

KINDS: Mapping[str, Ranges] = {"nuclei": NUCLEI, "monolayer": MONOLAYER}

IMAGES, LABELS, TABLE = "images", "labels", "images.csv"


@dataclass(frozen=True, eq=False)
class Field:
    """One simulated field.

    Attributes
    ----------
    name
        Of its files.
    picture, labels
        (Y, X) uint8 or uint16; (Y, X) uint32.
    parameters
        The numbers that it was drawn with.
    """

    name: str
    picture: Array
    labels: npt.NDArray[np.uint32]
    parameters: Mapping[str, float]


def read_ranges(path: Path, kind: str) -> dict[str, Range]:
    r"""Read ranges from a TOML file: ``name = number`` or ``name = [lowest, highest]``.

    Raises
    ------
    UsageError
        If it cannot be read, or names what the kind does not have.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "dim.toml")
    ...     _ = path.write_text("brightness = [0.05, 0.2]\nblur = 2\n")
    ...     read_ranges(path, "nuclei")
    {'brightness': (0.05, 0.2), 'blur': 2.0}
    """
    known = KINDS[kind]
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"the parameters cannot be read ({error})", where=str(path)) from error
    ranges: dict[str, Range] = {}
    for name, value in said.items():
        if name not in known:
            raise UsageError(
                f"{kind} has no parameter {name!r}",
                where=str(path),
                remedy="choose from " + ", ".join(known),
            )
        ranges[name] = _range(value, name, path)
    return ranges


def _range(value: Any, name: str, path: Path) -> Range:
    parts = value if isinstance(value, list) else [value]
    numbers = [float(p) for p in parts if isinstance(p, int | float) and not isinstance(p, bool)]
    if len(numbers) != len(parts) or not 1 <= len(parts) <= 2 or numbers[0] > numbers[-1]:
        raise UsageError(
            f"{name} is {value!r}",
            where=str(path),
            remedy="give a number, or [lowest, highest]",
        )
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def simulated_fields(
    kind: str, count: int, shape: tuple[int, int], seed: int = 0, ranges: Ranges | None = None
) -> Iterator[Field]:
    """Simulate field after field.

    Each has a seed of its own, made of the seed and its number: more fields leave the first ones
    as they are.

    Parameters
    ----------
    kind
        Of `KINDS`.
    count
        How many.
    shape
        (Y, X) in pixels.
    seed
        The same seed gives the same fields.
    ranges
        Take the place of those of the kind.

    Raises
    ------
    UsageError
        If a number makes no sense.
    """
    every = {**KINDS[kind], **(ranges or {})}
    simulate = _simulator(kind)
    for number in range(count):
        random = np.random.default_rng([seed, number])
        drawn = {
            name: value if isinstance(value, float | int) else float(random.uniform(*value))
            for name, value in every.items()
        }
        picture, labels = simulate(shape, int(random.integers(2**32)), drawn)
        yield Field(_name(kind, number), picture, labels, drawn)


def _name(kind: str, number: int) -> str:
    return f"{kind}_{number:04}"


Simulate = Callable[
    [tuple[int, int], int, Mapping[str, float]], tuple[Array, npt.NDArray[np.uint32]]
]


def _simulator(kind: str) -> Simulate:
    # Late: the command line shows the options without loading SciPy.
    if kind == "monolayer":
        from cellwright.simulate.monolayer import simulate_monolayer

        return lambda shape, seed, drawn: simulate_monolayer(shape, seed=seed, **_floats(drawn))
    from cellwright.simulate.nuclei import simulate_nuclei

    def nuclei(
        shape: tuple[int, int], seed: int, drawn: Mapping[str, float]
    ) -> tuple[Array, npt.NDArray[np.uint32]]:
        others = {name: value for name, value in drawn.items() if name != "cover"}
        area = np.pi / 4 * drawn["diameter_px"] ** 2
        n = max(1, round(drawn["cover"] * shape[0] * shape[1] / area))
        return simulate_nuclei(shape, n, seed=seed, **_floats(others))

    return nuclei


def _floats(drawn: Mapping[str, float]) -> Any:
    """Keyword arguments; mypy cannot see that none of them is ``bits``."""
    return dict(drawn)


def simulate_dataset(
    out: Path,
    kind: str,
    *,
    count: int,
    size: int,
    seed: int = 0,
    ranges: Ranges | None = None,
    force: bool = False,
) -> int:
    """Write a dataset of simulated fields that can be trained on.

    ``images/NAME.tif``, ``labels/NAME.tif``, ``images.csv`` with the numbers that each field was
    drawn with, and ``parameters.json``, from which the same dataset can be made again.

    Parameters
    ----------
    out
        A folder that is new or empty, or holds the same fields, or fewer of them.
    kind, count, seed, ranges
        As of `simulated_fields`.
    size
        Of a field's sides in pixels.
    force
        Whether another simulation in the folder is removed first.

    Returns
    -------
    int
        Number of cells in all fields.

    Raises
    ------
    UsageError
        If the folder holds something else, or a number makes no sense.
    """
    from cellwright.simulate.experiment import encode_picture

    if kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r}", remedy="choose " + ", ".join(KINDS))
    every = {**KINDS[kind], **(ranges or {})}
    asked = {"kind": kind, "count": count, "size": size, "seed": seed, "ranges": every}
    take(out, asked, folders=(IMAGES, LABELS), table=TABLE, files=_files, more="count", force=force)
    rows = [",".join(["name", "kind", "n_cells", *every])]
    cells = 0
    for field in simulated_fields(kind, count, (size, size), seed, ranges):
        (out / IMAGES / f"{field.name}.tif").write_bytes(encode_picture(field.picture))
        labels = field.labels.astype(np.uint16 if field.labels.max() < 2**16 else np.float32)
        (out / LABELS / f"{field.name}.tif").write_bytes(encode_picture(labels))
        n = int(np.count_nonzero(np.bincount(field.labels.ravel())[1:]))
        cells += n
        numbers = (f"{value:.6g}" for value in field.parameters.values())
        rows.append(",".join([field.name, f"simulated {kind}", str(n), *numbers]))
    (out / TABLE).write_text("\n".join(rows) + "\n", "utf-8", newline="")
    return cells


def _files(asked: Mapping[str, Any]) -> list[str]:
    """Names of the files that were written for what was asked for."""
    return [f"{_name(asked['kind'], number)}.tif" for number in range(asked["count"])]
