"""The model file: what is written is what is read, and nothing in it is trusted."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.models.tiny_model import (
    make_cover,
    make_description,
    make_test,
    make_weights,
    write_tiny,
)

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.engine.onnx import Network
from cellwright.models import archive
from cellwright.models.archive import write_archive
from cellwright.models.check import check_model
from cellwright.models.model import model_named, read_model, write_model
from cellwright.models.package import rdf_problems

FORMAT_1 = Path(__file__).parent / "format_1.zip"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("models") / "tiny.zip")


@pytest.fixture
def changed(tiny: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write the tiny model with other files, or another resource description."""

    def change(
        files: dict[str, bytes | None] | None = None,
        rdf: Callable[[dict[str, Any]], None] | None = None,
    ) -> Path:
        with zipfile.ZipFile(tiny) as packed:
            content = {name: packed.read(name) for name in packed.namelist()}
        if rdf is not None:
            said = json.loads(content["rdf.yaml"])
            rdf(said)
            content["rdf.yaml"] = json.dumps(said).encode()
        content |= {name: data for name, data in (files or {}).items() if data is not None}
        for name in [name for name, data in (files or {}).items() if data is None]:
            del content[name]
        path = tmp_path / "changed.zip"
        path.write_bytes(write_archive(content))
        return path

    return change


def test_what_is_written_is_read(tiny: Path) -> None:
    model = read_model(tiny)
    assert model.description == make_description()
    assert model.weights == make_weights()
    assert dict(model.attachments) == {"training.json": b"{}"}
    assert model.digest == hashlib.sha256(tiny.read_bytes()).hexdigest()
    assert Network(model.weights).channels == 3


def test_the_same_model_is_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    again = write_tiny(tmp_path / "again.zip")
    assert again.read_bytes() == tiny.read_bytes()


def test_it_is_a_valid_bioimageio_package_with_its_files(tiny: Path) -> None:
    """Their own reader, with its checks of hashes and shapes; there is no address to look at."""
    from bioimageio.spec import InvalidDescr, ValidationContext, load_description

    with zipfile.ZipFile(tiny) as packed, ValidationContext(perform_io_checks=True):
        loaded: Any = load_description(packed)
    assert not isinstance(loaded, InvalidDescr), loaded.validation_summary.format()
    [entry], [exit_] = loaded.inputs, loaded.outputs
    assert [str(axis.id) for axis in entry.axes] == ["batch", "channel", "y", "x"]
    assert exit_.axes[1].channel_names == ["foreground", "boundary", "distance", "size"]
    assert (entry.axes[2].size.min, entry.axes[2].size.step, exit_.axes[2].halo) == (336, 16, 160)
    scale = next(step for step in entry.preprocessing if step.id == "scale_range")
    assert (scale.kwargs.min_percentile, scale.kwargs.max_percentile) == (1.0, 99.8)
    assert list(scale.kwargs.axes) == ["channel", "y", "x"]
    clip = next(step for step in entry.preprocessing if step.id == "clip")
    assert (clip.kwargs.min, clip.kwargs.max) == (-0.5, 2.0)


def test_the_text_is_json_and_the_same_in_both_yamls(tiny: Path) -> None:
    from ruyaml import YAML

    with zipfile.ZipFile(tiny) as packed:
        text = packed.read("rdf.yaml").decode()
    as_json = json.loads(text)
    assert YAML(typ="safe", pure=True).load(text) == as_json
    old: Any = YAML(typ="safe", pure=True)
    old.version = (1, 1)
    assert old.load(text) == as_json


def test_spacing_is_stated(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "spaced.zip", spacing=[0.65, 0.5], halo=0)
    with zipfile.ZipFile(path) as packed:
        rdf = json.loads(packed.read("rdf.yaml"))
    row, column = rdf["outputs"][0]["axes"][2:]
    assert (row["scale"], column["scale"], row["unit"]) == (0.65, 0.5, "micrometer")
    assert "halo" not in row
    assert rdf["inputs"][0]["axes"][2]["size"] == {"min": 16, "step": 16}
    assert read_model(path).description.spacing == (0.65, 0.5)
    assert all(finding.passed for finding in check_model(path))


def test_format_1_stays_readable() -> None:
    """The file is the one that the first version wrote; it is never made again."""
    assert FORMAT_1.stat().st_size < 50_000
    model = read_model(FORMAT_1)
    assert model.digest == "999b615363c360fc6bb2773936b943a2fb95bcefbcbef5c2afe644c165d65624"
    assert model.description == make_description()
    assert [finding.check for finding in check_model(FORMAT_1) if finding.passed] == [
        "package",
        "section",
        "test",
    ]


def test_a_package_that_another_program_saved_again(tiny: Path, tmp_path: Path) -> None:
    from bioimageio.spec import ValidationContext, load_description
    from bioimageio.spec import save_bioimageio_package_to_stream as save

    path = tmp_path / "again.zip"
    with zipfile.ZipFile(tiny) as packed, ValidationContext(perform_io_checks=False):
        loaded: Any = load_description(packed)
        stream: Any = save(loaded)
        path.write_bytes(stream.getvalue())
    with zipfile.ZipFile(path) as packed:
        names = packed.namelist()
        [text] = [packed.read(name) for name in names if name.endswith(".yaml")]
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(text)
    assert read_model(path).description == make_description()
    assert all(finding.passed for finding in check_model(path))


def test_reading_needs_no_heavy_library(tiny: Path) -> None:
    code = (
        "import sys; from cellwright.models.model import read_model; read_model(sys.argv[1]);"
        "heavy = {'bioimageio', 'ruyaml', 'onnx', 'torch', 'onnxruntime'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_a_model_is_read_once_until_its_file_changes(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.zip"
    path.write_bytes(tiny.read_bytes())
    first = model_named(path)
    assert model_named(str(path)) is first
    write_tiny(path, version=2)
    assert model_named(path).description.version == 2


# What cannot be written.


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cover": b"GIF89a"}, "the cover is no PNG"),
        ({"attachments": {"../x": b""}}, "cannot be named '../x'"),
        ({"attachments": {"rdf.yaml": b""}}, "cannot be named 'rdf.yaml'"),
        ({"test_input": np.zeros((1, 1, 32, 32), np.uint8)}, r"not numbers \(1, 3, Y, X\)"),
        ({"test_input": np.zeros((1, 3, 30, 32), np.uint8)}, "not multiples of 16"),
        ({"test_output": np.ones((1, 4, 32, 32), np.float32)}, "the stored test fails"),
        ({"test_output": np.ones((1, 3, 32, 32), np.float32)}, "the maps of the test are"),
        ({"weights": b"no network"}, "no ONNX file"),
        ({"licence": "no-such-licence"}, "not a valid bioimage.io package: license"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    weights = changes.pop("weights", make_weights())
    picture, maps = make_test(make_weights())
    parts: dict[str, Any] = {"test_input": picture, "test_output": maps, "cover": make_cover()}
    parts |= {"documentation": "# Validation", "attachments": {}}
    parts |= {name: changes.pop(name) for name in list(changes) if name in parts}
    path = tmp_path / "model.zip"
    with pytest.raises(UsageError, match=words):
        write_model(path, make_description(**changes), weights, **parts)
    assert list(tmp_path.iterdir()) == []


# What is hostile, damaged or foreign.


def test_a_newer_format_says_so(changed: Callable[..., Path]) -> None:
    path = changed(rdf=lambda rdf: rdf["config"]["cellwright"].update(format=2, more=1))
    with pytest.raises(UnsupportedError, match="format 2, and this version of cellwright reads"):
        read_model(path)


def test_a_foreign_package_says_what_is_missing(changed: Callable[..., Path]) -> None:
    path = changed(rdf=lambda rdf: rdf["config"].pop("cellwright"))
    with pytest.raises(UnsupportedError, match="does not say which decoder") as refusal:
        read_model(path)
    assert str(refusal.value).startswith(str(path))


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda r: r["weights"].update(onnx=None), UnsupportedError, "no ONNX weights"),
        (lambda r: r["weights"]["onnx"].update(external_data={"source": "w.bin"}),
         UnsupportedError, "in a second file"),
        (lambda r: r["weights"]["onnx"].update(source="/etc/passwd"),
         UnreadableError, "'/etc/passwd' that is not in the zip"),
        (lambda r: r["weights"]["onnx"].update(source="https://example.com/w.onnx"),
         UnreadableError, "not in the zip"),
        (lambda r: r["weights"]["onnx"].update(sha256="0" * 64), UnreadableError, "damaged"),
        (lambda r: r.update(format_version="0.4.10"), UnsupportedError, "only 0.5 is read"),
        (lambda r: r.update(type="dataset"), UnsupportedError, "does not describe a model"),
        (lambda r: r["config"]["cellwright"].update(tile=100),
         UnreadableError, "config.cellwright makes no sense: the tile must be a multiple of 16"),
        (lambda r: r["config"]["cellwright"].update(halo="wide"),
         UnreadableError, "config.cellwright.halo makes no sense"),
        (lambda r: r["config"]["cellwright"].update(name="\x1b[2J"),
         UnreadableError, "config.cellwright.name"),
        (lambda r: r["config"].update(cellwright=[1]), UnreadableError, "config.cellwright"),
    ],
)  # fmt: skip
def test_a_description_that_makes_no_sense(
    change: Callable[[dict[str, Any]], None],
    kind: type[InputError],
    words: str,
    changed: Callable[..., Path],
) -> None:
    path = changed(rdf=change)
    with pytest.raises(kind) as refusal:
        read_model(path)
    assert words in str(refusal.value)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[" * 200_000,
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\ntype: model",
        b"!!python/object/apply:os.system ['true']",
        b'{"type": "model", "format_version": "0.5.4", "config": {"cellwright": {"tile": NaN}}}',
        b"x: " + b"1" * 5000,
        b"- " * 5_000_000,
    ],
)
def test_a_text_that_is_no_description(text: bytes, changed: Callable[..., Path]) -> None:
    with pytest.raises(InputError):
        read_model(changed({"rdf.yaml": text}))


def test_no_description_at_all(changed: Callable[..., Path]) -> None:
    with pytest.raises(UnreadableError, match=r"it has no rdf\.yaml"):
        read_model(changed({"rdf.yaml": None}))


@pytest.mark.parametrize(
    "name", ["../up", "/abs", "a/../../b", "c:\\x", "a\\b", "\x1bx", "./a", "a//b"]
)
def test_names_that_lead_outside_are_refused(name: str, changed: Callable[..., Path]) -> None:
    with pytest.raises(UnreadableError, match="leads outside"):
        read_model(changed({name: b"x"}))


def npy(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4), }"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n."),
        npy("__import__('os')"),
        npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)),
    ],
)
def test_a_test_picture_that_is_none(content: bytes, changed: Callable[..., Path]) -> None:
    def hash_of(rdf: dict[str, Any]) -> None:
        stated = hashlib.sha256(content).hexdigest()
        rdf["inputs"][0]["test_tensor"]["sha256"] = stated

    with pytest.raises(UnreadableError, match=r"'test_input\.npy' is no NumPy file"):
        read_model(changed({"test_input.npy": content}, hash_of))


def test_a_zip_that_grows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST", 10_000_000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("rdf.yaml", bytes(6_000_000))
        packed.writestr("weights.onnx", bytes(6_000_000))
    assert path.stat().st_size < 20_000
    with pytest.raises(UnsupportedError, match="more than 10 MB"):
        read_model(path)


def test_a_zip_that_lies_about_its_sizes_is_refused(changed: Callable[..., Path]) -> None:
    path = changed({"big": bytes(1000)})
    data = bytearray(path.read_bytes())
    place = data.rfind(b"big") - 46  # its entry in the directory: sizes at 20 and 24
    data[place + 20 : place + 28] = (10).to_bytes(4, "little") * 2
    path.write_bytes(data)
    with pytest.raises(UnreadableError):
        read_model(path)


def test_an_encrypted_or_unusual_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "packed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as packed:
        packed.writestr("rdf.yaml", b"{}")
    with pytest.raises(UnsupportedError, match="unusual method"):
        read_model(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="this is a folder"):
        read_model(tmp_path)
    with pytest.raises(UsageError, match="no such model file"):
        read_model(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(UnreadableError, match="no model file"):
        read_model(tmp_path / "text.zip")


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_gives_no_other_error(tiny: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(tiny.read_bytes())
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=5)):
        content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "damaged.zip"
    path.write_bytes(content[: data.draw(st.one_of(st.just(len(content)), places))])
    try:
        model = read_model(path)
    except InputError as error:
        said = str(error)
    else:
        said = f"{path}: {model.digest}"
    assert said.startswith(str(path))


def test_another_models_output_is_never_fetched(changed: Callable[..., Path]) -> None:
    def point_elsewhere(rdf: dict[str, Any]) -> None:
        rdf["inputs"][0]["output_of"] = "https://example.com/model"

    findings = {f.check: f for f in check_model(changed(rdf=point_elsewhere))}
    assert not findings["package"].passed
    assert "is not followed" in findings["package"].words


def test_problems_of_a_package_are_named() -> None:
    [first, *_] = rdf_problems({"type": "model", "format_version": "0.5.4", "name": "cell model"})
    assert "inputs" in first


def test_a_zip_is_not_compressed_and_has_no_times(tiny: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(tiny.read_bytes())) as packed:
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.compress_type for entry in packed.infolist()} == {zipfile.ZIP_STORED}
