"""From pictures to a run: find and measure cells."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cellwright.api.arguments import Inputs, as_path, as_paths, checked_options, split_options
from cellwright.core.errors import RunError, UsageError
from cellwright.core.image import Image
from cellwright.core.labels import Objects
from cellwright.core.registry import find
from cellwright.engine.events import CancelToken, Listener, silent
from cellwright.engine.executors import MakeExecutor
from cellwright.engine.threads import use_threads
from cellwright.io.inputs import find_inputs
from cellwright.io.joining import join_files
from cellwright.io.sample_template import Template, sample_template, write_template
from cellwright.pipeline.analysis import analyze_pictures
from cellwright.pipeline.planes import finite
from cellwright.pipeline.run import Run
from cellwright.pipeline.start import Stages, Start
from cellwright.stats.options import Question

__all__ = ["analyze", "measure", "samples", "segment", "segment_image"]


def analyze(
    inputs: Inputs,
    out: str | Path,
    *,
    samples: str | Path | None = None,
    regions: str | Path | None = None,
    flat_reference: str | Path | None = None,
    dark_reference: str | Path | None = None,
    reference: str | None = None,
    primary: str | None = None,
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
    reference, primary
        Condition of `samples` that all others are compared with in the report, and the feature
        that the experiment was made for; see `compare`.
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
        as_paths(inputs),
        Path(out),
        asked,
        execution,
        as_path(samples),
        regions=as_path(regions),
        flat_reference=as_path(flat_reference),
        dark_reference=as_path(dark_reference),
        question=checked_options(Question, reference=reference, primary=primary),
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
        as_paths(inputs),
        Path(out),
        asked,
        execution,
        as_path(samples),
        stages,
        flat_reference=as_path(flat_reference),
        dark_reference=as_path(dark_reference),
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
        as_paths(inputs), Path(out), asked, execution, as_path(samples), stages, as_path(regions)
    )
    return analyze_pictures(start, listener=listener, cancel=cancel, make_executor=make_executor)


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
    paths = as_paths(inputs)
    joined = join_files(find_inputs([str(path) for path in paths]), pattern)
    if not joined.inputs.found:
        raise RunError("there is no picture", where=", ".join(str(path) for path in paths))
    template = sample_template(joined.inputs.found)
    write_template(Path(out), template.table, force=force)
    return replace(template, said=(*joined.said, *template.said))


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
