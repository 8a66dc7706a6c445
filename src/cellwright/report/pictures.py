"""All pictures in one table that can be sorted and searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import quote

import pandas as pd

from cellwright.report.groups import all_pictures
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.table import (
    Badge,
    Heading,
    TableCell,
    badge_cell,
    count_cell,
    number_cell,
    table,
    text_cell,
)
from cellwright.report.template import fill

__all__ = ["SECTION"]

Record = Mapping[str, Any]
ShowColumn = tuple[Heading, Callable[[Record], TableCell]]

_STATUS: dict[str, Badge] = {
    "done": "pass",
    "warned": "warn",
    "failed": "fail",
    "skipped": "quiet",
}
_LONGEST_NAME = 48
_LONGEST_WARNING = 64
_KNOWN = {
    "image", "status", "reason", "n_cells", "labels", "condition", "replicate", "frames",
    "width", "height", "channel", "pixel_size_um", "quality", "warnings", "edited",
    "area_median_px", "area_median_um2", "cells_per_frame",
}  # fmt: skip
_HELP = {
    "coverage": "Share of the picture that is covered by cells",
    "separation": "How far apart the brightness of cells and ground is",
}


def render(data: ReportData) -> Content | None:
    """One row a picture; a column that is empty for all is left out."""
    pictures = all_pictures(data)
    if not len(pictures):
        return None
    columns = [column for name, column in _columns(pictures) if _says_something(pictures, name)]
    rows = [
        [show(record) for _, show in columns]
        for record in cast("list[dict[str, Any]]", pictures.to_dict("records"))
    ]
    grid = table(
        "pictures-table",
        "All pictures",
        [heading for heading, _ in columns],
        rows,
        interactive=True,
    )
    return Content(
        fill("pictures.html.j2", table=grid, total=len(pictures), several="runs" in data.run)
    )


def _says_something(pictures: pd.DataFrame, name: str) -> bool:
    if name == "frames":
        return bool((pictures["frames"] > 1).any())
    if name == "area_median_px":  # beside micrometres only where these are not known
        return bool((pictures[name].notna() & pictures["area_median_um2"].isna()).any())
    if name == "reason":
        return bool(
            ((pictures["reason"] != "") & (pictures["reason"] != pictures["warnings"])).any()
        )
    if name == "edited":
        return bool((pictures["edited"] > 0).any())
    column = pictures[name]
    return bool((column.notna() & (column.astype(str) != "")).any())


def _columns(pictures: pd.DataFrame) -> list[tuple[str, ShowColumn]]:
    """Name of the column that decides whether it is shown, its heading, and its cells."""
    columns: list[tuple[str, ShowColumn]] = [
        ("image", (Heading("Picture"), lambda r: text_cell(r["image"], longest=_LONGEST_NAME))),
        ("status", (Heading("Status", "badge"), _status)),
        ("condition", (Heading("Condition"), lambda r: text_cell(r["condition"], longest=32))),
        ("replicate", (Heading("Replicate"), lambda r: text_cell(r["replicate"], longest=24))),
        ("n_cells", (Heading("Cells", "number", "All kept cells, over all frames"),
                     lambda r: count_cell(r["n_cells"]))),
        ("frames", (Heading("Frames", "number"), lambda r: count_cell(r["frames"]))),
        ("area_median_um2", (Heading("Median area, µm²", "number"),
                             lambda r: number_cell(r["area_median_um2"]))),
        ("area_median_px", (Heading("Median area, px²", "number"),
                            lambda r: number_cell(r["area_median_px"]))),
        ("quality", (Heading("Quality", "badge", "Worst verdict of all quality checks"),
                     lambda r: _verdict(r["quality"]))),
    ]  # fmt: skip
    columns += [
        (name, (Heading(name.capitalize()), _text(name)))
        for name in ("plate", "well", "field")
        if name in pictures
    ]
    for name in (str(column) for column in pictures.columns):
        if name in _KNOWN or name in _TABLE_ONLY or name.startswith(_TABLE_ONLY_STARTS):
            continue
        if pd.api.types.is_numeric_dtype(pictures[name]):
            title = name.replace("_", " ").capitalize()
            whole = pd.api.types.is_integer_dtype(pictures[name])
            shown = _count(name) if whole else _value(name)
            columns.append((name, (Heading(title, "number", _HELP.get(name, "")), shown)))
    columns += [
        ("edited", (Heading("Edited by hand", "number", "Cells changed by a person"),
                    lambda r: count_cell(r["edited"]))),
        ("warnings", (Heading("Warnings"),
                      lambda r: text_cell(r["warnings"], longest=_LONGEST_WARNING))),
        ("reason", (Heading("Reason"), _reason)),
        ("channel", (Heading("Channel"), lambda r: text_cell(r["channel"], longest=24))),
        ("pixel_size_um", (Heading("Pixel size, µm", "number"),
                           lambda r: number_cell(r["pixel_size_um"], 4))),
        ("width", (Heading("Width, px", "number"), lambda r: count_cell(r["width"]))),
        ("height", (Heading("Height, px", "number"), lambda r: count_cell(r["height"]))),
        ("labels", (Heading("Labels"), _labels)),
    ]  # fmt: skip
    return columns


_TABLE_ONLY = frozenset(
    {
        "n_in_region", "n_border", "n_counted", "region_area_px", "region_area_mm2",
        "counted_area_px", "area_mean_px", "area_mean_weighted_px", "area_mean_weighted_um2",
        "density_per_mpx", "files", "nuclei_across_border", "cells_without_cytoplasm",
        "gap_count", "gap_area_px", "gap_area_um2", "gap_share",
        "nematic_order", "alignment_rad", "alignment", "alignment_local",
    }
)  # fmt: skip
"""Columns of ``images.csv`` that the page shows elsewhere, or leaves to the file: the warnings
shall not be pushed off the screen."""

_TABLE_ONLY_STARTS = ("positive_count_", "positive_n_", "positive_low_", "positive_high_")


def _text(name: str) -> Callable[[Record], TableCell]:
    return lambda record: text_cell(record[name], longest=24)


def _count(name: str) -> Callable[[Record], TableCell]:
    return lambda record: count_cell(record[name])


def _value(name: str) -> Callable[[Record], TableCell]:
    return lambda record: number_cell(record[name])


def _status(record: Record) -> TableCell:
    status = str(record["status"])
    return badge_cell(status, _STATUS.get(status, "quiet"), str(record["reason"]))


def _verdict(verdict: str) -> TableCell:
    if verdict in {"pass", "warn", "fail"}:
        return badge_cell(verdict, cast("Badge", verdict))
    return text_cell(verdict)


def _reason(record: Record) -> TableCell:
    """Why it failed or was skipped; of a warned picture the warnings stand beside it."""
    if record["reason"] == record["warnings"]:
        return TableCell("")
    return text_cell(record["reason"], longest=_LONGEST_WARNING)


def _labels(record: Record) -> TableCell:
    path = str(record["labels"])
    if not path:
        return TableCell("")
    # Everything but slashes is quoted, so that no name can become another kind of address.
    address = quote(path.encode("utf-8", "surrogateescape"), safe="/")
    return TableCell("open", value=path, link=f"./{address}", title=path)


SECTION = Section("pictures", "Pictures", 65, render)
