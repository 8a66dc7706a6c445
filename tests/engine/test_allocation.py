"""Memory that is kept for what is asked for next."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from cellwright.engine.allocation import keep_freed_memory
if {kept}:
    assert keep_freed_memory()
for _ in range(20):
    held = [np.ones(2**20) for _ in range(8)]
    del held
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def faults(kept: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(kept=kept)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this setting")
def test_memory_that_is_asked_for_again_is_not_fetched_from_the_system_again() -> None:
    """Twenty times 64 MB, of which only the first needs pages of the system."""
    assert faults(kept=True) < faults(kept=False) / 3
