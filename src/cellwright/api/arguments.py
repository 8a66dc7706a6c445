"""What was given to a public function, as the program wants it: paths, and options that hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from cellwright.core.errors import UsageError
from cellwright.core.method import Options
from cellwright.pipeline.options import AnalyzeOptions, Execution

__all__ = ["Inputs", "as_path", "as_paths", "checked_options", "split_options"]

AnyOptions = TypeVar("AnyOptions", bound=Options)
Inputs = str | Path | Sequence[str | Path]


def split_options(options: dict[str, Any]) -> tuple[AnalyzeOptions, Execution]:
    """Part options into those that change a number and those that do not.

    Raises
    ------
    UsageError
        For a name that is no option, or a value that it refuses.
    """
    how = {name: options[name] for name in options if name in Execution.model_fields}
    what = {name: options[name] for name in options if name not in how}
    return checked_options(AnalyzeOptions, **what), checked_options(Execution, **how)


def checked_options(kind: type[AnyOptions], **given: Any) -> AnyOptions:
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


def as_paths(inputs: Inputs) -> tuple[Path, ...]:
    """Paths of one input, or of several."""
    several = [inputs] if isinstance(inputs, str | Path) else inputs
    return tuple(Path(item) for item in several)


def as_path(path: str | Path | None) -> Path | None:
    """Path, or None where nothing was given."""
    return Path(path) if path is not None else None
