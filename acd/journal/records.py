"""What the durable journal holds: entries in MessagePack, in batches with a checksum.

An entry is one step of the router. A batch is what one commit added. Its checksum covers its place
too, so a batch that stands where another belongs is noticed; and batches follow each other without
a gap, so a missing one is.
"""

from typing import Final, TypeAlias
from zlib import crc32

import msgspec
from msgspec import Struct

from acd.actions import Action
from acd.events import Event
from acd.ids import TimeUs

FORMAT: Final = 1
"""Version of this encoding and of the tables in `acd.journal.file`."""

KEY_MAX: Final = 200
"""Longest key of an input, in characters: a source's name and an id of 64 each, with room."""


class Entry(Struct, frozen=True, array_like=True):
    """One step of the router."""

    number: int
    """1, 2, 3, … without a gap."""
    now_us: TimeUs
    event: Event
    actions: tuple[Action, ...]
    key: str = ""
    """What the input is known by, so that a repeat of it is noticed; empty for none."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(tuple[Entry, ...])


Keys: TypeAlias = tuple[tuple[str, int], ...]
"""Keys of inputs, each with the number of its entry."""


class BatchError(Exception):
    """A batch is not what was written. Args: what is wrong with it."""


def checksum(data: bytes, *place: int) -> int:
    """Return the CRC-32 of data that belongs to a place.

    >>> checksum(b"data", 1, 2) == checksum(b"data", 1, 3)
    False
    """
    return crc32(data, crc32(repr(place).encode()))


def crc_of(*values: object) -> int:
    """Return the CRC-32 of a row's values."""
    return crc32(msgspec.msgpack.encode(values))


def encode_batch(entries: tuple[Entry, ...]) -> tuple[bytes, int]:
    """Return a batch's bytes and checksum."""
    data = _ENCODER.encode(entries)
    return data, checksum(data, entries[0].number, entries[-1].number)


def decode_batch(data: bytes, crc: int, *, first: int, last: int) -> tuple[Entry, ...]:
    """Return a batch's entries.

    Raises:
        BatchError: It is damaged, or not the one of these numbers.
    """
    if not isinstance(data, bytes) or checksum(data, first, last) != crc:
        raise BatchError("its checksum is wrong")
    try:
        entries = _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise BatchError(f"it cannot be read: {error}") from error
    if len(entries) != last - first + 1:
        raise BatchError(f"it has {len(entries)} entries")
    return entries
