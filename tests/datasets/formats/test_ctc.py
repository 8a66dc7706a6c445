"""The Cell Tracking Challenge's folders: round trips, kinds of truth, volumes, what is refused."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from PIL import Image as Pillow
from tests.datasets.formats.round_trip import label_images, picture

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.core.image import Array
from cellwright.datasets.annotation import AnnotatedPicture, Drawn, Entry, Source
from cellwright.datasets.convert import entries_of
from cellwright.datasets.formats import ctc_write
from cellwright.datasets.formats.ctc import FORMAT
from cellwright.io.open import read


def save(path: Path, pixels: Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels.astype(np.uint16), photometric="minisblack")
    return path


def plane(*labels: int) -> Array:
    """(3, 5) with some labels in its first row."""
    pixels = np.zeros((3, 5), np.uint16)
    pixels[0, : len(labels)] = labels
    return pixels


def found(path: Path, images: Path | None = None) -> dict[str, Entry]:
    assert FORMAT.recognises(path)
    return {entry.name: entry for entry in entries_of(FORMAT, Source(path, images))}


def write(pictures: Sequence[AnnotatedPicture], out: Path) -> list[str]:
    assert FORMAT.write is not None
    out.mkdir(exist_ok=True)
    return FORMAT.write(iter(pictures), out)


# Round trips


@given(drawings=st.lists(label_images(largest=65_535), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_frames_of_one_group_are_read_again(drawings: list[Array]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pictures = [
            AnnotatedPicture(one.name, one.image, one.drawn, group="movie")
            for one in (
                picture(Path(folder), f"p{i}", Drawn(labels)) for i, labels in enumerate(drawings)
            )
        ]
        write(pictures, Path(folder, "out"))
        entries = found(Path(folder, "out"))

        assert list(entries) == [f"01/t{i:03d}" for i in range(len(drawings))]
        for entry, one in zip(entries.values(), pictures, strict=True):
            drawn = entry.read(None)
            np.testing.assert_array_equal(drawn.labels, one.drawn.labels)
            assert (drawn.axes, drawn.remarks, entry.group) == ("YX", (), "01")
            assert entry.image is not None
            assert entry.image.read_bytes() == one.image.read_bytes()


@given(
    labels=hn.arrays(
        np.uint32,
        st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)),
        elements=st.integers(0, 65_535),
    )
)
@settings(max_examples=25, deadline=None)
def test_a_movie_becomes_frames(labels: Array) -> None:
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "a.tif")
        grey = (labels % 1000).astype(np.uint16)
        tifffile.imwrite(
            image, grey[:, None, None, :, :, None], imagej=True, metadata={"axes": "TZCYXS"}
        )
        write([AnnotatedPicture("a", image, Drawn(labels, "TYX"))], Path(folder, "out"))
        entries = found(Path(folder, "out"))

        assert len(entries) == len(labels)
        for number, entry in enumerate(entries.values()):
            assert entry.image is not None
            np.testing.assert_array_equal(entry.read(None).labels, labels[number])
            np.testing.assert_array_equal(read(entry.image).pixels(), grey[number])


def test_volumes_are_read_again(tmp_path: Path) -> None:
    labels = np.arange(30, dtype=np.uint32).reshape(2, 3, 5)
    write([picture(tmp_path, "a", Drawn(labels, "ZYX"))], tmp_path / "out")

    [entry] = found(tmp_path / "out").values()

    np.testing.assert_array_equal(entry.read(None).labels, labels)
    assert entry.read(None).axes == "ZYX"


# Writing


def test_groups_are_sequences_and_a_table_tells_who_is_who(tmp_path: Path) -> None:
    drawn = Drawn(plane(1).astype(np.uint32), classes={1: "dead"})
    movie = Drawn(np.ones((2, 3, 5), np.uint32), "TYX")
    pictures = [
        AnnotatedPicture(name, picture(tmp_path, name, drawn).image, drawn, group=group)
        for name, group in [("a", "x"), ("b", ""), ("c", "y"), ("d", "x"), ("e", "")]
    ]
    pictures.append(picture(tmp_path, "f", movie))

    remarks = write(pictures, tmp_path / "out")

    with (tmp_path / "out" / "sequences.csv").open(newline="") as file:
        assert [tuple(row) for row in csv.reader(file)] == [
            ("sequence", "frame", "name"),
            ("01", "0", "a"),
            ("01", "1", "d"),
            ("02", "0", "b"),
            ("03", "0", "c"),
            ("04", "0", "e"),
            ("05", "0", "f"),
            ("05", "1", "f"),
        ]
    assert (tmp_path / "out" / "05" / "t001.tif").exists()
    assert remarks == [
        "this layout has no place for classes",
        "pictures are called by sequence and frame: sequences.csv tells which is which",
    ]


def test_pictures_that_are_no_tiff_are_written_as_one(tmp_path: Path) -> None:
    colour = np.arange(45, dtype=np.uint8).reshape(3, 5, 3)
    Pillow.fromarray(colour).save(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", np.arange(15, dtype=np.float32).reshape(3, 5))
    Pillow.fromarray(colour).save(tmp_path / "c.tif", "PNG")
    narrow = np.arange(4, dtype=np.uint8).reshape(4, 1)
    Pillow.fromarray(narrow).save(tmp_path / "d.png")
    drawn = Drawn(np.ones((3, 5), np.uint32))

    write(
        [AnnotatedPicture(f, tmp_path / f, drawn) for f in ("a.png", "b.npy", "c.tif", "d.png")],
        tmp_path / "out",
    )

    expected: list[Array] = [colour, np.load(tmp_path / "b.npy"), colour, narrow]
    for number, pixels in enumerate(expected, 1):
        file = tmp_path / "out" / f"{number:02d}" / "t000.tif"
        assert file.read_bytes()[:4] in (b"II*\0", b"MM\0*")
        image = read(file)
        np.testing.assert_array_equal(image.pixels(), pixels)
        assert image.axes == ("YXS" if pixels.ndim == 3 else "YX")


def test_the_size_of_pixels_is_kept_in_frames(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.zeros((2, 3, 5), np.uint16),
        imagej=True,
        resolution=(2, 2),
        metadata={"axes": "TYX", "unit": "um"},
    )
    movie = Drawn(np.ones((2, 3, 5), np.uint32), "TYX")

    write([AnnotatedPicture("a", tmp_path / "a.tif", movie)], tmp_path / "out")

    assert read(tmp_path / "out" / "01" / "t001.tif").spacing.x == pytest.approx(0.5)


def test_labels_that_need_more_than_16_bits_are_refused(tmp_path: Path) -> None:
    labels = np.full((3, 5), 65_535, np.uint32)
    write([picture(tmp_path, "a", Drawn(labels))], tmp_path / "out")
    file = tmp_path / "out" / "01_GT" / "SEG" / "man_seg000.tif"
    assert tifffile.imread(file).dtype == np.uint16
    assert tifffile.imread(file).max() == 65_535

    with pytest.raises(UnsupportedError, match="b: this format holds labels up to 65,535, not 65,"):
        write([picture(tmp_path, "b", Drawn(labels + 1))], tmp_path / "more")


def test_a_movie_with_other_frames_than_its_labels_is_refused(tmp_path: Path) -> None:
    image = picture(tmp_path, "a", Drawn(np.ones((3, 3, 5), np.uint32), "TYX")).image
    drawn = Drawn(np.ones((2, 3, 5), np.uint32), "TYX")

    with pytest.raises(UnsupportedError, match="a: the picture has 3 frames, its labels 2"):
        write([AnnotatedPicture("a", image, drawn)], tmp_path / "out")


def test_a_long_sequence_has_four_digits_throughout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = picture(tmp_path, "a", Drawn(plane(1).astype(np.uint32)))
    many = [AnnotatedPicture(f"p{i}", one.image, one.drawn, group="g") for i in range(1001)]
    write(many, tmp_path / "out")

    assert len(found(tmp_path / "out")) == 1001
    for folder in ("01", "01_GT/SEG"):
        names = sorted(file.name for file in (tmp_path / "out" / folder).iterdir())
        assert {len(name) for name in names} == {len(names[0])}
        assert names[0].endswith("0000.tif")
        assert names[-1].endswith("1000.tif")

    monkeypatch.setattr(ctc_write, "_MOST_FRAMES", 1000)
    with pytest.raises(UnsupportedError, match="at most 1,000 frames"):
        write(many, tmp_path / "more")


# Reading


def test_the_best_truth_of_a_sequence_is_taken(tmp_path: Path) -> None:
    places = [
        "01_GT/SEG/man_seg{}",
        "01_ST/SEG/man_seg{}",
        "01_GT/TRA/man_track{}",
        "01_RES/mask{}",
    ]
    remarks = ["", "several programs agreed", "markers of cells", "result of a program"]
    for number in (0, 1):
        save(tmp_path / "01" / f"t{number:03d}.tif", plane())
        for label, place in enumerate(places, 1):
            save(tmp_path / (place.format(f"{number:03d}") + ".tif"), plane(label))
    (tmp_path / "01_GT" / "TRA" / "man_track.txt").write_text("1 0 1 0\n")

    for label, (place, remark) in enumerate(zip(places, remarks, strict=True), 1):
        entries = found(tmp_path)
        assert list(entries) == ["01/t000", "01/t001"]
        for entry in entries.values():
            drawn = entry.read((3, 5))
            assert drawn.labels[0, 0] == label
            assert remark in "".join(drawn.remarks)
            assert entry.group == "01"
            assert entry.image is not None
        for file in (tmp_path / place).parent.glob("*.tif"):
            file.unlink()
    assert not FORMAT.recognises(tmp_path)


def test_kinds_of_truth_are_not_mixed_in_a_sequence(tmp_path: Path) -> None:
    save(tmp_path / "01_GT/SEG/man_seg001.tif", plane(4))
    for number in range(3):
        save(tmp_path / f"01_GT/TRA/man_track{number:03d}.tif", plane(4))
        save(tmp_path / f"02_GT/TRA/man_track{number:04d}.tif", plane(4))

    assert list(found(tmp_path)) == ["01/t001", "02/t0000", "02/t0001", "02/t0002"]


def test_cells_that_are_marked_but_not_outlined_are_told(tmp_path: Path) -> None:
    markers = plane(3, 4, 5)
    save(tmp_path / "01_GT/TRA/man_track000.tif", markers)
    file = save(tmp_path / "01_GT/SEG/man_seg000.tif", plane(9, 0, 9))
    [entry] = found(tmp_path).values()
    assert entry.read(None).remarks == ("man_track000.tif: 1 of 3 marked cells have no outline",)

    save(file, plane(1, 2, 3))
    assert entry.read(None).remarks == ()

    save(tmp_path / "01_GT/TRA/man_track000.tif", markers[:2])
    assert entry.read(None).remarks == (
        "man_track000.tif: the markers have another size than the outlines",
    )

    (tmp_path / "01_GT/TRA/man_track000.tif").write_bytes(b"")
    assert entry.read(None).remarks == ("man_track000.tif: the file is empty (0 bytes)",)


def test_a_dataset_may_lie_one_level_further_in(tmp_path: Path) -> None:
    for name in ("Fluo-A", "Fluo-B"):
        save(tmp_path / name / "01/t0007.TIF", plane())
        save(tmp_path / name / "01_GT/SEG/man_seg0007.tif", plane(1))
    (tmp_path / "empty").mkdir()

    entries = found(tmp_path)

    assert list(entries) == ["Fluo-A/01/t0007", "Fluo-B/01/t0007"]
    assert [entry.group for entry in entries.values()] == ["Fluo-A/01", "Fluo-B/01"]
    assert [entry.image and entry.image.name for entry in entries.values()] == ["t0007.TIF"] * 2
    assert list(found(tmp_path / "Fluo-A")) == ["01/t0007"]


def test_pictures_are_found_elsewhere_or_not_at_all(tmp_path: Path) -> None:
    save(tmp_path / "truth/02_GT/SEG/man_seg003.tif", plane(1))
    file = save(tmp_path / "pictures/02/t003.tif", plane())

    [entry] = found(tmp_path / "truth").values()
    assert (entry.name, entry.image) == ("02/t003", None)
    for images in (tmp_path / "pictures", tmp_path / "pictures/02"):
        [entry] = found(tmp_path / "truth", images).values()
        assert (entry.name, entry.image) == ("02/t003", file)


def test_a_frame_with_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("man_seg001.tif", "man_seg0001.tif"):
        save(tmp_path / "01_GT/SEG" / name, plane(1))

    with pytest.raises(UsageError, match=r"man_seg0001\.tif and man_seg001\.tif are both of the"):
        found(tmp_path)


def test_a_volume_is_read_with_depth(tmp_path: Path) -> None:
    save(tmp_path / "01_GT/SEG/man_seg000.tif", np.ones((4, 6, 7)))

    [entry] = found(tmp_path).values()

    assert entry.read(None).axes == "ZYX"
    assert entry.read(None).labels.shape == (4, 6, 7)


def test_single_planes_make_a_volume_only_if_all_are_drawn(tmp_path: Path) -> None:
    save(tmp_path / "01/t000.tif", np.zeros((2, 6, 7)))
    save(tmp_path / "01_GT/SEG/man_seg_000_001.tif", np.full((6, 7), 1))
    save(tmp_path / "01_GT/SEG/man_seg_005_012.tif", np.full((6, 7), 1))
    save(tmp_path / "01_GT/SEG/man_seg003.tif", np.ones((2, 6, 7)))
    entries = found(tmp_path)
    assert list(entries) == ["01/t000", "01/t003", "01/t005"]
    assert entries["01/t003"].read(None).axes == "ZYX"
    with pytest.raises(UnsupportedError, match=r"only 1 of 2 planes are drawn \(1\)"):
        entries["01/t000"].read(None)
    with pytest.raises(UnsupportedError, match=r"only 1 of its planes are drawn \(12\)"):
        entries["01/t005"].read(None)

    file = save(tmp_path / "01_GT/SEG/man_seg_000_000.tif", np.full((6, 7), 8))
    drawn = found(tmp_path)["01/t000"].read(None)
    assert drawn.axes == "ZYX"
    assert drawn.labels[:, 0, 0].tolist() == [8, 1]

    save(file, np.full((6, 8), 8))
    with pytest.raises(UnreadableError, match="several sizes"):
        found(tmp_path)["01/t000"].read(None)


def test_broken_and_strange_files_are_that_frames_own_error(tmp_path: Path) -> None:
    folder = tmp_path / "01_GT/SEG"
    save(folder / "man_seg000.tif", plane(1))
    (folder / "man_seg001.tif").write_bytes(b"II*\0")
    tifffile.imwrite(folder / "man_seg002.tif", np.zeros((9, 9, 3), np.uint8), photometric="rgb")
    tifffile.imwrite(
        folder / "man_seg003.tif",
        np.zeros((2, 3, 8, 9), np.uint16),
        imagej=True,
        metadata={"axes": "TZYX"},
    )
    for name in ("._man_seg004.tif", "man_seg5.tif", "man_seg00006.tif", "notes.txt"):
        (folder / name).write_bytes(b"")

    entries = list(found(tmp_path).values())

    assert len(entries) == 4
    assert entries[0].read(None).labels.any()
    for entry in entries[1:]:
        with pytest.raises(InputError, match=r"man_seg00[123]\.tif"):
            entry.read(None)


def test_what_is_not_the_challenges_is_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "01").mkdir()
    (tmp_path / "01_GT").mkdir()
    (tmp_path / "a.txt").write_text("")
    assert not FORMAT.recognises(tmp_path)
    assert not FORMAT.recognises(tmp_path / "a.txt")
    assert not FORMAT.recognises(tmp_path / "nothing")
    assert FORMAT.entries(Source(tmp_path)) == []
    assert FORMAT.entries(Source(tmp_path / "a.txt")) == []
