"""How occupied each agent has been of late, in keys that stand still while he does nothing.

*Occupancy* is the share of time in which an agent handled a contact (docs/measures.md), in an
exponential window: what lies one half-life back counts half. While an agent is idle his occupancy y
halves with every half-life h, and while he handles something his idleness 1 − y does. So two agents
who are idle keep their order however long nothing happens; yet the numbers themselves change all
the time, and a sum kept at a fixed epoch would grow without bound.

Kept instead is an **instant**: for an idle agent that at which his occupancy would have been 1, had
it always only fallen, K = t + h · log2(y); for one who handles something that at which his idleness
would have been 1. It stands still between his own changes, needs neither epoch nor renormalisation,
lies before the present, and resolves differences of occupancy in proportion to it (h = 30 min: one
part in 10**9). When he begins or ends to handle at t, both cases are one formula:

    K' = t + h · log2(1 − 2 ** −((t − K) / h))

**Arithmetic.** Whole numbers in fixed point with 64 binary digits, a table of 256 steps and the
Taylor series between them: the same bits on every version of Python and every machine.

Source: exponentially weighted occupancy, as Avaya's "least occupied agent" (LOA, with UCD or EAD)
and CXone's "least occupied" compare it; Armony and Ward, 2010, on routing to equalise idleness.
"""

from collections.abc import Sequence
from functools import cache
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from acd.agents import Agent

_BITS: Final = 64
_ONE: Final = 1 << _BITS
_STEP_BITS: Final = _BITS - 8
"""Binary digits below a step of the tables."""
_LOG_2: Final = 12_786_308_645_202_655_659
"""The natural logarithm of 2, times 2**64."""

_HANDLING_KEY: Final = 2**62
"""Added to the keys of agents who handle something, so that those who do not come first. Instants
lie in [-2**60, 2**60), so the two never mix."""

_MILLION: Final = 1_000_000


class Occupancy:
    """The agents' occupancies, and the rows by which `acd.selection` compares them."""

    def __init__(self, half_life_us: int, agents: Sequence[Agent]) -> None:
        self._half_life_us = half_life_us
        self._handles = [False] * len(agents)
        self.contacts: NDArray[np.int64] = np.zeros(len(agents), dtype=np.int64)
        """How many contacts each agent is offered or has."""
        self.keys: NDArray[np.int64] = np.array(
            [agent.occupied_us for agent in agents], dtype=np.int64
        )
        """How occupied each is: smaller is less."""

    def note(self, agent: Agent, now_us: int) -> None:
        """Note that an agent's slots changed."""
        index = agent.index
        handles = agent.is_handling
        if handles is not self._handles[index]:
            agent.occupied_us = turned(agent.occupied_us, now_us, self._half_life_us)
        self.put_back(agent)

    def put_back(self, agent: Agent) -> None:
        """Show an agent as he is: his slots, and the instant that stands for his occupancy."""
        index = agent.index
        self._handles[index] = handles = agent.is_handling
        self.contacts[index] = len(agent.offers) - len(agent.parked)
        self.keys[index] = _HANDLING_KEY - agent.occupied_us if handles else agent.occupied_us

    def of(self, agent: Agent, now_us: int) -> int:
        """Return an agent's occupancy at an instant, in millionths."""
        kept = _half_power(now_us - agent.occupied_us, self._half_life_us)
        return (_ONE - kept if agent.is_handling else kept) * _MILLION >> _BITS


def turned(instant_us: int, now_us: int, half_life_us: int) -> int:
    """Return the instant that stands for an agent from now on, as he begins or ends to handle.

    >>> turned(0, 100, 100)  # Idle for a half-life since occupancy 1: idle one half, too.
    0
    >>> turned(0, 200, 100)  # Two half-lives: idle three quarters, as after 41.5 % of one.
    158
    """
    # An agent who turns in the very instant of his last turn would have no logarithm.
    gap_us = max(now_us - instant_us, 1)
    return now_us + (half_life_us * _log2(_ONE - _half_power(gap_us, half_life_us)) >> _BITS)


def _half_power(gap_us: int, half_life_us: int) -> int:
    """Return 2 ** -(gap / half-life) in fixed point; from 2**-64 on it is 0."""
    powers, _ = _tables()
    halvings = (gap_us << _BITS) // half_life_us
    step, rest = divmod(halvings & _ONE - 1, 1 << _STEP_BITS)
    x = rest * _LOG_2 >> _BITS  # Below 0.003, so that x**5 / 120 is below 2**-48.
    squared = x * x >> _BITS
    series = _ONE - x + (squared >> 1) - (squared * x >> _BITS) // 6
    series += (squared * squared >> _BITS) // 24
    return (powers[step] * series >> _BITS) >> (halvings >> _BITS)


def _log2(share: int) -> int:
    """Return the binary logarithm of a share in (0, 1], both in fixed point."""
    _, logarithms = _tables()
    length = share.bit_length()
    mantissa = share << _BITS + 1 - length
    step = (mantissa >> _STEP_BITS) & 255
    base = _ONE + (step << _STEP_BITS)
    x = (mantissa - base << _BITS) // base  # Below 2**-8, so that x**6 / 6 is below 2**-50.
    squared = x * x >> _BITS
    cubed = squared * x >> _BITS
    series = x - (squared >> 1) + cubed // 3 - (squared * squared >> _BITS) // 4
    series += (squared * cubed >> _BITS) // 5
    return (length - 1 - _BITS << _BITS) + logarithms[step] + (series << _BITS) // _LOG_2


@cache
def _tables() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return 2 ** -(n / 256) and log2(1 + n / 256) in fixed point, n from 0 to 255."""
    digits = 2 * _BITS
    root = 1 << digits - 1
    for _ in range(8):
        root = isqrt(root << digits)
    powers = [1 << digits]
    for _ in range(255):
        powers.append(powers[-1] * root >> digits)
    return tuple(power >> _BITS for power in powers), tuple(map(_log2_by_squaring, range(256)))


def _log2_by_squaring(step: int) -> int:
    """Return log2(1 + step / 256) in fixed point, digit by digit."""
    digits = 2 * _BITS
    number = (256 + step) << digits - 8
    logarithm = 0
    for _ in range(_BITS):
        number = number * number >> digits
        carried = number >> digits + 1
        number >>= carried
        logarithm = 2 * logarithm + carried
    return logarithm
