"""From runs to answers: compare conditions, find odd cells, report, audit, hand over the tables."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellwright.api.arguments import Inputs, as_path, as_paths, checked_options
from cellwright.core.errors import UsageError
from cellwright.engine.events import Listener, Message, silent
from cellwright.engine.extras import require_train
from cellwright.engine.threads import use_threads
from cellwright.stats.options import Question
from cellwright.stats.outliers.scores import APPEARANCE

if TYPE_CHECKING:
    from cellwright.pipeline.audit.dealing import Dealt
    from cellwright.pipeline.audit.judging import Audited
    from cellwright.pipeline.exporting import Exported
    from cellwright.pipeline.odd_cells import OddCells
    from cellwright.stats.comparing import Comparison
    from cellwright.stats.outliers.appearance import Learn, Learner

__all__ = ["audit", "compare", "export", "outliers", "read_audit", "report"]


def compare(
    sources: Inputs,
    out: str | Path,
    *,
    reference: str,
    samples: str | Path | None = None,
    **options: Any,
) -> Comparison:
    """Compare the conditions of an experiment with a reference; the replicate is n.

    Parameters
    ----------
    sources
        Runs, or tables with a row a cell (CSV, Parquet), which make one experiment.
    out
        Folder that gets ``comparisons.csv``, ``design.csv``, ``replicates.csv``,
        ``comparison.json``, and tables of doses, plates and power where they say something.
    reference
        Condition that all others are compared with.
    samples
        A ``samples.csv``: condition, replicate, dose, … of each picture. It goes before what runs
        and tables tell.
    **options
        Fields of `cellwright.stats.options.CompareOptions`.

    Returns
    -------
    Comparison
        The tables, and remarks on the design.

    Raises
    ------
    UsageError
        If something makes no sense, such as a reference that is no condition.
    UnreadableError
        If a table cannot be read.
    """
    from cellwright.pipeline.comparison import compare_sources
    from cellwright.stats.options import CompareOptions

    plan = checked_options(CompareOptions, reference=reference, **options)
    return compare_sources(as_paths(sources), Path(out), plan, as_path(samples)).comparison


def outliers(
    sources: Inputs,
    out: str | Path,
    *,
    reference: str,
    samples: str | Path | None = None,
    images: str | Path | None = None,
    listener: Listener = silent,
    **options: Any,
) -> OddCells:
    """Find cells that are unlike those of a reference, at a stated rate of false alarms.

    Parameters
    ----------
    sources
        Runs, or tables with a row a cell (CSV, Parquet), which make one experiment.
    out
        Folder that gets ``outliers.csv``, ``outlier_shares.csv`` and ``outliers.json``.
    reference
        Condition whose cells are usual.
    samples
        A ``samples.csv``: condition, replicate, well, … of each picture.
    images
        The pictures of the runs: ``odd.html`` shows odd cells in them, and ``way="appearance"``
        judges by them.
    listener
        Is told what goes on while cells are looked at.
    **options
        Fields of `cellwright.stats.outliers.options.OutlierOptions`.

    Returns
    -------
    OddCells
        Each cell with its score, p and reason; the share of odd cells of each condition.

    Raises
    ------
    UsageError
        If something makes no sense, the rate cannot be had from so few wells, pictures are not
        those of the runs, or ``way="appearance"`` is asked for without the extra ``[train]``.
    InputError
        If a picture cannot be read.
    UnreadableError
        If a table cannot be read.
    """
    from cellwright.pipeline.odd_cells import find_in_sources
    from cellwright.stats.outliers.options import OutlierOptions

    asked = checked_options(OutlierOptions, reference=reference, **options)
    with use_threads(os.cpu_count() or 1):
        return find_in_sources(
            as_paths(sources), Path(out), asked, as_path(samples),
            images=as_path(images), learner=_learner_of_looks(listener), listener=listener,
        )  # fmt: skip


def _learner_of_looks(listener: Listener) -> Learner:
    """What learns how cells look; says what to install where that is missing."""

    def learner(steps: int) -> Learn:
        require_train(f"--way {APPEARANCE}")
        from cellwright.learn.appearance import learn_appearance

        return partial(learn_appearance, steps=steps, listener=listener)

    return learner


def report(
    runs: Inputs,
    out: str | Path | None = None,
    *,
    reference: str | None = None,
    primary: str | None = None,
    odd: bool = False,
    samples: str | Path | None = None,
    images: str | Path | None = None,
    statements: str | Path | None = None,
    mixed: bool = False,
    listener: Listener = silent,
) -> Path:
    """Write the report of a finished run again, or one of several that are one experiment.

    Parameters
    ----------
    runs
        Folders that `analyze` made.
    out
        Folder of the report; of one run, without, the run itself.
    reference, primary
        Condition that the others are compared with, and the feature that the experiment was made
        for. Without, what was compared before (in ``answer/`` and ``odd/`` of the folder) is
        compared again.
    odd
        Whether odd cells are looked for as well, against the reference.
    samples
        A ``samples.csv``; it goes before what the runs tell.
    images
        The pictures of the runs: odd cells are shown in them.
    statements
        A ``statements.toml``: what only a person can tell, for the checklist and the methods. It
        is kept beside the report; without, the one that is there is read.
    mixed
        Whether runs may differ in model, options or pixel size.
    listener
        Is told what could not be answered again.

    Returns
    -------
    Path
        Of ``report.html``.

    Raises
    ------
    UsageError
        If there is no finished run, what is asked makes no sense, or pictures are not those of
        the runs.
    InputError
        If a picture cannot be read.
    RunError
        If another process works in the folder, or it cannot be written to.
    """
    from cellwright.pipeline.answers import Asking
    from cellwright.pipeline.reporting import report_runs

    question = checked_options(Question, reference=reference, primary=primary)
    if odd and reference is None:
        raise UsageError("--odd needs --reference: whose cells are usual?")
    asking = Asking(
        question, odd, as_path(samples), mixed,
        images=as_path(images), learner=_learner_of_looks(listener), listener=listener,
    )  # fmt: skip
    with use_threads(os.cpu_count() or 1):
        page, said = report_runs(as_paths(runs), as_path(out), asking, as_path(statements))
    for text in said:
        listener(Message("warning", text))
    return page


def audit(
    run: str | Path,
    images: str | Path,
    out: str | Path,
    *,
    samples: str | Path | None = None,
    **options: Any,
) -> Dealt:
    """Deal parts of pictures and single cells of a run, to be judged blinded.

    Parameters
    ----------
    run
        Folder of a finished run.
    images
        The pictures that it was made of.
    out
        Folder that gets ``audit.html``, which a person judges in a browser, and ``key.json``.
    samples
        A ``samples.csv``, where the run does not know conditions and replicates.
    **options
        Fields of `cellwright.pipeline.audit.options.AuditOptions`.

    Returns
    -------
    Dealt
        Where the page is, and how much was dealt.

    Raises
    ------
    UsageError
        If there is nothing to deal, pictures or labels are not those of the run, or another audit
        is in the folder.
    """
    from cellwright.pipeline.audit.dealing import deal_audit
    from cellwright.pipeline.audit.options import AuditOptions

    asked = checked_options(AuditOptions, **options)
    return deal_audit(Path(run), Path(images), Path(out), asked, as_path(samples))


def read_audit(
    run: str | Path,
    answers: str | Path,
    out: str | Path,
    *,
    reference: str | None = None,
    into_report: bool = False,
) -> Audited:
    """Make error rates and corrected counts of the answers to an audit.

    Parameters
    ----------
    run
        Folder of the run that was audited.
    answers
        What the page saved.
    out
        Folder of the audit; it gets ``audit.csv``, ``audit_counts.csv`` and ``audit.json``.
    reference
        Condition that corrected counts are compared with.
    into_report
        Whether the run keeps the result, in its folder ``audit``, and shows it in its report.

    Returns
    -------
    Audited
        The tables, and remarks on them.

    Raises
    ------
    UsageError
        If answers, audit and run do not belong together, or nothing was judged.
    UnreadableError
        If a file is not what it should be.
    """
    from cellwright.pipeline.audit.judging import judge_audit
    from cellwright.pipeline.audit.options import AuditOptions

    asked = AuditOptions(reference=reference)
    return judge_audit(Path(run), Path(answers), Path(out), asked, into_report=into_report)


def export(
    sources: Inputs,
    out: str | Path,
    *,
    samples: str | Path | None = None,
    force: bool = False,
    **options: Any,
) -> Exported:
    """Write the cells of runs or tables for another program.

    Parameters
    ----------
    sources
        Runs, or tables with a row a cell (CSV, Parquet), which make one experiment.
    out
        The file, whose ending tells the format: ``.h5ad``, ``.xlsx``, ``.csv``, ``.parquet``; or
        the folder, with ``to="prism"``.
    samples
        A ``samples.csv``: condition, replicate, dose, … of each picture.
    force
        Write over what is there.
    **options
        Fields of `cellwright.pipeline.export_options.ExportOptions`.

    Returns
    -------
    Exported
        Which files there are, and what is in them.

    Raises
    ------
    UsageError
        If something makes no sense or is there already, or the extra ``[export]`` is not
        installed.
    UnreadableError
        If a table cannot be read.
    RunError
        If the file cannot be written.
    """
    from cellwright.pipeline.export_options import ExportOptions
    from cellwright.pipeline.exporting import export_sources

    asked = checked_options(ExportOptions, **options)
    return export_sources(as_paths(sources), Path(out), asked, as_path(samples), force=force)
