"""The resource description (``rdf.yaml``) of a bioimage.io model package: made, read, validated.

Ours is written as JSON, which is YAML 1.2 too: there is one text for all, and reading it needs no
YAML parser. Packages that another program has saved again are read as YAML.

The format is at https://github.com/bioimage-io/spec-bioimage-io.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.models.description import Description, Normalisation

__all__ = [
    "RDF", "Parts", "make_rdf", "parts_of", "rdf_problems", "rdf_text", "read_rdf", "validated",
]  # fmt: skip

RDF = "rdf.yaml"
ALSO_RDF = "bioimageio.yaml"  # its newer name
_RDF_VERSION = "0.5.4"
"""The oldest that can say all this, so that older tools read it too."""
OURS, FOREIGN = ("0.5",), ("0.4", "0.5")
"""Versions of bioimage.io in which models are written here, and from which they are imported."""
_BARE_EXPONENT = re.compile(r'^( *(?:"(?:[^"\\]|\\.)*": )?-?\d+)(e[-+]\d+)(?=,?$)', re.M)
"""A number without a decimal point before its exponent, alone in its line or after its name."""
_LARGEST_JSON, _LARGEST_YAML = 4_000_000, 250_000  # bytes; YAML is read a hundred times slower

WEIGHTS, TEST_INPUT, TEST_OUTPUT = "weights.onnx", "test_input.npy", "test_output.npy"
COVER, DOCUMENTATION = "cover.png", "README.md"
IMAGE, MAPS = "image", "maps"  # identifiers of the tensors
COLOURS = ("red", "green", "blue")
"""Channels of the input; a grey picture is given as three equal ones."""
TOLERANCE = 1e-3
"""Of the stored test, absolute and relative to the map's value: that of the bioimage.io tools.
Between kinds of processors our maps differ by some 1e-5."""
LEAST = 100 * TOLERANCE
"""Largest value of a test's maps, at the least: below it the tolerance would be more than 1 % of
it, which bioimage.io refuses."""
EPSILON = 1e-9
"""Added to the range of a plane before it is divided by, as ``scale_range`` demands: too little to
be seen."""


@dataclass(frozen=True)
class Parts:
    """Names of the files of a package that its description names."""

    weights: str
    test_input: str
    test_output: str
    attachments: tuple[str, ...]


def make_rdf(
    description: Description,
    files: Mapping[str, bytes],
    opset: int,
    largest: float = math.inf,
) -> dict[str, Any]:
    """Describe a package in the words of bioimage.io, with our own section.

    Parameters
    ----------
    description
        The model's.
    files
        Content of each other file of the package, by name.
    opset
        Version of the ONNX operators.
    largest
        Value of the stored test's maps. If it is not above `LEAST`, the tolerance is left out, and
        those who test the package take the one that is preset: the same. Logits that are nowhere
        positive are no small numbers, but bioimage.io takes them for such.

    Returns
    -------
    dict
        Of plain JSON types.
    """

    def named(name: str) -> dict[str, Any]:
        return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}

    known = {WEIGHTS, TEST_INPUT, TEST_OUTPUT, COVER, DOCUMENTATION}
    tolerance = {"relative_tolerance": TOLERANCE, "absolute_tolerance": TOLERANCE}
    return {
        "format_version": _RDF_VERSION,
        "type": "model",
        # longer than the five characters that bioimage.io asks for, whatever the name
        "name": f"cellwright {description.name}",
        "version": f"{description.version}.0.0",
        "description": description.description,
        "authors": [{"name": name} for name in description.authors],
        "license": description.licence,
        "cite": [entry.model_dump(exclude_none=True) for entry in description.cite],
        "documentation": DOCUMENTATION,
        "covers": [COVER],
        "attachments": [named(name) for name in files if name not in known],
        "tags": ["2d", "cellwright", "instance-segmentation", description.object, "onnx"],
        "inputs": [
            {
                "id": IMAGE,
                "description": "A plane: red, green and blue, or three times grey",
                "axes": _axes(COLOURS, description, output=False),
                "data": {"type": "float32"},
                "test_tensor": named(TEST_INPUT),
                "preprocessing": list(_preprocessing(description.normalisation)),
            }
        ],
        "outputs": [
            {
                "id": MAPS,
                "description": f"Maps for the decoder {description.decoder.name}",
                "axes": _axes(description.channels, description, output=True),
                "data": {"type": "float32"},
                "test_tensor": named(TEST_OUTPUT),
            }
        ],
        "weights": {"onnx": {**named(WEIGHTS), "opset_version": opset}},
        "config": {
            "bioimageio": {"reproducibility_tolerance": [tolerance] if largest > LEAST else []},
            "cellwright": description.model_dump(mode="json"),
        },
    }


def _preprocessing(how: Normalisation) -> Iterator[dict[str, Any]]:
    together = {"axes": ["channel", "y", "x"]}
    if how.how == "linear":
        numbers = {"mean": how.zero, "std": how.one - how.zero}
        yield {"id": "fixed_zero_mean_unit_variance", "kwargs": numbers}
    elif how.how == "deviations":
        yield {"id": "zero_mean_unit_variance", "kwargs": {**together, "eps": EPSILON}}
    else:
        ends = {"min_percentile": how.low, "max_percentile": how.high}
        yield {"id": "scale_range", "kwargs": {**together, **ends, "eps": EPSILON}}
    if how.clip is not None:
        yield {"id": "clip", "kwargs": {"min": how.clip[0], "max": how.clip[1]}}


def _axes(
    channels: tuple[str, ...], description: Description, *, output: bool
) -> list[dict[str, Any]]:
    axes: list[dict[str, Any]] = [
        {"type": "batch"},
        {"type": "channel", "channel_names": list(channels)},
    ]
    for place, name in enumerate("yx"):
        axis: dict[str, Any] = {"type": "space", "id": name}
        if description.spacing is not None:
            axis |= {"unit": "micrometer", "scale": description.spacing[place]}
        if output:
            axis["size"] = {"tensor_id": IMAGE, "axis_id": name}
            if description.halo:
                axis["halo"] = description.halo
        elif description.side is not None:
            axis["size"] = description.side
        else:
            axis["size"] = {"min": description.smallest, "step": description.multiple}
        axes.append(axis)
    return axes


def rdf_text(rdf: Mapping[str, Any]) -> bytes:
    """Write a resource description: JSON, and so YAML; the same content gives the same bytes."""
    text = json.dumps(rdf, indent=1, ensure_ascii=False, allow_nan=False)
    # in YAML 1.1, which many tools still read, 1e-06 is a text and 1.0e-06 a number
    return (_BARE_EXPONENT.sub(r"\1.0\2", text) + "\n").encode()


def read_rdf(
    files: Mapping[str, bytes], where: str, versions: Sequence[str] = OURS
) -> dict[str, Any]:
    """Read the resource description of a package.

    Parameters
    ----------
    files
        Of the package, by name.
    where
        The package, for messages.
    versions
        Of bioimage.io that are taken.

    Raises
    ------
    UnreadableError
        If there is none, or it is neither JSON nor YAML.
    UnsupportedError
        If it describes something else than a model of these versions.
    """
    text = files.get(RDF, files.get(ALSO_RDF))
    if text is None:
        raise UnreadableError(
            f"this zip is no model: it has no {RDF}",
            where=where,
            remedy="give a model that `cellwright train` wrote, or a bioimage.io package",
        )
    rdf = _parse(text, where)
    if not isinstance(rdf, dict) or rdf.get("type") != "model":
        raise UnsupportedError(
            f"its {RDF} does not describe a model", where=where, remedy="give a model package"
        )
    version = str(rdf.get("format_version"))
    if not version.startswith(tuple(f"{known}." for known in versions)):
        raise UnsupportedError(
            f"it is a bioimage.io package of format {version!r:.40}, and only "
            f"{' and '.join(versions)} is read",
            where=where,
            remedy="update the package with bioimageio.spec, or update cellwright",
        )
    return rdf


def _parse(text: bytes, where: str) -> Any:
    broken = UnreadableError(f"its {RDF} cannot be read", where=where, remedy="get the model again")
    if len(text) > _LARGEST_JSON:
        raise broken
    try:
        words = text.decode("utf-8")
        try:
            return json.loads(words, parse_constant=_no_number)
        except json.JSONDecodeError:
            return _parse_yaml(words)
    except (ValueError, RecursionError) as error:
        raise broken from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _parse_yaml(words: str) -> Any:
    """Read YAML of plain values; references, which can blow a text up without end, are refused."""
    from ruyaml import YAML
    from ruyaml.error import YAMLError
    from ruyaml.events import AliasEvent

    if len(words) > _LARGEST_YAML:
        raise ValueError("too long")
    try:
        if any(isinstance(event, AliasEvent) for event in _yaml(YAML).parse(words)):
            raise ValueError("it refers to itself")
        parsed = _yaml(YAML).load(words)
    except (YAMLError, AttributeError, TypeError) as error:
        raise ValueError(str(error)) from error
    return json.loads(json.dumps(parsed, default=str), parse_constant=_no_number)


def _yaml(kind: Any) -> Any:
    return kind(typ="safe", pure=True)


def parts_of(rdf: Mapping[str, Any], files: Mapping[str, bytes], where: str) -> Parts:
    """Find the files of a package that are used, each in the zip itself and undamaged.

    Raises
    ------
    UnreadableError
        If one is missing, or differs from its hash.
    UnsupportedError
        If there are no ONNX weights, or they lie elsewhere.
    """
    weights = _at(rdf, "weights", "onnx")
    if not isinstance(weights, dict):
        kinds = rdf.get("weights")
        raise UnsupportedError(
            "it has no ONNX weights"
            + (f", only {', '.join(map(str, kinds))}"[:200] if isinstance(kinds, dict) else ""),
            where=where,
            remedy="ask its maker for ONNX weights",
        )
    if weights.get("external_data"):
        raise UnsupportedError(
            "its ONNX weights lie in a second file, which is never loaded",
            where=where,
            remedy="ask its maker for weights in a single ONNX file",
        )
    attachments = rdf.get("attachments")
    tests = [  # of the versions 0.5 and 0.4
        _at(rdf, f"{way}puts", 0, "test_tensor") or _at(rdf, f"test_{way}puts", 0)
        for way in ("in", "out")
    ]
    return Parts(
        _checked(weights, files, where),
        _checked(tests[0], files, where),
        _checked(tests[1], files, where),
        tuple(
            _checked(entry, files, where)
            for entry in (attachments if isinstance(attachments, list) else ())
        ),
    )


def _at(value: Any, *keys: str | int) -> Any:
    """Go down into nested mappings and lists; None where there is nothing."""
    for key in keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _checked(entry: Any, files: Mapping[str, bytes], where: str) -> str:
    """Give the name of a file that an entry of the description names."""
    source = entry if isinstance(entry, str) else _at(entry, "source")
    name = source.removeprefix("./") if isinstance(source, str) else ""
    if name not in files:
        raise UnreadableError(
            f"its {RDF} names a file {str(source)[:200]!r} that is not in the zip"
            + (", and nothing is downloaded" if "://" in name else ""),
            where=where,
            remedy="get the model again",
        )
    stated = _at(entry, "sha256") if isinstance(entry, dict) else None
    if stated is not None and stated != hashlib.sha256(files[name]).hexdigest():
        raise UnreadableError(
            f"its file {name!r} is damaged: it differs from its hash",
            where=where,
            remedy="get the model again",
        )
    return name


def rdf_problems(rdf: Mapping[str, Any]) -> list[str]:
    """Validate a resource description with `bioimageio.spec`, without opening any file or address.

    Returns
    -------
    list
        One sentence for each problem; empty for a valid description.
    """
    return validated(rdf)[1]


def validated(rdf: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Validate a resource description as `rdf_problems` does, and fill in what it leaves out.

    Returns
    -------
    tuple
        The description with its defaults, in plain JSON types, and its problems.
    """
    if any(_at(entry, "output_of") for entry in rdf.get("inputs") or ()):
        return {}, ["inputs: an input that is another model's output is not followed"]
    from bioimageio.spec import InvalidDescr, ValidationContext, build_description

    copy = json.loads(json.dumps(rdf))  # the library changes what it is given
    context = ValidationContext(perform_io_checks=False, log_warnings=False, disable_cache=True)
    built = build_description(copy, context=context)
    if isinstance(built, InvalidDescr):
        return {}, list(_errors(built))
    return built.model_dump(mode="json"), []


def _errors(built: Any) -> Iterator[str]:
    for detail in built.validation_summary.details:
        for error in detail.errors:
            place = ".".join(str(part) for part in error.loc)
            yield f"{place}: {' '.join(error.msg.split())}"[:300]
