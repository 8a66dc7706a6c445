"""cellwright: microscope pictures of cells in; counted and measured cells out.

The public functions are loaded when they are first used, so that importing the package
costs next to nothing.

Examples
--------
>>> import cellwright
>>> cellwright.__version__.count(".")
2
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cellwright.core.version import VERSION

if TYPE_CHECKING:
    from cellwright.api import (
        Image,
        Labels,
        Objects,
        Run,
        analyze,
        measure,
        open_images,
        read,
        report,
        segment,
        segment_image,
    )

__version__ = VERSION

__all__ = [
    "Image",
    "Labels",
    "Objects",
    "Run",
    "analyze",
    "measure",
    "open_images",
    "read",
    "report",
    "segment",
    "segment_image",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("cellwright.api"), name)
    raise AttributeError(f"module 'cellwright' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
