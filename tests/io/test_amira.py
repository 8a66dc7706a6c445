"""AmiraMesh files: written by hand to the published layout, real ones, and ones that lie."""

from __future__ import annotations

import contextlib
import pickle
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.io.microscope_files import Array, read_all, refused, survives

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.io.amira import READER
from cellwright.io.amira_header import MOST_TEXT
from cellwright.io.foreign import foreign_format

VOLUME = np.arange(2 * 3 * 4).reshape(2, 3, 4)  # z, y, x
BOX = 'BoundingBox 0 1.5 0 1 0 2,\nCoordType "uniform"'  # 0.5 along x and y, 2 along z
UNIT = 'Units { Coordinates "µm" }\n'


def mesh(
    *sections: tuple[str, bytes],
    first: str = "# AmiraMesh BINARY-LITTLE-ENDIAN 2.1",
    parameters: str = UNIT + BOX,
    define: str = "define Lattice 4 3 2",
) -> bytes:
    """A file of sections, each what is declared (``byte Data``, and an encoding) and its data."""
    declared = ""
    for number, (what, _) in enumerate(sections, start=1):
        field, _, encoding = what.partition(" @")
        declared += f"Lattice {{ {field} }} @{number}{encoding}\n"
    text = f"{first}\n\n{define}\n\nParameters {{\n{parameters}\n}}\n\n{declared}\n# Data\n"
    data = b"".join(
        b"@%d\n%b\n\n" % (number, content) for number, (_, content) in enumerate(sections, start=1)
    )
    return text.encode() + data


def zipped(data: bytes, field: str = "byte Data") -> tuple[str, bytes]:
    packed = zlib.compress(data)
    return f"{field} @(HxZip,{len(packed)})", packed


def run_lengths(data: bytes) -> bytes:
    """Pack as HxByteRLE: three or more of one byte as a run, all else as it is."""
    out, place = b"", 0
    while place < len(data):
        same = 1
        while same < 127 and data[place : place + same + 1] == data[place : place + 1] * (same + 1):
            same += 1
        if same > 2:
            out += bytes([same, data[place]])
        else:
            out += bytes([128 + same]) + data[place : place + same]
        place += same
    return out


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("byte", "u1"), ("short", "i2"), ("ushort", "u2"), ("int", "i4"), ("float", "f4"),
     ("double", "f8")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("first", "order"),
    [
        ("# AmiraMesh BINARY-LITTLE-ENDIAN 2.1", "<"),
        ("# Avizo BINARY-LITTLE-ENDIAN 2.1", "<"),
        ("# AmiraMesh 3D BINARY 2.0", ">"),
        ("# AmiraMesh ASCII 1.0", ""),
    ],
)
def test_numbers_of_every_kind(
    tmp_path: Path, kind: str, dtype: str, first: str, order: str
) -> None:
    data = VOLUME.astype(order + dtype).tobytes()
    sections = [(f"{kind} Data", data), zipped(data, f"{kind} Packed")]
    if not order:
        sections = [(f"{kind} Data", " \n".join(map(str, VOLUME.ravel())).encode())]
    path = written(tmp_path / "a.am", mesh(*sections, first=first))
    for image in read_all(READER, path):
        assert (image.axes, image.dtype) == ("ZYX", np.dtype(dtype))
        assert image.dtype.isnative
        np.testing.assert_array_equal(image.pixels(), VOLUME)
        np.testing.assert_array_equal(image.data[0, 1:3, ::2], VOLUME[0, 1:3, ::2])
        assert (image.spacing.z, image.spacing.y, image.spacing.x) == (2.0, 0.5, 0.5)
        assert image.notes == ()


def test_a_run_length_by_hand(tmp_path: Path) -> None:
    # 20 times 7, then 1, 2, 3, 4 as they are, then the end.
    packed = bytes([20, 7, 128 + 4, 1, 2, 3, 4, 0])
    path = written(tmp_path / "a", mesh(("byte Labels @(HxByteRLE,8)", packed)))
    [image] = read_all(READER, path)
    assert image.pixels().ravel().tolist() == [7] * 20 + [1, 2, 3, 4]
    # The first run ends in the second plane; the first plane alone is read all the same.
    assert (image.data[0,] == 7).all()


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 90)),
    values=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_what_is_packed_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, size: tuple[int, int, int], values: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    volume = np.repeat(random.integers(0, values, size, np.uint8), 2, axis=2)
    depth, height, width = volume.shape
    runs, define = run_lengths(volume.tobytes()), f"define Lattice {width} {height} {depth}"
    packed = (f"byte Runs @(HxByteRLE,{len(runs)})", runs)
    content = mesh(packed, zipped(volume.tobytes()), parameters="", define=define)
    path = written(tmp_path_factory.mktemp("packed") / "a.am", content)
    for image in read_all(READER, path):
        np.testing.assert_array_equal(image.pixels().reshape(volume.shape), volume)


def test_each_field_is_a_scene(tmp_path: Path) -> None:
    data = VOLUME.astype("u1").tobytes()
    vectors = np.zeros((24, 3), "<f4").tobytes()
    path = written(
        tmp_path / "a.am",
        mesh(("byte Data", data), ("float[3] Flow", vectors), zipped(data[::-1], "byte Labels")),
    )
    first, second = read_all(READER, path)
    assert (first.source.scene, second.source.scene) == ("Data", "Labels")
    np.testing.assert_array_equal(first.pixels(), VOLUME)
    np.testing.assert_array_equal(second.pixels(), VOLUME.ravel()[::-1].reshape(2, 3, 4))
    assert first.notes == (
        "the field 'Flow' has 3 numbers at each voxel (float[3]): it is left out",
    )


@pytest.mark.parametrize(
    ("parameters", "spacing", "note"),
    [
        (BOX, (2.0, 0.5, 0.5), "gives no unit of length: its numbers are taken for micrometres"),
        ('Units { Coordinates "nm" }\n' + BOX, (2e-3, 5e-4, 5e-4), ""),
        ('Units {\nCoordinates "mm"\n}\n' + BOX, (2e3, 500.0, 500.0), ""),
        ('Units { Coordinates "furlong" }\n' + BOX, (None, None, None), "not known (furlong)"),
        ("BoundingBox 0 3 0 2 0 1", (None, None, None), "no unit and one per voxel"),
        (UNIT + "BoundingBox 0 3 0 2 0 1", (1.0, 1.0, 1.0), ""),
        (UNIT + "BoundingBox 1 2.5 0 1 -4 -2", (2.0, 0.5, 0.5), "lies at x, y, z 1, 0, -4 µm"),
        ('CoordType "rectilinear"\n' + BOX.partition(",")[0], (None,) * 3, "(rectilinear)"),
        (UNIT + "BoundingBox 0 nan 0 1 0 2", (None, None, None), ""),
        (UNIT + "BoundingBox 0 x 0 1 0 2", (None, None, None), ""),
        (UNIT + "BoundingBox 1.5 0 0 1 0 2", (2.0, 0.5, None), ""),
        ("", (None, None, None), ""),
    ],
)
def test_spacing(
    tmp_path: Path, parameters: str, spacing: tuple[float | None, ...], note: str
) -> None:
    content = mesh(("byte Data", VOLUME.astype("u1").tobytes()), parameters=parameters)
    [image] = read_all(READER, written(tmp_path / "a.am", content))
    found = (image.spacing.z, image.spacing.y, image.spacing.x)
    assert found == tuple(value and pytest.approx(value) for value in spacing)
    if parameters.startswith(UNIT + "BoundingBox 1.5"):
        assert "1.5" in image.notes[0]
    elif note:
        assert note in " ".join(image.notes)
    else:
        assert image.notes == ()


def test_materials_name_the_labels(tmp_path: Path) -> None:
    materials = (
        "Materials {\n Exterior { Color 0 0 0 }\n"
        ' material\n {\n Name "Inner \\" ear {", Color 1 0 0,\n }\n{ }\nvoid { },\n}\n' + UNIT
    )
    data = VOLUME.astype("u1").tobytes()
    floats = VOLUME.astype("<f4").tobytes()
    content = mesh(("byte Labels", data), ("float Data", floats), parameters=materials)
    labels, picture = read_all(READER, written(tmp_path / "a", content))
    [note] = labels.notes
    assert note.startswith("its values are labels of materials: 0 Exterior, 1 Inner")
    assert note.endswith("3 void")
    assert picture.notes == ()
    many = "Materials {\n" + "".join(f"m{n} {{ }}\n" for n in range(30)) + "}"
    path = written(tmp_path / "b", mesh(("byte Labels", data), parameters=many))
    assert read_all(READER, path)[0].notes[0].endswith("19 m19 and 10 more")


def test_old_and_flat_files(tmp_path: Path) -> None:
    data = VOLUME[:1].astype("u1").tobytes()
    text = "# AmiraMesh BINARY 1.0\r\ndefine Lattice 4 3\r\nLattice { byte Data } = @1\r\n@1\r\n"
    [image] = read_all(READER, written(tmp_path / "old.am", text.encode() + data))
    assert (image.axes, image.spacing.x) == ("YX", None)
    np.testing.assert_array_equal(image.pixels(), VOLUME[0])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# AmiraMesh 3D ASCII 2.0\nnVertices 2\nParameters {\nContentType \"SkeletonGraph\"\n}\n"
         b"Vertices { float[3] Coordinates } @1\n@1\n0 0 0\n1 1 1\n",
         "a skeleton of Amira (ContentType SkeletonGraph)"),
        (b"# AmiraMesh 3D ASCII 2.0\ndefine Lattice 1\nParameters {\nContentType \"Colormap\"\n}\n"
         b"Lattice { float[4] Data } @1\n@1\n0 0 0 1\n", "a colour map of Amira"),
        (b"# Avizo BINARY-LITTLE-ENDIAN 2.1\ndefine VERTEX 1\nVERTEX { int Id } @1\n@1\n0000",
         "a file of Amira (of VERTEX)"),
        (mesh(("float[3] Flow", bytes(288))), "the field 'Flow' has 3 numbers at each voxel"),
        (mesh(("complex Wave", bytes(192))), "of a type that is not read (complex)"),
        (mesh(("ushort Labels @(HxByteRLE,2)", b"\x18\0")), "HxByteRLE of ushort"),
        (mesh(("byte Data @(HxJpeg,2)", b"xx")), "packed as HxJpeg"),
        (b"# AmiraMesh ASCII 2.0\n" + b"a {\n" * 100, "more than 64 deep"),
        (b"# AmiraMesh ASCII 2.0\n" + b"a 1\n" * (MOST_TEXT // 4), "longer than"),
        (mesh(*[("byte Data", bytes(24))] * 300), "300 fields, more than"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(READER, written(tmp_path / "a.am", content), UnsupportedError)


@pytest.mark.parametrize(
    "content",
    [
        mesh(("byte Data", bytes(24)), define="define Lattice 900000 900000 900000"),
        mesh(("byte Data", bytes(24)), define="define Lattice 999999999 1 1"),
        mesh(("byte Data", bytes(24)), define="define Lattice 0 3 2"),
        mesh(("byte Data", bytes(20))),
        mesh(zipped(bytes(24)), define="define Lattice 4000 3000 2000"),
        mesh(zipped(bytes(23))),
        mesh(zipped(bytes(25))),
        mesh(("byte Data @(HxZip,5000)", zlib.compress(bytes(24)))),
        mesh(("byte Data @(HxZip)", zlib.compress(bytes(24)))),
        mesh(("byte Data @(HxZip,9)", b"no stream")),
        mesh(("byte Data @(HxByteRLE,2)", b"\x17\x05")),
        mesh(("byte Data @(HxByteRLE,2)", b"\x19\x05")),
        mesh(("byte Data @(HxByteRLE,4)", b"\xff\x05\x05\x05")),
        mesh(("byte Data @(HxByteRLE,6)", b"\x14\x05\x00\x05\x04\x05")),
        mesh(("byte Data", b"1 " * 23), first="# AmiraMesh ASCII 1.0"),
        mesh(("byte Data", b"1 " * 25), first="# AmiraMesh ASCII 1.0"),
        mesh(("byte Data", b"256 " * 24), first="# AmiraMesh ASCII 1.0"),
        mesh(("byte Data", b"1.5 " * 24), first="# AmiraMesh ASCII 1.0"),
        mesh(("byte Data", b"one " * 24), first="# AmiraMesh ASCII 1.0"),
        mesh(("byte Data", bytes(24))).partition(b"\n@1\n")[0] + b"\n",
    ],
)
def test_files_that_lie(tmp_path: Path, content: bytes) -> None:
    refused(READER, written(tmp_path / "lie.am", content), UnreadableError)


@pytest.mark.parametrize(
    "filler",
    [b'"' * 2**19, b'"\\' * 2**18, b"@1(a" * 2**17, b"@" * 2**19, b"{}" * 2**18, b" " * 2**19,
     b"@1 ( a , " * 2**16, b"@1" + b" " * 2**19, b"a\n{" * 40, b"define a 1 1 1\n" * 2**15,
     b"\n@9" * 2**17, b"Lattice { byte a } @2\n" * 200, b"define a" + b" 999999999" * 2**15],
)  # fmt: skip
def test_hostile_text_takes_no_time(tmp_path: Path, filler: bytes) -> None:
    path = tmp_path / "a.am"
    whole = mesh(("byte Data", bytes(24)))
    path.write_bytes(whole.replace(b"Lattice {", filler + b"\nLattice {", 1))
    started = time.perf_counter()
    with contextlib.suppress(UnreadableError, UnsupportedError):
        assert READER.open(path)[0].pixels().max() == 0
    assert time.perf_counter() - started < 5


def test_damage_and_travel(tmp_path: Path) -> None:
    path = tmp_path / "a.am"
    data = VOLUME.astype("<u2").tobytes()
    whole = mesh(("ushort Data", data), zipped(data, "ushort Packed"))
    path.write_bytes(whole)
    _, image = READER.open(path)
    sent = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(sent.data[1, 1:3], VOLUME[1, 1:3])
    assert survives(READER, path, whole) > 30
    text = " ".join(map(str, VOLUME.ravel())).encode()
    whole = mesh(("ushort Data", text), first="# AmiraMesh 3D ASCII 2.0")
    assert survives(READER, path, whole) > 30
    runs = run_lengths(bytes(24))
    whole = mesh((f"byte Data @(HxByteRLE,{len(runs)})", runs))
    assert survives(READER, path, whole) > 30
    path.write_bytes(b"gone")
    with pytest.raises(UnreadableError):
        sent.pixels()


@pytest.mark.parametrize(
    "head", [b"# AmiraMesh", b"# Amira is a program\n", b"AmiraMesh ASCII 2.0\n", b"# Avizo\n"]
)
def test_other_texts_are_not_known(head: bytes) -> None:
    assert not READER.recognise(head, Path("a.am"))


@pytest.mark.parametrize(
    "head", [b"# Amira Project 630\n", b"# Avizo Project 900\n", b"# HyperSurface 0.1 ASCII\n"]
)
def test_projects_and_surfaces_are_known_for_what_they_are(head: bytes) -> None:
    assert not READER.recognise(head, Path("a.hx"))
    assert "project" in foreign_format(head) or "surface" in foreign_format(head)


@dataclass(frozen=True)
class Expected:
    """What a real file holds; `um` along z, y, x."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    um: tuple[float, float, float] | None
    extremes: tuple[float, float]
    notes: tuple[str, ...]


_UNIT, _ONE = "taken for micrometres", "one per voxel"
_VER63 = "formats/amira/ver63/template-files"
_SIZE = 315.128814 / 153
FILES = [
    Expected("formats/amira/AL-a_M.am", (87, 154, 154), "u1", (184.417989 / 86, _SIZE, _SIZE),
             (0, 255), (_UNIT,)),
    Expected("formats/amira/LHMask.zip.am", (50, 50, 50), "u1", (1.4, 1.4, 1.4), (0, 1),
             (_UNIT, "95.7, 60.7, 0.7")),
    Expected("formats/amira/LHMask.Labels.rle.am", (50, 50, 50), "u1", (1.4, 1.4, 1.4), (0, 1),
             (_UNIT, "95.7, 60.7, 0.7", "0 Exterior, 1 Inside")),
    Expected(f"{_VER63}/blob.labels", (33, 32, 31), "u1", None, (0, 1),
             (_ONE, "0 Exterior, 1 Inside")),
    Expected(f"{_VER63}/blob.tiff", (33, 32, 31), "f4", None, (5.6415606, 321.17386), (_ONE,)),
    Expected("sxt/sample_12-files/sample_12.rec", (58, 61, 58), "f4", None,
             (-0.000528434, 0.0255518), (_ONE,)),
    Expected("sxt/sample_12-files/sample_12.labels", (58, 61, 58), "u1", None, (0, 2),
             (_ONE, "0 void, 1 cell, 2 ignore")),
]  # fmt: skip


def _peer(content: bytes, expected: Expected) -> Array:
    """The pixels in a few lines of another kind: what follows the first mark."""
    data = content.split(b"\n@1\n", 1)[1]
    if b"HxZip" in content[:4096]:
        data = zlib.decompressobj().decompress(data)
    elif b"HxByteRLE" in content[:4096]:
        length = int(content.split(b"HxByteRLE,", 1)[1].split(b")", 1)[0])
        stream, parts = iter(data[:length]), []
        for count in stream:
            if count == 0:  # the end
                break
            if count > 127:
                parts.append(bytes(next(stream) for _ in range(count - 128)))
            else:
                parts.append(bytes([next(stream)]) * count)
        data = b"".join(parts)
    count = int(np.prod(expected.shape))
    return np.frombuffer(data, "<" + expected.dtype, count).reshape(expected.shape)


@pytest.mark.parametrize("expected", FILES, ids=lambda expected: expected.path)
def test_real_file(shared_data: Path, expected: Expected) -> None:
    path = shared_data / expected.path
    [image] = read_all(READER, path)
    assert (image.axes, image.shape) == ("ZYX", expected.shape)
    assert image.dtype == np.dtype(expected.dtype)
    spacing = (image.spacing.z, image.spacing.y, image.spacing.x)
    assert spacing == (pytest.approx(expected.um) if expected.um else (None, None, None))
    assert len(image.notes) == len(expected.notes)
    assert all(part in note for part, note in zip(expected.notes, image.notes, strict=True))
    pixels = image.pixels()
    assert (pixels.min(), pixels.max()) == pytest.approx(expected.extremes, rel=1e-6)
    np.testing.assert_array_equal(pixels, _peer(path.read_bytes(), expected))


def test_a_real_file_of_one_plane(shared_data: Path) -> None:
    [image] = read_all(READER, shared_data / "formats/amira/VerySmallLabelField.am")
    assert (image.axes, image.shape) == ("YX", (2, 2))
    assert (image.spacing.z, image.spacing.y, image.spacing.x) == (None, 0.5, 0.5)
    assert image.pixels().tolist() == [[0, 0], [0, 0]]


def test_real_labels_are_the_real_mask(shared_data: Path) -> None:
    folder = shared_data / "formats/amira"
    [mask] = READER.open(folder / "LHMask.zip.am")
    [labels] = READER.open(folder / "LHMask.Labels.rle.am")
    np.testing.assert_array_equal(mask.pixels(), labels.pixels())


def test_real_counts_of_labels(shared_data: Path) -> None:
    [labels] = READER.open(shared_data / "sxt/sample_12-files/sample_12.labels")
    assert np.bincount(labels.pixels().ravel()).tolist() == [51_364, 5_120, 148_720]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("formats/amira/Neurites.am", "a skeleton of Amira (ContentType SkeletonGraph)"),
        (f"{_VER63}/labels.am", "a colour map of Amira (ContentType Colormap)"),
    ],
)
def test_real_files_without_a_picture(shared_data: Path, path: str, said: str) -> None:
    assert said in refused(READER, shared_data / path, UnsupportedError)


def test_real_projects(shared_data: Path) -> None:
    for path in ("formats/amira/ver63/template.hx", "sxt/sample_12.hx"):
        assert "project" in foreign_format((shared_data / path).read_bytes()[:4096])
