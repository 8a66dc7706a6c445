"""Models by name: bundled, the user's own, and how a file becomes one of those."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cellwright.core.errors import UnsupportedError, UsageError
from cellwright.models import catalogue as module
from cellwright.models.catalogue import as_recorded, catalogue, find_model, user_folder
from cellwright.models.check import check_model, import_model
from cellwright.models.model import read_model

FORMAT_1 = Path(__file__).parent / "format_1.zip"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, and no bundled models."""
    monkeypatch.setenv("CELLWRIGHT_MODELS", str(tmp_path / "own"))
    monkeypatch.setattr(module, "_BUNDLED", tmp_path / "bundled")
    module._record.cache_clear()
    return tmp_path / "own"


@pytest.fixture
def bundled(own: Path) -> Path:
    folder = own.parent / "bundled"
    folder.mkdir()
    content = FORMAT_1.read_bytes()
    (folder / "nuclei.zip").write_bytes(content)
    record = f"{hashlib.sha256(content).hexdigest()}  nuclei.zip\n"
    (folder / "SHA256SUMS").write_text(record)
    return folder


def names() -> list[tuple[str, str]]:
    return [(entry.name, entry.origin) for entry in catalogue()]


def test_where_the_users_models_are() -> None:
    home = Path.home()
    assert user_folder({}, "linux") == home / ".local/share/cellwright/models"
    assert user_folder({"XDG_DATA_HOME": "relative"}, "linux") == user_folder({}, "linux")
    mac = home / "Library/Application Support/cellwright/models"
    assert user_folder({"XDG_DATA_HOME": "/x"}, "darwin") == mac
    assert user_folder({"LOCALAPPDATA": "/data"}, "win32") == Path("/data/cellwright/models")
    assert user_folder({"CELLWRIGHT_MODELS": "~/m", "LOCALAPPDATA": "/x"}, "win32") == home / "m"


def test_every_bundled_model_is_as_recorded_and_small() -> None:
    entries = [entry for entry in catalogue() if entry.origin == "bundled"]
    assert all(as_recorded(entry) for entry in entries)
    assert sum(entry.path.stat().st_size for entry in entries) < 25_000_000


def test_a_folder_that_is_not_there_holds_nothing(own: Path) -> None:
    assert catalogue() == ()
    with pytest.raises(UsageError, match="none is installed yet"):
        find_model("nuclei")


def test_import_and_find(own: Path, bundled: Path) -> None:
    entry = import_model(FORMAT_1)
    assert entry.path == own / "tiny.zip"
    assert find_model("tiny") == entry.path
    assert entry.path.read_bytes() == FORMAT_1.read_bytes()
    assert import_model(FORMAT_1) == entry  # the same again is no conflict
    import_model(FORMAT_1, name="mine.zip")
    assert names() == [("nuclei", "bundled"), ("mine", "user"), ("tiny", "user")]


def test_a_name_is_never_taken_over(own: Path, bundled: Path) -> None:
    assert import_model(FORMAT_1, name="nuclei").origin == "bundled"  # the very same file
    (bundled / "nuclei.zip").write_bytes(b"another")
    with pytest.raises(UsageError, match="another model 'nuclei' already"):
        import_model(FORMAT_1, name="nuclei")
    own.mkdir(exist_ok=True)
    (own / "nuclei.zip").write_bytes(FORMAT_1.read_bytes())
    assert find_model("nuclei") == bundled / "nuclei.zip"


@pytest.mark.parametrize("name", ["../x", "Big", "", "a b", "x" * 65])
def test_a_name_must_be_one(name: str, own: Path) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        import_model(FORMAT_1, name=name)


def test_a_damaged_bundled_model_is_found_out(bundled: Path) -> None:
    assert [f.passed for f in check_model("nuclei") if f.check == "bundled"] == [True]
    (bundled / "SHA256SUMS").write_text("0" * 64 + "  nuclei.zip\n")
    module._record.cache_clear()
    [finding] = [f for f in check_model("nuclei") if f.check == "bundled"]
    assert not finding.passed
    assert "reinstall" in finding.words


def test_a_name_is_no_path_and_a_path_no_name(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nuclei").mkdir()  # a folder of pictures, say
    with pytest.raises(UsageError, match="there is no model 'nuclei'"):
        find_model("nuclei")
    (tmp_path / "mine.zip").write_bytes(FORMAT_1.read_bytes())
    assert find_model("mine.zip") == Path("mine.zip")
    with pytest.raises(UsageError, match="no such model file"):
        find_model("folder/mine")


def test_what_fails_its_checks_is_not_imported(own: Path, tmp_path: Path) -> None:
    """A package whose own words were changed: other programs would compute something else."""
    import json
    import zipfile

    from cellwright.models.archive import write_archive

    with zipfile.ZipFile(FORMAT_1) as packed:
        content = {name: packed.read(name) for name in packed.namelist()}
    rdf = json.loads(content["rdf.yaml"])
    rdf["inputs"][0]["preprocessing"][0]["kwargs"]["max_percentile"] = 95.0
    content["rdf.yaml"] = json.dumps(rdf).encode()
    path = tmp_path / "changed.zip"
    path.write_bytes(write_archive(content))
    assert read_model(path).description.normalisation.high == 99.8
    with pytest.raises(UnsupportedError, match=r"disagree on inputs\.0\.preprocessing"):
        import_model(path)
    assert not own.exists()
