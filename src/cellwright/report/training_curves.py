"""How a training went, by step: the loss, its parts, and the score of pictures not learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellwright.report.drawing import (
    INK,
    colours,
    drawing_style,
    new_drawing,
    page_svg,
    svg_text,
    tidy_axes,
)
from cellwright.report.table import Heading, count_cell, number_cell, table, text_cell
from cellwright.report.template import Markup, fill
from cellwright.report.training_folder import CURVE, LOSS, SCORE, SCORED, STEP, Run, Training
from cellwright.report.wording import counted, rounded, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["curves"]

_HEIGHT = 3.4
"""Of a figure, in inches."""
_STROKES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.4, 1.2, 1.4)), (0, (3, 1)), (0, (8, 2)),
)  # fmt: skip
"""Of the parts of the loss: told apart without colour too."""
_LEAST_SPAN = 0.1
"""Of the axis of scores: less would make noise look like progress."""
_MARGIN = 0.08
_NAMED_RUNS = 6
"""More runs than there are colours are drawn alike, and not named."""


def curves(training: Training) -> Markup:
    """Two figures, or words where there is nothing to draw yet."""
    with_loss = [run for run in training.runs if len(run.curve)]
    with_looks = [run for run in training.runs if len(run.looks)]
    return fill(
        "training_curves.html.j2",
        loss=_loss(with_loss, training.planned_steps) if with_loss else "",
        loss_caption=_loss_caption(with_loss, training.folds) if with_loss else "",
        scores=_scores(with_looks, training.planned_steps) if with_looks else "",
        scores_caption=_scores_caption(with_looks) if with_looks else "",
        table=_looks_table(with_looks) if with_looks else "",
        held_out=training.n_held,
    )


def _title(run: Run) -> str:
    return f"part {run.part}" if run.part else "training"


def _path(run: Run, name: str) -> str:
    return f"folds/{run.part - 1:02}/{name}" if run.part else f"training/{name}"


def _loss(runs: Sequence[Run], planned: int) -> Markup:
    *others, shown = runs
    curve = shown.curve
    names = [str(name) for name in curve.columns if name not in {STEP, LOSS}]
    parts = [name for name in names if (curve[name] != 0).any()]
    log = not any((run.curve.drop(columns=STEP) < 0).any(axis=None) for run in runs)
    with drawing_style("training-loss"):
        figure, axes = new_drawing(_HEIGHT)
        for run in others:
            axes.plot(run.curve[STEP], run.curve[LOSS], color=INK, lw=0.8, alpha=0.35)
        for place, (name, colour) in enumerate(zip(parts, colours(len(parts)), strict=True)):
            stroke = _STROKES[place % len(_STROKES)]
            axes.plot(curve[STEP], curve[name], color=colour, lw=1.6,
                      ls=stroke, label=visible(name, 24))  # fmt: skip
        dot = "o" if len(curve) == 1 else ""
        axes.plot(curve[STEP], curve[LOSS], color=INK, lw=2.2, marker=dot, label="loss (the sum)")
        if log:
            _log(axes)
        _steps(axes, planned)
        axes.set_ylabel("loss")
        tidy_axes(axes, grid="y")
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc="outside right upper", frameon=False,
                      handlelength=2.6)  # fmt: skip
        svg = svg_text(figure)
    return page_svg(svg, "training-loss", _loss_words(shown, parts))


def _log(axes: Axes) -> None:
    """Parts differ tenfold, and a loss falls ever more slowly: ratios are what is read."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: rounded(value, 2)))
    axes.yaxis.set_minor_locator(NullLocator())


def _steps(axes: Axes, planned: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(0, max(planned, axes.get_xlim()[1]))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("steps")


def _loss_words(run: Run, parts: Sequence[str]) -> str:
    curve = run.curve
    said = [
        f"{visible(name)} from {rounded(curve[name].iloc[0])} to {rounded(curve[name].iloc[-1])}"
        for name in (LOSS, *parts)
    ]
    return f"Line chart of the loss and its parts over {run.steps:,} steps: " + "; ".join(said)


def _loss_caption(runs: Sequence[Run], folds: int) -> Markup:
    shown = runs[-1]
    said = (
        "The loss is what training makes small, on pictures that are learnt from: it tells that "
        "something is learnt, not how good it is. Each point is the mean of 20 steps."
    )
    if folds:
        thin = "; thin lines are the loss of the other parts" if len(runs) > 1 else ""
        said += f" Shown is the {'last run' if shown.part == 0 else _title(shown)}{thin}."
    return Markup('{} <a href="./{}">Numbers</a>.').format(said, _path(shown, CURVE))


def _scores(runs: Sequence[Run], planned: int) -> Markup:
    with drawing_style("training-scores"):
        figure, axes = new_drawing(_HEIGHT)
        for run, colour in zip(runs, colours(len(runs)), strict=True):
            axes.plot(run.looks[STEP], run.looks[SCORE], "-o", color=colour, lw=1.8, ms=5,
                      mec="white", mew=0.8, clip_on=False, label=_title(run))  # fmt: skip
        low = min(float(run.looks[SCORE].min()) for run in runs)
        high = max(float(run.looks[SCORE].max()) for run in runs)
        span = max(high - low, _LEAST_SPAN)
        bottom = max(0.0, low - _MARGIN * span)
        axes.set_ylim(bottom, max(high + _MARGIN * span, bottom + _LEAST_SPAN))
        _steps(axes, planned)
        axes.set_ylabel("mean AP, IoU 0.50 to 0.95")
        tidy_axes(axes, grid="y")
        if 1 < len(runs) <= _NAMED_RUNS:
            figure.legend(loc="outside right upper", frameon=False)
        svg = svg_text(figure)
    words = "; ".join(_progress(run) for run in runs)
    return page_svg(
        svg, "training-scores", f"Line chart of the score of pictures not learnt from: {words}"
    )


def _progress(run: Run) -> str:
    best = run.looks.iloc[int(run.looks[SCORE].to_numpy().argmax())]
    last = run.looks.iloc[-1]
    name = f"{_title(run)}: " if run.part else ""
    return (
        f"{name}highest {best[SCORE]:.3f} after {best[STEP]:,.0f} steps, last {last[SCORE]:.3f} "
        f"after {last[STEP]:,.0f}"
    )


def _scores_caption(runs: Sequence[Run]) -> Markup:
    said = (
        "Mean AP over the thresholds of IoU from 0.50 to 0.95, of up to eight pictures that are "
        "not learnt from. Where it has stopped rising, more steps of the same kind will not help; "
        "more pictures may."
    )
    told = _progress(runs[0]) if len(runs) == 1 else f"{counted(len(runs), 'part')}, a line each"
    links = Markup(", ").join(
        Markup('<a href="./{}">{}</a>').format(_path(run, SCORED), name)
        for run, name in zip(runs, _link_names(runs), strict=True)
    )
    return Markup("{} {}. {}.").format(said, told[0].upper() + told[1:], links)


def _link_names(runs: Sequence[Run]) -> list[str]:
    return ["Numbers"] if len(runs) == 1 else [f"numbers of {_title(run)}" for run in runs]


def _looks_table(runs: Sequence[Run]) -> Markup:
    headings = (Heading("Run"), Heading("Steps", "number"), Heading("Mean AP", "number"))
    rows = [
        (text_cell(_title(run)), count_cell(step), number_cell(score))
        for run in runs
        for step, score in zip(run.looks[STEP], run.looks[SCORE], strict=True)
    ]
    return table("looks-table", "Score of pictures not learnt from, by step", headings, rows)
