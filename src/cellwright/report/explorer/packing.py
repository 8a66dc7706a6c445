"""Cells and pictures packed for a page: columns and labels compressed, decoded by its script."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.report.groups import all_pictures, condition_name, conditions
from cellwright.report.section import ReportData, View
from cellwright.report.view import unpacked
from cellwright.report.wording import visible
from cellwright.stats.features import Feature, chosen, numbers

__all__ = ["Packed", "as_text", "pack"]

MOST_VALUES = 1_000_000
"""Numbers in a page: with 100,000 cells the 10 first features, some 2 MB."""
FEWEST_FEATURES, MOST_FEATURES = 4, 40
_KEPT_BITS = 13
"""Of the 23 of a float32's mantissa: four significant digits, which compress twice as well."""
_MOST_GROUPS = 40
_LONGEST = 60
_COMPRESSION = 9


@dataclass(frozen=True)
class Packed:
    """What goes into the page.

    Attributes
    ----------
    content
        For the script, as JSON.
    n_cells
        Cells in it.
    features
        Names of the numbers that each has.
    left_out
        Features there is no room for.
    """

    content: Mapping[str, Any]
    n_cells: int
    features: tuple[str, ...]
    left_out: int


def pack(data: ReportData) -> Packed | None:
    """Pack the cells of the pictures that are shown; None where there are none."""
    if not data.views or not len(data.viewed):
        return None
    cells, starts = _ordered(data.viewed, data.views)
    if not len(cells):
        return None
    pictures = all_pictures(data).drop_duplicates("image").set_index("image")
    features = _features(cells, data)
    kept = features[: max(FEWEST_FEATURES, min(MOST_FEATURES, MOST_VALUES // len(cells)))]
    content = {
        "n": len(cells),
        "labels": _numbers(cells["label"].to_numpy("<u4")),
        "features": [_feature(one, cells) for one in kept],
        "groups": _groups(cells, pictures),
        "pictures": [
            _picture(view, start, stop, pictures)
            for view, start, stop in zip(data.views, starts[:-1], starts[1:], strict=True)
        ],
    }
    names = tuple(one.name for one in kept)
    return Packed(content, len(cells), names, len(features) - len(kept))


def as_text(content: Mapping[str, Any]) -> str:
    """JSON that may stand within a script element."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _ordered(cells: pd.DataFrame, views: Sequence[View]) -> tuple[pd.DataFrame, list[int]]:
    """Cells in the order of the views, and where those of each begin; the last is their end."""
    place = {(view.image, view.frame): number for number, view in enumerate(views)}
    keys = zip(cells["image"], cells["frame"], strict=True)
    of = np.fromiter((place.get(key, -1) for key in keys), np.int64, len(cells))
    seen = of >= 0
    for number, view in enumerate(views):
        if view.part:  # what lies outside of the part that is shown cannot be looked at
            here = of == number
            known = np.unique(unpacked(view.labels, view.height, view.width))
            seen[here] &= np.isin(cells["label"].to_numpy(np.int64)[here], known)
    order = np.lexsort((cells["label"].to_numpy(np.int64), of))
    order = order[seen[order]]
    counts = np.bincount(of[order], minlength=len(views))
    return cells.iloc[order].reset_index(drop=True), [0, *np.cumsum(counts).tolist()]


def _features(cells: pd.DataFrame, data: ReportData) -> list[Feature]:
    """Numbers of cells that may be compared, those of a comparison first."""
    pictures = data.images.assign(n_cells=pd.to_numeric(data.images["n_cells"], errors="coerce"))
    own = [name for name in cells.columns if name not in {"x", "y"}]
    try:
        offered, _ = chosen(cells[own], pictures)
    except UsageError:  # nothing that may be compared
        return []
    usual = [one for one in offered if one.of == "cells" and one.counted is None]
    first = data.answer.drawn if data.answer is not None else []
    usual.sort(key=lambda one: first.index(one.name) if one.name in first else len(first))
    return [one for one in usual if np.isfinite(numbers(one, cells)).any()]


def _feature(feature: Feature, cells: pd.DataFrame) -> dict[str, Any]:
    return {
        "name": visible(feature.name, _LONGEST),
        "unit": "" if feature.unit == "1" else feature.unit,
        "meaning": visible(feature.meaning),
        "data": _numbers(_rounded(numbers(feature, cells))),
    }


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Keep the first bits of each number's mantissa, rounded."""
    single = values.astype("<f4")
    bits = single.view("<u4").copy()
    dropped = 23 - _KEPT_BITS
    finite = np.isfinite(single)
    bits[finite] += np.uint32(1 << (dropped - 1))
    bits[finite] &= np.uint32(0xFFFFFFFF << dropped & 0xFFFFFFFF)
    rounded = bits.view("<f4")
    return np.where(np.isfinite(rounded), rounded, np.float32(np.nan)).astype("<f4")


def _groups(cells: pd.DataFrame, pictures: pd.DataFrame) -> list[dict[str, Any]]:
    """What cells can be coloured by: conditions, replicates, classes, what is true of them."""
    shown = pictures.reindex(cells["image"])
    known = conditions(pictures.reset_index())
    told = [condition_name(str(name), known) for name in shown["condition"].fillna("")]
    groups = [_group("condition", told, [condition_name(name, known) for name in known])]
    replicates = shown["replicate"].fillna("").astype(str)
    groups.append(_group("replicate", list(replicates.replace("", "not stated"))))
    for name in cells.columns:
        column = cells[name]
        if name == "class" or _is_truth(column):
            groups.append(_group(str(name), [_said(value) for value in column]))
    return [group for group in groups if group is not None and len(group["names"]) > 1] or [
        group for group in groups[:1] if group is not None
    ]


def _is_truth(column: pd.Series[Any]) -> bool:
    return column.dtype == bool or str(column.dtype) == "boolean"


def _said(value: object) -> str:
    if value is None or value is pd.NA or value == "" or value != value:  # noqa: PLR0124 - NaN
        return "not known"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return str(value)


def _group(name: str, of: Sequence[str], order: Sequence[str] = ()) -> dict[str, Any] | None:
    names = list(dict.fromkeys([*(one for one in order if one in set(of)), *of]))
    if len(names) > _MOST_GROUPS:
        return None
    codes = pd.Index(names).get_indexer(pd.Index(of)).astype(np.uint8)
    return {
        "name": visible(name, _LONGEST),
        "names": [visible(one, _LONGEST) for one in names],
        "data": _numbers(codes),
    }


def _picture(view: View, start: int, stop: int, pictures: pd.DataFrame) -> dict[str, Any]:
    row: Mapping[Any, Any] = (
        pictures.loc[view.image].to_dict() if view.image in pictures.index else {}
    )
    um = view.scale_bar_um / view.scale_bar_px if view.scale_bar_um and view.scale_bar_px else None
    return {
        "name": visible(view.image),
        "frame": view.frame,
        "frames": int(row.get("frames", 1)),
        "condition": visible(row.get("condition", ""), _LONGEST),
        "replicate": visible(row.get("replicate", ""), _LONGEST),
        "start": start,
        "stop": stop,
        "width": view.width,
        "height": view.height,
        "um": um,
        "scale": view.scale,
        "window": view.window,
        "part": view.part,
        "picture": "data:image/webp;base64," + _text(view.picture),
        "labels": _text(view.labels),
    }


def _numbers(values: npt.NDArray[Any]) -> str:
    """Bytes of numbers, planes of bytes apart (which compresses better), in text."""
    planes = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1).T
    return _text(zlib.compress(planes.tobytes(), _COMPRESSION))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
