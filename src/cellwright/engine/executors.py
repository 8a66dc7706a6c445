"""Where work runs: a local pool of processes, and the seam for any other executor.

Work is a pure function of one picklable argument. The seam is `concurrent.futures.Executor`:
a cluster's executor takes the pool's place, and nothing else changes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from cellwright.engine.events import CancelToken

__all__ = [
    "Died", "MakeExecutor", "Pool", "Work", "WorkerDiedError", "local_pool", "start_server",
]  # fmt: skip

Task = TypeVar("Task")
Result = TypeVar("Result")
MakeExecutor = Callable[[], Executor]

# Queued pieces beyond those that run: enough that no worker waits for the parent.
_AHEAD = 2
_POLL_S = 0.2


@dataclass(frozen=True)
class Work(Generic[Task]):
    """A piece of work and the bytes of memory that it may need."""

    task: Task
    memory: int = 0


@dataclass(frozen=True)
class Died:
    """The worker died of this piece of work: a crash, or the system took its memory."""

    reason: str


class WorkerDiedError(Exception):
    """Raised for a piece of work that killed its worker, by an executor that goes on."""


def local_pool(workers: int) -> MakeExecutor:
    """Processes on this machine, started fresh so that no lock or thread is inherited."""

    def make() -> Executor:
        start_server()
        context = multiprocessing.get_context(_start_method())
        with _one_thread_each(), _late_interrupt():
            pool = _Pool(workers, mp_context=context, initializer=_start_worker)
            pool.submit(os.getpid).result()  # the first worker starts in this environment
        return pool

    return make


def _start_method() -> str:
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def start_server() -> None:
    """Start the process from which workers are forked, where the system has such.

    It imports what workers need; called early, it does so while the caller imports as well.
    """
    if _start_method() == "forkserver":
        from multiprocessing import forkserver

        with _one_thread_each(), _no_main(), _no_interrupt():
            forkserver.set_forkserver_preload(["cellwright.pipeline.preload"])
            forkserver.ensure_running()


class _Pool(ProcessPoolExecutor):
    """A pool whose workers do not run the user's script again.

    A started process imports the main module of its parent, so that a script without an
    ``if __name__`` guard would start itself over and over. Our work lives in modules of
    packages, and so the workers need no main module.
    """

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        with _no_main():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Let what is started inherit that Ctrl-C is ignored: the parent ends it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say how signals are taken
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _late_interrupt() -> Iterator[None]:
    """Take a Ctrl-C only afterwards: a worker that has just begun to start would complain."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked.is_set():
        raise KeyboardInterrupt


@contextmanager
def _no_main() -> Iterator[None]:
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Set what children inherit: one thread each, since there is a worker for each core."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.join,), daemon=True).start()


def _follow(join: Callable[[], object]) -> None:
    join()
    os._exit(1)  # the parent was killed: nobody is left to take a result


class Pool:
    """Workers for a whole run, renewed when one of them dies.

    Parameters
    ----------
    make_executor
        Makes an executor; called again when a worker's death has broken it.
    workers
        How many pieces run at once; a few more are queued.
    memory
        Bytes that all pieces in flight may need together. A single piece runs alone
        however large it is: who must refuse it does so before.
    cancel
        Checked between results.
    """

    def __init__(
        self, make_executor: MakeExecutor, *, workers: int, memory: int, cancel: CancelToken
    ) -> None:
        self._make = make_executor
        self.workers = workers
        self._memory = memory
        self._cancel = cancel

    def __enter__(self) -> Pool:
        self._executor = self._make()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._executor.shutdown(wait=True)
        else:
            _end(self._executor)

    def _renew(self) -> None:
        _end(self._executor)
        self._executor = self._make()

    def run(
        self, function: Callable[[Task], Result], work: Iterable[Work[Task]]
    ) -> Iterator[tuple[Task, Result | Died]]:
        """Do all pieces of work and give each with its result, in the order in which they end.

        Parameters
        ----------
        function
            A function of a module, which a worker can import. An exception that it raises
            ends the whole: what can fail for one input must be caught and returned.
        work
            The pieces; taken from the iterable only as they fit.

        Notes
        -----
        When a worker dies, all pieces in flight are tried again one at a time, each with
        nothing beside it. The piece that kills its worker again has `Died`.
        """
        waiting = iter(work)
        upcoming = next(waiting, None)
        suspects: deque[Work[Task]] = deque()
        flying: dict[Future[Result], Work[Task]] = {}
        while upcoming is not None or flying or suspects:
            self._cancel.check()
            if suspects:
                suspect = suspects.popleft()
                yield suspect.task, self._alone(function, suspect.task)
                continue
            broken = False
            while upcoming is not None and self._fits(upcoming, flying.values()):
                try:
                    flying[self._executor.submit(function, upcoming.task)] = upcoming
                except BrokenExecutor:
                    broken = True
                    break
                upcoming = next(waiting, None)
            done, _ = wait(flying, timeout=_POLL_S, return_when=FIRST_COMPLETED)
            for future in done:
                piece = flying.pop(future)
                try:
                    result = future.result()
                except WorkerDiedError:
                    suspects.append(piece)  # what ran beside it on that worker is suspected too
                except BrokenExecutor:
                    suspects.append(piece)
                    broken = True
                else:
                    yield piece.task, result
            if broken:
                suspects.extend(flying.values())
                flying.clear()
                self._renew()

    def _fits(self, piece: Work[Task], flying: Collection[Work[Task]]) -> bool:
        if not flying:
            return True
        if len(flying) >= self.workers + _AHEAD:
            return False
        return piece.memory + sum(other.memory for other in flying) <= self._memory

    def _alone(self, function: Callable[[Task], Result], task: Task) -> Result | Died:
        try:
            future = self._executor.submit(function, task)
        except BrokenExecutor:  # it broke while it was idle: this piece has no part in that
            self._renew()
            future = self._executor.submit(function, task)
        try:
            while not wait([future], timeout=_POLL_S).done:
                self._cancel.check()
            return future.result()
        except WorkerDiedError as error:
            return Died(str(error))
        except BrokenExecutor as error:
            self._renew()
            return Died(str(error))


def _end(executor: Executor) -> None:
    """End an executor now: what is queued is dropped, and what runs is stopped."""
    if isinstance(executor, ProcessPoolExecutor):
        processes = list((getattr(executor, "_processes", None) or {}).values())
        executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
    else:
        executor.shutdown(wait=False, cancel_futures=True)
