"""What a lab writes into names: doses, times, replicates, plates, dates, controls.

Nothing here knows more than one name; what the names of a batch have in common is decided in
`cellwright.io.sample_template`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from cellwright.io.pattern import well_name

__all__ = ["NameParts", "part_name"]

_NUMBER = r"(?:0_[0-9]+|[0-9]+(?:[.,p][0-9]+)?)"
_UNITS = (
    r"(?:[fpnuµμm]M|(?:[pnuµμm]g)(?:[ _-]?(?:per|/)?[ _-]?m[lL])?|(?:I?U)(?:[ _-]?(?:per|/)?m[lL])?"
    r"|c?Gy|kPa|%|pct|percent)"
)
_DOSE = re.compile(rf"(?<![0-9.,])(?P<number>{_NUMBER})[ _-]?(?P<unit>{_UNITS})(?![A-Za-z])")
_MOI = re.compile(rf"(?i)(?<![A-Za-z])(?P<unit>moi)[ _-]?(?P<number>{_NUMBER})(?![0-9A-Za-z])")

_TIME = re.compile(
    r"(?i)(?<![0-9A-Za-z.,])(?P<number>[0-9]+(?:[.,][0-9]+)?)[ _-]?"
    r"(?P<unit>hpi|hrs?|hours?|h|mins?|minutes?|days?|dpi|weeks?|wks?)(?![A-Za-z])"
)
_AGE = re.compile(r"(?i)(?<![A-Za-z])(?P<unit>day|div|week|hour)[ _-]?(?P<number>[0-9]+)(?![0-9])")
_TIME_UNITS = {
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "hpi": "hpi", "min": "min",
    "mins": "min", "minute": "min", "minutes": "min", "day": "d", "days": "d", "dpi": "dpi",
    "div": "DIV", "week": "weeks", "weeks": "weeks", "wk": "weeks", "wks": "weeks",
}  # fmt: skip

_DATE = re.compile(r"(?<![0-9])(20[0-9]{2})([-_.]?)([01][0-9])\2([0-3][0-9])(?![0-9])")
_SHORT_DATE = re.compile(r"(?<![0-9A-Za-z])([12][0-9])([01][0-9])([0-3][0-9])(?![0-9A-Za-z])")

_COUNTED = {
    "experiment": r"exp|experiment|biorep|biological[ _-]?replicate|run",
    "replicate": r"rep|repl|replicate|r|n",
    "plate": r"plate|pl",
    "batch": r"batch",
    "donor": r"donor|patient|subject|mouse|animal|embryo",
    "field": r"field|fov|site|pos|position|img|image|pic|picture|view|s|f",
    "passage": r"p|passage",
    "moment": r"t|time|timepoint|frame",
}
"""Words that a number follows. The shortest ones count only as a token of their own."""
_COUNTERS = {
    name: re.compile(
        rf"(?i)(?<![0-9A-Za-z])(?:{words})[ _-]?(?P<number>[0-9]{{1,5}})(?![0-9A-Za-z])"
    )
    for name, words in _COUNTED.items()
}

_POSITIVE = re.compile(r"(?i)(?<![A-Za-z])pos(?:itive)?[ _-]?(?:control|ctrl|ctl)(?![A-Za-z])")
_CONTROL = re.compile(
    r"(?i)(?<![A-Za-z])(?:neg(?:ative)?[ _-]?)?(?P<kind>control|ctrl|ctl|untreated|vehicle|dmso"
    r"|mock|scrambled?|non[ _-]?treated)s?(?![A-Za-z])"
)
_SAME = {"ctrl": "control", "ctl": "control", "scrambled": "scramble"}

_CHANNELS = re.compile(
    r"(?i)(?<![0-9A-Za-z])(?:dapi|hoechst|gfp|egfp|rfp|mcherry|yfp|cfp|fitc|tritc|cy3|cy5|ch[0-9]{1,2}"
    r"|brightfield|phase|bf)(?![0-9A-Za-z])"
)
_WELL = re.compile(r"(?<![0-9A-Za-z])(?:well[ _-]?)?([A-P](?:0[1-9]|1[0-9]|2[0-4]))(?![0-9A-Za-z])")
_SPLIT = re.compile(r"[_\s]+|--+|(?<=[^0-9])\.|\.(?=[^0-9])")
_TAIL = re.compile(r"(.*[^0-9-])-([0-9]+)\Z")


@dataclass(frozen=True)
class NameParts:
    """What one name says.

    Attributes
    ----------
    dose, dose_unit, time, date, well
        Empty where the name has none.
    counters
        From what is counted (``replicate``, ``plate``, ``field``, …) to its number.
    control
        The word for a negative control; `positive` for a positive one.
    words, numbers
        What is left: words, and numbers that nothing explains, in order.
    """

    dose: str = ""
    dose_unit: str = ""
    time: str = ""
    date: str = ""
    well: str = ""
    counters: dict[str, str] = field(default_factory=dict)
    control: str = ""
    positive: bool = False
    words: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


def part_name(text: str) -> NameParts:
    """Take a name without its extension apart.

    Examples
    --------
    >>> parts = part_name("tatmn_80ng_3")
    >>> parts.words, parts.dose, parts.dose_unit, parts.numbers
    (('tatmn',), '80', 'ng', ('3',))
    >>> parts = part_name("2023-02-21_drug0p5uM_24h_rep2")
    >>> parts.date, parts.words, parts.dose, parts.time, parts.counters
    ('2023-02-21', ('drug',), '0.5', '24 h', {'replicate': '2'})
    """
    found: dict[str, str] = {}
    text = _take_date(text, found)
    well = _WELL.search(text)
    if well is not None:
        found["well"] = well_name(well[1])
        text = _cut(text, well)
    for expression in (_DOSE, _MOI):
        dose = expression.search(text)
        if dose is not None and "dose" not in found:
            number = dose["number"].replace(",", ".").replace("p", ".").replace("_", ".")
            found["dose"] = str(int(number)) if number.isdecimal() else number
            found["dose_unit"] = dose["unit"]
            text = _cut(text, dose)
    for expression in (_TIME, _AGE):
        time = expression.search(text)
        if time is not None and "time" not in found:
            unit = _TIME_UNITS[time["unit"].lower()]
            found["time"] = f"{time['number'].replace(',', '.')} {unit}"
            text = _cut(text, time)
    positive = _POSITIVE.search(text)
    text = _cut(text, positive)
    control = _CONTROL.search(text) if positive is None else None
    text = _cut(text, control)
    counters = {}
    for name, expression in _COUNTERS.items():
        counter = expression.search(text)
        if counter is not None:
            counters[name] = str(int(counter["number"]))
            text = _cut(text, counter)
    text = _CHANNELS.sub("_", text)
    words, numbers = _left(text)
    kind = re.sub(r"[ _-]", "", control["kind"].lower()) if control is not None else ""
    return NameParts(
        dose=found.get("dose", ""),
        dose_unit=found.get("dose_unit", ""),
        time=found.get("time", ""),
        date=found.get("date", ""),
        well=found.get("well", ""),
        counters=counters,
        control=_SAME.get(kind, kind),
        positive=positive is not None,
        words=words,
        numbers=numbers,
    )


def _cut(text: str, match: re.Match[str] | None) -> str:
    return text if match is None else text[: match.start()] + "_" + text[match.end() :]


def _take_date(text: str, found: dict[str, str]) -> str:
    """Take out the first date that is one; six digits are one only between 2010 and 2029."""
    for expression, century in ((_DATE, ""), (_SHORT_DATE, "20")):
        for match in expression.finditer(text):
            groups = match.groups()
            try:
                day = date(int(century + groups[0]), int(groups[-2]), int(groups[-1]))
            except ValueError:
                continue
            found["date"] = day.isoformat()
            return _cut(text, match)
    return text


def _left(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words and numbers of what nothing else explains."""
    words: list[str] = []
    numbers: list[str] = []
    for token in _SPLIT.split(text):
        clean = token.strip("-.,;+()[]")
        tail = _TAIL.match(clean)
        for part in tail.groups() if tail is not None else (clean,):
            if part.isdecimal():
                numbers.append(str(int(part)) if len(part) < 19 else part)
            elif part:
                words.append(part)
    return tuple(words), tuple(numbers)
