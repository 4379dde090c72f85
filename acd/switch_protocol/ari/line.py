"""The mapper's two ways out: what it asks the switch, and what it tells the daemon. Pure.

All parts of the mapper share one line. Requests leave in the order in which they were asked; each
may name what is to be done with its answer. Deadlines are kept here, too.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from heapq import heappop, heappush
from typing import Final, TypeAlias, TypeVar

import msgspec

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari.frames import Request, Response
from acd.switch_protocol.call_control import AnyCommand
from acd.switch_protocol.words import CommandError, CommandStage

_T = TypeVar("_T")

Then: TypeAlias = Callable[[Response | None], None]
"""Takes an answer: None where nobody knows whether it was done, a status below 1 where it
never left: 0 for want of room, -1 since the link had ended."""
Command: TypeAlias = AnyCommand

NO_VARIABLES: Final[Mapping[str, str]] = {}
UNREADABLE: Final = (ValueError, RecursionError)
"""What decoding raises: no JSON, no UTF-8, other fields (ValueErrors in msgspec), too deep."""
NOT_FOUND: Final = 404
"""No such channel or bridge."""
CONFLICT: Final = 409
"""The channel is not in our application, or its id is taken."""


class Line:
    """What goes out, and what waits for an answer or for its time."""

    def __init__(self) -> None:
        self.now_us = 0
        """The time of whatever is being reacted to."""
        self._out: list[Request | sw.SwitchEvent] = []
        self._ticket = 0
        self._waiting: dict[int, Then] = {}
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._timer = 0

    def take(self) -> list[Request | sw.SwitchEvent]:
        """Return what is to go out, in order."""
        out, self._out = self._out, []
        return out

    def tell(self, event: sw.SwitchEvent) -> None:
        """Tell the daemon something."""
        self._out.append(event)

    def ask(
        self,
        method: str,
        *path: str,
        then: Then | None = None,
        variables: Mapping[str, str] = NO_VARIABLES,
        query: Mapping[str, str] = NO_VARIABLES,
        aside: bool = False,
    ) -> None:
        """Ask the switch for something.

        Args:
            method: GET, POST, PUT or DELETE.
            path: Parts of the path after `/ari`.
            then: Takes the answer, whatever it is.
            variables: Channel variables.
            query: Parameters.
            aside: Other requests may overtake it.
        """
        self._ticket += 1
        if then is not None:
            self._waiting[self._ticket] = then
        self._out.append(
            Request(self._ticket, method, path, tuple(query.items()), dict(variables), aside=aside)
        )

    def order(
        self, command: Command, method: str, *path: str, query: Mapping[str, str] = NO_VARIABLES
    ) -> None:
        """Ask for what a command says; its result is the answer's."""
        self.ask(method, *path, then=lambda response: self.result(command, response), query=query)

    def answered(self, ticket: int, response: Response | None) -> None:
        """Give an answer to whoever waits for it."""
        then = self._waiting.pop(ticket, None)
        if then is not None:
            then(response)

    def forget(self) -> None:
        """Drop all that waits: its link is cut."""
        self._waiting.clear()
        self._timers.clear()
        self._out = [one for one in self._out if not isinstance(one, Request)]

    # Results of commands.

    def result(self, command: Command, response: Response | None) -> None:
        """Tell how far a command came, by the switch's answer."""
        self.tell_result(command, *stage_of(response))

    def tell_result(
        self, command: Command, stage: CommandStage, error: CommandError = CommandError.NONE
    ) -> None:
        """Tell how far a command came."""
        self.tell(
            sw.CommandResult(
                command_id=command.command_id,
                stage=stage,
                call_id=getattr(command, "call_id", ""),
                error=error,
            )
        )

    def refuse(self, command: Command, error: CommandError) -> None:
        """Tell that a command changed nothing."""
        self.tell_result(command, CommandStage.REJECTED, error)

    # Time.

    def after(self, span_us: int, do: Callable[[], None]) -> None:
        """Have something done later, unless the link is cut before; it sees whether it must."""
        self._timer += 1
        heappush(self._timers, (self.now_us + span_us, self._timer, do))

    def due_us(self) -> int | None:
        """Return when `on_time` is due next."""
        return self._timers[0][0] if self._timers else None

    def on_time(self) -> None:
        """Do what is due."""
        while self._timers and self._timers[0][0] <= self.now_us:
            heappop(self._timers)[2]()


def stage_of(response: Response | None) -> tuple[CommandStage, CommandError]:
    """Return how far a command came that this is the answer to."""
    if response is None:
        return CommandStage.UNKNOWN, CommandError.TIMEOUT
    if response.status == 0:
        return CommandStage.NOT_SENT, CommandError.OVERLOAD
    if response.status < 0:
        return CommandStage.NOT_SENT, CommandError.LINK_DOWN
    if response.is_good:
        return CommandStage.ACCEPTED, CommandError.NONE
    if response.status == NOT_FOUND:
        return CommandStage.REJECTED, CommandError.CALL_UNKNOWN
    if response.status < 500:
        return CommandStage.REJECTED, CommandError.WRONG_STATE
    return CommandStage.REJECTED, CommandError.OVERLOAD


def items(response: Response | None, kind: type[_T]) -> list[_T] | None:
    """Return the elements of a list that the switch answered; None if there is no such answer.

    An element that cannot be read is left out: one of them does not hide the others.
    """
    if response is None or not response.is_good:
        return None
    try:
        raw = msgspec.json.decode(response.body, type=list[msgspec.Raw])
    except UNREADABLE:
        return None
    decoder = msgspec.json.Decoder(kind)
    found = []
    for one in raw:
        with suppress(*UNREADABLE):
            found.append(decoder.decode(one))
    return found
