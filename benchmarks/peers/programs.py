"""The programs that are measured, each in a process and an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.peers.make_environments import PEERS, python_of
from benchmarks.peers.memory import AnonymousMemory, anonymous

__all__ = ["PEER_WORKERS", "Program", "Running", "keep_to_cores", "own", "peer", "same_threads"]

ROOT = Path(__file__).parents[2]
PEER_WORKERS = dict(zip(PEERS, ("stardist_worker", "cellpose_worker"), strict=True))
LAST_WORDS = 3000
"""Characters of what a program printed that are shown when it breaks."""


@dataclass(frozen=True)
class Program:
    """How a program is started.

    Attributes
    ----------
    name
        In tables.
    python
        The interpreter of its environment.
    module
        Its worker, or what else is to be run.
    arguments
        Of the worker.
    """

    name: str
    python: Path
    module: str
    arguments: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """Give the command line."""
        return [str(self.python), "-m", self.module, *self.arguments]


def own(method: str, threads: int, options: tuple[str, ...] = ()) -> Program:
    """Our own program with one of its methods, in the environment that runs this."""
    name = "own_worker"
    arguments = ("--method", method, "--threads", str(threads), *options)
    return Program(
        f"cellwright {method}", Path(sys.executable), f"benchmarks.peers.{name}", arguments
    )


def peer(name: str, environments: Path, threads: int) -> Program:
    """Another program; `environments` is the folder that ``make_environments.py`` made."""
    python = python_of(environments.absolute() / name)
    if not python.exists():
        raise SystemExit(
            f"there is no environment of {name} in {environments}: "
            f"run `python benchmarks/peers/make_environments.py {environments}`"
        )
    module = f"benchmarks.peers.{PEER_WORKERS[name]}"
    return Program(name, python, module, ("--threads", str(threads)))


def same_threads(threads: int) -> dict[str, str]:
    """Environment variables that hold every library to so many threads, and off a GPU."""
    number = str(threads)
    names = (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
    )  # fmt: skip
    held = dict.fromkeys(names, number)
    return {
        **os.environ,
        **held,
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(ROOT),
    }


def keep_to_cores(number: int) -> None:
    """Keep this process, and those that it starts, to so many cores, where the system can.

    TensorFlow has threads within an operation and threads between operations: on a machine with
    more cores two of each could be four.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:number])


class Running:
    """A worker that has been started: it is asked, and its memory is watched.

    Attributes
    ----------
    ready_bytes
        Anonymous memory with everything imported and loaded, before the first picture.
    most_bytes
        The most during any question that was watched.
    """

    def __init__(self, program: Program, threads: int) -> None:
        self.program = program
        self.ready_bytes = self.most_bytes = 0
        self._words = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            program.command(),
            env=same_threads(threads),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
        )

    def __enter__(self) -> Self:
        self._answer()
        self.ready_bytes = anonymous(self._process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._words.close()

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Ask, and wait for the answer, which gets the entry ``most_bytes``."""
        stdin = self._process.stdin
        assert stdin is not None
        with AnonymousMemory(self._process.pid) as memory:
            stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            stdin.flush()
            answer = self._answer()
        self.most_bytes = max(self.most_bytes, memory.together)
        return {**answer, "most_bytes": memory.together}

    def _answer(self) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None
        line = stdout.readline()
        if not line:
            self._words.seek(0)
            words = self._words.read()[-LAST_WORDS:]
            raise SystemExit(f"{self.program.name} broke off:\n{words}")
        answer: dict[str, Any] = json.loads(line)
        return answer
