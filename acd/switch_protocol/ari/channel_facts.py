"""What a channel says of itself: whose it is, and the facts of a customer's call. Pure.

The dialplan of configs/asterisk/extensions.conf sets the variables that are read here, and ari.conf
has the switch put them into each channel's description (`channelvars`), so that nothing has to be
remembered on our side over a restart:

| variable | on | says |
|---|---|---|
| ACD_DNIS | a customer | the called number; else the dialplan's extension is it |
| ACD_ANI | a customer whom we dialled | his number |
| ACD_UUI, ACD_DIGITS | a customer | user-to-user data; digits collected before |
| ACD_ENTRY | a customer | how often this channel has come to us |
| ACD_PATIENCE | a customer | how long he may wait, in seconds, once he was taken |
| ACD_TAKEN | a customer | "1": we know of him |
| ACD_SERVED | a customer | "1": an agent has talked to him |
| ACD_CALL | a leg; a customer whom we dialled or whose channel was replaced | the call's id |
| ACD_APP | a leg | the application that it belongs to: there may be others |
| ACD_OFFER, ACD_DEVICE, ACD_PURPOSE | a leg | its id, its phone, what it is for |
| ACD_HELD | a leg | who keeps the customer on hold |
"""

from datetime import datetime
from typing import Final

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari.frames import Channel
from acd.switch_protocol.words import ID_MAX, NUMBER_MAX, USER_DATA_MAX

CALL: Final = "call"
"""First argument of `Stasis()` for customers, …"""
AGENT: Final = "agent"
"""… for agents who dialled a feature code, …"""
LEG: Final = "leg"
"""… for phones that we let ring, …"""
SNOOP: Final = "snoop"
"""… for the ear of a listener."""


def variable(channel: Channel, name: str) -> str:
    """Return a variable's value; "" if it is not set."""
    return channel.channelvars.get(name) or ""


def leg_id(channel: Channel) -> str:
    """Return the id of the leg that a channel is; "" if it is none."""
    return variable(channel, "ACD_OFFER")


def is_customer(channel: Channel, app: str) -> bool:
    """Return whether a channel is a customer's that is in our application.

    One that took another's place (a transfer) came without arguments, and has our mark.
    """
    came = came_as(channel, app)
    is_call = came == CALL or (came == "" and bool(variable(channel, "ACD_CALL")))
    return is_call and not leg_id(channel)


def came_as(channel: Channel, app: str) -> str | None:
    """Return the first argument with which a channel is in our application; None if it is not."""
    plan = channel.dialplan
    words = [*plan.app_data.split(","), ""]
    return words[1] if plan.app_name == "Stasis" and words[0] == app else None


def patience(channel: Channel) -> str:
    """Return how many seconds a customer may wait; "" if he was taken before, or none are set."""
    said = variable(channel, "ACD_PATIENCE")
    is_new = variable(channel, "ACD_TAKEN") != "1" and variable(channel, "ACD_SERVED") != "1"
    return said if is_new and said.isascii() and said.isdigit() and len(said) < 7 else ""


def call_id(channel: Channel) -> str:
    """Return the id of a customer's call; a channel that comes again is another call.

    "" if it is longer than an id of ours may be.
    """
    given = variable(channel, "ACD_CALL")
    entry = variable(channel, "ACD_ENTRY")
    again = f"+{entry}" if entry.isascii() and entry.isdigit() and entry != "1" else ""
    found = (given or channel.id) + again
    return found if len(found) <= ID_MAX else ""


def facts(channel: Channel) -> sw.Call:
    """Return what a customer's channel says of his call."""
    return sw.Call(
        call_id=call_id(channel),
        dnis=number(variable(channel, "ACD_DNIS") or channel.dialplan.exten),
        ani=number(variable(channel, "ACD_ANI") or channel.caller.number),
        queued_us=time_us(channel.creationtime),
        served=variable(channel, "ACD_SERVED") == "1",
        user_data=variable(channel, "ACD_UUI").encode()[:USER_DATA_MAX],
        digits=number(variable(channel, "ACD_DIGITS")),
    )


def number(text: str) -> str:
    """Return a number without what cannot be printed, cut to the longest that is taken."""
    return "".join(letter for letter in text[: 2 * NUMBER_MAX] if letter.isprintable())[:NUMBER_MAX]


def time_us(text: str) -> int:
    """Return a time of the switch in µs since 1970; 0 if it is none.

    >>> time_us("1970-01-01T01:00:02.500+0100")
    2500000
    """
    try:
        at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return 0
    return max(0, round(at.timestamp() * 1e6))
