"""Full and forbidden disks: a clear message, exit code 3, and nothing finished is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import Command, facts, outputs


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 600 kB in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here (this needs root)")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_a_message_and_the_run_goes_on(
    pictures: Path, small_disk: Path, cellwright: Command, tmp_path: Path
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(540_000))

    full = cellwright("analyze", pictures, "--out", small_disk / "run", code=3)
    assert "the disk is full" in full.stderr
    assert "Traceback" not in full.stderr

    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    again = facts(cellwright("analyze", pictures, "--out", small_disk / "run", "--json"))
    cellwright("analyze", pictures, "--out", tmp_path / "elsewhere")
    assert again["steps"]["reused"] > 0
    assert outputs(small_disk / "run") == outputs(tmp_path / "elsewhere")


def test_a_read_only_folder_is_a_message(
    pictures: Path, small_disk: Path, cellwright: Command
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    done = cellwright("analyze", pictures, "--out", small_disk / "run", code=3)

    assert "read-only" in done.stderr
    assert "--out" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="users are numbers only on POSIX systems")
def test_a_folder_without_permission_is_a_message(pictures: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    # as root, everything is imported first: the user nobody may not be allowed to read it, nor the
    # file of a model
    code = (
        "import os, sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import cellwright\n"
        "how = {'method': 'threshold', 'make_executor': lambda: ThreadPoolExecutor(1)}\n"
        f"cellwright.analyze({str(pictures)!r}, {str(tmp_path / 'first')!r}, **how)\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        f"    cellwright.analyze({str(pictures)!r}, {str(locked / 'run')!r}, **how)\n"
        "except OSError as error: print(type(error).__name__, error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/"
    )

    assert done.stdout.startswith("RunError "), done.stderr
    assert str(locked) in done.stdout
    assert "not permitted" in done.stdout
