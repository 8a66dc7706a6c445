"""Zarr's codecs, bounded: a chunk decodes to no more bytes than its array says, or fails.

This file is imported late, because it imports zarr.
"""

from __future__ import annotations

import asyncio
import bz2
import lzma
import math
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import imagecodecs
from zarr.abc.codec import BytesBytesCodec
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, BufferPrototype

from cellwright.io.zarr_folder import MOST_CHUNK_BYTES, Tree

__all__ = ["BoundedCodec", "BoundedCompressor", "TreeStore", "decompress"]

_CHECKSUM = 4  # bytes that crc32c adds, which may stand inside the compression
_LZMA_MEMORY = 2**28  # bytes: the highest preset needs 65 MiB to decode


def decompress(name: str, raw: bytes, most: int) -> bytes:
    """Decode one chunk into at most `most` bytes.

    Parameters
    ----------
    name
        Of the codec: ``blosc``, ``zstd``, ``lz4``, ``zlib``, ``gzip``, ``bz2`` or ``lzma``.
    raw
        As stored.
    most
        Bytes that the chunk may have.

    Raises
    ------
    ValueError, RuntimeError, zlib.error, lzma.LZMAError, OSError, EOFError
        If it is damaged, or would become longer.

    Examples
    --------
    >>> decompress("zlib", zlib.compress(b"cells"), 5)
    b'cells'
    """
    decoded = _DECODERS[name](raw, most)
    if len(decoded) > most:
        raise ValueError(f"it becomes more than the {most} bytes of a chunk")
    return decoded


def _blosc(raw: bytes, most: int) -> bytes:
    if len(raw) < 16:
        raise ValueError("its compressed bytes are cut short")
    size, _, stored = struct.unpack_from("<III", raw, 4)  # c-blosc README_CHUNK_FORMAT
    if stored != len(raw) or size > most:
        raise ValueError(f"its header says {size} bytes in {stored}, not {most} in {len(raw)}")
    return bytes(imagecodecs.blosc_decode(raw))


def _zstd(raw: bytes, most: int) -> bytes:
    return bytes(imagecodecs.zstd_decode(raw, out=max(most, 1)))


def _lz4(raw: bytes, most: int) -> bytes:
    if len(raw) < 4:
        raise ValueError("its compressed bytes are cut short")
    (size,) = struct.unpack_from("<I", raw)  # numcodecs puts the length before the block
    if size > most:
        raise ValueError(f"its header says {size} bytes, not {most}")
    return bytes(imagecodecs.lz4_decode(raw[4:], out=size)) if size else b""


def _inflate(raw: bytes, most: int) -> bytes:
    decoded = b""
    while raw:  # a gzip file may have several members (RFC 1952)
        member = zlib.decompressobj(32 + zlib.MAX_WBITS)
        decoded += member.decompress(raw, most + 1 - len(decoded))
        if len(decoded) > most:
            break
        if not member.eof:
            raise ValueError("its compressed bytes are cut short")
        raw = member.unused_data.lstrip(b"\0")
    return decoded


def _bz2(raw: bytes, most: int) -> bytes:
    decoder = bz2.BZ2Decompressor()
    decoded = decoder.decompress(raw, most + 1)
    if len(decoded) <= most and not decoder.eof:
        raise ValueError("its compressed bytes are cut short")
    return decoded


def _lzma(raw: bytes, most: int) -> bytes:
    decoder = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    decoded = decoder.decompress(raw, most + 1)
    if len(decoded) <= most and not decoder.eof:
        raise ValueError("its compressed bytes are cut short")
    return decoded


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "blosc": _blosc, "zstd": _zstd, "lz4": _lz4, "zlib": _inflate, "gzip": _inflate,
    "bz2": _bz2, "lzma": _lzma,
}  # fmt: skip


@dataclass(frozen=True)
class BoundedCodec(BytesBytesCodec):
    """A compression of Zarr 3, for reading."""

    name: str

    is_fixed_size = False

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> Buffer:
        itemsize = chunk_spec.dtype.to_native_dtype().itemsize
        most = math.prod(chunk_spec.shape) * itemsize + _CHECKSUM
        raw = chunk_data.to_bytes()
        decoded = await asyncio.to_thread(decompress, self.name, raw, most)
        return chunk_spec.prototype.buffer.from_bytes(decoded)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Not known beforehand."""
        raise NotImplementedError


class BoundedCompressor:
    """A compression of Zarr 2, for reading; it has the members that zarr asks for."""

    codec_id = "cellwright_bounded"

    def __init__(self, name: str, most: int) -> None:
        self.name, self.most = name, most

    def decode(self, buf: Any, out: Any = None) -> bytes:  # noqa: ARG002
        """Decode one chunk."""
        return decompress(self.name, bytes(memoryview(buf)), self.most)

    def encode(self, buf: Any) -> bytes:
        """Not for writing."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """As in the metadata."""
        return {"id": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BoundedCompressor:
        """As zarr asks for it."""
        return cls(str(config["id"]), MOST_CHUNK_BYTES)


class TreeStore(Store):
    """A tree as a store of zarr, for reading only."""

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, tree: Tree) -> None:
        super().__init__(read_only=True)
        self.tree = tree

    def __eq__(self, value: object) -> bool:
        return isinstance(value, TreeStore) and value.tree == self.tree

    def __hash__(self) -> int:
        return hash(self.tree)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Bytes of a file, or a part of them."""
        start, length = 0, None
        if isinstance(byte_range, RangeByteRequest):
            start, length = byte_range.start, max(0, byte_range.end - byte_range.start)
        elif isinstance(byte_range, OffsetByteRequest):
            start = byte_range.offset
        elif isinstance(byte_range, SuffixByteRequest):
            start = -byte_range.suffix
        raw = await asyncio.to_thread(self.tree.read, key, start, length)
        return None if raw is None else prototype.buffer.from_bytes(raw)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Several parts."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        return self.tree.read(key, 0, 0) is not None

    async def set(self, key: str, value: Buffer) -> None:
        """Not for writing."""
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        """Not for writing."""
        raise NotImplementedError

    async def _none(self) -> AsyncIterator[str]:
        nothing: tuple[str, ...] = ()
        for name in nothing:
            yield name

    def list(self) -> AsyncIterator[str]:
        """Nothing: no listing is needed to read."""
        return self._none()

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:  # noqa: ARG002
        """Nothing: no listing is needed to read."""
        return self._none()

    def list_dir(self, prefix: str) -> AsyncIterator[str]:  # noqa: ARG002
        """Nothing: no listing is needed to read."""
        return self._none()
