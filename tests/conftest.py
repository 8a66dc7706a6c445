"""What all tests share: the folder of real data where it exists, no network, no stopwatch."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes tells of the machine, and what else it does; benchmarks measure time.
settings.register_profile("cellwright", deadline=None)
settings.load_profile("cellwright")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real pictures beside the repository; the test is skipped where it is not."""
    folder = Path(
        os.environ.get(
            "CELLWRIGHT_SHARED_DATA",
            Path(__file__).resolve().parents[2] / "shared" / "data",
        )
    )
    if not folder.is_dir():
        pytest.skip("the shared data are not here (set CELLWRIGHT_SHARED_DATA to their folder)")
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        local = not isinstance(address, tuple) or address[0] in {"127.0.0.1", "::1", "localhost"}
        if not local:
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
