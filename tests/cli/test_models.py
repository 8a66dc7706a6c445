"""`cellwright models`: what it lists, tells, checks and keeps."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.models import foreign_package
from tests.models.tiny_model import make_weights, write_tiny

from cellwright.cli.app import run_app
from cellwright.cli.models import VERB
from cellwright.cli.verb import Asked
from cellwright.core.errors import UsageError
from cellwright.models.archive import write_archive
from cellwright.models.card import card_lines
from cellwright.models.model import read_model

FORMAT_1 = Path(__file__).parents[1] / "models" / "format_1.zip"

pytestmark = pytest.mark.usefixtures("own")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CELLWRIGHT_MODELS", str(tmp_path / "own"))
    return tmp_path / "own"


def run(*words: object, **others: Any) -> int:
    values: dict[str, Any] = {"inputs": tuple(Path(str(word)) for word in words), "name": None}
    values |= {"json_": False, "quiet": False, "verbose": False}
    values |= {"decoder": None, "channels": None, "licence": None, "leave_out": False}
    values |= {"out": None, "on": None, "images": None}
    return VERB.run(Asked(values | others, frozenset()))


def test_import_list_and_info_by_name(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", FORMAT_1, name="cells") == 0
    assert capsys.readouterr().out == f"{own / 'cells.zip'}: use it with --model cells\n"

    assert run("list") == 0
    out = capsys.readouterr().out
    assert "cells (user), version 1: A network of two convolutions, for tests." in out
    assert f"your own are kept in {own}" in out

    assert run("info", "cells") == 0
    card = capsys.readouterr().out
    for words in (
        "single objects of the kind 'nucleus', of the classes nucleus",
        "objects of 6 to 200 px across",
        "licence: CC0-1.0",
        "Notes on the engine (https://doi.org/10.5281/zenodo.1)",
        "made-up: 3 pictures, 40 objects, CC0-1.0, https://example.com/pictures",
        "ap_50: 0.85 (0.82 to 0.87, n = 67)",
        "  confidence  right\n         0.5   0.52\n         0.7   0.69\n         0.9   0.91\n",
        "training pictures: not stated",
        f"SHA-256 {read_model(FORMAT_1).digest}",
        "attached: training.json",
    ):
        assert words in card


def test_json_is_one_object(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("import", FORMAT_1, json_=True)
    [row] = json.loads(capsys.readouterr().out)["models"]
    assert row == {"name": "tiny", "path": str(own / "tiny.zip")}
    run("list", json_=True)
    listed = json.loads(capsys.readouterr().out)
    assert [row["digest"] for row in listed["models"] if row["name"] == "tiny"] == [
        read_model(FORMAT_1).digest
    ]
    run("info", FORMAT_1, json_=True)
    [card] = json.loads(capsys.readouterr().out)["models"]
    assert card["tile"] == 1536
    run("check", "tiny", FORMAT_1, json_=True)
    checked = json.loads(capsys.readouterr().out)
    assert checked["passed"] is True
    assert [row["model"] for row in checked["models"]] == ["tiny", str(FORMAT_1)]


def test_a_failed_check_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(FORMAT_1) as packed:
        content = {name: packed.read(name) for name in packed.namelist()}
    rdf = json.loads(content["rdf.yaml"])
    rdf["license"] = "MIT"
    content["rdf.yaml"] = json.dumps(rdf).encode()
    path = tmp_path / "relicensed.zip"
    path.write_bytes(write_archive(content))
    assert run("check", path) == 1
    out = capsys.readouterr().out
    assert f"{path}: section FAILED: the package and its section for cellwright disagree" in out
    assert "test passed: maps differ from the stored ones by at most" in out


def test_a_broken_file_in_the_folder_is_listed_as_such(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own.mkdir()
    (own / "broken.zip").write_text("no zip")
    assert run("list") == 0
    assert "broken (user), this is no model file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tell"], "there is no `models tell`; choose list, info, check, import, join"),
        (["info"], "`models info` needs a model; cellwright models info NAME|PATH"),
        (["list", "x"], "`models list` takes no name; cellwright models info NAME"),
        (["check", "nowhere"], "there is no model 'nowhere'"),
    ],
)
def test_what_makes_no_sense(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        run(*words)
    assert message in str(refusal.value)


def test_a_package_of_another_program(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = foreign_package.write(tmp_path / "discs.zip")
    assert run_app(["models", "import", str(path)]) == 2
    assert "such as --channels foreground,border" in capsys.readouterr().err
    assert run("import", path, name="discs", channels="foreground, border") == 0
    out = capsys.readouterr().out
    assert "discs: its own test passed: the largest difference from its maps is" in out
    assert "discs: maps: foreground is number 1, border is number 2, probabilities" in out
    assert f"{own / 'discs.zip'}: use it with --model discs\n" in out
    assert run("import", path, name="mask", channels="foreground,-", json_=True) == 0
    [row] = json.loads(capsys.readouterr().out)["models"]
    assert (row["name"], row["decoder"], row["channels"]) == ("mask", "components", ["foreground"])
    assert row["difference"] < 1e-3
    assert run("info", "discs") == 0
    card = capsys.readouterr().out
    assert "percentile 1 of a plane becomes 0, 99 becomes 1\n" in card
    assert "licence: MIT\nmade by: Grace Hopper, Ada Lovelace\n" in card


def test_our_own_models_say_what_their_maps_are() -> None:
    with pytest.raises(UsageError, match="says itself what its maps are"):
        run("import", FORMAT_1, channels="foreground")


def test_two_models_cannot_have_one_name() -> None:
    with pytest.raises(UsageError, match="cannot have one name"):
        run("import", FORMAT_1, FORMAT_1, name="x")


def test_models_are_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = write_tiny(tmp_path / "other.zip", weights=make_weights(seed=2), name="other")
    out = tmp_path / "both.zip"
    assert run("join", FORMAT_1, other, out=out) == 0
    said = capsys.readouterr().out
    assert "both: 2 networks (tiny, other), 0.0 MB of weights" in said
    assert "both: confidence: not fitted" in said
    assert f"{out}: use it with --model {out}\n" in said
    assert run("join", FORMAT_1, other, out=out, name="pair", json_=True) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["path"], facts["scores"]) == ("pair", str(out), {})
    assert [one["name"] for one in facts["members"]] == ["tiny", "other"]
    assert run("info", out) == 0
    card = capsys.readouterr().out
    assert "network: ensemble, 4 maps" in card
    assert "the mean of 2 networks, each of which is asked:" in card
    assert "  other: version 1, unet, CC0-1.0, weights " in card
    assert run("check", out) == 0


@pytest.mark.parametrize(
    ("words", "others", "message"),
    [
        (["join", FORMAT_1], {}, "`models join` needs a file for the whole"),
        (["join", FORMAT_1], {"out": Path("x.zip")}, "needs two models at the least"),
        (["join", FORMAT_1], {"out": Path("x")}, "the file of a model ends in .zip"),
        (["join", FORMAT_1, FORMAT_1], {"out": FORMAT_1}, "one of the models that are joined"),
        (["check", FORMAT_1], {"out": Path("x.zip")}, "--out is for `models join`"),
    ],
)
def test_what_cannot_be_joined(words: list[Any], others: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        run(*words, **others)
    assert message in str(refusal.value)


def test_a_card_never_writes_over_the_terminal() -> None:
    description = read_model(FORMAT_1).description
    hostile = description.model_copy(update={"scores": {"a\x1b[2J": ["\x07", "x"]}})
    lines = card_lines(hostile)
    assert all(line.isprintable() for line in lines)
