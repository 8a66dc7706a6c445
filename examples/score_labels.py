"""Say how well labels agree with those that a person drew.

    python score_labels.py FOUND TRUTH

Two folders of label images with the same names. A found cell is right if its overlap
(intersection over union) with a drawn one is more than one half, which no other found cell
can have with the same one. F1 is twice the right cells over all found and all drawn.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cellwright import read

Labels = npt.NDArray[np.int64]


def right_cells(found: Labels, drawn: Labels) -> int:
    """Count the pairs that overlap by more than one half."""
    pairs, shared = np.unique(np.stack([found.ravel(), drawn.ravel()]), axis=1, return_counts=True)
    union = np.bincount(found.ravel())[pairs[0]] + np.bincount(drawn.ravel())[pairs[1]] - shared
    return int(np.count_nonzero((pairs > 0).all(axis=0) & (shared > union / 2)))


found_folder, truth_folder = Path(sys.argv[1]), Path(sys.argv[2])
scores = []
for path in sorted(found_folder.rglob("*.tif")):
    name = path.relative_to(found_folder)
    candidates = [truth_folder / name.with_suffix(ending) for ending in (".tif", ".png")]
    truth = next(candidate for candidate in candidates if candidate.exists())
    found, drawn = (read(p).pixels().astype(np.int64) for p in (path, truth))
    n_found, n_drawn = (len(np.unique(labels[labels > 0])) for labels in (found, drawn))
    right = right_cells(found, drawn)
    f1 = 2 * right / max(n_found + n_drawn, 1)
    scores.append(f1)
    print(f"{name}: {n_found} found, {n_drawn} drawn, {right} right, F1 {f1:.2f}")
print(f"mean F1 over {len(scores)} pictures: {np.mean(scores):.3f}")
