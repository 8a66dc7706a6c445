"""COCO's evaluation, slow and word for word: one class of one picture at a time, mask by mask.

Written after the description and the loops of pycocotools 2.0 (`COCOeval.evaluateImg`,
`accumulate`, `summarize`), to have something to compare with: it shares no code with ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
AREAS = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}


@dataclass
class Picture:
    """Label images, and from label to class and to confidence."""

    truth: npt.NDArray[Any]
    found: npt.NDArray[Any]
    true_class: dict[int, str]
    found_class: dict[int, str]
    confidence: dict[int, float]


def evaluate_picture(picture: Picture, name: str, area: tuple[float, float]) -> Any:
    """Matches of one class: scores, matched and ignored (10, n), and how true ones are ignored."""
    gts = []
    for label in [int(n) for n in np.unique(picture.truth) if n]:
        mask = picture.truth == label
        its = picture.true_class.get(label, "")
        if its in (name, ""):  # without a class: to be ignored, as COCO's flag says
            size = int(mask.sum())
            gts.append((mask, int(its == "" or size < area[0] or size > area[1])))
    gts.sort(key=lambda gt: gt[1])  # stable: those that are not ignored come first
    dts = [
        (picture.confidence[label], picture.found == label)
        for label in [int(n) for n in np.unique(picture.found) if n]
        if picture.found_class.get(label, "") == name
    ]
    dts.sort(key=lambda dt: -dt[0])
    matched = np.zeros((len(THRESHOLDS), len(dts)), int)
    ignored = np.zeros((len(THRESHOLDS), len(dts)), bool)
    ious = [[(mask & true).sum() / (mask | true).sum() for true, _ in gts] for _, mask in dts]
    for t, threshold in enumerate(THRESHOLDS):
        taken = [False] * len(gts)
        for d in range(len(dts)):
            best, m = min(threshold, 1 - 1e-10), -1
            for g, (_, ignore) in enumerate(gts):
                if taken[g]:
                    continue
                if m > -1 and gts[m][1] == 0 and ignore == 1:
                    break
                if ious[d][g] < best:
                    continue
                best, m = ious[d][g], g
            if m == -1:
                continue
            ignored[t, d] = bool(gts[m][1])
            matched[t, d] = 1
            taken[m] = True
        for d, (_, mask) in enumerate(dts):
            size = int(mask.sum())
            if not matched[t, d] and (size < area[0] or size > area[1]):
                ignored[t, d] = True
    return [dt[0] for dt in dts], matched, ignored, [gt[1] for gt in gts]


def precisions(pictures: list[Picture], name: str, area: str = "all") -> Any:
    """(10, 101); -1 where the class has no true object."""
    each = [evaluate_picture(picture, name, AREAS[area]) for picture in pictures]
    result = -np.ones((len(THRESHOLDS), len(RECALLS)))
    positives = sum(1 for one in each for ignore in one[3] if not ignore)
    if positives == 0:
        return result
    scores = np.array([score for one in each for score in one[0]])
    order = np.argsort(-scores, kind="mergesort")
    matched = np.concatenate([one[1] for one in each], axis=1)[:, order]
    ignored = np.concatenate([one[2] for one in each], axis=1)[:, order]
    for t in range(len(THRESHOLDS)):
        tp = np.cumsum(matched[t].astype(bool) & ~ignored[t]).astype(float)
        fp = np.cumsum(~matched[t].astype(bool) & ~ignored[t]).astype(float)
        recall = tp / positives
        precision = (tp / (fp + tp + np.spacing(1))).tolist()
        for i in range(len(precision) - 1, 0, -1):
            if precision[i] > precision[i - 1]:
                precision[i - 1] = precision[i]
        read = np.zeros(len(RECALLS))
        for r, place in enumerate(np.searchsorted(recall, RECALLS, side="left")):
            if place < len(precision):
                read[r] = precision[place]
        result[t] = read
    return result


def summarised(pictures: list[Picture], names: list[str], area: str = "all") -> tuple[Any, ...]:
    """AP, AP50, AP75 over all classes: means of all values above -1."""
    every = np.stack([precisions(pictures, name, area) for name in names])
    wanted = (every, every[:, 0], every[:, 5])
    return tuple(one[one > -1].mean() if (one > -1).any() else np.nan for one in wanted)
