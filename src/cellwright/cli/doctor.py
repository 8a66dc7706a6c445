"""`cellwright doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import Any

from cellwright.cli.verb import Asked, Output, Verb

__all__ = ["VERB"]

# What each extra brings, by the module that shows whether it is there.
_EXTRAS: dict[str, tuple[str, ...]] = {
    "formats": ("nd2", "liffile", "oiffile", "h5py"),
    "export": ("h5py", "xlsxwriter"),
    "cluster": ("distributed", "dask", "dask_jobqueue"),
    "test": ("pytest", "hypothesis", "ruff", "mypy"),
    "docs": ("mkdocs", "material", "mkdocstrings"),
}
_GROUPS = (
    "readers", "patterns", "methods", "features", "filters", "checks", "outlines", "sections",
    "verbs",
)  # fmt: skip


def _facts() -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, requires, version
    from importlib.util import find_spec

    from cellwright.core.registry import entries
    from cellwright.core.version import VERSION
    from cellwright.engine.memory import available_memory
    from cellwright.models.catalogue import as_recorded, catalogue

    packages = {}
    for requirement in requires("cellwright") or []:
        if "extra ==" in requirement:
            continue
        name = requirement.split(">")[0].split("=")[0].split("<")[0].split(";")[0].strip()
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "missing"
    runtime = _runtime()
    if packages.get("onnxruntime") == "missing" and runtime["version"] is not None:
        packages["onnxruntime"] = f"{runtime['version']} ({runtime['package']})"
    return {
        "cellwright": VERSION,
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "free_memory_gb": round(available_memory() / 1e9, 1),
        "device": runtime["device"],
        "onnxruntime": runtime,
        "models": {
            entry.name: {
                "origin": entry.origin,
                "path": str(entry.path),
                "as_recorded": as_recorded(entry),
            }
            for entry in catalogue()
        },
        "packages": packages,
        "extras": {
            extra: all(find_spec(module) is not None for module in modules)
            for extra, modules in _EXTRAS.items()
        },
        "parts": {group: list(entries(f"cellwright.{group}")) for group in _GROUPS},
        "foreign": {
            f"{group} {entry.name}": entry.value
            for group in _GROUPS
            for entry in entries(f"cellwright.{group}").values()
            if not entry.value.startswith("cellwright.")
        },
    }


def _runtime() -> dict[str, Any]:
    """Which build of ONNX Runtime there is, what it offers, and which device is used."""
    from importlib.metadata import packages_distributions

    from cellwright.core.errors import UsageError
    from cellwright.engine.onnx import runtime, used_device

    found = sorted(set(packages_distributions().get("onnxruntime", ())))
    facts: dict[str, Any] = {"package": ", ".join(found) or None, "version": None}
    facts |= {"providers": [], "device": "cpu"}
    try:
        facts["providers"] = runtime().get_available_providers()
        facts["version"] = runtime().__version__
        facts["device"] = used_device("auto")
    except UsageError as error:
        facts["problem"] = str(error)
    if len(found) > 1:  # the files of one lie over those of the other
        facts["problem"] = f"several builds are installed: keep one of {facts['package']}"
    return facts


def _run(asked: Asked) -> int:
    facts = _facts()
    problems = _problems(facts)
    missing = [name for name, found in facts["packages"].items() if found == "missing"]
    if asked["json_"]:
        print(json.dumps(facts, indent=1))
        return 1 if missing or problems else 0
    print(f"cellwright {facts['cellwright']}, Python {facts['python']}, {facts['system']}")
    print(f"{facts['cores']} cores, {facts['free_memory_gb']} GB of memory free")
    runtime = facts["onnxruntime"]
    print(
        f"device: {facts['device']}, by {runtime['package']} {runtime['version']} "
        f"({', '.join(runtime['providers'])})"
    )
    for name, model in facts["models"].items():
        print(f"model {name}: {model['origin']}, {model['path']}")
    for group, names in facts["parts"].items():
        print(f"{group}: {', '.join(names)}")
    for name, value in facts["foreign"].items():
        print(f"from another package: {name} ({value})")
    for extra, there in facts["extras"].items():
        state = "installed" if there else f'not installed: pip install "cellwright[{extra}]"'
        print(f"extra {extra}: {state}")
    for problem in problems:
        print(f"problem: {problem}")
    if missing:
        print(f"missing: {', '.join(missing)}: pip install {' '.join(missing)}")
    if missing or problems:
        return 1
    print("everything that the main job needs is here")
    return 0


def _problems(facts: dict[str, Any]) -> list[str]:
    said = facts["onnxruntime"].get("problem")
    return ([said] if said else []) + [
        f"the bundled model {name} differs from the one that was released: reinstall cellwright"
        for name, model in facts["models"].items()
        if model["as_recorded"] is False
    ]


VERB = Verb(
    help="Say what is installed, what is missing, and how to get it.",
    run=_run,
    models=(Output,),
    example="cellwright doctor",
)
