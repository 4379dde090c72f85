"""What the control socket understands: what customers and agents do, and reading the ledger."""

from enum import StrEnum
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

from acd.ids import plain
from acd.switch_protocol.simulated.ledger import Line
from acd.switch_protocol.simulated.rudeness import Rules
from acd.switch_protocol.words import (
    AgentStateWord,
    CallId,
    Count,
    DeviceId,
    DeviceState,
    Number,
    Text,
    UserData,
)

CALLS_AT_ONCE_MAX: Final = 400
"""Most calls placed by one message: their ids fit into one answer."""

DEVICES_AT_ONCE_MAX: Final = 400
"""Most devices named by one message."""

LINES_AT_ONCE_MAX: Final = 500
"""Most lines of the ledger in one answer (`link.PART_MAX`)."""

WAIT_US_MAX: Final = 60_000_000
"""Longest time for which a reader of the ledger waits for a line."""

Span: TypeAlias = tuple[Count, Count]
Devices: TypeAlias = Annotated[tuple[DeviceId, ...], Meta(max_length=DEVICES_AT_ONCE_MAX)]


class _Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="wish"):
    """Base of what is asked for."""


class PlaceCalls(_Wish, frozen=True, tag="place_calls"):
    """Let customers call."""

    dnis: Number
    ani: Number = ""
    user_data: UserData = b""
    patience_us: Count | None = None
    """Each hangs up after this if nobody has talked to him; None never does."""
    count: Annotated[int, Meta(ge=1, le=CALLS_AT_ONCE_MAX)] = 1


class HangUpCustomer(_Wish, frozen=True, tag="hang_up_customer"):
    """Let a customer hang up."""

    call_id: CallId


class UseCustomer(_Wish, frozen=True, tag="use_customer"):
    """Let a customer who is dialled answer or not, or one who waits press keys."""

    call_id: CallId
    answers: bool | None = None
    """None: he presses keys."""
    digits: Number = ""


@plain
class Press(StrEnum):
    """What an agent does at his phone."""

    ANSWER = "answer"
    DECLINE = "decline"
    HANG_UP = "hang_up"
    HOLD = "hold"
    RETRIEVE = "retrieve"
    TRANSFER = "transfer"
    """End the consultation: customer and whom was asked talk."""
    CONFER = "confer"
    RECONNECT = "reconnect"


class UsePhone(_Wish, frozen=True, tag="use_phone"):
    """Let an agent do something at his phone."""

    device: DeviceId
    press: Press


class SetAgent(_Wish, frozen=True, tag="set_agent"):
    """Let an agent log on or off, or be ready or not, at his phone."""

    device: DeviceId
    state: AgentStateWord
    reason: Text = ""


class SetDevice(_Wish, frozen=True, tag="set_device"):
    """Put a phone into service, out of it, or into a private call."""

    device: DeviceId
    state: DeviceState


class AddPhones(_Wish, frozen=True, tag="add_phones"):
    """Set up phones."""

    devices: Devices


class Automate(_Wish, frozen=True, tag="automate"):
    """Let phones answer and hang up by themselves; with no spans, by others again."""

    devices: Devices
    answer_us: Span | None = None
    talk_us: Span | None = None


class BeRude(_Wish, frozen=True, tag="be_rude"):
    """Be rude by other rules from now on."""

    rules: Rules


class CutLink(_Wish, frozen=True, tag="cut_link"):
    """Cut the daemon's link, as a network does."""


class ReadLedger(_Wish, frozen=True, tag="read_ledger"):
    """Read lines of the ledger; wait for one where there is none."""

    after: Count = 0
    wait_us: Annotated[int, Meta(ge=0, le=WAIT_US_MAX)] = 0


class ReadState(_Wish, frozen=True, tag="read_state"):
    """Read how much is going on."""


Wish: TypeAlias = (
    PlaceCalls
    | HangUpCustomer
    | UsePhone
    | SetAgent
    | SetDevice
    | AddPhones
    | Automate
    | BeRude
    | CutLink
    | ReadLedger
    | ReadState
)


class _Answer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="answer"):
    """Base of answers."""


class Done(_Answer, frozen=True, tag="done"):
    """It was done; or it could not be: nobody was there, nothing rang."""

    happened: bool


class Placed(_Answer, frozen=True, tag="placed"):
    """The calls' ids."""

    call_ids: tuple[CallId, ...]


class Lines(_Answer, frozen=True, tag="lines"):
    """Lines of the ledger, oldest first; read on after the last one's number."""

    lines: tuple[Line, ...]


class State(_Answer, frozen=True, tag="state"):
    """How much is going on."""

    now_us: Count
    linked: bool
    epoch: Count
    calls: Count
    """Calls whose routeing dialogue is open."""
    ringing: Count
    talking: Count
    lines: Count
    """Number of the ledger's last line."""


Answer: TypeAlias = Done | Placed | Lines | State
