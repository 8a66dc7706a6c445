"""One array of a Zarr store, version 2 or 3: checked when opened, read when indexed."""

from __future__ import annotations

import json
import lzma
import math
import re
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.core.image import Array
from cellwright.io.zarr_folder import MOST_CHUNK_BYTES, Tree, read_json

__all__ = ["ZarrPixels", "open_zarr_array"]

_MOST_DIMENSIONS = 5  # OME-Zarr 0.4 and 0.5: two to five axes
_MOST_SIDE = 2**40  # pixels along one axis: a limit of sense, far above any picture
_COMPRESSORS = {"blosc", "zstd", "lz4", "zlib", "gzip", "bz2", "lzma"}
_PLAIN_CODECS = {"bytes", "transpose", "crc32c"}
_KINDS = re.compile(r"[<>|]?[buif][1248]")  # numpy's letters, as Zarr 2 writes them
_DATA_TYPES = {
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
}  # fmt: skip
_CHUNK_NAME = re.compile(r"(?:c\.)?[0-9]+(?:\.[0-9]+)*")
_BELIEVED_EMPTY = 2**30  # bytes that may be claimed without any care for what is there
_LEAST_PRESENT = 1e-3  # of the chunks, in an array that claims more than that
_AS_BEFORE = "copy or export the folder again"


@dataclass(frozen=True)
class ZarrPixels:
    """Pixels of an array, satisfying `cellwright.core.image.LazyArray`.

    Only the chunks that an index touches are read. It can be sent to workers.

    Attributes
    ----------
    tree
        The store.
    key
        Path of the array in it.
    metadata
        The array's own metadata, as JSON.
    stored
        Length of every axis of the array.
    kept
        Which of those axes are axes of the picture, in its order; the others have length 1.
    dtype
        Of the pixels, in the machine's byte order.
    chunk
        Pixels of a chunk along each of the kept axes.
    """

    tree: Tree
    key: str
    metadata: str
    stored: tuple[int, ...]
    kept: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each kept axis."""
        return tuple(self.stored[axis] for axis in self.kept)

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        """Read what `index` asks for.

        Raises
        ------
        UnreadableError
            If a chunk is damaged, or the folder is gone.
        """
        index = index if isinstance(index, tuple) else (index,)
        index = (*index, *[slice(None)] * (len(self.kept) - len(index)))
        whole: list[int | slice] = [0] * len(self.stored)
        turned: list[slice] = []
        for axis, part in zip(self.kept, index, strict=True):
            length = self.stored[axis]
            if not isinstance(part, slice):
                place = int(part) + length if part < 0 else int(part)
                if not 0 <= place < length:
                    raise IndexError(f"index {part} is out of bounds for a length of {length}")
                whole[axis] = place
                continue
            chosen = range(*part.indices(length))
            forward = chosen if chosen.step > 0 else chosen[::-1]
            whole[axis] = slice(forward.start, forward.stop, forward.step) if chosen else slice(0)
            turned.append(slice(None, None, 1 if chosen.step > 0 else -1))
        try:
            pixels = np.asarray(_zarr_array(self.tree, self.key, self.metadata)[tuple(whole)])
        except _READING as error:
            if isinstance(error, InputError):
                raise
            what = "there is not enough memory for it"
            if not isinstance(error, MemoryError):
                what = f"a chunk is damaged ({error})" if str(error) else "a chunk is damaged"
            raise UnreadableError(
                f"its pixels in {self.key or 'the array'} cannot be read: {what}",
                where=str(self.tree.path),
                remedy=_AS_BEFORE,
            ) from error
        return np.array(pixels[tuple(turned)], dtype=self.dtype, order="C", copy=None)


# What zarr and the codecs raise at bytes that they cannot decode.
_READING = (
    ValueError, TypeError, KeyError, IndexError, RuntimeError, OverflowError, AttributeError,
    AssertionError, BufferError, EOFError, OSError, MemoryError, ZeroDivisionError, struct.error,
    zlib.error, lzma.LZMAError,
)  # fmt: skip


def open_zarr_array(tree: Tree, key: str) -> tuple[ZarrPixels, tuple[str, ...]]:
    """Look at an array: its shape and type are believed only where its chunks allow it.

    Returns
    -------
    pixels
        With all axes kept.
    notes
        How many of its chunks are not there, which stand for the fill value.

    Raises
    ------
    UnreadableError
        If there is no array, its metadata are damaged or claim what cannot be, or none of its
        chunks is there.
    UnsupportedError
        If its numbers are no intensities, or its chunks are stored in a way that is not read.
    """
    prefix = f"{key}/" if key else ""
    claim = read_json(tree, prefix + "zarr.json")
    version = 3
    if claim is None:
        claim, version = read_json(tree, prefix + ".zarray"), 2
    if claim is None:
        raise _broken(tree, f"there is no array {key!r} in it")
    if claim.get("zarr_format") != version:
        raise _broken(tree, f"the array {key!r} is not of the Zarr version that its file is for")
    shape = _lengths(tree, key, claim.get("shape"))
    if version == 3:
        chunks, dtype = _check_3(tree, key, claim, shape)
    else:
        chunks, dtype = _check_2(tree, key, claim, shape)
    claim.pop("attributes", None)
    pixels = ZarrPixels(
        tree, key, json.dumps(claim, sort_keys=True), shape, tuple(range(len(shape))), dtype, chunks
    )
    return pixels, _missing(pixels, chunks)


def _broken(tree: Tree, what: str) -> UnreadableError:
    return UnreadableError(what, where=str(tree.path), remedy=_AS_BEFORE)


def _unsupported(tree: Tree, key: str, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"the array {key!r} has {what}",
        where=str(tree.path),
        remedy="save it as OME-Zarr with whole or floating-point numbers, packed by zstd or blosc",
    )


def _lengths(tree: Tree, key: str, stated: object) -> tuple[int, ...]:
    """A shape as JSON has it: whole numbers from 1 on, for 2 to 5 dimensions."""
    if not isinstance(stated, list) or not all(type(n) is int for n in stated):
        raise _broken(tree, f"the array {key!r} has no shape that makes sense ({stated!r:.80})")
    if not 2 <= len(stated) <= _MOST_DIMENSIONS:
        raise _broken(tree, f"the array {key!r} has {len(stated)} dimensions, not 2 to 5")
    if not all(1 <= n <= _MOST_SIDE for n in stated):
        sizes = " × ".join(map(str, stated))
        raise _broken(tree, f"the array {key!r} has impossible sizes ({sizes:.80})")
    return tuple(stated)


def _chunk_shape(
    tree: Tree, key: str, stated: object, shape: tuple[int, ...], itemsize: int
) -> tuple[int, ...]:
    chunks = _lengths(tree, key, stated)
    if len(chunks) != len(shape):
        raise _broken(
            tree, f"the chunks of the array {key!r} have {len(chunks)} axes, not {len(shape)}"
        )
    if math.prod(chunks) * itemsize > MOST_CHUNK_BYTES:
        raise _unsupported(tree, key, f"chunks of {math.prod(chunks) * itemsize:,} bytes")
    return chunks


def _check_2(
    tree: Tree, key: str, claim: dict[str, Any], shape: tuple[int, ...]
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Chunks and type of an array of Zarr 2."""
    kind = claim.get("dtype")
    if not isinstance(kind, str) or not _KINDS.fullmatch(kind):
        raise _unsupported(tree, key, f"pixels of the type {kind!r:.80}")
    dtype = _native(tree, key, kind)
    compressor, filters = claim.get("compressor"), claim.get("filters")
    if compressor is not None and (
        not isinstance(compressor, dict) or str(compressor.get("id")) not in _COMPRESSORS
    ):
        raise _unsupported(tree, key, f"the compression {compressor!r:.80}")
    if filters:
        raise _unsupported(tree, key, f"the filters {filters!r:.80}")
    if str(claim.get("order", "C")) not in {"C", "F"}:
        raise _broken(tree, f"the array {key!r} has no order that makes sense")
    if str(claim.get("dimension_separator", ".")) not in {".", "/"}:
        raise _broken(tree, f"the chunks of the array {key!r} have names that make no sense")
    return _chunk_shape(tree, key, claim.get("chunks"), shape, dtype.itemsize), dtype


def _native(tree: Tree, key: str, kind: str) -> np.dtype[Any]:
    try:
        dtype = np.dtype(kind).newbyteorder("=")
    except TypeError as error:
        raise _unsupported(tree, key, f"pixels of the type {kind!r:.80}") from error
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype


def _configuration(codec: object) -> tuple[str, dict[str, Any]]:
    if isinstance(codec, str):
        return codec, {}
    if not isinstance(codec, dict):
        return "", {}
    inner = codec.get("configuration", {})
    return str(codec.get("name", "")), inner if isinstance(inner, dict) else {}


def _check_3(
    tree: Tree, key: str, claim: dict[str, Any], shape: tuple[int, ...]
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Chunks (of a sharded array, the shards) and type of an array of Zarr 3."""
    if claim.get("node_type") != "array":
        raise _broken(tree, f"{key!r} is a group, not an array")
    kind = claim.get("data_type")
    if not isinstance(kind, str) or kind not in _DATA_TYPES:
        raise _unsupported(tree, key, f"pixels of the type {kind!r:.80}")
    dtype = _native(tree, key, kind)
    if claim.get("storage_transformers"):
        raise _unsupported(tree, key, "storage transformers")
    name, grid = _configuration(claim.get("chunk_grid"))
    if name != "regular":
        raise _unsupported(tree, key, f"chunks in a grid of the kind {name!r:.80}")
    chunks = _chunk_shape(tree, key, grid.get("chunk_shape"), shape, dtype.itemsize)
    _check_codecs(tree, key, claim.get("codecs"), chunks, inside=False)
    return chunks, dtype


def _check_codecs(
    tree: Tree, key: str, codecs: object, chunks: tuple[int, ...], *, inside: bool
) -> None:
    if not isinstance(codecs, list) or not codecs or len(codecs) > 8:
        raise _broken(tree, f"the array {key!r} does not say how its chunks are stored")
    for codec in codecs:
        name, settings = _configuration(codec)
        if name == "sharding_indexed" and not inside:
            inner = _lengths(tree, key, settings.get("chunk_shape"))
            if len(inner) != len(chunks) or any(
                whole % part for whole, part in zip(chunks, inner, strict=True)
            ):
                raise _broken(tree, f"the shards of the array {key!r} are not made of its chunks")
            _check_codecs(tree, key, settings.get("codecs"), inner, inside=True)
            index = settings.get("index_codecs", [{"name": "bytes"}])
            _check_codecs(tree, key, index, inner, inside=True)
        elif name not in _PLAIN_CODECS | _COMPRESSORS:
            raise _unsupported(tree, key, f"the compression {name!r:.80}")


def _missing(pixels: ZarrPixels, chunks: tuple[int, ...]) -> tuple[str, ...]:
    """Count chunks that are not there; refuse an array that has none, or claims too much."""
    expected = math.prod(math.ceil(n / c) for n, c in zip(pixels.stored, chunks, strict=True))
    present = _count_chunks(pixels.tree, pixels.key, len(chunks) + 1, expected)
    if present == 0:
        raise _broken(
            pixels.tree, f"the array {pixels.key!r} is empty: none of its chunks is there"
        )
    claimed = math.prod(pixels.stored) * pixels.dtype.itemsize
    if claimed > _BELIEVED_EMPTY and present < _LEAST_PRESENT * expected:
        sizes = " × ".join(map(str, pixels.stored))
        raise _broken(
            pixels.tree,
            f"the array {pixels.key!r} claims {sizes} pixels, but has {present} of its "
            f"{expected} chunks",
        )
    if present >= expected:
        return ()
    return (
        f"{expected - present} of the {expected} chunks of {pixels.key or 'the array'} are not "
        "there: by the standard their pixels have the fill value (mostly 0)",
    )


def _count_chunks(tree: Tree, key: str, depth: int, enough: int) -> int:
    folders, files = tree.names(key)
    count = sum(1 for name in files if _CHUNK_NAME.fullmatch(name))
    if depth:
        for name in folders:
            if count < enough and (name == "c" or name.isdecimal()):
                below = f"{key}/{name}" if key else name
                count += _count_chunks(tree, below, depth - 1, enough - count)
    return count


@lru_cache(maxsize=64)
def _zarr_array(tree: Tree, key: str, metadata: str) -> Any:
    """Make zarr's own array from checked metadata, with bounded codecs; nothing is read."""
    import zarr
    from zarr.core.metadata import ArrayV2Metadata, ArrayV3Metadata
    from zarr.storage import StorePath

    from cellwright.io.zarr_codecs import BoundedCompressor, TreeStore

    claim = json.loads(metadata)
    store = StorePath(TreeStore(tree), key)
    if claim.get("zarr_format") == 2:
        size = math.prod(claim["chunks"]) * np.dtype(claim["dtype"]).itemsize
        compressor = claim.get("compressor")
        claim |= {"filters": None, "fill_value": claim.get("fill_value") or 0}
        if compressor is not None:
            claim["compressor"] = BoundedCompressor(compressor["id"], size)
        made: Any = ArrayV2Metadata.from_dict(claim)
    else:
        claim["codecs"] = [_bounded(codec) for codec in claim["codecs"]]
        claim.setdefault("attributes", {})
        made = ArrayV3Metadata.from_dict(claim)
    return zarr.Array(zarr.AsyncArray(metadata=made, store_path=store))


def _bounded(codec: Any) -> Any:
    """Put the bounded decoder in place of each compression, inside of shards too."""
    from cellwright.io.zarr_codecs import BoundedCodec

    name, settings = _configuration(codec)
    if name in _COMPRESSORS:
        return BoundedCodec(name)
    if name == "sharding_indexed":
        from zarr.codecs import ShardingCodec

        return ShardingCodec(
            chunk_shape=settings["chunk_shape"],
            codecs=[_bounded(inner) for inner in settings["codecs"]],
            index_codecs=[
                _bounded(inner) for inner in settings.get("index_codecs", ["bytes", "crc32c"])
            ],
            index_location=settings.get("index_location", "end"),
        )
    if isinstance(codec, str):
        return {"name": codec}
    return codec
