"""Dialling out: what may be dialled at all, and customers who are called instead of calling. Pure.

Toll fraud is the danger here (reference: switch protocols, 5.8): a number must be one, must begin
with a configured prefix, and only so many are dialled a minute, transfers included.
"""

import re
from typing import Final

from msgspec import Struct

from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari.channel_facts import CALL
from acd.switch_protocol.ari.frames import Response
from acd.switch_protocol.ari.line import Line, stage_of
from acd.switch_protocol.ari.offers import GRACE_US, SECOND_US, cause_of
from acd.switch_protocol.ari.table import OTHER
from acd.switch_protocol.words import CommandError, CommandStage

NUMBER: Final = re.compile(r"\+?[0-9]{1,32}")

NO_ANSWER: Final = 19
"""Of Q.850: nobody answered."""

MINUTE_US: Final = 60 * SECOND_US


class Outbound(Struct, frozen=True):
    """What may be dialled out."""

    endpoint: str
    """How the switch reaches a number: "PJSIP/{number}@trunk"."""
    prefixes: tuple[str, ...]
    """A number must begin with one of these."""
    per_minute: int
    """Most numbers dialled in a minute; a whole minute's worth may be dialled at once."""


class Dialler:
    """Dials numbers outside.

    Args:
        line: Where requests and events go out.
        outbound: What is allowed; None for nothing.
        app: Our application's name.
    """

    def __init__(self, line: Line, outbound: Outbound | None, *, app: str) -> None:
        self._line = line
        self._outbound = outbound
        self._app = app
        self._credit_us = MINUTE_US
        """Unused time: each number costs a minute divided by how many are allowed in one."""
        self._counted_us = 0
        self._dialled: dict[str, bool] = {}
        """Customers who have not answered yet, and whether it rings."""

    def reach(self, number: str) -> str | CommandError:
        """Return how a number is dialled, and count it; or why it is not."""
        outbound = self._outbound
        if outbound is None:
            return CommandError.DEVICE_UNKNOWN
        if not NUMBER.fullmatch(number) or not number.startswith(outbound.prefixes):
            return CommandError.DEVICE_UNKNOWN
        now_us = self._line.now_us
        self._credit_us = min(MINUTE_US, self._credit_us + now_us - self._counted_us)
        self._counted_us = now_us
        cost_us = MINUTE_US // outbound.per_minute
        if self._credit_us < cost_us:
            return CommandError.OVERLOAD
        self._credit_us -= cost_us
        return outbound.endpoint.format(number=number)

    def make_call(self, command: cc.MakeCall) -> None:
        """Dial a customer; once he answers he comes in like one who called."""
        channel = OTHER + command.command_id
        if channel in self._dialled:
            self._line.refuse(command, CommandError.ALREADY_GIVEN)
            return
        endpoint = self.reach(command.to)
        if isinstance(endpoint, CommandError):
            self._line.refuse(command, endpoint)
            return
        self._dialled[channel] = False
        seconds = max(1, -(-command.ring_us // SECOND_US))
        self._line.ask(
            "POST",
            "channels",
            channel,
            then=lambda response: self._made(command, response),
            variables={
                "ACD_CALL": command.command_id,
                "ACD_DNIS": command.dnis,
                "ACD_ANI": command.to,
            },
            query={
                "endpoint": endpoint,
                "app": self._app,
                "appArgs": CALL,
                "timeout": str(seconds),
            },
        )
        self._line.after(seconds * SECOND_US + GRACE_US, lambda: self._overdue(channel))

    def _made(self, command: cc.MakeCall, response: Response | None) -> None:
        stage, error = stage_of(response)
        if stage in {CommandStage.REJECTED, CommandStage.NOT_SENT}:
            self._dialled.pop(OTHER + command.command_id, None)
        self._line.tell_result(command, stage, error)

    def give_up(self, command: sw.ClearCall) -> bool:
        """Dial a customer no longer; return whether he was being dialled."""
        channel = OTHER + command.call_id
        if channel not in self._dialled:
            return False
        self._line.order(command, "DELETE", "channels", channel)
        return True

    def rings(self, channel: str) -> None:
        """React to a customer's phone that rings."""
        if channel in self._dialled:
            self._dialled[channel] = True

    def answered(self, channel: str) -> None:
        """React to a customer who is in our application now."""
        self._dialled.pop(channel, None)

    def ended(self, channel: str, code: int, status: str) -> None:
        """React to the end of a channel that may be a customer's who did not answer."""
        rang = self._dialled.pop(channel, None)
        if rang is not None:
            cause = cause_of(code, status=status, rang=rang)
            call_id = channel.removeprefix(OTHER)
            self._line.tell(sw.CallCleared(call_id=call_id, cause=cause))

    def _overdue(self, channel: str) -> None:
        """Give up a customer of whom the switch should have told something."""
        if channel in self._dialled:
            self._line.ask("DELETE", "channels", channel)
            self.ended(channel, NO_ANSWER, "")

    def forget(self) -> None:
        """Forget who is being dialled: the link is cut, and a snapshot will tell."""
        self._dialled.clear()
