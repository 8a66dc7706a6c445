"""How long outlines take: 70,225 cells in each format, and a peer's way of tracing them.

    python benchmarks/outlines.py [--peer]

Pictures of 4096 × 4096 pixels with 70,225 discs of about 150 px, and with a closed layer of as
many squares; nothing, or all features, written for each cell. Seconds of processor time of one
thread, so that other work on the machine disturbs less. With ``--peer`` the cells are traced by
``skimage.measure.find_contours`` in the bounding box of each cell, for a hundredth of them, and
the time is scaled up; its lines run through the middles of pixels and so do not give the pixels
back. Left out there is the writing.
"""

from __future__ import annotations

import io
import sys
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import skimage.measure

from cellwright.core.image import Spacing
from cellwright.core.labels import Labels
from cellwright.io.outline import Outlined
from cellwright.io.outlines_coco import WRITER as COCO
from cellwright.io.outlines_fiji import WRITER as FIJI
from cellwright.io.outlines_geojson import WRITER as GEOJSON
from cellwright.io.tracing import trace_outlines
from cellwright.measure.table import measure_plane

SIDE = 4096
COLUMNS = 265  # 70,225 cells
RADIUS = 6.9
SHARE = 100
regions: Any = skimage.measure.regionprops
contours: Any = skimage.measure.find_contours


def layer() -> npt.NDArray[np.uint32]:
    """Fill the whole picture with squares."""
    index = np.arange(SIDE) * COLUMNS // SIDE
    return (index[:, None] * COLUMNS + index + 1).astype(np.uint32)


def discs() -> npt.NDArray[np.uint32]:
    """Lay out discs of about 150 px."""
    offset = (np.arange(SIDE) * COLUMNS / SIDE % 1.0 - 0.5) * SIDE / COLUMNS
    return np.where(offset[:, None] ** 2 + offset**2 <= RADIUS**2, layer(), 0).astype(np.uint32)


def timed(function: Any, *arguments: Any) -> tuple[float, Any]:
    begin = time.process_time()
    result = function(*arguments)
    return time.process_time() - begin, result


def _contours(masks: list[Any]) -> list[Any]:
    return [contours(mask, 0.5) for mask in masks]


def main() -> None:
    print(f"{SIDE} x {SIDE} pixels, seconds and MB")
    print(f"{'picture':<24}{'cells':>8}{'trace':>8}  formats")
    for name, labels in (("discs of 150 px", discs()), ("closed layer", layer())):
        took, outlines = timed(trace_outlines, labels)
        count = len(outlines.ring_label)
        table = measure_plane(labels, {}, Spacing(y=0.5, x=0.5))
        parts = []
        for writer, cells in ((FIJI, None), (GEOJSON, None), (GEOJSON, table), (COCO, None)):
            stream = io.BytesIO()
            seconds, _ = timed(writer.write, stream, Outlined(name, Labels(labels), cells))
            what = writer.name + ("" if cells is None else f" with {table.shape[1]} columns")
            parts.append(f"{what} {seconds:.1f} s {stream.tell() / 1e6:.0f} MB")
        print(f"{name:<24}{count:>8}{took:>8.2f}  {', '.join(parts)}", flush=True)
        if "--peer" in sys.argv:
            masks = [np.pad(cell.image_filled, 1) for cell in regions(labels)[::SHARE]]
            peer = timed(_contours, masks)[0]
            peer *= count / len(masks)
            print(f"{'  find_contours':<24}{count:>8}{peer:>8.1f}  {peer / took:.1f} x ours")


if __name__ == "__main__":
    main()
