"""The table samples.csv: which picture is of what condition, replicate, well or dose."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from cellwright.core.errors import UsageError
from cellwright.io.csv_text import delimiter_of, unescape

__all__ = ["KNOWN_COLUMNS", "Match", "SampleRow", "Samples", "is_ambiguous", "read_samples"]

KNOWN_COLUMNS = (
    "image", "condition", "replicate", "well", "plate", "batch", "donor", "compound", "dose",
    "dose_unit", "time", "role", "channel", "pixel_size_um", "exclude", "exclude_reason",
)  # fmt: skip
"""Columns with a meaning; all others are the user's own."""

_NEEDED = ("image", "condition")
_LARGEST = 2**26  # bytes: a line of 100 bytes for over half a million pictures
_YES = {"1", "yes", "y", "true", "x"}
_NO = {"", "0", "no", "n", "false"}


@dataclass(frozen=True)
class SampleRow:
    """One row: what is known of one picture. Text is empty, a number None, where it is not.

    Attributes
    ----------
    image
        As in the file, with slashes between folders.
    dose, pixel_size_um
        Numbers; with a decimal comma too.
    exclude
        Whether to leave the picture out, and why in `exclude_reason`.
    others
        The user's own columns, as text.
    line
        Where it stands in the file, counted from 1, for messages.
    """

    image: str
    condition: str
    replicate: str = ""
    well: str = ""
    plate: str = ""
    batch: str = ""
    donor: str = ""
    compound: str = ""
    dose: float | None = None
    dose_unit: str = ""
    time: str = ""
    role: str = ""
    channel: str = ""
    pixel_size_um: float | None = None
    exclude: bool = False
    exclude_reason: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True)
class Match:
    """Which row is of which picture, and what is left on either side."""

    rows: Mapping[str, SampleRow]
    unmatched_images: tuple[str, ...] = ()
    unmatched_rows: tuple[SampleRow, ...] = ()


@dataclass(frozen=True)
class Samples:
    """A table of samples.

    Attributes
    ----------
    path
        The file, for messages.
    rows
        In the order of the file.
    columns
        All columns, in the order of the file.
    """

    path: Path
    rows: tuple[SampleRow, ...]
    columns: tuple[str, ...]

    def match(self, images: Sequence[str]) -> dict[str, SampleRow]:
        """Find the row of each picture: by its path, else by a name that is unique.

        Parameters
        ----------
        images
            Identities of the pictures.

        Returns
        -------
        dict
            From image to row; a picture without one is not in it.

        Raises
        ------
        UsageError
            If two rows are of one picture, or a name in the table stands for several.
        """
        return dict(self.join(images).rows)

    def unmatched(self, images: Sequence[str]) -> tuple[tuple[str, ...], tuple[SampleRow, ...]]:
        """Pictures that have no row, and rows that have no picture."""
        joined = self.join(images)
        return joined.unmatched_images, joined.unmatched_rows

    def join(self, images: Sequence[str]) -> Match:
        """Match both ways at once; see `match`."""
        claims: dict[str, list[SampleRow]] = {}
        exact = set(images)
        by_scene = _group(images, lambda image: image.partition("::")[0])
        by_name = _group(images, lambda image: PurePosixPath(image).name)
        by_stem = _group(images, lambda image: PurePosixPath(image.partition("::")[0]).stem)
        left = []
        for row in self.rows:
            wanted = row.image
            if wanted in exact:
                meant = [wanted]
            elif wanted in by_scene:  # one row for all scenes of a file
                meant = by_scene[wanted]
            else:
                name = PurePosixPath(wanted).name
                meant = by_name.get(name) or by_stem.get(name) or []
                if len({image.partition("::")[0] for image in meant}) > 1:
                    raise self._error(
                        f"{wanted!r} stands for several pictures: {_few(meant)}",
                        row.line,
                        "write the path relative to the input folder",
                    )
            if not meant:
                left.append(row)
            for image in meant:
                claims.setdefault(image, []).append(row)
        rows = {}
        for image in images:
            own = [row for row in claims.get(image, ()) if row.image == image]
            chosen = own or claims.get(image, [])
            if len(chosen) > 1:
                lines = " and ".join(str(row.line) for row in chosen)
                raise self._error(f"lines {lines} are both of {image!r}", 0, "leave one of them")
            if chosen:
                rows[image] = chosen[0]
        without = tuple(image for image in images if image not in rows)
        return Match(rows, without, tuple(left))

    def _error(self, what: str, line: int, remedy: str) -> UsageError:
        where = f"{self.path}, line {line}" if line else str(self.path)
        return UsageError(what, where=where, remedy=remedy)


def _group(images: Sequence[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for image in images:
        groups.setdefault(key(image), []).append(image)
    return groups


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def read_samples(path: Path | str) -> Samples:
    r"""Read a ``samples.csv``.

    UTF-8, with or without a byte order mark; columns are divided by commas, semicolons or
    tabs. The apostrophe that keeps a text from being a formula is taken away again.

    Raises
    ------
    UsageError
        Naming the line: if the file cannot be read, a needed column (image, condition) is
        missing or given twice, a number is none, or two rows are of the same picture.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "samples.csv")
    ...     _ = path.write_text("image;condition;dose\na.tif;drug;0,5\n")
    ...     row = read_samples(path).rows[0]
    >>> row.condition, row.dose
    ('drug', 0.5)
    """
    path = Path(path)
    delimiter, lines = _lines(path)
    try:
        header = [unescape(name.strip()) for name in next(lines)[1]]
    except StopIteration:
        raise _usage(path, 1, "the table is empty", "begin it with image,condition") from None
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise _usage(
            path,
            1,
            f"there is no column {' or '.join(missing)}",
            f"the columns are {', '.join(header)}: add or rename one",
        )
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if repeated:
        raise _usage(path, 1, f"the column {repeated[0]} is there twice", "leave one of them")
    rows = [_row(path, line, header, cells, delimiter) for line, cells in lines]
    first: dict[str, int] = {}
    for row in rows:
        if row.image in first:
            raise _usage(
                path,
                row.line,
                f"{row.image!r} has a row already, in line {first[row.image]}",
                "leave one of them",
            )
        first[row.image] = row.line
    return Samples(path, tuple(rows), tuple(name for name in header if name))


def _usage(path: Path, line: int, what: str, remedy: str) -> UsageError:
    return UsageError(what, where=f"{path}, line {line}", remedy=remedy)


def _lines(path: Path) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """Give what divides cells, then line number and cells of each line that is not blank."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"the table cannot be read ({error.strerror})",
            where=str(path),
            remedy="look whether it is there and may be read",
        ) from error
    if len(raw) > _LARGEST:
        raise _usage(path, 1, "the table is too large", "give one row a picture, not a cell")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _usage(path, line, "the text is not UTF-8", "save it as CSV UTF-8") from error
    delimiter, is_stated = delimiter_of(text.partition("\n")[0])
    lines = _cells(path, text, delimiter)
    return delimiter, islice(lines, int(is_stated), None)


def _cells(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise _usage(
            path, reader.line_num, f"the line is damaged ({error})", "see to its quotes"
        ) from error


def _row(
    path: Path, line: int, header: Sequence[str], cells: Sequence[str], delimiter: str
) -> SampleRow:
    if any(cell.strip() for cell in cells[len(header) :]):
        raise _usage(
            path, line, f"{len(cells)} cells for {len(header)} columns", "quote text with commas"
        )
    filled = [*cells, *[""] * (len(header) - len(cells))]
    text = {
        name: unescape(cell if name == "image" else cell.strip())
        for name, cell in zip(header, filled, strict=False)
        if name
    }
    image = text.pop("image").replace("\\", "/").removeprefix("./")
    if not image:
        raise _usage(path, line, "the row names no image", "fill it in or take the row out")
    known = {name: text.pop(name, "") for name in KNOWN_COLUMNS[1:]}
    dose, pixel_size = (
        _number(path, line, name, known.pop(name), delimiter) for name in ("dose", "pixel_size_um")
    )
    if pixel_size is not None and pixel_size <= 0:
        raise _usage(path, line, "pixel_size_um is not above 0", "give micrometres a pixel")
    exclude = known.pop("exclude").casefold()
    if exclude not in _YES | _NO:
        raise _usage(path, line, f"exclude is {exclude!r}", "write yes or no")
    return SampleRow(
        image=image,
        dose=dose,
        pixel_size_um=pixel_size,
        exclude=exclude in _YES,
        others=text,
        line=line,
        condition=known["condition"],
        replicate=known["replicate"],
        well=known["well"],
        plate=known["plate"],
        batch=known["batch"],
        donor=known["donor"],
        compound=known["compound"],
        dose_unit=known["dose_unit"],
        time=known["time"],
        role=known["role"],
        channel=known["channel"],
        exclude_reason=known["exclude_reason"],
    )


def _number(path: Path, line: int, name: str, text: str, delimiter: str) -> float | None:
    if not text:
        return None
    if delimiter == "," and is_ambiguous(text):
        raise _usage(
            path, line, f"{name} is {text!r}: a thousand, or one?", "write it like 1000 or 1.0"
        )
    try:
        value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _usage(path, line, f"{name} is {text!r}, not a number", "write it like 0.65")
    return value


def is_ambiguous(text: str) -> bool:
    """Whether a comma may be a decimal one as well as a mark of thousands.

    Examples
    --------
    >>> is_ambiguous("1,000"), is_ambiguous("0,500"), is_ambiguous("2,5")
    (True, False, False)
    """
    return re.fullmatch(r"[1-9][0-9]{0,2}(,[0-9]{3})+", text) is not None
