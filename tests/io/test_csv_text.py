"""Text in CSV: no formula gets through, and everything comes back."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from cellwright.io.csv_text import escape, unescape

TEXT = st.text(st.sampled_from("'=+-@\t\rab1 \n")) | st.text()


@given(TEXT)
@example("'=1")
@example("''")
def test_what_was_written_comes_back(text: str) -> None:
    assert unescape(escape(text)) == text


@given(TEXT)
def test_nothing_that_a_spreadsheet_would_run_is_written(text: str) -> None:
    assert not escape(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_plain_text_is_left_alone() -> None:
    assert [escape(text) for text in ("", "a=b", "'t Hooft", "3")] == ["", "a=b", "'t Hooft", "3"]
