"""The folder of a run: its places, its lock, its journal, its finished steps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from filelock import FileLock, Timeout

from cellwright.core.errors import RunError, UsageError
from cellwright.engine.files import atomic_stream, run_errors, write_atomic
from cellwright.engine.journal import Journal, Step
from cellwright.engine.keys import bytes_hash, file_digest

__all__ = ["RunFolder", "scratch_folder", "step_file", "step_folder", "write_step_file"]

_OURS = (
    "report.html", "cells.csv", "cells.parquet", "images.csv", "quality.csv", "run.json",
    "recipe.toml", "methods.md", "log.jsonl", "labels", "figures",
)  # fmt: skip


class RunFolder:
    """A run's folder, owned by this process for as long as the ``with`` block lasts.

    Parameters
    ----------
    path
        The folder; made if it is not there.

    Raises
    ------
    RunError
        If another process works in it, or it cannot be written to.
    UsageError
        If it holds files that a run would overwrite and that no run has made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / ".work"
        self.temporary = self.work / "tmp"
        self.steps = self.work / "steps"
        self.corrections = path / "corrections"

    def __enter__(self) -> RunFolder:
        journal = self.work / "journal.jsonl"
        with run_errors(self.path):
            if self.path.is_dir() and not journal.exists():
                _refuse_foreign(self.path)
            self.work.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.work / "lock")
            try:
                self._lock.acquire(timeout=0)
            except Timeout as error:
                raise RunError(
                    "another cellwright is working in this folder",
                    where=str(self.path),
                    remedy="wait for it, or choose another --out",
                ) from error
        try:
            shutil.rmtree(self.temporary, ignore_errors=True)
            with run_errors(self.path):
                self.temporary.mkdir(parents=True)
            self.journal = Journal(journal)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.temporary, ignore_errors=True)
        self._lock.release()

    def finished(self, name: str, key: str) -> Step | None:
        """Return a finished step whose files are all there with the right content."""
        step = self.journal.find(name, key)
        if step is None:
            return None
        for ending, sha256 in step.files.items():
            path = step_file(self.steps, key, ending)
            if not path.exists() or file_digest(path) != sha256:
                return None
        return step

    def publish(self, relative: str, data: bytes, *, image: str = "") -> None:
        """Put a file for people into the run, unless just this content is there already.

        Parameters
        ----------
        relative
            Path within the run.
        data
            The content.
        image
            The picture that it belongs to, if it is a label image.
        """
        path = self.path / relative
        sha256 = bytes_hash(data)
        self.journal.announce(relative, sha256, image=image)
        if not (path.is_file() and file_digest(path) == sha256):
            write_atomic(path, data, self.temporary)

    def publish_file(self, relative: str, source: Path, sha256: str) -> None:
        """Put a copy of a finished file into the run, unless just this is there already."""
        path = self.path / relative
        self.journal.announce(relative, sha256, image="")
        if path.is_file() and file_digest(path) == sha256:
            return
        with atomic_stream(path, self.temporary) as stream, source.open("rb") as content:
            shutil.copyfileobj(content, stream)

    def publish_folder(self, relative: str, source: Path, *, image: str = "") -> None:
        """Put a copy of a folder (an OME-Zarr) into the run, unless just this is there already."""
        path = self.path / relative
        sha256 = file_digest(source)
        self.journal.announce(relative, sha256, image=image)
        if path.is_dir() and file_digest(path) == sha256:
            return
        unfinished = self.temporary / f"{uuid4().hex}.partial"
        with run_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, unfinished)
            _put(unfinished, path)  # ours, as it was announced: an edited one was taken up before

    def is_edited(self, relative: str) -> bool:
        """Whether a file is there whose content this run never announced: somebody's own."""
        path = self.path / relative
        if not path.exists():
            return False
        return file_digest(path) not in self.journal.published.get(relative, ())

    def set_aside(self, relative: str) -> None:
        """Move a file whose input is gone to ``.work/orphans``; nothing is deleted."""
        source, target = self.path / relative, self.work / "orphans" / relative
        with run_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            number = 1
            while target.exists():
                number += 1
                target = target.with_name(f"{source.stem}.{number}{source.suffix}")
            source.replace(target)


def _refuse_foreign(folder: Path) -> None:
    there = [name for name in _OURS if (folder / name).exists()]
    if there:
        raise UsageError(
            f"the folder holds {', '.join(there)}, which no run of cellwright made",
            where=str(folder),
            remedy="choose another --out; nothing was changed",
        )


def step_file(steps: Path, key: str, ending: str) -> Path:
    """Place of one file of a step."""
    return steps / key[:2] / f"{key}.{ending}"


@contextmanager
def step_folder(steps: Path, key: str, ending: str) -> Iterator[Path]:
    """Give a new folder to write one part of a step into; it gets its name when all went well."""
    unfinished = steps.parent / "tmp" / f"{uuid4().hex}.partial"
    final = step_file(steps, key, ending)
    with run_errors(final):
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield unfinished
            final.parent.mkdir(parents=True, exist_ok=True)
            # An equal one may just be read by another worker, with an equal picture.
            if not final.exists() or file_digest(final) != file_digest(unfinished):
                _put(unfinished, final)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def scratch_folder(steps: Path) -> Iterator[Path]:
    """Give an empty folder for intermediate results, and take it away."""
    folder = steps.parent / "tmp" / uuid4().hex
    with run_errors(folder):
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put(unfinished: Path, final: Path) -> None:
    """Give a finished folder its name; what had it before is moved away first, whole."""
    aside = unfinished.with_name(f"{uuid4().hex}.partial")
    if final.exists():
        final.replace(aside)
    unfinished.replace(final)
    shutil.rmtree(aside, ignore_errors=True)


def write_step_file(steps: Path, key: str, ending: str, data: bytes) -> Mapping[str, str]:
    """Write one file of a step from a worker; gives its entry for `Step.files`."""
    write_atomic(step_file(steps, key, ending), data, steps.parent / "tmp")
    return {ending: bytes_hash(data)}
