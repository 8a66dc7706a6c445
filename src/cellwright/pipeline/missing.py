"""The steps of a plane set in their order, those that are missing done: in memory or by blocks."""

from __future__ import annotations

from typing import Protocol, TypeVar

from cellwright.engine.journal import Step
from cellwright.pipeline.clock import Clock
from cellwright.pipeline.unit import Unit

__all__ = ["Way", "do_missing"]


class _HasStep(Protocol):
    @property
    def step(self) -> Step: ...


Found = TypeVar("Found", bound=_HasStep)


class Way(Protocol[Found]):
    """How the steps of one plane set are done; `Found` is a step that gave labels, with them."""

    def read(self) -> Step:
        """Read the planes; gives the step that names them."""
        ...

    def quality(self, read: Step) -> Step:
        """Judge the planes."""
        ...

    def again(self, name: str) -> Found | None:
        """Labels of a finished step, if there is one of this name."""
        ...

    def segment(self, read: Step) -> Found:
        """Let the method find the objects."""
        ...

    def given(self, read: Step, found: Found | None) -> Found:
        """Take the labels that somebody gave instead of those that were found."""
        ...

    def measure(self, read: Step, labelled: Found) -> Step:
        """Filter and measure the objects."""
        ...


def do_missing(unit: Unit, way: Way[Found], clock: Clock) -> tuple[Step, ...]:
    """Do all steps of a unit that are not known yet, in their order; gives those."""
    computed: list[Step] = []
    with clock("read"):
        read = way.read()
    if "planes" not in unit.known:
        computed.append(read)
    if "quality" not in unit.known:
        with clock("quality"):
            computed.append(way.quality(read))
    labelled: Found | None = None
    if unit.method:
        with clock("segment"):
            labelled = way.again("segment") or way.segment(read)
        if "segment" not in unit.known:
            computed.append(labelled.step)
    if unit.given:
        with clock("given"):
            labelled = way.again("given") or way.given(read, labelled)
        if "given" not in unit.known:
            computed.append(labelled.step)
    if "measure" not in unit.known and labelled is not None:
        with clock("measure"):
            computed.append(way.measure(read, labelled))
    return tuple(computed)
