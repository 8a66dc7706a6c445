"""Draw the pictures of the documentation again: all of them from simulated cells.

    python docs/draw_pictures.py

Needs what ``pip install .`` brings; the two of the report need a Chromium browser as well.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image as Drawing

import cellwright
from cellwright.core.image import Array, Image
from cellwright.simulate.experiment import SimulateOptions, simulate_experiment
from cellwright.simulate.monolayer import simulate_monolayer
from cellwright.simulate.nuclei import simulate_nuclei

PICTURES = Path(__file__).parent / "pictures"
FOUND, TRUE = (255, 196, 60), (70, 220, 235)
"""Colours of outlines: as found, and as they are."""
CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def grey(plane: Array) -> Array:
    """Stretch a plane to (Y, X, 3) uint8, 0.35 % of the pixels black or white."""
    low, high = np.percentile(plane, (0.2, 99.85))
    scaled = np.clip((plane - low) / max(high - low, 1e-9), 0, 1)
    return np.repeat((255 * scaled).astype(np.uint8)[..., None], 3, axis=2)


def outlined(plane: Array, labels: Array, colour: tuple[int, int, int] = FOUND) -> Array:
    """Picture at twice its size, with the outlines of labels in it, (2Y, 2X, 3) uint8."""
    large = np.kron(labels, np.ones((2, 2), labels.dtype))
    edge = np.zeros(large.shape, bool)
    for axis in (0, 1):
        for step in (1, -1):
            edge |= (large != np.roll(large, step, axis)) & (large > 0)
    drawn = np.kron(grey(plane), np.ones((2, 2, 1), np.uint8))
    drawn[edge] = colour
    return drawn


def beside(*panels: Array, gap: int = 8) -> Array:
    """Panels of one height in a row, white between them."""
    space = np.full((panels[0].shape[0], gap, 3), 255, np.uint8)
    row = [part for panel in panels for part in (panel, space)][:-1]
    return np.concatenate(row, axis=1)


def save(name: str, drawn: Array, colours: int = 128) -> None:
    """Write a PNG of few colours: small, and no eye sees it."""
    picture = Drawing.fromarray(drawn).quantize(colours, dither=Drawing.Dither.NONE)
    picture.save(PICTURES / name, optimize=True)


def found(plane: Array, method: str = "network", **options: object) -> Array:
    """Labels that a method finds in a plane."""
    return cellwright.segment_image(Image(plane, "YX"), method, **options).main_labels.pixels()


def draw_segmentation() -> None:
    """Draw where the methods work, and where they fail."""
    easy, _ = simulate_nuclei((200, 260), 20, 24.0, 4)
    save(
        "outlines.png",
        beside(np.kron(grey(easy), np.ones((2, 2, 1), np.uint8)), outlined(easy, found(easy))),
    )

    clumps, truth = simulate_nuclei((200, 260), 45, 24.0, 11, clumping=0.9)
    compare("network_clumps.png", clumps, truth, "network")
    compare("threshold_clumps.png", clumps, truth, "threshold")
    blurred, truth = simulate_nuclei((200, 260), 45, 24.0, 11, clumping=0.9, blur=7.0)
    compare("threshold_blurred.png", blurred, truth, "threshold")
    sheet, truth = simulate_monolayer((200, 260), 44.0, 3)
    compare("watershed_sheet.png", sheet, truth, "watershed")
    compare("threshold_sheet.png", sheet, truth, "threshold")


def compare(name: str, plane: Array, truth: Array, method: str) -> None:
    """Draw the true outlines beside those that a method finds."""
    save(name, beside(outlined(plane, truth, TRUE), outlined(plane, found(plane, method))))


def photograph(page: Path, size: tuple[int, int]) -> Array:
    """Screenshot of a page; what comes into view with a script is waited for."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise SystemExit("there is no chromium: the pictures of the report were left as they are")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder, "shot.png")
        subprocess.run(  # noqa: S603 - a program of this machine, a page of ours
            [browser, *CHROMIUM, f"--user-data-dir={folder}/profile", f"--screenshot={shot}",
             f"--window-size={size[0]},{size[1]}", "--virtual-time-budget=9000", page.as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip
        return np.asarray(Drawing.open(BytesIO(shot.read_bytes())).convert("RGB"))


def only(page: Path, *names: str) -> Path:
    """The same page with these sections and no others."""
    section = re.compile(r'<section id="([\w-]+)".*?</section>', re.DOTALL)
    text = section.sub(lambda found: found[0] if found[1] in names else "", page.read_text("utf-8"))
    part = page.with_name("part.html")
    part.write_text(text, "utf-8")
    return part


def draw_report() -> None:
    """Photograph the report of a simulated experiment."""
    with tempfile.TemporaryDirectory() as folder:
        samples = simulate_experiment(Path(folder), SimulateOptions(seed=3, clumping=0.15))
        run = cellwright.analyze(samples, Path(folder, "run"))
        counts = only(run.report, "counts", "measurements")
        save("report_counts.png", photograph(counts, (1280, 1280)), colours=192)
        cellwright.report(run.path, reference="control", primary="area_um2")
        save("report.png", photograph(run.report, (1280, 1100)), colours=192)
        explorer = only(run.report, "explore")
        save("report_explore.png", photograph(explorer, (1280, 960)), colours=192)
        effects = only(run.report, "superplots", "effects")
        save("report_effects.png", photograph(effects, (1280, 1100)), colours=192)


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    draw_segmentation()
    draw_report()
