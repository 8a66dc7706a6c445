"""The documentation: it builds, its links lead somewhere, and it says what the program has."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import typer
from filelock import FileLock
from tests.examples.conftest import in_folder, make_desk

from cellwright.cli.app import make_app
from cellwright.core.registry import load_all
from cellwright.io.samples import KNOWN_COLUMNS
from cellwright.pipeline.outcome import declared_columns

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OUTSIDER = Path(__file__).parent / "outsider"
LARGEST_PICTURE = 300_000  # bytes


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built so that any warning is an error; once for all test processes."""
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent
    with FileLock(folder / "site.lock"):
        if not (folder / "site").is_dir():
            build_site(folder / "site")
    return folder / "site"


def build_site(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a user who has typed what the README says."""
    desk = make_desk(tmp_path_factory.mktemp("desk"))
    run_blocks(desk, ROOT / "README.md")
    assert (desk / "run" / "report.html").is_file()
    return desk


def run_blocks(desk: Path, page: Path) -> None:
    """Run the blocks of a page that are marked as tested, in their order."""
    words = page.read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- tested -->\n```(\w+)\n(.*?)```", words, re.S)
    assert blocks
    for language, code in blocks:
        shell = ["bash", "-e", "-c", code]
        done = in_folder(desk, *(shell if language == "sh" else [sys.executable, "-c", code]))
        assert done.returncode == 0, f"{code}\n{done.stderr}"


def text(site: Path, page: str) -> str:
    """Words of a built page, without its menus."""
    article = (site / page).read_text(encoding="utf-8").split("<article")[1].split("</article>")[0]
    return html.unescape(re.sub(r"<[^>]*>", "", article.replace("<br>", "\n")))


def has(words: str, name: str) -> bool:
    """Whether a name stands in a text as a word of its own."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", words) is not None


def test_the_site_is_built_and_asks_for_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        content = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]*src="([^"]+)"', content)
        loaded += re.findall(r'<link[^>]*rel="stylesheet"[^>]*href="([^"]+)"', content)
        assert not [address for address in loaded if "//" in address], page
        assert "<!-- generated" not in content, page


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_of_the_front_door_lead_somewhere(name: str) -> None:
    words = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", words)
    assert links
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_readme_has_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "```sh\npip install . && cellwright demo\n```" in readme
    assert '```sh\npip install -c constraints.txt ".[all,test]" && pytest\n```' in readme


def test_pictures_are_small_and_shown() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md"))
    pages += (ROOT / "README.md").read_text(encoding="utf-8")
    pictures = list((DOCS / "pictures").iterdir())
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size < LARGEST_PICTURE, picture
        assert f"pictures/{picture.name}" in pages, picture


def test_every_verb_and_option_is_in_the_reference(site: Path) -> None:
    page = text(site, "reference/command-line.html")
    sections = dict(re.findall(r"^(\w+)¶\n(.*?)(?=^\w+¶\n|\Z)", page, re.M | re.S))
    commands = typer.main.get_command(make_app()).commands  # type: ignore[attr-defined]
    assert {"analyze", "demo", "segment", "measure"} <= set(commands)
    for verb, command in commands.items():
        for parameter in command.params:
            for word in parameter.opts:
                if word.startswith("--") and word != "--help":
                    assert has(sections[verb], word), f"{verb} {word}"


def test_every_option_of_a_method_is_in_the_reference(site: Path) -> None:
    page = text(site, "reference/methods.html")
    for name, method in load_all("cellwright.methods").items():
        for option in method.options.model_fields:
            assert has(page, option), f"{name} {option}"


def test_every_column_is_in_the_reference(site: Path) -> None:
    page = text(site, "reference/columns.html")
    columns = declared_columns(
        ["{channel}"],
        physical=True,
        places=True,
        times=True,
        compartments=True,
        features=("texture", "spots", "junctions"),
    )
    assert len(columns) > 80
    for column in columns:
        assert f"\n{column.name}\n" in page, column.name
        assert column.unit in page


def test_every_file_and_column_of_a_run_is_in_the_reference(desk: Path, site: Path) -> None:
    page = text(site, "reference/run-folder.html")
    names = {path.name for path in (desk / "run").iterdir()}
    assert "report.html" in names
    for name in names:
        assert name in page, name
    for table in ("images.csv", "quality.csv"):
        for column in pd.read_csv(desk / "run" / table).columns:
            assert has(page, column), f"{table} {column}"


def test_every_column_of_samples_is_in_the_reference() -> None:
    page = (DOCS / "reference" / "samples.md").read_text(encoding="utf-8")
    for column in KNOWN_COLUMNS:
        assert f"| `{column}` |" in page, column


def test_every_door_has_a_page_and_all_our_parts_are_listed(site: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    doors = text(site, "reference/doors.html")
    extend = (DOCS / "how-to" / "extend.md").read_text(encoding="utf-8")
    for group, parts in project["entry-points"].items():
        pages = re.findall(rf"\]\((add-an?-[\w-]+\.md)\) \| `{re.escape(group)}`", extend)
        assert len(pages) == 1, group
        guide = (DOCS / "how-to" / pages[0]).read_text(encoding="utf-8")
        assert f'[project.entry-points."{group}"]' in guide
        assert "**Where it goes:** `src/cellwright/" in guide
        assert group in doors
        for part in parts:
            assert has(doors, part), f"{group} {part}"


def test_every_place_that_a_guide_names_is_there() -> None:
    for page in (DOCS / "how-to").glob("add-a*.md"):
        for place in re.findall(r"`(src/cellwright/[\w/.]+)", page.read_text(encoding="utf-8")):
            assert (ROOT / place).exists(), f"{page.name}: {place}"


def test_every_room_is_in_the_house() -> None:
    page = (DOCS / "explanation" / "house.md").read_text(encoding="utf-8")
    drawn = (DOCS / "pictures" / "house.svg").read_text(encoding="utf-8")
    rooms = [p.parent.name for p in (ROOT / "src" / "cellwright").glob("*/__init__.py")]
    assert "core" in rooms
    for room in rooms:
        assert f"| `{room}/` |" in page, room
        assert f">{room}</text>" in drawn, room


def test_the_tutorial_runs_as_it_stands(desk: Path) -> None:
    run_blocks(desk, DOCS / "tutorial.md")
    rules = json.loads((desk / "run" / "run.json").read_text(encoding="utf-8"))["filters"]
    assert {rule["rule"] for rule in rules} == {"border", "debris=0.25"}


def test_filter_and_verb_of_the_guides_work(tmp_path: Path, desk: Path) -> None:
    info = tmp_path / "cellwright_outsider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cellwright-outsider\nVersion: 1\n")
    points = ""
    for page in ("add-a-filter.md", "add-a-verb.md"):
        guide = (DOCS / "how-to" / page).read_text(encoding="utf-8")
        for group, line in re.findall(r'\[project\.entry-points\."(.*)"\]\n(.*)\n', guide):
            points += f"[{group}]\n{line.replace(chr(34), '')}\n"
    (info / "entry_points.txt").write_text(points)
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(OUTSIDER)])}
    program = [sys.executable, "-m", "cellwright"]

    out = str(tmp_path / "run")
    measure = [*program, "measure", "my_images", "truth", "--out", out, "-q"]
    done = subprocess.run(
        [*measure, "--filter", "compact=0.75"], cwd=desk, env={**os.environ, **path}, check=False
    )
    assert done.returncode == 0
    [filtered] = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["filters"]
    assert filtered["rule"] == "compact=0.75"
    assert filtered["removed"] > 0
    assert pd.read_csv(tmp_path / "run" / "cells.csv")["extent"].min() >= 0.75

    listed = subprocess.run(
        [*program, "largest", out, "--n", "2"],
        env={**os.environ, **path}, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    areas = pd.read_csv(tmp_path / "run" / "cells.csv")["area_px"].nlargest(2)
    assert [float(line.split(", ")[1].split()[0]) for line in listed] == areas.tolist()


def test_the_notice_holds_the_texts_of_what_we_ship() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    package = ROOT / "src" / "cellwright"
    vendored = list((package / "report" / "assets" / "vendor").glob("*/LICENSE"))
    assert vendored
    for source in [package / "demo_pictures" / "NOTICE.txt", *vendored]:
        assert source.read_text(encoding="utf-8").strip() in notice, source
    assert "edt" in notice


def test_the_version_is_the_same_everywhere() -> None:
    from cellwright import __version__

    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
