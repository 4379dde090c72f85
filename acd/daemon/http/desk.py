"""Agents' desks: one WebSocket for each agent at work.

A desk begins with a snapshot of the agent; then come the orders that commits brought for him, and
after each commit that concerns him his state. The state is read from the router, which may be ahead
of the disk; so it waits until the disk has it, and goes out behind the orders of just those
entries: what a desk says is always the truth after some entry, in the order of the entries. What is
known of a customer (`context`) comes behind his offer, when it is known, and belongs to no entry.

Losing the connection is not leaving: the agent is not logged out, and what rings at him rings on.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
from fastapi import WebSocket

from acd import actions as ac
from acd.classes import is_text
from acd.daemon.context.lookups import Found, Lookups
from acd.daemon.context.port import Asked
from acd.daemon.errors import OverloadedError
from acd.daemon.http.desk_commands import COMMAND_CHARACTERS_MAX, event_of, read_command
from acd.daemon.http.errors import OVERLOADED, STORAGE_FAILED, HttpError, refused
from acd.daemon.http.fold import Fold, Touched
from acd.daemon.http.sockets import CloseCode, Socket, SocketEndError
from acd.daemon.http.strict_json import StrictJsonError, read
from acd.daemon.http.views import agent_view
from acd.daemon.owner import Owner
from acd.errors import StorageError
from acd.ids import AgentId, OfferId
from acd.journal.records import Entry

MESSAGES_MAX: Final = 256
"""Most messages that wait for a desk: an agent has 25 slots at most, so ten changes of each."""

ANSWERS_MAX: Final = 1_000
"""Most answers remembered by a connection, for commands that are sent again."""

NOTICES: Final[dict[type, str]] = {
    ac.OfferContact: "offer",
    ac.WithdrawOffer: "withdraw",
    ac.ConnectLeg: "connect",
    ac.InterruptLeg: "interrupt",
    ac.ResumeLeg: "resume",
    ac.EndWrapUp: "end_wrap_up",
    ac.ReleaseAgent: "release",
}
"""Orders that a desk is told by themselves, and what it calls them. All else is in the state."""

_Noticed = (
    ac.OfferContact
    | ac.WithdrawOffer
    | ac.ConnectLeg
    | ac.InterruptLeg
    | ac.ResumeLeg
    | ac.EndWrapUp
    | ac.ReleaseAgent
)


class Desk:
    """One connection of one agent."""

    def __init__(
        self, owner: Owner, socket: Socket, agent_id: AgentId, can_control: Callable[[], bool]
    ) -> None:
        self._owner = owner
        self._can_control = can_control
        self._socket = socket
        self._agent_id = agent_id
        self._messages: deque[tuple[int, str]] = deque()
        """What waits to be sent, with the entry that it came from; 0 for answers."""
        self._changed = False
        self._wake = asyncio.Event()
        self._answers: OrderedDict[str, str] = OrderedDict()

    def replace(self) -> None:
        """End this connection for a newer one."""
        self._socket.end(CloseCode.REPLACED, "the desk was opened elsewhere")

    # From the router to the desk.

    def order(self, entry: int, text: str) -> None:
        """Have an order told."""
        self._messages.append((entry, text))
        self._wake.set()
        if len(self._messages) > MESSAGES_MAX:
            self._socket.end(CloseCode.TOO_SLOW, "too slow")

    def know(self, offer_id: OfferId, found: Found) -> None:
        """Have it told what is known of the customer of an offer, if the agent still has it."""
        router = self._owner.router
        offer = router.offers.get(offer_id)
        if offer is not None and router.agents[offer.agent].agent_id == self._agent_id:
            message = {"type": "context", "offer_id": offer_id, **msgspec.structs.asdict(found)}
            self.order(0, msgspec.json.encode(message).decode())

    def change(self) -> None:
        """Have the agent's state told."""
        self._changed = True
        self._wake.set()

    async def write(self) -> None:
        """Send the snapshot, then whatever there is to be told."""
        entry, text = await self._state("snapshot")
        later = [one for one in self._messages if not 0 < one[0] <= entry]
        self._messages = deque(later)
        await self._socket.send(text)
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._changed:
                entry, text = await self._state("state")
                await self._send_orders(entry)
                await self._socket.send(text)
            # Of what comes from now on the state is told again, so nothing is out of order.
            if not self._changed:
                await self._send_orders(None)

    async def _send_orders(self, entry: int | None) -> None:
        messages = self._messages
        while messages and (entry is None or messages[0][0] <= entry):
            await self._socket.send(messages.popleft()[1])

    async def _state(self, kind: str) -> tuple[int, str]:
        """Return the agent as he is after the last entry stepped, once the disk has it."""
        router, entry = self._owner.router, self._owner.stepped
        self._changed = False
        try:
            view = agent_view(router.agent(self._agent_id), router)
            await self._owner.durable()
        except KeyError:
            raise SocketEndError(CloseCode.TOKEN_ENDED, "there is no such agent") from None
        except StorageError:
            raise SocketEndError(CloseCode.GOING_AWAY, "storage failed") from None
        message = {
            "type": kind,
            "entry": entry,
            "now_us": self._owner.clock.now_us(),
            "agent": view,
        }
        return entry, msgspec.json.encode(message).decode()

    # From the desk to the router.

    async def read(self, websocket: WebSocket) -> None:
        """Do what the desktop says, one command after the other."""
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None or len(text) > COMMAND_CHARACTERS_MAX:
                raise SocketEndError(CloseCode.BAD_MESSAGE, "wanted a short text")
            self._messages.append((0, await self._answer(text)))
            self._wake.set()
            if len(self._messages) > MESSAGES_MAX:
                raise SocketEndError(CloseCode.TOO_SLOW, "too slow")

    async def _answer(self, text: str) -> str:
        """Do one command; return the answer, for a repeat the same one."""
        wrong: HttpError | None = None
        try:
            tree = read(text.encode())
        except StrictJsonError as error:
            wrong, tree = HttpError(400, "bad_json", f"the message {error}"), error.rest
        request_id = _id_in(tree)
        if request_id in self._answers:
            return self._answers[request_id]
        try:
            if wrong is not None:
                raise wrong
            result: dict[str, Any] = {"ok": True, "entry": await self._do(text)}
        except HttpError as error:
            result = {"ok": False, "error": error.detail()}
        answer = msgspec.json.encode({"type": "result", "id": request_id, **result}).decode()
        # What was turned away by overload may be tried again under the same id.
        if request_id and result.get("error", {}).get("code") != OVERLOADED.args[1]:
            self._answers[request_id] = answer
            if len(self._answers) > ANSWERS_MAX:
                self._answers.popitem(last=False)
        return answer

    async def _do(self, text: str) -> int:
        """Submit a command's event; return its entry when it is on the disk.

        Raises:
            HttpError: It cannot be.
        """
        owner = self._owner
        command = read_command(text)
        try:
            try:
                event = event_of(
                    command, self._agent_id, owner.router, can_control=self._can_control()
                )
            except HttpError:
                # What it was refused by may not be on the disk yet.
                await owner.durable()
                raise
            receipt = await owner.submit(event)
        except OverloadedError:
            raise OVERLOADED from None
        except StorageError:
            raise STORAGE_FAILED from None
        refusal = receipt.refusal()
        if refusal is not None:
            raise refused(refusal)
        return receipt.entry


def _id_in(tree: object) -> str:
    """Return a command's id, if it has one that can be repeated."""
    found = tree.get("id") if isinstance(tree, dict) else None
    return found if isinstance(found, str) and found and is_text(found) else ""


class Desks:
    """The desks that are open, by agent.

    Args:
        owner: Who owns the router.
        fold: The fold of the same owner.
        can_control: Says whether calls can be given further at the switch.
        lookups: Asks what is known of the customers who are offered.
    """

    def __init__(
        self, owner: Owner, fold: Fold, can_control: Callable[[], bool], lookups: Lookups
    ) -> None:
        self._owner = owner
        self._lookups = lookups
        self._can_control = can_control
        self._desks: dict[AgentId, Desk] = {}
        fold.listen(self._committed)

    async def sit(self, websocket: WebSocket, socket: Socket, agent_id: AgentId) -> None:
        """Run an agent's desk until it ends; an older one of his ends at once."""
        desk = Desk(self._owner, socket, agent_id, self._can_control)
        before = self._desks.get(agent_id)
        self._desks[agent_id] = desk
        if before is not None:
            before.replace()
        for offer_id in self._owner.router.agent(agent_id).offers:
            self._look_up(desk, offer_id)
        try:
            await socket.run(desk.read(websocket), desk.write())
        finally:
            if self._desks.get(agent_id) is desk:
                del self._desks[agent_id]

    def __len__(self) -> int:
        return len(self._desks)

    def _committed(self, entries: tuple[Entry, ...], touched: Touched) -> None:
        desks = self._desks
        if not desks:
            return
        for entry in entries:
            for action in entry.actions:
                if isinstance(action, _Noticed):
                    desk = desks.get(action.agent_id)
                    if desk is not None:
                        desk.order(entry.number, self._notice(entry.number, action))
                        if isinstance(action, ac.OfferContact):
                            self._look_up(desk, action.offer_id)
        for agent_id in touched.agents & desks.keys():
            desks[agent_id].change()

    def _look_up(self, desk: Desk, offer_id: OfferId) -> None:
        """Have the customer of an offer looked up; the desk is told when it is known."""
        router = self._owner.router
        offer = router.offers.get(offer_id)
        if offer is None or not self._lookups.is_on:
            return
        arrival = router.contacts[router.legs[offer.leg_id].contact_id].arrival
        asked = Asked(
            customer=arrival.customer,
            contact_id=arrival.contact_id,
            queue=arrival.queue,
            channel=arrival.channel,
            attributes=dict(arrival.attributes),
        )
        self._lookups.ask(asked, lambda found: desk.know(offer_id, found))

    def _notice(self, entry: int, action: _Noticed) -> str:
        """Return an order as a message: its fields, and of an offer whom it brings."""
        fields = msgspec.structs.asdict(action)
        if isinstance(action, ac.OfferContact):
            contact = self._owner.router.contacts.get(action.contact_id)
            if contact is not None:
                fields["customer"] = contact.arrival.customer
                fields["attributes"] = dict(contact.arrival.attributes)
        return msgspec.json.encode(
            {"type": NOTICES[type(action)], "entry": entry, **fields}
        ).decode()
