"""Text in CSV: what divides its cells, and how a spreadsheet cannot take it for a formula.

A text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return is run as a
formula by spreadsheets, so a file name can do harm (CWE-1236). It gets one leading
apostrophe, which spreadsheets hide and our reader removes. A text of apostrophes before such
a beginning gets one more, so that what was written comes back as it was.
"""

from __future__ import annotations

import re

__all__ = ["delimiter_of", "escape", "unescape"]

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")
_DELIMITERS = ",;\t"
_STATED = re.compile(r'"?sep=(.)"?[,;\t\s]*', re.IGNORECASE)


def delimiter_of(first: str) -> tuple[str, bool]:
    """Tell what divides the cells of a table, by its first line.

    Returns
    -------
    tuple
        The character, and whether the line tells nothing else, as Excel writes and reads it.

    Examples
    --------
    >>> delimiter_of("image;area_px"), delimiter_of("sep=;")
    ((';', False), (';', True))
    """
    if stated := _STATED.fullmatch(first.rstrip("\r\n")):
        return stated[1], True
    return max(_DELIMITERS, key=first.count), False


def escape(text: str) -> str:
    """Give `text` as it may stand in a CSV cell; numbers never come here.

    Examples
    --------
    >>> escape("=1+1"), escape("'=1"), escape("nucleus"), escape("'t Hooft")
    ("'=1+1", "''=1", 'nucleus', "'t Hooft")
    """
    return "'" + text if _FORMULA.match(text) else text


def unescape(text: str) -> str:
    """Give back what `escape` was given.

    Examples
    --------
    >>> unescape("'=1+1"), unescape("''=1"), unescape("'t Hooft")
    ('=1+1', "'=1", "'t Hooft")
    """
    return text[1:] if _ESCAPED.match(text) else text
