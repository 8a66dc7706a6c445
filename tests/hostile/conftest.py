"""The same small pictures as for whole commands."""

from __future__ import annotations

from tests.e2e.conftest import cellwright, pictures

__all__ = ["cellwright", "pictures"]
