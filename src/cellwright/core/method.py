"""The door for segmentation: anything that makes Objects of an Image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:  # options are needed where the command line starts, arrays are not
    from cellwright.core.image import Image
    from cellwright.core.labels import Objects

__all__ = ["Method", "Options"]


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
