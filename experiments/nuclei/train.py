"""Train a network on the pictures of `data.py`: ``train.py DATA OUT [NAME=VALUE …]``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from data import PERCENTILES, training_and_validation

from cellwright.engine.allocation import keep_freed_memory
from cellwright.engine.events import Event, Message
from cellwright.learn.pictures import load
from cellwright.learn.plan import changed
from cellwright.learn.training import Settings, train


def main(data: str, out: str, *changes: str) -> None:
    """Train; changes are such as ``steps=500`` or ``architecture.separation=rays``."""
    keep_freed_memory()
    torch.set_num_threads(2)
    training, _ = training_and_validation(Path(data))
    train(load(training, PERCENTILES), changed(Settings(), changes), Path(out), _print)


def _print(event: Event) -> None:
    if isinstance(event, Message):
        print(event.text, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
