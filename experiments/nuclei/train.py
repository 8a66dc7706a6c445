"""Train a network on the pictures of `data.py`: ``train.py DATA OUT [NAME=VALUE …]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from data import PERCENTILES, training_and_validation

from cellwright.engine.allocation import keep_freed_memory
from cellwright.learn.pictures import load
from cellwright.learn.training import Settings, train


def main(data: str, out: str, *changes: str) -> None:
    """Train; changes are such as ``steps=500`` or ``architecture.separation=rays``."""
    keep_freed_memory()
    torch.set_num_threads(2)
    settings = Settings().model_dump(mode="json")
    for change in changes:
        name, value = change.split("=", 1)
        *path, last = name.split(".")
        part = settings
        for key in path:
            part = part[key]
        part[last] = json.loads(value) if value[0] in "0123456789[.-" else value
    training, _ = training_and_validation(Path(data))
    train(load(training, PERCENTILES), Settings.model_validate(settings), Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
