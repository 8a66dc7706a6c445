"""What the checks of whole batches say of published pictures: duplicates, overlays, channel order.

Usage: python benchmarks/quality_batch.py FOLDER [--every N]

FOLDER holds sets of pictures as SET/images/*. Three tables are printed:

duplicates  every pair of pictures that is called a copy (look at them), and how many copies,
            made of every Nth picture, are found again among the originals
overlays    pictures in which text or a scale bar is found, and the time it takes
scale bars  bars with labels drawn on the pictures in the fonts that matplotlib brings: read
            right, not read, read wrong, not found

The benchmark of single pictures is quality.py.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from cellwright.quality.duplicates import Entry, find_duplicates, signature
from cellwright.quality.overlay import find_overlays
from cellwright.quality.scale_bar import proposal

Plane = npt.NDArray[Any]
SUFFIXES = {".png", ".jpg", ".tif", ".bmp"}
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "cmss10.ttf")
LABELS = {f"{number} um": float(number) for number in ("100", "50", "20", "25", "2.5", "45")}


def pixels_of(path: Path) -> Plane:
    with Pillow.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB") if picture.mode == "P" else picture)
    return np.asarray(pixels[..., :3] if pixels.ndim == 3 else pixels)


def grey(pixels: Plane) -> Plane:
    return np.asarray(pixels.mean(axis=-1), np.float32) if pixels.ndim == 3 else pixels


def bytes_of(plane: Plane) -> Plane:
    """As 8 bits, with the contrast that a program would choose."""
    low, high = np.quantile(plane, (0.001, 0.999))
    scaled = (plane.astype(np.float64) - low) / max(float(high - low), 1e-9)
    return np.asarray(np.clip(255 * scaled, 0, 255), np.uint8)


def jpeg(plane: Plane, quality: int = 75) -> Plane:
    stream = io.BytesIO()
    Pillow.fromarray(bytes_of(plane)).save(stream, "jpeg", quality=quality)
    return np.asarray(Pillow.open(stream))


def half(plane: Plane) -> Plane:
    picture = Pillow.fromarray(bytes_of(plane))
    size = (picture.width // 2, picture.height // 2)
    return np.asarray(picture.resize(size, Pillow.Resampling.BILINEAR))


def cut(plane: Plane) -> Plane:
    rows, columns = (round(0.025 * length) for length in plane.shape)
    return plane[rows:-rows, columns:-columns]


def shifted(plane: Plane) -> Plane:
    padded = np.pad(plane, ((10, 0), (10, 0)), mode="reflect")
    return padded[: plane.shape[0], : plane.shape[1]]


def noisy(plane: Plane) -> Plane:
    random = np.random.default_rng(0)
    return np.clip(bytes_of(plane) + random.normal(0, 10, plane.shape), 0, 255).astype(np.uint8)


def clipped(plane: Plane) -> Plane:
    return np.clip(bytes_of(plane) * 1.8 - 30, 0, 255).astype(np.uint8)


COPIES: dict[str, Callable[[Plane], Plane]] = {
    "contrast halved": lambda plane: (bytes_of(plane) * 0.5 + 40).astype(np.uint8),
    "gamma 0.6": lambda plane: (255 * (bytes_of(plane) / 255.0) ** 0.6).astype(np.uint8),
    "contrast 1.8, cut off": clipped,
    "JPEG 75": jpeg,
    "half the size": half,
    "cut by 5 %": cut,
    "shifted by 10 px": shifted,
    "mirrored": lambda plane: plane[:, ::-1],
    "turned by 90°": np.rot90,
    "noise of 4 %": noisy,
    "mirrored, turned, cut, JPEG, noise": lambda plane: noisy(jpeg(cut(np.rot90(plane)[:, ::-1]))),
}


def entry(name: str, plane: Plane) -> Entry:
    plane = np.ascontiguousarray(plane)
    return Entry(name, 0, "0", hashlib.sha256(plane.tobytes()).hexdigest(), signature(plane))


def duplicates(files: dict[str, Path], every: int) -> None:
    entries = [entry(name, grey(pixels_of(path))) for name, path in files.items()]
    start = time.perf_counter()
    known = find_duplicates(entries)
    print(f"Copies among {len(entries)} pictures ({time.perf_counter() - start:.1f} s):")
    for found in known:
        print(f"  {found.kind} {found.similarity:.4f} " + ", ".join(found.images))
    doubled = {image for found in known for image in found.images}
    chosen = [name for name in list(files)[::every] if name not in doubled]
    print(f"\nCopies made of {len(chosen)} of them that are found, and false pairs:")
    originals = [one for one in entries if one.image in set(chosen)]
    for how, spoil in COPIES.items():
        made = [entry(f"copy-of:{name}", spoil(grey(pixels_of(files[name])))) for name in chosen]
        hits = false = 0
        for found in find_duplicates([*originals, *made]):
            right = {name for name in found.images if f"copy-of:{name}" in found.images}
            hits += len(right)
            false += len(found.images) - 2 * len(right)
        print(f"  {how:36s}{100 * hits / len(chosen):6.1f} % found, {false} false")


def overlays(files: dict[str, Path]) -> None:
    alarms, spent, size = [], 0.0, 0
    for name, path in files.items():
        pixels = pixels_of(path)
        start = time.perf_counter()
        found = find_overlays(pixels)
        spent, size = spent + time.perf_counter() - start, size + pixels.shape[0] * pixels.shape[1]
        if found.parts:
            said = proposal(found)
            alarms.append(f"  {name}: {found.words}" + (f"; {said.text}" if said else ""))
    print(f"\nOverlays in {len(alarms)} of {len(files)} pictures, {spent / size * 1e6:.3f} s a")
    print("megapixel:\n" + "\n".join(alarms))


def scale_bars(files: dict[str, Path], count: int) -> None:
    random = np.random.default_rng(1)
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paths = list(files.values())
    told: dict[str, Counter[str]] = {font: Counter() for font in FONTS}
    for number in range(count):
        plane = bytes_of(grey(pixels_of(paths[int(random.integers(len(paths)))])))
        plane = (plane * 0.8).astype(np.uint8)
        height, width = plane.shape
        if min(height, width) < 250:
            continue
        font, size = FONTS[number % len(FONTS)], int(random.integers(12, 36))
        text = list(LABELS)[int(random.integers(len(LABELS)))]
        length, thick = int(random.integers(40, 200)), int(random.integers(2, 9))
        picture = Pillow.fromarray(plane)
        draw = ImageDraw.Draw(picture)
        left, top = width - length - 12, height - size - 25
        draw.rectangle((left, top, left + length - 1, top + thick - 1), fill=255)
        letters = ImageFont.truetype(str(folder / font), size)
        place = min(left, width - draw.textlength(text, font=letters) - 4)
        draw.text((place, top + thick + 2), text, fill=255, font=letters)
        pixels = np.asarray(picture) if number % 2 else jpeg(np.asarray(picture))
        said = proposal(find_overlays(pixels))
        if said is None or abs(said.bar_px - length) > 1:
            told[font]["no bar"] += 1
        elif said.um is None:
            told[font]["not read"] += 1
        else:
            told[font]["right" if said.um == LABELS[text] else "WRONG"] += 1
    print("\nScale bars drawn in white on published pictures, half of them compressed:")
    for font, counts in told.items():
        print(f"  {font:24s}" + ", ".join(f"{kind} {counts[kind]}" for kind in sorted(counts)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=8, help="copies of every Nth picture")
    arguments = parser.parse_args()
    files = {
        f"{path.parent.parent.name}/{path.name}": path
        for path in sorted(arguments.folder.glob("*/images/*"))
        if path.suffix in SUFFIXES
    }
    duplicates(files, arguments.every)
    overlays(files)
    scale_bars(files, 200)


if __name__ == "__main__":
    main()
