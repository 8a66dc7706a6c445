"""Five lines: a folder of pictures becomes cells, tables and a report.

Run it beside a folder ``my_images/``; the results go to ``run/``.
"""

import cellwright

run = cellwright.analyze("my_images", "run", samples="samples.csv")
print(run.images[["image", "status", "n_cells"]])
print(run.cells.groupby("condition")["area_px"].median())
print("report:", run.report)
