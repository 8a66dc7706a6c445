"""Runs on a real Dask cluster: a scheduler and two workers, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.e2e.conftest import GRID, Command, discs, outputs

import cellwright
from cellwright.core.errors import UsageError
from cellwright.engine.events import Event, StepFinished

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")

PATIENCE_S = 60


@dataclass
class Dask:
    """A scheduler's address, and its worker processes."""

    address: str
    workers: list[subprocess.Popen[bytes]]


def _start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # as Dask's nanny sets it
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    file = tmp_path / "scheduler.json"
    common = ("--no-dashboard", "--scheduler-file", file)
    processes = [_start("scheduler", "--host", "127.0.0.1", "--port", 0, *common)]
    try:
        deadline = time.monotonic() + PATIENCE_S
        address = ""
        while not address:
            assert time.monotonic() < deadline, "the scheduler did not start"
            with suppress(OSError, ValueError):
                address = json.loads(file.read_text())["address"]
            time.sleep(0.1)
        workers = [
            _start(
                "worker", "--no-nanny", "--nthreads", 1, "--local-directory", tmp_path / f"w{i}",
                *common,
            )
            for i in range(2)
        ]  # fmt: skip
        processes += workers
        yield Dask(address, workers)
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(24):
        shifted = np.roll(discs(GRID[: 3 + number % 7]), number, axis=1)
        Pillow.fromarray(shifted).save(folder / f"{number:02d}.png")
    return folder


def test_a_cluster_gives_the_bytes_of_a_local_run(
    dask: Dask, pictures: Path, tmp_path: Path, cellwright: Command
) -> None:
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"no picture")
    cellwright("analyze", pictures, "--out", tmp_path / "local", code=1)
    cellwright(
        "analyze", pictures, "--out", tmp_path / "there", "--scheduler", dask.address, code=1
    )

    assert outputs(tmp_path / "there") == outputs(tmp_path / "local")
    assert "scheduler" not in (tmp_path / "there" / "run.json").read_text()


def test_a_worker_killed_in_the_middle_changes_nothing(
    dask: Dask, many: Path, tmp_path: Path
) -> None:
    cellwright.analyze(many, tmp_path / "local", workers=2)
    done = 0

    def kill_one(event: Event) -> None:
        nonlocal done
        if isinstance(event, StepFinished) and event.phase == "cells":
            done += 1
            if done == 4:
                os.kill(dask.workers[0].pid, signal.SIGKILL)

    run = cellwright.analyze(many, tmp_path / "there", scheduler=dask.address, listener=kill_one)

    dask.workers[0].wait()
    assert run.summary is not None
    assert run.summary.failed == 0
    assert outputs(tmp_path / "there") == outputs(tmp_path / "local")


def test_a_scheduler_that_is_not_there_is_named(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellwright.engine.cluster.PATIENCE_S", 1)

    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        cellwright.analyze(pictures, tmp_path / "run", scheduler="tcp://127.0.0.1:9")


def test_workers_that_may_sum_in_another_order_are_refused(
    dask: Dask, pictures: Path, tmp_path: Path
) -> None:
    from distributed import Client

    def forget() -> None:
        os.environ.pop("OMP_NUM_THREADS")  # looked up there: the environment is not sent along

    with Client(dask.address) as client:  # type: ignore[no-untyped-call]
        client.wait_for_workers(2, timeout=PATIENCE_S)
        client.run(forget)

    with pytest.raises(UsageError, match="OMP_NUM_THREADS"):
        cellwright.analyze(pictures, tmp_path / "run", scheduler=dask.address)


def test_workers_that_do_not_see_the_pictures_are_found_out(dask: Dask, tmp_path: Path) -> None:
    from cellwright.engine.cluster import connect

    run = tmp_path / "run"
    (run / ".work" / "tmp").mkdir(parents=True)
    with (
        pytest.raises(UsageError, match="does not see") as raised,
        connect(dask.address, run, [tmp_path / "only here"]),
    ):
        pass

    assert "share" in str(raised.value)
