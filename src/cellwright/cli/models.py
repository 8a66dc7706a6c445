"""`cellwright models`: which models there are, what they are for, are they sound; and joined."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from cellwright.cli.face import progress
from cellwright.cli.interrupt import CANCEL
from cellwright.cli.verb import Asked, Output, Verb
from cellwright.core.errors import InputError, UsageError
from cellwright.core.method import Options

if TYPE_CHECKING:
    from cellwright.evaluation.summary import Summary
    from cellwright.models.ensemble import Ensemble

__all__ = ["VERB"]

_SOME_FAILED = 1


class Naming(Options):
    """What an imported or joined model is called."""

    name: str | None = Field(
        None,
        description="Name of an imported model, or of joined ones; its own, or that of --out, if "
        "not given.",
    )


class Foreign(Options):
    """What a package of another program does not say."""

    decoder: Literal["walls", "components"] | None = Field(
        None, description="What makes objects of the maps of another program's network."
    )
    channels: str | None = Field(
        None,
        description="Maps of another program's network, in their order: foreground, border, or - "
        "for one that is not used, with commas.",
    )


class Joining(Options):
    """What joined models do not say, and what their confidence is fitted to."""

    licence: str | None = Field(
        None, description="Of joined models that have several licences: an SPDX identifier."
    )
    leave_out: bool = Field(
        False,
        description="With --on: leave out pictures that a model has learnt from, with their "
        "groups, and pictures with errors, which else stop everything.",
    )


def _list(names: Sequence[str], asked: Asked) -> int:
    from cellwright.models.catalogue import catalogue, user_folder
    from cellwright.models.model import read_model

    if names:
        raise UsageError("`models list` takes no name", remedy="cellwright models info NAME")
    rows: list[dict[str, Any]] = []
    for entry in catalogue():
        row: dict[str, Any] = {"name": entry.name, "origin": entry.origin, "path": str(entry.path)}
        try:
            model = read_model(entry.path)
            row |= {
                "version": model.description.version,
                "description": model.description.description,
                "licence": model.description.licence,
                "digest": model.digest,
            }
        except InputError as error:
            row["error"] = error.reason
        rows.append(row)
    if asked["json_"]:
        print(json.dumps({"models": rows, "user_folder": str(user_folder())}, indent=1))
        return 0
    for row in rows:
        said = row.get("error") or f"version {row['version']}: {row['description']}"
        print(f"{row['name']} ({row['origin']}), {_one_line(said)}")
    if not asked["quiet"]:
        print(f"{len(rows)} models; your own are kept in {user_folder()}")
    return 0


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _info(names: Sequence[str], asked: Asked) -> int:
    from cellwright.models.card import card_lines
    from cellwright.models.model import model_named

    models = [model_named(name) for name in names]
    if asked["json_"]:
        cards = [
            {
                **model.description.model_dump(mode="json"),
                "digest": model.digest,
                "attachments": list(model.attachments),
            }
            for model in models
        ]
        print(json.dumps({"models": cards}, indent=1))
        return 0
    for model in models:
        for line in card_lines(model.description):
            print(line)
        print(f"file: SHA-256 {model.digest}")
        if model.attachments:
            print(f"attached: {', '.join(model.attachments)}")
    return 0


def _check(names: Sequence[str], asked: Asked) -> int:
    from cellwright.models.check import check_model

    found = {name: check_model(name) for name in names}
    passed = all(finding.passed for findings in found.values() for finding in findings)
    if asked["json_"]:
        rows = [
            {
                "model": name,
                "passed": all(finding.passed for finding in findings),
                "checks": [
                    {"check": f.check, "passed": f.passed, "words": f.words} for f in findings
                ],
            }
            for name, findings in found.items()
        ]
        print(json.dumps({"models": rows, "passed": passed}, indent=1))
    else:
        for name, findings in found.items():
            for finding in findings:
                if not (asked["quiet"] and finding.passed):
                    state = "passed" if finding.passed else "FAILED"
                    print(f"{name}: {finding.check} {state}: {_one_line(finding.words)}")
    return 0 if passed else _SOME_FAILED


def _import(names: Sequence[str], asked: Asked) -> int:
    if asked["name"] is not None and len(names) > 1:
        raise UsageError("several models cannot have one name", where="--name")
    rows = [_import_one(Path(name), asked) for name in names]
    if asked["json_"]:
        print(json.dumps({"models": rows}, indent=1))
    elif not asked["quiet"]:
        for row in rows:
            for words in row.get("decided", ()):
                print(f"{row['name']}: {words}")
            print(f"{row['path']}: use it with --model {row['name']}")
    return 0


def _import_one(path: Path, asked: Asked) -> dict[str, Any]:
    from cellwright.models.check import import_model
    from cellwright.models.foreign.importing import import_foreign
    from cellwright.models.foreign.package import foreign_package

    package = foreign_package(path)
    channels, decoder = asked["channels"], asked["decoder"]
    if package is None:
        if channels is not None or decoder is not None:
            raise UsageError(
                "this model says itself what its maps are",
                where=str(path),
                remedy="leave --channels and --decoder away",
            )
        entry = import_model(path, asked["name"])
        return {"name": entry.name, "path": str(entry.path)}
    named = None if channels is None else [word.strip() for word in channels.split(",")]
    made = import_foreign(package, asked["name"], named, decoder)
    return {
        "name": made.entry.name,
        "path": str(made.entry.path),
        "decoder": made.description.decoder.name,
        "channels": list(made.description.channels),
        "difference": made.difference,
        "decided": [*made.words],
    }


def _join(names: Sequence[str], asked: Asked) -> int:
    from cellwright.api import join_models

    if asked["out"] is None:
        raise UsageError(
            "`models join` needs a file for the whole",
            remedy="cellwright models join A.zip B.zip --out ENSEMBLE.zip",
        )
    with progress(asked) as listener:
        made, summary = join_models(
            names,
            asked["out"],
            name=asked["name"],
            licence=asked["licence"],
            on=asked["on"],
            images=asked["images"],
            leave_out=asked["leave_out"],
            listener=listener,
            cancel=CANCEL,
        )
    if asked["json_"]:
        print(json.dumps(_joined(made, summary, asked["out"]), indent=1))
    elif not asked["quiet"]:
        for words in made.words:
            print(f"{made.description.name}: {words}")
        if summary is not None:
            for score, estimate in made.description.scores["validation"].items():
                print(f"  {score}: {_estimate(estimate)}")
        print(f"{asked['out']}: use it with --model {asked['out']}")
    return 0


def _estimate(found: dict[str, float | None]) -> str:
    ends = [found["low"], found["high"]]
    around = "" if None in ends else f" [{ends[0]:.3f}, {ends[1]:.3f}]"
    return f"{found['value']:.3f}{around}"


def _joined(made: Ensemble, summary: Summary | None, out: Path) -> dict[str, Any]:
    description = made.description
    return {
        "name": description.name,
        "path": str(out),
        "members": description.architecture.options["members"],
        "weights_bytes": len(made.weights),
        "calibration": dict(description.calibration),
        "scores": {} if summary is None else summary.overall.to_json(),
    }


_ACTIONS: dict[str, Callable[[Sequence[str], Asked], int]] = {
    "list": _list,
    "info": _info,
    "check": _check,
    "import": _import,
    "join": _join,
}
_OF_JOIN = ("out", "on", "images")


def _run(asked: Asked) -> int:
    action, *names = (str(word) for word in asked["inputs"])
    if action not in _ACTIONS:
        raise UsageError(f"there is no `models {action}`", remedy="choose " + ", ".join(_ACTIONS))
    if action != "list" and not names:
        raise UsageError(
            f"`models {action}` needs a model",
            remedy=f"cellwright models {action} {'PATH' if action == 'import' else 'NAME|PATH'}",
        )
    if action != "join" and (given := [name for name in _OF_JOIN if asked[name] is not None]):
        raise UsageError(f"--{given[0]} is for `models join`", remedy=f"leave --{given[0]} away")
    return _ACTIONS[action](names, asked)


VERB = Verb(
    help="List models, show the card of one, check it, import one into your folder of models, or "
    "join several to one.",
    run=_run,
    inputs={
        "inputs": "list; info NAME|PATH; check NAME|PATH; import PATH; join NAME|PATH NAME|PATH. A "
        "PATH ends in .zip."
    },
    paths={
        "out": "File for joined models, which ends in .zip.",
        "on": "Annotated pictures that none of the joined models has learnt from: their "
        "confidence is fitted to them, and their scores are of them.",
        "images": "With --on: folder of the pictures, where the annotations do not hold them.",
    },
    models=(Naming, Foreign, Joining, Output),
    example="cellwright models info nuclei",
)
