"""Measures our own program; runs in the environment of the project.

    python -m benchmarks.peers.own_worker --method network --threads 2 [--set NAME=VALUE ...]

The method is called through the Python API, on a picture in memory: reading and writing files
belong to none of the programs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.peers.answering import measured, serve

from cellwright import Image, segment_image
from cellwright.core.image import Array
from cellwright.engine.threads import use_threads
from cellwright.segment.network import NetworkOptions
from cellwright.segment.network_mapping import InMemory
from cellwright.segment.network_plane import look


def network_and_decoding(
    image: Image, method: str, options: dict[str, Any], threads: int
) -> tuple[dict[str, float], Array]:
    """Segment a picture; give the seconds of each part, and the labels.

    THE place where the parts of a method are told apart: ``network`` is everything up to the
    maps (the estimate of the size, normalisation, tiles), ``decoding`` everything from the maps
    to labels. A method that has no network has everything under ``decoding``.
    """
    if method != "network":
        seconds: dict[str, float] = {}
        with measured(seconds, "decoding"):
            labels = segment_image(image, method, **options).main_labels.pixels()
        return seconds, labels
    began = answered = _clocks()

    def told(stage: str, _done: int, _total: int) -> None:
        nonlocal answered
        if stage == "network":
            answered = _clocks()

    with use_threads(threads):
        seen = look(InMemory(image.pixels()), NetworkOptions(**options), progress=told)
    ended = _clocks()
    spent = {}
    for part, (begin, end) in {"network": (began, answered), "decoding": (answered, ended)}.items():
        for kind, first, last in zip(("", "_cpu"), begin, end, strict=True):
            spent[part + kind] = last - first
    return spent, seen.labels


def _clocks() -> tuple[float, float]:
    """Seconds on the clock, and of the processor."""
    return time.perf_counter(), time.process_time()


def load(method: str, threads: int, options: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """Import what is imported late, as the other programs build their networks before."""

    def segment(picture: str, maps: str, labels: str | None = None) -> dict[str, Any]:
        del maps  # the other programs' decoding needs real ones; ours are its own
        pixels = np.load(Path(picture))["pixels"]
        image = Image(pixels, "YX" if pixels.ndim == 2 else "YXS")
        seconds, found = network_and_decoding(image, method, options, threads)
        if labels:
            np.save(labels, found)
        return {**seconds, "objects": int(found.max())}

    network_and_decoding(Image(np.eye(64) * 9, "YX"), method, options, threads)
    return {"segment": segment}


def value_of(text: str) -> Any:
    """Read an option's value: a number or a truth where it is one, else the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--method", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--set", nargs="*", default=[])
    given = parser.parse_args()
    pairs = (text.partition("=") for text in given.set)
    options = {name: value_of(value) for name, _, value in pairs}
    serve(partial(load, given.method, given.threads, options))


if __name__ == "__main__":
    main()
