"""The method ``network``: a trained network says what is object, a decoder which is which."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Image
from cellwright.core.labels import Labels, Objects
from cellwright.core.method import LabelSink, Options, PlaneSource, Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["METHOD", "NetworkMethod", "NetworkOptions"]


class NetworkOptions(Options):
    """Options of the method ``network``."""

    model: str = Field("nuclei", description="Name of a model, or path of a model file.")
    diameter: float | None = Field(
        None, gt=0, description="Of a typical object in pixels; without, found by the network."
    )
    foreground: float | None = Field(
        None,
        ge=0.001,
        le=0.999,
        description="Least probability of an object; without, the model's own.",
    )
    min_area: float | None = Field(
        None, ge=0, description="Smallest object in pixels; without, the model's own."
    )
    confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Leave out objects that are right with less probability than this; without, "
        "the model's own.",
    )
    borders: Literal["ignored", "bright", "dark"] = Field(
        "ignored",
        description="Borders to which outlines are moved where they lie near; else outlines are "
        "where the network's maps have them.",
    )
    flips: bool = Field(
        False, description="Ask the network four times, of mirrored pictures too: takes longer."
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="Where the network runs; set by --device."
    )


class NetworkMethod:
    """A network and its decoder; see `NetworkOptions`."""

    name = "network"
    version = 1
    options: type[Options] = NetworkOptions
    memory = 550
    """Bytes a pixel, where objects are so small that the network sees them enlarged threefold:
    799 MB were measured for 1.4 megapixels."""

    kind = "nucleus"
    scratch = 100
    """Bytes of disk for each pixel of a large plane, likewise."""

    overhead = 800_000_000
    """Bytes for one tile in the network and one window of objects; measured likewise, on 4."""

    def kind_of(self, options: NetworkOptions) -> str:
        """Name of the objects that the model finds."""
        from cellwright.segment.network_model import usable_model

        return usable_model(options.model).description.object

    def model_digest(self, options: NetworkOptions) -> str:
        """Hash of the model file; see `cellwright.core.method.ModelMethod`."""
        from cellwright.segment.network_model import usable_model

        return usable_model(options.model).digest

    def model_card(self, options: NetworkOptions) -> Mapping[str, Any]:
        """Name, origin and citations; see `cellwright.core.method.ModelMethod`."""
        from cellwright.models.model import model_named

        model = model_named(options.model)
        what = model.description
        return {
            "name": what.name,
            "version": what.version,
            "sha256": model.digest,
            "licence": what.licence,
            "sources": [
                source.model_dump(mode="json", include={"name", "licence", "pictures", "objects"})
                for source in what.sources
            ],
            "cite": [
                {"text": work.text, "link": f"https://doi.org/{work.doi}" if work.doi else work.url}
                for work in what.cite
            ],
            "scores": what.scores,
        }

    def segment(
        self, image: Image, options: NetworkOptions, scratch: Path | None = None
    ) -> Objects:
        """Find the objects of one plane; see `cellwright.core.method.ModelMethod`."""
        from cellwright.segment.network_mapping import InMemory
        from cellwright.segment.network_plane import segment_plane

        pixels = image.pixels()
        if image.axes not in {"YX", "YXS"}:
            raise UsageError(
                f"this method works on one plane, not on axes {image.axes}",
                where=image.source.image,
                remedy="make one plane of it, as with --project max",
            )
        labels = np.zeros(pixels.shape[:2], np.uint32)
        sink = _Whole(labels)
        decisions = segment_plane(InMemory(pixels), options, sink, scratch, None)
        kinds = {self.kind_of(options): Labels(labels, "YX", image.spacing, sink.table)}
        return Objects(kinds, decisions=decisions)

    def segment_large(
        self,
        plane: PlaneSource,
        options: NetworkOptions,
        labels: LabelSink,
        scratch: Path,
        progress: Progress | None = None,
    ) -> Mapping[str, float | str]:
        """Find the objects of a large plane; see `cellwright.core.method.LargeMethod`."""
        from cellwright.segment.network_plane import segment_plane

        return segment_plane(plane, options, labels, scratch, progress)


class _Whole:
    """Takes labels block by block into one array."""

    def __init__(self, labels: Array) -> None:
        self._labels = labels
        self.table: pd.DataFrame | None = None

    def write(self, top: int, left: int, labels: Array) -> None:
        rows, columns = labels.shape
        self._labels[top : top + rows, left : left + columns] = labels

    def describe(self, table: pd.DataFrame) -> None:
        self.table = table


METHOD = NetworkMethod()
