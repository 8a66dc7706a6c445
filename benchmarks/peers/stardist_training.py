"""Trains StarDist and segments with it; runs inside its environment.

    python -m benchmarks.peers.stardist_training --threads 2 --model FOLDER

StarDist 2D with 32 rays, a grid of 2 × 2, three channels, and its defaults for the rest (patches
of 256 px, four a step, distances by mean absolute error, learning rate 3e-4), its default
thresholds, and the augmentation of its own examples: flips, quarter turns, gain and offset, and
inversion, since dark nuclei on a light ground are among the pictures. It trains until the time is
up, counted from the end of the first step, so neither imports nor the building of the network's
graph cost it any.
Its own schedule halves the rate after forty epochs without gain, which a run of an hour never
reaches: instead the rate falls as a cosine with the time, as ours does. The weights with the
least loss on pictures held out of the training ones are taken, as it does by itself.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras  # type: ignore[import-not-found,import-untyped,unused-ignore]
import numpy as np
import tensorflow as tf  # type: ignore[import-not-found,import-untyped,unused-ignore]
from benchmarks.peers.answering import measured, serve
from benchmarks.peers.stardist_worker import CHANNELS, GRID, RAYS, three_channels
from stardist.models import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    Config2D,
    StarDist2D,
)

PATCH = 256
HELD_OUT = 20
"""Every so many of the training pictures is held out, to choose among its epochs."""
EPOCHS = 10_000
"""More than any run has time for."""
INVERTED = 0.3
"""Share of the patches whose light is turned round; as much for each program."""


def augmented(pixels: Any, labels: Any) -> tuple[Any, Any]:
    """Flip, turn, and change the light of a patch, as the examples of StarDist do."""
    for axis in (0, 1):
        if np.random.rand() < 0.5:  # noqa: NPY002 - StarDist's own seed sets this generator
            pixels, labels = np.flip(pixels, axis), np.flip(labels, axis)
    turns = np.random.randint(4)  # noqa: NPY002
    pixels, labels = np.rot90(pixels, turns), np.rot90(labels, turns)
    pixels = pixels * np.random.uniform(0.6, 2) + np.random.uniform(-0.2, 0.2)  # noqa: NPY002
    if np.random.rand() < INVERTED:  # noqa: NPY002
        pixels = 1 - pixels
    return pixels.astype(np.float32), labels


def example(path: str) -> tuple[Any, Any]:
    """Read a picture for training: normalised, and mirrored at its frame to a patch's size."""
    with np.load(path) as file:
        pixels, labels = three_channels(file["pixels"]), file["labels"].astype(np.int32)
    missing = [(0, max(0, PATCH - length)) for length in labels.shape]
    return np.pad(pixels, [*missing, (0, 0)], "symmetric"), np.pad(labels, missing, "symmetric")


class UntilTheTimeIsUp(keras.callbacks.Callback):  # type: ignore[misc,unused-ignore]
    """Ends the training, and lets the rate fall to nothing until then."""

    def __init__(self, seconds: float, rate: float) -> None:
        super().__init__()
        self._seconds, self._rate = seconds, rate
        self.started: float | None = None
        self.steps = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Set the rate of the next step, or stop."""
        del batch, logs
        now = time.perf_counter()
        self.started = now if self.started is None else self.started
        self.steps += 1
        share = min((now - self.started) / self._seconds, 1.0)
        self.model.optimizer.learning_rate = self._rate * (1 + math.cos(math.pi * share)) / 2
        self.model.stop_training = share >= 1


class Clock(keras.callbacks.Callback):  # type: ignore[misc,unused-ignore]
    """Notes when each step ended."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note it."""
        del batch, logs
        self.times.append(time.perf_counter())


def load(threads: int, folder: Path) -> dict[str, Callable[..., Any]]:
    """Build the network; weights that are in its folder are taken."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.utils.set_random_seed(0)
    config = Config2D(
        n_rays=RAYS, grid=GRID, n_channel_in=CHANNELS, train_patch_size=(PATCH, PATCH),
        train_reduce_lr=None, train_tensorboard=False,
    )  # fmt: skip
    there = any(folder.glob("weights*"))
    model = StarDist2D(None if there else config, name=folder.name, basedir=str(folder.parent))

    def train(pictures: list[str], minutes: float, epoch: int) -> dict[str, Any]:
        examples = [example(path) for path in pictures]
        held_out = examples[::HELD_OUT]
        rest = [one for place, one in enumerate(examples) if place % HELD_OUT]
        clock = UntilTheTimeIsUp(60 * minutes, model.config.train_learning_rate)
        model.prepare_for_training()
        model.callbacks.append(clock)
        pixels, labels = (list(part) for part in zip(*rest, strict=True))
        validation = tuple(list(part) for part in zip(*held_out, strict=True))
        history = model.train(
            pixels,
            labels,
            validation,
            augmenter=augmented,
            seed=0,
            epochs=EPOCHS,
            steps_per_epoch=epoch,
        )
        took = 0.0 if clock.started is None else time.perf_counter() - clock.started
        losses = [float(loss) for loss in history.history["val_loss"]]
        return {"steps": clock.steps, "seconds": took, "losses": losses}

    def steps(pictures: list[str], side: int, count: int, steps: int) -> dict[str, Any]:
        """Time so many steps, on patches of a side; one picture stands for the held-out ones."""
        examples = [example(path) for path in pictures]
        model.prepare_for_training()
        clock = Clock()
        model.callbacks.append(clock)
        pixels, labels = (list(part) for part in zip(*examples, strict=True))
        model.config.train_patch_size, model.config.train_batch_size = (side, side), count
        model.train(
            pixels, labels, (pixels[:1], labels[:1]), augmenter=augmented, seed=0, epochs=1,
            steps_per_epoch=steps + 1,
        )  # fmt: skip
        return {"seconds": np.diff(clock.times).tolist()}

    def segment(picture: str, labels: str) -> dict[str, Any]:
        seconds: dict[str, float] = {}
        pixels = np.load(picture)["pixels"]
        with measured(seconds, "together"):
            found, _ = model.predict_instances(three_channels(pixels))
        np.save(labels, found.astype(np.uint32))
        return {**seconds, "objects": int(found.max())}

    return {"train": train, "steps": steps, "segment": segment}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True)
    given = parser.parse_args()
    serve(partial(load, given.threads, given.model))


if __name__ == "__main__":
    main()
