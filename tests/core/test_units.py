from __future__ import annotations

import pytest

from cellwright.core.errors import UsageError
from cellwright.core.units import parse_duration, parse_length, parse_memory, parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.65um", 0.65), ("0.65 µm", 0.65), ("650nm", 0.65), ("2 mm", 2000.0), ("1e-1um", 0.1)],
)
def test_lengths_are_read_in_micrometres(text: str, expected: float) -> None:
    assert parse_length(text) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("text", ["0.65", "um", "-1um", "0um", "5min", "1 2um", "", "nanum"])
def test_what_is_no_length_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"0\.65um"):
        parse_length(text)


@pytest.mark.parametrize(("text", "expected"), [("30s", 30), ("5min", 300), ("1.5h", 5400)])
def test_durations_are_read_in_seconds(text: str, expected: float) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["5", "min", "5um", "0s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


def test_memory_is_read_in_bytes() -> None:
    assert parse_memory("4GB") == 4 * 10**9
    assert parse_memory("2GiB") == 2 * 2**30
    with pytest.raises(UsageError, match="4GB"):
        parse_memory("lots")


def test_a_size_keeps_its_unit() -> None:
    assert parse_size("18px") == (18.0, "px")
    assert parse_size("12um") == (12.0, "um")
    with pytest.raises(UsageError):
        parse_size("12")
