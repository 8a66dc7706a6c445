"""What was drawn into a picture is found and masked; what belongs to the sample is not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.quality.overlay import Overlay, Overlays, find_overlays, overlay_mask
from cellwright.simulate.monolayer import simulate_monolayer
from cellwright.simulate.nuclei import simulate_nuclei


def written(text: str, place: tuple[int, int], *, size: int = 18, quality: int = 0) -> Array:
    """A field of nuclei with a text."""
    picture = Pillow.fromarray(simulate_nuclei((300, 400), n=40, seed=1)[0])
    ImageDraw.Draw(picture).text(place, text, fill=255, font=ImageFont.load_default(size))
    return saved(picture, quality)


def saved(picture: Pillow.Image, quality: int) -> Array:
    if not quality:
        return np.asarray(picture)
    stream = io.BytesIO()
    picture.save(stream, "jpeg", quality=quality)
    return np.asarray(Pillow.open(stream))


def with_bar(colour: int = 255, background: int = 20) -> Array:
    plane = np.full((200, 300), background, np.uint8)
    plane[180:185, 200:280] = colour
    return plane


def test_a_bar_without_a_label_is_found_with_its_length() -> None:
    (part,) = find_overlays(with_bar()).parts
    assert part == Overlay("scale bar", (180, 200, 185, 280), 80, "", None)


def test_a_dark_bar_in_bright_field_is_found() -> None:
    assert [p.bar_length_px for p in find_overlays(with_bar(0, 180)).parts] == [80]


def test_a_coloured_bar_is_found() -> None:
    plane = np.repeat(with_bar(20)[..., None], 3, axis=2)
    plane[180:185, 200:280] = (255, 255, 0)
    assert [p.bar_length_px for p in find_overlays(plane).parts] == [80]


def test_a_bar_of_16_bits_is_found() -> None:
    random = np.random.default_rng(0)
    plane = random.normal(3000, 50, (200, 300)).astype(np.uint16)
    plane[180:185, 200:280] = 65535
    assert [p.bar_length_px for p in find_overlays(plane).parts] == [80]


def test_the_box_around_a_bar_belongs_to_it() -> None:
    plane = simulate_nuclei((300, 400), n=40, seed=0)[0]
    plane[260:290, 280:380] = 255
    plane[270:274, 290:370] = 0
    (part,) = find_overlays(plane).parts
    assert part.box == (260, 280, 290, 380)
    assert part.bar_length_px == 80
    mask = overlay_mask(Overlays((part,)), plane.shape)
    assert mask[260:290, 280:380].all()
    assert mask.sum() == (30 + 6) * (100 + 6)


@pytest.mark.parametrize("quality", [0, 75])
@pytest.mark.parametrize("place", [(8, 6), (200, 270)])
def test_text_near_the_border_is_found(place: tuple[int, int], quality: int) -> None:
    (part,) = find_overlays(written("Plate 4 Well B6", place, quality=quality)).parts
    assert part.kind == "text"
    assert abs(part.box[1] - place[0]) <= 4
    assert abs(part.box[0] - place[1]) <= 10
    assert part.box[3] - part.box[1] > 100
    assert sum(character in part.text for character in "Plate4WB6") >= 6


@pytest.mark.parametrize("seed", range(6))
def test_cells_are_no_overlays(seed: int) -> None:
    sharp = simulate_nuclei((400, 500), n=120, diameter_px=14, blur=0.3, bits=16, seed=seed)[0]
    assert find_overlays(sharp).parts == ()
    assert find_overlays(simulate_monolayer((300, 300), seed=seed)[0]).parts == ()


def test_noise_tiles_and_frames_are_no_overlays() -> None:
    random = np.random.default_rng(0)
    assert find_overlays(random.integers(0, 256, (256, 256), dtype=np.uint8)).parts == ()
    tiles = np.kron(random.integers(0, 200, (4, 4)), np.ones((64, 64))).astype(np.uint8)
    assert find_overlays(tiles).parts == ()
    padded = np.pad(simulate_nuclei((200, 200), n=20, seed=0)[0] | 30, 20)
    assert find_overlays(padded).parts == ()


def test_empty_and_tiny_pictures_are_looked_at() -> None:
    assert find_overlays(np.zeros((0, 5), np.uint8)).parts == ()
    assert find_overlays(np.zeros((3, 3))).parts == ()
    assert find_overlays(np.full((64, 64), np.nan)).parts == ()
    assert find_overlays(np.zeros((64, 64), bool)).parts == ()
    with pytest.raises(UsageError, match="4 axes"):
        find_overlays(np.zeros((2, 2, 2, 2)))


def test_words_say_what_is_where() -> None:
    assert Overlays().words == ""
    said = Overlays((Overlay("scale bar", (1, 2, 3, 4), 50, "10 µm", 10.0),)).words
    assert "scale bar '10 µm' at rows 1 to 3, columns 2 to 4" in said


@pytest.mark.parametrize(
    "name", ["images/0.png", "images/1.png", *[f"unlabelled/{k}.jpg" for k in range(5)]]
)
def test_real_text_and_bars_are_masked(shared_data: Path, name: str) -> None:
    with Pillow.open(shared_data / "bbb" / name) as picture:
        pixels = np.asarray(picture)
    overlays = find_overlays(pixels)
    assert sorted(part.kind for part in overlays.parts) == ["scale bar", "text"]
    mask = overlay_mask(overlays, pixels.shape[:2])
    assert mask[986:1012, 1200:1332].all()
    assert mask[1004:1017, 25:145].all()
    assert mask.mean() < 0.01


def test_published_pictures_without_overlays_are_left_alone(shared_data: Path) -> None:
    folders = ("dsb2018", "livedead", "bccd", "epithelium", "endothelium")
    files = [p for name in folders for p in sorted((shared_data / name / "images").iterdir())[::20]]
    alarms = []
    for path in files:
        with Pillow.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB") if picture.mode == "P" else picture)
        if find_overlays(pixels).parts:
            alarms.append(path.name)
    assert len(files) > 40
    assert alarms == []
