"""The journal of a run: which steps are finished, and what was published.

One JSON object a line, only ever appended to, and only by the process that owns the run.
A line that a kill or a full disk left half-written is dropped when the journal is opened.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellwright.core.errors import RunError
from cellwright.engine.files import run_errors

__all__ = ["Journal", "Step"]

FORMAT = {"format": "cellwright-journal", "version": 1}


@dataclass(frozen=True)
class Step:
    """A finished step.

    Attributes
    ----------
    name
        ``planes``, ``quality``, ``segment``, ``measure``, ``preview``.
    key
        Hash of all that it depends on.
    files
        From the ending of each file that it wrote to the hash of its content.
    facts
        Small results that later keys or tables need without opening a file.
    """

    name: str
    key: str
    files: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class Journal:
    """The journal of one run, held in memory and on disk.

    Parameters
    ----------
    path
        The file; made if it is not there.

    Raises
    ------
    RunError
        If the file belongs to another program or to a newer version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._steps: dict[tuple[str, str], Step] = {}
        self._published: dict[str, list[str]] = {}
        self._images: dict[str, str] = {}
        with run_errors(path):
            if path.exists():
                self._load()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._append([FORMAT])

    def _load(self) -> None:
        raw = self._path.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):
            os.truncate(self._path, len(whole))
        lines = whole.split(b"\n")[:-1]
        if not lines:
            self._append([FORMAT])
            return
        head = _parse(lines[0])
        if head is None or head.get("format") != FORMAT["format"]:
            raise RunError(
                "this is not a journal of cellwright",
                where=str(self._path),
                remedy="choose another --out",
            )
        if head.get("version") != FORMAT["version"]:
            raise RunError(
                f"the run was written by a newer version (journal {head.get('version')})",
                where=str(self._path),
                remedy="update cellwright, or choose another --out",
            )
        for line in lines[1:]:
            entry = _parse(line)
            if entry is not None:  # a damaged line means that its step is done again
                self._take(entry)

    def _take(self, entry: Mapping[str, Any]) -> None:
        if "publish" in entry:
            self._published.setdefault(str(entry["publish"]), []).append(str(entry["sha256"]))
            self._images[str(entry["publish"])] = str(entry.get("image", ""))
        elif {"step", "key", "files", "facts"} <= entry.keys():
            step = Step(entry["step"], entry["key"], entry["files"], entry["facts"])
            self._steps[step.name, step.key] = step

    def _append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(e, ensure_ascii=True) + "\n" for e in entries)
        with run_errors(self._path), self._path.open("ab") as stream:
            start = stream.tell()
            try:
                stream.write(text.encode("ascii"))
                stream.flush()
                os.fsync(stream.fileno())
            except OSError:
                os.truncate(self._path, start)  # a full disk must not leave half a line behind
                raise

    def find(self, name: str, key: str) -> Step | None:
        """Return the finished step with this key, if there is one."""
        return self._steps.get((name, key))

    @property
    def has_steps(self) -> bool:
        """Whether anything was ever finished in this run."""
        return bool(self._steps)

    def enter(self, steps: Iterable[Step]) -> None:
        """Enter finished steps; their files must already be in place."""
        new = [s for s in steps if self._steps.get((s.name, s.key)) != s]
        self._append(
            {"step": s.name, "key": s.key, "files": dict(s.files), "facts": dict(s.facts)}
            for s in new
        )
        self._steps.update({(s.name, s.key): s for s in new})

    def announce(self, path: str, sha256: str, *, image: str = "") -> None:
        """Say that a file of this content is about to be put at `path` (relative to the run).

        Announced before it is done: a file there with any other content is somebody's own.
        """
        known = sha256 in self._published.get(path, ())
        if not known or self._images.get(path) != image:
            self._append([{"publish": path, "sha256": sha256, "image": image}])
            self._published.setdefault(path, []).append(sha256)
            self._images[path] = image

    def image_of(self, path: str) -> str:
        """Give the picture to which a published file belonged when it was last announced."""
        return self._images.get(path, "")

    @property
    def published(self) -> Mapping[str, list[str]]:
        """From the path of each published file to every content that it was given."""
        return self._published


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
