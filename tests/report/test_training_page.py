"""The page of a training, from folders made by hand."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from tests.report import training_by_hand as by_hand

from cellwright.core.errors import UsageError
from cellwright.engine.events import Event, Message, StepFinished
from cellwright.io.label_image import encode_labels
from cellwright.pipeline.training_page import draw_page, drawing_looks
from cellwright.report.training import write_training_page
from cellwright.report.training_folder import read_training
from cellwright.report.training_looks import LARGEST_SIDE, MOST_PICTURES, MOST_STEPS
from cellwright.report.training_settings import SETTINGS

MOST_BYTES = 15_000_000
HOSTILE = (
    "<script>window.hacked = 1<!script>",
    '"><img src=x onerror="window.hacked = 2">',
    "' onmouseover='window.hacked = 3' {{ 7 * 7 }} $x^2$",
    "new\nline\tand\x07 \u202e.tif",
)


class Page(HTMLParser):
    """Elements by their tag, and the text of each element that has an identifier."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.sections: dict[str, list[str]] = {}
        self._inside, self._section = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "section":
            self._section = str(dict(attrs)["id"])
            self.sections[self._section] = []
        elif tag == "footer":
            self._section = ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in {"script", "style"}:
            self.words.append(data)
            self.sections.setdefault(self._section, []).append(data)

    def text(self, section: str = "") -> str:
        words = self.sections[section] if section else self.words
        return re.sub(r"\s+", " ", " ".join(words))

    def count(self, tag: str, name: str = "", value: str | None = None) -> int:
        return sum(
            one == tag and (not name or (name in found and value in {None, found[name]}))
            for one, found in self.elements
        )


def page_of(folder: Path) -> Page:
    return Page(write_training_page(folder).read_text("utf-8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A training that is done."""
    by_hand.write_training(tmp_path / "yeast cells")
    return tmp_path / "yeast cells"


def test_all_sections_stand_in_their_order(folder: Path) -> None:
    by_hand.write_training_from(folder.parent / "other", [9] * 4, [5] * 4)
    page = page_of(folder.parent / "other")
    assert [name for name in page.sections if name] == [
        "verdict", "curves", "looks", "pictures", "differences", "seen", "plan", "files",
    ]  # fmt: skip
    identifiers = [a["id"] for _, a in page.elements if "id" in a]
    assert len(identifiers) == len(set(identifiers))


def test_the_same_folder_gives_the_same_bytes(folder: Path) -> None:
    first = write_training_page(folder).read_bytes()
    assert write_training_page(folder).read_bytes() == first
    (folder.parent / "elsewhere").mkdir()
    moved = shutil.copytree(folder, folder.parent / "elsewhere" / folder.name)
    assert write_training_page(moved).read_bytes() == first


def test_the_page_needs_nothing_from_outside(folder: Path) -> None:
    page = page_of(folder)
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for tag, attributes in page.elements:
        assert "style" not in attributes, tag
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href"):
            address = attributes.get(name) or "#"
            assert re.match(r"#|\./|data:image/png;base64,", address), address
            if address.startswith("./"):
                assert (folder / address).exists(), address


def test_the_verdict_says_how_good_it_is_and_how_sure(folder: Path) -> None:
    # 9, 8, 7 and 3 of nine objects, nothing invented: AP is 1, 8/9, 7/9 and 3/9.
    words = page_of(folder).text("verdict")
    assert "AP at 0.5 0.750 95 % interval" in words
    assert "n = 4 pictures" in words
    assert "“yeast” began with random weights and learnt from 8 pictures in 60 steps" in words
    assert "1,234 objects drawn by hand" in words
    assert "4 pictures were held out" in words
    assert "Count error −25.0 %" in words
    assert "4 pictures: a first impression, no number to publish" in words
    assert "12 pictures are of 6 groups" in words
    html = (folder / "training.html").read_text("utf-8")
    assert "<h1>AP 0.750 on 4 pictures that it has not learnt from</h1>" in html


def test_one_picture_has_no_interval(folder: Path) -> None:
    by_hand.write_plan(folder, by_hand.plan(validation=["a"]))
    by_hand.write_scores(folder, by_hand.scores([8], ["a"]))
    words = page_of(folder).text("verdict")
    assert "one picture has no interval" in words
    assert "a single case" in words
    assert "None" not in words
    assert "nan" not in words


@pytest.mark.parametrize(
    ("known", "before", "model", "said", "light"),
    [
        ((9, 9, 9, 9), (5, 6, 5, 6), "model.zip", "this model is better, by +0.389", "Better"),
        ((5, 6, 5, 6), (9, 9, 9, 9), "candidate.zip", "this model is worse, by −0.389", "Worse"),
        ((9, 3, 9, 3), (6, 6, 6, 6), "candidate.zip", "may be chance", "Cannot be told"),
        ((9, 3, 9, 3), (6, 6, 6, 6), "model.zip", "It was taken all the same", "Cannot be told"),
    ],
)
def test_better_worse_or_not_told_apart(
    folder: Path, known: tuple[int, ...], before: tuple[int, ...], model: str, said: str, light: str
) -> None:
    (folder / "model.zip").unlink()
    shutil.rmtree(folder / "training")
    by_hand.write_training_from(folder, known, before)
    (folder / "model.zip").rename(folder / model)
    page = page_of(folder)
    words = page.text("verdict")
    assert said in words
    assert f"Against what it began with {light}" in words
    assert ("It is kept as candidate.zip" in words) == (model == "candidate.zip")
    assert f"{folder.name}/{model}'" in page.text("files")
    differences = page.text("differences")
    assert "Boundary F1" in differences
    assert "Nothing has changed." in differences  # of what was forgotten


def test_what_was_not_looked_at_is_said(folder: Path) -> None:
    by_hand.write_plan(folder, by_hand.started_from("/some/where/first/model.zip"))
    words = page_of(folder).text("differences")
    assert "pictures that first/model.zip was made for" in words
    assert "Not looked at." in words
    assert "/some/where" not in words


def test_held_out_pictures_are_ranked_with_their_errors(folder: Path) -> None:
    html = write_training_page(folder).read_text("utf-8")
    rows = re.search(r'<table id="held-out".*?</table>', html, re.DOTALL)
    assert rows is not None
    cells = [
        re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in rows[0].split("<tr>") if "<td" in row
    ]
    assert [row[:3] for row in cells] == [
        ["worst", "d", "0.333"], ["worst", "c", "0.778"], ["median", "b", "0.889"],
        ["best", "a", "1.000"],
    ]  # fmt: skip
    assert cells[0][6:] == ["9", "3", "6", "0", "0", "0"]  # drawn, found, missed, …
    assert "Of 36 drawn objects in all of them: 9 missed, 0 invented" in html


def test_looks_show_every_step_and_at_first_the_last(folder: Path) -> None:
    page = page_of(folder)
    outlines = [a for tag, a in page.elements if tag == "img" and "data-step" in a]
    assert [a["data-step"] for a in outlines] == ["20", "40", "60"] * 4  # alone, and with the truth
    assert ["hidden" in a for a in outlines] == [True, True, False] * 4
    words = page.text("looks")
    assert "9 objects drawn by hand" in words
    assert "2 found after 20 steps" in words
    assert "6 found after 60 steps" in words
    assert "after 40 steps: mean AP 0.400" in words
    alternatives = [a["alt"] for tag, a in page.elements if tag == "img" and a.get("alt")]
    assert alternatives[:2] == [
        "a: 9 objects drawn by hand, outlined",
        "a: what was found, outlined; 6 after 60 steps",
    ]


def test_curves_have_words(folder: Path) -> None:
    page = page_of(folder)
    drawings = [a["aria-label"] for tag, a in page.elements if a.get("role") == "img"]
    assert drawings == [
        "Line chart of the score of pictures not learnt from: highest 0.600 after 60 steps, last "
        "0.600 after 60",
        "Line chart of the loss and its parts over 60 steps: loss from 0.15 to 0.05; foreground "
        "from 0.05 to 0.0167; offsets from 0.1 to 0.0333",
    ]


def test_an_ensemble_is_said_to_be_the_mean_of_its_parts(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    content = by_hand.plan(folds=[["a", "b"], ["c", "d"]], validation=[])
    content["asked"] |= {"folds": 2, "ensemble": True}
    by_hand.write_plan(folder, content)
    for part, names in (("00", ["a", "b"]), ("01", ["c", "d"])):
        by_hand.write_run(folder / "folds" / part, names)
    by_hand.write_scores(folder, by_hand.scores((9, 8, 7, 3)))
    (folder / "model.zip").write_bytes(b"PK")
    html = " ".join(write_training_page(folder).read_text("utf-8").split())
    assert "is the mean of 2 networks. Each began with random weights" in html
    assert "learnt from the 8 pictures but those of its part" in html
    assert "Their mean was never judged" in html
    assert "--ensemble" in html
    assert "--from" not in Page(html).sections["files"]
    assert "Teach it more" not in html


def test_a_cross_validation_shows_its_parts(folder: Path) -> None:
    shutil.rmtree(folder / "training")
    by_hand.write_plan(folder, by_hand.plan(folds=[["a", "b"], ["c", "d"]], validation=[]))
    by_hand.write_run(folder / "folds" / "00", ["a", "b"])
    by_hand.write_run(folder / "folds" / "01", ["c"], [20, 40])
    (folder / "model.zip").unlink()
    page = page_of(folder)
    html = (folder / "training.html").read_text("utf-8")
    assert "<h1>In training: part 2 of 2, step 40 of 60</h1>" in html
    assert "part 1: highest 0.600" in html
    assert "part 2: highest 0.400" in html
    assert "part 2 · 64 × 48 px" in page.text("looks")
    assert "the pictures were parted in 2" in page.text("verdict")
    assert "after 40 steps: mean AP 0.400 over 2 parts" in page.text("looks")


def test_who_told_when_to_end_is_said(folder: Path) -> None:
    also = "held-out pictures also had a say in when training ended"
    assert also in page_of(folder).text("verdict")
    by_hand.write_plan(folder, by_hand.plan(looks=[["u", "v"]]))
    page = page_of(folder)
    assert also not in page.text("verdict")
    assert "Neither scored nor learnt from, 2 pictures told when to end." in page.text("verdict")
    assert "these tell when the training is to end" in page.text("plan")
    by_hand.write_plan(folder, by_hand.plan(looks=[[]]))
    assert also in page_of(folder).text("verdict")


def test_a_finished_cross_validation_says_who_judged(folder: Path) -> None:
    by_hand.write_plan(folder, by_hand.plan(folds=[["a", "b"], ["c", "d"]], validation=[]))
    html = write_training_page(folder).read_text("utf-8")
    said = "AP 0.750 on 4 pictures, each as found by a network that had not learnt from it"
    assert f"<h1>{said}</h1>" in html


def test_a_part_of_large_pictures_is_shown(folder: Path) -> None:
    inside = folder / "training" / "looks" / "large"
    inside.mkdir()
    truth = np.zeros((900, 1400), np.uint32)
    truth[700:708, 1200:1208] = 1
    Picture.fromarray(np.zeros((900, 1400, 3), np.uint8)).save(inside / "picture.png")
    for name in ("truth", "000020"):
        (inside / f"{name}.tif").write_bytes(encode_labels(truth, "YX"))
    page = page_of(folder)
    assert "the fullest 480 × 480 of 1,400 × 900 px" in page.text("looks")
    sides = [int(a["width"] or 0) for tag, a in page.elements if tag == "img" and "width" in a]
    assert max(sides) <= LARGEST_SIDE


def test_a_large_training_has_a_light_page(folder: Path) -> None:
    random = np.random.default_rng(1)
    shutil.rmtree(folder / "training")
    by_hand.write_run(folder / "training", [], range(20, 20 * 41, 20))
    rows, columns = np.mgrid[:480, :480]
    busy = ((rows // 6) * 80 + columns // 6 + 1).astype(np.uint32)  # 6,400 touching squares
    content = encode_labels(busy, "YX")
    for number in range(MOST_PICTURES + 4):
        inside = folder / "training" / "looks" / f"{number:02}"
        inside.mkdir(parents=True)
        noise = random.integers(0, 256, (480, 480, 3), np.uint8)
        Picture.fromarray(noise).save(inside / "picture.png")
        (inside / "truth.tif").write_bytes(content)
        for step in range(20, 20 * 41, 20):
            (inside / f"{step:06}.tif").write_bytes(content)
    sheet = random.integers(0, 256, (1200, 1200, 3), np.uint8)
    Picture.fromarray(sheet).save(folder / "preview.png")
    page = page_of(folder)
    assert (folder / "training.html").stat().st_size < MOST_BYTES
    assert 0 < page.count("article") <= MOST_PICTURES
    assert "of 12 pictures are shown" in page.text("looks")
    assert len(read_training(folder).runs[0].pictures[0].found) == 40
    assert page.count("img", "data-step") <= 2 * page.count("article") * MOST_STEPS


def test_a_training_that_goes_on(folder: Path) -> None:
    for name in ("model.zip", "scores.csv", "summary.json"):
        (folder / name).unlink()
    page = page_of(folder)
    assert "<h1>In training: step 60 of 60</h1>" in (folder / "training.html").read_text("utf-8")
    assert "is learning" not in page.text("verdict")
    assert "learns from 8 pictures: step 60 of 60" in page.text("verdict")
    assert "pictures" not in page.sections
    assert "cellwright train ANNOTATIONS --out 'yeast cells'" in page.text("files")


def test_a_plan_alone(tmp_path: Path) -> None:
    by_hand.write_plan(tmp_path / "t")
    page = page_of(tmp_path / "t")
    assert "Planned, not yet trained" in page.text()
    assert "Nothing to draw yet" in page.text("curves")
    assert "There has been no such look yet" in page.text("looks")


def test_without_held_out_pictures(folder: Path) -> None:
    by_hand.write_plan(folder, by_hand.plan(validation=[]))
    for name in ("scores.csv", "summary.json", "training/looks.csv"):
        (folder / name).unlink()
    shutil.rmtree(folder / "training" / "looks")
    page = page_of(folder)
    assert "nobody knows how good the model is" in page.text("verdict")
    assert "Trained on 8 pictures, scored on none" in page.text()
    assert "looks" not in page.sections


def test_an_empty_folder_has_a_page_and_no_folder_has_none(tmp_path: Path) -> None:
    assert "not known" in page_of(tmp_path).text("verdict")
    with pytest.raises(UsageError, match="no such folder"):
        write_training_page(tmp_path / "nowhere")


FILES = (
    "scores.csv", "summary.json", "comparison.csv", "forgotten.csv", "preview.png",
    "training/curve.csv", "training/looks.csv", "training/looks/a/picture.png",
    "training/looks/a/truth.tif", "training/looks/a/000040.tif", "training/looks/b/000060.tif",
)  # fmt: skip
CONTENTS = (None, b"", b"\xff\xfe\x00", b"[1, 2]\n", b'{"settings": 3, "overall": "x"}')


def spoil(path: Path, content: bytes | None) -> None:
    path.unlink()
    if content is not None:
        path.write_bytes(content)


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_needed(folder: Path, name: str) -> None:
    shutil.rmtree(folder / "training")
    by_hand.write_training_from(folder, (9, 8, 7, 6), (6, 6, 6, 6))
    if "curve" not in name and "looks.csv" not in name:  # drawings take long
        for other in ("curve.csv", "looks.csv"):
            (folder / "training" / other).unlink()
    spoil(folder / name, None)
    page = page_of(folder)
    assert not read_training(folder).broken
    assert "Could not be read" not in page.text()
    assert page.count("a", "href", f"./{name}") == 0


@pytest.mark.parametrize("content", CONTENTS)
def test_no_file_is_trusted(folder: Path, content: bytes | None) -> None:
    shutil.rmtree(folder / "training")
    by_hand.write_training_from(folder, (9, 8, 7, 6), (6, 6, 6, 6))
    for name in FILES:
        spoil(folder / name, content)
    words = page_of(folder).text()
    assert ("Could not be read" in words) == (content is not None)
    assert ("Could not be drawn" in words) == (content is not None)
    assert "nan" not in words.split()
    spoil(folder / "plan.json", content)
    assert "nan" not in page_of(folder).text().split()


def test_a_row_that_is_being_written_is_left_out(folder: Path) -> None:
    with (folder / "training" / "curve.csv").open("a") as file:
        file.write("80,0.0")
    [run] = read_training(folder).runs
    assert run.curve["step"].tolist() == [20, 40, 60]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    folder = tmp_path / HOSTILE[0]
    names = [*HOSTILE]
    content = by_hand.plan(validation=names, training=names, folds=[names])
    content["asked"] |= {"name": None, "from_": HOSTILE[1], "set": [f"{HOSTILE[2]}=1"]}
    content["settings"] |= {HOSTILE[1]: HOSTILE[2], "inner": {HOSTILE[0]: {HOSTILE[1]: 1}}}
    content["nature"]["classes"] = {HOSTILE[1]: 5}
    content["cellwright"] = HOSTILE[1]
    by_hand.write_plan(folder, content)
    by_hand.write_run(folder / "training", names)
    curve = folder / "training" / "curve.csv"
    parts = '"<script>","""><img src=x>"'
    curve.write_text(curve.read_text().replace("foreground,offsets", parts))
    by_hand.write_scores(folder, by_hand.scores((9, 8, 7, 6), names))
    by_hand.write_comparison(
        folder / "comparison.csv", by_hand.scores((9, 8, 7, 6), names),
        by_hand.scores((6, 6, 6, 6), names),
    )  # fmt: skip
    table = folder / "comparison.csv"
    table.write_text(table.read_text().replace("pq,", "<img src=x>,"))
    (folder / "candidate.zip").write_bytes(b"")
    html = write_training_page(folder).read_text("utf-8")
    page = Page(html)
    assert page.count("script") == 2
    assert page.count("img", "src", "x") == 0
    assert "window.hacked = 2" in page.text("looks")
    assert "49" not in [word.strip() for word in page.words]
    assert "\x07" not in html
    assert "\u202e" not in html
    for _, attributes in page.elements:
        assert not any(key.startswith("on") for key in attributes)
        for key in ("src", "href"):
            assert re.match(r"#|\./|data:image/png;base64,", attributes.get(key) or "#")


def test_every_setting_is_listed_as_set_takes_it(folder: Path) -> None:
    html = write_training_page(folder).read_text("utf-8")
    table = re.search(r'<table id="settings".*?</table>', html, re.DOTALL)
    assert table is not None
    cells = [
        re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in table[0].split("<tr>") if "<td" in row
    ]
    values = {row[0]: (row[1], row[3]) for row in cells}
    assert values["steps"] == ("60", "you, with --set")
    assert values["architecture.widths"] == ("[24,48]", "the plan")
    assert values["averaging"][0] == "0.966667"
    assert values["sampling.wildest"][0] == "[4,200]"
    assert values["start"][0] == "null"
    assert values["rates"][0] == "{}"
    assert "--set steps=120 --set sampling.side=192" in html


def test_a_look_is_drawn_at_once_and_what_goes_wrong_is_only_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Event] = []
    listen = drawing_looks(folder, heard.append)
    listen(StepFinished("training", "step 20"))
    assert not (folder / "training.html").exists()
    listen(StepFinished("looking", "step 20"))
    assert (folder / "training.html").exists()
    assert [type(event) for event in heard] == [StepFinished, StepFinished]

    def fails(folder: Path) -> Path:
        raise ZeroDivisionError("a line of no length")

    monkeypatch.setattr("cellwright.pipeline.training_page.write_training_page", fails)
    listen(StepFinished("looking", "step 40"))
    assert draw_page(folder, heard.append) is None
    told = [event for event in heard if isinstance(event, Message)]
    assert [event.level for event in told] == ["warning", "warning"]
    assert "training.html could not be written: a line of no length" in told[0].text


def test_classes_are_told_before_and_after(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    by_hand.write_training_from(folder, (6, 6, 6, 6), (4, 4, 4, 4))
    (folder / "confusion.csv").write_text(
        "true,dead,<b>alive</b>,(no class),(missed)\ndead,8,2,0,1\n<b>alive</b>,1,19,0,2\n"
        "(invented),3,0,0,0\n"
    )
    (folder / "before_confusion.csv").write_text(
        "true,dead,<b>alive</b>,(no class),(missed)\ndead,5,5,0,1\n<b>alive</b>,4,16,0,2\n"
        "(invented),3,0,0,0\n"
    )
    page = page_of(folder)
    text = page.text("classes")
    assert "8 of 10 objects drawn as dead and 19 of 20 objects drawn as <b>alive</b>" in text
    assert "5 of 10 objects drawn as dead and 16 of 20 objects drawn as <b>alive</b>" in text
    assert "confusion.csv" in page.text("files")


def test_without_classes_there_is_no_such_section(folder: Path) -> None:
    assert "classes" not in page_of(folder).sections


def test_names_are_those_that_the_training_writes() -> None:
    pytest.importorskip("torch", reason="the extra [train] is not installed")
    from cellwright.evaluation import object_summary
    from cellwright.learn import job, outcome, runs, stored_plan, training
    from cellwright.learn.architecture import architectures
    from cellwright.pipeline import training_page
    from cellwright.report import training_folder as ours
    from cellwright.report.training_plan import _flat

    assert (ours.MODEL, ours.CANDIDATE, ours.PREVIEW) == (job.MODEL, job.CANDIDATE, job.PREVIEW)
    assert (ours.SCORES, ours.SUMMARY) == (outcome.SCORES, outcome.SUMMARY)
    assert (ours.COMPARISON, ours.FORGOTTEN) == (outcome.COMPARISON, outcome.FORGOTTEN)
    assert ours.BEFORE == outcome.BEFORE
    assert ours.CONFUSION in object_summary.TABLES
    assert (ours.LOOKS, ours.PICTURE, ours.TRUTH) == (runs.LOOKS, runs.PICTURE, runs.TRUTH)
    assert (ours.TRAINING, ours.FOLDS) == (runs._TRAINING, runs._FOLDS)
    assert (ours.CURVE, ours.SCORED) == (training.CURVE, training.SCORED)
    assert ours.PLAN == stored_plan.PLAN
    assert training_page._LOOKING == training.LOOKING
    for name in architectures():
        content = {"architecture": {"name": name}, "sampling": {"side": 256}}
        settings = training.Settings.model_validate(content).model_dump(mode="json")
        assert {setting for setting, _ in _flat(settings)} <= set(SETTINGS)
    assert json.loads(json.dumps(SETTINGS))
