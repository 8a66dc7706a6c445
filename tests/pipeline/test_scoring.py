"""`evaluate` with pictures: which are shown, and what is said of those that cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

import cellwright
from cellwright.core.errors import UsageError

CELLS: npt.NDArray[np.uint32] = np.kron(
    np.arange(1, 5).reshape(2, 2), np.pad(np.ones((4, 4), int), 2)
).astype(np.uint32)  # fmt: skip


def save(path: Path, data: npt.NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, data)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Five pictures; in the n-th, n cells were found."""
    for n in range(5):
        save(tmp_path / "found" / f"p{n}.npy", CELLS * (n >= CELLS))
        save(tmp_path / "truth" / f"p{n}.npy", CELLS)
        save(tmp_path / "images" / f"p{n}.npy", (CELLS * 10).astype(np.uint8))
    return tmp_path


_HEADING = re.compile(r'<section id="(\w+)"|class="name" title="([^"]+)"')


def gallery(folder: Path) -> str:
    evaluation = cellwright.evaluate(
        folder / "found", folder / "truth", folder / "out", images=folder / "images"
    )
    assert evaluation.table["status"].isin(["done", "warned", "failed"]).all()
    return (folder / "out" / "gallery.html").read_text()


def headings(html: str) -> list[str]:
    """Roles and names in the order of the page."""
    return [a or b for a, b in _HEADING.findall(html)]


def test_worst_median_and_best_are_shown(folders: Path) -> None:
    html = gallery(folders)
    expected = "worst p0.npy p1.npy median p2.npy best p4.npy p3.npy"
    assert headings(html) == expected.split()
    assert "4 true cells, 1 found: 3 missed, 0 invented, 0 split, 0 merged" in html
    cellwright.evaluate(folders / "found", folders / "truth", folders / "out")
    assert not (folders / "out" / "gallery.html").exists()  # not of this evaluation


def test_equal_pictures_give_equal_pages(folders: Path) -> None:
    assert gallery(folders) == gallery(folders)


def test_a_picture_that_cannot_be_shown_is_named(folders: Path) -> None:
    (folders / "images" / "p0.npy").unlink()
    save(folders / "images" / "p1.npy", np.zeros((16, 15), np.uint8))
    (folders / "images" / "p2.npy").write_bytes(b"\x93NUMPY\x01\x00")
    html = gallery(folders)
    assert "p0.npy: there is no picture of this name" in html
    assert "p1.npy: the picture has 16 × 15 pixels, the truth has 16 × 16" in html
    assert "p2.npy: " in html
    assert headings(html) == ["best", "p4.npy", "p3.npy"]


def test_pictures_of_other_names_are_refused(folders: Path) -> None:
    (folders / "images").rename(folders / "kept")
    with pytest.raises(UsageError, match="no such file or folder"):
        gallery(folders)
    save(folders / "images" / "x.npy", np.zeros((16, 16), np.uint8))
    with pytest.raises(UsageError, match=r"none of the pictures, such as 'x\.npy'"):
        gallery(folders)
    assert not (folders / "out").exists()


def test_what_is_shown_of_channels_frames_and_planes(folders: Path) -> None:
    colour = np.stack([CELLS, CELLS, CELLS], axis=-1).astype(np.uint8)
    tifffile.imwrite(folders / "images" / "p0.tif", colour, photometric="rgb")
    (folders / "images" / "p0.npy").unlink()
    two = np.stack([CELLS, CELLS * 0 + np.arange(16)]).astype(np.uint16)
    tifffile.imwrite(folders / "images" / "p1.tif", two, imagej=True, metadata={"axes": "CYX"})
    (folders / "images" / "p1.npy").unlink()
    movie = np.stack([CELLS, CELLS, CELLS]).astype(np.uint16)
    for place in ("truth", "found", "images"):
        (folders / place / "p2.npy").unlink()
        tifffile.imwrite(folders / place / "p2.tif", movie, imagej=True, metadata={"axes": "TYX"})
        (folders / place / "p3.npy").unlink()
        tifffile.imwrite(folders / place / "p3.tif", movie, imagej=True, metadata={"axes": "ZYX"})
    (folders / "images" / "p4.npy").unlink()
    tifffile.imwrite(folders / "images" / "p4.tif", movie, imagej=True, metadata={"axes": "ZYX"})
    html = gallery(folders)
    assert "colours as in the file" in html
    assert "channel 0" in html
    assert "frame 0 of 3" in html
    assert "plane 1 of 3" in html
    assert "brightest of all planes" in html
    assert "Chosen, but not drawn" not in html


def test_of_a_large_picture_the_middle_is_shown(tmp_path: Path) -> None:
    labels = np.zeros((20, 2100), np.uint16)
    labels[5:15, 1000:1100] = 1
    for place in ("found", "truth", "images"):
        save(tmp_path / place / "wide.npy", labels)
    assert "the middle 20 × 1024 of 20 × 2100 px" in gallery(tmp_path)


def test_the_channel_in_which_a_run_found_the_cells(tmp_path: Path) -> None:
    two = np.stack([CELLS * 10, CELLS * 0 + np.arange(16)]).astype(np.uint16)
    metadata = {"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}}
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.ome.tif", two, metadata=metadata)
    save(tmp_path / "truth" / "a.npy", CELLS)
    save(tmp_path / "found" / "labels" / "a.npy", CELLS)
    (tmp_path / "found" / "images.csv").write_text(
        "image,status,reason,n_cells,labels,channel\na.ome.tif,done,,4,labels/a.npy,DAPI\n"
    )
    assert "channel DAPI" in gallery(tmp_path)
