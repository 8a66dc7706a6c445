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
        Evaluation,
        Image,
        Labels,
        Objects,
        Run,
        analyze,
        audit,
        check,
        compare,
        convert,
        evaluate,
        export,
        measure,
        open_images,
        outliers,
        read,
        read_audit,
        report,
        samples,
        segment,
        segment_image,
        write_image_zarr,
    )

__version__ = VERSION

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
    "measure",
    "open_images",
    "outliers",
    "read",
    "read_audit",
    "report",
    "samples",
    "segment",
    "segment_image",
    "write_image_zarr",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("cellwright.api"), name)
    raise AttributeError(f"module 'cellwright' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _Room(ModuleType):
    """A folder of the house that is called like a function: `measure`, `report`, `segment`."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(import_module("cellwright.api"), name)(*arguments, **options)


class _Package(ModuleType):
    """Makes ``cellwright.measure(…)`` work, whether the folder ``measure`` was imported or not.

    As soon as anything imports from the folder, Python makes it an attribute of the package,
    in the place of the function of the same name.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name in __all__ and isinstance(value, ModuleType):
            value.__class__ = _Room
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
