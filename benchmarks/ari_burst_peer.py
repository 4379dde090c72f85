"""The switch of `bench_ari_burst`, a process of its own: it speaks ARI, and tells of calls.

A call is eight events: it comes; its agent's phone rings, answers, and is joined with it; the phone
hangs up; the call is over. Fifty calls go on at once, each a step further in turn. Every request is
answered at once, in order. Each line of stdin is an order, `RATE COUNT`: so many events of calls
that go on, so many a second; or with the rate 0 events of calls that only come and go, made before
and sent as fast as they are taken. It prints its port, and a line before it sends.

    python -m benchmarks.ari_burst_peer    # by bench_ari_burst
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from websockets.asyncio.server import ServerConnection, serve

APP: Final = "acd"
PREFIX: Final = "1795693829."
"""Of the customers' channels; then comes the call's number."""
TOGETHER: Final = 50
"""Calls that go on at once, and phones."""
STEPS: Final = 8
TICK_S: Final = 0.01
INFO: Final = {
    "system": {"version": "22.10.1", "entity_id": "02:00:00:00:00:01"},
    "status": {"startup_time": "2026-11-26T00:00:00.000+0000"},
}


def phone(number: int) -> str:
    """Return the phone at which a call rings."""
    return str(101 + number % TOGETHER)


def offer(number: int) -> str:
    """Return the id of a call's offer."""
    return f"offer-{number}"


def channel(name: str, where: str, state: str, variables: dict[str, str]) -> dict[str, Any]:
    """Return a channel as Asterisk describes it."""
    return {
        "id": name,
        "name": where,
        "state": state,
        "protocol_id": "b1c7f6b2-0f8e-4c0e-9d57-2a2f6d1f9f5e",
        "caller": {"name": "Ada", "number": "+4930123"},
        "connected": {"name": "", "number": ""},
        "accountcode": "",
        "dialplan": {
            "context": "from-customers",
            "exten": "4000",
            "priority": 9,
            "app_name": "Stasis",
            "app_data": f"{APP},call",
        },
        "creationtime": "2026-11-26T07:51:28.896+0000",
        "language": "en",
        "channelvars": variables,
        "caller_rdnis": "",
    }


def customer(number: int) -> dict[str, Any]:
    """Return a customer's channel; its user-to-user data say when it was made."""
    made = {"ACD_DNIS": "4000", "ACD_UUI": str(time.monotonic_ns())}
    return channel(f"{PREFIX}{number}", f"PJSIP/trunk-{number:08x}", "Up", made)


def leg(number: int, state: str) -> dict[str, Any]:
    """Return the channel of an agent's phone."""
    device = phone(number)
    made = {
        "ACD_APP": APP,
        "ACD_CALL": f"{PREFIX}{number}",
        "ACD_OFFER": offer(number),
        "ACD_DEVICE": device,
        "ACD_PURPOSE": "offer",
    }
    return channel(offer(number), f"PJSIP/{device}-{number:08x}", state, made)


def event(number: int, step: int) -> str:
    """Return one of a call's eight events."""
    bridge = {"id": f"{offer(number)}.talk", "bridge_type": "mixing", "name": APP, "channels": []}
    told: dict[str, Any]
    match step:
        case 0:
            told = {"type": "StasisStart", "args": ["call"], "channel": customer(number)}
        case 1:
            told = {"type": "ChannelStateChange", "channel": leg(number, "Ringing")}
        case 2:
            told = {"type": "StasisStart", "args": ["leg"], "channel": leg(number, "Up")}
        case 3:
            told = {"type": "ChannelEnteredBridge", "channel": customer(number), "bridge": bridge}
        case 4:
            told = {"type": "ChannelEnteredBridge", "channel": leg(number, "Up"), "bridge": bridge}
        case 5:
            told = {"type": "ChannelHangupRequest", "channel": leg(number, "Up")}
        case 6:
            told = {"type": "ChannelDestroyed", "cause": 16, "channel": leg(number, "Up")}
        case _:
            told = {"type": "StasisEnd", "channel": customer(number)}
    same = {"timestamp": "2026-11-26T07:51:28.896+0000", "application": APP, "asterisk_id": "02:00"}
    return msgspec.json.encode({**told, **same}).decode()


def steps(first: int, count: int, each: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Return call and step of so many events, in order.

    Args:
        first: Number of the first call.
        count: Of the events; a multiple of those that `TOGETHER` calls have.
        each: The steps of a call.
    """
    for block in range(first, first + count // len(each), TOGETHER):
        for step in each:
            for number in range(block, block + TOGETHER):
                yield number, step


WHOLE: Final = tuple(range(STEPS))
BARE: Final = (0, STEPS - 1)
"""Of calls that only come and go."""


class Peer:
    """One Asterisk, for one link."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._call = 0

    async def serve(self, socket: ServerConnection) -> None:
        """Answer requests while orders are carried out."""
        ordered = asyncio.ensure_future(self._obey(socket))
        async for text in socket:
            asked = msgspec.json.decode(text)
            body: Any = INFO if asked["uri"] == "asterisk/info" else []
            answer = {
                "type": "RESTResponse",
                "request_id": asked["request_id"],
                "uri": asked["uri"],
                "status_code": 200,
                "reason_phrase": "OK",
                "message_body": msgspec.json.encode(body).decode(),
            }
            await socket.send(msgspec.json.encode(answer), text=True)
        await ordered
        self.over.set()

    async def _obey(self, socket: ServerConnection) -> None:
        while line := await asyncio.to_thread(sys.stdin.readline):
            rate, count = map(int, line.split())
            if rate:
                print("sending", flush=True)
                await self._paced(socket, rate, count)
            else:
                made = [event(*one) for one in steps(self._call, count, BARE)]
                self._call += count // len(BARE)
                print("sending", flush=True)
                for frame in made:
                    await socket.send(frame)

    async def _paced(self, socket: ServerConnection, rate: int, count: int) -> None:
        loop = asyncio.get_running_loop()
        following = steps(self._call, count, WHOLE)
        self._call += count // STEPS
        began_s = loop.time()
        for sent in range(0, count, tick := int(rate * TICK_S)):
            due = loop.create_future()
            loop.call_at(began_s + sent / rate, due.set_result, None)
            await due
            for number, step in itertools.islice(following, tick):
                await socket.send(event(number, step))


async def main() -> None:
    """Listen, until the link that came has ended."""
    peer = Peer()
    async with serve(peer.serve, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await peer.over.wait()


if __name__ == "__main__":
    asyncio.run(main())
