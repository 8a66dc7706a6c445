"""The audit that a run keeps, to be shown in its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cellwright.core.errors import UnreadableError
from cellwright.pipeline.audit.key import run_digest

__all__ = ["FOLDER", "FORMAT", "RECORD", "kept_audit"]

FOLDER, RECORD = "audit", "audit.json"
FORMAT = {"format": "cellwright-audit", "version": 1}


def kept_audit(run: Path) -> dict[str, Any] | None:
    """Read the audit of a run, and tell whether the run is still as it was then.

    Returns
    -------
    dict or None
        None where there was no audit.

    Raises
    ------
    UnreadableError
        If the file is no audit.
    """
    path = run / FOLDER / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_bytes())
    except ValueError as error:
        raise UnreadableError("this is no audit", where=str(path)) from error
    if not isinstance(record, dict) or any(record.get(k) != v for k, v in FORMAT.items()):
        raise UnreadableError(
            "this is no audit that this version reads",
            where=str(path),
            remedy="audit the run again, or take the file away",
        )
    return {**record, "current": record.get("run") == run_digest(run)}
