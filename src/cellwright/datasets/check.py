"""A dataset looked at before it teaches anything: picture by picture, and one against another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellwright.core.errors import CellwrightError, InputError
from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn, Entry
from cellwright.datasets.convert import AUTO, drawn_in, opened
from cellwright.datasets.example import picture_pixels
from cellwright.datasets.faults import Fault, faults_of
from cellwright.datasets.tiles import groups_of
from cellwright.datasets.writing import table_text
from cellwright.engine.events import (
    CancelToken,
    Listener,
    PhaseFinished,
    PhaseStarted,
    PictureFinished,
    StepFinished,
    silent,
)
from cellwright.engine.files import write_atomic
from cellwright.engine.keys import array_hash

__all__ = ["Checked", "Finding", "check"]

_PHASE = "checking"
_SHOWN = 4


@dataclass(frozen=True)
class Finding:
    """A fault and where it is: the name of a picture, of several, or of a table of them."""

    image: str
    fault: Fault


@dataclass(frozen=True, eq=False)
class Checked:
    """What was found.

    Attributes
    ----------
    source_format
        Of the annotations.
    pictures
        Number of pictures, readable or not.
    objects
        Number of objects drawn in them.
    findings
        In the order of the pictures; those in tables before them, those between pictures at the
        end.
    groups
        From each picture that could be read to the first of its group: pictures of one group are
        tiles of one photograph, or one that is there twice, and belong on one side of a split.
    """

    source_format: str
    pictures: int
    objects: int
    findings: tuple[Finding, ...]
    groups: Mapping[str, str]

    @property
    def errors(self) -> int:
        """Number of findings that are errors."""
        return sum(one.fault.verdict == "error" for one in self.findings)


def check(
    source: str | Path,
    *,
    source_format: str = AUTO,
    images: str | Path | None = None,
    out: str | Path | None = None,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> Checked:
    """Look for faults in annotated pictures; nothing of the source is changed.

    Parameters
    ----------
    source, source_format, images
        As of `cellwright.datasets.convert.convert`.
    out
        Folder for ``check.csv`` (all findings) and ``groups.csv`` (which pictures belong
        together).
    listener
        Is told what goes on.
    cancel
        Stops between two pictures.

    Raises
    ------
    UsageError, InputError
        If the source as a whole cannot be read.
    RunError
        If `out` cannot be written.
    """
    with opened(Path(source), source_format, images) as (found, entries, doubts):
        looking = _Looking(entries, listener, cancel)
        listener(PhaseStarted(_PHASE, len(entries)))
        groups = groups_of(looking.pictures())
        listener(PhaseFinished(_PHASE))
        findings = [
        *_doubtful(doubts), *looking.findings, *looking.twice(), *_tiles(groups, entries)
    ]  # fmt: skip
    done = Checked(found.name, len(entries), looking.objects, tuple(findings), groups)
    if out is not None:
        _write(done, Path(out))
    return done


class _Looking:
    """Goes over the pictures one by one, and keeps what it finds."""

    def __init__(
        self, entries: list[Entry], listener: Listener, cancel: CancelToken | None
    ) -> None:
        self._entries, self._listener, self._cancel = entries, listener, cancel
        self._hashes: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.findings: list[Finding] = []
        self.objects = 0

    def pictures(self) -> Iterator[tuple[str, Array, Array]]:
        """Name, pixels and labels of all that could be read, have one size and finite values."""
        for entry in self._entries:
            if self._cancel is not None:
                self._cancel.check()
            faults: list[Fault] = []
            try:
                pixels, drawn = _read(entry)
                faults += faults_of(pixels, drawn)
                self.objects += int(np.count_nonzero(np.unique(drawn.labels)))
                known = self._hashes[array_hash(pixels)]
                known.append((entry.name, array_hash(drawn.labels)))
                if pixels.shape[:2] == drawn.labels.shape and np.isfinite(pixels).all():
                    yield entry.name, pixels, drawn.labels
            except CellwrightError as error:
                faults.append(Fault("reading", "error", error.what, error.remedy))
            self.findings += [Finding(entry.name, fault) for fault in faults]
            status = _status(faults)
            self._listener(StepFinished(_PHASE, entry.name))
            self._listener(
                PictureFinished(entry.name, status, "; ".join(f.what for f in faults), 0)
            )

    def twice(self) -> Iterator[Finding]:
        """Pictures of the same pixels."""
        for known in self._hashes.values():
            if len(known) > 1:
                same = len({labels for _, labels in known}) == 1
                drawn = "the same" if same else "different"
                yield Finding(
                    _listed([name for name, _ in known]),
                    Fault(
                        "twice", "warning",
                        f"the same picture {len(known)} times, with {drawn} labels",
                        "keep one of them" if same else "choose the drawing that is right, or "
                        "keep both and never part them over a split",
                    ),
                )  # fmt: skip


def _doubtful(doubts: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    for file, what in doubts:
        yield Finding(file, Fault("reading", "warning", what, "correct it, or take it out"))


def _status(faults: list[Fault]) -> str:
    if not faults:
        return "done"
    return "failed" if any(fault.verdict == "error" for fault in faults) else "warned"


def _read(entry: Entry) -> tuple[Array, Drawn]:
    if entry.image is None:
        raise InputError(
            "there is no picture of this name",
            remedy="give the folder of the pictures with --images, or take the labels out",
        )
    pixels = picture_pixels(entry.image)
    drawn = drawn_in(entry, (pixels.shape[0], pixels.shape[1]))
    if drawn.axes != "YX":
        raise InputError(
            f"the labels have the axes {drawn.axes}", remedy="check planes, one by one"
        )
    return pixels, drawn


def _tiles(groups: Mapping[str, str], entries: list[Entry]) -> Iterator[Finding]:
    """Pictures that belong together, as their edges tell, where the source says otherwise.

    One finding for all: where one cell is cut, a seam may fit by chance, and then a group is
    larger than it need be, which does no harm.
    """
    told = {entry.name: entry.group or entry.name for entry in entries}
    together: dict[str, list[str]] = defaultdict(list)
    for name, first in groups.items():
        together[first].append(name)
    found = [names for names in together.values() if len({told[name] for name in names}) > 1]
    if found:
        count = sum(map(len, found))
        yield Finding(
            _listed(found[0]) + (", …" if len(found) > 1 else ""),
            Fault(
                "tiles", "warning",
                f"{count} pictures in {len(found)} groups may be tiles of one photograph, as what "
                "is cut at the edge of one goes on in the next",
                "keep each group on one side of every split: groups.csv of --out names them",
            ),
        )  # fmt: skip


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _write(done: Checked, out: Path) -> None:
    rows = [
        (one.image, one.fault.check, one.fault.verdict, one.fault.what, one.fault.remedy)
        for one in done.findings
    ]
    header = ("image", "check", "verdict", "what", "remedy")
    write_atomic(out / "check.csv", table_text(header, rows).encode(), out)
    groups = table_text(("name", "group"), sorted(done.groups.items()))
    write_atomic(out / "groups.csv", groups.encode(), out)
