"""Sets of agents and of classes as the bits of Python integers."""

import numpy as np
from numpy.typing import NDArray


def bits_of(number: int) -> list[int]:
    """Return the positions of a number's set bits, lowest first.

    >>> bits_of(0b1010)
    [1, 3]
    """
    found = []
    while number:
        low = number & -number
        found.append(low.bit_length() - 1)
        number ^= low
    return found


def flags_of(number: int, length: int) -> NDArray[np.bool_]:
    """Return a number's lowest bits as flags, lowest first. Shape (length,).

    >>> flags_of(0b1010, 5)
    array([False,  True, False,  True, False])
    """
    octets = np.frombuffer(number.to_bytes(length // 8 + 1, "little"), dtype=np.uint8)
    return np.unpackbits(octets, count=length, bitorder="little").astype(bool)


def sum_bits(positions: list[int], length: int) -> int:
    """Return the number with these of its lowest `length` bits set.

    >>> sum_bits([1, 3], 5) == 0b1010
    True
    """
    flags = np.zeros(length, dtype=np.uint8)
    flags[positions] = 1
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")
