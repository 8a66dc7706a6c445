"""OME-TIFF in several files: one picture, from whichever of its files it is opened."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.core.image import Array
from cellwright.io.inputs import find_inputs
from cellwright.io.open import open_images, read

PLANES = np.arange(2 * 3 * 8 * 9, dtype=np.uint16).reshape(2, 3, 8, 9)  # (C, Z, Y, X)


def _xml(blocks: str, *, uuid: str = "", sizes: str = 'SizeC="2" SizeZ="3" SizeT="1"') -> str:
    own = f' UUID="{uuid}"' if uuid else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME{own}><Image ID="Image:0" Name="cells">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="9" SizeY="8" {sizes} '
        'PhysicalSizeX="0.5" PhysicalSizeY="0.5"><Channel ID="Channel:0" Name="DAPI"/>'
        f'<Channel ID="Channel:1" Name="GFP"/>{blocks}</Pixels></Image></OME>'
    )


def _block(channel: int, depth: int, name: str, page: int, uuid: str) -> str:
    return (
        f'<TiffData FirstC="{channel}" FirstZ="{depth}" FirstT="0" IFD="{page}" PlaneCount="1">'
        f'<UUID FileName="{name}">{uuid}</UUID></TiffData>'
    )


def _uuid(channel: int) -> str:
    return f"urn:uuid:0000000{channel}"


def _blocks() -> str:
    return "".join(
        _block(channel, depth, f"a-C{channel}.ome.tif", depth, _uuid(channel))
        for channel in range(2)
        for depth in range(3)
    )


def _tiff(path: Path, pages: Array, description: str) -> None:
    with tifffile.TiffWriter(path) as file:
        for number, page in enumerate(pages):
            file.write(
                page, metadata=None, photometric="minisblack",
                description=description.encode() if number == 0 else None,
            )  # fmt: skip


def _with_companion(folder: Path) -> None:
    """Two files of three planes, each naming a companion."""
    folder.mkdir(exist_ok=True)
    (folder / "a.companion.ome").write_text(_xml(_blocks()))
    for channel in range(2):
        only = '<BinaryOnly MetadataFile="a.companion.ome" UUID="urn:uuid:7"/>'
        _tiff(
            folder / f"a-C{channel}.ome.tif", PLANES[channel],
            f'<OME UUID="{_uuid(channel)}">{only}</OME>',
        )  # fmt: skip


def _with_each_other(folder: Path) -> None:
    """Two files of three planes, each with the whole list."""
    folder.mkdir(exist_ok=True)
    for channel in range(2):
        _tiff(folder / f"a-C{channel}.ome.tif", PLANES[channel],
              _xml(_blocks(), uuid=_uuid(channel)))  # fmt: skip


def test_any_file_of_a_set_with_a_companion_gives_the_whole(tmp_path: Path) -> None:
    _with_companion(tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    for path in files:
        image = read(path)
        assert (image.axes, image.channels, image.spacing.x) == ("CZYX", ("DAPI", "GFP"), 0.5)
        assert image.source.path == str(path)
        assert image.source.files == tuple(map(str, files))
        np.testing.assert_array_equal(image.pixels(), PLANES)
    np.testing.assert_array_equal(image.data[::-1, 1, 2:5, -1], PLANES[::-1, 1, 2:5, -1])
    again = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(again.channel("GFP").pixels(), PLANES[1])


def test_any_file_of_a_set_that_lists_all_gives_the_whole(tmp_path: Path) -> None:
    _with_each_other(tmp_path)
    files = sorted(tmp_path.iterdir())
    for path in files:
        image = read(path)
        assert image.source.files == tuple(map(str, files))
        np.testing.assert_array_equal(image.pixels(), PLANES)
    with tifffile.TiffFile(files[1]) as peer:
        np.testing.assert_array_equal(peer.series[0].asarray(), PLANES)


def test_files_of_several_planes_without_their_number(tmp_path: Path) -> None:
    blocks = "".join(
        f'<TiffData FirstC="{c}" FirstZ="0" FirstT="0"><UUID FileName="a-C{c}.ome.tif">'
        f"{_uuid(c)}</UUID></TiffData>"
        for c in range(2)
    )
    (tmp_path / "a.companion.ome").write_text(_xml(blocks))
    for channel in range(2):
        tifffile.imwrite(tmp_path / f"a-C{channel}.ome.tif", PLANES[channel], metadata=None)
    np.testing.assert_array_equal(read(tmp_path / "a.companion.ome").pixels(), PLANES)


def test_the_planes_of_a_missing_file_fail_and_the_others_do_not(tmp_path: Path) -> None:
    for number, make in enumerate((_with_companion, _with_each_other)):
        folder = tmp_path / str(number)
        make(folder)
        (folder / "a-C1.ome.tif").unlink()
        for path in sorted(folder.iterdir()):
            image = read(path)
            assert any("a-C1.ome.tif" in note for note in image.notes)
            assert str(folder / "a-C1.ome.tif") not in image.source.files
            np.testing.assert_array_equal(image.take("C", 0).pixels(), PLANES[0])
            with pytest.raises(UnreadableError, match=r"a-C1\.ome\.tif"):
                image.pixels()


def test_nothing_but_the_companion(tmp_path: Path) -> None:
    _with_companion(tmp_path)
    for path in tmp_path.glob("*.tif"):
        path.unlink()
    with pytest.raises(UnreadableError, match=r"a-C0\.ome\.tif, a-C1\.ome\.tif"):
        open_images(tmp_path / "a.companion.ome")


def test_a_missing_companion_is_named(tmp_path: Path) -> None:
    _with_companion(tmp_path)
    (tmp_path / "a.companion.ome").unlink()
    with pytest.raises(UnreadableError, match=r"a\.companion\.ome, which is not there"):
        open_images(tmp_path / "a-C0.ome.tif")


def test_a_companion_that_does_not_list_the_file(tmp_path: Path) -> None:
    _with_companion(tmp_path)
    (tmp_path / "a-C0.ome.tif").rename(tmp_path / "b.ome.tif")
    with pytest.raises(UnreadableError, match="does not list it"):
        open_images(tmp_path / "b.ome.tif")


@pytest.mark.parametrize("name", ["../a.ome.tif", "/etc/passwd", "b\\a.ome.tif", "..", "C:a.tif"])
def test_files_of_other_folders_are_refused(tmp_path: Path, name: str) -> None:
    companion = tmp_path / "a.companion.ome"
    companion.write_text(_xml(_block(0, 0, name, 0, "urn:uuid:1")))
    with pytest.raises(UnsupportedError, match="none of the same folder"):
        open_images(companion)
    only = f'<OME><BinaryOnly MetadataFile="{name}" UUID="urn:uuid:1"/></OME>'
    _tiff(tmp_path / "x.tif", PLANES[0], only)
    with pytest.raises(UnsupportedError, match="none of the same folder"):
        open_images(tmp_path / "x.tif")
    blocks = _block(0, 0, name, 0, "urn:uuid:1") + _block(0, 1, "x.tif", 0, "urn:uuid:2")
    _tiff(tmp_path / "x.tif", PLANES[0], _xml(blocks, uuid="urn:uuid:2"))
    with pytest.raises(UnsupportedError, match="none of the same folder"):
        open_images(tmp_path / "x.tif")


def test_a_set_is_one_input(tmp_path: Path) -> None:
    _with_companion(tmp_path / "one")
    _with_each_other(tmp_path / "two")
    inputs = find_inputs([tmp_path])
    assert [found.image for found in inputs.found] == ["one/a.companion.ome", "two/a-C0.ome.tif"]
    assert inputs.skipped == ()
    (tmp_path / "one/a-C1.ome.tif").unlink()
    (tmp_path / "two/a-C0.ome.tif").unlink()
    inputs = find_inputs([tmp_path])
    assert [found.image for found in inputs.found] == ["one/a.companion.ome", "two/a-C1.ome.tif"]
    [found] = find_inputs([f"{tmp_path}/one/*.tif"]).found
    assert found.image == "a-C0.ome.tif"
    np.testing.assert_array_equal(read(found.path).take("C", 0).pixels(), PLANES[0])


def test_files_named_otherwise_lie_beside_a_companion(tmp_path: Path) -> None:
    _with_companion(tmp_path)
    text = (tmp_path / "a.companion.ome").read_text()
    for channel in range(2):
        (tmp_path / f"a-C{channel}.ome.tif").rename(tmp_path / f"part{channel}.tif")
        text = text.replace(f"a-C{channel}.ome.tif", f"part{channel}.tif")
    (tmp_path / "a.companion.ome").write_text(text)
    tifffile.imwrite(tmp_path / "another.tif", PLANES[0, 0])
    assert [found.image for found in find_inputs([tmp_path]).found] == [
        "a.companion.ome", "another.tif",
    ]  # fmt: skip


def test_copies_and_renamed_files_stay_pictures_of_their_own(tmp_path: Path) -> None:
    pixels = PLANES[0, 0]
    for name in ("a.ome.tif", "b.ome.tif"):
        tifffile.imwrite(tmp_path / name, pixels, ome=True)
    (tmp_path / "copy of a.ome.tif").write_bytes((tmp_path / "a.ome.tif").read_bytes())
    for uuid, name in (("", "old.ome.tif"), ("urn:uuid:1", "a.ome.tif")):
        sizes = 'SizeC="1" SizeZ="1" SizeT="1"'
        text = _xml(_block(0, 0, name, 0, "urn:uuid:1"), uuid=uuid, sizes=sizes)
        _tiff(tmp_path / f"renamed{uuid[-1:]}.ome.tif", pixels[None], text)
    inputs = find_inputs([tmp_path])
    assert len(inputs.found) == 5
    for found in inputs.found:
        image = read(found.path)
        assert image.source.files == ()
        np.testing.assert_array_equal(image.pixels().squeeze(), pixels)


def test_a_list_that_the_first_file_does_not_know_takes_nothing_from_it(tmp_path: Path) -> None:
    _with_each_other(tmp_path)
    tifffile.imwrite(tmp_path / "a-C0.ome.tif", PLANES[0, 0], ome=True)
    inputs = find_inputs([tmp_path])
    assert [found.image for found in inputs.found] == ["a-C1.ome.tif"]


def test_finding_looks_into_few_files_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        tifffile.imwrite(tmp_path / f"{number}.tif", PLANES[0, 0])
    _with_each_other(tmp_path / "set")
    opened: list[str] = []
    plain_open = Path.open

    def counted(path: Path, mode: str = "r", **options: Any) -> Any:
        if path.name != "run.json":  # looked for in every folder, to know our own output
            opened.append(path.name)
        return plain_open(path, mode, **options)

    monkeypatch.setattr(Path, "open", counted)
    assert len(find_inputs([tmp_path]).found) == 41
    assert opened == ["a-C0.ome.tif"]  # its list names the other
    (tmp_path / "x.companion.ome").write_text(_xml(_blocks()))
    opened.clear()
    assert len(find_inputs([tmp_path]).found) == 42
    assert len(opened) == len(set(opened)) == 42  # beside a companion all are looked into


def test_other_xml_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "METADATA.ome.xml").write_text(_xml("<MetadataOnly/>"))
    (tmp_path / "other.xml").write_text("<settings/>")
    (tmp_path / "set.ome.xml").write_text(_xml(_blocks()))
    for channel in range(2):
        tifffile.imwrite(tmp_path / f"a-C{channel}.ome.tif", PLANES[channel], metadata=None)
    np.testing.assert_array_equal(read(tmp_path / "set.ome.xml").pixels(), PLANES)
    reasons = {s.image: s.reason for s in find_inputs([tmp_path]).skipped}
    assert reasons == {"METADATA.ome.xml": "not a picture", "other.xml": "not a picture"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + _xml(_blocks()), "document type"),
        (_xml(_blocks())[:-20], "damaged"),
        (_xml("<MetadataOnly/>"), "no TIFF files"),
        (_xml(""), "no TIFF files"),
        (_xml('<TiffData IFD="0"/>'), "no TIFF files"),
        (_xml(_block(0, 0, "a-C0.ome.tif", 99, "u")), "page 99 of 3"),
        (_xml(_block(0, 9, "a-C0.ome.tif", 0, "u")), "not there"),
        (_xml(_blocks() + '<TiffData IFD="0"/>'), "which file"),
        (_xml(_blocks(), sizes='SizeC="2" SizeZ="3" SizeT="99999999"'), "impossible"),
        (_xml(_blocks()).replace('SizeX="9"', 'SizeX="8"'), "claims 8 × 8 pixels"),
        ("<OME></OME>", "no TIFF files"),
    ],
)
def test_a_companion_that_makes_no_sense(tmp_path: Path, text: str, what: str) -> None:
    _with_companion(tmp_path)
    path = tmp_path / "a.companion.ome"
    path.write_text(text)
    with pytest.raises(InputError, match=what):
        open_images(path)
    find_inputs([tmp_path])


def test_a_document_type_in_another_encoding_is_found(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE OME>' + _xml(_blocks())[38:]
    path = tmp_path / "a.companion.ome"
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(InputError):
        open_images(path)


def test_pages_that_differ_between_files_are_refused(tmp_path: Path) -> None:
    _with_companion(tmp_path)
    changed: Any = PLANES[1].astype(np.float32)
    tifffile.imwrite(tmp_path / "a-C1.ome.tif", changed, metadata=None)
    with pytest.raises(UnreadableError, match="differ"):
        open_images(tmp_path / "a.companion.ome")
    (tmp_path / "a-C1.ome.tif").write_bytes(b"II*\0rubbish")
    with pytest.raises(UnreadableError):
        open_images(tmp_path / "a.companion.ome")
