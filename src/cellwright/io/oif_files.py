"""The files that are an Olympus picture: beside each other (OIF), or inside one file (OIB)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellwright.core.errors import UnreadableError
from cellwright.io.libraries import library

__all__ = ["COMPOUND", "OlympusFiles", "opened"]

COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # [MS-CFB] 2.2: a file with files in it
_LARGEST = 2**31  # bytes of one file that is read whole: one plane, or settings


@dataclass(frozen=True)
class OlympusFiles:
    """The settings of a picture, and its further files.

    Attributes
    ----------
    settings
        Sections of the main file, each from key to value.
    names
        From the name of each file, without its folder, to where it is.
    container
        The open compound file, or None where the files lie in a folder.
    """

    settings: dict[str, dict[str, Any]]
    names: dict[str, str]
    container: Any = None

    def read(self, name: str) -> bytes:
        """Read one of the files as a whole."""
        place = self.names[name]
        if self.container is not None:
            return bytes(self.container.open_file(place).read())
        path = Path(place)
        if path.stat().st_size > _LARGEST:
            raise UnreadableError(f"{name} is too large for one plane", remedy="export it again")
        return path.read_bytes()


@contextmanager
def opened(path: Path) -> Iterator[OlympusFiles]:
    """Open the picture for a while.

    Raises
    ------
    UnreadableError
        If a part is missing.
    ValueError, KeyError, IndexError, struct.error
        If it is damaged.
    """
    oiffile = library("oiffile", "an Olympus OIB or OIF file")
    with path.open("rb") as file:
        inside = file.read(len(COMPOUND)) == COMPOUND
    if not inside:
        yield _beside(oiffile, path)
        return
    container = _bounded(oiffile, path)
    try:
        yield _within(oiffile, container)
    finally:
        container.close()


def _beside(oiffile: Any, path: Path) -> OlympusFiles:
    folder = path.with_name(path.name + ".files")
    if not folder.is_dir():
        raise UnreadableError(
            f"the folder {folder.name} with its planes is missing",
            remedy="copy the .oif file together with its folder",
        )
    names = {entry.name: str(entry) for entry in sorted(folder.iterdir()) if entry.is_file()}
    with path.open("rb") as file:
        return OlympusFiles(oiffile.SettingsFile(file, path.name), names)


def _within(oiffile: Any, container: Any) -> OlympusFiles:
    """OibInfo.txt says under which number each file is kept."""
    information = oiffile.SettingsFile(container.open_file("OibInfo.txt"), "OibInfo.txt")
    saved = information["OibSaveInfo"]
    kept = {name.rpartition("/")[2]: name for name in container.files()}
    names = {
        str(value).replace("\\", "/").rpartition("/")[2]: kept[key]
        for key, value in saved.items()
        if key.startswith("Stream") and key in kept
    }
    main = saved[saved["MainFileName"]]
    content = container.open_file(names[str(main).rpartition("/")[2]]).read()
    return OlympusFiles(oiffile.SettingsFile(io.BytesIO(content), str(main)), names, container)


def _bounded(oiffile: Any, path: Path) -> Any:
    """Open a compound file; one whose chain of sectors runs in a circle ends in an error."""

    class BoundedCompoundFile(oiffile.CompoundFile):  # type: ignore[misc]
        def _sec_chain(self, secid: int) -> Iterator[bytes]:
            return _ending(super()._sec_chain(secid), path.stat().st_size // self.sec_size)

        def _mini_sec_chain(self, secid: int) -> Iterator[bytes]:
            return _ending(super()._mini_sec_chain(secid), len(self._minifat))

    return BoundedCompoundFile(path)


def _ending(chain: Iterator[bytes], most: int) -> Iterator[bytes]:
    for count, sector in enumerate(chain):
        if count > most:
            raise UnreadableError(
                "a file inside it has more sectors than there are: they run in a circle",
                remedy="copy or export it again",
            )
        yield sector
