"""The world around the exchange, as a test moves it: customers, agents' phones, and a judge.

    async with World(("101", "102")) as world:
        world.call("eve")                       # a customer comes in
        await world.until(lambda: world.talks("eve"))
        world.hang_up("eve")
        assert not world.wrongs()

Customers are known by names: a channel that takes another's place is the same customer.
"""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from tests.ari_emulator.channels import Channel, Json, Manner, Phone
from tests.ari_emulator.exchange import NORMAL, Exchange
from tests.ari_emulator.ledger import Did
from tests.ari_emulator.quirks import Quirks
from tests.ari_emulator.server import Server

CONTEXT = "in"
USER = "acd"
PASSWORD = "w5Tq-emulated"


class World:
    """An exchange with its server, its phones and its customers.

    Args:
        phones: Their numbers.
        quirks: Which strike when; none if not given.
        app: The application that the dialplan hands customers to.
        rings_max: At how many phones a customer may ring at once.
    """

    def __init__(
        self,
        phones: Iterable[str],
        quirks: Quirks | None = None,
        *,
        app: str = "acd",
        rings_max: int = 1,
    ) -> None:
        self.quirks = quirks or Quirks()
        self.exchange = Exchange(phones, self.quirks)
        self.ledger = self.exchange.ledger
        self.ledger.rings_max = rings_max
        self.server = Server(self.exchange, user=USER, password=PASSWORD)
        self.dialling = self.server.rest.dialling
        self.app = app
        self._changed = asyncio.Event()
        self.exchange.changed.append(self._changed.set)
        self._number = 0
        self.customers: list[str] = []

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.server.close()

    # Time.

    async def until(self, holds: Callable[[], bool], within_s: float = 5.0) -> bool:
        """Wait until something holds; return whether it came to that in time."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        while not holds():
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, end_s - loop.time()))
            except TimeoutError:
                return holds()
        return True

    async def passes(self, span_s: float) -> None:
        """Let time pass."""
        await self.until(lambda: False, span_s)

    @property
    def is_connected(self) -> bool:
        app = self.exchange.apps.get(self.app)
        return app is not None and app.listener is not None

    # Customers.

    def call(self, name: str, *, dnis: str = "4000", ani: str = "5551234") -> Channel:
        """Let a customer call: into the application, or the fallback if nobody has it."""
        self._number += 1
        channel = Channel(f"17000000{self._number}.{self._number}", "PJSIP/trunk")
        channel.name = self.exchange.name("PJSIP/trunk")
        channel.customer, channel.caller, channel.state = name, (name, ani), "Up"
        channel.plan = (CONTEXT, dnis, 4, "", "")
        channel.variables = {"ACD_DNIS": dnis, "ACD_ENTRY": "1"}
        self.exchange.channels[channel.id] = channel
        self.customers.append(name)
        self.ledger.note(Did.CALLED, channel)
        if not self.exchange.enter(channel, self.app, ("call",)):
            self.exchange.go_on(channel)
        return channel

    def channel_of(self, name: str) -> Channel | None:
        """Return a customer's channel; None if he is gone."""
        there = self.exchange.channels.values()
        return next((one for one in there if one.customer == name and not one.is_leg), None)

    def hang_up(self, name: str) -> None:
        """Let a customer hang up."""
        channel = self.channel_of(name)
        if channel is not None:
            self.ledger.note(Did.HUNG_UP, channel)
            self.exchange.request_end(channel, NORMAL)
            self.exchange.end(channel, NORMAL)

    def press(self, name: str, keys: str) -> None:
        """Let a customer press keys."""
        channel = self.channel_of(name)
        for key in keys if channel is not None else "":
            assert channel is not None
            self.exchange.tell("ChannelDtmfReceived", channel, digit=key, duration_ms=100)

    def replace(self, name: str) -> Channel:
        """Let another channel take a customer's place, as an attended transfer to us does."""
        channel = self.channel_of(name)
        assert channel is not None
        self._number += 1
        return self.exchange.replace(channel, f"17000000{self._number}.{self._number}")

    # Agents at their phones.

    def phone(self, number: str) -> Phone:
        return self.exchange.phones[number]

    def leg_at(self, number: str, *, state: str = "") -> Channel | None:
        """Return a leg at a phone, perhaps only one in a state."""
        legs = [one for one in self.phone(number).channels if one.is_leg]
        return next((one for one in legs if state in {"", one.state}), None)

    def manner(self, manner: Manner, *numbers: str) -> None:
        """Let phones react in a manner from now on; those that ring do it now."""
        for number in numbers or tuple(self.exchange.phones):
            self.phone(number).manner = manner
            leg = self.leg_at(number, state="Ringing")
            if leg is not None and manner is Manner.ANSWERS:
                self.dialling.answer(leg)

    def answer(self, number: str) -> None:
        leg = self.leg_at(number, state="Ringing")
        if leg is not None:
            self.dialling.answer(leg)

    def refuse(self, number: str, cause: int) -> None:
        """Let a ringing phone refuse: 17 for busy, 21 for declined."""
        leg = self.leg_at(number, state="Ringing")
        if leg is not None:
            self.dialling.fail(leg, cause)

    def agent_hangs_up(self, number: str) -> None:
        leg = self.leg_at(number, state="Up")
        if leg is not None:
            self.ledger.note(Did.HUNG_UP, leg)
            self.dialling.hang_up(leg)

    def hold(self, number: str, *, on: bool) -> None:
        leg = self.leg_at(number, state="Up")
        if leg is not None:
            self.dialling.hold(leg, on=on)

    def register(self, number: str, *, on: bool) -> None:
        """Let a phone come or go."""
        self.phone(number).is_registered = on
        self.exchange.tell_endpoint(self.phone(number))
        self.exchange.happened()

    def private_call(self, number: str) -> Channel:
        """Let an agent call somebody by himself."""
        channel = self.dialling.make(self.exchange.name("private"), self.phone(number))
        channel.state = "Up"
        self.exchange.tell("ChannelStateChange", channel)
        return channel

    def end_private_call(self, number: str) -> None:
        for channel in tuple(self.phone(number).channels):
            if not channel.is_leg:
                self.exchange.end(channel, NORMAL)

    def dial_code(self, number: str, word: str, reason: str = "") -> Channel:
        """Let an agent dial a feature code: `Stasis(acd,agent,word,phone,reason)`."""
        channel = self.dialling.make(self.exchange.name("code"), self.phone(number))
        channel.state = "Up"
        if not self.exchange.enter(channel, self.app, ("agent", word, number, reason)):
            self.exchange.end(channel, NORMAL)
        return channel

    # The switch.

    def ghost(self, *, dnis: str = "4000") -> Json:
        """List a customer's channel from now on that is not there."""
        channel = Channel(f"16999999{len(self.exchange.ghosts)}.1", "PJSIP/trunk-000000ff")
        channel.state, channel.caller = "Up", ("ghost", "5550000")
        channel.plan = (CONTEXT, dnis, 4, "Stasis", f"{self.app},call")
        channel.variables = {"ACD_DNIS": dnis, "ACD_ENTRY": "1"}
        self.exchange.ghosts.append(channel.json())
        return channel.json()

    # The judge.

    def talks(self, name: str) -> bool:
        """Return whether a customer is in a bridge with an agent."""
        channel = self.channel_of(name)
        bridge = channel.bridge if channel is not None else None
        return bridge is not None and any(
            one.is_leg and one.state == "Up" and one.customer == name for one in bridge.channels
        )

    def waits(self, name: str) -> bool:
        """Return whether a customer is in the application and talks with nobody."""
        channel = self.channel_of(name)
        return channel is not None and bool(channel.app) and not self.talks(name)

    def in_fallback(self, name: str) -> bool:
        channel = self.channel_of(name)
        return channel is not None and not channel.app

    def free_phones(self) -> list[str]:
        """Return the phones that would answer, and have nothing to do."""
        return [
            phone.number
            for phone in self.exchange.phones.values()
            if phone.is_registered and not phone.channels and phone.manner is Manner.ANSWERS
        ]

    def unsettled(self) -> list[str]:
        """Return what is not right as it stands; it may become so in a moment."""
        free = self.free_phones()
        wrong = [
            f"{name} waits, and {free} have nothing to do"
            for name in self.customers
            if free and self.waits(name)
        ]
        for channel in self.exchange.channels.values():
            if channel.is_leg and channel.phone is not None:
                where = f"phone {channel.phone.number}"
                if self.channel_of(channel.customer) is None:
                    wrong.append(f"{where} has {channel.id}, and {channel.customer} is gone")
                elif channel.state == "Up" and not self._is_with_customer(channel):
                    wrong.append(f"{where} has {channel.id}, and talks with nobody")
        return wrong

    def _is_with_customer(self, leg: Channel) -> bool:
        others = leg.bridge.channels if leg.bridge else []
        return any(one.customer == leg.customer and not one.is_leg for one in others)

    def wrongs(self) -> list[str]:
        """Return all that is wrong: what was once, and what is now."""
        return [*self.ledger.faults, *self.exchange.violations, *self.unsettled()]

    async def settles(self, within_s: float, *, stays_s: float = 0.15) -> bool:
        """Wait until nothing is unsettled, and has not been for a while."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        while await self.until(lambda: not self.unsettled(), end_s - loop.time()):
            if not await self.until(lambda: bool(self.unsettled()), stays_s):
                return True
        return False
