"""Finding inputs: identities, what is passed over, and what may never be waited for."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellwright.core.errors import UsageError
from cellwright.io.inputs import Inputs, find_inputs


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.save(file, np.zeros((3, 4), dtype=np.uint8))


def _images(inputs: Inputs) -> list[str]:
    return [found.image for found in inputs.found]


def _reasons(inputs: Inputs) -> dict[str, str]:
    return {skipped.image: skipped.reason for skipped in inputs.skipped}


def test_a_folder_is_searched_with_all_in_it(tmp_path: Path) -> None:
    for name in ("b.npy", "a/x.npy", "a/deep er/y.npy", "no extension", "wrong.dat"):
        _picture(tmp_path / name)
    (tmp_path / "broken.tif").write_text("text")
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / ".DS_Store").write_text("x")
    (tmp_path / "Thumbs.db").write_text("x")
    inputs = find_inputs([tmp_path])
    assert _images(inputs) == [
        "a/deep er/y.npy", "a/x.npy", "b.npy", "broken.tif", "no extension", "wrong.dat",
    ]  # fmt: skip
    assert _reasons(inputs) == {"notes.txt": "not a picture"}
    assert all(found.path.is_file() for found in inputs.found)


def test_identity_of_one_file_several_and_globs(tmp_path: Path) -> None:
    for name in ("d/a.npy", "d/b.npy", "e/c.npy", "d/f/g.npy"):
        _picture(tmp_path / name)
    assert _images(find_inputs([tmp_path / "d/a.npy"])) == ["a.npy"]
    assert _images(find_inputs([tmp_path / "d/a.npy", tmp_path / "e/c.npy"])) == [
        "d/a.npy",
        "e/c.npy",
    ]
    assert _images(find_inputs([tmp_path / "d", tmp_path / "e"])) == [
        "d/a.npy", "d/b.npy", "d/f/g.npy", "e/c.npy",
    ]  # fmt: skip
    assert _images(find_inputs([f"{tmp_path}/d/*.npy"])) == ["a.npy", "b.npy"]
    assert _images(find_inputs([f"{tmp_path}/**/[cg].npy"])) == ["d/f/g.npy", "e/c.npy"]
    assert _images(find_inputs([f"{tmp_path}/?/b.npy"])) == ["d/b.npy"]
    assert _images(find_inputs([tmp_path / "d", tmp_path / "d/a.npy"])) == [
        "a.npy", "b.npy", "f/g.npy",
    ]  # fmt: skip
    assert find_inputs([f"{tmp_path}/d/*.tif"]) == Inputs()


def test_a_scene_is_asked_for_by_two_colons(tmp_path: Path) -> None:
    _picture(tmp_path / "a.npy")
    [found] = find_inputs([f"{tmp_path}/a.npy::2"]).found
    assert (found.image, found.scene, found.path) == ("a.npy::2", "2", tmp_path / "a.npy")


def test_a_relative_path_means_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _picture(tmp_path / "d/a.npy")
    monkeypatch.chdir(tmp_path)
    assert _images(find_inputs(["d"])) == _images(find_inputs(["./d/"])) == ["a.npy"]
    assert _images(find_inputs(["."])) == ["d/a.npy"]
    assert _images(find_inputs(["d/*"])) == ["a.npy"]


def test_samples_csv_names_the_pictures(tmp_path: Path) -> None:
    _picture(tmp_path / "d/a.npy")
    (tmp_path / "samples.csv").write_text("image,condition\nd/a.npy,x\nmissing.tif,y\n")
    assert _images(find_inputs([tmp_path / "samples.csv"])) == ["d/a.npy", "missing.tif"]


@pytest.mark.parametrize(
    "name",
    ["it's.npy", '"q".npy', "<b>&amp;.npy", " a b .npy", "new\nline.npy", "tab\t.npy", "-rf.npy",
     "=1+1.npy", "[x].npy", "a*.npy", "ünï.npy", "a::b.npy"],
)  # fmt: skip
def test_names_of_every_kind(tmp_path: Path, name: str) -> None:
    _picture(tmp_path / name)
    assert _images(find_inputs([tmp_path])) == [name]
    assert _images(find_inputs([tmp_path / name])) == [name]


def test_what_is_no_plain_file_is_listed_and_never_opened(tmp_path: Path) -> None:
    _picture(tmp_path / "a.npy")
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "broken.png").symlink_to("nowhere.png")
    (tmp_path / "circle.png").symlink_to("circle.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/itself").symlink_to(tmp_path)
    with socket.socket(socket.AF_UNIX) as plug:
        folder = os.open(tmp_path, os.O_RDONLY)
        try:
            plug.bind(f"/proc/self/fd/{folder}/plug.tif")  # the name of a socket must be short
        finally:
            os.close(folder)
    inputs = find_inputs([tmp_path])
    assert _images(inputs) == ["a.npy"]
    reasons = _reasons(inputs)
    assert set(reasons) == {"pipe.tif", "broken.png", "circle.png", "in/itself", "plug.tif"}
    assert "pipe" in reasons["pipe.tif"]
    assert "socket" in reasons["plug.tif"]
    assert "nowhere" in reasons["broken.png"]
    assert "searched already" in reasons["in/itself"]
    assert _reasons(find_inputs([tmp_path / "pipe.tif"])) == {"pipe.tif": reasons["pipe.tif"]}


def test_a_link_to_a_folder_beside_it_counts_its_pictures_once(tmp_path: Path) -> None:
    _picture(tmp_path / "real/a.npy")
    (tmp_path / "also").symlink_to("real")
    assert _images(find_inputs([tmp_path])) == ["real/a.npy"]


def test_a_link_to_a_folder_elsewhere_is_followed(tmp_path: Path) -> None:
    _picture(tmp_path / "store/a.npy")
    (tmp_path / "input").mkdir()
    (tmp_path / "input/link").symlink_to(tmp_path / "store")
    assert _images(find_inputs([tmp_path / "input"])) == ["link/a.npy"]


def test_our_own_output_is_no_input(tmp_path: Path) -> None:
    for name in ("a.npy", "out/labels/a.npy", "run/labels/a.npy", "cut/labels/a.npy"):
        _picture(tmp_path / name)
    (tmp_path / "run/run.json").write_text(json.dumps({"format": "cellwright-run", "version": 1}))
    (tmp_path / "cut/.work").mkdir()
    (tmp_path / "cut/.work/journal.jsonl").write_text("")
    inputs = find_inputs([tmp_path], exclude=tmp_path / "out")
    assert _images(inputs) == ["a.npy"]
    assert set(_reasons(inputs)) == {"run", "cut"}


def test_what_does_not_exist_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.tif"):
        find_inputs([tmp_path / "gone.tif"])
    with pytest.raises(UsageError, match="nowhere"):
        find_inputs([f"{tmp_path}/nowhere/*.tif"])
    assert find_inputs([]) == Inputs()


def test_finding_opens_no_file_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (tmp_path / f"{number}.dat").write_bytes(b"\x93NUMPY\x01\x00")
        (tmp_path / f"{number}.tif").write_bytes(b"II*\0")
    opened: list[str] = []
    plain_open = Path.open

    def counted(path: Path, mode: str = "r") -> Any:
        opened.append(path.suffix)
        return plain_open(path, mode)

    monkeypatch.setattr(Path, "open", counted)
    assert len(find_inputs([tmp_path]).found) == 40
    assert opened.count(".dat") == 20
    assert opened.count(".tif") == 0  # the extension is enough to be found


def test_the_folder_of_planes_beside_an_oif_file_is_not_searched(tmp_path: Path) -> None:
    for name in ("a.oif", "a.oif.files/s_C001.tif", "b.oif.files/s_C001.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"II*\0")

    found = [item.image for item in find_inputs([tmp_path]).found]

    assert found == ["a.oif", "b.oif.files/s_C001.tif"]
