"""A Dask cluster in the place of the local pool: the same work, the same bytes.

SLURM, Kubernetes and clouds start Dask schedulers through dask-jobqueue and its like; all
that is needed here is the scheduler's address. Workers must see the run and the pictures at
the same paths as this process, with the same version of this program, which is checked first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from cellwright.core.errors import RunError, UsageError
from cellwright.core.version import VERSION
from cellwright.engine.executors import MakeExecutor, WorkerDiedError

__all__ = ["Cluster", "connect"]

Result = TypeVar("Result")

PATIENCE_S = 30
"""How long a scheduler is waited for, and then its first worker."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that is ready for work.

    Attributes
    ----------
    make_executor
        Gives an executor whose pieces of work run on the cluster.
    workers
        Pieces that it works on at once.
    memory
        Bytes of each worker process; 0 for one without a limit.
    """

    make_executor: MakeExecutor
    workers: int
    memory: tuple[int, ...]


@contextmanager
def connect(address: str, run: Path, inputs: Sequence[Path]) -> Iterator[Cluster]:
    """Connect to a scheduler, and see that its workers can do the work.

    Parameters
    ----------
    address
        Such as ``tcp://node17:8786``.
    run
        Folder of the run, which is there: every worker must be able to write into it.
    inputs
        Files and folders that every worker must see.

    Raises
    ------
    UsageError
        If the extra is not installed, nobody answers, or a worker has another version or does
        not see the same files.
    """
    client = _client(address)
    try:
        _check_versions(client, address)
        _check_paths(client, run, inputs)
        known = client.scheduler_info(n_workers=-1)["workers"].values()
        yield Cluster(
            make_executor=lambda: _ClusterExecutor(client),
            workers=sum(int(worker["nthreads"]) for worker in known),
            memory=tuple(int(worker["memory_limit"] or 0) for worker in known),
        )
    finally:
        client.close()


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "a cluster needs a library that is not installed",
            remedy='pip install "cellwright[cluster]", here and on every worker',
        ) from error
    try:
        client: Any = Client(address, timeout=PATIENCE_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"no Dask scheduler answers ({error})",
            where=address,
            remedy="give the address that the scheduler prints, such as tcp://host:8786",
        ) from error
    try:
        client.wait_for_workers(1, timeout=PATIENCE_S)
    except TimeoutError as error:
        client.close()
        raise UsageError(
            "the scheduler has no workers",
            where=address,
            remedy="start some with `dask worker ADDRESS`, or wait for the queue",
        ) from error
    return client


def _version() -> str:
    from cellwright.core.version import VERSION

    return VERSION


def _check_versions(client: Any, address: str) -> None:
    try:
        versions = set(client.run(_version).values())
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"a worker cannot import cellwright ({error})",
            where=address,
            remedy=f"install cellwright {VERSION} in the environment of the workers",
        ) from error
    if versions != {VERSION}:
        raise UsageError(
            f"the workers have cellwright {', '.join(sorted(versions))}, here it is {VERSION}",
            where=address,
            remedy="install the same version everywhere",
        )


def _check_paths(client: Any, run: Path, inputs: Sequence[Path]) -> None:
    """Have every worker read a token of this run, write beside it, and look for the inputs."""
    temporary = run / ".work" / "tmp"
    token = temporary / f"{uuid4().hex}.token"
    token.write_text(token.name)
    try:
        answers = client.run(_look, str(token), [str(path.absolute()) for path in inputs])
    finally:
        token.unlink()
    for worker, problem in sorted(answers.items()):
        if "threads" in problem:
            raise UsageError(
                f"the worker {worker} {problem}",
                remedy="start workers by `dask worker` with its nanny, or set OMP_NUM_THREADS=1",
            )
        if problem:
            raise UsageError(
                f"the worker {worker} {problem}",
                remedy="run and pictures must lie on a disk that all workers share, under the "
                "same paths",
            )


def _look(token: str, inputs: Sequence[str]) -> str:
    """Say what is wrong with a worker; empty if all is well. Runs on the worker.

    With several threads, sums in linear algebra are taken in another order, and their last bits
    differ: the local pool has one thread a worker as well.
    """
    if os.environ.get("OMP_NUM_THREADS") != "1":
        return "may use several threads for one sum, so that results would differ"
    path = Path(token)
    try:
        if path.read_text() != path.name:
            return f"sees another folder at {path.parent.parent.parent}"
        beside = path.with_name(f"{uuid4().hex}.token")
        beside.write_text("")
        beside.unlink()
    except OSError as error:
        return f"cannot use the folder of the run, {path.parent.parent.parent}: {error.strerror}"
    missing = [name for name in inputs if not Path(name).exists()]
    return f"does not see {missing[0]}" if missing else ""


class _ClusterExecutor(Executor):
    """Dask's executor, its errors in the words of `cellwright.engine.executors`."""

    def __init__(self, client: Any) -> None:
        self._inner = client.get_executor(pure=False)

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        outer: Future[Result] = Future()
        outer.set_running_or_notify_cancel()
        self._inner.submit(fn, *args, **kwargs).add_done_callback(
            lambda inner: _pass_on(inner, outer)
        )
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            for future in list(self._inner._futures):
                future.cancel()
        self._inner.shutdown(wait=wait and not cancel_futures)


def _pass_on(inner: Future[Result], outer: Future[Result]) -> None:
    from distributed.scheduler import KilledWorker

    if inner.cancelled():
        outer.set_exception(_lost("it took the work back"))
        return
    error = inner.exception()
    if error is None:
        outer.set_result(inner.result())
    elif isinstance(error, KilledWorker):
        outer.set_exception(WorkerDiedError(str(error)))
    elif type(error).__module__.startswith("distributed"):
        outer.set_exception(_lost(str(error)))
    else:
        outer.set_exception(error)


def _lost(why: str) -> RunError:
    return RunError(
        f"the cluster's scheduler was lost ({why})",
        remedy="start the same command again: what was finished is kept",
    )
