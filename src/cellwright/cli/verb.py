"""A verb of the command line, made from typed options models."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import Field
from pydantic.fields import FieldInfo

from cellwright.core.method import Options

__all__ = ["Asked", "Output", "Verb", "command_of"]


class Output(Options):
    """What a command prints; the same for all verbs."""

    json_: bool = Field(
        False, alias="json", description="Print one JSON object to standard output."
    )
    quiet: bool = Field(False, description="Print errors only.")
    verbose: bool = Field(False, description="Print every message.")


@dataclass(frozen=True)
class Asked:
    """What was typed.

    Attributes
    ----------
    values
        From the name of each argument and option to its value.
    given
        Names of those that were typed, and not left at their default.
    """

    values: Mapping[str, Any]
    given: frozenset[str]

    def of(self, model: type[Options]) -> dict[str, Any]:
        """Values of the fields of an options model that were typed."""
        return {name: self.values[name] for name in model.model_fields if name in self.given}

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


@dataclass(frozen=True)
class Verb:
    """A verb: what it takes, and what it does.

    Found by the entry point group ``cellwright.verbs``. See the how-to "Add a verb".

    Attributes
    ----------
    help
        One or two sentences.
    run
        Does it; gives the exit code.
    inputs
        Positional arguments: name and help; ``inputs`` takes any number.
    paths
        Options that are paths, beside those of the models: name and help.
    required
        Names of `paths` without which the verb makes no sense.
    models
        Options models whose fields become options.
    flags
        Further switches: name and help.
    example
        A command to copy.
    """

    help: str
    run: Callable[[Asked], int]
    inputs: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    models: tuple[type[Options], ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)
    example: str | None = None


_SHORT = {"quiet": "-q", "verbose": "-v", "out": "-o"}


def command_of(verb: Verb) -> Callable[..., int]:
    """Make the function that the command line calls, with a parameter for each option."""

    def command(ctx: typer.Context, **values: Any) -> int:
        # click says where each value came from; its class is not part of typer's own names
        given = frozenset(
            name
            for name in values
            if str(ctx.get_parameter_source(name)).endswith(("COMMANDLINE", "ENVIRONMENT"))
        )
        clean = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return verb.run(Asked(clean, given))

    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
            *_parameters(verb),
        ],
        return_annotation=int,
    )
    return command


def _parameters(verb: Verb) -> list[inspect.Parameter]:
    parameters = []
    for name, text in verb.inputs.items():
        kind: Any = list[Path] if name == "inputs" else Path
        made = typer.Argument(help=text)
        parameters.append(_parameter(name, kind, made, inspect.Parameter.empty))
    for name, text in verb.paths.items():
        needed = name in verb.required
        made = typer.Option(*_names(name), help=text, metavar="PATH")
        default = inspect.Parameter.empty if needed else None
        parameters.append(_parameter(name, Path if needed else Path | None, made, default))
    for model in verb.models:
        for name, info in model.model_fields.items():
            parameters.append(_field(name, info))
    for name, text in verb.flags.items():
        made = typer.Option(f"--{name.replace('_', '-')}", help=text)
        parameters.append(_parameter(name, bool, made, False))
    return parameters


def _names(name: str) -> list[str]:
    long = "--" + name.rstrip("_").replace("_", "-")
    return [long, _SHORT[name]] if name in _SHORT else [long]


def _field(name: str, info: FieldInfo) -> inspect.Parameter:
    kind, metavar = _shown(info.annotation)
    made = typer.Option(
        *_names(name),
        help=info.description,
        metavar=metavar,
        show_default=not info.is_required() and info.default not in (None, (), False),
    )
    if info.is_required():
        return _parameter(name, kind, made, inspect.Parameter.empty)
    default = list(info.default) if isinstance(info.default, tuple) else info.default
    return _parameter(name, kind, made, default)


def _shown(annotation: Any) -> tuple[Any, str | None]:
    """Type that the command line parses, and the word that stands for the value."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shown(parts[0])
    if origin in {UnionType, Union}:
        kind, metavar = _shown(next(p for p in parts if p is not NoneType))
        return kind | None, metavar
    if origin is tuple:
        return list[parts[0]], "TEXT"  # type: ignore[valid-type]
    if origin is Literal:
        return annotation, None
    return annotation, {int: "N", float: "NUMBER", str: "TEXT", bool: None}.get(annotation)


def _parameter(name: str, kind: Any, made: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[kind, made], default=default
    )
