"""The table: what is declared is there, foreign families are checked, twins are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from cellwright.core import registry
from cellwright.core.columns import Column
from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Spacing
from cellwright.measure.feature import Feature
from cellwright.measure.regions import Regions
from cellwright.measure.shape import FEATURE as SHAPE
from cellwright.measure.table import (
    Request,
    declared,
    loaded_features,
    measure_plane,
    parse_request,
    versions,
)

SQUARE = Spacing(y=0.5, x=0.5)


def two_cells() -> Array:
    labels = np.zeros((20, 30), np.uint32)
    labels[3:7, 4:16] = 4_000_000_000
    labels[10:15, 8:14] = 3
    return labels


def stranger(measure: Mapping[str, object], dtype: str = "float64", name: str = "luck") -> Feature:
    column = Column(name, "1", "Luck", dtype)
    return Feature("stranger", 1, (column,), lambda regions: measure)  # type: ignore[arg-type]


@pytest.mark.parametrize("spacing", [Spacing(), SQUARE, Spacing(y=0.5, x=1.0)])
@pytest.mark.parametrize("channels", [(), ("DAPI",), ("red", "green", "blue")])
def test_columns_are_the_declared_ones(spacing: Spacing, channels: tuple[str, ...]) -> None:
    planes = {channel: np.ones((20, 30), np.uint8) for channel in channels}
    columns = declared(channels, physical=spacing.x is not None)
    full = measure_plane(two_cells(), planes, spacing)
    empty = measure_plane(np.zeros((20, 30), np.uint32), planes, spacing)
    assert list(full.columns) == ["label", *(column.name for column in columns)]
    assert list(empty.columns) == list(full.columns)
    assert len(empty) == 0
    assert full["label"].tolist() == [3, 4_000_000_000]
    for column in columns:
        assert str(full[column.name].dtype) == str(empty[column.name].dtype) == column.dtype


def test_every_column_says_what_it_is() -> None:
    for column in declared(["DAPI"], physical=True):
        assert column.meaning
        assert column.unit
        assert column.function.startswith("cellwright.measure.")
        assert "{" not in column.name + column.meaning


def test_physical_twins() -> None:
    table = measure_plane(two_cells(), {}, SQUARE)
    rectangle = table[table["label"] == 4_000_000_000].iloc[0]
    assert rectangle["area_um2"] == pytest.approx(48 * 0.25)
    assert rectangle["perimeter_um"] == pytest.approx(28 * 0.5)
    assert rectangle["feret_min_um"] == pytest.approx(2.0)
    assert rectangle["centroid_x_um"] == pytest.approx(9.5 * 0.5)
    per_mm2 = rectangle["local_density_per_mm2"] / rectangle["local_density_per_mpx"]
    assert per_mm2 == pytest.approx(4.0)  # a megapixel is 0.25 mm² here


def test_pixels_that_are_not_square_have_areas_but_no_lengths() -> None:
    table = measure_plane(two_cells(), {}, Spacing(y=0.5, x=2.0))
    assert table["area_um2"].tolist() == pytest.approx([30.0, 48.0])
    assert table["local_density_per_mm2"].tolist() == pytest.approx(
        table["local_density_per_mpx"].tolist()
    )
    assert table["perimeter_um"].isna().all()
    assert table["centroid_y_um"].isna().all()
    assert table["perimeter_px"].notna().all()


def test_without_a_pixel_size_nothing_is_in_micrometres() -> None:
    table = measure_plane(two_cells(), {}, Spacing(x=0.5))
    assert not [name for name in map(str, table) if name.endswith(("_um", "_um2", "_mm2"))]


def test_the_same_input_gives_the_same_bytes() -> None:
    rng = np.random.default_rng(2)
    labels = (rng.integers(0, 9, (64, 64)) ** 2).astype(np.uint32)
    planes = {"0": rng.normal(size=(64, 64))}
    one, two = (measure_plane(labels, planes, SQUARE) for _ in range(2))
    assert one.to_csv() == two.to_csv()


def test_ours_are_found_in_their_order() -> None:
    names = list(loaded_features())
    assert names[:5] == ["shape", "hull", "position", "intensity", "neighbours"]
    assert versions(loaded_features())["shape"] == SHAPE.version


def brightest(regions: Regions) -> Mapping[str, Array]:
    first = regions.starts
    return {
        f"brightest_{channel}": np.maximum.reduceat(regions.values(channel), first)
        for channel in regions.planes
    }


ON_REQUEST = Feature(
    "brightest",
    4,
    (Column("brightest_{channel}", "counts", "Brightest pixel in {channel}"),),
    brightest,
    order=200,
    on_request=True,
)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"brightest": ON_REQUEST, "shape": SHAPE}
    monkeypatch.setattr(registry, "load_all", lambda group: both)


@pytest.mark.usefixtures("installed")
def test_families_on_request_are_measured_only_if_asked_for() -> None:
    assert list(loaded_features()) == ["shape"]
    chosen = loaded_features(["brightest=GFP"])
    assert list(chosen) == ["shape", "brightest"]
    planes = {"DAPI": np.ones((20, 30)), "GFP": np.full((20, 30), 7.0)}
    table = measure_plane(two_cells(), planes, Spacing(), chosen)
    names = [column.name for column in declared(list(planes), physical=False, features=chosen)]
    assert list(table.columns) == ["label", *names]
    assert table["brightest_GFP"].tolist() == [7, 7]
    assert "brightest_DAPI" not in table
    every = measure_plane(two_cells(), planes, Spacing(), loaded_features(["brightest"]))
    assert list(every.columns)[-2:] == ["brightest_DAPI", "brightest_GFP"]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("requested", "channels"),
    [
        (["brightest"], ()),
        (["brightest=GFP", " brightest = DAPI , GFP "], ("GFP", "DAPI")),
        (["brightest=GFP", "brightest"], ()),
        (["brightest", "brightest=GFP"], ()),
    ],
)
def test_requests_for_one_family_add_up(requested: list[str], channels: tuple[str, ...]) -> None:
    assert loaded_features(requested)["brightest"].channels == channels


@pytest.mark.usefixtures("installed")
def test_requests_change_the_key_of_the_step() -> None:
    keys = [versions(loaded_features(asked)) for asked in ([], ["brightest"], ["brightest=GFP"])]
    assert keys[1:] == [
        {"shape": SHAPE.version, "brightest": 4},
        {"shape": SHAPE.version, "brightest=GFP": 4},
    ]
    assert keys[0] == {"shape": SHAPE.version}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour", "no features 'colour' to be measured; choose brightest"),
        ("shape", "'shape' are always measured; ask for brightest"),
        ("brightest=", "no channel stands after the equals sign"),
        ("brightest=RFP", "no channel 'RFP' to measure brightest in; there are DAPI, GFP"),
    ],
)
def test_requests_that_cannot_be_met(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_request(text, ["DAPI", "GFP"])


@pytest.mark.usefixtures("installed")
def test_a_request_is_read() -> None:
    assert parse_request("brightest=GFP,DAPI") == Request("brightest", ("GFP", "DAPI"))
    assert parse_request("brightest", ["GFP"]) == Request("brightest")


@pytest.mark.usefixtures("installed")
def test_a_channel_that_a_picture_lacks_is_named() -> None:
    chosen = loaded_features(["brightest=RFP"])
    with pytest.raises(UsageError, match="no channel 'RFP' to measure brightest in"):
        measure_plane(two_cells(), {"GFP": np.zeros((20, 30))}, Spacing(), chosen)
    with pytest.raises(UsageError, match="no channel 'RFP' to measure brightest in"):
        declared(["GFP"], physical=False, features=chosen)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (stranger({}), "missing \\['luck'\\]"),
        (stranger({"luck": np.ones(2), "more": np.ones(2)}), "not declared \\['more'\\]"),
        (stranger({"luck": np.ones(3)}), "shape \\(3,\\) for 2 cells"),
        (stranger({"luck": np.ones(2)}, "int64"), "as int64 and give float64"),
        (stranger({"luck": np.array(["a", "b"])}), "as float64 and give"),
    ],
)
def test_a_family_that_breaks_its_word_is_named(feature: Feature, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        measure_plane(two_cells(), {}, Spacing(), {"stranger": feature})
    assert "'stranger'" in str(error.value)


def test_a_family_of_text_and_whole_numbers() -> None:
    text = stranger({"luck": np.array(["good", "bad"])}, "str")
    assert measure_plane(two_cells(), {}, Spacing(), {"": text})["luck"].tolist() == ["good", "bad"]
    number = stranger({"luck": np.array([True, False])}, "int64")
    assert measure_plane(two_cells(), {}, Spacing(), {"": number})["luck"].tolist() == [1, 0]


@pytest.mark.parametrize("name", ["area_px", "area_um2", "label", "image"])
def test_a_column_is_declared_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"shape": SHAPE, "stranger": stranger({}, name=name)}
    monkeypatch.setattr(registry, "load_all", lambda group: both)
    with pytest.raises(UsageError, match=f"{name!r} is declared by both"):
        loaded_features()


def test_what_is_no_family_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load_all", lambda group: {"odd": Regions})
    with pytest.raises(UsageError, match=r"'odd' in cellwright\.features is no Feature"):
        loaded_features()
    whole = replace(stranger({}), columns=(Column("n_px", "px", "n", "int64", power=1),))
    monkeypatch.setattr(registry, "load_all", lambda group: {"stranger": whole})
    with pytest.raises(UsageError, match="must be float64"):
        loaded_features()


def test_channels_whose_columns_would_be_the_same_are_refused() -> None:
    names = ["GFP", "corrected_GFP"]
    with pytest.raises(UsageError, match="two columns would be called"):
        declared(names, physical=False)
    planes = {name: np.zeros((20, 30)) for name in names}
    with pytest.raises(UsageError, match="rename one of the channels"):
        measure_plane(two_cells(), planes, Spacing())


def test_real_nuclei_have_values_within_their_bounds(shared_data: object) -> None:
    from pathlib import Path

    import tifffile
    from PIL import Image as Pillow

    folder = Path(str(shared_data)) / "bbbc039"
    name = sorted(path.name for path in (folder / "labels").iterdir())[0]
    labels = np.asarray(Pillow.open(folder / "labels" / name)).astype(np.uint32)
    picture = next((folder / "images").glob(Path(name).stem + ".*"))
    read = tifffile.imread if picture.suffix.startswith(".tif") else Pillow.open
    plane = np.asarray(read(picture))
    table = measure_plane(labels, {"DNA": plane}, Spacing(y=0.65, x=0.65))
    assert len(table) == len(np.unique(labels)) - 1
    for column in declared(["DNA"], physical=True):
        low, high = column.bounds
        assert low is None or (table[column.name].dropna() >= low).all(), column.name
        assert high is None or (table[column.name].dropna() <= high).all(), column.name
    # Nuclei of U2OS are 10 to 25 µm across and brighter than what is between them.
    assert 10 < table["equivalent_diameter_um"].median() < 25
    assert (table["intensity_mean_corrected_DNA"] > 0).mean() > 0.95
    assert table["solidity"].median() > 0.9
