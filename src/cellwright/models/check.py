"""Is a model what it says it is? Looked at before it is trusted, and before it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellwright.core.errors import InputError, UnsupportedError, UsageError
from cellwright.engine.files import write_atomic
from cellwright.engine.onnx_weights import opset_version
from cellwright.models.catalogue import (
    SUFFIX,
    Entry,
    as_recorded,
    catalogue,
    find_model,
    user_folder,
)
from cellwright.models.description import NAME
from cellwright.models.model import ModelFile, read_model_file
from cellwright.models.package import TEST_INPUT, TEST_OUTPUT, WEIGHTS, make_rdf, rdf_problems
from cellwright.models.stored_test import run_test

__all__ = ["Finding", "check_model", "import_model"]


@dataclass(frozen=True)
class Finding:
    """What one of the checks found.

    Attributes
    ----------
    check
        Its name: ``package``, ``section``, ``test`` or ``bundled``.
    passed
        Whether all is well.
    words
        What was found, one sentence without a full stop.
    """

    check: str
    passed: bool
    words: str


def check_model(name_or_path: str | Path, device: str = "cpu") -> tuple[Finding, ...]:
    """Check a model: its package, its section, its test, and its hash if it is bundled.

    Parameters
    ----------
    name_or_path
        As for `find_model`.
    device
        Where its test is run.

    Raises
    ------
    UsageError
        If there is no such model.
    UnreadableError, UnsupportedError
        If it cannot be read at all.
    """
    path = find_model(name_or_path)
    return tuple(_findings(read_model_file(path), path, device))


def _findings(file: ModelFile, path: Path, device: str) -> Iterator[Finding]:
    problems = rdf_problems(file.rdf)
    yield Finding(
        "package",
        not problems,
        "; ".join(problems) or "a valid bioimage.io model package, and no file of it is damaged",
    )
    different = _disagreements(file)
    yield Finding(
        "section",
        not different,
        f"the package and its section for cellwright disagree on {', '.join(different)}"
        if different
        else "the package and its section for cellwright agree",
    )
    model = file.model
    try:
        outcome = run_test(
            model.description, model.weights, file.test_input, file.test_output, device
        )
        yield Finding("test", outcome.passed, outcome.words)
    except InputError as error:
        yield Finding("test", False, str(error))
    for entry in catalogue():
        recorded = as_recorded(entry) if entry.path == path else None
        if recorded is not None:
            yield Finding(
                "bundled",
                recorded,
                "the file is the one that the package was made with"
                if recorded
                else "the file differs from the one that the package was made with: reinstall "
                "cellwright",
            )


_COMPARED = (
    "description",
    "license",
    "inputs.0.axes",
    "inputs.0.preprocessing",
    "outputs.0.axes",
    "weights.onnx.opset_version",
)
"""What is stated twice: in the words of bioimage.io, and in our section or the weights."""


def _disagreements(file: ModelFile) -> list[str]:
    """Name what bioimage.io's words say otherwise than our section."""
    model = file.model
    nothing = dict.fromkeys((WEIGHTS, TEST_INPUT, TEST_OUTPUT), b"")
    wanted = make_rdf(model.description, nothing, opset_version(model.weights))
    return [place for place in _COMPARED if not _holds(_at(file.rdf, place), _at(wanted, place))]


def _at(rdf: Any, place: str) -> Any:
    for key in place.split("."):
        try:
            rdf = rdf[int(key) if key.isdigit() else key]
        except (KeyError, IndexError, TypeError):
            return None
    return rdf


def _holds(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there, in order; other tools may have added to it."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            _holds(found.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        left: Iterator[Any] = iter(found if isinstance(found, list) else ())
        return all(any(_holds(entry, value) for entry in left) for value in wanted)
    return bool(found == wanted)


def import_model(path: str | Path, name: str | None = None) -> Entry:
    """Copy a model into the user's folder, after it has passed all checks.

    Parameters
    ----------
    path
        The file.
    name
        What it is to be called; its own name if None.

    Returns
    -------
    Entry
        By which it is found from now on.

    Raises
    ------
    UsageError
        If there is no such file, or the name is taken by another model or cannot be one.
    UnreadableError, UnsupportedError
        If it cannot be read, or fails a check.
    RunError
        If it cannot be copied.
    """
    source = Path(path)
    file = read_model_file(source)
    for finding in _findings(file, source, "cpu"):
        if not finding.passed:
            raise UnsupportedError(
                f"the model fails its check {finding.check!r}: {finding.words}",
                where=str(source),
                remedy="get it again from its maker",
            )
    called = file.model.description.name if name is None else name.removesuffix(SUFFIX)
    if not NAME.fullmatch(called):
        raise UsageError(
            f"a model cannot be called {called!r}",
            where="--name",
            remedy="use small letters, digits, - and _",
        )
    target = user_folder() / f"{called}{SUFFIX}"
    content = source.read_bytes()
    for entry in catalogue():
        if entry.name == called and entry.path.read_bytes() != content:
            raise UsageError(
                f"there is another model {called!r} already",
                where=str(entry.path),
                remedy="choose another one with --name, or take that file away",
            )
        if entry.name == called:
            return entry
    write_atomic(target, content, target.parent)
    return Entry(called, target, "user")
