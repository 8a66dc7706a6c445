"""The unit of work: one plane set, and the keys of its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from cellwright.core.image import Spacing
from cellwright.core.method import Method, ModelMethod
from cellwright.core.registry import find
from cellwright.engine.journal import Step
from cellwright.engine.keys import key_of
from cellwright.measure import compartments
from cellwright.measure.filters import parse_rule
from cellwright.measure.table import loaded_features, versions
from cellwright.pipeline.choice import COLOUR
from cellwright.pipeline.probe import Where
from cellwright.quality.judge import check_versions
from cellwright.segment import cells_around
from cellwright.segment.cells_around import CellsAroundOptions

__all__ = [
    "Given", "Unit", "cell_options_of", "given_key",
    "measure_key", "method_of", "options_of", "plan_steps", "planes_key",
    "quality_key", "segment_key",
]  # fmt: skip

# Version of the code of each step: raised when the same input would give another result.
PLANES_VERSION = 2
QUALITY_VERSION = 3
SEGMENT_VERSION = 2
MEASURE_VERSION = 3


@dataclass(frozen=True)
class Given:
    """A label file that somebody gave.

    Attributes
    ----------
    kind
        Of the objects, empty for the main kind.
    path, sha256
        The file, and its hash.
    is_correction
        Whether it stands in for labels of the method.
    """

    kind: str
    path: str
    sha256: str
    is_correction: bool


@dataclass(frozen=True)
class Unit:
    """One plane set and all that its results depend on.

    Attributes
    ----------
    image, where, scene, frame
        Which.
    sha256
        Of the file, or of all files of the scene.
    channel
        Number of the chosen channel; `COLOUR` for a colour picture. Where cells and nuclei
        have channels of their own, that of the cells.
    nuclei
        Number of the channel of the nuclei, or None.
    project
        How Z becomes a plane.
    spacing, diameter_px
        As chosen.
    method, options
        Name, and the options that were set; the name is empty where labels are given and
        nothing is to be segmented.
    cell_options
        Options of `cells_around` that were set.
    given
        Label files to be used: corrections of the method's labels, or those that ``measure``
        was given.
    filters, features, thresholds
        Rules, measurements on request, and quality thresholds, as text.
    region, region_sha256
        File that says where cells are counted, and its hash; empty for everywhere.
    flat, flat_sha256
        File with the fields of light that are divided out, and its hash; empty for none.
    measure
        Whether a table is wanted.
    steps
        Folder of the finished steps.
    device
        Where networks run: ``cpu`` or ``cuda``.
    threads
        How many it may use; changes no result.
    large
        Whether it is worked on block by block.
    n_frames
        How many frames the whole picture has.
    files
        Name, size and time of change of the picture's files when they were hashed.
    layout
        Axes, sizes, type of the pixels and names of the channels: of joined files they come
        from names, which no hash of their content knows.
    known
        Finished steps that can be used again, by name.
    """

    image: str
    where: Where
    scene: int
    frame: int
    sha256: str
    channel: int
    nuclei: int | None
    project: str
    spacing: Spacing
    diameter_px: float | None
    method: str
    options: tuple[tuple[str, Any], ...]
    cell_options: tuple[tuple[str, Any], ...]
    given: tuple[Given, ...]
    filters: tuple[str, ...]
    features: tuple[str, ...]
    thresholds: tuple[tuple[str, tuple[float, float]], ...]
    measure: bool
    region: str
    region_sha256: str
    flat: str
    flat_sha256: str
    steps: str
    device: str = "cpu"
    threads: int = 1
    large: bool = False
    n_frames: int = 1
    files: tuple[tuple[str, int, int], ...] = ()
    layout: tuple[str, tuple[int, ...], str, tuple[str, ...]] = ("", (), "", ())
    known: Mapping[str, Step] = field(default_factory=dict)


def planes_key(unit: Unit) -> str:
    """Key of the step that reads the planes."""
    return key_of(
        step="planes",
        version=PLANES_VERSION,
        file=unit.sha256,
        layout=list(unit.layout),
        scene=unit.scene,
        frame=unit.frame,
        project=unit.project,
    )


def quality_key(unit: Unit, planes: Mapping[str, Any]) -> str:
    """Key of the quality checks."""
    return key_of(
        step="quality",
        version=QUALITY_VERSION,
        planes=list(planes["hashes"].items()),
        bits=planes["bits"],
        checks=_check_versions(),
        thresholds=dict(unit.thresholds),
    )


def segment_key(unit: Unit, planes: Mapping[str, Any]) -> str:
    """Key of the segmentation: of the chosen channel only."""
    hashes = list(planes["hashes"].values())
    method = method_of(unit.method)
    options = options_of(method, unit)
    digest = method.model_digest(options) if isinstance(method, ModelMethod) else ""
    return key_of(
        step="segment",
        version=SEGMENT_VERSION,
        planes=hashes if unit.channel == COLOUR else hashes[unit.channel],
        nuclei=None if unit.nuclei is None else hashes[unit.nuclei],
        overlays=planes["overlays"],
        flat=unit.flat_sha256,
        bits=planes["bits"],
        spacing=asdict(unit.spacing),
        method=unit.method,
        method_version=method.version,
        options=options.model_dump(mode="json", exclude={"model"} if digest else None),
        model=digest,
        cells=None
        if unit.nuclei is None
        else [cells_around.VERSION, cell_options_of(unit).model_dump(mode="json")],
        device=getattr(options, "device", "cpu"),
    )


def given_key(unit: Unit, planes: Mapping[str, Any], segment: Step | None) -> str:
    """Key of the labels that somebody gave, and of their comparison with the method's."""
    return key_of(
        step="given",
        version=SEGMENT_VERSION,
        labels=[[given.kind, given.sha256] for given in unit.given],
        planes=list(planes["hashes"].items()),
        layout=list(unit.layout),
        spacing=asdict(unit.spacing),
        features=_feature_versions(unit.features),
        flat=unit.flat_sha256,
        frame=unit.frame,
        method=segment.key if segment is not None else "",
        filters=_rules(unit),
    )


def measure_key(unit: Unit, planes: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    """Key of the measurement."""
    return key_of(
        step="measure",
        version=MEASURE_VERSION,
        planes=list(planes["hashes"].items()),
        channel=unit.channel,
        labels=labels["hash"],
        spacing=asdict(unit.spacing),
        main=labels["main"],
        features=_feature_versions(unit.features),
        compartments=compartments.VERSION,
        requests=list(unit.features),
        region=unit.region_sha256,
        flat=unit.flat_sha256,
        filters=_rules(unit),
        table=unit.measure,
    )


def _rules(unit: Unit) -> list[list[str | int]]:
    return [[rule.text, rule.filter.version] for rule in map(parse_rule, unit.filters)]


def plan_steps(
    unit: Unit, finished: Callable[[str, str], Step | None]
) -> tuple[dict[str, Step], bool]:
    """Find the steps that are done already; the second value is whether that is all of them.

    Parameters
    ----------
    unit
        The unit.
    finished
        Called with name and key; gives the step if it is finished and its files are sound.
    """
    known: dict[str, Step] = {}
    planes = unit.known.get("planes") or finished("planes", planes_key(unit))
    if planes is None:
        return known, False
    known["planes"] = planes
    quality = finished("quality", quality_key(unit, planes.facts))
    if quality is not None:
        known["quality"] = quality
    labels: Step | None = None
    if unit.method:
        labels = finished("segment", segment_key(unit, planes.facts))
        if labels is None:
            return known, False
        known["segment"] = labels
    if unit.given:
        labels = finished("given", given_key(unit, planes.facts, labels))
        if labels is None:
            return known, False
        known["given"] = labels
    if labels is None:
        return known, False
    measure = finished("measure", measure_key(unit, planes.facts, labels.facts))
    if measure is not None:
        known["measure"] = measure
    return known, quality is not None and measure is not None


def method_of(name: str) -> Method:
    """Find a method by name."""
    method: Method = find("cellwright.methods", name)
    return method


def options_of(method: Method, unit: Unit) -> Any:
    """Make the options of a method for a unit; diameter and device go in where it has them."""
    options = dict(unit.options)
    if "device" in method.options.model_fields:
        options["device"] = unit.device
    if unit.diameter_px is not None and "diameter" in method.options.model_fields:
        options["diameter"] = unit.diameter_px
    return method.options(**options)


def cell_options_of(unit: Unit) -> CellsAroundOptions:
    """Make the options of the cells around nuclei."""
    return CellsAroundOptions(**dict(unit.cell_options))


@lru_cache(maxsize=1)
def _check_versions() -> dict[str, int]:
    return check_versions()


@lru_cache(maxsize=4)
def _feature_versions(requests: tuple[str, ...]) -> dict[str, int]:
    return versions(loaded_features(requests))
