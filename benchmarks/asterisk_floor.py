"""The floor beside which `asterisk_gap` measures: routing on Asterisk as a bare script.

It has no journal, no skills, no queue but one, no time-outs, and believes that nothing goes wrong:
who waits longest gets the agent whose telephone just hung up, by the fewest requests that do it,
all of them on the WebSocket. What it takes is what Asterisk, the network and a Python process take.

    python -m benchmarks.asterisk_floor URL PASSWORD_FILE PHONE...    # by asterisk_gap
"""

import asyncio
import base64
import sys
from collections import deque
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect

APP: Final = "floor"
UNWANTED: Final = ("ChannelVarset", "ChannelDialplan", "Dial", "ChannelConnectedLine")


class Script:
    """Who waits, who is free, who talks to whom.

    Args:
        socket: To Asterisk.
        phones: The agents'.
    """

    def __init__(self, socket: ClientConnection, phones: list[str]) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._waiting: deque[str] = deque()
        self._free = deque(phones)
        self._legs: dict[str, tuple[str, str]] = {}
        """Phone and customer of each channel that was dialled."""

    async def run(self) -> None:
        """Set the filter, and react to events until the link ends."""
        unwanted = [{"type": one} for one in UNWANTED]
        body = msgspec.json.encode({"disallowed": unwanted}).decode()
        await self._ask("PUT", f"applications/{APP}/eventFilter", body=body)
        print("ready", flush=True)
        async for frame in self._socket:
            event: dict[str, Any] = msgspec.json.decode(frame)
            if event["type"] == "StasisStart":
                await self._came(event["channel"]["id"])
            elif event["type"] == "ChannelHangupRequest":
                await self._over(event["channel"]["id"])

    async def _came(self, channel: str) -> None:
        if channel not in self._legs:
            self._waiting.append(channel)
            await self._offer()
            return
        customer = self._legs[channel][1]
        await self._ask("POST", f"bridges/{channel}", type="mixing")
        await self._ask("DELETE", f"channels/{customer}/moh")
        await self._ask("POST", f"bridges/{channel}/addChannel", channel=f"{customer},{channel}")

    async def _over(self, channel: str) -> None:
        if channel in self._legs:
            phone, customer = self._legs.pop(channel)
            self._free.append(phone)
            await self._offer()
            await self._ask("DELETE", f"channels/{customer}")
            await self._ask("DELETE", f"bridges/{channel}")

    async def _offer(self) -> None:
        if not self._waiting or not self._free:
            return
        phone, customer = self._free.popleft(), self._waiting.popleft()
        channel = f"floor-{next(self._numbers)}"
        self._legs[channel] = phone, customer
        given = {"endpoint": f"PJSIP/{phone}", "app": APP, "originator": customer}
        await self._ask("POST", f"channels/{channel}", **given)

    async def _ask(self, method: str, uri: str, *, body: str = "", **query: str) -> None:
        question = {
            "type": "RESTRequest",
            "request_id": "1",
            "transaction_id": "1",
            "method": method,
            "uri": uri,
            "query_strings": [{"name": name, "value": value} for name, value in query.items()],
        }
        if body:
            question |= {"content_type": "application/json", "message_body": body}
        await self._socket.send(msgspec.json.encode(question), text=True)


async def main(url: str, password: str, phones: list[str]) -> None:
    """Connect, and route until ended."""
    token = base64.b64encode(f"acd:{password}".encode()).decode()
    where = f"ws{url.removeprefix('http')}/events?app={APP}"
    headers = {"Authorization": f"Basic {token}"}
    async with connect(where, additional_headers=headers, compression=None, proxy=None) as socket:
        await Script(socket, phones).run()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        secret = Path(sys.argv[2]).read_text().strip()
        runner.run(main(sys.argv[1], secret, sys.argv[3:]))
