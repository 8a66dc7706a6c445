"""Plots of the explorer as Vega-Lite has them; the page's script fills in data and titles."""

from __future__ import annotations

from typing import Any

__all__ = ["MOST_POINTS", "plots"]

MOST_POINTS = 20_000
"""Points that are drawn: an even sample of more cells. All can be reached from their pictures."""
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"  # a name, nothing is fetched
_HEIGHT = 360


def plots() -> dict[str, dict[str, Any]]:
    """One number against another, and one number by group.

    Returns
    -------
    dict
        ``scatter`` and ``strip``. Their data are called ``cells`` (with ``x``, ``y``, the group
        ``g``, a number ``j`` from 0 to 1 that spreads a strip, and the cell's place ``i``) and
        ``selected``; colours are those of the page.
    """
    number = {"type": "quantitative", "scale": {"zero": False, "nice": True}}
    across = {"field": "x", **number}
    up = {"field": "y", **number}
    strip = {
        "field": "g",
        "type": "nominal",
        "axis": {"labelAngle": 0, "labelLimit": 90, "grid": False},
    }
    spread = {"field": "j", "type": "quantitative", "scale": {"domain": [-0.15, 1.15]}}
    return {
        "scatter": _layers({"x": across, "y": up}),
        "strip": _layers({"x": strip, "xOffset": spread, "y": up}),
    }


def _layers(places: dict[str, Any]) -> dict[str, Any]:
    colour = {
        "field": "g",
        "type": "nominal",
        "scale": {},
        "legend": {"orient": "top", "title": None, "columns": 4, "labelLimit": 140},
    }
    cells = {
        "data": {"name": "cells"},
        "mark": {"type": "point", "filled": True, "size": 16, "opacity": 0.55, "cursor": "pointer"},
        "encoding": {**places, "color": colour},
    }
    selected = {
        "data": {"name": "selected"},
        "mark": {"type": "point", "size": 170, "strokeWidth": 2.5, "filled": False},
        "encoding": {**places, "color": {"value": "currentColor"}},
    }
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": _HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "layer": [cells, selected],
    }
