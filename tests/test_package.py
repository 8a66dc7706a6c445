"""What a person installs: small, quick to start, without torch."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from importlib.metadata import distribution, requires
from pathlib import Path

import cellwright
from cellwright.core.registry import load_all

ROOT = Path(__file__).resolve().parents[1]
MOST_MB = 720
# Not to be loaded by an import that only looks at the version.
HEAVY = ("numpy", "pandas", "scipy", "skimage", "matplotlib", "typer", "pydantic", "torch")


def plain_requirements(name: str, seen: set[str]) -> set[str]:
    """All packages that come with a plain installation of `name`."""
    from packaging.requirements import Requirement

    for text in requires(name) or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.name.lower() not in seen:
            seen.add(requirement.name.lower())
            plain_requirements(requirement.name, seen)
    return seen


def test_a_plain_installation_brings_no_torch_and_stays_small() -> None:
    packages = plain_requirements("cellwright", set())
    size = sum(
        Path(str(file.locate())).stat().st_size
        for package in packages
        for file in distribution(package).files or []
        if file.suffix != ".pyc" and Path(str(file.locate())).is_file()
    )

    assert "torch" not in packages
    assert "numba" not in packages
    assert "pyarrow" not in packages
    assert 100 < size / 1e6 < MOST_MB


def test_the_import_is_quick_and_loads_nothing_heavy() -> None:
    code = "import sys, cellwright; print(*sorted(sys.modules))"
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    took = time.perf_counter() - began

    loaded = set(done.stdout.split())
    assert not loaded & set(HEAVY)
    assert took < 5.0  # loose: a busy machine; what is loaded is the real guard


def test_help_loads_no_array_library() -> None:
    code = (
        "import sys\n"
        "from cellwright.cli import main\n"
        "try: main(['analyze', '--help'])\n"
        "except SystemExit: pass\n"
        "print('LOADED', *sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split("LOADED")[1].split())

    assert "--pixel-size" in done.stdout
    assert not loaded & {"pandas", "scipy", "skimage", "matplotlib"}


def test_all_extras_are_named() -> None:
    extras = set(distribution("cellwright").metadata.get_all("Provides-Extra") or [])

    assert {"all", "formats", "train", "cluster", "detection", "export", "test", "docs"} <= extras


def test_public_names_are_complete_and_there() -> None:
    assert sorted(cellwright.__all__) == cellwright.__all__
    for name in cellwright.__all__:
        assert getattr(cellwright, name).__doc__
    assert set(dir(cellwright)) == {*cellwright.__all__, "__version__"}


def test_every_door_leads_to_parts_that_load() -> None:
    groups = {
        "readers": 5,
        "methods": 2,
        "annotations": 9,
        "features": 5,
        "filters": 4,
        "checks": 5,
        "sections": 9,
    }

    for group, least in groups.items():
        assert len(load_all(f"cellwright.{group}")) >= least


def test_no_file_may_execute_what_it_reads() -> None:
    forbidden = (
        r"allow_pickle=True", r"import pickle", r"yaml\.load\(", r"(?<![\w.])eval\(",
        r"(?<![\w.])exec\(",
    )  # fmt: skip
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for word in forbidden
        if re.search(word, path.read_text(encoding="utf-8"))
    ]

    assert found == []


def test_large_files_stay_out_of_the_package() -> None:
    sizes = {p: p.stat().st_size for p in (ROOT / "src").rglob("*") if p.is_file()}
    models = [size for path, size in sizes.items() if path.parent.name == "bundled"]
    others = {path: size for path, size in sizes.items() if path.parent.name != "bundled"}

    assert max(models) < 10e6
    assert sum(models) < 25e6
    assert max(others.values()) < 5e6
    assert sum(size for path, size in others.items() if path.suffix != ".pyc") < 12e6


def test_folders_and_functions_of_one_name_live_together() -> None:
    code = (
        "import cellwright, numpy as np\n"
        "before = callable(cellwright.measure)\n"
        "import cellwright.measure.table as table\n"
        "import cellwright.segment.threshold as threshold\n"
        "assert before and callable(cellwright.measure) and callable(table.measure_plane)\n"
        "try: cellwright.measure('nothing', 'nowhere', 'out')\n"
        "except cellwright.core.errors.UsageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "nowhere: there is no such file or folder\n"
