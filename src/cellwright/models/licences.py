"""Licences of models: the identifiers that a model file can hold."""

from __future__ import annotations

import difflib

from cellwright.core.errors import UsageError

__all__ = ["licence_named"]

_SHOWN = 3
"""Identifiers that a message tells."""
_USUAL = ("CC-BY-4.0", "MIT", "CC0-1.0")


def licence_named(text: str) -> str:
    """Find the SPDX identifier that somebody means, as it is spelt.

    Parameters
    ----------
    text
        The identifier, in small or large letters.

    Raises
    ------
    UsageError
        If there is none.

    Examples
    --------
    >>> licence_named("mit")
    'MIT'
    """
    known = {name.lower(): name for name in _identifiers()}
    wanted = text.strip().lower()
    if wanted in known:
        return known[wanted]
    near = [known[one] for one in difflib.get_close_matches(wanted, known, _SHOWN)]
    raise UsageError(
        f"{text!r} is no SPDX identifier of a licence",
        where="--licence",
        remedy=f"choose one of https://spdx.org/licenses, such as {', '.join(near or _USUAL)}",
    )


def _identifiers() -> list[str]:
    """Those that bioimage.io knows; of two that differ in their letters' size the newer is last."""
    from bioimageio.spec.model.v0_5 import DeprecatedLicenseId, LicenseId
    from pydantic import TypeAdapter

    kinds = (DeprecatedLicenseId, LicenseId)
    return [name for kind in kinds for name in TypeAdapter(kind).json_schema()["enum"]]
