"""The public functions: each verb of the command line is a thin face over one of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from cellwright.core.errors import RunError, UsageError
from cellwright.core.image import Image
from cellwright.core.labels import Labels, Objects
from cellwright.core.method import Options
from cellwright.core.registry import find
from cellwright.datasets.check import check
from cellwright.datasets.convert import convert
from cellwright.engine.events import CancelToken, Listener, silent
from cellwright.engine.executors import MakeExecutor
from cellwright.engine.extras import require_train
from cellwright.engine.threads import use_threads
from cellwright.evaluation.evaluate import Evaluation
from cellwright.io.inputs import find_inputs
from cellwright.io.joining import join_files
from cellwright.io.ome_zarr_write import write_image_zarr
from cellwright.io.open import open_images, read
from cellwright.io.sample_template import Template, sample_template, write_template
from cellwright.pipeline.analysis import analyze_pictures
from cellwright.pipeline.options import AnalyzeOptions, Execution
from cellwright.pipeline.planes import finite
from cellwright.pipeline.reporting import rewrite_report
from cellwright.pipeline.run import Run
from cellwright.pipeline.scoring import evaluate
from cellwright.pipeline.start import Stages, Start
from cellwright.pipeline.training_page import draw_page, drawing_looks

__all__ = [
    "Evaluation",
    "Image",
    "Labels",
    "Objects",
    "Run",
    "analyze",
    "audit",
    "check",
    "compare",
    "convert",
    "evaluate",
    "export",
    "join_models",
    "measure",
    "open_images",
    "outliers",
    "read",
    "read_audit",
    "report",
    "samples",
    "segment",
    "segment_image",
    "train",
    "tune",
    "write_image_zarr",
]

AnyOptions = TypeVar("AnyOptions", bound=Options)

if TYPE_CHECKING:
    from cellwright.evaluation.summary import Summary
    from cellwright.learn.job import Trained
    from cellwright.learn.tuning import Tuned
    from cellwright.models.ensemble import Ensemble
    from cellwright.pipeline.audit.dealing import Dealt
    from cellwright.pipeline.audit.judging import Audited
    from cellwright.pipeline.exporting import Exported
    from cellwright.pipeline.odd_cells import OddCells
    from cellwright.stats.comparing import Comparison

Inputs = str | Path | Sequence[str | Path]


def analyze(
    inputs: Inputs,
    out: str | Path,
    *,
    samples: str | Path | None = None,
    regions: str | Path | None = None,
    flat_reference: str | Path | None = None,
    dark_reference: str | Path | None = None,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
    make_executor: MakeExecutor | None = None,
    **options: Any,
) -> Run:
    """Find, measure and report the cells of pictures.

    Parameters
    ----------
    inputs
        A file, a folder, a glob, a ``samples.csv``, or a list of them.
    out
        Folder of the run. An unfinished run goes on; what has not changed is used again.
    samples
        A table that says which picture is what (condition, replicate, …).
    regions
        Where cells are counted: a file for all pictures, or a folder with one for each, as Fiji
        or QuPath write them, or as masks.
    flat_reference, dark_reference
        Pictures of an even field, and of none at all, for ``flat_field="reference"``.
    listener
        Is told what goes on.
    cancel
        Stops the run at the next safe moment.
    make_executor
        Where the work runs; processes on this machine if None.
    **options
        Fields of `AnalyzeOptions` (``method``, ``channel``, ``pixel_size``, …) and of
        `Execution` (``workers``, ``memory``).

    Returns
    -------
    Run
        The tables as pandas data frames, the label images, the path of the report.

    Raises
    ------
    UsageError
        For arguments that make no sense; nothing was started.
    RunError
        If the folder of the run cannot be used, or there is no picture.
    """
    asked, execution = split_options(options)
    start = Start(
        _paths(inputs),
        Path(out),
        asked,
        execution,
        _path(samples),
        regions=_path(regions),
        flat_reference=_path(flat_reference),
        dark_reference=_path(dark_reference),
    )
    return analyze_pictures(start, listener=listener, cancel=cancel, make_executor=make_executor)


def segment(
    inputs: Inputs,
    out: str | Path,
    *,
    samples: str | Path | None = None,
    flat_reference: str | Path | None = None,
    dark_reference: str | Path | None = None,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
    make_executor: MakeExecutor | None = None,
    **options: Any,
) -> Run:
    """Only find the cells: label images and ``images.csv``; arguments as for `analyze`."""
    asked, execution = split_options(options)
    stages = Stages(verb="segment", measure=False, report=False)
    start = Start(
        _paths(inputs),
        Path(out),
        asked,
        execution,
        _path(samples),
        stages,
        flat_reference=_path(flat_reference),
        dark_reference=_path(dark_reference),
    )
    return analyze_pictures(start, listener=listener, cancel=cancel, make_executor=make_executor)


def measure(
    inputs: Inputs,
    labels: str | Path,
    out: str | Path,
    *,
    samples: str | Path | None = None,
    regions: str | Path | None = None,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
    make_executor: MakeExecutor | None = None,
    **options: Any,
) -> Run:
    """Only measure: pictures with label images that are there already.

    Parameters
    ----------
    inputs
        Pictures, as for `analyze`.
    labels
        A folder of label images of the same names, a run, or one label image.
    out
        Folder for ``cells.csv`` and ``images.csv``.
    samples, regions, listener, cancel, make_executor, **options
        As for `analyze`.
    """
    asked, execution = split_options(options)
    folder = Path(labels)
    if not folder.exists():
        raise UsageError("there is no such file or folder", where=str(labels))
    stages = Stages(verb="measure", segment=False, report=False, labels=folder)
    start = Start(
        _paths(inputs), Path(out), asked, execution, _path(samples), stages, _path(regions)
    )
    return analyze_pictures(start, listener=listener, cancel=cancel, make_executor=make_executor)


def report(run: str | Path) -> Path:
    """Write the report of a finished run again, from its tables; gives its path."""
    return rewrite_report(Path(run))


def samples(
    inputs: Inputs, out: str | Path, *, pattern: str = "auto", force: bool = False
) -> Template:
    """Write a ``samples.csv`` with guesses from folders and names, to be corrected by hand.

    Parameters
    ----------
    inputs
        Pictures, as for `analyze`.
    out
        The table; one that is there is a person's work, and left alone.
    pattern
        As for `analyze`: how names tell which files are one picture.
    force
        Write over a table that is there.

    Returns
    -------
    Template
        The table, and in words what was guessed from what.

    Raises
    ------
    UsageError
        If there is such a file already.
    RunError
        If there is no picture.
    """
    paths = _paths(inputs)
    joined = join_files(find_inputs([str(path) for path in paths]), pattern)
    if not joined.inputs.found:
        raise RunError("there is no picture", where=", ".join(str(path) for path in paths))
    template = sample_template(joined.inputs.found)
    write_template(Path(out), template.table, force=force)
    return replace(template, said=(*joined.said, *template.said))


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

    plan = _checked(CompareOptions, reference=reference, **options)
    return compare_sources(_paths(sources), Path(out), plan, _path(samples))


def outliers(
    sources: Inputs,
    out: str | Path,
    *,
    reference: str,
    samples: str | Path | None = None,
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
    **options
        Fields of `cellwright.stats.outliers.options.OutlierOptions`.

    Returns
    -------
    OddCells
        Each cell with its score, p and reason; the share of odd cells of each condition.

    Raises
    ------
    UsageError
        If something makes no sense, or the rate cannot be had from so few wells.
    UnreadableError
        If a table cannot be read.
    """
    from cellwright.pipeline.odd_cells import find_in_sources
    from cellwright.stats.outliers.options import OutlierOptions

    asked = _checked(OutlierOptions, reference=reference, **options)
    return find_in_sources(_paths(sources), Path(out), asked, _path(samples))


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

    asked = _checked(AuditOptions, **options)
    return deal_audit(Path(run), Path(images), Path(out), asked, _path(samples))


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

    asked = _checked(ExportOptions, **options)
    return export_sources(_paths(sources), Path(out), asked, _path(samples), force=force)


def segment_image(
    image: Image, method: str = "network", *, threads: int | None = None, **options: Any
) -> Objects:
    """Find the objects of one plane in memory.

    Parameters
    ----------
    image
        One frame of one channel: axes YX, or YXS for colour.
    method
        Name of the method.
    threads
        How many a network may use; as many as there are cores if None. Changes no label.
    **options
        Of the method.

    Examples
    --------
    >>> import numpy as np
    >>> plane = np.zeros((32, 32)); plane[8:16, 8:16] = 1
    >>> segment_image(Image(plane, "YX")).main_labels.count
    1
    """
    found = find("cellwright.methods", method)
    try:
        checked = found.options(**options)
    except ValidationError as error:
        raise UsageError(f"options of {method}: {error.errors()[0]['msg']}") from error
    clean = Image(finite(image.pixels()), image.axes, spacing=image.spacing, bits=image.bits)
    with use_threads(threads or os.cpu_count() or 1):
        objects: Objects = found.segment(clean, checked)
    return objects


def train(
    source: str | Path,
    out: str | Path,
    *,
    source_format: str = "auto",
    images: str | Path | None = None,
    also: str | Path | None = None,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
    **options: Any,
) -> Trained:
    """Teach a model your own cells, or go on where the folder left off.

    Parameters
    ----------
    source
        Annotated pictures: a folder, a file or a zip of any format that `convert` reads.
    out
        Folder of the training; it gets the plan, the scores, ``model.zip``, and the page
        ``training.html``, which is written anew after every look at how good it is.
    source_format, images
        As of `convert`.
    also
        Annotated pictures that the model that is gone on from was made for: both models are
        scored on them too, but for those that one of the two has learnt from.
    listener
        Is told what goes on.
    cancel
        Stops at the next step.
    **options
        Fields of `cellwright.learn.options.TrainOptions`; ``from`` is ``from_``.

    Raises
    ------
    UsageError
        If the extra ``[train]`` is not installed, the annotations have errors, the options fit
        neither them nor the folder, or the folder holds what no training wrote.
    InputError, RunError
        If something cannot be read or written, or the training fails.

    Examples
    --------
    >>> train("annotations/", "my-cells/", from_="nuclei")  # doctest: +SKIP
    """
    require_train()
    from cellwright.learn.job import train_model
    from cellwright.learn.options import TrainOptions

    asked = _checked(TrainOptions, **options)
    folder = Path(out)
    done = train_model(
        Path(source),
        folder,
        asked,
        source_format=source_format,
        images=_path(images),
        also=_path(also),
        listener=drawing_looks(folder, listener),
        cancel=cancel,
    )
    draw_page(folder, listener)
    return done


def tune(
    source: str | Path,
    out: str | Path,
    *,
    source_format: str = "auto",
    images: str | Path | None = None,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
    **options: Any,
) -> Tuned:
    """Try settings of a training on annotated pictures, or go on where the folder left off.

    Parameters
    ----------
    source, source_format, images, listener, cancel
        As of `train`.
    out
        Folder of the search; it gets what was tried, what mattered, and the best settings.
    **options
        Fields of `cellwright.learn.options.TuneOptions`.

    Raises
    ------
    UsageError
        If the extra ``[train]`` is not installed, the annotations have errors or are too few, or
        the folder holds another search.
    InputError, RunError
        If something cannot be read or written, or no trial can be finished.
    """
    require_train()
    from cellwright.learn.options import TuneOptions
    from cellwright.learn.tuning import tune_model

    asked = _checked(TuneOptions, **options)
    return tune_model(
        Path(source),
        Path(out),
        asked,
        source_format=source_format,
        images=_path(images),
        listener=listener,
        cancel=cancel,
    )


def join_models(
    models: Sequence[str | Path],
    out: str | Path,
    *,
    name: str | None = None,
    licence: str | None = None,
    on: str | Path | None = None,
    source_format: str = "auto",
    images: str | Path | None = None,
    leave_out: bool = False,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> tuple[Ensemble, Summary | None]:
    """Join several models to one, whose network gives the mean of their maps.

    Parameters
    ----------
    models
        Names or paths, two at the least, that differ in their weights alone: channels, classes,
        decoder, normalisation and size of objects are the same.
    out
        The file, which ends in ``.zip``.
    name
        Of the whole; that of the file if None.
    licence
        Of the whole, an SPDX identifier; needed only where the models have several.
    on
        Annotated pictures that none of the models has learnt from, in any format that `convert`
        reads: the confidence is fitted to them, and the scores are of them. Without, the whole has
        neither.
    source_format, images
        Of these, as of `convert`.
    leave_out
        Leave out pictures that one of the models has learnt from, with all of their groups, and
        pictures with errors, which else stop everything.
    listener
        Is told what goes on.
    cancel
        Stops before the next picture.

    Returns
    -------
    Ensemble
        As it was written.
    Summary or None
        Scores over all pictures of `on`.

    Raises
    ------
    UsageError
        If the models cannot be joined, a network has learnt from the pictures, or the extra
        ``[train]`` is not installed.
    InputError, RunError
        If something cannot be read or written.

    Examples
    --------
    >>> join_models(["a.zip", "b.zip"], "both.zip", on="annotations/")  # doctest: +SKIP
    """
    from cellwright.models.ensemble import check_target, join, write_ensemble

    path = Path(out)
    check_target(path, models)
    made, summary = join(models, name or path.stem, licence), None
    if on is not None:
        require_train()
        from cellwright.learn.joining import calibrated_on

        made, result = calibrated_on(
            made,
            Path(on),
            source_format=source_format,
            images=_path(images),
            leave_out=leave_out,
            listener=listener,
            cancel=cancel,
        )
        summary = result.summary
    write_ensemble(path, made)
    return made, summary


def split_options(options: dict[str, Any]) -> tuple[AnalyzeOptions, Execution]:
    """Part options into those that change a number and those that do not.

    Raises
    ------
    UsageError
        For a name that is no option, or a value that it refuses.
    """
    how = {name: options[name] for name in options if name in Execution.model_fields}
    what = {name: options[name] for name in options if name not in how}
    return _checked(AnalyzeOptions, **what), _checked(Execution, **how)


def _checked(kind: type[AnyOptions], **given: Any) -> AnyOptions:
    """Options as they were given; raises UsageError for one that cannot be."""
    try:
        return kind(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        place = str(problem["loc"][0]) if problem["loc"] else "options"
        name = place.rstrip("_").replace("_", "-")
        if problem["type"] == "extra_forbidden":
            raise UsageError(f"there is no option {name!r}") from error
        message = problem["msg"].removeprefix("Value error, ")
        raise UsageError(f"--{name}: {message}") from error


def _paths(inputs: Inputs) -> tuple[Path, ...]:
    several = [inputs] if isinstance(inputs, str | Path) else inputs
    return tuple(Path(item) for item in several)


def _path(path: str | Path | None) -> Path | None:
    return Path(path) if path is not None else None
