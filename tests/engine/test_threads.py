"""How many threads one piece of work may use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from cellwright.engine.threads import threads, use_threads


def test_one_unless_told_otherwise_and_one_again_afterwards() -> None:
    assert threads() == 1
    with use_threads(4):
        assert threads() == 4
        with use_threads(0):
            assert threads() == 1
        assert threads() == 4
    assert threads() == 1


def test_an_error_ends_it_too() -> None:
    with pytest.raises(RuntimeError, match="over"), use_threads(3):
        raise RuntimeError("over")
    assert threads() == 1


def test_workers_beside_each_other_have_their_own() -> None:
    def inside(count: int) -> int:
        with use_threads(count):
            return threads()

    with use_threads(9), ThreadPoolExecutor(3) as pool:
        assert list(pool.map(inside, [2, 3, 5])) == [2, 3, 5]
        assert pool.submit(threads).result() == 1
