"""Files beside a picture that its numbers depend on: corrected labels, regions, fields of light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cellwright.engine.keys import file_digest
from cellwright.io.region_file import find_region
from cellwright.pipeline.corrections import Correction, find_correction
from cellwright.pipeline.failure import Failure
from cellwright.pipeline.given import find_label_file
from cellwright.pipeline.plan import Picture
from cellwright.pipeline.start import Start
from cellwright.pipeline.unit import Given

__all__ = ["Beside", "beside_of"]


@dataclass(frozen=True)
class Beside:
    """Files beside a picture, each with its hash.

    Attributes
    ----------
    given
        Label files that stand in for the method's.
    region
        Where cells are counted; empty for everywhere.
    flat
        Fields of light that are divided out; empty for none.
    """

    given: tuple[Given, ...] = ()
    region: tuple[str, str] = ("", "")
    flat: tuple[str, str] = ("", "")


def beside_of(
    picture: Picture,
    start: Start,
    corrections: Mapping[str, Correction],
    light: Mapping[str, tuple[str, str]],
) -> Beside | Failure:
    """Find the files beside a picture.

    Parameters
    ----------
    picture, start
        The picture, and what is asked for.
    corrections
        Of `take_corrections`.
    light
        From a picture to the file with its fields of light, and the hash.
    """
    given = []
    kinds = ("", "nucleus") if picture.nuclei is not None else ("",)
    for kind in kinds:
        path = picture.label_path_of(kind)
        correction = find_correction(corrections, path, picture.image)
        if correction is not None:
            given.append(Given(kind, str(correction.path), correction.sha256, True))
        elif start.stages.labels is not None:
            found = _labels_of(picture, start.stages.labels, path, kind)
            if isinstance(found, Failure):
                return found
            given.append(Given(kind, str(found), file_digest(found), False))
    region = ("", "")
    if start.regions is not None:
        file = find_region(start.regions, picture.image)
        if file is None:
            return Failure(f"there is no region for it in {start.regions.name}")
        region = (str(file), file_digest(file))
    return Beside(tuple(given), region, light.get(picture.image, ("", "")))


def _labels_of(picture: Picture, labels: Path, path: str, kind: str) -> Path | Failure:
    """The label image that ``measure`` was given for a picture."""
    name = path.removeprefix("labels/")
    image = f"{kind}/{picture.image}" if kind else picture.image
    try:
        file = find_label_file(labels, name, image)
    except OSError as error:
        return Failure(f"its label image cannot be read: {error.strerror}")
    return file or Failure(
        f"there is no label image for it; it was looked for as {name} and {image}"
    )
