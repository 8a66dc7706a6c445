"""``statements.toml``: what a person states of an experiment, kept beside its report."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from cellwright.core.errors import UsageError
from cellwright.core.statements import STATEMENTS

__all__ = ["FILE", "kept_statements", "read_statements", "statements_text"]

FILE = "statements.toml"
_LONGEST = 2_000


def read_statements(path: Path) -> dict[str, str]:
    """Read what a person states; what is left empty is not stated.

    Raises
    ------
    UsageError
        If it cannot be read, or states what is not asked.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(f"these statements cannot be read: {error}", where=str(path)) from error
    stated = {}
    for name, value in content.items():
        if name not in STATEMENTS:
            raise UsageError(
                f"'{name}' is not asked", where=str(path), remedy=f"state {', '.join(STATEMENTS)}"
            )
        if not isinstance(value, str):
            raise UsageError(f"{name} is no text", where=str(path), remedy=f'write {name} = "…"')
        if len(value) > _LONGEST:
            raise UsageError(
                f"{name} is longer than {_LONGEST:,} characters: it stands in the report",
                where=str(path),
            )
        plain = "".join(one if one.isprintable() else " " for one in value)
        if text := " ".join(plain.split()):
            stated[name] = text
    return {name: stated[name] for name in STATEMENTS if name in stated}


def kept_statements(folder: Path) -> dict[str, str]:
    """Read what was stated before; nothing where there is no such file."""
    path = folder / FILE
    return read_statements(path) if path.is_file() else {}


def statements_text(stated: Mapping[str, str]) -> str:
    """Write statements down; each that is missing as a comment, to be filled in.

    Examples
    --------
    >>> 'stain = "DAPI"' in statements_text({"stain": "DAPI"}).splitlines()
    True
    """
    lines = ["# What only a person can tell; `cellwright report` puts it into the checklist."]
    for name, about in STATEMENTS.items():
        lines += ["", f"# {about}"]
        lines.append(
            f"{name} = {json.dumps(stated[name], ensure_ascii=False)}"
            if name in stated
            else f'# {name} = ""'
        )
    return "\n".join(lines) + "\n"
