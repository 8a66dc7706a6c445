"""The page of a training, kept up to date while the training goes on."""

from __future__ import annotations

from pathlib import Path

from cellwright.engine.events import Event, Listener, Message, StepFinished
from cellwright.report.training import PAGE, write_training_page

__all__ = ["draw_page", "drawing_looks"]

_LOOKING = "looking"
"""Phase of a training in which pictures that are not learnt from are looked at;
`cellwright.learn.training` tells of it, which needs torch."""


def drawing_looks(folder: Path, listener: Listener) -> Listener:
    """Make a listener that also writes the page anew after every look.

    Parameters
    ----------
    folder
        Of the training.
    listener
        Is told all; and of a page that cannot be written.
    """

    def listen(event: Event) -> None:
        listener(event)
        if isinstance(event, StepFinished) and event.phase == _LOOKING:
            draw_page(folder, listener)

    return listen


def draw_page(folder: Path, listener: Listener) -> Path | None:
    """Write the page; what goes wrong is a warning and never ends a training.

    Returns
    -------
    Path or None
        Of the page, if it could be written.
    """
    try:
        return write_training_page(folder)
    except Exception as error:  # noqa: BLE001  (hours of training must not hang on a drawing)
        listener(Message("warning", f"{PAGE} could not be written: {error}"))
        return None
