"""The model: read from its file, and written to it."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import InputError, UnsupportedError, UsageError
from cellwright.engine.files import write_atomic
from cellwright.engine.onnx_weights import check_weights, opset_version
from cellwright.models.archive import read_archive, write_archive
from cellwright.models.catalogue import find_model
from cellwright.models.description import Description, parse_description
from cellwright.models.package import (
    COLOURS,
    COVER,
    DOCUMENTATION,
    RDF,
    TEST_INPUT,
    TEST_OUTPUT,
    WEIGHTS,
    make_rdf,
    parts_of,
    rdf_problems,
    rdf_text,
    read_rdf,
)
from cellwright.models.stored_test import array_of, run_test

__all__ = ["Model", "ModelFile", "model_named", "read_model", "read_model_file", "write_model"]

Floats = npt.NDArray[np.float32]

_PNG = b"\x89PNG\r\n\x1a\n"
_ATTACHMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


@dataclass(frozen=True, eq=False)
class Model:
    """A network with all that is needed to use it honestly.

    Attributes
    ----------
    description
        What it is.
    weights
        The ONNX file.
    attachments
        Further files that its maker put in, by name.
    digest
        SHA-256 of the whole file, in hexadecimal digits: the model's identity.
    """

    description: Description
    weights: bytes
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True, eq=False)
class ModelFile:
    """All that a model's file holds, for those who look at the file and not only at the model.

    Attributes
    ----------
    model
        The model.
    rdf
        The bioimage.io description, as it stands there.
    test_input, test_output
        The stored test: a picture (N, 3, Y, X) before normalisation, and its maps.
    """

    model: Model
    rdf: Mapping[str, Any]
    test_input: npt.NDArray[Any]
    test_output: npt.NDArray[Any]


def read_model(path: str | Path) -> Model:
    """Read a model from its file. Nothing in it is executed.

    Parameters
    ----------
    path
        A bioimage.io package (zip) with our section.

    Raises
    ------
    UsageError
        If there is no such file.
    UnreadableError
        If it is damaged, or no model.
    UnsupportedError
        If it is of a newer format, has no weights that can be used, or does not say how its maps
        become objects.
    """
    return read_model_file(path).model


def read_model_file(path: str | Path) -> ModelFile:
    """Read a model's file with its test and its bioimage.io description: see `read_model`."""
    path = Path(path)
    where = str(path)
    files, digest = read_archive(path)
    rdf = read_rdf(files, where)
    config = rdf.get("config")
    section = config.get("cellwright") if isinstance(config, dict) else None
    if section is None:
        raise UnsupportedError(
            "this bioimage.io package has no section `config: cellwright`: it does not say which "
            "decoder makes objects of the network's output",
            where=where,
            remedy="`cellwright models import` makes a model of it where that can be told",
        )
    description = parse_description(section, where)
    parts = parts_of(rdf, files, where)
    try:
        check_weights(files[parts.weights])
    except InputError as error:
        raise type(error)(error.what, where=where, remedy=error.remedy) from error
    attachments = {name: files[name] for name in parts.attachments}
    return ModelFile(
        Model(description, files[parts.weights], MappingProxyType(attachments), digest),
        rdf,
        array_of(files[parts.test_input], parts.test_input, where),
        array_of(files[parts.test_output], parts.test_output, where),
    )


def model_named(name_or_path: str | Path) -> Model:
    """Read a model by name or path; once in a process, as long as its file does not change.

    Raises
    ------
    UsageError
        If there is no model of this name.
    """
    path = find_model(name_or_path)
    state = path.stat()
    return _cached(path.resolve(), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _cached(path: Path, _changed: int, _size: int) -> Model:
    return read_model(path)


def write_model(
    path: str | Path,
    description: Description,
    weights: bytes,
    *,
    test_input: npt.NDArray[Any],
    test_output: Floats,
    cover: bytes,
    documentation: str,
    attachments: Mapping[str, bytes] | None = None,
) -> None:
    """Write a model: a zip that is a valid bioimage.io model package.

    The same arguments give the same bytes. The stored test is run before anything is written.

    Parameters
    ----------
    path
        The file to write, by custom ``model.zip``.
    description
        What the model is.
    weights
        The network as ONNX, in one piece; its first input takes normalised pictures
        (N, 3, Y, X) float32, its first output gives maps (N, channels, Y, X) float32.
    test_input
        (1, 3, Y, X) of any real number type: a picture as it is, before normalisation. Y and X
        are multiples of `Description.multiple`.
    test_output
        (1, channels, Y, X) float32: the maps of that picture.
    cover
        A PNG to be shown with the model, twice as wide as high or square.
    documentation
        Markdown; a section ``# Validation`` says how to judge the model on new pictures.
    attachments
        Further files by plain names.

    Raises
    ------
    UsageError
        If the parts do not fit together, or make no valid package.
    RunError
        If the file cannot be written.
    """
    path = Path(path)
    where = str(path)
    files = {
        WEIGHTS: weights,
        TEST_INPUT: _npy(test_input),
        TEST_OUTPUT: _npy(test_output),
        COVER: cover,
        DOCUMENTATION: documentation.encode("utf-8"),
    }
    further = dict(sorted((attachments or {}).items()))
    for name in further:
        if not _ATTACHMENT.match(name) or name in {*files, RDF}:
            raise UsageError(f"an attachment cannot be named {name!r}", where=where)
    files |= further
    _check_parts(description, test_input, test_output, cover, where)
    try:
        check_weights(weights)
        largest = float(test_output.max())
        rdf = make_rdf(description, files, opset_version(weights), largest)
        outcome = run_test(description, weights, test_input, test_output)
    except InputError as error:
        raise UsageError(error.what, where=where, remedy=error.remedy) from error
    if not outcome.passed:
        raise UsageError(f"the stored test fails: {outcome.words}", where=where)
    if problems := rdf_problems(rdf):
        raise UsageError(f"not a valid bioimage.io package: {problems[0]}", where=where)
    write_atomic(path, write_archive({RDF: rdf_text(rdf), **files}), path.parent)


def _npy(array: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(
        stream, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False
    )
    return stream.getvalue()


def _check_parts(
    description: Description,
    test_input: npt.NDArray[Any],
    test_output: Floats,
    cover: bytes,
    where: str,
) -> None:
    if not cover.startswith(_PNG):
        raise UsageError("the cover is no PNG", where=where)
    height, width = test_input.shape[-2:]
    if test_input.shape != (1, len(COLOURS), height, width) or test_input.dtype.kind not in "uif":
        raise UsageError(
            f"the test picture is {test_input.dtype} {test_input.shape}, not numbers (1, 3, Y, X)",
            where=where,
        )
    if height % description.multiple or width % description.multiple:
        raise UsageError(
            f"the test picture is {height} × {width}, not multiples of {description.multiple}",
            where=where,
        )
    if min(height, width) < description.least or (
        description.side is not None and {height, width} != {description.side}
    ):
        raise UsageError(
            f"the test picture is {height} × {width}, which the network does not take", where=where
        )
    wanted = (1, len(description.channels), height, width)
    if test_output.shape != wanted or test_output.dtype != np.float32:
        raise UsageError(
            f"the maps of the test are {test_output.dtype} {test_output.shape}, not float32 "
            f"{wanted}",
            where=where,
        )
