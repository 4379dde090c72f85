"""One story per quirk, for any client; the emulator's own ledger says what came of it.

    wrong = await scenario(Quirk.DROPPED, client)
    assert not wrong

A client is a function that is given where to log in and which phones are its agents', all of whom
are ready, and returns an asynchronous context: inside it the client runs. It should offer each
customer to an agent's phone, and bring both together; when the agent hangs up, it lets the customer
go. The application is "acd", customers come in with the arguments `call` and the number 4000.
"""

import base64
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple

from websockets.asyncio.client import connect

from tests.ari_emulator.channels import Manner
from tests.ari_emulator.dialling import REJECTED
from tests.ari_emulator.ledger import Did
from tests.ari_emulator.quirks import Quirk, Quirks, Where
from tests.ari_emulator.world import PASSWORD, USER, World

PHONES: Final = ("101", "102")
SOON_S: Final = 5.0
"""Within what time a client has to connect, and to offer the first customer."""
FLOOD: Final = 3_000
"""Keys: about three megabytes of events, more than sockets hold."""
RATES: Final = {Quirk.WRITE_TIMEOUT: 1.0, Quirk.TWO_SUBSCRIPTIONS: 1.0}
"""Quirks that are so all the time, if at all."""
ARMED: Final = {
    *(Quirk.ACK_WITHOUT_EFFECT, Quirk.DROPPED, Quirk.REPEATED, Quirk.CROSSED, Quirk.LATE_ANSWER),
    Quirk.ERROR_500,
}
"""Quirks of which a story says that they strike at its next occasion."""


class Access(NamedTuple):
    url: str
    user: str
    password: str
    phones: tuple[str, ...]


Client = Callable[[Access], AbstractAsyncContextManager[object]]


class Story:
    """A world, and a client to run in it."""

    def __init__(self, world: World, client: Client, patience_s: float) -> None:
        self.world = world
        self.patience_s = patience_s
        self._client = client
        self.wrong: list[str] = []

    def running(self) -> AbstractAsyncContextManager[object]:
        access = Access(self.world.server.url, USER, PASSWORD, PHONES)
        return self._client(access)

    async def connected(self) -> None:
        if not await self.world.until(lambda: self.world.is_connected, SOON_S):
            self.wrong.append("the client does not connect")

    async def rings_for(self, name: str) -> str:
        """Wait until a phone rings for a customer; return its number."""

        def ringing() -> list[str]:
            legs = [self.world.leg_at(number, state="Ringing") for number in PHONES]
            return [one.phone.number for one in legs if one and one.phone and one.customer == name]

        if not await self.world.until(lambda: bool(ringing()), self.patience_s):
            self.wrong.append(f"nothing rings for {name}")
            return ""
        return ringing()[0]

    async def settled(self) -> None:
        await self.world.settles(self.patience_s)


async def scenario(
    quirk: Quirk, client: Client, *, patience_s: float = 15.0, seed: int = 0
) -> list[str]:
    """Play a quirk's story; return all that went wrong.

    Args:
        quirk: Which; NONE for a day without any.
        client: Makes the client.
        patience_s: How long it may take until all is well.
        seed: Of the quirk's draws.
    """
    rates = {quirk: RATES[quirk]} if quirk in RATES else {}
    async with World(PHONES, Quirks(seed, rates)) as world:
        story = Story(world, client, patience_s)
        if quirk in SELF_RUN:
            await SELF_RUN[quirk](story)
        else:
            async with story.running():
                await story.connected()
                await STORIES[quirk](story)
                await story.settled()
        if quirk in ARMED and not any(struck is quirk for struck, _ in world.quirks.struck):
            story.wrong.append(f"{quirk} never struck")
        if quirk is not Quirk.REPLACED:
            story.wrong += world.wrongs()
        return story.wrong


async def _a_day(story: Story) -> None:
    """Let customers call and hang up, and agents, too."""
    world = story.world
    world.call("ann")
    world.call("bob")
    await story.settled()
    world.hang_up("ann")
    for number in PHONES:
        world.agent_hangs_up(number)
    await story.settled()
    world.call("cid")


async def _ack_without_effect(story: Story) -> None:
    """Acknowledge a leg that never rings."""
    story.world.quirks.arm(Quirk.ACK_WITHOUT_EFFECT, lambda what: what.startswith("dial"))
    story.world.call("ann")


async def _write_timeout(story: Story) -> None:
    """Send megabytes at once, when the client has just been given work."""
    story.world.call("ann")
    story.world.press("ann", "5" * FLOOD)


async def _dropped(story: Story) -> None:
    """Lose a customer's arrival."""
    story.world.quirks.arm(Quirk.DROPPED, lambda what: what.startswith("StasisStart"))
    story.world.call("ann")


async def _repeated(story: Story) -> None:
    """Tell a customer's arrival twice."""
    story.world.manner(Manner.RINGS)
    story.world.quirks.arm(Quirk.REPEATED, lambda what: what.startswith("StasisStart"))
    story.world.call("ann")
    await story.rings_for("ann")
    await story.world.passes(0.2)
    story.world.manner(Manner.ANSWERS)


async def _crossed(story: Story) -> None:
    """Let a customer's end overtake her arrival, and legs' events their requests' answers."""
    world = story.world
    world.quirks.arm(Quirk.CROSSED, lambda what: what.startswith("StasisStart"))
    world.call("ann")
    world.hang_up("ann")
    await world.passes(0.2)
    world.quirks.arm(Quirk.CROSSED, _is_dial("answer POST channels"))
    world.call("bob")
    world.call("cid")


async def _late_answer(story: Story) -> None:
    """Answer a phone while it is being told to stop, since its customer hung up."""
    world = story.world
    world.manner(Manner.RINGS)
    world.quirks.arm(Quirk.LATE_ANSWER)
    world.call("ann")
    await story.rings_for("ann")
    world.hang_up("ann")
    await world.until(lambda: world.ledger.count(Did.ANSWERED) > 0, story.patience_s)
    world.manner(Manner.ANSWERS)
    world.call("bob")


async def _two_subscriptions(story: Story) -> None:
    """Decline, which is told twice."""
    story.world.manner(Manner.RINGS)
    story.world.call("ann")
    first = await story.rings_for("ann")
    if first:
        story.world.refuse(first, REJECTED)
        await story.rings_for("ann")
        await story.world.passes(0.2)
    story.world.manner(Manner.ANSWERS)


async def _masquerade(story: Story) -> None:
    """Put another channel in a customer's place while it rings for him."""
    world = story.world
    world.manner(Manner.RINGS)
    world.call("ann")
    await story.rings_for("ann")
    world.replace("ann")
    await world.passes(0.2)
    world.manner(Manner.ANSWERS)


async def _error_500(story: Story) -> None:
    """Fail to make a leg, once."""
    story.world.quirks.arm(Quirk.ERROR_500, _is_dial("POST channels"))
    story.world.call("ann")


async def _stops_reading(story: Story) -> None:
    """Go on with events, while requests go into the void."""
    world = story.world
    world.call("ann")
    await story.settled()
    world.hang_up("ann")
    await story.settled()
    world.server.stop_reading()
    world.call("bob")


async def _restart(story: Story) -> None:
    """Start the switch anew while a phone rings."""
    world = story.world
    world.manner(Manner.RINGS)
    world.call("ann")
    await story.rings_for("ann")
    world.exchange.restart()
    await story.connected()
    world.manner(Manner.ANSWERS)
    world.call("bob")
    world.call("cid")


async def _cut(story: Story) -> None:
    """Let an agent answer in vain, and a customer hang up, while the link is cut."""
    world = story.world
    world.manner(Manner.RINGS)
    world.call("ann")
    world.call("bob")
    anns = await story.rings_for("ann")
    await story.rings_for("bob")
    world.server.is_unreachable = True
    world.server.cut()
    world.hang_up("bob")
    if anns:
        world.answer(anns)
    world.call("cid")
    await world.passes(0.1)
    world.server.is_unreachable = False
    await story.connected()
    world.manner(Manner.ANSWERS)


# Stories that start and end the client themselves.


async def _ghost(story: Story) -> None:
    """List a customer who is not there."""
    story.world.ghost()
    async with story.running():
        await story.connected()
        story.world.call("ann")
        story.world.call("bob")
        await story.settled()


async def _survivor(story: Story) -> None:
    """Start the client anew while a customer waits, of whom nothing is told any more."""
    world = story.world
    for number in PHONES:
        world.register(number, on=False)
    async with story.running():
        await story.connected()
        world.call("ann")
        await world.passes(0.2)
    await world.until(lambda: not world.is_connected, SOON_S)
    world.call("bob")
    if not world.in_fallback("bob"):
        story.wrong.append("bob is not treated by the switch's default")
    for number in PHONES:
        world.register(number, on=True)
    async with story.running():
        await story.connected()
        await story.settled()


async def _replaced(story: Story) -> None:
    """Let another client take the application: the first must neither act nor fight for it."""
    world = story.world
    async with story.running():
        await story.connected()
        world.call("ann")
        await story.settled()
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        url = world.server.url.replace("http", "ws", 1) + "/events?app=acd"
        before = world.server.connected
        async with connect(url, additional_headers={"Authorization": f"Basic {login}"}):
            await world.passes(0.1)
            asked = _changes(world)
            world.call("bob")
            world.hang_up("ann")
            await world.passes(min(1.5, story.patience_s))
            story.wrong += [
                f"{one}, after it was replaced" for one in _changes(world)[len(asked) :]
            ]
            if world.server.connected != before + 1:
                story.wrong.append("it connected again after it was replaced")


def _is_dial(begin: str) -> Where:
    return lambda what: what.startswith(begin) and what.count("/") < 2


def _changes(world: World) -> list[str]:
    return [one for one in world.server.rest.requests if not one.startswith("GET")]


STORIES: Final[dict[Quirk, Callable[[Story], Awaitable[None]]]] = {
    Quirk.NONE: _a_day,
    Quirk.ACK_WITHOUT_EFFECT: _ack_without_effect,
    Quirk.WRITE_TIMEOUT: _write_timeout,
    Quirk.DROPPED: _dropped,
    Quirk.REPEATED: _repeated,
    Quirk.CROSSED: _crossed,
    Quirk.LATE_ANSWER: _late_answer,
    Quirk.TWO_SUBSCRIPTIONS: _two_subscriptions,
    Quirk.MASQUERADE: _masquerade,
    Quirk.ERROR_500: _error_500,
    Quirk.STOPS_READING: _stops_reading,
    Quirk.RESTART: _restart,
    Quirk.CUT: _cut,
}
SELF_RUN: Final[dict[Quirk, Callable[[Story], Awaitable[None]]]] = {
    Quirk.GHOST: _ghost,
    Quirk.SURVIVOR: _survivor,
    Quirk.REPLACED: _replaced,
}
