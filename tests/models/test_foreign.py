"""Packages of other programs: what they say is what is computed, or they are refused."""

from __future__ import annotations

import builtins
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from tests.models import foreign_package as foreign

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.core.image import Image
from cellwright.engine.onnx import Network
from cellwright.models.archive import write_archive
from cellwright.models.check import check_model
from cellwright.models.foreign.graph import Form, adapted
from cellwright.models.foreign.importing import Imported, import_foreign
from cellwright.models.foreign.package import foreign_package
from cellwright.models.foreign.steps import Step
from cellwright.models.model import model_named, read_model, read_model_file
from cellwright.segment.network import METHOD, NetworkOptions
from cellwright.segment.network_mapping import InMemory, map_plane

FORMAT_1 = Path(__file__).parent / "format_1.zip"
IMPORTED_1 = Path(__file__).parent / "format_1_imported.zip"
NAMED = ("foreground", "boundary")


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CELLWRIGHT_MODELS", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "package.zip"


def bring(path: Path, channels: Sequence[str] | None = None, **others: Any) -> Imported:
    package = foreign_package(path)
    assert package is not None
    return import_foreign(package, None, channels, **others)


def found(imported: Imported, pixels: Any) -> Any:
    image = Image(pixels, "YX" if pixels.ndim == 2 else "YXS")
    objects = METHOD.segment(image, NetworkOptions(model=imported.entry.name))
    assert objects.main == "nucleus"
    return objects.main_labels.data


def assert_objects(labels: Any, truth: Any) -> None:
    """Each disc is one object, of nearly its own pixels."""
    assert labels.max() == truth.max()
    for number in range(1, truth.max() + 1):
        disc = truth == number
        label = np.bincount(labels[disc]).argmax()
        assert label > 0
        overlap = np.count_nonzero(disc & (labels == label))
        assert overlap / np.count_nonzero(disc | (labels == label)) > 0.85


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["bcyx", "byxc", "xbcy"])
def test_foreground_and_border(version: Any, axes: str, path: Path) -> None:
    foreign.write(path, version=version, axes=axes, names=NAMED)
    imported = bring(path, None if version == "0.5" else ["foreground", "border"])
    what = imported.description
    assert (what.decoder.name, what.channels) == ("walls", ("foreground", "border"))
    assert imported.difference < 1e-5
    pixels, truth = foreign.picture()
    assert_objects(found(imported, pixels), truth)


def test_what_it_says_of_itself_is_carried_over(path: Path, own: Path) -> None:
    foreign.write(path, names=NAMED)
    imported = bring(path)
    assert imported.entry.path == own / "bright-discs-u-net.zip"
    what = read_model(imported.entry.path).description
    assert what == imported.description
    assert (what.name, what.version, what.licence) == ("bright-discs-u-net", 2, "MIT")
    assert what.authors == ("Grace Hopper", "Ada Lovelace")
    assert what.cite[0].doi == "10.5281/zenodo.5764892"
    assert (what.least, what.multiple, what.halo, what.spacing) == (32, 16, 8, (0.5, 0.5))
    assert what.normalisation.clip is None
    assert 11 < what.diameter < 16
    assert all(finding.passed for finding in check_model(imported.entry.path))
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(imported.entry.path) as after:
        assert after.read("original_rdf.yaml") == before.read("rdf.yaml")
        assert b"It looks at brightness." in after.read("README.md")
    first = imported.entry.path.read_bytes()
    assert bring(path).entry == imported.entry  # the same again is no conflict
    assert imported.entry.path.read_bytes() == first


def test_the_maps_are_what_the_package_promises_of_a_plane_in_tiles(path: Path) -> None:
    """Statistics are those of the whole plane: of a tile they would be others."""
    step = {"id": "zero_mean_unit_variance", "kwargs": {"axes": ["channel", "y", "x"]}}
    plane, _ = foreign.picture()
    scaled = (plane - plane.mean()) / (plane.std() + 1e-6)
    foreign.write(path, names=NAMED, before=[step], scaled=scaled, middle=0.4)
    imported = bring(path)
    assert imported.description.normalisation.how == "deviations"
    model = model_named(imported.entry.path)
    small = model.description.model_copy(update={"tile": 16, "halo": 16})
    model = type(model)(small, model.weights)
    rows = np.concatenate([plane, plane + 300], axis=1)
    mapped = map_plane(InMemory(rows), model, Network(model.weights).run)
    told = foreign.expected((rows - rows.mean()) / rows.std(), 0.4).clip(-7.9, 7.9)
    inside = (slice(None), slice(8, -8), slice(8, -8))
    maps = mapped.maps.values.astype(float) / 16
    assert np.abs(maps.clip(-7.9, 7.9) - told)[inside].max() < 1 / 32 + 1e-3


@pytest.mark.parametrize(
    ("version", "steps", "scaled", "how"),
    [
        ("0.4", [{"name": "zero_mean_unit_variance",
                  "kwargs": {"mode": "per_sample", "axes": "yx"}}],
         lambda x: (x - x.mean()) / (x.std() + 1e-6), "deviations"),
        ("0.4", [{"name": "zero_mean_unit_variance",
                  "kwargs": {"mode": "fixed", "axes": "cyx", "mean": 100, "std": 800}}],
         lambda x: (x - 100) / 800, "linear"),
        ("0.5", [{"id": "fixed_zero_mean_unit_variance", "kwargs": {"mean": 100, "std": 800}}],
         lambda x: (x - 100) / 800, "linear"),
        ("0.5", [{"id": "fixed_zero_mean_unit_variance",
                  "kwargs": {"mean": [100], "std": [800], "axis": "channel"}}],
         lambda x: (x - 100) / 800, "linear"),
        ("0.5", [{"id": "scale_linear", "kwargs": {"gain": 0.001, "offset": 0.0}}],
         lambda x: x / 1000, "linear"),
        ("0.4", [{"name": "scale_linear", "kwargs": {"gain": -0.001, "offset": 1.0}}],
         lambda x: 1 - x / 1000, "linear"),
        ("0.5", [], lambda x: x / 1, "linear"),
        ("0.5", [{"id": "scale_linear", "kwargs": {"gain": 0.1, "offset": 3}},
                 {"id": "scale_range", "kwargs": {"axes": ["y", "x"]}},
                 {"id": "clip", "kwargs": {"min": 0.2, "max": 0.9}},
                 {"id": "scale_linear", "kwargs": {"gain": 2, "offset": -1}}],
         lambda x: 2 * np.clip((x - x.min()) / np.ptp(x), 0.2, 0.9) - 1, "percentiles"),
    ],
)  # fmt: skip
def test_what_is_done_before(
    version: Any, steps: list[dict[str, Any]], scaled: Any, how: str, path: Path
) -> None:
    plane, truth = foreign.picture()
    values = scaled(plane.astype(float))
    middle = (values[truth == 0].mean() + values[truth > 0].mean()) / 2
    foreign.write(path, version=version, before=steps, scaled=values, middle=float(middle), maps=1)
    imported = bring(path)
    assert imported.description.normalisation.how == how
    assert imported.description.decoder.name == "components"
    assert imported.difference < 1e-3
    assert any("does not adapt" in words for words in imported.words) == (how == "linear")
    if values[truth > 0].mean() > middle:
        assert_objects(found(imported, plane), truth)


@pytest.mark.parametrize(
    ("in_graph", "as_chance", "after", "meant"),
    [
        (True, True, [], "probabilities"),
        (False, True, [{"id": "sigmoid"}], "logits"),
        (False, False, [], "logits, as some are below 0"),
    ],
)
def test_probabilities_and_logits(
    in_graph: bool, as_chance: bool, after: list[dict[str, Any]], meant: str, path: Path
) -> None:
    foreign.write(path, names=NAMED, in_graph=in_graph, as_chance=as_chance, after=after)
    imported = bring(path)
    assert any(meant in words for words in imported.words)
    plane, truth = foreign.picture()
    assert_objects(found(imported, plane), truth)
    stored = read_model_file(imported.entry.path).test_output
    low, high = np.percentile(plane, (1.0, 99.0))
    wanted = foreign.expected((plane - low) / (high - low), 0.5)
    # the stored picture has each pixel three times, which moves percentiles a little
    assert np.abs(expit(stored[0]) - expit(wanted)).max() < 0.01


def test_three_colours_and_old_operators(path: Path) -> None:
    foreign.write(path, names=NAMED, colours=3, network={"opset": 9})
    imported = bring(path)
    plane, truth = foreign.picture()
    assert_objects(found(imported, np.stack([plane] * 3, axis=-1)), truth)
    assert_objects(found(imported, plane), truth)


@pytest.mark.parametrize("shape", [(30, 90), (64, 64), (150, 100)])
def test_a_network_of_one_size(shape: tuple[int, int], path: Path) -> None:
    foreign.write(path, names=NAMED, size=64, network={"size": (64, 64)})
    imported = bring(path)
    assert (imported.description.side, imported.description.halo) == (64, 8)
    seen = []
    model = model_named(imported.entry.path)
    plane = np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)

    def answer(batch: Any) -> Any:
        seen.append(batch.shape)
        return Network(model.weights).run(batch)

    mapped = map_plane(InMemory(plane), model, answer)
    assert set(seen) == {(1, 3, 64, 64)}
    low, high = np.percentile(plane, (1.0, 99.0))
    told = foreign.expected((plane - low) / (high - low), 0.5).clip(-7.9, 7.9)
    maps = (mapped.maps.values.astype(float) / 16).clip(-7.9, 7.9)
    inside = (slice(None), slice(4, -4), slice(4, -4))
    assert np.abs(maps - told)[inside].max() < 1 / 32 + 1e-3


def test_a_small_plane_is_made_as_large_as_the_network_needs(path: Path) -> None:
    imported = bring(foreign.write(path, names=NAMED))
    model = model_named(imported.entry.path)
    seen = []

    def answer(batch: Any) -> Any:
        seen.append(batch.shape)
        return Network(model.weights).run(batch)

    map_plane(InMemory(np.arange(200.0).reshape(10, 20)), model, answer)
    assert seen == [(1, 3, 32, 32)]


# What has to be asked.


def test_unnamed_maps_are_asked_for(path: Path) -> None:
    foreign.write(path)
    with pytest.raises(UsageError, match=r"1 \('channel0', 0\.\d+ on average .* 2 \('channel1'"):
        bring(path)
    assert bring(path, ["foreground", "-"]).description.decoder.name == "components"


@pytest.mark.parametrize(
    ("names", "decoder", "channels"),
    [
        (("Cell interior", "Cell-Membrane"), None, None),
        (("background", "mask"), "components", ("foreground",)),
        (("boundary", "nuclei"), "walls", ("foreground", "border")),
        (("nuclei", "cells"), None, None),
        (("bg", "background"), None, None),
    ],
)
def test_maps_by_their_names(
    names: tuple[str, str], decoder: str | None, channels: tuple[str, ...] | None, path: Path
) -> None:
    foreign.write(path, names=names)
    if decoder is None:
        with pytest.raises(UsageError, match="which of its maps is which"):
            bring(path)
        return
    what = bring(path).description
    assert (what.decoder.name, what.channels) == (decoder, channels)


@pytest.mark.parametrize(
    ("channels", "decoder", "message"),
    [
        (["foreground"], None, "it has 2 maps"),
        (["foreground", "foreground"], None, "none twice"),
        (["-", "-"], None, "it has 2 maps"),
        (["foreground", "size"], None, "it has 2 maps"),
        (["foreground", "-"], "walls", r"walls \(needs border\)"),
        (["-", "border"], "components", r"components \(needs foreground\)"),
        (["foreground", "border"], "votes", "'votes' cannot work on these maps"),
    ],
)
def test_what_is_asked_must_fit(
    channels: list[str], decoder: str | None, message: str, path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        bring(foreign.write(path), channels, decoder=decoder)


# What is refused.


def _weights(rdf: dict[str, Any], **kinds: Any) -> None:
    rdf["weights"] = kinds


STEP = {"id": "binarize", "kwargs": {"threshold": 0.5}}
EACH = {"id": "scale_range", "kwargs": {"axes": ["y", "x"]}}
ROWS = {"id": "scale_range", "kwargs": {"axes": ["x"]}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: _weights(r, pytorch_state_dict={}), "no ONNX weights, only pytorch_state_dict"),
        (lambda r: _weights(r, keras_hdf5={}, tensorflow_saved_model_bundle={}),
         "only keras_hdf5, tensorflow_saved_model_bundle"),
        (lambda r: r["weights"]["onnx"].update(source="https://example.com/w.onnx"),
         "nothing is downloaded"),
        (lambda r: r["weights"]["onnx"].update(source="../w.onnx"), "is not in the zip"),
        (lambda r: r["weights"]["onnx"].update(sha256="0" * 64), "differs from its hash"),
        (lambda r: r.update(format_version="0.3.6"), "only 0.4 and 0.5 is read"),
        (lambda r: r.update(license="no-such-licence"), "no valid bioimage.io package: license"),
        (lambda r: r["inputs"].append(r["inputs"][0]), "no valid bioimage.io package"),
        (lambda r: r["outputs"][0].update(postprocessing=[STEP]), "a step 'binarize'"),
        (lambda r: r["inputs"][0].update(preprocessing=[STEP]), "a step 'binarize'"),
        (lambda r: r["inputs"][0].update(preprocessing=[ROWS]), "rows or columns on their own"),
        (lambda r: r["inputs"][0].update(preprocessing=[EACH, EACH]), "comes after another one"),
        (lambda r: r["inputs"][0].update(preprocessing=[]), "its own test fails here"),
        (lambda r: r["inputs"][0]["axes"].pop(0), "its test input has 4 axes, and 3 are named"),
        (lambda r: [a.update(size={"min": 32, "step": 10**9}) for a in r["inputs"][0]["axes"][2:]],
         "go beyond 4096 px"),
        (lambda r: [a.update(size={"min": 40, "step": 40}) for a in r["inputs"][0]["axes"][2:]],
         "which its network does not take"),
        (lambda r: [a.update(size=64) for a in r["inputs"][0]["axes"][2:3]], "no squares"),
    ],
)  # fmt: skip
def test_what_is_refused(change: Any, message: str, path: Path, own: Path) -> None:
    foreign.write(path, names=NAMED, change=change)
    with pytest.raises(InputError, match=message) as refusal:
        bring(path)
    assert str(path) in str(refusal.value)
    assert not own.exists()


def test_colours_scaled_on_their_own_are_refused(path: Path) -> None:
    foreign.write(
        path, names=NAMED, colours=3,
        change=lambda rdf: rdf["inputs"][0].update(preprocessing=[EACH]),
    )  # fmt: skip
    with pytest.raises(UnsupportedError, match="scales each colour on its own"):
        bring(path)


def test_numbers_of_a_set_of_pictures_are_refused(path: Path) -> None:
    step = {"name": "zero_mean_unit_variance", "kwargs": {"mode": "per_dataset", "axes": "cyx"}}
    foreign.write(path, version="0.4", maps=1, before=[step], scaled=foreign.picture()[0])
    with pytest.raises(UnsupportedError, match="numbers of a whole set of pictures"):
        bring(path)


def test_a_network_that_takes_less_than_its_package_says(path: Path) -> None:
    foreign.write(path, names=NAMED, network={"size": (64, 128)})
    with pytest.raises(UnsupportedError, match="64 × 128 px alone"):
        bring(path)


def test_a_licence_must_be_stated(path: Path) -> None:
    foreign.write(
        path, version="0.4", maps=1, change=lambda rdf: rdf.pop("license")
    )  # fmt: skip
    with pytest.raises(InputError, match=r"does not state its licence|license"):
        bring(path)


def test_without_the_package_onnx(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign.write(path, names=NAMED)
    true_import = builtins.__import__

    def without(name: str, *others: Any, **named: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "onnx":
            raise ImportError(name)
        return true_import(name, *others, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"the package `onnx` is needed.*cellwright\[train\]"):
        bring(path)


@pytest.mark.parametrize(
    "files",
    [
        {"../up": b""},
        {"rdf.yaml": b"a: &a [x, x]\nb: [*a, *a]\ntype: model\nformat_version: 0.4.10"},
        {"rdf.yaml": b"[" * 100_000},
        {"weights.onnx": b"no network"},
        {"test_input.npy": b"\x93NUMPY\x01\x00"},
    ],
)
def test_hostile_packages(files: dict[str, bytes], path: Path, own: Path) -> None:
    foreign.write(path, names=NAMED)
    with zipfile.ZipFile(path) as packed:
        content = {name: packed.read(name) for name in packed.namelist()}
    path.write_bytes(write_archive(content | files))
    with pytest.raises((UnreadableError, UnsupportedError)):
        bring(path)
    assert not own.exists()


def test_an_imported_model_of_format_1_stays_readable() -> None:
    """The file was written by the first version that imports; it is never made again."""
    assert IMPORTED_1.stat().st_size < 50_000
    model = read_model(IMPORTED_1)
    assert model.description.normalisation.how == "deviations"
    assert (model.description.side, model.description.channels) == (32, ("foreground", "border"))
    assert all(finding.passed for finding in check_model(IMPORTED_1))


def test_our_own_models_are_not_foreign() -> None:
    assert foreign_package(FORMAT_1) is None


def test_old_files_say_no_more_than_before() -> None:
    """New entries of the section are left out where they say nothing new."""
    section = read_model(FORMAT_1).description.model_dump(mode="json")
    assert not {"least", "side"} & set(section)
    assert set(section["normalisation"]) == {"low", "high", "clip"}


@pytest.mark.parametrize("opset", [9, 11, 13, 18])
@pytest.mark.parametrize("axes", ["yx", "byx", "xyb", "cxy"])
def test_axes_that_are_missing(axes: str, opset: int) -> None:
    """A network that hands on what it is given, between the operators that are added."""
    from onnx import TensorProto, helper

    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [*axes]) for name in ("x", "z")
    ]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])], "same", tensors[:1], tensors[1:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    weights = model.SerializeToString()
    form = Form(axes, axes, 1, (Step("clip", low=0.1),), (), (0,), probabilities=True)
    batch = np.linspace(0, 1, 12, dtype=np.float32).reshape(1, 1, 3, 4)
    maps = Network(adapted(weights, form)).run(np.repeat(batch, 3, axis=1))
    assert np.abs(expit(maps) - batch.clip(0.1)).max() < 1e-5


@pytest.mark.parametrize("opset", [9, 17])
def test_softmax_is_over_channels(opset: int) -> None:
    weights = foreign.weights(colours=3, maps=2, sigmoid=False, opset=opset)
    plain = Form("bcyx", "bcyx", 3, (), (), (0, 1), probabilities=False)
    soft = Form("bcyx", "bcyx", 3, (), (Step("softmax"),), (1,), probabilities=True)
    batch = np.random.default_rng(3).random((1, 3, 16, 16), np.float32)
    logits = Network(adapted(weights, plain)).run(batch)
    [chances] = expit(Network(adapted(weights, soft)).run(batch))
    wanted = expit(logits[0, 1] - logits[0, 0])  # of two classes
    assert np.abs(chances[0] - wanted).max() < 1e-5
