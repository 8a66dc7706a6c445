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

import sys
from importlib import import_module
from types import ModuleType
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


class _Package(ModuleType):
    """Keeps the folders of the house from hiding the functions of the same name.

    Python would set ``cellwright.measure`` to the folder as soon as anything imports from
    it; a user means the function. ``from cellwright.measure.table import …`` goes on to work.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
