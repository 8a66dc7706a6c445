"""Check our scores of cells against StarDist's own matching, and say how long either takes.

    python benchmarks/scoring_against_stardist.py [--environment FOLDER]

Makes an environment in FOLDER (by default in the system's temporary folder) with ``uv``, the
package ``stardist`` 0.9.2 without TensorFlow and what its ``matching`` imports; an environment
that is there is used again. Then scores random and hostile pairs of label images with both and
prints the largest difference of each score: number of matches, precision, recall, AP
(``accuracy`` there), F1, PQ, mean IoU of the matches, at 0.1 to 0.95. Ends with an error if one
exceeds 1e-6. Two differences are meant, and printed apart: a picture without any cell in which
nothing was found has 1 with us and 0 there, and below 0.5 StarDist counts pairs below the
threshold into what it maximises, so that its matches, as many as ours, may fit less well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.evaluation.matching import count_overlaps, match
from cellwright.evaluation.picture import score_picture

Labels = npt.NDArray[np.int32]

PACKAGES = ("stardist==0.9.2", "csbdeep==0.8.2")
NEEDED = ("numpy", "scipy", "numba", "tqdm", "scikit-image", "six")
THRESHOLDS = (0.1, 0.3, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
TOLERANCE = 1e-6
REPEATS = 3
SCORES = ("tp", "precision", "recall", "accuracy", "f1", "panoptic_quality", "mean_matched_score")

PEER = """
import json, sys, time
import numpy as np
from stardist.matching import matching

pairs = np.load(sys.argv[1])
thresholds = json.loads(sys.argv[2])
names = json.loads(sys.argv[3])
matching(pairs["truth_0"], pairs["found_0"], 0.5)  # compiles
results = []
for i in range(len(pairs.files) // 2):
    truth, found = pairs[f"truth_{i}"], pairs[f"found_{i}"]
    times = []
    for _ in range(int(sys.argv[4])):
        begin = time.perf_counter()
        stats = matching(truth, found, thresholds)
        times.append(time.perf_counter() - begin)
    results.append(
        {"seconds": min(times), "scores": [[float(getattr(s, n)) for n in names] for s in stats]}
    )
print(json.dumps(results))
"""


def discs(side: int, count: int, radius: float, seed: int) -> Labels:
    """Lay out discs at random; later ones cover earlier ones."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((side, side), np.int32)
    for label in range(1, count + 1):
        y, x = rng.integers(0, side, 2)
        r = radius * rng.uniform(0.6, 1.4)
        rows = slice(max(0, int(y - r)), int(y + r) + 2)
        columns = slice(max(0, int(x - r)), int(x + r) + 2)
        at = np.mgrid[rows, columns]
        inside = (at[0] - y) ** 2 + (at[1] - x) ** 2 <= r * r
        view = labels[rows, columns]
        view[inside[: view.shape[0], : view.shape[1]]] = label
    return labels


def worn(labels: Labels, seed: int) -> Labels:
    """Shift, drop, cut and join cells, as a program does that is sometimes wrong."""
    rng = np.random.default_rng(seed)
    found = np.roll(labels, tuple(rng.integers(-3, 4, 2)), (0, 1))
    numbers = np.arange(found.max() + 1)
    for label in numbers[1:]:
        chance = rng.random()
        if chance < 0.1:
            numbers[label] = 0
        elif chance < 0.2 and label > 1:
            numbers[label] = label - 1
    found = numbers[found].astype(np.int32)
    halves = rng.random(found.max() + 1) < 0.15
    found[::2][halves[found[::2]]] += int(found.max()) * 3
    return found


def pairs() -> dict[str, tuple[Labels, Labels]]:
    """Label images to compare: random ones, and those on which scorers go wrong."""
    made: dict[str, tuple[Labels, Labels]] = {}
    for seed in range(40):
        truth = discs(160, 4 + 3 * seed, 9, seed)
        made[f"random {seed}"] = truth, worn(truth, seed)
    rng = np.random.default_rng(3)
    for seed in range(20):  # noise: every cell touches every other
        shape = (12 + seed, 17)
        made[f"noise {seed}"] = (
            rng.integers(0, 2 + seed, shape).astype(np.int32),
            rng.integers(0, 2 + seed // 2, shape).astype(np.int32),
        )
    for seed in range(6):  # a closed layer against another one
        large = np.kron(rng.permutation(36).reshape(6, 6) + 1, np.ones((8, 8)))
        small = np.kron(np.arange(49).reshape(7, 7) + 1, np.ones((7, 7)))[:48, :48]
        made[f"layer {seed}"] = large.astype(np.int32), np.roll(small, seed, 0).astype(np.int32)
    blank, cells = np.zeros((64, 64), np.int32), discs(64, 9, 6, 1)
    made["no truth"] = blank, cells
    made["nothing found"] = cells, blank
    made["both empty"] = blank, blank
    made["equal"] = cells, cells
    made["gaps in the numbers"] = cells * 971, worn(cells, 2) * 503
    made["one pixel each"] = np.eye(64, dtype=np.int32) * 5, np.eye(64, dtype=np.int32) * 9
    halves = np.repeat(np.arange(1, 65), 64).reshape(64, 64).astype(np.int32)
    made["ties at 0.5"] = halves, np.hstack([halves[:, :32], halves[:, :32] + 64])
    made["ties, merged"] = np.repeat(np.repeat(halves[:32, :32], 2, axis=0), 2, axis=1), halves
    made["11 of 20 pixels"] = (
        np.array([[1] * 20 + [0] * 20], np.int32),
        np.array([[1] * 11 + [0] * 29], np.int32),
    )
    crowd = discs(512, 420, 14, 7)
    made["300 cells"] = crowd, worn(crowd, 8)
    megapixel = discs(1000, 1300, 14, 9)
    made["1,000 cells, 1 MP"] = megapixel, worn(megapixel, 10)
    return made


def ours(truth: Labels, found: Labels) -> list[list[float]]:
    """The same scores, in the same order, at each threshold."""
    overlaps = count_overlaps(truth, found)
    rows = []
    for threshold in THRESHOLDS:
        matches = match(overlaps, threshold)
        tp = matches.pairs.size
        fp, fn = overlaps.n_found - tp, overlaps.n_true - tp
        total = float(matches.iou.sum())
        empty = float(tp + fp + fn == 0)
        rows.append(
            [
                float(tp),
                tp / (tp + fp) if tp + fp else empty,
                tp / (tp + fn) if tp + fn else empty,
                tp / (tp + fp + fn) if tp + fp + fn else empty,
                2 * tp / (2 * tp + fp + fn) if tp + fp + fn else empty,
                total / (tp + fp / 2 + fn / 2) if tp + fp + fn else empty,
                total / tp if tp else empty,
            ]
        )
    return rows


def declared(truth: Labels, found: Labels) -> dict[float, list[float]]:
    """The scores that we publish, at the thresholds at which they have a name."""
    score = score_picture(truth, found)
    values = {}
    for threshold in THRESHOLDS[2:]:
        percent = round(100 * threshold)
        row = [score[f"tp_{percent}"], np.nan, np.nan, score[f"dsb_ap_{percent}"]]
        if percent in {50, 75, 90}:
            row[1:3] = [score[f"precision_{percent}"], score[f"recall_{percent}"]]
        row.append(score[f"f1_{percent}"] if percent in {50, 75, 90} else np.nan)
        row += [score["pq"], score["sq"]] if percent == 50 else [np.nan, np.nan]
        values[threshold] = row
    return values


def environment(folder: Path) -> Path:
    """Make the environment of the peer, if it is not there; give its Python."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        subprocess.run(["uv", "venv", str(folder), "--python", "3.11"], check=True)
        install = ["uv", "pip", "install", "--python", str(python)]
        subprocess.run([*install, "--no-deps", *PACKAGES], check=True)
        subprocess.run([*install, *NEEDED], check=True)
    return python


def peer(python: Path, made: Mapping[str, tuple[Labels, Labels]]) -> list[dict[str, Any]]:
    """Scores and seconds of StarDist's matching."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pairs.npz")
        arrays: dict[str, Any] = {}
        for i, (truth, found) in enumerate(made.values()):
            arrays |= {f"truth_{i}": truth, f"found_{i}": found}
        np.savez_compressed(file, **arrays)
        given = [str(file), json.dumps(THRESHOLDS), json.dumps(SCORES), str(REPEATS)]
        done = subprocess.run(
            [str(python), "-c", PEER, *given], check=True, capture_output=True, text=True
        )
    results: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return results


def timed(function: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--environment", type=Path, default=Path(tempfile.gettempdir(), "peer_matching")
    )
    made = pairs()
    theirs = peer(environment(parser.parse_args().environment), made)
    groups: dict[str, list[npt.NDArray[np.float64]]] = {}
    published = 0.0
    for (name, (truth, found)), result in zip(made.items(), theirs, strict=True):
        expected = np.array(result["scores"])
        difference = np.array(ours(truth, found)) - expected
        if name == "both empty":
            groups["both empty (meant)"] = [np.abs(difference)]
            continue
        low = np.array(THRESHOLDS) < 0.5
        groups.setdefault("0.5 to 0.95", []).append(np.abs(difference[~low]))
        groups.setdefault("below 0.5", []).append(np.abs(difference[low, :5]))
        groups.setdefault("below 0.5, fit (meant)", []).append(np.abs(difference[low]))
        for threshold, row in declared(truth, found).items():
            gap = np.abs(np.array(row) - expected[THRESHOLDS.index(threshold)])
            if row[0] == 0:
                gap[-1] = np.nan  # the mean IoU of no match: none with us, 0 there
            published = max(published, float(np.nanmax(gap)))
    print(f"{len(made)} pairs of label images; largest difference to stardist 0.9.2")
    print(f"{'thresholds':<24}" + "".join(f"{name:>20}" for name in SCORES))
    worst = 0.0
    for name, found_differences in groups.items():
        largest = np.max([np.max(part, axis=0) for part in found_differences], axis=0)
        print(f"{name:<24}" + "".join(f"{value:>20.2g}" for value in largest))
        worst = max(worst, 0.0 if "meant" in name else float(largest.max()))
    print(f"scores of score_picture at 0.5 to 0.95: {published:.2g}")
    print(f"\n{'picture':<24}{'true':>7}{'found':>7}{'ours, ms':>10}{'peer, ms':>10}{'ratio':>7}")
    for name in ("random 39", "300 cells", "1,000 cells, 1 MP"):
        truth, found = made[name]
        took = min(timed(lambda t=truth, f=found: ours(t, f)) for _ in range(REPEATS))  # type: ignore[misc]
        seconds = theirs[list(made).index(name)]["seconds"]
        counts = [np.unique(labels[labels > 0]).size for labels in (truth, found)]
        print(
            f"{name:<24}{counts[0]:>7}{counts[1]:>7}{1e3 * took:>10.1f}{1e3 * seconds:>10.1f}"
            f"{seconds / took:>7.1f}"
        )
    if max(worst, published) > TOLERANCE:
        raise SystemExit(f"a score differs by {max(worst, published):.3g}")


if __name__ == "__main__":
    main()
