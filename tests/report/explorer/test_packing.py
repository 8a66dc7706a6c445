"""What is packed for the page comes out again as it went in."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from cellwright.core.image import Spacing
from cellwright.report.explorer.packing import as_text, pack
from cellwright.report.explorer.section import render
from cellwright.report.section import ReportData
from cellwright.report.view import make_view


def with_views(data: ReportData, *, part: bool = False) -> ReportData:
    """Two pictures with views; of b1.tif only the labels 1 to 4 are seen."""
    views = []
    for image in ("a1.tif", "b1.tif"):
        labels = np.repeat(np.arange(5, dtype=np.uint32), 8)[None, :].repeat(10, axis=0)
        views.append(
            make_view(
                labels * 10.0, labels, image=image, frame=0, spacing=Spacing(y=0.5, x=0.5),
                side=720, part=part and image == "b1.tif",
            )
        )  # fmt: skip
    viewed = data.cells[data.cells["image"].isin(["a1.tif", "b1.tif"])]
    return replace(data, views=tuple(views), viewed=viewed.sample(frac=1, random_state=1))


def unpacked(text: str, kind: str) -> npt.NDArray[Any]:
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    size = np.dtype(kind).itemsize
    return np.ascontiguousarray(planes.reshape(size, -1).T).view(kind).ravel()


def test_numbers_and_labels_come_out_in_the_order_of_the_pictures(data: ReportData) -> None:
    packed = pack(with_views(data))
    assert packed is not None
    assert packed.n_cells == 40
    content = packed.content
    assert unpacked(content["labels"], "<u4").tolist() == [*range(1, 11), *range(1, 31)]
    assert [(one["start"], one["stop"]) for one in content["pictures"]] == [(0, 10), (10, 40)]
    diameter = next(one for one in content["features"] if "equivalent" in one["name"])
    own = data.cells[data.cells["image"] == "b1.tif"].sort_values("label")
    kept = unpacked(diameter["data"], "<f4")[10:]
    np.testing.assert_allclose(kept, own[diameter["name"]], rtol=1e-4)


def test_pictures_know_their_condition_and_the_size_of_a_pixel(data: ReportData) -> None:
    packed = pack(with_views(data))
    assert packed is not None
    first, second = packed.content["pictures"]
    assert (first["condition"], second["condition"]) == ("control", "drug")
    assert first["um"] == pytest.approx(0.5)
    group = packed.content["groups"][0]
    codes = unpacked(group["data"], "u1")
    assert [group["names"][code] for code in codes[[0, 9, 10, 39]]] == [
        "control", "control", "drug", "drug",
    ]  # fmt: skip


def test_of_a_part_only_cells_within_it_are_there(data: ReportData) -> None:
    packed = pack(with_views(data, part=True))
    assert packed is not None
    assert unpacked(packed.content["labels"], "<u4").tolist() == [*range(1, 11), *range(1, 5)]


def test_without_pictures_there_is_no_section(data: ReportData) -> None:
    assert pack(data) is None
    assert render(data) is None


def test_numbers_are_kept_to_four_digits_and_what_is_not_finite_is_not_there(
    data: ReportData,
) -> None:
    shown = with_views(data)
    values = np.geomspace(1e-9, 1e9, 40)
    values[3] = np.inf
    shown = replace(shown, viewed=shown.viewed.assign(area_um2=values))
    packed = pack(shown)
    assert packed is not None
    area = next(one for one in packed.content["features"] if one["name"] == "area_um2")
    kept = np.sort(unpacked(area["data"], "<f4"))
    assert np.isnan(kept).sum() == 1
    np.testing.assert_allclose(kept[:39], np.delete(values, 3), rtol=1.3e-4)


def test_the_text_cannot_end_its_element() -> None:
    hostile = "</script><!--<script>&"
    text = as_text({"name": hostile, "n": np.pi})
    assert not set("<>&") & set(text)
    assert json.loads(text)["name"] == hostile


def test_more_groups_than_can_be_told_apart_are_left_out(data: ReportData) -> None:
    images = data.images.assign(replicate=["1", "1", "2", "2", ""])
    shown = replace(with_views(data), images=images)
    many = shown.viewed.assign(**{"class": [f"class {n}" for n in range(40)]})
    packed = pack(replace(shown, viewed=many))
    assert packed is not None
    assert "class" in {one["name"] for one in packed.content["groups"]}
    more = pd.concat([many, many.assign(image="b1.tif", label=many["label"] + 100)])
    more["class"] = [f"class {n}" for n in range(len(more))]
    packed = pack(replace(shown, viewed=more))
    assert packed is not None
    assert "class" not in {one["name"] for one in packed.content["groups"]}
