"""Reports: of a run, or of several that are one experiment.

`analyze` and `report` both come here, so that a report written again is the same page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cellwright.core.errors import UsageError
from cellwright.engine.files import write_atomic
from cellwright.engine.run_folder import RunFolder
from cellwright.io.cells import open_columns
from cellwright.pipeline.answers import Asking, answers_of
from cellwright.pipeline.experiment import experiment_of, names_of
from cellwright.pipeline.report_data import data_of_run, with_answers
from cellwright.pipeline.report_together import data_together, open_together
from cellwright.pipeline.statements import FILE, kept_statements, read_statements, statements_text
from cellwright.pipeline.tables import csv_bytes
from cellwright.report.methods import methods_file
from cellwright.report.page import build_report
from cellwright.report.section import ReportData

__all__ = ["report_runs", "write_report"]

Publish = Callable[[str, bytes], object]
_PAGE = "report.html"


def report_runs(
    runs: Sequence[Path], out: Path | None, asking: Asking, statements: Path | None = None
) -> tuple[Path, list[str]]:
    """Write the report of a finished run again, or that of several that are one experiment.

    Parameters
    ----------
    runs
        Folders that `analyze` made.
    out
        Folder of the report; of one run, None stands for its own.
    asking
        What is compared.
    statements
        A ``statements.toml``, to be kept beside the report; without, the one that is there.

    Returns
    -------
    tuple
        Path of ``report.html``, and what is to be said.

    Raises
    ------
    UsageError
        If there is no finished run, what is asked makes no sense, or statements cannot be read.
    RunError
        If another process works in the folder, or it cannot be written to.
    """
    for run in runs:
        _check_finished(run)
    given = None if statements is None else read_statements(statements)
    if out is None and len(runs) == 1:
        with RunFolder(runs[0]) as folder:
            if given is not None:
                folder.publish(FILE, _completed(given, runs[0]))
            return runs[0] / _PAGE, write_report(folder, asking)
    if out is None:
        raise UsageError(
            "the report of several runs needs a folder of its own", remedy="name one with --out"
        )
    if out.resolve() in {run.resolve() for run in runs}:
        raise UsageError(
            "the report would lie in the folder of a run",
            where=str(out),
            remedy="choose another folder with --out",
        )
    names = names_of(runs)
    experiment = experiment_of(runs, asking.samples, mixed=asking.mixed)
    answers = answers_of(runs, out, asking)

    def publish(name: str, content: bytes) -> None:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(out / name, content, out)

    if given is not None:
        publish(FILE, _completed(given, out))
    data = data_together(runs, names, out, experiment)
    with open_together(runs, names) as read:
        data = with_answers(data, answers, read)
    _publish(data, publish)
    return out / _PAGE, list(answers.said)


def _completed(given: Mapping[str, str], folder: Path) -> bytes:
    """What is stated now, and else what was stated before."""
    return statements_text({**kept_statements(folder), **given}).encode("utf-8")


def write_report(folder: RunFolder, asking: Asking) -> list[str]:
    """Write the report into a run whose tables and record are there; gives what is to be said."""
    run = folder.path
    answers = answers_of([run], run, asking)
    data = data_of_run(run)
    with open_columns(run / "cells.parquet") as read:
        data = with_answers(data, answers, read)
    _publish(data, folder.publish)
    return list(answers.said)


def _publish(data: ReportData, publish: Publish) -> None:
    page, figures = build_report(data)
    for figure in figures:
        publish(f"figures/{figure.name}.svg", figure.svg.encode("utf-8"))
        publish(f"figures/{figure.name}.csv", csv_bytes(figure.table))
    publish("methods.md", methods_file(data).encode("utf-8"))
    publish(_PAGE, page.encode("utf-8"))


def _check_finished(run: Path) -> None:
    if not (run / "run.json").is_file() or not (run / "cells.parquet").is_file():
        raise UsageError(
            "there is no finished run of `analyze` here",
            where=str(run),
            remedy="make one with `cellwright analyze IN --out RUN`",
        )
