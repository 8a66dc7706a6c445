"""A run that is killed at any moment goes on, and ends with the bytes of an undisturbed one."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.conftest import outputs

KILLS = 20
EACH = 5
PICTURES = 6


def start(pictures: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cellwright", "analyze", pictures, "--out", out, "--workers", "2",
         "--quiet"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def test_killed_at_random_moments_the_run_ends_with_the_same_bytes(
    pictures: Path, tmp_path: Path
) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    began = time.monotonic()
    assert start(pictures, undisturbed).wait(timeout=300) == 0
    whole = time.monotonic() - began
    moments = random.Random(20)
    interrupted = 0

    for number in range(KILLS):
        if number % EACH == 0:  # a new run, and then killed again and again while it goes on
            shutil.rmtree(killed, ignore_errors=True)
        process = start(pictures, killed)
        time.sleep(whole * moments.random())
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)  # only the parent: the workers must notice
            interrupted += 1
        process.wait()

    deadline = time.monotonic() + 120
    while (process := start(pictures, killed)).wait(timeout=300) != 0:
        assert time.monotonic() < deadline, "the lock of a killed run was not released"
        time.sleep(0.2)
    assert interrupted >= KILLS // 3
    assert outputs(killed) == outputs(undisturbed)


def test_workers_do_not_outlive_a_killed_parent(pictures: Path, tmp_path: Path) -> None:
    process = start(pictures, tmp_path / "run")
    group = os.getpgid(process.pid)
    time.sleep(2.0)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and _alive(group):
        time.sleep(0.1)
    assert not _alive(group)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_is_exit_code_130_and_the_run_goes_on(pictures: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cellwright", "analyze", pictures, "--out", tmp_path / "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)

    # early in its imports Python itself ends by the signal, which is 130 to a shell as well
    assert process.returncode in {130, -signal.SIGINT}, said
    assert "start the same command again" in said
    assert "Traceback" not in said
    assert start(pictures, tmp_path / "run").wait(timeout=300) == 0
