"""What a queue says of those who wait: what they hear, and how they are called back."""

from msgspec import Struct

from acd.ids import Play


class Treatment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What customers of a queue hear when they have waited so long; see `acd.treatments`."""

    after_us: int
    play: Play
    every_us: int | None = None
    """And so often after that; None: once."""
    message: str = ""
    """The recording; in front of what else is said."""
    key: str = ""
    """Of `offer_callback`: the key of a telephone by which it is accepted."""


class CallbackSettings(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """How a queue calls customers back; see `acd.callbacks`."""

    attempts: int = 3
    """How often a customer is called who is not reached."""
    retry_us: int = 600_000_000
    """How long after one attempt the next may begin."""
    dial_us: int = 45_000_000
    """How long a customer may be dialled."""
    slots: int | None = None
    """How many callbacks may be agreed for one interval; None: for no time at all."""
    interval_us: int = 1_800_000_000
    """The length of an interval; they are counted from midnight, 1970-01-01, in UTC."""
    ahead_us: int = 30 * 86_400_000_000
    """How far ahead a callback may be agreed (Genesys' limit)."""
