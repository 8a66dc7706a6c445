"""A package of another program becomes a model of ours, after its own test has passed here."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import expit

from cellwright.core.errors import InputError, UnsupportedError, UsageError
from cellwright.engine.onnx import Network
from cellwright.models.catalogue import SUFFIX, Entry
from cellwright.models.check import import_model
from cellwright.models.cover import cover_of
from cellwright.models.description import NAME, Description, parse_description
from cellwright.models.foreign.graph import Form, adapted, fixed_sides
from cellwright.models.foreign.maps import Meaning, choose, meaning_of
from cellwright.models.foreign.package import Foreign, Sides
from cellwright.models.foreign.steps import normalisation_of
from cellwright.models.model import write_model
from cellwright.models.package import TOLERANCE
from cellwright.models.stored_test import normalised

__all__ = ["Imported", "import_foreign"]

Floats = npt.NDArray[np.float32]

_COLOURS = 3
_MISSES = 100
"""Values of a million that may lie beyond the tolerance: as in bioimage.io's own check."""
_TILE, _HALO = 512, 64
"""Side of a tile and width of its border (px), where the package does not say: U-Nets of four
levels see about 90 px far, and little beyond 60."""
_FIXED_HALO = 8
"""A network of one size is shown squares that overlap by this part of their side, on each side."""
_STRIDE = 16
"""The overlap is a multiple of this: the stride of most networks."""
_UNKNOWN = 30.0
"""Diameter (px) of objects, where the package's test has none."""
_LEAST_AREA = 10  # pixels: smaller ones are specks


@dataclass(frozen=True)
class Imported:
    """A package that has become a model.

    Attributes
    ----------
    entry
        By which it is found.
    description
        What it is now.
    difference
        The largest difference from the maps of the package's own test.
    words
        What was decided, a sentence each, without full stops.
    """

    entry: Entry
    description: Description
    difference: float
    words: tuple[str, ...]


def import_foreign(
    package: Foreign,
    name: str | None = None,
    channels: Sequence[str] | None = None,
    decoder: str | None = None,
) -> Imported:
    """Make a model of another program's package, and keep it in the user's folder.

    Parameters
    ----------
    package
        As `foreign_package` reads it.
    name
        What it is to be called; made from the package's name if None.
    channels, decoder
        See `choose`.

    Raises
    ------
    UsageError
        If something has to be said by the user, or the name is taken.
    UnreadableError, UnsupportedError
        If it cannot be used, or its own test fails here.
    """
    called = _name(package, name)
    meaning = choose(package, channels, decoder)
    try:
        made = _made(package, called, meaning)
    except InputError as error:
        raise type(error)(
            error.what, where=error.where or package.where, remedy=error.remedy
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{called}{SUFFIX}"
        _write(path, package, made)
        entry = import_model(path, called)
    return Imported(entry, made.description, made.difference, made.words)


@dataclass(frozen=True, eq=False)
class _Made:
    description: Description
    weights: bytes
    picture: npt.NDArray[Any]
    maps: Floats
    difference: float
    words: tuple[str, ...]


def _made(package: Foreign, called: str, meaning: Meaning) -> _Made:
    taken, given = package.input, package.output
    colours = taken.test.shape[1]
    normalisation, before = normalisation_of(taken.steps, colours, taken.name)
    after, probabilities, judged_as_chance = meaning_of(given, meaning.picked)
    form = Form(
        taken.axes, given.axes, colours, before, after, meaning.picked, probabilities
    )  # fmt: skip
    sides = _sides(package)
    _check_test(sides, taken.test.shape[2:])
    weights = adapted(package.weights, form)
    network = Network(weights)
    expected = given.test[:, list(meaning.picked)].astype(np.float64)
    shown = normalised(taken.test, normalisation)  # of its own channels: percentiles are the same
    maps = network.run(np.ascontiguousarray(_three(shown)))
    difference = _compare(maps, expected, judged_as_chance)
    _try_another_size(network, sides, maps.shape[2:])
    picture = _three(taken.test)
    sizes = _object_sizes(expected if judged_as_chance else expit(expected), meaning)
    description = _describe(
        package,
        called,
        meaning,
        sizes,
        {"normalisation": normalisation, **_tiles(sides, package.halo)},
    )
    words = [
        f"its own test passed: the largest difference from its maps is {difference:.1e}",
        f"maps: {', '.join(f'{n} is number {p + 1}' for n, p in _pairs(meaning))}, "
        + ("probabilities" if probabilities else "logits")
        + ("" if judged_as_chance else ", as some are below 0 and nothing says how they are meant"),
        f"decoder: {meaning.decoder}",
        f"objects are about {description.diameter:g} px across in its test picture: give "
        "--diameter where yours are not"
        if sizes
        else "its test picture shows no object, so its size of objects is not known",
    ]
    if normalisation.how == "linear":
        words.append(
            "it does not adapt to a picture's brightness: pictures must have the intensities of "
            "those that it learned from"
        )
    maps = network.run(normalised(picture, normalisation))
    return _Made(description, weights, picture, maps, difference, tuple(words))


def _write(path: Path, package: Foreign, made: _Made) -> None:
    try:
        write_model(
            path,
            made.description,
            made.weights,
            test_input=made.picture,
            test_output=made.maps,
            cover=cover_of(made.picture, made.description.normalisation),
            documentation=_documentation(package, made),
            attachments={"original_rdf.yaml": _original(package)},
        )
    except UsageError as error:
        raise UnsupportedError(
            f"no model can be made of it: {error.what}",
            where=package.where,
            remedy="use it in the program that it was made for",
        ) from error


def _pairs(meaning: Meaning) -> list[tuple[str, int]]:
    return list(zip(meaning.names, meaning.picked, strict=True))


def _three(batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.repeat(batch, _COLOURS, axis=1) if batch.shape[1] == 1 else batch


def _compare(maps: Floats, expected: npt.NDArray[np.float64], as_chance: bool) -> float:
    """Compare what the adapted network gives with the package's test; the largest difference."""
    found = expit(maps.astype(np.float64)) if as_chance else maps
    if found.shape != expected.shape:
        raise UnsupportedError(
            f"its own test fails here: the maps are {found.shape}, and {expected.shape} are stored",
            remedy="get it again from its maker",
        )
    difference = float(np.abs(found - expected).max())
    close = np.isclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)
    if np.count_nonzero(~close) > close.size * _MISSES / 1e6:
        raise UnsupportedError(
            f"its own test fails here: the maps differ from the stored ones by up to "
            f"{difference:.2g}, where {TOLERANCE:g} is allowed",
            remedy="use it in the program that it was made for: it computes something else there",
        )
    return difference


def _sides(package: Foreign) -> Sides:
    """Sides that the network takes: the package's, and its file's where that is stricter."""
    rows, columns = fixed_sides(package.weights, package.input.axes)
    if rows is None and columns is None:
        return package.sides
    if rows != columns or package.sides.fixed not in {None, rows}:
        raise UnsupportedError(
            f"its network takes pictures of {rows or 'any'} × {columns or 'any'} px alone: these "
            "are no squares, or not those that the package names",
            remedy="use it in the program that it was made for",
        )
    return Sides(fixed=rows)


def _check_test(sides: Sides, tried: tuple[int, ...]) -> None:
    fits = all(
        side == sides.fixed if sides.fixed else side >= sides.least and not side % sides.multiple
        for side in tried
    )
    if not fits:
        raise UnsupportedError(
            f"its test picture is {tried[0]} × {tried[1]} px, which its network does not take",
            remedy="ask its maker for a valid one",
        )


def _try_another_size(network: Network, sides: Sides, tried: tuple[int, ...]) -> None:
    """Some networks take one size alone, though neither file nor package says so."""
    if sides.fixed is not None:
        return
    rows, columns = (max(sides.least, side) + sides.multiple for side in tried)
    try:
        network.run(np.zeros((1, _COLOURS, rows, columns), np.float32))
    except InputError as error:
        raise UnsupportedError(
            f"its network fails on a picture of {rows} × {columns} px, a size that the package "
            f"allows ({error.what})",
            remedy="ask its maker for weights that take any size",
        ) from error


def _object_sizes(
    chances: npt.NDArray[np.float64], meaning: Meaning
) -> tuple[float, float, float] | None:
    """Diameters (px) of the objects in the package's test: small, usual and large ones."""
    by_name = dict(zip(meaning.names, chances[0], strict=True))
    inside = by_name.get("foreground", np.ones(chances.shape[2:])) > 0.5
    if "border" in by_name:
        inside &= by_name["border"] < 0.5
    numbers, count = ndimage.label(inside)
    areas = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    areas = areas[areas >= _LEAST_AREA]
    if not areas.size:
        return None
    small, usual, large = np.percentile(2 * np.sqrt(areas / np.pi), (5, 50, 95))
    return round(float(small), 1), round(float(usual), 1), round(float(large), 1)


def _describe(
    package: Foreign,
    called: str,
    meaning: Meaning,
    sizes: tuple[float, float, float] | None,
    running: Mapping[str, Any],
) -> Description:
    rdf = package.rdf
    small, usual, large = sizes or (_UNKNOWN, _UNKNOWN, _UNKNOWN)
    if rdf.get("license") is None:
        raise UnsupportedError(
            "it does not state its licence", remedy="ask its maker under which it may be used"
        )
    words = " ".join(map(str, (rdf["name"], rdf.get("description"), *(rdf.get("tags") or ()))))
    section: dict[str, Any] = {
        "name": called,
        "version": _version(rdf.get("version")),
        "description": _shortened(_clean(f"{rdf['name']}: {rdf.get('description') or ''}")),
        "licence": rdf["license"],
        "authors": [_clean(str(entry["name"])).replace("/", "-").replace("\\", "-")
                    for entry in rdf.get("authors") or ()] or ["not stated"],
        "cite": [
            {
                "text": _clean(str(work["text"])) or "the model",
                "doi": work.get("doi"),
                "url": work.get("url") if work.get("doi") is None else None,
            }
            for work in rdf.get("cite") or ()
        ],
        "object": "nucleus" if re.search("nucle", words, re.IGNORECASE) else "cell",
        "architecture": {
            "name": "imported",
            "options": {"id": rdf.get("id"), "name": _clean(rdf["name"]), "sha256": package.digest},
        },
        "decoder": {"name": meaning.decoder, "version": 1},
        "channels": meaning.names,
        "diameter": usual,
        "diameters": (small, large),
        "sizes": (small, large),
        "spacing": package.spacing,
        **running,
    }  # fmt: skip
    return parse_description(section, package.where)


def _tiles(sides: Sides, halo: int) -> dict[str, int]:
    if sides.fixed is None:
        tile = -(-max(_TILE, sides.least) // sides.multiple) * sides.multiple
        return {
            "tile": tile, "halo": halo or _HALO, "multiple": sides.multiple, "least": sides.least
        }  # fmt: skip
    side = sides.fixed
    border = halo or side // _FIXED_HALO // _STRIDE * _STRIDE
    if 2 * border >= side:
        raise UnsupportedError(
            f"of maps of {side} px it throws away {border} px on each side: nothing is left",
            remedy="use it in the program that it was made for",
        )
    return {"tile": side - 2 * border, "halo": border, "multiple": 1, "side": side}


def _name(package: Foreign, name: str | None) -> str:
    if name is not None:
        called = name.removesuffix(SUFFIX)
    else:
        called = re.sub(r"[^a-z0-9]+", "-", str(package.rdf["name"]).lower())[:64].strip("-")
    if not NAME.fullmatch(called):
        raise UsageError(
            f"a model cannot be called {called!r}",
            where="--name" if name is not None else package.where,
            remedy="choose a name with --name, of small letters, digits, - and _",
        )
    return called


def _version(said: Any) -> int:
    whole = re.match(r"[0-9]{1,6}", str(said or ""))
    return max(1, int(whole[0])) if whole else 1


def _clean(text: str) -> str:
    """One line of what can be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _shortened(text: str) -> str:
    longest = 1024  # of bioimage.io
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _documentation(package: Foreign, made: _Made) -> str:
    decided = "\n".join(f"- {word}" for word in made.words)
    text = (
        f"# {made.description.name}\n\n"
        f"Imported by cellwright from the bioimage.io package {_clean(package.rdf['name'])!r} "
        f"(SHA-256 {package.digest}), whose description is in original_rdf.yaml. Operators around "
        "its network bring pictures and maps into the form of cellwright.\n\n"
        f"{decided}\n\n"
        "# Validation\n\nNo scores are known. Draw some pictures by hand, and compare with "
        "`cellwright evaluate`.\n"
    )
    source = package.rdf.get("documentation")
    if isinstance(source, Mapping):  # from 0.5 on it may have a hash
        source = source.get("source")
    own = package.files.get(source.removeprefix("./")) if isinstance(source, str) else None
    if own is not None:
        text += "\n# What its maker says\n\n" + own.decode("utf-8", errors="replace")
    return text


def _original(package: Foreign) -> bytes:
    from cellwright.models.package import ALSO_RDF, RDF

    return package.files[RDF] if RDF in package.files else package.files[ALSO_RDF]
