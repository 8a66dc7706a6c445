"""Score a model on corneal endothelium, which it has not learnt from: ``score.py MODEL DATA``.

Only inside the part that people drew in; see `cellwright.learn.judging.within`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from cellwright.datasets.example import examples_in
from cellwright.engine.onnx import Network
from cellwright.evaluation.summary import summarise
from cellwright.learn.calibrating import SCORES, kept_scores
from cellwright.learn.judging import judged
from cellwright.models.model import model_named


def main(name: str, data: str) -> None:
    """Print the scores with their intervals."""
    model = model_named(name)
    answer = Network(model.weights, threads=2).run
    folder = Path(data) / "endothelium"
    calibration = model.description.calibration
    scores = []
    for example in examples_in(folder):
        region = folder / "roi" / example.image.name
        found = judged(model, answer, replace(example, region=region), {})
        scores += kept_scores([found], calibration)
        print(example.name, *(f"{scores[-1][s]:.3f}" for s in ("f1_50", "dsb_ap_50")), flush=True)
    summary = summarise(scores, {}).overall
    for score, estimate in summary.scores.items():
        if score in SCORES or "boundary" in score:
            low, high = estimate.interval.low, estimate.interval.high
            print(f"{score}: {estimate.value:.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main(*sys.argv[1:])
