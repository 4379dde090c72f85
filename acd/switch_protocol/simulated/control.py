"""A client of the control socket: for the world that calls and answers, and for auditors."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from acd.errors import UnreachableError
from acd.switch_protocol.simulated import link, wishes
from acd.switch_protocol.simulated.ledger import Line
from acd.switch_protocol.simulated.robots import Span
from acd.switch_protocol.simulated.rudeness import Rule, Rules
from acd.switch_protocol.words import AgentStateWord, DeviceState

POLL_US: Final = 10_000_000
"""How long a reader of the ledger waits before it asks again."""

_Answer = TypeVar("_Answer", bound=wishes.Answer)


class Control:
    """One connection; its calls are made one after the other.

    >>> async def place_one(path):
    ...     control = await Control.connect(path)
    ...     call_id, = await control.place_calls("4000")
    ...     await control.close()
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = link.Frames(msgspec.msgpack.Decoder(wishes.Answer))
        self._answers: list[wishes.Answer] = []
        self._lock = asyncio.Lock()

    @classmethod
    async def connect(cls, path: Path) -> "Control":
        """Return a connection to the control socket at `path`.

        Raises:
            UnreachableError: Nobody is there.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=link.READ_MAX)
        except OSError as error:
            raise UnreachableError(str(path), str(error)) from error
        return cls(reader, writer)

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)

    async def place_calls(
        self,
        dnis: str,
        *,
        ani: str = "",
        user_data: bytes = b"",
        patience_us: int | None = None,
        count: int = 1,
    ) -> tuple[str, ...]:
        """Let customers call; return their calls' ids."""
        wish = wishes.PlaceCalls(
            dnis=dnis, ani=ani, user_data=user_data, patience_us=patience_us, count=count
        )
        return (await self._ask(wish, wishes.Placed)).call_ids

    async def hang_up_customer(self, call_id: str) -> bool:
        """Let a customer hang up; return whether he was there."""
        return await self._do(wishes.HangUpCustomer(call_id=call_id))

    async def press(self, device: str, press: wishes.Press) -> bool:
        """Let an agent do something at his phone; return whether he could."""
        return await self._do(wishes.UsePhone(device=device, press=press))

    async def set_agent(self, device: str, state: AgentStateWord, reason: str = "") -> bool:
        """Let an agent log on or off, or be ready or not; return whether the phone exists."""
        return await self._do(wishes.SetAgent(device=device, state=state, reason=reason))

    async def set_device(self, device: str, state: DeviceState) -> bool:
        """Put a phone in or out of service, or into a private call."""
        return await self._do(wishes.SetDevice(device=device, state=state))

    async def add_phones(self, devices: Sequence[str]) -> None:
        """Set up phones, in service."""
        for start in range(0, len(devices), wishes.DEVICES_AT_ONCE_MAX):
            some = tuple(devices[start : start + wishes.DEVICES_AT_ONCE_MAX])
            await self._do(wishes.AddPhones(devices=some))

    async def automate(
        self, devices: Sequence[str], *, answer_us: Span | None, talk_us: Span | None
    ) -> None:
        """Let phones answer after, and talk for, a time drawn from a span; None ends that."""
        for start in range(0, len(devices), wishes.DEVICES_AT_ONCE_MAX):
            some = tuple(devices[start : start + wishes.DEVICES_AT_ONCE_MAX])
            await self._do(wishes.Automate(devices=some, answer_us=answer_us, talk_us=talk_us))

    async def be_rude(self, *rules: Rule, seed: int = 0) -> None:
        """Have the switch be rude by these rules only."""
        await self._do(wishes.BeRude(rules=Rules(rules, seed)))

    async def cut_link(self) -> bool:
        """Cut the daemon's link; return whether there was one."""
        return await self._do(wishes.CutLink())

    async def state(self) -> wishes.State:
        """Return how much is going on."""
        return await self._ask(wishes.ReadState(), wishes.State)

    async def ledger(self, after: int = 0) -> list[Line]:
        """Return all lines that there are after a number, oldest first."""
        found: list[Line] = []
        while True:
            wish = wishes.ReadLedger(after=found[-1].number if found else after)
            lines = (await self._ask(wish, wishes.Lines)).lines
            if not lines:
                return found
            found += lines

    async def follow(self, after: int = 0) -> AsyncGenerator[Line, None]:
        """Yield the lines after a number, and then each new one. Needs a connection of its own."""
        while True:
            wish = wishes.ReadLedger(after=after, wait_us=POLL_US)
            for line in (await self._ask(wish, wishes.Lines)).lines:
                after = line.number
                yield line

    async def _do(self, wish: wishes.Wish) -> bool:
        return (await self._ask(wish, wishes.Done)).happened

    async def _ask(self, wish: wishes.Wish, kind: type[_Answer]) -> _Answer:
        async with self._lock:
            self._writer.write(link.framed(wish))
            await self._writer.drain()
            while not self._answers:
                data = await self._reader.read(link.READ_MAX)
                if not data:
                    raise UnreachableError("the switch's control socket", "it closed the link")
                self._answers += self._frames.feed(data)
            answer = self._answers.pop(0)
        assert isinstance(answer, kind)
        return answer
