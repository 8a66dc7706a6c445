"""What was asked of an experiment beside its report: comparisons and odd cells, kept beside it.

A comparison lies in the folder ``answer`` of a run or of a report, odd cells in ``odd``. Both
are made again whenever the report is written, so that they are of the cells that it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cellwright.core.errors import CellwrightError, UsageError
from cellwright.engine.events import Listener, silent
from cellwright.pipeline.answer_folder import Kept
from cellwright.pipeline.comparison import compare_sources, kept_question
from cellwright.pipeline.odd_cells import find_in_sources, kept_search
from cellwright.stats.options import CompareOptions, Question
from cellwright.stats.outliers.appearance import Learner
from cellwright.stats.outliers.options import OutlierOptions

if TYPE_CHECKING:
    from cellwright.report.answer.data import Answer
    from cellwright.report.odd_cells.data import OddPage

__all__ = ["ANSWER", "ODD", "Answers", "Asking", "answers_of"]

ANSWER, ODD = "answer", "odd"
_NAME_THEM = "name these with `report --images`"


@dataclass(frozen=True)
class Asking:
    """What is asked of runs when their report is written.

    Attributes
    ----------
    question
        What is compared; where it names no reference, what was compared before.
    odd
        Whether odd cells are looked for; if not, they are where they were before.
    samples
        A ``samples.csv``; it goes before what the runs tell.
    mixed
        Whether runs may differ in model, options or pixel size.
    images
        The pictures of the runs: odd cells are shown in them, and judged by them where they were
        before.
    learner
        Gives what learns how cells look.
    listener
        Hears of cells that are looked at.
    """

    question: Question = Question()
    odd: bool = False
    samples: Path | None = None
    mixed: bool = False
    images: Path | None = None
    learner: Learner | None = None
    listener: Listener = silent


@dataclass(frozen=True, eq=False)
class Answers:
    """What came out.

    Attributes
    ----------
    answer, odd
        None where nothing was asked, or it could not be answered.
    samples
        Table by which the pictures were told apart; None where the runs tell.
    said
        Why something that was asked before could not be answered again.
    """

    answer: Answer | None = None
    odd: OddPage | None = None
    samples: Path | None = None
    said: tuple[str, ...] = ()


def answers_of(runs: Sequence[Path], out: Path, asking: Asking) -> Answers:
    """Answer what is asked now, and else what was asked before.

    Raises
    ------
    UsageError
        If what is asked now makes no sense. What was asked before and no longer can be answered
        is said.
    InputError
        If a picture cannot be read.
    """
    said: list[str] = []
    kept = kept_search(out / ODD)
    if asking.images is not None and not asking.odd and kept is None:
        raise UsageError(
            "nobody looked for odd cells, and pictures are for showing these",
            remedy="ask with --odd and --reference, or leave --images out",
        )
    answer, told = _compared(runs, out / ANSWER, asking, said)
    odd, told_odd = _odd(runs, out / ODD, asking, kept, said)
    return Answers(answer, odd, asking.samples or told or told_odd, tuple(said))


def _compared(
    runs: Sequence[Path], out: Path, asking: Asking, said: list[str]
) -> tuple[Answer | None, Path | None]:
    if asking.question.reference is not None:
        plan = CompareOptions(**asking.question.model_dump(exclude_none=True), mixed=asking.mixed)
        return compare_sources(runs, out, plan, asking.samples), None
    kept = kept_question(out)
    if kept is None:
        return None, None
    samples = asking.samples or kept.samples
    try:
        return compare_sources(runs, out, kept.options, samples), kept.samples
    except CellwrightError as error:
        said.append(f"the comparison in {ANSWER}/ is of before: {error}")
        return None, None


def _odd(
    runs: Sequence[Path],
    out: Path,
    asking: Asking,
    kept: Kept[OutlierOptions] | None,
    said: list[str],
) -> tuple[OddPage | None, Path | None]:
    def search(options: OutlierOptions, samples: Path | None) -> OddPage | None:
        return find_in_sources(
            runs, out, options, asking.samples or samples,
            images=asking.images, learner=asking.learner, listener=asking.listener,
        ).page  # fmt: skip

    reference = asking.question.reference
    if asking.odd and reference is not None:
        return search(OutlierOptions(reference=reference, mixed=asking.mixed), None), None
    if kept is None:
        return None, None
    try:
        page = search(kept.options, kept.samples)
    except CellwrightError as error:
        if asking.images is not None:
            raise
        said.append(f"the odd cells in {ODD}/ are of before: {error}")
        return None, None
    if kept.images and asking.images is None:
        said.append(f"the odd cells in {ODD}/ are no longer in their pictures: {_NAME_THEM}")
    return page, kept.samples
