"""How parts are found: by entry points, ours and those of other packages alike."""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cellwright.core.errors import UsageError

__all__ = ["entries", "find", "load_all"]


@cache
def entries(group: str) -> dict[str, EntryPoint]:
    """All entry points of a group such as ``cellwright.methods``: ours first, then by name.

    Two claims to one name are an error, because which of them won would depend on the machine.

    Raises
    ------
    UsageError
        If two packages claim the same name.
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=group), key=_order):
        other = found.get(entry.name)
        if other is not None and other.value != entry.value:
            raise UsageError(
                f"both {other.value} and {entry.value} claim {entry.name!r} in {group}",
                remedy="uninstall one of the two packages",
            )
        found[entry.name] = entry
    return found


def _order(entry: EntryPoint) -> tuple[bool, str]:
    ours = entry.value.startswith("cellwright.")
    return (not ours, entry.name)


def find(group: str, name: str) -> Any:
    """Load the part `name` of a group.

    Raises
    ------
    UsageError
        If there is none of this name, listing those that there are; or if the package that
        brings it cannot be imported.
    """
    known = entries(group)
    if name not in known:
        kind = group.removeprefix("cellwright.").rstrip("s")
        raise UsageError(f"there is no {kind} {name!r}", remedy="choose " + ", ".join(known))
    return _load(known[name])


def load_all(group: str) -> dict[str, Any]:
    """Load every part of a group; a foreign one that cannot be imported is left out, loudly."""
    parts = {}
    for name, entry in entries(group).items():
        try:
            parts[name] = _load(entry)
        except UsageError as error:
            if entry.value.startswith("cellwright."):
                raise
            warnings.warn(f"left out: {error}", RuntimeWarning, stacklevel=2)
    return parts


@cache
def _load(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        cause: BaseException | None = error
        while cause is not None:  # a compiled module turns Ctrl-C into an import error
            if isinstance(cause, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            cause = cause.__cause__ or cause.__context__
        raise UsageError(
            f"{entry.group} {entry.name!r} ({entry.value}) cannot be loaded: {error}",
            remedy="reinstall the package that brings it",
        ) from error
