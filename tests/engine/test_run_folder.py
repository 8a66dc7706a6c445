from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cellwright.core.errors import RunError, UsageError
from cellwright.engine.files import atomic_stream, run_errors, write_atomic
from cellwright.engine.journal import Step
from cellwright.engine.run_folder import RunFolder, step_file, write_step_file


def test_a_step_is_finished_only_while_its_files_are_sound(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run") as folder:
        files = write_step_file(folder.steps, "abc", "tif", b"labels")
        assert folder.finished("segment", "abc") is None  # that a file exists proves nothing
        folder.journal.enter([Step("segment", "abc", files)])
        assert folder.finished("segment", "abc") is not None
        step_file(folder.steps, "abc", "tif").write_bytes(b"damaged")
        assert folder.finished("segment", "abc") is None


def test_two_processes_cannot_own_one_run(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from cellwright.engine.run_folder import RunFolder\n"
        f"with RunFolder(pathlib.Path({str(tmp_path / 'run')!r})):\n"
        "    print('owned', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "owned\n"
        with pytest.raises(RunError, match="another cellwright"), RunFolder(tmp_path / "run"):
            pass
        other.kill()  # its death releases the lock, whatever it was doing
        other.wait()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                with RunFolder(tmp_path / "run"):
                    return
            except RunError:
                time.sleep(0.05)
        pytest.fail("the lock of a dead process was not released")


def test_files_of_somebody_else_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "cells.csv").write_text("mine")

    with pytest.raises(UsageError, match="no run of cellwright made"), RunFolder(tmp_path):
        pass

    assert (tmp_path / "cells.csv").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["cells.csv"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write_half() -> None:
        with atomic_stream(path, tmp_path / "tmp") as stream:
            stream.write(b"half of the new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()

    assert path.read_text() == "old"
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "not permitted"),
    ],
)
def test_the_systems_errors_are_put_into_words(tmp_path: Path, code: int, words: str) -> None:
    with pytest.raises(RunError, match=words) as caught, run_errors(tmp_path):
        raise OSError(code, os.strerror(code))

    assert str(tmp_path) in str(caught.value)
    assert "nothing finished is lost" in str(caught.value)


def test_a_file_in_the_place_of_the_folder_is_a_clear_message(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")

    with pytest.raises(RunError, match="a file stands where a folder is needed"):
        RunFolder(tmp_path / "run").__enter__()


def test_what_is_set_aside_is_never_lost(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run") as folder:
        for content in (b"first", b"second", b"third"):
            write_atomic(folder.path / "labels" / "a.tif", content, folder.temporary)
            folder.set_aside("labels/a.tif")
        orphans = sorted((folder.work / "orphans" / "labels").iterdir())

    assert sorted(path.read_bytes() for path in orphans) == [b"first", b"second", b"third"]
    assert not (tmp_path / "run" / "labels" / "a.tif").exists()
