"""Regions of interest: from Fiji, from QuPath, or painted; and what only claims to be one."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import roifile
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Line
from PIL import Image as Pillow
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.core.labels import Labels
from cellwright.io.outline import Outlined
from cellwright.io.outlines_fiji import write_fiji
from cellwright.io.outlines_geojson import write_geojson
from cellwright.io.polygons import fill_polygon
from cellwright.io.region_file import find_region, read_region

Mask = npt.NDArray[np.bool_]
SHAPE = (20, 30)
EPOCH = (1980, 1, 1, 0, 0, 0)


def _box(top: int, left: int, bottom: int, right: int) -> Mask:
    mask = np.zeros(SHAPE, bool)
    mask[top:bottom, left:right] = True
    return mask


def _read(path: Path) -> Mask:
    mask = read_region(path, SHAPE, "b.tif")
    assert mask.dtype == bool
    return mask


def _middles(shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.stack([x.ravel() + 0.5, y.ravel() + 0.5], axis=1)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(-60, 400), st.integers(-60, 300)), min_size=3, max_size=9),
        min_size=1,
        max_size=3,
    )
)
def test_a_pixel_belongs_to_a_polygon_if_its_middle_does(
    drawn: list[list[tuple[int, int]]],
) -> None:
    # Shifted so that no line through two points meets the middle of a pixel.
    rings = [np.array(ring, float) * 0.0999 + (0.01234567, 0.02718281) for ring in drawn]
    mask = np.zeros(SHAPE, bool)
    fill_polygon(mask, rings)
    np.testing.assert_array_equal(mask.ravel(), _odd(rings, _middles(SHAPE)))
    if len(rings) == 1 and len(rings[0]) == 3:  # where all rules for filling agree
        triangle = Line(np.append(rings[0], rings[0][:1], axis=0))
        np.testing.assert_array_equal(mask.ravel(), triangle.contains_points(_middles(SHAPE)))


def _odd(rings: list[npt.NDArray[np.float64]], points: npt.NDArray[np.float64]) -> Mask:
    """How often a ray to the right meets an edge: one edge after the other."""
    meets = np.zeros(len(points), int)
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            between = (points[:, 1] >= min(y0, y1)) & (points[:, 1] < max(y0, y1))
            side = (x1 - x0) * (points[:, 1] - y0) - (points[:, 0] - x0) * (y1 - y0)
            meets += between & (side * np.sign(y1 - y0) > 0)
    return np.asarray(meets % 2 == 1)


def test_polygons_that_share_an_edge_share_no_pixel_and_leave_none() -> None:
    left, right = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    fill_polygon(left, [np.array([[0, 0], [10.5, 0], [15.5, 20], [0, 20]])])
    fill_polygon(right, [np.array([[10.5, 0], [30, 0], [30, 20], [15.5, 20]])])
    assert not (left & right).any()
    assert (left | right).all()


def test_rectangles_and_ovals_of_fiji(tmp_path: Path) -> None:
    path = tmp_path / "b.roi"
    box: dict[str, Any] = {"left": 4, "top": 2, "right": 16, "bottom": 12}
    ImagejRoi(roitype=ROI_TYPE.RECT, **box).tofile(path)
    np.testing.assert_array_equal(_read(path), _box(2, 4, 12, 16))

    ImagejRoi(roitype=ROI_TYPE.OVAL, **box).tofile(path)
    y, x = np.mgrid[:20, :30] + 0.5
    np.testing.assert_array_equal(_read(path), ((x - 10) / 6) ** 2 + ((y - 7) / 5) ** 2 <= 1)

    ImagejRoi(roitype=ROI_TYPE.RECT, rounded_rect_arc_size=6, **box).tofile(path)
    rounded = _read(path)
    assert rounded[7, 4]
    assert rounded[2, 10]
    assert not rounded[2, 4]
    assert not rounded[11, 15]
    # Four corners of a square of 3, less a quarter of a disc of radius 3 in each.
    assert 120 - rounded.sum() == pytest.approx(4 * (9 - np.pi * 9 / 4), abs=4)

    roi = ImagejRoi(roitype=ROI_TYPE.RECT, options=ROI_OPTIONS.SUB_PIXEL_RESOLUTION, **box)
    roi.xd, roi.yd, roi.widthd, roi.heightd = 4.4, 2.6, 3.0, 3.0
    roi.tofile(path)
    np.testing.assert_array_equal(_read(path), _box(3, 4, 6, 7))


@pytest.mark.parametrize("kind", [ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED])
@pytest.mark.parametrize("shift", [0, 0.25])
def test_polygons_of_fiji_with_and_without_parts_of_pixels(
    tmp_path: Path, kind: ROI_TYPE, shift: float
) -> None:
    points = np.array([[4, 2], [16, 2], [16, 12], [4, 12]])
    roi = ImagejRoi.frompoints(points + shift if shift else points)
    roi.roitype = kind
    assert roi.subpixelresolution == bool(shift)
    roi.tofile(tmp_path / "b.roi")
    np.testing.assert_array_equal(_read(tmp_path / "b.roi"), _box(2, 4, 12, 16))


def test_what_we_write_for_fiji_and_qupath_we_read(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint32)
    labels[2:9, 3:12], labels[4:6, 5:8], labels[12:15, 20:30] = 1, 0, 2
    labels[15, 19] = 2
    known = Outlined("b.tif", Labels(labels))
    for write, name in ((write_fiji, "b.zip"), (write_geojson, "b.geojson")):
        with (tmp_path / name).open("wb") as stream:
            write(stream, known)
        np.testing.assert_array_equal(_read(tmp_path / name), labels > 0)


def test_several_rois_are_joined_whatever_macos_adds(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, left in (("../../escape.roi", 0), ("exclude me.ROI", 3)):
            roi = ImagejRoi(roitype=ROI_TYPE.RECT, left=left, right=left + 5, top=1, bottom=3)
            archive.writestr(name, roi.tobytes())
        archive.writestr("__MACOSX/._escape.roi", b"\0\5\26\7")
        archive.writestr("notes.txt", b"mine")
    np.testing.assert_array_equal(_read(path), _box(1, 0, 3, 8))
    assert [p.name for p in tmp_path.iterdir()] == ["set.zip"]


def _square(left: float, top: float, side: float) -> list[list[float]]:
    right, bottom = left + side, top + side
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def test_geojson_in_all_its_wrappings(tmp_path: Path) -> None:
    holed = {"type": "Polygon", "coordinates": [_square(2, 2, 10), _square(4, 4, 2)]}
    two = {"type": "MultiPolygon", "coordinates": [holed["coordinates"], [_square(20, 5, 3)]]}
    one = _box(2, 2, 12, 12) & ~_box(4, 4, 6, 6)
    both = one | _box(5, 20, 8, 23)
    feature = {"type": "Feature", "geometry": two, "properties": {"objectType": "annotation"}}
    empty: dict[str, Any] = {"type": "Feature", "geometry": None, "properties": {}}
    for value, expected in (
        (holed, one),
        (two, both),
        (feature, both),
        ([feature, empty], both),
        ({"type": "FeatureCollection", "features": [empty, feature]}, both),
        ({"type": "GeometryCollection", "geometries": [holed, two]}, both),
    ):
        path = tmp_path / "b.json"
        path.write_text(" \n" + json.dumps(value))
        np.testing.assert_array_equal(_read(path), expected)
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(holed).encode())
    np.testing.assert_array_equal(_read(path), one)


def test_masks_and_label_images(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint16)
    labels[3:5, 3:5], labels[9, 9] = 7, 300
    tifffile.imwrite(tmp_path / "b.tif", labels)
    np.testing.assert_array_equal(_read(tmp_path / "b.tif"), labels > 0)
    tifffile.imwrite(tmp_path / "f.tif", labels.astype(np.float32))
    np.testing.assert_array_equal(_read(tmp_path / "f.tif"), labels > 0)
    Pillow.fromarray((labels > 0).astype(np.uint8) * 255).save(tmp_path / "b.png")
    np.testing.assert_array_equal(_read(tmp_path / "b.png"), labels > 0)
    np.save(tmp_path / "b.npy", labels > 0)
    np.testing.assert_array_equal(_read(tmp_path / "b.npy"), labels > 0)


def _zip(entries: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


POLYGON = ImagejRoi.frompoints(np.array([[4, 2], [16, 2], [16, 12]])).tobytes()
LYING = POLYGON[:16] + struct.pack(">H", 60_000) + POLYGON[18:]
RECT = ImagejRoi(roitype=ROI_TYPE.RECT, left=1, right=5, top=1, bottom=4).tobytes()
COMPOSITE = RECT[:36] + struct.pack(">i", 2**31 - 1) + RECT[40:]
CURVE = RECT[:36] + struct.pack(">i", 7) + RECT[40:64]
CURVE += np.array([0, 1, 1, 2, 3, 3, 4], ">f4").tobytes()
GEO = '{"type": "Polygon", "coordinates": %s}'


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (LYING, UnreadableError, "damaged"),
        (COMPOSITE, UnreadableError, "damaged"),
        (CURVE, UnsupportedError, "curves"),
        (RECT[:40], UnreadableError, "damaged"),
        (b"Iout", UnreadableError, "damaged"),
        (RECT[:12] + b"\0\1\0\1" + RECT[16:], UnreadableError, "box"),
        (ImagejRoi(roitype=ROI_TYPE.LINE).tobytes(), UnsupportedError, "a line"),
        (RECT[:6] + b"\x63" + RECT[7:], UnsupportedError, "not known"),
        (_zip({"a.txt": b"x"}), UnreadableError, "no ROI"),
        (_zip({"a.roi": b"x"}), UnreadableError, r"\(a\).*damaged"),
        (_zip({"a.roi": RECT})[:-30], UnreadableError, "damaged"),
        (b"{", UnreadableError, "no GeoJSON"),
        (b'{"type": 3}', UnreadableError, "no type of GeoJSON"),
        (b"[" * 100_000, UnreadableError, "no GeoJSON"),
        (b"[3]", UnreadableError, "stands where a geometry"),
        (b"[]", UnreadableError, "no polygon"),
        ((GEO % "[[[0, 0], [1, NaN], [2, 2]]]").encode(), UnreadableError, "NaN"),
        ((GEO % "[[[0, 0], [1, 1e999], [2, 2]]]").encode(), UnreadableError, "finite"),
        ((GEO % "[[[0, 0], [1], [2, 2]]]").encode(), UnreadableError, "polygon"),
        ((GEO % '[[["0", "0"], ["1", "1"], ["2", "2"]]]').encode(), UnreadableError, "pairs"),
        ((GEO % "[[[0, 0], [1, 1]]]").encode(), UnreadableError, "three points"),
        ((GEO % ("[[[0, 0], [1, %s], [2, 2]]]" % ("9" * 400))).encode(), UnreadableError, "pairs"),
        ((GEO % "[[[0, 0], [1e300, 0], [2, 2]]]").encode(), UnsupportedError, "no pixels"),
        ((GEO % "5").encode(), UnreadableError, "no list"),
        (b'{"type": "Point", "coordinates": [1, 2]}', UnsupportedError, "no area"),
        ((GEO % "[[[50, 0], [60, 0], [60, 9]]]").encode(), UnreadableError, "no pixel of"),
        ((GEO % "[[[0.6, 0.6], [0.9, 0.6], [0.9, 0.9]]]").encode(), UnreadableError, "no pixel"),
        (b"", UnreadableError, "empty"),
        (b"hello", InputError, "no picture"),
    ],
)  # fmt: skip
def test_what_is_no_region_is_an_error_that_says_so(
    tmp_path: Path, data: bytes, kind: type[Exception], message: str
) -> None:
    path = tmp_path / "b.roi"
    path.write_bytes(data)
    with pytest.raises(kind, match=message) as caught:
        _read(path)
    assert str(path) in str(caught.value)


def test_masks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "small.tif", np.ones((20, 29), np.uint8))
    with pytest.raises(UnreadableError, match=r"20 rows and 29 columns.*b\.tif has 20 and 30"):
        _read(tmp_path / "small.tif")
    tifffile.imwrite(tmp_path / "zero.tif", np.zeros(SHAPE, np.uint8))
    with pytest.raises(UnreadableError, match="no pixel"):
        _read(tmp_path / "zero.tif")
    tifffile.imwrite(tmp_path / "movie.tif", np.ones((4, *SHAPE), np.uint8), imagej=True)
    with pytest.raises(UnsupportedError, match="one plane"):
        _read(tmp_path / "movie.tif")
    tifffile.imwrite(tmp_path / "nan.tif", np.full(SHAPE, np.nan, np.float32))
    with pytest.raises(UnreadableError, match="NaN"):
        _read(tmp_path / "nan.tif")
    Pillow.fromarray(np.full(SHAPE, 255, np.uint8)).save(tmp_path / "b.jpg")
    with pytest.raises(UnsupportedError, match="JPEG"):
        _read(tmp_path / "b.jpg")
    with pytest.raises(UnreadableError, match="no such file"):
        _read(tmp_path / "gone.roi")


def test_a_bomb_is_stopped_while_it_unpacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(_zip({"a.roi": RECT + bytes(3_000_000)}))
    monkeypatch.setattr("cellwright.io.roi_fiji.LARGEST_ROI", 1_000_000)
    with pytest.raises(UnsupportedError, match="unpacks to more"):
        _read(path)
    path.write_bytes(_zip({f"{n}.roi": RECT for n in range(50)}))
    monkeypatch.setattr("cellwright.io.roi_fiji.MOST_ROIS", 40)
    with pytest.raises(UnsupportedError, match="50 files"):
        _read(path)
    monkeypatch.setattr("cellwright.io.roi_fiji.MOST_ROIS", 50)
    monkeypatch.setattr("cellwright.io.polygons.EFFORT_PICTURES", 0)
    monkeypatch.setattr("cellwright.io.polygons.EFFORT_PIXELS", 100)
    with pytest.raises(UnsupportedError, match="too many times"):
        _read(path)


def test_an_outline_made_to_take_for_ever_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellwright.io.polygons.MOST_CROSSINGS", 100)
    zigzag = [[number / 10, 20.0 * (number % 2)] for number in range(200)]
    (tmp_path / "b.json").write_text(GEO % json.dumps([zigzag]))
    with pytest.raises(UnsupportedError, match="up and down too often"):
        _read(tmp_path / "b.json")


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from([POLYGON, RECT, COMPOSITE, CURVE, _zip({"a.roi": POLYGON, "b.roi": RECT})]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 400),
)
def test_damaged_bytes_give_a_region_or_an_error_of_ours(
    tmp_path: Path, data: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    path = tmp_path / "x.roi"
    path.write_bytes(bytes(damaged[: max(len(damaged) - cut // 8, 0)]))
    with contextlib.suppress(InputError):
        assert _read(path).any()


def test_find_region_by_the_name_of_the_picture(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("b.geojson", "c.tif.roi", "c.roi", "d.PNG", "e__3.zip", "e.roi", "f.txt"):
        (tmp_path / "a" / name).touch()

    def found(image: str) -> Any:
        path = find_region(tmp_path, image)
        return path and path.relative_to(tmp_path).as_posix()

    assert found("a/b.tif") == "a/b.geojson"
    assert found("a/c.tif") == "a/c.tif.roi"
    assert found("a/c.png") == "a/c.roi"
    assert found("a/d.tif") == "a/d.PNG"
    assert found("a/e.nd2::3") == "a/e__3.zip"
    assert found("a/e.nd2::4") == "a/e.roi"
    assert found("a/f.tif") is None
    assert found("b.tif") is None
    assert found("../a/b.tif") is None
    one = tmp_path / "a" / "b.geojson"
    assert find_region(one, "whatever.tif") == one


def test_two_regions_for_one_picture_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "b.roi").touch()
    (tmp_path / "b.png").touch()
    with pytest.raises(UsageError, match=r"2 regions for one picture: b\.png, b\.roi"):
        find_region(tmp_path, "b.tif")
    with pytest.raises(UsageError, match="no such"):
        find_region(tmp_path / "gone", "b.tif")


def test_an_ellipse_of_fiji_is_its_polygon(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    points = np.stack([15 + 9 * np.cos(angle), 10 + 5 * np.sin(angle)], axis=1)
    roi = ImagejRoi.frompoints(points)
    roi.roitype, roi.subtype = ROI_TYPE.FREEHAND, ROI_SUBTYPE.ELLIPSE
    roi.tofile(tmp_path / "b.roi")
    assert roifile.roiread(tmp_path / "b.roi") == roi
    assert _read(tmp_path / "b.roi").sum() == pytest.approx(np.pi * 45, rel=0.03)
