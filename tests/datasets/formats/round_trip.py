"""One way for all formats: pictures written, found again and read."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tifffile
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from cellwright.core.image import Array
from cellwright.datasets.annotation import AnnotatedPicture, AnnotationFormat, Drawn, Source
from cellwright.datasets.convert import entries_of


def label_images(largest: int = 6, side: int = 12) -> st.SearchStrategy[Array]:
    """(Y, X) uint32, with objects in pieces, with holes, of one pixel, at the frame."""
    shapes = st.tuples(st.integers(1, side), st.integers(1, side))
    return hn.arrays(np.uint32, shapes, elements=st.integers(0, largest))


def read_back(kind: AnnotationFormat, drawings: Sequence[Drawn]) -> list[Drawn]:
    """Write drawings in a format, and read them again in their order; also names and pictures."""
    assert kind.write is not None
    with tempfile.TemporaryDirectory() as folder:
        (out := Path(folder, "out")).mkdir()
        pictures = [picture(Path(folder), f"p{i}", drawn) for i, drawn in enumerate(drawings)]
        kind.write(iter(pictures), out)
        assert kind.recognises(out)
        entries = {entry.name: entry for entry in entries_of(kind, Source(out))}
        assert sorted(entries) == [one.name for one in pictures]
        found = []
        for one in pictures:
            entry = entries[one.name]
            assert entry.image is not None
            assert entry.image.read_bytes() == one.image.read_bytes()
            found.append(entry.read((one.drawn.labels.shape[-2], one.drawn.labels.shape[-1])))
        return found


def picture(folder: Path, name: str, drawn: Drawn) -> AnnotatedPicture:
    """A picture of the size of a drawing, all black."""
    path = folder / f"{name}.tif"
    tifffile.imwrite(path, np.zeros(drawn.labels.shape, np.uint8), photometric="minisblack")
    return AnnotatedPicture(name, path, drawn)


def in_order(labels: Array) -> Array:
    """Labels numbered by their first pixel: the same for drawings that differ in numbers only."""
    known: dict[int, int] = {0: 0}
    return np.array([known.setdefault(int(n), len(known)) for n in labels.ravel()]).reshape(
        labels.shape
    )


def assert_kept(kind: AnnotationFormat, pair: Sequence[Array], names: Mapping[int, str]) -> None:
    """Objects come back with the same pixels, each with its class; numbers may be others."""
    written = [
        Drawn(one, classes={k: v for k, v in names.items() if (one == k).any()}) for one in pair
    ]
    for before, after in zip(written, read_back(kind, written), strict=True):
        np.testing.assert_array_equal(in_order(after.labels), in_order(before.labels))
        assert after.remarks == ()
        for number in np.unique(before.labels[before.labels > 0]):
            [other] = np.unique(after.labels[before.labels == number])
            assert after.classes.get(int(other)) == before.classes.get(int(number))
