"""The door for segmentation: anything that makes Objects of an Image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:  # options are needed where the command line starts, arrays are not
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from cellwright.core.image import Array, Image
    from cellwright.core.labels import Objects

__all__ = [
    "LabelSink", "LargeMethod", "Method", "ModelMethod", "Options", "PlaneSource", "Progress",
]  # fmt: skip

Progress = Callable[[str, int, int], None]
"""Called after each block with the stage in words, the blocks of it that are done, and how many
there are. It may raise `cellwright.core.errors.CancelledError`, which ends the work."""


class Options(BaseModel):
    """Base of every set of options: frozen, and a name that is not known is refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", validate_default=True
    )


@runtime_checkable
class Method(Protocol):
    """Makes labels of a picture.

    A method is found by the entry point group ``cellwright.methods``; the entry point's
    name is the method's. See the how-to "Add a segmentation method".

    Attributes
    ----------
    name
        As in ``--method``.
    version
        Raised whenever the same picture and options would give other labels: finished
        steps of an older version are computed again.
    options
        The type of its options, each with a default and a description.
    memory
        Bytes that it needs for one pixel of the plane, at the most; with ``--memory`` this
        decides how many pictures are worked on at once.
    """

    name: str
    version: int
    options: type[Options]
    memory: int

    def segment(self, image: Image, options: Any) -> Objects:
        """Find the objects of one plane set.

        Parameters
        ----------
        image
            One frame of the chosen channel: axes YX, YXS (colour) or ZYX, in memory. All
            pixels are finite.
        options
            An instance of `options`.

        Returns
        -------
        Objects
            With labels of the picture's own size, numbered from 1 without gaps.
        """
        ...


@runtime_checkable
class PlaneSource(Protocol):
    """One plane that is too large for memory, read piece by piece."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X), or (Y, X, S) of a colour picture."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        ...

    def read(self, top: int, left: int, bottom: int, right: int) -> Array:
        """Rows `top` to `bottom`, columns `left` to `right`, ends excluded; all finite.

        It is called several times for each part of the plane.
        """
        ...


class LabelSink(Protocol):
    """Takes the labels of a plane block by block."""

    def write(self, top: int, left: int, labels: Array) -> None:
        """Take the (Y, X) uint32 labels of the block whose first pixel is named.

        The blocks cover the plane, each pixel once, by rows of blocks.
        """
        ...

    def describe(self, table: pd.DataFrame) -> None:
        """Take the table of `Labels`: one row an object, where the method knows more of it."""
        ...


@runtime_checkable
class LargeMethod(Method, Protocol):
    """A method that can also work on a plane that does not fit into memory.

    It goes over the plane in blocks, three times in essence. The *survey* finds every number
    that is taken from the plane as a whole (normalisation, thresholds, sizes). The *maps* of a
    block say what is object: a mask and a landscape, a network's output. *Decoding* makes
    objects of them, each of which is decided where it can be seen whole, and joins blocks.
    `cellwright.segment.blocks` lays the blocks, and `cellwright.segment.large` decodes and joins
    for every method whose maps it is given.

    Attributes
    ----------
    kind
        The name of the objects.
    scratch
        Bytes of disk that it needs for one pixel of the plane, at the most.
    """

    kind: str
    scratch: int

    def segment_large(
        self,
        plane: PlaneSource,
        options: Any,
        labels: LabelSink,
        scratch: Path,
        progress: Progress | None = None,
    ) -> Mapping[str, float | str]:
        """Find the objects of one plane.

        Parameters
        ----------
        plane
            The picture.
        options
            An instance of `options`.
        labels
            Takes the labels: the same as of `segment`, numbered from 1 without gaps.
        scratch
            An empty folder for intermediate results, which the caller takes away.
        progress
            Hears of every block.

        Returns
        -------
        Mapping
            What `Objects.decisions` holds. Where an object was too large to be seen whole, so
            that its parts may differ from those of `segment`, ``warning`` says so.

        Raises
        ------
        UsageError
            If an option cannot be had block by block.
        RunError
            If there is no room for the intermediate results.
        """
        ...


@runtime_checkable
class ModelMethod(Method, Protocol):
    """A method whose labels also depend on a model: a file that an option names.

    Attributes
    ----------
    overhead
        Bytes that its own maps take at the most, however large the plane, where `segment` has
        a folder for them; `memory` is what they take for each pixel until then.
    """

    overhead: int

    def segment(self, image: Image, options: Any, scratch: Path | None = None) -> Objects:
        """Find the objects of one plane set, as any method.

        Parameters
        ----------
        image, options
            As of `Method.segment`.
        scratch
            An empty folder for what lies between, which the caller takes away; without, all of
            it is in memory. Labels are the same.
        """
        ...

    def model_digest(self, options: Any) -> str:
        """Hash of the model file: of another one, finished steps are computed again.

        Raises
        ------
        UsageError
            If there is no such model, or its file cannot be used.
        """
        ...

    def kind_of(self, options: Any) -> str:
        """Name of the objects that the model finds."""
        ...

    def model_card(self, options: Any) -> Mapping[str, Any]:
        """What the record of a run says of the model, as JSON can hold it.

        ``name``, ``version``, ``sha256``, ``licence``; ``sources``, each with ``name``,
        ``licence``, ``pictures`` and ``objects``; ``cite``, each with ``text`` and ``link``;
        ``scores``, by the pictures that they are of (``validation``: held out of the
        training), each a mapping from a measure to its ``value``, ``low``, ``high`` and ``n``, the
        number of pictures.
        """
        ...
