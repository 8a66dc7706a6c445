"""Imported once by the server from which workers are forked: they start with all they need."""

from __future__ import annotations

from cellwright.core.registry import load_all
from cellwright.pipeline import drawing, plane_set, probe

__all__ = ["loaded"]

loaded = {
    "modules": (drawing, plane_set, probe),
    "parts": {
        group: load_all(f"cellwright.{group}")
        for group in ("readers", "methods", "features", "filters", "checks")
    },
}
