"""What the quality checks say of published pictures, and of copies that were spoilt on purpose.

Usage: python benchmarks/quality.py FOLDER [--every N]

FOLDER holds sets of pictures as SET/images/*. Every picture is judged as it is; a published
picture should pass, or at most be warned of. Then it is spoilt in one way at a time, and the
table says how many of the copies were caught (warn or fail) by the check that is meant for it; a
noisy picture may be taken for an empty one. A copy counts only where these had passed the
original, so that a hit is due to the damage.

The damage, all by rule and with fixed seeds:
  blurred N   Gaussian of N px, the noise of the original put back
  cut off     gain so that the brighter half of the structures is at full scale
  vignetted   60 % less light in the corners (bright field: the same)
  noisy       noise of one third of the contrast added
  blank       the noise of the original alone
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from scipy import ndimage

from cellwright.quality.judge import judge_plane
from cellwright.quality.plane import sight
from cellwright.simulate.camera import uneven

Plane = npt.NDArray[Any]
Damage = Callable[[Plane, np.random.Generator], Plane]
LARGE = 500_000
"""Pixels of a plane whose time counts: on small ones the time is that of the calls."""
SUFFIXES = {".png", ".jpg", ".tif", ".bmp"}


def like(values: Plane, plane: Plane) -> Plane:
    limits = np.iinfo(plane.dtype)
    return np.asarray(np.clip(np.rint(values), limits.min, limits.max), plane.dtype)


def noise(plane: Plane, random: np.random.Generator) -> Plane:
    return random.normal(0, max(sight(plane).noise, 0.3), plane.shape)


def blurred(width: float) -> Damage:
    def damage(plane: Plane, random: np.random.Generator) -> Plane:
        smooth = ndimage.gaussian_filter(plane.astype(np.float64), width)
        return like(smooth + noise(plane, random), plane)

    return damage


def cut_off(plane: Plane, _: np.random.Generator) -> Plane:
    values = plane.astype(np.float64)
    dark, top = np.quantile(values, 0.05), values.max()
    middle = np.median(values[values > dark + 0.1 * (top - dark)])
    full = float(np.iinfo(plane.dtype).max)
    return like((values - dark) * full / max(middle - dark, 1.0), plane)


def vignetted(plane: Plane, _: np.random.Generator) -> Plane:
    return like(plane * uneven(plane.shape, 0.6).astype(np.float64), plane)


def noisy(plane: Plane, random: np.random.Generator) -> Plane:
    lift = plane.astype(np.float64) * 0.5 + np.iinfo(plane.dtype).max / 4
    return like(lift + random.normal(0, sight(plane).contrast * 0.5 / 3, plane.shape), plane)


def blank(plane: Plane, random: np.random.Generator) -> Plane:
    return like(np.quantile(plane.astype(np.float64), 0.1) + noise(plane, random), plane)


DAMAGES: dict[str, tuple[tuple[str, ...], Damage]] = {
    "blurred 4": (("focus",), blurred(4)),
    "blurred 8": (("focus",), blurred(8)),
    "cut off": (("saturation",), cut_off),
    "vignetted": (("illumination",), vignetted),
    "noisy": (("noise", "emptiness"), noisy),
    "blank": (("emptiness",), blank),
}


def planes(path: Path) -> Iterator[tuple[str, Plane]]:
    with Pillow.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB") if picture.mode == "P" else picture)
    if pixels.ndim == 2:
        yield "0", pixels
    elif (pixels[..., :1] == pixels[..., :3]).all():
        yield "0", pixels[..., 0]
    else:
        yield from zip(("red", "green", "blue"), np.moveaxis(pixels[..., :3], -1, 0), strict=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only every Nth picture of a set")
    arguments = parser.parse_args()
    verdicts: dict[str, list[tuple[str, str]]] = defaultdict(list)
    flagged: dict[str, list[str]] = defaultdict(list)
    caught: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    spent, pixels = 0.0, 0
    for folder in sorted(arguments.folder.glob("*/images")):
        name = folder.parent.name
        files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
        for number, path in enumerate(files[:: arguments.every]):
            for channel, plane in planes(path):
                start = time.perf_counter()
                found = {f.check: f for f in judge_plane(plane, channel, None)}
                if plane.size >= LARGE:
                    spent, pixels = spent + time.perf_counter() - start, pixels + plane.size
                for check, finding in found.items():
                    verdicts[name].append((check, finding.verdict))
                    if finding.verdict != "pass":
                        flagged[check].append(
                            f"{finding.verdict} {name}/{path.name} {channel}: {finding.reason}"
                        )
                for damage, (meant, spoil) in DAMAGES.items():
                    if any(found[check].verdict != "pass" for check in meant):
                        continue
                    copy = spoil(plane, np.random.default_rng(number))
                    again = {f.check: f for f in judge_plane(copy, channel, None)}
                    caught[name][damage].append(
                        any(again[check].verdict != "pass" for check in meant)
                    )
    report(verdicts, flagged, caught, spent / max(pixels, 1) * 1e6)


def report(
    verdicts: dict[str, list[tuple[str, str]]],
    flagged: dict[str, list[str]],
    caught: dict[str, dict[str, list[bool]]],
    seconds: float,
) -> None:
    checks = ("focus", "saturation", "emptiness", "illumination", "noise")
    print("Published planes: share that is warned of / fails, in %")
    print(f"{'set':16s}{'planes':>7s}" + "".join(f"{check:>15s}" for check in checks))
    everything = [pair for pairs in verdicts.values() for pair in pairs]
    for name, pairs in [*verdicts.items(), ("all", everything)]:
        cells = ""
        for check in checks:
            given = [verdict for which, verdict in pairs if which == check]
            shares = [100 * given.count(kind) / len(given) for kind in ("warn", "fail")]
            cells += f"{shares[0]:8.1f} /{shares[1]:5.1f}"
        print(f"{name:16s}{len(pairs) // len(checks):7d}{cells}")
    print("\nSpoilt copies that are caught, in %")
    print(f"{'set':16s}" + "".join(f"{damage:>12s}" for damage in DAMAGES))
    for name in [*caught, "all"]:
        cells = ""
        for damage in DAMAGES:
            sets = caught.values() if name == "all" else [caught[name]]
            hits = [hit for each in sets for hit in each[damage]]
            cells += f"{100 * np.mean(hits):12.1f}" if hits else f"{'-':>12s}"
        print(f"{name:16s}{cells}")
    print(
        f"\nAll checks together: {1000 * seconds:.0f} ms per megapixel, "
        f"in planes of {LARGE:,} pixels and more"
    )
    for check, lines in flagged.items():
        print(f"\n{check}: {len(lines)} flagged; the first 25:")
        print("\n".join("  " + line for line in lines[:25]))


if __name__ == "__main__":
    main()
