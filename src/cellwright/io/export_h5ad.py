"""AnnData files (``.h5ad``), for scanpy, squidpy and spatialdata.

Written with h5py as anndata's own page "On-disk format" has it (encoding versions of anndata
0.8 and later), because anndata for Python 3.11 does not go together with pandas 3. The keys are
those that squidpy and spatialdata look for: ``obsm["spatial"]`` with x before y, and
``uns["spatialdata_attrs"]``, by which a row finds its object in a label image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.io.export import Export, ExportFormat

__all__ = ["H5AD"]

REGION, INSTANCE = "region", "label"
_ROWS_AT_ONCE = 8192  # rows of a chunk
_IDENTITY = ("run", "image", "frame", "object", "label")
_CENTRES = {
    "µm": ("centroid_x_um", "centroid_y_um"),
    "px": ("centroid_x_px", "centroid_y_px"),
}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")  # of elements of a spatialdata object


def write_h5ad(export: Export, path: Path) -> None:
    """Write features as X, all other columns as obs, one row a cell."""
    import h5py

    cells = export.cells
    obs = _obs(export)
    unit, centres = _centres(cells)
    about = {**export.about, "spatial_unit": unit}
    uns: dict[str, Any] = {"cellwright": about}
    if REGION in obs:
        regions = list(dict.fromkeys(obs[REGION]))
        keys = {"region": regions, "region_key": REGION, "instance_key": INSTANCE}
        uns["spatialdata_attrs"] = keys
    with h5py.File(path, "w") as file:
        _encoded(file, "anndata", "0.1.0")
        x = _matrix(export)
        _array(file, "X", x)
        _frame(file, "obs", _names(cells), obs)
        _frame(file, "var", [one.declared.name for one in export.features], _var(export, x))
        _mapping(file, "obsm", {"spatial": centres} if centres is not None else {})
        _mapping(file, "uns", uns)
        for name in ("layers", "obsp", "varm", "varp"):
            _mapping(file, name, {})


def _matrix(export: Export) -> npt.NDArray[np.float32]:
    found = np.empty((len(export.cells), len(export.features)), np.float32)
    for place, feature in enumerate(export.features):
        column = export.cells[feature.column]
        with np.errstate(over="ignore"):
            found[:, place] = (
                _floats(column) if feature.counted is None else _is(column, feature.counted)
            )
    return found


def _floats(values: pd.Series) -> npt.NDArray[np.float64]:
    return values.to_numpy(np.float64, na_value=np.nan)


def _is(values: pd.Series, wanted: str) -> npt.NDArray[np.float64]:
    known = values.notna() & (values.astype(object) != "")
    same = values.astype(object).map(str) == wanted
    return np.where(known, same, np.nan)


def _var(export: Export, x: npt.NDArray[np.float32]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unit": [one.declared.unit for one in export.features],
            "meaning": [one.declared.meaning for one in export.features],
            "n_missing": np.isnan(x).sum(axis=0, dtype=np.int64),
        }
    ).astype({"unit": object, "meaning": object})


def _obs(export: Export) -> pd.DataFrame:
    """All columns that are no feature, and the region: the label image that a cell lies in."""
    features = {one.column for one in export.features if one.counted is None}
    obs = export.cells[[name for name in export.cells if name not in features]]
    if INSTANCE not in obs or not pd.api.types.is_integer_dtype(obs[INSTANCE].dtype):
        return obs
    regions = _regions(export.cells)
    if regions is None:
        return obs
    return obs.assign(**{REGION: pd.Series(regions, obs.index, dtype=object)})


def _regions(cells: pd.DataFrame) -> npt.NDArray[np.object_] | None:
    """Name of the label image of each cell: one for each run, picture, frame and object."""
    if "image" not in cells:
        return None
    several = [
        name
        for name in ("run", "image", "frame", "object")
        if name in cells and (name == "image" or len(cells[name].unique()) > 1)
    ]
    groups = cells.groupby(several, sort=False, dropna=False)
    keys = cells[several].iloc[np.unique(groups.ngroup(), return_index=True)[1]]
    names: list[str] = []
    taken: set[str] = set()
    for key in keys.itertuples(index=False):
        told = zip(several, key, strict=True)
        parts = [f"frame{value}" if name == "frame" else str(value) for name, value in told]
        plain = _NOT_IN_NAMES.sub("_", "_".join(parts)).strip("_.-") or "labels"
        name, number = plain, 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name.casefold())
        names.append(name)
    found: npt.NDArray[np.object_] = np.array([*names, None], object)[groups.ngroup().to_numpy()]
    return found


def _names(cells: pd.DataFrame) -> list[str]:
    """A name for each cell that no other has: run, picture, frame, object and label."""
    several = [
        name
        for name in _IDENTITY
        if name in cells and (name in {"image", "label"} or len(cells[name].unique()) > 1)
    ]
    parts = [cells[name].map(str) for name in several]
    names = [":".join(row) for row in zip(*parts, strict=True)] if parts else [""] * len(cells)
    if len(set(names)) == len(names):
        return names
    return [f"{name}:{row}".lstrip(":") for row, name in enumerate(names)]


def _centres(cells: pd.DataFrame) -> tuple[str, npt.NDArray[np.float64] | None]:
    """Unit, and (N, 2) x and y; in micrometres where all cells have them."""
    for unit, names in _CENTRES.items():
        if all(name in cells and cells[name].dtype.kind == "f" for name in names):
            found = cells[list(names)].to_numpy(np.float64)
            if unit == "px" or not np.isnan(found).any():
                return unit, found
    return "", None


def _encoded(node: Any, kind: str, version: str) -> None:
    node.attrs["encoding-type"] = kind
    node.attrs["encoding-version"] = version


def _array(group: Any, name: str, values: npt.NDArray[Any]) -> None:
    how: dict[str, Any] = {}
    if values.size:
        how = {"chunks": (min(len(values), _ROWS_AT_ONCE), *values.shape[1:])}
        how |= {"compression": "gzip", "shuffle": True}
    _encoded(group.create_dataset(name, data=values, **how), "array", "0.2.0")


def _texts(group: Any, name: str, values: Sequence[str]) -> None:
    import h5py

    clean = np.array([*map(_storable, values), None], object)[:-1]
    made = group.create_dataset(name, data=clean, dtype=h5py.string_dtype())
    _encoded(made, "string-array", "0.2.0")


def _storable(text: str) -> str:
    """HDF5 ends a text at its first null character, and holds UTF-8 only."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _frame(file: Any, name: str, index: Sequence[str], table: pd.DataFrame) -> None:
    import h5py

    group = file.create_group(name)
    _encoded(group, "dataframe", "0.2.0")
    keys = _keys(map(str, table.columns))
    group.attrs["_index"] = "_index"
    group.attrs.create("column-order", np.array(keys, object), dtype=h5py.string_dtype())
    _texts(group, "_index", index)
    for key, column in zip(keys, table.columns, strict=True):
        _column(group, key, table[column])


def _keys(names: Iterable[str]) -> list[str]:
    """Names of columns as HDF5 takes them: no slash, which parts groups, nor a dot alone."""
    found: list[str] = []
    for name in names:
        plain = _storable(name).replace("/", "_")
        plain = f"column_{plain}" if plain in {"", ".", "..", "_index"} else plain
        key, number = plain, 1
        while key in found:
            number += 1
            key = f"{plain}_{number}"
        found.append(key)
    return found


def _column(group: Any, key: str, values: pd.Series) -> None:
    if values.dtype == object:
        _categories(group, key, values)
    elif pd.api.types.is_extension_array_dtype(values.dtype):
        kind = "boolean" if values.dtype == "boolean" else "integer"
        nullable = group.create_group(key)
        _encoded(nullable, f"nullable-{kind}", "0.1.0")
        plain = bool if kind == "boolean" else np.int64
        _array(nullable, "values", values.fillna(plain(0)).to_numpy(plain))
        _array(nullable, "mask", values.isna().to_numpy(bool))
    else:
        _array(group, key, values.to_numpy())


def _categories(group: Any, key: str, values: pd.Series) -> None:
    """Text, of which empty is not known."""
    categories = sorted(set(values) - {""})
    known = values.where(values != "", None)
    codes = pd.Categorical(known, categories=pd.Index(categories, dtype=object)).codes
    node = group.create_group(key)
    _encoded(node, "categorical", "0.2.0")
    node.attrs["ordered"] = False
    _texts(node, "categories", categories)
    _array(node, "codes", np.asarray(codes))


def _mapping(group: Any, name: str, values: Mapping[str, Any]) -> None:
    import h5py

    node = group.create_group(name)
    _encoded(node, "dict", "0.1.0")
    for key, value in values.items():
        if isinstance(value, Mapping):
            _mapping(node, key, value)
        elif isinstance(value, str):
            made = node.create_dataset(key, data=_storable(value), dtype=h5py.string_dtype())
            _encoded(made, "string", "0.2.0")
        elif isinstance(value, int | float):
            _encoded(node.create_dataset(key, data=value), "numeric-scalar", "0.2.0")
        elif isinstance(value, np.ndarray):
            _array(node, key, value)
        elif value and all(isinstance(one, float) for one in value):
            _array(node, key, np.array(value))
        else:
            _texts(node, key, [str(one) for one in value])


H5AD = ExportFormat("h5ad", "an AnnData file", write_h5ad, needs=("h5py",))
