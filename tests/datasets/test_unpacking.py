"""Archives: bounded, and nothing leaves them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.datasets import unpacking
from cellwright.datasets.unpacking import unpacked


def archive(path: Path, **files: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name.replace("|", "/"), text)
    return path


def test_a_folder_is_given_as_it_is(tmp_path: Path) -> None:
    with unpacked(tmp_path) as folder:
        assert folder == tmp_path
    assert tmp_path.is_dir()


def test_files_come_out_and_are_taken_away(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.zip", **{"in|one.txt": "1", "in|._one.txt": "x", "__MACOSX|a": "x"}
    )
    with unpacked(path) as folder:
        [file] = [file for file in folder.rglob("*") if file.is_file()]
        assert file.relative_to(folder).as_posix() == "in/one.txt"
        assert file.read_text() == "1"
    assert not folder.exists()


@pytest.mark.parametrize(
    "name", ["../out.txt", "/out.txt", "a/../../out.txt", "..\\out.txt", "C:\\o"]
)
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr(zipfile.ZipInfo(name), "x")
    with pytest.raises(UnsupportedError, match="outside of itself"), unpacked(tmp_path / "a.zip"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_more_than_there_is_room_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "a.zip", a="0" * 5_000_000)
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(unpacking, "LARGEST", 1_000_000)
    with pytest.raises(UnsupportedError, match="more than there is room for"), unpacked(path):
        pass


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path / "a.zip", a="1", b="2", c="3")
    monkeypatch.setattr(unpacking, "MOST_FILES", 2)
    with pytest.raises(UnsupportedError, match="more than 2 files"), unpacked(path):
        pass


@pytest.mark.parametrize("end", [10, 60, -8])
def test_a_damaged_archive_is_named(tmp_path: Path, end: int) -> None:
    path = archive(tmp_path / "a.zip", a="some text" * 50)
    path.write_bytes(path.read_bytes()[:end])
    with (
        pytest.raises(UnreadableError, match=r"a\.zip: the archive cannot be unpacked"),
        unpacked(path),
    ):
        pass


def test_a_file_and_a_folder_of_one_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("a", "1")
        made.writestr("a/b", "2")
    with pytest.raises(UnreadableError), unpacked(tmp_path / "a.zip"):
        pass
