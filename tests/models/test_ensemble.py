"""Joined models: their maps are the mean, what must be alike is, and all is carried over."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.tiny_model import SIDE, make_weights, write_tiny

from cellwright.api import segment
from cellwright.core.errors import UnreadableError, UsageError
from cellwright.core.image import Image
from cellwright.engine.onnx import Network
from cellwright.io.label_image import encode_labels
from cellwright.models.averaging import averaged
from cellwright.models.check import check_model
from cellwright.models.ensemble import NOT_CALIBRATED, check_target, join, write_ensemble
from cellwright.models.learnt import LEARNT, Learnt, learnt_file, learnt_of
from cellwright.models.model import read_model
from cellwright.segment.network import METHOD, NetworkOptions

SEEDS = (1, 2, 3)


def tiny(folder: Path, seed: int, **changes: Any) -> Path:
    said = {"name": f"net-{seed}", "weights": make_weights(seed=seed)} | changes
    return write_tiny(folder / f"net-{seed}.zip", **said)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("members")
    return [tiny(folder, seed) for seed in SEEDS]


def joined(paths: list[Path], out: Path, **options: Any) -> Path:
    write_ensemble(out, join(paths, options.pop("name", "joined"), **options))
    return out


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (2, 3, 16, 48)])
def test_maps_are_the_mean_of_the_members_maps(
    three: list[Path], tmp_path: Path, shape: tuple[int, ...]
) -> None:
    batch = np.random.default_rng(0).normal(0.5, 0.5, shape).astype(np.float32)
    each = [Network(read_model(path).weights).run(batch).astype(np.float64) for path in three]
    assert np.abs(each[0] - each[1]).max() > 0.1
    found = Network(read_model(joined(three, tmp_path / "j.zip")).weights).run(batch)
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-6, rtol=1e-6)


def test_the_file_passes_all_checks_and_is_the_same_bytes_again(
    three: list[Path], tmp_path: Path
) -> None:
    path = joined(three, tmp_path / "j.zip")
    assert [finding.check for finding in check_model(path) if finding.passed] == [
        "package",
        "section",
        "test",
    ]
    assert joined(three, tmp_path / "again.zip").read_bytes() == path.read_bytes()


def test_a_picture_is_segmented_with_it_tile_by_tile_too(tmp_path: Path) -> None:
    """Networks of one operator: brighter than a third, and brighter than two thirds of the range.

    Their mean is brighter than half of it.
    """
    paths = [
        tiny(
            tmp_path, seed, weights=brighter_than(level), channels=("foreground",), classes=[],
            decoder={"name": "components", "version": 1}, tile=32, halo=0, multiple=1,
            object="cell",
        )
        for seed, level in ((1, 1 / 3), (2, 2 / 3))
    ]  # fmt: skip
    path = joined(paths, tmp_path / "j.zip")
    pixels = np.zeros((48, 80), np.uint8)
    pixels[4:14, 4:14] = 100
    pixels[20:40, 20:40] = 45  # above a third, below a half: one member sees it, both do not
    pixels[20:40, 50:70] = 60
    objects = METHOD.segment(Image(pixels, "YX"), NetworkOptions(model=str(path), diameter=18.0))
    labels = np.asarray(objects.main_labels.data)
    assert labels.max() == 2
    np.testing.assert_array_equal(labels > 0, pixels > 50)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "p.tif").write_bytes(encode_labels(pixels, "YX"))
    run = segment(tmp_path / "pictures", tmp_path / "run", model=str(path), diameter="18px")
    assert run.images["n_cells"].tolist() == [2]


def brighter_than(level: float) -> bytes:
    """Logit 30 (x - level) of the mean of the three channels."""
    from onnx import TensorProto, helper, numpy_helper

    numbers = {
        "w": np.full((1, 3, 1, 1), 10, np.float32), "b": np.array([-30 * level], np.float32)
    }  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", "b"], ["maps"])],
        "brighter",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "y", "x"])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", 1, "y", "x"])],
        [numpy_helper.from_array(value, name) for name, value in numbers.items()],
    )
    opset = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    return bytes(model.SerializeToString())


def test_the_card_has_what_all_members_have(tmp_path: Path) -> None:
    shared = {"name": "made-up", "licence": "CC0-1.0", "url": "https://example.com/pictures"}
    own = {"name": "mine", "licence": "MIT", "url": "https://example.com/mine"}
    paths = [
        tiny(
            tmp_path, 1, sizes=[6, 100], halo=32, multiple=16, tile=1536, spacing=[0.5, 0.5],
            sources=[{**shared, "pictures": 3, "objects": 40}],
        ),
        tiny(
            tmp_path, 2, sizes=[20, 200], halo=160, multiple=12, tile=600, authors=["Grace Hopper"],
            test_input=np.arange(3 * 48 * 48, dtype=np.uint16).reshape(1, 3, 48, 48),
            test_output=maps_of(make_weights(seed=2), 48),
            sources=[{**own, "pictures": 9, "objects": 90},
                     {**shared, "pictures": 5, "objects": 50}],
        ),
    ]  # fmt: skip
    path = joined(paths, tmp_path / "j.zip", name="both")
    card = read_model(path).description
    assert (card.name, card.version, card.licence) == ("both", 1, "CC0-1.0")
    assert (card.tile, card.halo, card.multiple) == (576, 160, 48)
    assert (card.sizes, card.diameters, card.spacing) == ((20, 100), (10, 40), None)
    assert card.authors == ("Ada Lovelace", "Grace Hopper")
    assert len(card.cite) == 1
    assert [(one.name, one.pictures) for one in card.sources] == [("made-up", 5), ("mine", 9)]
    assert (card.scores, card.fingerprint) == ({}, {})
    assert card.calibration == {"how": NOT_CALIBRATED}
    members = card.architecture.options["members"]
    assert [one["name"] for one in members] == ["net-1", "net-2"]
    assert members[0]["file"] == read_model(paths[0]).digest
    assert members[1]["architecture"]["name"] == "unet"
    # the first member's test picture is grown until the second takes it
    assert all(finding.passed for finding in check_model(path))


def maps_of(weights: bytes, side: int) -> Any:
    ramp = np.arange(3 * side * side, dtype=np.float64).reshape(1, 3, side, side)
    low, high = np.percentile(ramp, [1.0, 99.8])
    return Network(weights).run(((ramp - low) / (high - low)).clip(-0.5, 2).astype(np.float32))


def test_what_was_learnt_from_is_what_all_learnt_from(tmp_path: Path) -> None:
    known = [Learnt(frozenset("ab"), complete=True), Learnt(frozenset("bc"), complete=True)]
    paths = [
        tiny(tmp_path, seed, attachments={LEARNT: learnt_file(what)})
        for seed, what in zip(SEEDS, known, strict=False)
    ]
    made = learnt_of(read_model(joined(paths, tmp_path / "j.zip")))
    assert made == Learnt(frozenset("abc"), complete=True)
    paths.append(tiny(tmp_path, 3))
    made = learnt_of(read_model(joined(paths, tmp_path / "k.zip")))
    assert made == Learnt(frozenset("abc"), complete=False)
    damaged = read_model(tiny(tmp_path, 4, attachments={LEARNT: b'{"pictures": 3}'}))
    with pytest.raises(UnreadableError, match="cannot be read"):
        learnt_of(damaged)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels": ("foreground", "boundary", "size", "distance")},
         r"channels \(foreground, boundary, distance, size; foreground, boundary, size, distance"),
        ({"decoder": {"name": "watershed", "version": 1, "options": {"threshold": 0.6}}},
         r'decoder \(watershed, version 1, \{"threshold": 0.5\}; .*0.6'),
        ({"decoder": {"name": "walls", "version": 1}}, "no options"),
        ({"normalisation": {"low": 1, "high": 99.8, "clip": [-0.6, 2]}},
         r"differ in normalisation .*-0.5.*-0.6"),
        ({"diameter": 19.0}, r"diameter of objects \(18.0 px; 19.0 px\)"),
        ({"object": "cell"}, r"what they find \(nucleus; cell\)"),
        ({"frame": 256}, r"frame \(none; a square of 256 px\)"),
        ({"multiple": 1, "halo": 0, "tile": SIDE, "side": SIDE}, r"side of tiles \(any; 32 px"),
        ({"sizes": [210.0, 300.0]}, "made for objects of other sizes"),
        ({"licence": "MIT"}, "several licences: .* MIT; name with --licence"),
    ],
)  # fmt: skip
def test_models_that_do_not_fit_together_are_refused(
    three: list[Path], tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    other = tiny(tmp_path, 2, **changes)
    with pytest.raises(UsageError, match=words):
        join([three[0], other], "joined")


def test_models_of_several_licences_are_joined_under_one_that_is_named(
    three: list[Path], tmp_path: Path
) -> None:
    made = join([three[0], tiny(tmp_path, 2, licence="MIT")], "joined", "mit")
    assert made.description.licence == "MIT"
    assert [one["licence"] for one in made.description.architecture.options["members"]] == [
        "CC0-1.0",
        "MIT",
    ]


def test_classes_that_the_networks_tell_must_be_the_same(tmp_path: Path) -> None:
    def telling(seed: int, *names: str) -> Path:
        return tiny(
            tmp_path, seed, channels=("foreground", "size", "class_0", "class_1"),
            classes=[{"name": name, "colour": "#000000"} for name in names],
        )  # fmt: skip

    with pytest.raises(UsageError, match=r"classes \(large, small; small, large\)"):
        join([telling(1, "large", "small"), telling(2, "small", "large")], "joined")
    made = join([telling(1, "large", "small"), telling(3, "large", "small")], "joined")
    assert [one.name for one in made.description.classes] == ["large", "small"]


def test_one_network_counts_once(three: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two models at the least"):
        join(three[:1], "joined")
    with pytest.raises(UsageError, match="named twice"):
        join([three[0], three[0]], "joined")
    renamed = tiny(tmp_path, 1, name="renamed")
    with pytest.raises(UsageError, match="the same network as"):
        join([three[0], renamed], "joined")
    both = joined(three[:2], tmp_path / "both.zip")
    with pytest.raises(UsageError, match="join the models that it was made of"):
        join([both, three[2]], "joined")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels": ("foreground", "boundary", "distance", "depth")}, "'depth' is not known"),
        ({"architecture": {"name": "maskrcnn"}}, "painted of the objects"),
    ],
)
def test_maps_whose_mean_means_nothing_are_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        join([tiny(tmp_path, seed, **changes) for seed in (1, 2)], "joined")


def test_versions_of_the_operators_must_agree(three: list[Path], tmp_path: Path) -> None:
    old = tiny(tmp_path, 2, weights=make_weights(seed=2, opset=18))
    with pytest.raises(UsageError, match="versions 20 and 18 of the standard operators"):
        join([three[0], old], "joined")


def test_names_within_the_operators_of_a_network_are_kept_apart() -> None:
    """Each network has a branch within an operator that takes a constant from outside of it."""
    batch = np.random.default_rng(0).random((1, 3, 4, 4)).astype(np.float32)
    parts = [branching(gain) for gain in (1.0, 4.0)]
    each = [Network(part).run(batch) for part in parts]
    np.testing.assert_allclose(each[1], 4 * each[0], rtol=1e-6)
    np.testing.assert_allclose(Network(averaged(parts)).run(batch), 2.5 * each[0], rtol=1e-6)


def branching(gain: float) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    def branch(name: str) -> Any:
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        return helper.make_graph([helper.make_node("Mul", ["x", "gain"], ["y"])], name, [], [out])

    picture: list[str | int | None] = ["n", 3, "y", "x"]
    node = helper.make_node(
        "If", ["always"], ["maps"], then_branch=branch("then"), else_branch=branch("else")
    )
    graph = helper.make_graph(
        [node],
        "branching",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, picture)],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, picture)],
        [
            numpy_helper.from_array(np.array(gain, np.float32), "gain"),
            numpy_helper.from_array(np.array(True), "always"),
        ],
    )
    opset = [helper.make_opsetid("", 20)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString())


def test_without_the_package_onnx_it_says_what_to_install(
    three: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *others: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "onnx":
            raise ImportError(name)
        return real(name, *others, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"to join models the package `onnx` is needed; .*\[train"):
        join(three, "joined")


def test_what_it_may_be_called(three: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be called 'My cells'"):
        join(three, "My cells")
    with pytest.raises(UsageError, match=r"ends in \.zip"):
        check_target(tmp_path / "joined", three)
    with pytest.raises(UsageError, match="one of the models that are joined"):
        check_target(three[1], three)


def test_a_licence_that_is_none_is_refused(three: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"'mitt' is no SPDX identifier.* such as MIT"):
        join(three[:2], "joined", "mitt")
