"""The public functions: each verb of the command line is a thin face over one of them."""

from cellwright.api.analysis import analyze, measure, samples, segment, segment_image
from cellwright.api.learning import join_models, train, tune
from cellwright.api.statistics import audit, compare, export, outliers, read_audit, report
from cellwright.core.image import Image
from cellwright.core.labels import Labels, Objects
from cellwright.datasets.check import check
from cellwright.datasets.convert import convert
from cellwright.evaluation.evaluate import Evaluation
from cellwright.io.ome_zarr_write import write_image_zarr
from cellwright.io.open import open_images, read
from cellwright.pipeline.run import Run
from cellwright.pipeline.scoring import evaluate

__all__ = [
    "Evaluation",
    "Image",
    "Labels",
    "Objects",
    "Run",
    "analyze",
    "audit",
    "check",
    "compare",
    "convert",
    "evaluate",
    "export",
    "join_models",
    "measure",
    "open_images",
    "outliers",
    "read",
    "read_audit",
    "report",
    "samples",
    "segment",
    "segment_image",
    "train",
    "tune",
    "write_image_zarr",
]
