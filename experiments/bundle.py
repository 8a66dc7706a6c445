"""Give a trained model the card of one of the package: ``bundle.py MODEL.zip CARD.toml OUT.zip``.

Plan, calibration, scores and fingerprint stay as ``cellwright train`` wrote them, and the weights
are stored in half the bytes; from the card come the words, the authors, and the sources of the
pictures with their licences.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from cellwright.learn.export import in_half
from cellwright.learn.packaging import NORMS, package
from cellwright.models.description import Citation, Description, Origin
from cellwright.models.learnt import LEARNT
from cellwright.models.model import read_model


def main(model: str, card: str, out: str) -> None:
    """Write the file, with its own test made anew."""
    told = tomllib.loads(Path(card).read_text("utf-8"))
    made = read_model(model)
    text = told.pop("documentation")
    described = made.description.model_dump() | told
    described["cite"] = [Citation(**one) for one in told.get("cite", ())]
    described["sources"] = [Origin(**one) for one in told["sources"]]
    description = Description.model_validate(described)
    package(
        Path(out), description, in_half(made.weights), made.attachments[NORMS], text,
        learnt=made.attachments.get(LEARNT),
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
