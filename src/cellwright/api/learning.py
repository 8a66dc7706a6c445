"""From annotations to a model: train, tune, join."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellwright.api.arguments import as_path, checked_options
from cellwright.engine.events import CancelToken, Listener, silent
from cellwright.engine.extras import require_train
from cellwright.pipeline.training_page import draw_page, drawing_looks

if TYPE_CHECKING:
    from cellwright.evaluation.summary import Summary
    from cellwright.learn.job import Trained
    from cellwright.learn.tuning import Tuned
    from cellwright.models.ensemble import Ensemble

__all__ = ["join_models", "train", "tune"]


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

    asked = checked_options(TrainOptions, **options)
    folder = Path(out)
    done = train_model(
        Path(source),
        folder,
        asked,
        source_format=source_format,
        images=as_path(images),
        also=as_path(also),
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

    asked = checked_options(TuneOptions, **options)
    return tune_model(
        Path(source),
        Path(out),
        asked,
        source_format=source_format,
        images=as_path(images),
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
            images=as_path(images),
            leave_out=leave_out,
            listener=listener,
            cancel=cancel,
        )
        summary = result.summary
    write_ensemble(path, made)
    return made, summary
