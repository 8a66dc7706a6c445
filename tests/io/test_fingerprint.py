"""The fingerprint of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellwright.core.errors import UnreadableError
from cellwright.io.fingerprint import file_hash


def test_known_value_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(b"abc")  # FIPS 180-4, example of SHA-256
    assert file_hash(tmp_path / "a b") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="gone"):
        file_hash(tmp_path / "gone")
