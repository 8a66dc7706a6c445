"""Counts and sizes per condition, with n as the number of replicates, not of cells.

Run it where ``analyze_folder.py`` has made ``run/``. There are no p values here on purpose:
thousands of cells of three dishes are three observations, and a mean with its spread over the
dishes says what was seen. Tests belong to a design that was chosen before.
"""

from pathlib import Path

from cellwright import Run

run = Run(Path("run"))
cells, images = run.cells, run.images

usable = images[images["status"].isin(["done", "warned"])]
per_replicate = (
    usable.groupby(["condition", "replicate"])
    .agg(pictures=("image", "size"), cells_per_picture=("n_cells", "mean"))
    # median over all cells of a dish: one number a dish
    .join(cells.groupby(["condition", "replicate"])["area_um2"].median().rename("median_area_um2"))
)
print(per_replicate, end="\n\n")

per_condition = per_replicate.groupby("condition").agg(
    n=("pictures", "size"),
    cells_per_picture=("cells_per_picture", "mean"),
    sd_cells=("cells_per_picture", "std"),
    median_area_um2=("median_area_um2", "mean"),
    sd_area=("median_area_um2", "std"),
)
print(per_condition)
