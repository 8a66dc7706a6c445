"""Names of label files: the design's rule, and never two alike."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from cellwright.io.names import label_paths


def test_the_extension_gives_way_to_tif() -> None:
    assert label_paths(["a/b.png", "c.ome.tif", "d", "e.nd2::3", "f.lif::Series 1/2"]) == {
        "a/b.png": "a/b.tif",
        "c.ome.tif": "c.ome.tif",
        "d": "d.tif",
        "e.nd2::3": "e__3.tif",
        "f.lif::Series 1/2": "f__Series 1%2F2.tif",
    }


def test_each_of_those_that_collide_keeps_its_name() -> None:
    assert label_paths(["same.bmp", "same.png", "other.png"]) == {
        "same.bmp": "same.bmp.tif",
        "same.png": "same.png.tif",
        "other.png": "other.tif",
    }


def test_a_kept_name_makes_room_for_itself() -> None:
    paths = label_paths(["same.bmp", "same.png", "same.bmp.tif"])
    assert paths["same.bmp"] == "same.bmp.tif"
    assert paths["same.bmp.tif"] == "same.bmp.tif.tif"


def test_names_that_differ_in_case_only_are_kept_apart() -> None:
    paths = label_paths(["A.tif", "a.tif", "B/x.png", "b/x.png"])
    assert len({path.casefold() for path in paths.values()}) == 4


def test_a_file_never_takes_the_place_of_a_folder() -> None:
    paths = label_paths(["a", "a.tif/b.png"])
    assert paths["a.tif/b.png"] == "a.tif/b.tif"
    assert paths["a"].casefold() != "a.tif"


def test_what_file_systems_refuse_is_encoded() -> None:
    assert label_paths(
        ['<a>:"b|c?*\\.png', "new\nline\t.png", "con.png", "-x.png", "end. /y.png"]
    ) == {
        '<a>:"b|c?*\\.png': "%3Ca%3E%3A%22b%7Cc%3F%2A%5C.tif",
        "new\nline\t.png": "new%0Aline%09.tif",
        "con.png": "%63on.tif",
        "-x.png": "-x.tif",
        "end. /y.png": "end.%20/y.tif",
    }


def test_a_name_that_is_not_utf8_is_written_by_its_bytes() -> None:
    assert label_paths(["caf\udce9.png"]) == {"caf\udce9.png": "caf%E9.tif"}


NAMES = st.lists(
    st.text(st.sampled_from("aAbBäÄ\u0308.:/ <?%~_2\n\ud800"), min_size=1, max_size=9).filter(
        lambda name: all(part not in {"", ".", ".."} for part in name.split("/"))
    ),
    unique=True,
    max_size=25,
)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


@given(NAMES)
def test_no_two_pictures_share_a_path(names: list[str]) -> None:
    paths = label_paths(names)
    assert list(paths) == names
    folded = [_folded(path) for path in paths.values()]
    assert len(set(folded)) == len(names)
    folders = {path[:place] for path in folded for place in range(len(path)) if path[place] == "/"}
    assert not folders & set(folded)
    assert all(path.endswith(".tif") for path in paths.values())


@given(NAMES, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(names: list[str], random: object) -> None:
    assert label_paths(names) == label_paths(names[::-1])


@given(st.text(min_size=1, max_size=400).filter(lambda name: "/" not in name))
def test_no_part_is_longer_than_a_file_system_allows(name: str) -> None:
    [path] = label_paths([name]).values()
    assert len(path.encode()) <= 255
    assert not set(path) & set('<>:"|?*\\\n\t\0')
