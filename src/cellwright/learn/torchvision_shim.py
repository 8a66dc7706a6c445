"""Importing torchvision, beside builds of torch too for which its compiled part was not made."""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from importlib.util import find_spec

import torch

from cellwright.core.errors import UsageError

__all__ = ["has_operators", "load_torchvision"]

_OPERATORS = "torchvision"
"""Name under which torch keeps torchvision's compiled operators."""

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""Operators that torchvision names while it is imported, compiled or not."""

_declared: list[torch.library.Library] = []
"""Keeps what was declared: torch forgets an operator with the library that declared it."""


def load_torchvision() -> None:
    """Import torchvision.

    The compiled part of torchvision's published builds wants torch's CUDA libraries. Beside a build
    of torch without them it is left out, and the import then stumbles over an operator that nobody
    has declared. Here it is declared before, without anything that could compute it: the networks
    of this program use none of torchvision's operators, only its layers and losses. Where the
    compiled part is in order, nothing is declared.

    Raises
    ------
    UsageError
        If the extra ``[detection]`` is not installed, or its torchvision does not fit this torch.
    """
    if "torchvision" not in sys.modules:
        if find_spec("torchvision") is None:
            raise UsageError(
                "maskrcnn needs torchvision, which cellwright alone does not bring",
                remedy='install the extra: pip install "cellwright[train,detection]"',
            )
        if not has_operators() and not _declared:
            library = torch.library.Library(_OPERATORS, "DEF")  # type: ignore[no-untyped-call]
            for schema in _SCHEMAS:
                library.define(schema)  # type: ignore[no-untyped-call]
            _declared.append(library)
    try:
        import torchvision.models.detection
        import torchvision.ops  # noqa: F401
    except (ImportError, RuntimeError) as error:
        raise UsageError(
            f"torchvision cannot be imported ({str(error).splitlines()[0]})",
            remedy=f"install the torchvision that was made for torch {torch.__version__}",
        ) from error


def has_operators() -> bool:
    """Whether torchvision's compiled operators are there; they are loaded if they can be."""
    spec = find_spec("torchvision")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        part = FileFinder(folder, (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec("_C")
        if part is not None and part.origin is not None:
            try:
                torch.ops.load_library(part.origin)  # type: ignore[no-untyped-call]
            except OSError:
                continue
            return True
    return False
