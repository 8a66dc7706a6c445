"""The templates of the report: every value that is filled in is escaped."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cellwright.report.wording import counted, quantity, visible

__all__ = ["Markup", "asset", "fill"]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cellwright.report", "assets/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(visible=visible, quantity=quantity)
    environment.globals.update(counted=counted)
    return environment


def fill(template: str, **values: Any) -> Markup:
    """Fill in a template of ``assets/templates``.

    Text is escaped, what is Markup already is not. A value that is missing is an error, not
    a gap.
    """
    return Markup(_environment().get_template(template).render(**values))  # noqa: S704  (autoescaped)


@cache
def asset(path: str) -> str:
    """Text of a file below ``assets``."""
    return files("cellwright.report").joinpath("assets", path).read_text(encoding="utf-8")
