"""Which models there are: those of the package, and the user's own."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from cellwright.core.errors import UsageError

__all__ = [
    "ENVIRONMENT", "Entry", "as_recorded", "catalogue", "find_model", "is_bundled", "user_folder",
]  # fmt: skip

ENVIRONMENT = "CELLWRIGHT_MODELS"
"""The variable that names another folder for the user's models."""
_BUNDLED = Path(__file__).parent / "bundled"
_RECORD = "SHA256SUMS"
"""Beside the bundled models: their hashes, as ``sha256sum`` writes them."""
SUFFIX = ".zip"


@dataclass(frozen=True)
class Entry:
    """A model that can be called by its name."""

    name: str
    path: Path
    origin: Literal["bundled", "user"]


def user_folder(environment: Mapping[str, str] | None = None, platform: str | None = None) -> Path:
    """Give the folder of the user's own models; it need not exist.

    It is what the environment variable ``CELLWRIGHT_MODELS`` says, else the place that the system
    keeps for data of programs.

    Parameters
    ----------
    environment, platform
        Instead of those of this process.

    Examples
    --------
    >>> user_folder({"CELLWRIGHT_MODELS": "/data/models"}).as_posix()
    '/data/models'
    >>> user_folder({"XDG_DATA_HOME": "/home/ada/data"}, "linux").as_posix()
    '/home/ada/data/cellwright/models'
    """
    environment = os.environ if environment is None else environment
    platform = sys.platform if platform is None else platform
    if chosen := environment.get(ENVIRONMENT):
        return Path(chosen).expanduser()
    if platform == "win32":
        local = environment.get("LOCALAPPDATA")
        base = Path(local) if local else Path.home() / "AppData" / "Local"
    elif platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:  # XDG Base Directory Specification: a relative path is to be ignored
        data = Path(environment.get("XDG_DATA_HOME", ""))
        base = data if data.is_absolute() else Path.home() / ".local" / "share"
    return base / "cellwright" / "models"


def catalogue() -> tuple[Entry, ...]:
    """List the models that can be called by name: bundled ones first, each group by name.

    A bundled model's name belongs to it: a file of this name in the user's folder is left out.
    """
    bundled = [Entry(path.stem, path, "bundled") for path in _zips(_BUNDLED)]
    taken = {entry.name for entry in bundled}
    own = (Entry(path.stem, path, "user") for path in _zips(user_folder()))
    return (*bundled, *(entry for entry in own if entry.name not in taken))


def _zips(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    except OSError:  # there is none, or it may not be looked into
        return []


def find_model(name_or_path: str | Path) -> Path:
    """Find the file of a model.

    Parameters
    ----------
    name_or_path
        A path if it ends in ``.zip`` or has a separator, else a name of the `catalogue`.

    Raises
    ------
    UsageError
        If there is no such file or name.

    Examples
    --------
    >>> find_model("no-such-model")
    Traceback (most recent call last):
    cellwright.core.errors.UsageError: there is no model 'no-such-model'; ...
    """
    text = str(name_or_path)
    path = Path(text).expanduser()
    if path.suffix == SUFFIX or path.name != text:
        if not path.is_file():
            raise UsageError(
                "there is no such model file",
                where=text,
                remedy="give the name of a model (`cellwright models list`) or the path of a .zip",
            )
        return path
    entries = catalogue()
    for entry in entries:
        if entry.name == text:
            return entry.path
    names = ", ".join(entry.name for entry in entries)
    raise UsageError(
        f"there is no model {text!r}",
        remedy=(f"choose {names}, or" if names else "none is installed yet:")
        + " give the path of a .zip",
    )


@cache
def _record() -> Mapping[str, str]:
    """Hash of each bundled file by its name."""
    try:
        lines = (_BUNDLED / _RECORD).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.lstrip("*"): digest for digest, name in pairs}


def is_bundled(digest: str) -> bool:
    """Tell whether a model with this hash comes with this version of the package.

    Examples
    --------
    >>> is_bundled("0" * 64)
    False
    """
    return digest in _record().values()


def as_recorded(entry: Entry) -> bool | None:
    """Tell whether a bundled model is the one that the package was made with; None for others."""
    if entry.origin != "bundled":
        return None
    digest = hashlib.sha256(entry.path.read_bytes()).hexdigest()
    return _record().get(entry.path.name) == digest
