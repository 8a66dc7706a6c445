"""How well nuclei are found beside a StarDist that was trained on the same pictures as ours.

    python -m benchmarks.nuclei_peers_trained --data DATA --environments FOLDER --model FOLDER
        [--minutes 60] [--methods network threshold] [--set NAME=VALUE ...] [--threads 2]
        [--training 0] [--validation 0] [--json FILE]

Training and validation pictures are those of ``experiments/nuclei``. StarDist is trained for so
many minutes on the clock (how, is told in `peers/stardist_training.py`) and its weights are kept
in the folder `--model`; with ``--minutes 0`` those that are there are scored again. All programs
segment the same validation pictures, and all labels go through the same scoring, that of
``cellwright evaluate``. For a fair race give our method, with ``--set``, a model that was trained
for the same time on the same machine; the one in the package was trained for longer.
``--training`` and ``--validation`` take only so many pictures, for a trial.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.peers.load import OtherWork
from benchmarks.peers.make_environments import default_folder, python_of
from benchmarks.peers.pictures import Annotated
from benchmarks.peers.programs import Program, Running, keep_to_cores, own
from experiments.nuclei.data import training_and_validation

from cellwright.datasets.example import Example, read_labels, read_pixels
from cellwright.evaluation.picture import score_picture
from cellwright.evaluation.summary import Estimate, GroupSummary, Summary, summarise

EPOCH = 100
"""Steps after which StarDist looks whether it has become better; its own default."""
SHOWN = {
    "AP at 0.5": ("dsb_ap_50", 3),
    "mean AP": ("dsb_ap_mean", 3),
    "F1 at 0.5": ("f1_50", 3),
    "IoU": ("semantic_iou", 3),
    "count, %": ("pooled_count_error_percent", 1),
    "area, %": ("median_area_bias_percent", 1),
}


def some_of(examples: list[Example], number: int) -> list[Example]:
    """Take so many, evenly; all for 0."""
    if not number or number >= len(examples):
        return examples
    places = np.unique(np.linspace(0, len(examples) - 1, number).round().astype(int))
    return [examples[place] for place in places]


def saved(examples: list[Example], folder: Path) -> dict[str, Path]:
    """Write the pictures for the workers; from names to files."""
    folder.mkdir()
    files = {}
    for number, example in enumerate(examples):
        picture = Annotated("picture", str(number), read_pixels(example), read_labels(example))
        files[example.name] = picture.save(folder)
    return files


def trained(worker: Running, files: Mapping[str, Path], minutes: float) -> None:
    """Train for so many minutes."""
    pictures = [str(path) for path in files.values()]
    # a short trial must end an epoch too, or there are no weights to take
    epoch = EPOCH if minutes > 10 else 10
    with OtherWork() as other:
        told = worker.ask("train", pictures=pictures, minutes=minutes, epoch=epoch)
    print(
        f"stardist: {len(pictures)} pictures, {told['steps']:,} steps in "
        f"{told['seconds'] / 60:.1f} minutes, loss {told['losses'][0]:.3f} to "
        f"{min(told['losses']):.3f}, {told['most_bytes'] / 1e6:,.0f} MB at the most; {other}"
    )


def scored(worker: Running, validation: list[Example], files: Mapping[str, Path]) -> Summary:
    """Segment the pictures and score the labels."""
    scores = []
    labels = next(iter(files.values())).parent / "found.npy"
    more = {"maps": ""} if worker.program.name != "stardist" else {}
    for example in validation:
        worker.ask("segment", picture=str(files[example.name]), labels=str(labels), **more)
        scores.append(score_picture(read_labels(example), np.load(labels), image=example.name))
    return summarise(scores, {example.name: example.kind for example in validation})


def shown(estimate: Estimate, decimals: int) -> str:
    """Give a value with its interval over pictures."""
    if math.isnan(estimate.value):
        return "none"
    low, high = estimate.interval.low, estimate.interval.high
    text = f"{estimate.value:.{decimals}f}"
    if low is None or high is None:
        return text
    return f"{text} [{low:.{decimals}f}, {high:.{decimals}f}]"


def show(title: str, groups: Mapping[str, GroupSummary]) -> None:
    some = next(iter(groups.values()))
    print(f"\n{title}: pictures {some.n_pictures}, nuclei {some.n_true:,}")
    print("".join([" " * 24, *(f"{name:>25}" for name in SHOWN)]))
    for name, group in groups.items():
        cells = [shown(group.scores[score], decimals) for score, decimals in SHOWN.values()]
        print("".join([f"{name:<24}", *(f"{cell:>25}" for cell in cells)]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--environments", type=Path, default=default_folder())
    parser.add_argument("--model", type=Path, required=True, help="folder for StarDist's weights")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--methods", nargs="*", default=["network", "threshold"])
    parser.add_argument("--set", nargs="*", default=[], help="options of our first method")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--training", type=int, default=0)
    parser.add_argument("--validation", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    keep_to_cores(given.threads)
    training, validation = training_and_validation(given.data)
    training = some_of(training, given.training)
    validation = some_of(validation, given.validation)
    folder = given.model.absolute()
    if given.minutes and any(folder.glob("weights*")):
        raise SystemExit(f"{folder} holds weights: name another, or score these: --minutes 0")
    folder.parent.mkdir(parents=True, exist_ok=True)
    stardist = Program(
        "stardist",
        python_of(given.environments.absolute() / "stardist"),
        "benchmarks.peers.stardist_training",
        ("--threads", str(given.threads), "--model", str(folder)),
    )
    options = ("--set", *given.set) if given.set else ()
    ours = [
        own(method, given.threads, options if index == 0 else ())
        for index, method in enumerate(given.methods)
    ]
    summaries: dict[str, Summary] = {}
    with tempfile.TemporaryDirectory() as name:
        files = saved(validation, Path(name, "validation"))
        for program in [*ours, stardist]:
            with Running(program, given.threads) as worker:
                if program is stardist and given.minutes:
                    trained(worker, saved(training, Path(name, "training")), given.minutes)
                summaries[program.name] = scored(worker, validation, files)
    show("all", {name: summary.overall for name, summary in summaries.items()})
    for kind in next(iter(summaries.values())).kinds:
        show(kind, {name: summary.kinds[kind] for name, summary in summaries.items()})
    if given.json:
        told: dict[str, Any] = {name: summary.to_json() for name, summary in summaries.items()}
        given.json.write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
