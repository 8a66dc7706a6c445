"""Parts of the program that an extra brings: asked for before they are imported."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from cellwright.core.errors import UsageError

__all__ = ["require_export", "require_train"]

_TRAIN = ("torch", "onnx", "onnxscript", "optuna")


def require_train(what: str = "training") -> None:
    """Say what is missing for training, if something is.

    Parameters
    ----------
    what
        Is done with it.

    Raises
    ------
    UsageError
        If a package of the extra ``[train]`` is not installed.
    """
    missing = [name for name in _TRAIN if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"{what} needs {' and '.join(missing)}, which cellwright alone does not bring",
            remedy='install the extra: pip install "cellwright[train]"',
        )


def require_export(what: str, modules: Sequence[str]) -> None:
    """Say what is missing to write a format, if something is.

    Parameters
    ----------
    what
        Such as ``an Excel workbook``.
    modules
        Of the extra ``[export]``, that it needs.

    Raises
    ------
    UsageError
        If one is not installed.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"{what} needs {' and '.join(missing)}, which cellwright alone does not bring",
            remedy='install the extra: pip install "cellwright[export]"',
        )
