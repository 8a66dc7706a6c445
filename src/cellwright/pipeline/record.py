"""What happened, for others: ``run.json`` and ``recipe.toml``."""

from __future__ import annotations

import json
import platform
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cellwright.core.errors import UsageError
from cellwright.core.method import ModelMethod
from cellwright.core.version import VERSION
from cellwright.io.file_set import FileSet
from cellwright.io.inputs import Skipped
from cellwright.pipeline.gates import Gated
from cellwright.pipeline.options import AnalyzeOptions
from cellwright.pipeline.outcome import Outcome
from cellwright.pipeline.plan import EXCLUDED, Settings
from cellwright.stats.options import Question

__all__ = ["Recipe", "read_recipe", "recipe_text", "run_record", "run_text"]

RECIPE_FORMAT = {"format": "cellwright-recipe", "version": 1}
RUN_FORMAT = {"format": "cellwright-run", "version": 1}

# What takes part in a number; the rest of the environment does not.
_PACKAGES = (
    "numpy", "scipy", "scikit-image", "edt", "pandas", "fastparquet", "tifffile", "imagecodecs",
    "pillow", "matplotlib", "zarr", "roifile", "onnxruntime",
)  # fmt: skip
_PACKAGES_OF_EXTRAS = ("onnxruntime-gpu", "nd2", "liffile", "oiffile", "h5py")


def run_record(
    settings: Settings,
    outcomes: Sequence[Outcome],
    skipped: Sequence[Skipped],
    *,
    verb: str,
    segmented: bool,
    samples_sha256: str,
    notes: Sequence[str],
    device: str = "cpu",
    gates: Sequence[Gated] = (),
) -> dict[str, Any]:
    """Gather what was computed, from what, with what."""
    return {
        **RUN_FORMAT,
        "cellwright": VERSION,
        "verb": verb,
        "versions": _versions(),
        "device": device,
        "options": settings.options.model_dump(mode="json"),
        "method": _method(settings, segmented=segmented),
        "samples_sha256": samples_sha256,
        "inputs": [_input(outcome, settings) for outcome in outcomes],
        "skipped": [asdict(s) for s in skipped if not _excluded(s)],
        "excluded": [asdict(s) for s in skipped if _excluded(s)],
        "decisions": list(notes),
        "gates": [gated.record() for gated in gates],
        "filters": _filters(outcomes, settings),
        "corrections": [
            {"image": o.picture.image, "edited": o.edited} for o in outcomes if o.corrected
        ],
        "summary": summary_of(outcomes, skipped),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in (*_PACKAGES, *_PACKAGES_OF_EXTRAS):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _method(settings: Settings, *, segmented: bool) -> dict[str, Any]:
    if not segmented:
        return {"name": "given labels", "version": 1, "options": {}}
    method = {
        "name": settings.options.method,
        "version": settings.method.version,
        "options": settings.all_method_options,
    }
    if isinstance(settings.method, ModelMethod):
        options = settings.method.options(**settings.method_options)
        method["model"] = dict(settings.method.model_card(options))
    if settings.options.nuclei is not None:
        method["cells_around_nuclei"] = dict(settings.cell_options)
    return method


def summary_of(outcomes: Sequence[Outcome], skipped: Sequence[Skipped]) -> dict[str, int]:
    """Count inputs by status, and cells."""
    status = Counter(o.status for o in outcomes)
    return {
        "inputs": len(outcomes) + len(skipped),
        "done": status["done"],
        "warned": status["warned"],
        "failed": status["failed"],
        "skipped": len(skipped),
        "cells": sum(o.n_cells for o in outcomes),
    }


def _excluded(skipped: Skipped) -> bool:
    return skipped.reason.startswith(EXCLUDED)


def _input(outcome: Outcome, settings: Settings) -> dict[str, Any]:
    picture, header = outcome.picture, outcome.picture.header
    entry: dict[str, Any] = {
        "image": picture.image,
        "status": outcome.status,
        "reason": outcome.reason,
        "sha256": picture.sha256,
        "condition": picture.condition,
        "notes": list(picture.notes),
    }
    if isinstance(picture.where, FileSet):
        entry["pattern"] = picture.where.pattern
        entry["files"] = [Path(part.path).name for part in picture.where.parts]
    if header is None:
        return entry
    entry |= {
        "axes": header.axes,
        "shape": list(header.shape),
        "dtype": header.dtype,
        "bits": header.bits,
        "channels": list(header.channels),
        "channel": picture.channel.name if picture.channel is not None else "",
        "measured": list(outcome.measured),
        "nuclei": picture.nuclei.name if picture.nuclei is not None else "",
        "object": outcome.main_kind,
        "counted": any("counting" in steps["measure"].facts for steps in outcome.frames),
        "region": outcome.region_sha256,
        "project": settings.options.project if header.size("Z") > 1 else "",
        "spacing": asdict(picture.spacing),
        "interval": picture.interval,
        "frames": picture.n_frames,
        "labels": outcome.labels,
        "labels_sha256": outcome.given_sha256,
    }
    decisions = [dict(s["segment"].facts["decisions"]) for s in outcome.frames if "segment" in s]
    if decisions:
        entry["decisions"] = decisions[0]
        if len(decisions) > 1:
            entry["decisions_by_frame"] = decisions
    return entry


def _filters(outcomes: Sequence[Outcome], settings: Settings) -> list[dict[str, Any]]:
    removed: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        for steps in outcome.frames:
            for name in {"given", "measure"} & steps.keys():
                for rule, n in steps[name].facts.get("removed", {}).items():
                    removed[outcome.picture.condition, rule] += n
    return [
        {"condition": condition, "rule": rule, "removed": removed[condition, rule]}
        for condition in dict.fromkeys(condition for condition, _ in removed)
        for rule in settings.options.filter
    ]


def run_text(record: dict[str, Any]) -> str:
    """Write the record as JSON for people and programs."""
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True)
class Recipe:
    """What a run was asked: all that changes a number, and what is compared."""

    options: AnalyzeOptions
    question: Question


def recipe_text(options: AnalyzeOptions, question: Question) -> str:
    """Write all options, defaults included, as TOML: ``analyze --recipe`` repeats them."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in RECIPE_FORMAT.items()]
    lines += ["", "[analyze]"]
    unset = []
    for name, value in options.model_dump(mode="json", exclude={"limit"}).items():
        if value is None:
            unset.append(name)
        else:
            # JSON text, numbers and lists of text are TOML as well
            lines.append(f"{name} = {json.dumps(value)}")
    if unset:
        lines.append("# not set, so each file or the method decides: " + ", ".join(unset))
    asked = question.model_dump(mode="json", exclude_none=True)
    if asked:
        lines += ["", "[compare]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in asked.items()]
    return "\n".join(lines) + "\n"


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises
    ------
    UsageError
        If it is no recipe, or of a newer version, or holds what is not an option.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"this recipe cannot be read: {error}", where=str(path)) from error
    if content.get("format") != RECIPE_FORMAT["format"]:
        raise UsageError("this is not a recipe of cellwright", where=str(path))
    if content.get("version") != RECIPE_FORMAT["version"]:
        raise UsageError(
            f"the recipe has version {content.get('version')}",
            where=str(path),
            remedy="update cellwright",
        )
    try:
        return Recipe(
            AnalyzeOptions(**content.get("analyze", {})), Question(**content.get("compare", {}))
        )
    except ValidationError as error:
        problems = "; ".join(": ".join((*map(str, p["loc"][:1]), p["msg"])) for p in error.errors())
        raise UsageError(f"the recipe holds what is no option: {problems}", where=str(path)) from (
            error
        )
