"""What every worker has in common: it answers questions, one line of JSON each.

A worker runs inside the environment of its program. It reads questions from its standard input,
does what is asked, and prints the answer; what its libraries print goes to the standard error.
So each program is started and loaded once, and they can take turns on the same pictures. This
file needs nothing but Python, because it is imported in every environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["measured", "serve"]


def serve(load: Callable[[], Mapping[str, Callable[..., Any]]]) -> None:
    """Load the program, and answer questions until there are no more.

    Parameters
    ----------
    load
        Gives a mapping from the ``do`` of a question to what does it; the question's other
        entries are its arguments. Whatever is printed from now on goes to the standard error.
    """
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    answers = load()
    print(json.dumps({"ready": True}), file=channel, flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        answer = answers[question.pop("do")](**question)
        print(json.dumps(answer), file=channel, flush=True)


@contextmanager
def measured(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Note how long a part takes: on the clock, and of the processor (``part_cpu``)."""
    clock, processor = time.perf_counter(), time.process_time()
    yield
    seconds[part] = time.perf_counter() - clock
    seconds[f"{part}_cpu"] = time.process_time() - processor
