"""What the training pictures look like to a model: ``familiarity.py MODEL.zip DATA FITTED.json``.

Puts ``fingerprint`` into FITTED.json, which `package.py` takes, and prints how many pictures of
each kind are flagged: the validation pictures, nuclei of other laboratories, and everything that
is no nuclei. A fourth argument names a folder in which the numbers of each picture are kept.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage.data
import tifffile
from data import training_and_validation
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.datasets.example import Example, read_labels, read_pixels
from cellwright.engine.onnx import Network
from cellwright.learn.familiarity import picture_vector
from cellwright.models.model import Model, read_model
from cellwright.segment.network_familiarity import unlike
from cellwright.segment.network_fingerprint import fitted, leave_one_out

SPARSE = 9
"""Of every ninth training picture a field with a few of its nuclei is made."""
SIDE = 640
NUCLEI = {"HeLa_left", "mitocheck", "mitosis", "drosophila", "laptrack", "multi", "3d", "few"}

Named = Iterator[tuple[str, Array]]


class Describer:
    """Numbers of pictures as a model sees them, kept in a folder."""

    def __init__(self, model: Model, folder: Path | None) -> None:
        self.model = model
        self.network = Network(model.weights)
        self.folder = folder / model.digest[:12] if folder else None
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, pixels: Array) -> Array:
        """Take the numbers from the folder if they are there."""
        if self.folder is None:
            return self.described(pixels)
        content = f"{pixels.shape}{pixels.dtype}".encode() + np.ascontiguousarray(pixels).tobytes()
        kept = self.folder / f"{hashlib.sha256(content).hexdigest()[:24]}.npy"
        if not kept.exists():
            np.save(kept, self.described(pixels))
        return np.load(kept)

    def described(self, pixels: Array) -> Array:
        """Let the network look at a plane."""
        return picture_vector(pixels, self.model, self.network.run)


def few(example: Example, wanted: int) -> Array | None:
    """A large field with few nuclei of a picture, on its own ground; None if it has no ground."""
    pixels, labels = read_pixels(example), read_labels(example)
    away = ndimage.distance_transform_cdt(np.pad(labels == 0, 1), "chessboard")[1:-1, 1:-1]
    row, column = np.unravel_index(np.argmax(away), away.shape)
    reach = int(away[row, column]) - 8  # the light of a nucleus ends beyond its outline
    if reach < 40:
        return None
    ground = pixels[row - reach : row + reach, column - reach : column + reach]
    more = (0, max(0, SIDE - 2 * reach))
    field = np.pad(ground, (more, more, *[(0, 0)] * (pixels.ndim - 2)), mode="symmetric")
    boxes = [box for box in ndimage.find_objects(labels.astype(np.int64)) if box is not None]
    for place, (down, right) in enumerate(boxes[:: max(1, len(boxes) // wanted)][:wanted]):
        part = pixels[
            max(0, down.start - 5) : down.stop + 5, max(0, right.start - 5) : right.stop + 5
        ]
        top, left = 40 + place % 3 * 200, 60 + place // 3 * 200
        if top + part.shape[0] <= SIDE and left + part.shape[1] <= SIDE:
            field[top : top + part.shape[0], left : left + part.shape[1]] = part
    return field


def few_of(examples: list[Example], step: int) -> Named:
    for index, example in enumerate(examples[::step]):
        field = few(example, 1 + index % 6)
        if field is not None:
            yield "few", field


def evenly(files: Iterator[Path], count: int) -> list[Path]:
    every = sorted(files)
    places = np.linspace(0, len(every) - 1, min(count, len(every))).round().astype(int)
    return [every[place] for place in places]


def flat(pixels: Array) -> Array:
    return pixels[..., :3] if pixels.ndim == 3 else pixels


def elsewhere(data: Path) -> Named:
    """Nuclei of other laboratories."""
    movies, channels = data / "movies", data / "multichannel"
    for file in evenly((movies / "mitocheck_h2b").glob("*.tif"), 6):
        yield "mitocheck", tifffile.imread(file).squeeze()
    for kind, pattern, frames in (
        ("HeLa_left", "hela_h2b_ctc/img_left.tif", (0, 9, 19)),
        ("mitosis", "mitosis_tracks/2D_timelapse.tif", (0, 14, 29)),
        ("drosophila", "drosophila_gfp_histone/*.tif", (0, 13)),
        ("laptrack", "laptrack/example_images.tif", (0, 3)),
    ):
        for file in movies.glob(pattern):
            stack = tifffile.imread(file)
            yield from ((kind, stack[frame]) for frame in frames)
    for name, index in (("dapi_tublin", 0), ("nuclei_golgi", 0), ("cell_dna_mts_actin", 0)):
        for file in (channels / "neubias").glob(f"*__{name}.tif"):
            yield "multi", tifffile.imread(file)[index]
    yield "multi", tifffile.imread(channels / "bbbc022/IXMtest_A02_s9.tif")[0]
    for file in sorted((data / "nuclei3d").glob("*img*.tif")):
        stack = tifffile.imread(file)
        stack = stack.reshape(-1, *stack.shape[-2:])
        yield from (("3d", stack[int(len(stack) * share)]) for share in (0.35, 0.6))


def no_nuclei(data: Path) -> Named:
    """Pictures of cells that are no nuclei, and of other things."""
    for kind, pattern, count in (
        ("usiigaci", "usiigaci/images/*.png", 8),
        ("usiigaci movie", "usiigaci/movie/images/*.png", 5),
        ("endothelium", "endothelium/images/*.png", 22),
        ("bccd", "bccd/images/*.jpg", 30),
        ("livedead", "livedead/images/*.png", 30),
        ("epithelium", "epithelium/images/*.png", 9),
        ("zo1_mdck", "zo1_mdck/images/*.png", 5),
        ("bbb", "bbb/images/*.png", 2),
        ("yeast_phase", "yeast_phase/images/*.png", 8),
    ):
        for file in evenly(data.glob(pattern), count):
            yield kind, flat(np.asarray(Picture.open(file)))
    for kind, pattern, frames in (
        ("ecoli", "movies/ecoli_trpL/img.tif", (0, 4, 9)),
        ("membranes", "movies/membrane_timelapse/membrane_2d_timelapse.tif", (0, 2, 4)),
        ("cell bodies", "multichannel/bbbc022/IXMtest_A02_s9.tif", (1, 2)),
        ("cell bodies", "multichannel/neubias/xyc_16bit__cell_dna_mts_actin.tif", (1, 2)),
    ):
        stack = tifffile.imread(data / pattern)
        yield from ((kind, stack[frame]) for frame in frames)
    folder = Path(skimage.data.__file__).parent
    for file in evenly((p for e in ("png", "jpg") for p in folder.glob(f"*.{e}")), 40):
        pixels = np.asarray(Picture.open(file))
        if pixels.ndim == 2 or pixels.shape[2] >= 3:
            yield "text" if file.stem in {"page", "text"} else "photographs", flat(pixels)
    yield from noise()
    yield from patterns()
    yield from text()


def to_bytes(values: Array) -> Array:
    values = values.astype(np.float64)
    return ((values - values.min()) / np.ptp(values) * 255).astype(np.uint8)


def noise() -> Named:
    random = np.random.default_rng(0)
    shape = (512, 512)
    for middle, deviation in ((128, 40), (100, 10)):
        values = random.normal(middle, deviation, shape)
        yield "noise", np.clip(values, 0, 255).astype(np.uint8)
    yield "noise", np.clip(random.normal(128, 40, (*shape, 3)), 0, 255).astype(np.uint8)
    yield "noise", random.integers(0, 256, shape, np.uint8)
    yield "noise", random.integers(0, 65536, (256, 320), np.uint16)
    yield "noise", random.integers(0, 256, (300, 400, 3), np.uint8)
    for rate in (1, 20, 1000):
        yield "noise", random.poisson(rate, shape).astype(np.uint16)
    for share in (0.01, 0.1):
        yield "noise", np.where(random.random(shape) < share, 255, 60).astype(np.uint8)
    for width in (1, 2, 4, 8, 16):
        blurred = ndimage.gaussian_filter(random.normal(size=shape), width)
        yield "noise, blurred", to_bytes(blurred)
        yield "noise, blurred", to_bytes(blurred**2)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(512), np.fft.fftfreq(512)))
    frequency[0, 0] = 1
    for power in (0.5, 1, 1.5, 2):
        cloud = np.fft.ifft2(np.fft.fft2(random.normal(size=shape)) / frequency**power).real
        yield "noise, clouds", to_bytes(cloud)


def patterns() -> Named:
    random = np.random.default_rng(1)
    row, column = np.mgrid[:512, :512]
    yield "gradient", to_bytes(column)
    yield "gradient", to_bytes(row + column)
    yield "gradient", to_bytes(-np.hypot(row - 256, column - 256))
    yield "gradient", to_bytes(column + random.normal(0, 16, (512, 512)))
    for side in (4, 8, 16, 32, 64):
        yield "checkerboard", to_bytes((row // side + column // side) % 2)
    for period in (8, 24, 60):
        yield "stripes", to_bytes(np.sin(2 * np.pi * column / period))
    yield "stripes", to_bytes((column % 40 < 3) | (row % 40 < 3))


def text() -> Named:
    random = np.random.default_rng(2)
    words = np.array(["the cell divides", "Figure 3", "when it is large", "in 24 h", "(n = 96)"])
    for size in (9, 14, 22, 36, 60):
        for paper in (0, 255):
            page = Picture.new("L", (640, 480), paper)
            draw = ImageDraw.Draw(page)
            font = ImageFont.load_default(size)
            for top in range(10, 470, int(size * 1.4)):
                draw.text((10, top), " ".join(random.choice(words, 12)), 255 - paper, font)
            scan = np.asarray(page, np.float64)
            yield "text", scan.astype(np.uint8)
            scan = ndimage.gaussian_filter(scan, 1) + random.normal(0, 6, scan.shape)
            yield "text", np.clip(scan, 0, 255).astype(np.uint8)


def main(path: str, data: str, fitted_path: str, kept: str | None = None) -> None:
    describe = Describer(read_model(Path(path)), Path(kept) if kept else None)
    training, validation = training_and_validation(Path(data))
    vectors = [describe(read_pixels(example)) for example in training]
    groups = [example.group for example in training]
    fields = [describe(field) for _, field in few_of(training, SPARSE)]
    fingerprint = fitted(np.array(vectors), groups, also=np.array(fields))
    scores = leave_one_out(np.array(vectors), groups)
    kinds = sorted({example.kind for example in training})
    print("training pictures, each against other photographs, in multiples of the limit:")
    for kind in kinds:
        of_kind = [s for s, e in zip(scores, training, strict=True) if e.kind == kind]
        told("  " + kind, of_kind)
    out = Path(fitted_path)
    more = json.loads(out.read_text("utf-8")) if out.exists() else {}
    out.write_text(json.dumps({**more, "fingerprint": fingerprint}), "utf-8")
    found: dict[str, list[float]] = defaultdict(list)
    for example in validation:
        familiarity = unlike(describe(read_pixels(example)), fingerprint)
        found["validation"].append(familiarity.score)
        if familiarity.unlike:
            print(f"flagged: {example.name} ({example.kind}): {familiarity.reason}")
    for kind, pixels in (*few_of(validation, 2), *elsewhere(Path(data)), *no_nuclei(Path(data))):
        familiarity = unlike(describe(pixels), fingerprint)
        found[f"nuclei: {kind}" if kind in NUCLEI else kind].append(familiarity.score)
    for kind, values in found.items():
        told(kind, values)
    rest = [
        s for kind, v in found.items() if kind != "validation" and "nuclei" not in kind for s in v
    ]
    told("all that is no nuclei", rest)


def told(kind: str, scores: list[float]) -> None:
    flagged = np.mean(np.array(scores) > 1)
    print(
        f"{kind:28} {len(scores):4} pictures, {100 * flagged:5.1f} % flagged,"
        f" lowest {min(scores):.2f}, median {np.median(scores):.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
