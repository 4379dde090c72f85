"""A test call: what does a caller get when the daemon does not have his call?

The dialplan cannot be read by ARI, so it is tried: a Local channel calls a number as a customer
does, and is watched until the line after `Stasis()` has it. The caller's end is ours, under a
name of our own; the daemon's name is not taken. Where a daemon is or may be connected, only a
number that has no queue is called: the daemon hands it back, and no agent's phone rings.
"""

import asyncio
from typing import Final, TypeAlias

from acd.errors import shown
from acd.switch_protocol.ari.asking import Asking, decoded, shown_answer
from acd.switch_protocol.ari.channel_facts import CALL
from acd.switch_protocol.ari.findings import Verdict
from acd.switch_protocol.ari.frames import Channel
from acd.switch_protocol.ari.line import NOT_FOUND

WAIT_S: Final = 15.0
"""How long the call may take to come out of `Stasis()`: digits may be collected before it."""

TAKEN_S: Final = 3.0
"""After how long in the application a call was taken by a daemon."""

STAYS_S: Final = 0.5
"""How long the fallback must keep the caller at least, to be one."""

LOOK_S: Final = 0.02

CALLER: Final = "acd-check"

Outcome: TypeAlias = tuple[Verdict, str]


class Trial:
    """One test call.

    Args:
        asking: Asks Asterisk.
        app: The daemon's application.
        own: Our own, which is connected.
        call: The id of our end; the caller's is made from it.
    """

    def __init__(self, asking: Asking, *, app: str, own: str, call: str) -> None:
        self._asking = asking
        self._app = app
        self._own = own
        self._ours = call
        self._caller = f"{call}-caller"
        self.channel: Channel | None = None
        """The caller's channel as it was seen last."""

    async def run(self, number: str, context: str) -> Outcome:
        """Place it, watch it, and end it.

        Args:
            number: What is called.
            context: Where in the dialplan.
        """
        response = await self._asking.ask(
            "POST",
            *("channels", self._ours),
            endpoint=f"Local/{number}@{context}/n",
            app=self._own,
            appArgs="check",
            otherChannelId=self._caller,
            callerId=CALLER,
            timeout=f"{WAIT_S:.0f}",
        )
        if not response.is_good:
            return (Verdict.FAILED, f"no call can be placed: {shown_answer(response)}")
        try:
            return await self._watch(number, context)
        finally:
            # Whichever end is still there takes the other one with it.
            await self._asking.ask("DELETE", "channels", self._caller)
            await self._asking.ask("DELETE", "channels", self._ours)

    async def _watch(self, number: str, context: str) -> Outcome:
        where = f"{shown(number)} in {shown(context)}"
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        entered_s: float | None = None
        while loop.time() - began_s < WAIT_S:
            status = await self._variable("STASISSTATUS")
            if status:
                return await self._follow(status)
            if await self._look() is None:
                return (Verdict.FAILED, f"{where} {self._vanished()}")
            if self._is_taken():
                entered_s = entered_s or loop.time()
                if loop.time() - entered_s > TAKEN_S:
                    return (Verdict.HINT, "a daemon has taken the call, and keeps it")
            await asyncio.sleep(LOOK_S)
        wanted = f"Stasis({self._app},{CALL})"
        return (Verdict.FAILED, f"{where} does not come to {wanted}{self._place()}")

    async def _follow(self, status: str) -> Outcome:
        """See where the caller is once the application does not have him."""
        why = "no daemon was there" if status == "FAILED" else "the daemon handed the call back"
        loop = asyncio.get_running_loop()
        until_s = loop.time() + STAYS_S
        while loop.time() < until_s:
            if await self._look() is None:
                return (Verdict.FAILED, f"{why}, and the caller was hung up{self._place()}")
            await asyncio.sleep(LOOK_S)
        return (Verdict.OK, f"{why}, and the caller goes on{self._place()}")

    def _is_taken(self) -> bool:
        plan = None if self.channel is None else self.channel.dialplan
        return (
            plan is not None
            and plan.app_name == "Stasis"
            and plan.app_data.partition(",")[0] == self._app
        )

    async def _look(self) -> Channel | None:
        """Return the caller's channel; None if it is over."""
        response = await self._asking.ask("GET", "channels", self._caller)
        if response.status == NOT_FOUND:
            return None
        self.channel = decoded(response, Channel) or self.channel
        return self.channel

    async def _variable(self, name: str) -> str:
        """Return a variable of the caller's channel; "" if it is not set."""
        path = ("channels", self._caller, "variable")
        found = decoded(await self._asking.ask("GET", *path, variable=name), dict[str, str])
        return "" if found is None else found.get("value", "")

    def _vanished(self) -> str:
        # A channel may be seen before the dialplan has it, without a step.
        if self.channel is None or not self.channel.dialplan.app_name:
            return "does not exist, or hangs up at once"
        return f"hangs up{self._place()}: wanted a line behind Stasis() that takes the caller"

    def _place(self) -> str:
        """Return where in the dialplan the caller was seen last."""
        if self.channel is None:
            return ""
        plan = self.channel.dialplan
        step = shown(f"{plan.app_name}({plan.app_data})")
        return f", at {shown(f'{plan.context},{plan.exten}')} with {step}"
