"""Read what a run left behind: tables, label images, and what was decided on the way.

Run it where ``analyze_folder.py`` has made ``run/``. Nothing is computed again.
"""

from pathlib import Path

import numpy as np

from cellwright import Run

run = Run(Path("run"))

done = run.images[run.images["status"].isin(["done", "warned"])]
first = done.iloc[0]["image"]
labels = run.labels(first).pixels()
print(f"{first}: {labels.shape[1]} x {labels.shape[0]} pixels, {labels.max()} labels")

# A row of the table and its pixels are the same cell: image, frame, object and label name it.
cells = run.cells.set_index(["image", "label"])
label = int(labels[labels > 0].min())
assert cells.loc[(first, label), "area_px"] == np.count_nonzero(labels == label)

record = run.record
print("method:", record["method"]["name"], record["method"]["options"])
print("what it found out:", record["inputs"][0]["decisions"])
