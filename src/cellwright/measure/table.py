"""The table of cells of one plane: every family's columns, checked, and their twins in µm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cellwright.core import registry
from cellwright.core.columns import IDENTITY, Column, physical_scale
from cellwright.core.columns import physical as physical_twins
from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Spacing
from cellwright.measure.feature import Feature
from cellwright.measure.regions import Regions

__all__ = [
    "Request",
    "assembled",
    "checked",
    "chosen_features",
    "declared",
    "installed_features",
    "loaded_features",
    "measure_plane",
    "parse_request",
    "regions_for",
    "versions",
]

GROUP = "cellwright.features"


@dataclass(frozen=True)
class Request:
    """What somebody asked to be measured beyond what is measured always.

    Attributes
    ----------
    name
        Name of the family.
    channels
        Only in these channels; in all if empty.
    """

    name: str
    channels: tuple[str, ...] = ()


def parse_request(text: str, channels: Sequence[str] | None = None) -> Request:
    """Read what was typed: ``texture``, ``texture=GFP`` or ``texture=GFP,DAPI``.

    Parameters
    ----------
    text
        As typed.
    channels
        Names of the channels that there are, if they are known already.

    Raises
    ------
    UsageError
        If there is no such family or channel, or the family needs not be asked for.

    Examples
    --------
    >>> parse_request("texture=GFP,DAPI")
    Request(name='texture', channels=('GFP', 'DAPI'))
    """
    name, equals, listed = (part.strip() for part in text.partition("="))
    named = tuple(dict.fromkeys(part.strip() for part in listed.split(",") if part.strip()))
    known = installed_features()
    on_request = ", ".join(key for key, feature in known.items() if feature.on_request)
    if name not in known:
        raise UsageError(
            f"there are no features {name!r} to be measured", remedy=f"choose {on_request}"
        )
    if not known[name].on_request:
        raise UsageError(
            f"the features {name!r} are always measured", remedy=f"ask for {on_request}"
        )
    if equals and not named:
        raise UsageError(
            f"no channel stands after the equals sign of {text!r}",
            remedy=f"write {name} for all channels, or {name}=GFP",
        )
    for channel in named if channels is not None else ():
        if channels is not None and channel not in channels:
            raise UsageError(
                f"there is no channel {channel!r} to measure {name} in",
                remedy="there are " + ", ".join(channels) if channels else "",
            )
    return Request(name, named)


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
        Families to measure, by name, as `loaded_features` gives them; by default all that
        are installed and need no request.

    Returns
    -------
    pandas.DataFrame
        One row for each label that is there, ascending: ``label``, then the columns of
        `declared`, with the declared dtypes also where there is no row.

    Raises
    ------
    UsageError
        If shapes differ, a family does not return what it declares, or one is wanted in a
        channel that is not there.

    Examples
    --------
    >>> from cellwright.measure.shape import FEATURE
    >>> labels = np.pad(np.full((2, 3), 9, np.uint32), 1)
    >>> table = measure_plane(labels, {}, Spacing(y=0.5, x=0.5), {"shape": FEATURE})
    >>> table[["label", "area_px", "area_um2"]].to_dict("records")
    [{'label': 9, 'area_px': 6.0, 'area_um2': 1.5}]
    """
    chosen = chosen_features(features)
    regions = Regions(labels, planes, spacing)
    columns = (
        checked(
            family,
            tuple(planes),
            family.measure(regions_for(family, regions)) if regions.count else {},
            regions.count,
        )
        for family in chosen.values()
    )
    return assembled(regions.labels, columns, spacing)


def assembled(
    labels: Array, families: Iterable[Mapping[Column, Array]], spacing: Spacing
) -> pd.DataFrame:
    """Put the table together: ``label``, then each column followed by its twin in µm."""
    with_twins = spacing.y is not None and spacing.x is not None
    columns: dict[str, pd.Series | Array] = {"label": labels}
    for family in families:
        for column, values in family.items():
            columns[column.name] = values
            for twin in physical_twins([column]) if with_twins else ():
                columns[twin.name] = _in_micrometres(column, values, spacing)
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
        Families by name, as for `measure_plane`.

    Raises
    ------
    UsageError
        If two columns get the same name, or a family is wanted in a channel that is not there.

    Examples
    --------
    >>> from cellwright.measure.neighbours import FEATURE
    >>> [column.name for column in declared([], physical=True, features={"": FEATURE})][-2:]
    ['local_density_per_mpx', 'local_density_per_mm2']
    """
    columns: dict[str, Column] = {}
    for family in chosen_features(features).values():
        for column in _of_channels(family, channels):
            for one in (column, *(physical_twins([column]) if physical else ())):
                if one.name in columns:
                    raise UsageError(
                        f"two columns would be called {one.name!r}",
                        where=family.name,
                        remedy="rename one of the channels " + ", ".join(channels),
                    )
                columns[one.name] = one
    return tuple(columns.values())


def loaded_features(requested: Sequence[str] = ()) -> dict[str, Feature]:
    """Load the families that are installed, in the order of their columns.

    Parameters
    ----------
    requested
        The families on request that are wanted as well, as `parse_request` reads them. One
        that is named several times is measured in all of the channels named.

    Raises
    ------
    UsageError
        If one is no ``Feature``, two declare the same column, or a request cannot be met.

    Examples
    --------
    >>> list(loaded_features())[:2]
    ['shape', 'hull']
    >>> loaded_features(["texture=GFP"])["texture"].channels
    ('GFP',)
    """
    wanted: dict[str, tuple[str, ...]] = {}
    for request in map(parse_request, requested):
        before = wanted.get(request.name)
        every = before == () or not request.channels
        both = () if every else tuple(dict.fromkeys((*(before or ()), *request.channels)))
        wanted[request.name] = both
    return {
        name: replace(feature, channels=wanted[name]) if name in wanted else feature
        for name, feature in installed_features().items()
        if name in wanted or not feature.on_request
    }


def chosen_features(features: Mapping[str, Feature] | None) -> Mapping[str, Feature]:
    """Give the families to measure: these if there are any, else those that need no request."""
    chosen = loaded_features() if features is None else features
    _check_names(chosen)
    return chosen


def installed_features() -> dict[str, Feature]:
    """Load every family, on request or not, in the order of their columns."""
    features = registry.load_all(GROUP)
    for name, feature in features.items():
        if not isinstance(feature, Feature):
            raise UsageError(
                f"the entry point {name!r} in {GROUP} is no Feature but a {type(feature).__name__}",
                remedy="update or uninstall the package that brings it",
            )
    _check_names(features)
    return dict(sorted(features.items(), key=lambda item: (item[1].order, item[0])))


def regions_for(family: Feature, regions: Regions) -> Regions:
    """Give the regions as a family sees them: with the channels that it is measured in."""
    if not family.channels:
        return regions
    _check_channels(family, tuple(regions.planes))
    return regions.in_channels(family.channels)


def versions(features: Mapping[str, Feature]) -> dict[str, int]:
    """Version of each family with the channels asked for, for the key of the step that measures.

    Examples
    --------
    >>> from cellwright.measure.shape import FEATURE
    >>> list(versions({"shape": FEATURE, "texture": replace(FEATURE, channels=("GFP",))}))
    ['shape', 'texture=GFP']
    """
    return {
        name + ("=" + ",".join(feature.channels) if feature.channels else ""): feature.version
        for name, feature in features.items()
    }


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


def _of_channels(family: Feature, channels: Sequence[str]) -> list[Column]:
    """Fill in the channels: all columns of the first, then all of the next."""
    _check_channels(family, channels)
    plain = [column for column in family.columns if "{channel}" not in column.name]
    each = [column for column in family.columns if "{channel}" in column.name]
    of = [channel for channel in channels if not family.channels or channel in family.channels]
    return plain + [column.for_channel(channel) for channel in of for column in each]


def _check_channels(family: Feature, channels: Sequence[str]) -> None:
    for channel in family.channels:
        if channel not in channels:
            raise UsageError(
                f"there is no channel {channel!r} to measure {family.name} in",
                remedy="there are " + ", ".join(channels) if channels else "",
            )


def checked(
    family: Feature, channels: Sequence[str], given: Mapping[str, Array], count: int
) -> dict[Column, Array]:
    """See that a family gave what it declares for `count` cells, in the declared types."""
    expected = _of_channels(family, channels)
    if not count:
        return {column: np.zeros(0, _storage(column)) for column in expected}
    names = [column.name for column in expected]
    if len(set(names)) < len(names):
        raise UsageError(
            f"two columns of the features {family.name!r} have the same name",
            remedy="rename one of the channels " + ", ".join(channels),
        )
    if set(given) != set(names):
        missing = [name for name in names if name not in given]
        more = [name for name in given if name not in names]
        raise UsageError(
            f"the features {family.name!r} do not give the columns that they declare: "
            f"missing {missing}, not declared {more}",
            remedy="update or uninstall the package that brings them",
        )
    return {column: _cast(family, column, given[column.name], count) for column in expected}


def _cast(family: Feature, column: Column, given: Array, count: int) -> Array:
    values = np.asarray(given)
    if values.shape != (count,):
        raise UsageError(
            f"the features {family.name!r} give {column.name!r} with the shape {values.shape} "
            f"for {count} cells",
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
