"""How often the intervals of `evaluate` hold the true value, in simulated sets of pictures.

COCO's average precision, and the expected calibration error. Cells of one picture are alike: a
picture as a whole is easy or hard. Prints the share of sets whose 95 % interval held the value of
30,000 pictures (of the calibration: the one that is true by construction).

    python benchmarks/score_intervals.py --sets 200
"""

from __future__ import annotations

import argparse

import numpy as np

from cellwright.evaluation.calibration import BINS, calibration
from cellwright.evaluation.intervals import Interval, weighted_estimates
from cellwright.evaluation.precision_recall import IOUS, RESAMPLES, Ranked, weighted_precisions

MANY = 30_000
CELLS = 25


def ranked(random: np.random.Generator, n: int) -> Ranked:
    """Pictures of 3 to 24 found cells; a tenth as many missed; the better, the surer."""
    difficulty = random.beta(6, 2, n)
    cells = random.integers(3, 25, n)
    picture = np.repeat(np.arange(n), cells)
    iou = random.beta(8, 2, picture.size) * np.sqrt(difficulty[picture])
    confidence = np.clip(iou + random.normal(0, 0.15, iou.size), 0, 1)
    order = np.argsort(-confidence, kind="stable")
    right = (iou[None] >= np.array(IOUS)[:, None])[:, order]
    n_true = cells + random.binomial(cells, 0.1)
    return Ranked(picture[order], confidence[order], right, np.ones_like(right), n_true)


def both(precisions: np.ndarray) -> np.ndarray:
    return np.stack([precisions.mean(axis=1), precisions[:, 0]], axis=1)


def holds(interval: Interval, value: float) -> bool:
    low, high = interval.low, interval.high
    return low is not None and high is not None and low <= value <= high


def average_precision(random: np.random.Generator, sets: int) -> None:
    true = both(weighted_precisions(ranked(random, MANY), np.ones((1, MANY))))[0]
    print(f"average precision: mAP {true[0]:.3f}, AP50 {true[1]:.3f}")
    for n in (10, 20, 40):
        held = np.zeros(2)
        for _ in range(sets):
            one = ranked(random, n)
            found = weighted_estimates(
                lambda weights, one=one: both(weighted_precisions(one, weights)),  # type: ignore[misc]
                n,
                resamples=RESAMPLES,
            )
            held += [holds(e.interval, v) for e, v in zip(found, true, strict=True)]
        print(f"  {n:3} pictures: held in {held[0] / sets:.3f}, {held[1] / sets:.3f}", flush=True)


def calibration_error(random: np.random.Generator, sets: int) -> None:
    print(f"calibration error, 40 pictures of {CELLS} cells")
    picture = np.repeat(np.arange(40), CELLS)
    for too_sure in (0.0, 0.03, 0.08):
        many = random.beta(5, 1.5, 2_000_000)
        place = np.minimum((many * BINS).astype(int), BINS - 1)
        wrong = many - np.clip(many - too_sure, 0, 1)
        true = float(np.abs(np.bincount(place, wrong, BINS)).sum() / many.size)
        values, held = [], 0
        for _ in range(sets):
            said = random.beta(5, 1.5, picture.size)
            right = random.random(said.size) < np.clip(said - too_sure, 0, 1)
            found = calibration(said, right, picture, 40)
            values.append(found.expected_error.value)
            held += holds(found.expected_error.interval, true)
        print(
            f"  true {true:.3f}: mean {np.mean(values):.3f}, held in {held / sets:.3f}", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=200)
    sets = parser.parse_args().sets
    calibration_error(np.random.default_rng(1), sets)
    average_precision(np.random.default_rng(5), sets)


if __name__ == "__main__":
    main()
