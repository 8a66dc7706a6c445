"""The table that says of each object what it is: its class, its confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.errors import InputError, UsageError
from cellwright.evaluation.pairing import label_folder, named_alike
from cellwright.io.cells import read_table
from cellwright.io.csv_text import delimiter_of, unescape

__all__ = ["CHANCE", "Known", "ObjectTable", "find_object_table", "read_object_table"]

CHANCE = "p_"
"""Beginning of the names of columns with the probability of a class: ``p_alive``."""

TABLES = ("cells.csv", "classes.csv")
"""Where objects are described, beside their label images: in a run, in a dataset."""

_NAMES = ("image", "name")
_TEXT = ("image", "name", "object", "class")
_KNOWN = ("class", "confidence")
_BLANK = ("", "NA", "NaN", "nan")  # as R and others write that there is no number
_KEY_BITS = 32  # labels are uint32: frame and label make one int64


@dataclass(frozen=True, eq=False)
class Known:
    """What a table says of the n objects of one picture.

    Attributes
    ----------
    classes
        (n,) names, "" where it says none.
    confidence
        (n,) float64, NaN where it says none.
    chances
        (n, k) float64: probability of each class; NaN where it says none.
    """

    classes: npt.NDArray[np.object_]
    confidence: npt.NDArray[np.float64]
    chances: npt.NDArray[np.float64]

    @classmethod
    def nothing(cls, n: int, k: int = 0) -> Known:
        """Say nothing of `n` objects."""
        nan = np.full(n, np.nan)
        return cls(np.full(n, "", dtype=object), nan, np.full((n, k), np.nan))


@dataclass(frozen=True, eq=False)
class ObjectTable:
    """What is known of objects, picture by picture.

    Attributes
    ----------
    where
        The file, for messages.
    pictures
        From the name of each picture to its rows: ``label`` and, as far as the file has them,
        ``frame``, ``class``, ``confidence`` and the probabilities of classes.
    chances
        Classes that have a column of probabilities, in its order.
    asked
        Whether somebody asked for this table, rather than that it lay there.
    """

    where: str
    pictures: Mapping[str, pd.DataFrame]
    chances: tuple[str, ...] = ()
    asked: bool = False

    def rows_of(self, images: Sequence[str]) -> dict[str, pd.DataFrame]:
        """Rows of each of `images`; the two sides may differ in folders and endings."""
        meant = named_alike(images, list(self.pictures))
        return {image: self.pictures[name] for image, name in meant.items()}

    def known(
        self,
        rows: pd.DataFrame | None,
        labels: npt.NDArray[np.uint32],
        frames: npt.NDArray[np.int64],
    ) -> Known:
        """Look objects up.

        Parameters
        ----------
        rows
            Of their picture, as `rows_of` gives them; None if it has none.
        labels, frames
            (n,) number and frame of each. Without a column ``frame`` a row stands for its label
            in every frame.

        Raises
        ------
        UsageError
            If an object has two rows.
        """
        known = Known.nothing(labels.size, len(self.chances))
        if rows is None or not len(rows):
            return known
        wanted, keys = labels.astype(np.int64), rows["label"].to_numpy(np.int64)
        if "frame" in rows:
            wanted = wanted + (frames << _KEY_BITS)
            keys = keys + (rows["frame"].to_numpy(np.int64) << _KEY_BITS)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        twice = np.flatnonzero(keys[1:] == keys[:-1])
        if twice.size:
            label = int(keys[twice[0]]) & (2**_KEY_BITS - 1)
            raise UsageError(
                f"object {label} of {_name(rows)!r} has two rows",
                where=self.where,
                remedy="leave one row for each object",
            )
        place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        there = keys[place] == wanted
        row = order[place[there]]
        if "class" in rows:
            known.classes[there] = rows["class"].to_numpy(object)[row]
        if "confidence" in rows:
            known.confidence[there] = rows["confidence"].to_numpy(np.float64)[row]
        for column, name in enumerate(self.chances):
            known.chances[there, column] = rows[CHANCE + name].to_numpy(np.float64)[row]
        return known


def _name(rows: pd.DataFrame) -> str:
    return str(rows["image"].iloc[0])


def find_object_table(given: Path) -> ObjectTable | None:
    """Find the table that belongs to a folder of label images.

    Parameters
    ----------
    given
        A run, a dataset, or a folder of label images: ``cells.csv`` or ``classes.csv`` is
        looked for in it and, if it is called ``labels``, beside it. Other objects of a run
        (``RUN/labels/nucleus``) have the rows of their own kind.

    Returns
    -------
    ObjectTable or None
        None where there is no table, or none that tells of classes or confidences.

    Raises
    ------
    UsageError
        If there is one that tells of them, with values that cannot be used.
    """
    folder = label_folder(given)
    if not folder.is_dir():
        return None
    folder = folder.absolute()
    places = [(folder, "")]
    if folder.name == "labels":
        places.append((folder.parent, ""))
    elif folder.parent.name == "labels":
        places.append((folder.parent.parent, folder.name))
    for place, kind in places:
        for name in TABLES:
            path = place / name
            if not path.is_file():
                continue
            others = () if kind else tuple(p.name for p in folder.iterdir() if p.is_dir())
            table = _table(path, kind, others, must=False)
            if table is not None:
                return table
    return None


def read_object_table(path: Path) -> ObjectTable:
    r"""Read a table of objects.

    Columns ``image`` (or ``name``) and ``label``; ``frame`` for movies; ``class``,
    ``confidence``, or both; ``p_`` and the name of a class for its probability. Commas,
    semicolons or tabs divide them; UTF-8. Other columns are left alone.

    Raises
    ------
    UsageError
        If it cannot be read, columns are missing, or a value is no number where one must be.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "objects.csv")
    ...     _ = path.write_text("image,label,class,confidence\na.tif,1,alive,0.9\n")
    ...     table = read_object_table(path)
    >>> rows = table.rows_of(["a.png"])["a.png"]
    >>> known = table.known(rows, np.array([1, 2], np.uint32), np.array([0, 0]))
    >>> known.classes.tolist(), known.confidence.tolist()
    (['alive', ''], [0.9, nan])
    """
    table = _table(path, "", (), must=True)
    assert table is not None
    return table


def _table(path: Path, kind: str, others: Sequence[str], *, must: bool) -> ObjectTable | None:
    """The table in a file; None where it has other columns and need not have ours."""
    try:
        rows = _read(path)
    except (OSError, ValueError, InputError) as error:  # of pandas, too, and of the decoder
        raise UsageError(f"this table cannot be read ({error})", where=str(path)) from error
    name = next((name for name in _NAMES if name in rows), None)
    if name is None or "label" not in rows or not any(column in rows for column in _KNOWN):
        if not must:
            return None
        raise UsageError(
            "the table has no columns image, label, and class or confidence",
            where=str(path),
            remedy="begin it with image,label,class,confidence (one of the last two will do)",
        )
    rows = rows.rename(columns={name: "image"})
    rows["image"] = rows["image"].str.replace("\\", "/", regex=False)
    if "object" in rows:
        rows = rows[rows["object"] == kind] if kind else rows[~rows["object"].isin(others)]
    if "class" in rows:
        rows["class"] = rows["class"].fillna("").astype(str).str.strip()
    chances = _chances(rows)
    for column in ("label", "frame", "confidence", *(CHANCE + one for one in chances)):
        if column in rows:
            rows[column] = _numbers(rows[column], column, path)
    if not any(_is_told(rows[column]) for column in _KNOWN if column in rows) and not must:
        return None
    kept = [c for c in ("image", "label", "frame", *_KNOWN) if c in rows]
    rows = rows[kept + [CHANCE + one for one in chances]]
    pictures = {str(image): part for image, part in rows.groupby("image", sort=False)}
    return ObjectTable(str(path), pictures, chances, asked=must)


def _read(path: Path) -> pd.DataFrame:
    if path.suffix.lower() == ".parquet":
        return read_table(path)
    with path.open(encoding="utf-8-sig") as file:
        delimiter, is_stated = delimiter_of(file.readline(2**20))
    rows = pd.read_csv(
        path, sep=delimiter, skiprows=int(is_stated), dtype=str, keep_default_na=False,
        encoding="utf-8-sig",
        usecols=lambda name: _wanted(unescape(str(name).strip())),
    )  # fmt: skip
    rows.columns = pd.Index([unescape(str(name).strip()) for name in rows.columns])
    for column in rows.columns:
        rows[column] = rows[column].fillna("")
        if column in _TEXT:
            rows[column] = rows[column].map(unescape)
        elif delimiter != ",":  # as a spreadsheet writes numbers where the comma is the point
            rows[column] = rows[column].str.replace(",", ".", regex=False)
    return rows


def _wanted(name: str) -> bool:
    return name in (*_TEXT, "label", "frame", "confidence") or name.startswith(CHANCE)


def _chances(rows: pd.DataFrame) -> tuple[str, ...]:
    """Classes with a probability: none where a class that is given has no such column."""
    names = tuple(c.removeprefix(CHANCE) for c in rows.columns if str(c).startswith(CHANCE))
    if "class" not in rows or len(names) < 2 or not set(rows["class"]) - {""} <= set(names):
        return ()
    return names


def _numbers(values: pd.Series, column: str, path: Path) -> pd.Series:
    """Whole numbers for label and frame, else floats with NaN where a cell is blank."""
    whole = column in ("label", "frame")
    found = pd.to_numeric(values.where(~_blank(values)), errors="coerce")
    wrong = found.isna() if whole and column == "label" else found.isna() & ~_blank(values)
    if whole:
        wrong |= (found.fillna(0) % 1 != 0) | (found < 0) | (found >= 2**_KEY_BITS)
    else:
        wrong |= np.isinf(found)
    if wrong.any():
        value = values[wrong].iloc[0]
        raise UsageError(f"{value!r} in the column {column} cannot be used", where=str(path))
    return found.fillna(0).astype(np.int64) if whole else found.astype(np.float64)


def _blank(values: pd.Series) -> pd.Series:
    return values.isna() | values.isin(_BLANK)


def _is_told(values: pd.Series) -> bool:
    return bool((values.notna() & (values != "")).any())
