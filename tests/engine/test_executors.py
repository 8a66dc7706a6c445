from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from cellwright.core.errors import CancelledError
from cellwright.engine.events import CancelToken
from cellwright.engine.executors import Died, Pool, Work

# What workers do in these tests is in the standard library, so that they can import it.


def pool(make: Callable[[], Executor], workers: int = 2, memory: int = 100) -> Pool:
    return Pool(make, workers=workers, memory=memory, cancel=CancelToken())


def threads() -> Executor:
    return ThreadPoolExecutor(2)


def processes() -> Executor:
    from cellwright.engine.executors import local_pool

    return local_pool(2)()


def test_any_executor_can_do_the_work() -> None:
    with pool(threads) as workers:
        done = dict(workers.run(str.upper, (Work(t) for t in "abcdefghij")))

    assert done == {letter: letter.upper() for letter in "abcdefghij"}


def test_work_in_flight_stays_within_the_memory() -> None:
    running: set[int] = set()
    most = 0

    def work(number: int) -> int:
        nonlocal most
        running.add(number)
        most = max(most, len(running))
        time.sleep(0.01)
        running.discard(number)
        return number

    with pool(lambda: ThreadPoolExecutor(8), workers=8, memory=100) as workers:
        done = [n for n, _ in workers.run(work, (Work(n, memory=40) for n in range(12)))]

    assert sorted(done) == list(range(12))
    assert most == 2


def test_a_piece_larger_than_the_memory_runs_alone() -> None:
    with pool(threads, memory=10) as workers:
        assert list(workers.run(str.upper, [Work("a", memory=1000)])) == [("a", "A")]


def test_a_piece_that_kills_its_worker_takes_nothing_with_it() -> None:
    deadly = "__import__('os')._exit(3)"
    pieces = ["1 + 1", "2 + 2", deadly, "3 + 3", "4 + 4", "5 + 5"]

    with pool(processes) as workers:
        results = dict(workers.run(eval, [Work(piece) for piece in pieces]))

    assert isinstance(results.pop(deadly), Died)
    assert results == {"1 + 1": 2, "2 + 2": 4, "3 + 3": 6, "4 + 4": 8, "5 + 5": 10}


def test_cancelling_stops_between_results() -> None:
    cancel = CancelToken()
    seen = []

    def stop_after_the_first() -> None:
        with Pool(threads, workers=2, memory=10, cancel=cancel) as workers:
            for task, _ in workers.run(str.upper, (Work(str(n)) for n in range(1000))):
                seen.append(task)
                cancel.cancel()

    with pytest.raises(CancelledError, match="start the same command again"):
        stop_after_the_first()

    assert 1 <= len(seen) < 10


def test_a_script_without_a_main_guard_does_not_start_itself_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            from cellwright.engine.events import CancelToken
            from cellwright.engine.executors import Pool, Work, local_pool
            print("started")
            with Pool(local_pool(2), workers=2, memory=9, cancel=CancelToken()) as pool:
                print(sorted(result for _, result in pool.run(abs, [Work(-1), Work(-2)])))
            """
        )
    )

    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=120
    )

    assert done.stdout.split("\n") == ["started", "[1, 2]", ""]
