"""Annotated pictures of any format as what training takes: checked, grouped, with classes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cellwright.core.errors import UsageError
from cellwright.datasets.annotation import Drawn, Entry
from cellwright.datasets.check import Checked, Finding, check
from cellwright.datasets.convert import AUTO, convert, opened
from cellwright.datasets.example import Example, examples_in
from cellwright.datasets.writing import flat_name
from cellwright.engine.events import CancelToken, Listener, Message, silent
from cellwright.engine.files import run_errors
from cellwright.learn.own_folder import MARK, check_copied, make_way

__all__ = ["Dataset", "dataset_of"]

_FOLDER = "folder"
_SHOWN = 10


@dataclass(frozen=True, eq=False)
class Dataset:
    """Pictures to learn from.

    Attributes
    ----------
    examples
        By name; pictures that belong together have one group.
    classes
        Names of the kinds of objects, in alphabetical order; empty if none are named.
    class_of
        From an example's name to the class of each label that has one: its place in `classes`.
    findings
        What was doubtful in them, and is no error.
    """

    examples: tuple[Example, ...]
    classes: tuple[str, ...]
    class_of: Mapping[str, Mapping[int, int]]
    findings: tuple[Finding, ...]


def dataset_of(
    source: Path,
    copy: Path,
    *,
    source_format: str = AUTO,
    images: Path | None = None,
    leave_out: bool = False,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> Dataset:
    """Make a dataset of annotated pictures.

    Parameters
    ----------
    source
        Folder, file or zip of annotations.
    copy
        Folder that gets a copy in our own layout, where the source is no such folder. It is made
        anew each time: what was drawn may have changed. A folder that is no such copy stays.
    source_format, images
        As of `cellwright.datasets.convert.convert`.
    leave_out
        Whether pictures with errors are left out; else they stop everything.
    listener, cancel
        Of the checks.

    Raises
    ------
    UsageError
        If the annotations have errors, naming them; there is nothing in them; or a folder that is
        no copy lies where the copy would.
    InputError
        If the source cannot be read.
    RunError
        If the copy cannot be written.
    """
    checked = check(
        source, source_format=source_format, images=images, listener=listener, cancel=cancel
    )
    faulty = {one.image for one in checked.findings if one.fault.verdict == "error"}
    if faulty and not leave_out:
        raise UsageError(
            _errors(checked),
            where=str(source),
            remedy="correct them, or leave these pictures out with --leave-out",
        )
    for one in sorted(checked.findings, key=lambda one: one.fault.verdict)[:_SHOWN]:
        listener(Message("notice", f"{one.image}: {one.fault.what}; {one.fault.remedy}"))
    folder = source
    if checked.source_format != _FOLDER or images is not None or not source.is_dir():
        folder = copy
        check_copied(copy, source, images)
        _copy(
            source, copy, source_format=checked.source_format, images=images,
            listener=listener, cancel=cancel,
        )  # fmt: skip
    # a copy has no folders within folders: names are as `convert` makes them
    faulty = {flat_name(name) for name in faulty}
    groups = {flat_name(name): flat_name(first) for name, first in checked.groups.items()}
    with opened(folder, _FOLDER) as (_, entries, _):
        usable = [entry for entry in entries if entry.name not in faulty]
        classes, class_of = _classes({entry.name: _drawn(entry) for entry in usable})
    examples = []
    for example in examples_in(folder):
        stem = example.image.stem
        if stem in faulty:
            continue
        told = example.group != f"{folder.name}/{stem}"
        group = example.group if told else f"{folder.name}/{groups.get(stem, stem)}"
        examples.append(replace(example, name=stem, group=group))
    if not examples:
        raise UsageError("no picture is left to learn from", where=str(source))
    warnings = tuple(one for one in checked.findings if one.fault.verdict != "error")
    return Dataset(tuple(examples), classes, class_of, warnings)


def _copy(
    source: Path,
    copy: Path,
    *,
    source_format: str,
    images: Path | None,
    listener: Listener,
    cancel: CancelToken | None,
) -> None:
    """Convert into our own layout; the copy of before makes way when the new one is whole."""
    with run_errors(copy):
        copy.parent.mkdir(parents=True, exist_ok=True)
        unfinished = tempfile.TemporaryDirectory(prefix=f".{copy.name}.", dir=copy.parent)
    with unfinished as folder:
        made = Path(folder, copy.name)
        convert(
            source, made, source_format=source_format, images=images,
            listener=listener, cancel=cancel,
        )  # fmt: skip
        with run_errors(copy):
            (made / MARK).touch()
            make_way(copy)
            made.replace(copy)


def _errors(checked: Checked) -> str:
    """All errors, each with its picture."""
    errors = [one for one in checked.findings if one.fault.verdict == "error"]
    told = [f"{one.image}: {one.fault.what}" for one in errors[:_SHOWN]]
    if len(errors) > _SHOWN:
        told.append(f"and {len(errors) - _SHOWN} more errors, which `cellwright check` lists")
    count = len({one.image for one in errors})
    verb = "pictures" if count > 1 else "picture"
    return f"{count} {verb} cannot teach what is right: " + "; ".join(told)


def _drawn(entry: Entry) -> Mapping[int, str]:
    drawn: Drawn = entry.read(None)
    return drawn.classes


def _classes(
    named: Mapping[str, Mapping[int, str]],
) -> tuple[tuple[str, ...], dict[str, dict[int, int]]]:
    """Names of the classes, and the class of each label of each picture."""
    classes = tuple(sorted({word for words in named.values() for word in words.values()}))
    if len(classes) < 2:
        return (), {}  # one class tells nothing
    place = {word: index for index, word in enumerate(classes)}
    return classes, {
        name: {label: place[word] for label, word in words.items()} for name, words in named.items()
    }
