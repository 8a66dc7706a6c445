"""How fast training loops are, beside each other: ours, StarDist's and Cellpose's.

    python -m benchmarks.training_speed --data DATA --environments FOLDER
        [--peers stardist cellpose3] [--side 256] [--count 4] [--steps 12] [--rounds 3]
        [--pictures 8] [--threads 2]

The same grey pictures (`bbbc039`), patches of the same side and as many a step. Each program draws
and changes patches in its own way and steps with its own network; they take turns. Printed is the
median step of all rounds, without the first steps of each, in which graphs are built.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from benchmarks.peers.load import OtherWork
from benchmarks.peers.make_environments import PEERS, default_folder, python_of
from benchmarks.peers.pictures import pictures_of
from benchmarks.peers.programs import Program, Running, keep_to_cores

WARM_UP = 3
"""Steps that do not count."""
WORKERS = dict(zip(PEERS, ("stardist_training", "cellpose_training"), strict=True))


def programs(peers: list[str], environments: Path, threads: int, folder: Path) -> list[Program]:
    """Ours in both kinds of numbers, and the others."""
    held = ("--threads", str(threads))
    ours = [
        Program(
            f"cellwright {precision}", Path(sys.executable), "benchmarks.peers.own_training",
            (*held, "--precision", precision),
        )
        for precision in ("float32", "bfloat16")
    ]  # fmt: skip
    others = [
        Program(
            name, python_of(environments.absolute() / name), f"benchmarks.peers.{WORKERS[name]}",
            (*held, *(("--model", str(folder / name)) if name == "stardist" else ())),
        )
        for name in peers
    ]  # fmt: skip
    return [*ours, *others]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--environments", type=Path, default=default_folder())
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    keep_to_cores(given.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pictures = pictures_of(given.data, "bbbc039", given.pictures)
        files = [str(picture.save(folder)) for picture in pictures]
        seconds: dict[str, list[float]] = {}
        most: dict[str, int] = {}
        with OtherWork() as other:
            for _ in range(given.rounds):
                for program in programs(given.peers, given.environments, given.threads, folder):
                    with Running(program, given.threads) as worker:
                        told = worker.ask(
                            "steps", pictures=files, side=given.side, count=given.count,
                            steps=given.steps + WARM_UP,
                        )  # fmt: skip
                    seconds.setdefault(program.name, []).extend(told["seconds"][WARM_UP:])
                    most[program.name] = max(most.get(program.name, 0), told["most_bytes"])
    print(f"{given.count} patches of {given.side} px a step, {given.threads} threads; {other}")
    pixels = given.count * given.side**2 / 1e6
    ours = float(np.median(seconds["cellwright float32"]))
    print("program | s a step | megapixels a second | times ours in float32 | MB")
    for name, steps in seconds.items():
        step = float(np.median(steps))
        print(
            f"{name} | {step:.2f} | {pixels / step:.2f} | {step / ours:.2f} | "
            f"{most[name] / 1e6:,.0f}"
        )


if __name__ == "__main__":
    main()
