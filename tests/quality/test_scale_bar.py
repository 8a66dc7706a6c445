"""The label of a scale bar is read right, or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from cellwright.core.image import Array
from cellwright.quality.glyphs import DIGITS, match, pieces
from cellwright.quality.overlay import Overlay, Overlays, find_overlays
from cellwright.quality.scale_bar import proposal
from cellwright.simulate.nuclei import simulate_nuclei


def dejavu(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(
        str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size
    )


def labelled(
    text: str, *, size: int = 20, length: int = 120, boxed: bool = False, quality: int = 0
) -> Array:
    """Nuclei with a white bar, and its label below."""
    picture = Pillow.fromarray(simulate_nuclei((400, 500), n=40, seed=3, brightness=0.3)[0])
    draw = ImageDraw.Draw(picture)
    colour = 255
    if boxed:
        draw.rectangle((340, 340, 490, 390), fill=255)
        colour = 0
    draw.rectangle((355, 348, 355 + length - 1, 352), fill=colour)
    draw.text((370, 356), text, fill=colour, font=dejavu(size))
    if quality:
        stream = io.BytesIO()
        picture.save(stream, "jpeg", quality=quality)
        picture = Pillow.open(stream)
    return np.asarray(picture)


@pytest.mark.parametrize(
    ("text", "um"),
    [
        ("100 µm", 100.0),
        ("20 um", 20.0),
        ("50µm", 50.0),
        ("2.5 µm", 2.5),
        ("500 nm", 0.5),
        ("1 mm", 1000.0),
    ],
)
@pytest.mark.parametrize("boxed", [False, True])
def test_a_label_is_read(text: str, um: float, boxed: bool) -> None:
    found = proposal(find_overlays(labelled(text, boxed=boxed)))
    assert found is not None
    assert (found.bar_px, found.um) == (120, um)
    assert found.pixel_size_um == pytest.approx(um / 120)


@pytest.mark.parametrize("size", [12, 14, 18, 28])
@pytest.mark.parametrize("quality", [75, 90])
def test_after_compression_it_is_read_or_not_but_never_wrong(size: int, quality: int) -> None:
    for number in ("10", "25", "100", "200", "45"):
        pixels = labelled(f"{number} µm", size=size, quality=quality)
        found = proposal(find_overlays(pixels))
        assert found is not None
        assert abs(found.bar_px - 120) <= 1
        assert found.um in {None, float(number)}


def test_a_label_of_no_length_gives_only_the_bar() -> None:
    for text in ("control", "12:34", "37 C", "x 100"):
        found = proposal(find_overlays(labelled(text)))
        assert found is not None
        assert (found.um, found.pixel_size_um, found.bar_px) == (None, None, 120)
        assert "could not be read" in found.text


def test_the_label_is_masked_even_if_it_cannot_be_read() -> None:
    (part,) = find_overlays(labelled("control")).parts
    assert part.box[2] > 365
    assert part.text == ""


def test_no_bar_gives_no_proposal() -> None:
    assert proposal(Overlays()) is None
    assert proposal(Overlays((Overlay("text", (0, 0, 9, 9), None, "100 µm"),))) is None


def test_bars_that_disagree_give_no_pixel_size() -> None:
    bars = tuple(
        Overlay("scale bar", (10 * k, 0, 10 * k + 4, 100), 100, "x", um)
        for k, um in enumerate((10.0, 20.0))
    )
    found = proposal(Overlays(bars))
    assert found is not None
    assert found.pixel_size_um is None
    assert "disagree" in found.text


def test_bars_that_agree_give_one_pixel_size() -> None:
    bars = (
        Overlay("scale bar", (0, 0, 4, 100), 100, "50 µm", 50.0),
        Overlay("scale bar", (90, 0, 94, 201), 201, "100 µm", 100.0),
    )
    found = proposal(Overlays(bars))
    assert found is not None
    assert found.pixel_size_um == 0.5


@pytest.mark.parametrize("digit", DIGITS)
def test_each_digit_is_told_from_the_others(digit: str) -> None:
    for size in (13, 17, 25):
        canvas = Pillow.new("L", (60, 60))
        ImageDraw.Draw(canvas).text((15, 10), digit, fill=255, font=ImageFont.load_default(size))
        found = pieces(np.asarray(np.asarray(canvas) / 255, np.float32))
        assert DIGITS[int(match(found, DIGITS)[0].argmax())] == digit


TEN_TIMES = ["images/0.png", "images/1.png", "colour/0.jpg", "colour/1.jpg"]
TEN_TIMES += [f"unlabelled/{number}.jpg" for number in (0, 2, 3, 4)]


@pytest.mark.parametrize("name", [*TEN_TIMES, "unlabelled/1.jpg"])
def test_real_scale_bars(shared_data: Path, name: str) -> None:
    with Pillow.open(shared_data / "bbb" / name) as picture:
        found = proposal(find_overlays(np.asarray(picture)))
    assert found is not None
    # 10 x and 4 x by the text in the pictures: 0.64 µm times 2.5 is 1.6 µm.
    assert (found.um, found.bar_px) == ((100.0, 156) if name in TEN_TIMES else (200.0, 125))
