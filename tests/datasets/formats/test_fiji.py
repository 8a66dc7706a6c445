"""ROIs of ImageJ and Fiji: round trips, ROIs worked out by hand, and what is refused."""

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from roifile import ROI_TYPE, ImagejRoi
from tests.datasets.formats.round_trip import in_order, label_images, picture, read_back

from cellwright.core.errors import InputError, UnsupportedError
from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn, Entry, Source
from cellwright.datasets.formats.fiji import FORMAT
from cellwright.datasets.sheet import Sheet

SHAPE = (6, 8)
BOX = ImagejRoi(roitype=ROI_TYPE.RECT, left=1, right=4, top=1, bottom=3).tobytes()
INNER = ImagejRoi(roitype=ROI_TYPE.RECT, left=2, right=3, top=1, bottom=2).tobytes()
TRIANGLE = ImagejRoi.frompoints(np.array([[4, 3], [8, 3], [8, 7]])).tobytes()
LINE = ImagejRoi(roitype=ROI_TYPE.LINE).tobytes()


def _zip(**rois: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in rois.items():
            archive.writestr(f"{name}.roi", data)
    return stream.getvalue()


def _found(entries: list[Entry], folder: Path) -> list[tuple[str, str | None]]:
    return [(e.name, e.image.relative_to(folder).as_posix() if e.image else None) for e in entries]


def _pictures(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        tifffile.imwrite(folder / name, np.zeros(SHAPE, np.uint8))


@given(pair=st.lists(label_images(), min_size=1, max_size=2))
@settings(max_examples=40, deadline=None)
def test_what_was_written_is_read_again(pair: list[Array]) -> None:
    for before, after in zip(pair, read_back(FORMAT, [Drawn(one) for one in pair]), strict=True):
        np.testing.assert_array_equal(in_order(after.labels), in_order(before))
        assert after.remarks == ()


def test_each_roi_is_an_object(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(_zip(box=BOX, inner=INNER, line=LINE, triangle=TRIANGLE))
    [entry] = FORMAT.entries(Source(tmp_path))
    drawn = entry.read(SHAPE)
    assert drawn.labels.tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 2, 1, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 3, 3, 3, 3],
        [0, 0, 0, 0, 0, 3, 3, 3],
        [0, 0, 0, 0, 0, 0, 3, 3],
    ]
    assert drawn.remarks == (
        "left out, as they are points or lines without an area: 1 objects",
        "1 px in several objects: the smallest of them has each",
    )


def test_files_are_called_like_their_pictures(tmp_path: Path) -> None:
    _pictures(tmp_path, "a.tif", "b.tif", "c.ome.tif", "sub/d.tif", "images/e.png", "RoiSet_f.tif")
    for name in ("a.zip", "b_RoiSet.zip", "RoiSet_c.zip", "sub/RoiSet.zip", "e.tif.zip",
                 "RoiSet_f.zip", "RoiSet.zip"):  # fmt: skip
        (tmp_path / name).write_bytes(_zip(one=BOX))
    _pictures(tmp_path, "g.tif")
    (tmp_path / "g.roi").write_bytes(BOX)
    assert FORMAT.recognises(tmp_path)
    assert sorted(_found(FORMAT.entries(Source(tmp_path)), tmp_path), key=str) == [
        ("RoiSet", None),
        ("RoiSet_f", "RoiSet_f.tif"),
        ("a", "a.tif"),
        ("b", "b.tif"),
        ("c", "c.ome.tif"),
        ("e", "images/e.png"),
        ("g", "g.tif"),
        ("sub/d", "sub/d.tif"),
    ]


def test_a_damaged_file_fails_alone(tmp_path: Path) -> None:
    rois = _zip(box=BOX, triangle=TRIANGLE)
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("images/a.tif", b"II*\0")
    packed = (tmp_path / "packed.zip").read_bytes()
    _pictures(tmp_path, "b.tif", "only/h.tif")
    (tmp_path / "none").mkdir()
    for name, data in {
        "a.zip": rois, "b.zip": rois[:-30], "c.zip": b"", "d.roi": b"", "e.roi": BOX[:40],
        "f.zip": _zip()[:10], "g.zip": packed[:-30], "only/h.zip": b"PK", "none/i.zip": b"",
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(data)

    entries = {entry.name: entry for entry in FORMAT.entries(Source(tmp_path))}

    assert sorted(entries) == ["a", "b", "c", "d", "e", "f", "only/h"]
    assert entries["a"].read(SHAPE).labels.max() == 2
    for name in ("b", "c", "d", "e", "f", "only/h"):
        with pytest.raises(InputError, match=f"{name}.*(damaged|neither a ROI)"):
            entries[name].read(SHAPE)
    for name in ("a.zip", "c.zip", "d.roi", "e.roi", "f.zip"):
        (tmp_path / name).unlink()
    assert FORMAT.recognises(tmp_path)


def test_a_single_file_finds_its_picture(tmp_path: Path) -> None:
    _pictures(tmp_path, "pictures/a.tif", "pictures/b.tif", "beside/c.tif")
    for name in ("a_RoiSet.zip", "beside/RoiSet.zip", "RoiSet.zip"):
        (tmp_path / name).write_bytes(_zip(one=BOX))
    images = tmp_path / "pictures"
    assert FORMAT.recognises(tmp_path / "a_RoiSet.zip")
    assert _found(FORMAT.entries(Source(tmp_path / "a_RoiSet.zip", images)), images) == [
        ("a", "a.tif")
    ]
    assert _found(FORMAT.entries(Source(tmp_path / "beside" / "RoiSet.zip")), tmp_path) == [
        ("c", "beside/c.tif")
    ]
    assert _found(FORMAT.entries(Source(tmp_path / "RoiSet.zip", images)), images) == [
        ("RoiSet", None)
    ]
    (images / "b.tif").unlink()
    assert _found(FORMAT.entries(Source(tmp_path / "RoiSet.zip", images)), images) == [
        ("a", "a.tif")
    ]


def test_zips_of_folders_are_no_rois(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.roi", BOX)
        archive.writestr("__MACOSX/._a.roi", b"mac")
    assert FORMAT.recognises(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("a.tif", b"II*\0")
    assert not FORMAT.recognises(path)
    path.write_bytes(b"PK\x03\x04")
    assert not FORMAT.recognises(path)
    assert not FORMAT.recognises(tmp_path)
    assert not FORMAT.recognises(tmp_path / "gone.zip")


def test_classes_that_have_no_place_are_told(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert FORMAT.write is not None
    drawn = Drawn(np.ones(SHAPE, np.uint32), classes={1: "cell"})
    remarks = FORMAT.write(iter([picture(tmp_path, "p", drawn)]), tmp_path / "out")
    assert remarks == ["p: ROIs have no place for classes"]


def test_planes_of_a_stack_are_not_drawn_over_each_other(tmp_path: Path) -> None:
    rois = [
        ImagejRoi(roitype=ROI_TYPE.RECT, left=n, right=n + 1, top=0, bottom=1, position=n)
        for n in (1, 2)
    ]
    (tmp_path / "a.zip").write_bytes(_zip(one=rois[0].tobytes(), two=rois[1].tobytes()))
    [entry] = FORMAT.entries(Source(tmp_path))
    with pytest.raises(UnsupportedError, match="2 planes"):
        entry.read(SHAPE)
    (tmp_path / "a.zip").write_bytes(_zip(one=rois[0].tobytes(), all=BOX))
    assert entry.read(SHAPE).labels.max() == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_zip(bad=b"Iout"), r"\(bad\): the ROI is damaged"),
        (_zip(good=BOX, bad=BOX[:40]), r"\(bad\): the ROI is damaged"),
        (_zip(good=BOX)[:-10], "damaged"),
        (b"hello", "neither a ROI"),
        (b"", "neither a ROI"),
    ],
)
def test_what_is_no_roi_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    [entry] = FORMAT.entries(Source(tmp_path / "a.zip"))
    with pytest.raises(InputError, match=message) as caught:
        entry.read(SHAPE)
    assert str(tmp_path / "a.zip") in str(caught.value)
    with pytest.raises(InputError):
        entry.read(None)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from([TRIANGLE, BOX, _zip(a=BOX, b=TRIANGLE)]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
)
def test_damaged_bytes_give_objects_or_an_error_of_ours(
    tmp_path: Path, data: bytes, changes: list[tuple[int, int]]
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    (tmp_path / "a.zip").write_bytes(bytes(damaged))
    FORMAT.recognises(tmp_path)
    [entry] = FORMAT.entries(Source(tmp_path / "a.zip"))
    with contextlib.suppress(InputError):
        assert entry.read(SHAPE).labels.shape == SHAPE


def test_work_goes_with_the_size_of_the_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(Sheet, "add", lambda self, patch, name="": sizes.append(patch.mask.size))
    read_back(FORMAT, [Drawn(np.kron(np.arange(400).reshape(20, 20), np.ones((9, 7), int)))])
    assert sizes == [63] * 399
