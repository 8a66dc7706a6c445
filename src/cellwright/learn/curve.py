"""The learning curve: the loss and its parts, a row for every few steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cellwright.engine.files import run_errors, write_atomic

__all__ = ["STEPS", "Curve"]

STEPS = 20
"""Steps of which a row is the mean: single batches differ too much to be looked at."""


class Curve:
    """Writes the curve of a training run as CSV.

    Parameters
    ----------
    path
        The file. Rows beyond the first step are taken out: they come from a run that was ended
        after its last checkpoint, and are made again.
    first
        How many steps were made before.
    begun
        Values of each step of the row that was begun then, which grows with every step and is
        emptied with every row; a run that goes on from a checkpoint hands in what it held.
    """

    def __init__(self, path: Path, first: int, begun: list[list[float]] | None = None) -> None:
        self._path = path
        self._begun = [] if begun is None else begun
        if not path.exists():
            return
        lines = path.read_text("utf-8").splitlines(keepends=True)
        whole = [line for line in lines[1:] if line.endswith("\n")]
        rows = [line for line in whole if int(line.split(",")[0]) <= first]
        if rows:
            write_atomic(path, "".join([lines[0], *rows]).encode(), path.parent)
        else:
            path.unlink()

    def add(self, step: int, parts: Mapping[str, float]) -> dict[str, float] | None:
        """Add what came out of a step.

        Parameters
        ----------
        step
            Counted from 1.
        parts
            Values by name, in the order of the columns.

        Returns
        -------
        dict or None
            Means of the last steps, if this ended a row.
        """
        self._begun.append(list(parts.values()))
        if step % STEPS:
            return None
        count = len(self._begun)
        means = [sum(column) / count for column in zip(*self._begun, strict=True)]
        self._begun.clear()
        row = f"{step}," + ",".join(f"{mean:.5f}" for mean in means) + "\n"
        with run_errors(self._path):
            new = not self._path.exists()
            with self._path.open("a", encoding="utf-8", newline="") as file:
                file.write("step," + ",".join(parts) + "\n" + row if new else row)
        return dict(zip(parts, means, strict=True))
