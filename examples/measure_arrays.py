"""Measure labels of your own, in memory: NumPy arrays in, a pandas table out.

The labels may come from any program. Nothing is read or written.
"""

import numpy as np

from cellwright.core.image import Spacing
from cellwright.measure.table import measure_plane

rows, columns = np.mgrid[:64, :96]
labels = np.zeros((64, 96), np.uint32)
labels[(rows - 30) ** 2 + (columns - 25) ** 2 <= 12**2] = 1  # a disc of radius 12
labels[(rows - 30) ** 2 / 8**2 + (columns - 68) ** 2 / 24**2 <= 1] = 2  # an ellipse, 3 : 1

light = np.where(labels > 0, 180.0, 20.0)
cells = measure_plane(labels, {"DAPI": light}, Spacing(y=0.5, x=0.5))

print(cells[["label", "area_px", "area_um2", "aspect_ratio", "intensity_mean_corrected_DAPI"]])
assert abs(cells["aspect_ratio"][1] - 3) < 0.1  # drawn with pixels, it is not quite 3 : 1
assert (cells["intensity_mean_corrected_DAPI"] == 160).all()
