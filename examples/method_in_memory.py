"""Try a segmentation method of your own in memory, before it becomes a package.

A method is any object with these five members. Named by an entry point it is there for
``cellwright analyze --method above`` too: see the how-to "Add a segmentation method".
"""

from typing import Any

import numpy as np
from pydantic import Field
from scipy import ndimage

from cellwright import Image, Labels, Objects
from cellwright.core.image import Spacing
from cellwright.core.method import Options
from cellwright.measure.table import measure_plane
from cellwright.simulate.nuclei import simulate_nuclei


class AboveOptions(Options):
    """Options of the method."""

    share: float = Field(0.3, gt=0, lt=1, description="Height of the cut, from dark to bright.")


class Above:
    """Label what is brighter than a share of the range."""

    name = "above"
    version = 1
    options: type[Options] = AboveOptions
    memory = 16

    def segment(self, image: Image, options: Any) -> Objects:
        """Find the objects of one plane."""
        plane = image.pixels().astype(float)
        cut = plane.min() + options.share * (plane.max() - plane.min())
        labels, _ = ndimage.label(ndimage.median_filter(plane, size=5) > cut)
        return Objects({"nucleus": Labels(labels, "YX")}, decisions={"cut": float(cut)})


picture, truth = simulate_nuclei((256, 256), n=20, seed=1, clumping=0)
image = Image(picture, "YX", spacing=Spacing(y=0.5, x=0.5))
method = Above()

objects = method.segment(image, method.options())
cells = measure_plane(objects.main_labels.pixels(), {"DAPI": picture}, image.spacing)

print(f"{objects.main_labels.count} nuclei found, {truth.max()} are there")
print(cells[["label", "area_um2", "solidity"]].head())
assert abs(objects.main_labels.count - int(truth.max())) <= 2
assert np.all(cells["area_um2"] > 0)
