"""The table of cells of one plane: every family's columns, checked, and their twins in µm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cellwright.core import registry
from cellwright.core.columns import IDENTITY, Column, physical_scale
from cellwright.core.columns import physical as physical_twins
from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Spacing
from cellwright.measure.feature import Feature
from cellwright.measure.regions import Regions

__all__ = ["declared", "loaded_features", "measure_plane", "versions"]

GROUP = "cellwright.features"


def measure_plane(
    labels: Array,
    planes: Mapping[str, Array],
    spacing: Spacing,
    features: Mapping[str, Feature] | None = None,
) -> pd.DataFrame:
    """Measure every cell of one plane.

    Parameters
    ----------
    labels
        (Y, X) integers, 0 is background; numbers may have gaps.
    planes
        From the name of a channel to its (Y, X) pixels of any number type. A colour picture
        comes as three channels.
    spacing
        Pixel size. If Y and X are known, each column in pixels that has a twin in micrometres
        is followed by it; where a pixel is not square, areas and densities are right and the
        twins of lengths are NaN, because a length in pixels then depends on its direction.
    features
        Families to measure, by name; all that are installed by default.

    Returns
    -------
    pandas.DataFrame
        One row for each label that is there, ascending: ``label``, then the columns of
        `declared`, with the declared dtypes also where there is no row.

    Raises
    ------
    UsageError
        If shapes differ, or a family does not return what it declares.

    Examples
    --------
    >>> from cellwright.measure.shape import FEATURE
    >>> labels = np.pad(np.full((2, 3), 9, np.uint32), 1)
    >>> table = measure_plane(labels, {}, Spacing(y=0.5, x=0.5), {"shape": FEATURE})
    >>> table[["label", "area_px", "area_um2"]].to_dict("records")
    [{'label': 9, 'area_px': 6.0, 'area_um2': 1.5}]
    """
    chosen = loaded_features() if features is None else features
    _check_names(chosen)
    regions = Regions(labels, planes, spacing)
    channels = tuple(planes)
    with_twins = spacing.y is not None and spacing.x is not None
    columns: dict[str, pd.Series | Array] = {"label": regions.labels}
    for family in chosen.values():
        expected = _of_channels(family.columns, channels)
        values = _checked(family, expected, regions)
        for column in expected:
            columns[column.name] = values[column.name]
            for twin in physical_twins([column]) if with_twins else ():
                columns[twin.name] = _in_micrometres(column, values[column.name], spacing)
    return pd.DataFrame(columns)


def declared(
    channels: Sequence[str], physical: bool, features: Mapping[str, Feature] | None = None
) -> tuple[Column, ...]:
    """Declare the columns that `measure_plane` fills, in their order, without ``label``.

    Parameters
    ----------
    channels
        Names of the channels.
    physical
        Whether there are twins in micrometres.
    features
        Families by name; all that are installed by default.

    Raises
    ------
    UsageError
        If two columns get the same name.

    Examples
    --------
    >>> from cellwright.measure.neighbours import FEATURE
    >>> [column.name for column in declared([], physical=True, features={"": FEATURE})][-2:]
    ['local_density_per_mpx', 'local_density_per_mm2']
    """
    chosen = loaded_features() if features is None else features
    _check_names(chosen)
    columns: dict[str, Column] = {}
    for family in chosen.values():
        for column in _of_channels(family.columns, channels):
            for one in (column, *(physical_twins([column]) if physical else ())):
                if one.name in columns:
                    raise UsageError(
                        f"two columns would be called {one.name!r}",
                        where=family.name,
                        remedy="rename one of the channels " + ", ".join(channels),
                    )
                columns[one.name] = one
    return tuple(columns.values())


def loaded_features() -> dict[str, Feature]:
    """Load every family that is installed, in the order of their columns.

    Raises
    ------
    UsageError
        If one is no ``Feature``, or two declare the same column.

    Examples
    --------
    >>> list(loaded_features())[:2]
    ['shape', 'hull']
    """
    features = registry.load_all(GROUP)
    for name, feature in features.items():
        if not isinstance(feature, Feature):
            raise UsageError(
                f"the entry point {name!r} in {GROUP} is no Feature but a {type(feature).__name__}",
                remedy="update or uninstall the package that brings it",
            )
    _check_names(features)
    return dict(sorted(features.items(), key=lambda item: (item[1].order, item[0])))


def versions(features: Mapping[str, Feature]) -> dict[str, int]:
    """Version of each family, for the key of the step that measures.

    Examples
    --------
    >>> from cellwright.measure.shape import FEATURE
    >>> list(versions({"shape": FEATURE}))
    ['shape']
    """
    return {name: feature.version for name, feature in features.items()}


def _check_names(features: Mapping[str, Feature]) -> None:
    """Refuse a column that two families declare, or that is another column's twin."""
    taken = {column.name: "the table itself" for column in IDENTITY}
    for name, feature in features.items():
        for column in feature.columns:
            if column.power and column.dtype != "float64":
                raise UsageError(
                    f"the column {column.name!r} of the features {name!r} has a twin in "
                    f"micrometres, and so must be float64, not {column.dtype}",
                    remedy="update or uninstall the package that brings it",
                )
        for column in (*feature.columns, *physical_twins(feature.columns)):
            if column.name in taken:
                raise UsageError(
                    f"the column {column.name!r} is declared by both {taken[column.name]} and "
                    f"the features {name!r}",
                    remedy="uninstall one of the packages that bring them",
                )
            taken[column.name] = f"the features {name!r}"


def _of_channels(columns: Sequence[Column], channels: Sequence[str]) -> list[Column]:
    """Fill in the channels: all columns of the first, then all of the next."""
    plain = [column for column in columns if "{channel}" not in column.name]
    each = [column for column in columns if "{channel}" in column.name]
    return plain + [column.for_channel(channel) for channel in channels for column in each]


def _checked(family: Feature, expected: Sequence[Column], regions: Regions) -> dict[str, Array]:
    """Have a family measure, and see that it gives what it declares."""
    if not regions.count:
        return {column.name: np.zeros(0, _storage(column)) for column in expected}
    given = family.measure(regions)
    names = [column.name for column in expected]
    if len(set(names)) < len(names):
        raise UsageError(
            f"two columns of the features {family.name!r} have the same name",
            remedy="rename one of the channels " + ", ".join(regions.planes),
        )
    if set(given) != set(names):
        missing = [name for name in names if name not in given]
        more = [name for name in given if name not in names]
        raise UsageError(
            f"the features {family.name!r} do not give the columns that they declare: "
            f"missing {missing}, not declared {more}",
            remedy="update or uninstall the package that brings them",
        )
    return {column.name: _cast(family, column, given[column.name], regions) for column in expected}


def _cast(family: Feature, column: Column, given: Array, regions: Regions) -> Array:
    values = np.asarray(given)
    if values.shape != (regions.count,):
        raise UsageError(
            f"the features {family.name!r} give {column.name!r} with the shape {values.shape} "
            f"for {regions.count} cells",
            remedy="update or uninstall the package that brings them",
        )
    storage = _storage(column)
    if not np.can_cast(values.dtype, storage, "same_kind"):
        raise UsageError(
            f"the features {family.name!r} declare {column.name!r} as {column.dtype} and give "
            f"{values.dtype}",
            remedy="update or uninstall the package that brings them",
        )
    return values.astype(storage, copy=False)


def _storage(column: Column) -> np.dtype[np.generic]:
    return np.dtype(object if column.dtype == "str" else column.dtype)


def _in_micrometres(column: Column, values: Array, spacing: Spacing) -> Array:
    if spacing.square is not None:
        return np.asarray(values * physical_scale(column, spacing.square))
    if abs(column.power) == 2 and spacing.y is not None and spacing.x is not None:
        # An area needs only the area of a pixel: that of a square one with this side.
        return np.asarray(values * physical_scale(column, float(np.sqrt(spacing.y * spacing.x))))
    return np.full(len(values), np.nan)
