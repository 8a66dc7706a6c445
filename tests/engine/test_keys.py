from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cellwright.engine.keys import array_hash, bytes_hash, file_digest, key_of


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.booleans(), max_size=6))
def test_the_order_of_parts_does_not_matter(parts: dict[str, int]) -> None:
    assert key_of(parts=parts) == key_of(parts=dict(reversed(parts.items())))


def test_different_parts_have_different_keys() -> None:
    keys = [key_of(a=1), key_of(a=1.0), key_of(a="1"), key_of(a=[1]), key_of(b=1), key_of(a=None)]

    assert len(set(keys)) == len(keys)


def test_an_array_is_more_than_its_bytes() -> None:
    zeros = np.zeros((2, 6), np.uint8)

    assert array_hash(zeros) != array_hash(zeros.reshape(3, 4))
    assert array_hash(zeros) != array_hash(zeros.view(np.uint16))
    assert array_hash(zeros) == array_hash(np.zeros((4, 12), np.uint8)[::2, ::2])


def test_a_file_is_hashed_whole(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "file").write_bytes(data)

    assert file_digest(tmp_path / "file") == hashlib.sha256(data).hexdigest() == bytes_hash(data)
