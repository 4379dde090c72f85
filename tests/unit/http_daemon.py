"""A daemon as HTTP sees it: a real owner on a real journal, behind a real server on a free port."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from acd.daemon.clock import Clock
from acd.daemon.context.lookups import Lookups
from acd.daemon.context.port import ContextSource
from acd.daemon.customers import Customers
from acd.daemon.history import History
from acd.daemon.http.server import HttpServer
from acd.daemon.http.tokens import Role, Tokens, new_token
from acd.daemon.keys import Keys
from acd.daemon.live import Live
from acd.daemon.numbers import Numbers
from acd.daemon.owner import Owner
from acd.daemon.settings import Anonymous, CustomerSettings, HistorySettings, HttpSettings
from acd.errors import StorageError
from acd.journal.file import JournalFile
from acd.journal.records import Entry
from acd.router import Router
from acd.settings import DomainSettings
from tests.unit.shop import SHOP

DEADLINE_S: Final = 10.0
"""How long anything may take that is waited for."""

TLS: Final = httpx.create_ssl_context()
"""Made once: to read the authorities' certificates takes 80 ms, and no client here speaks TLS."""

LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)


class House:
    """The daemon, its address, and a token of each kind."""

    def __init__(
        self,
        folder: Path,
        domain: DomainSettings,
        http: HttpSettings,
        customers: CustomerSettings | None,
        sources: Sequence[ContextSource],
    ) -> None:
        assert http.tokens is not None
        self.customers = Customers(customers, domain)
        self.domain = domain
        self.http = http
        self.secrets: dict[str, str] = {}
        self._tables: dict[str, str] = {}
        for agent in domain.agents:
            self.add(agent.agent_id, Role.AGENT, agent=agent.agent_id)
        self.add("form", Role.PRODUCER)
        self.add("chef", Role.SUPERVISOR)
        self.add("expired", Role.SUPERVISOR, expires=LONG_AGO)
        self.add("other", Role.SUPERVISOR, domain="elsewhere")
        self.tokens = Tokens(http.tokens)
        self.registry = CollectorRegistry()
        self.reasons: list[str] = []
        self.controls = False
        self.numbers = Numbers()
        self.journal = JournalFile.open(folder / "journal.db", settings=domain)
        self.owner = Owner(Router(domain), self.journal, Clock(), Keys())
        self.live = Live(self.owner, lambda: self.domain)
        self.history_errors: list[StorageError] = []
        self.history = History(
            HistorySettings(path=folder / "history.db"),
            self.journal.journal_id,
            domain,
            self.history_errors.append,
        )
        self.lookups = Lookups(sources, timeout_s=1.0, registry=self.registry)
        self.url = ""

    def can_control(self) -> bool:
        """Return whether the switch, of which only events are told here, can give calls further."""
        return self.controls

    def ready(self) -> list[str]:
        """Return why it is not ready."""
        return self.reasons

    def add(
        self,
        name: str,
        role: Role,
        *,
        domain: str = "shop",
        agent: str = "",
        expires: datetime | None = None,
    ) -> None:
        """Put a token into the file."""
        secret, table = new_token(name=name, role=role, domain=domain, agent=agent, expires=expires)
        self.secrets[name] = secret
        self._tables[name] = table
        self._write()

    def remove(self, name: str) -> None:
        """Take a token out of the file."""
        del self._tables[name]
        self._write()

    def _write(self) -> None:
        assert self.http.tokens is not None
        self.http.tokens.write_text("".join(self._tables.values()))

    def client(self, name: str = "") -> httpx.AsyncClient:
        """Return a client with a token, or without one."""
        headers = {"Authorization": f"Bearer {self.secrets.get(name, name)}"} if name else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=DEADLINE_S, verify=TLS)

    def socket(self, path: str, name: str, *, browser: bool = False, **more: Any) -> connect:
        """Return a WebSocket to be opened, with the token where programs or browsers put it."""
        secret = self.secrets.get(name, name)
        address = f"ws{self.url.removeprefix('http')}{path}"
        if browser:
            protocols = [Subprotocol("acd"), Subprotocol(f"acd.bearer.{secret}")]
            return connect(address, subprotocols=protocols, compression=None, **more)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return connect(address, additional_headers=headers, compression=None, **more)


@asynccontextmanager
async def house(
    folder: Path,
    *,
    domain: DomainSettings = SHOP,
    anonymous: Anonymous = Anonymous.NONE,
    hosts: tuple[str, ...] = (),
    agents_at_work: bool = False,
    within_s: float = 60.0,
    customers: CustomerSettings | None = None,
    sources: Sequence[ContextSource] = (),
) -> AsyncIterator[House]:
    """Run a daemon while the block runs."""
    http = HttpSettings(port=0, tokens=folder / "tokens.toml", anonymous=anonymous, hosts=hosts)
    made = House(folder, domain, http, customers, sources)
    made.owner.start()
    made.owner.subscribe(made.history.fold)
    made.history.start(nothing_before)
    pump = asyncio.create_task(made.live.run())
    server = HttpServer(made)
    made.url = await server.start()
    try:
        async with asyncio.timeout(within_s):
            if agents_at_work:
                for agent in domain.agents:
                    await work(made, agent.agent_id)
            yield made
    finally:
        await server.close()
        await made.lookups.close()
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        await made.owner.close()
        await made.history.close()


async def nothing_before(number: int) -> tuple[Entry, ...]:
    """Return what the journal has from a number on, for a history that hears everything."""
    del number
    return ()


async def work(made: House, agent_id: str) -> None:
    """Have an agent log in and be ready."""
    async with made.client(agent_id) as client:
        for state in ("logged_in", "ready"):
            answer = await client.post(f"/v1/agents/{agent_id}/state", json={"state": state})
            assert answer.status_code == 200, answer.text


async def bring(made: House, key: str, **more: Any) -> httpx.Response:
    """Bring a chat."""
    async with made.client("form") as client:
        body = {"queue": "sales", "channel": "chat", **more}
        return await client.post("/v1/contacts", json=body, headers={"Idempotency-Key": key})


async def heard(socket: ClientConnection) -> dict[str, Any]:
    """Return a WebSocket's next message."""
    async with asyncio.timeout(DEADLINE_S):
        message = await socket.recv()
    decoded: dict[str, Any] = msgspec.json.decode(message)
    return decoded


async def closed(socket: ClientConnection) -> int:
    """Return the code with which a WebSocket is closed, after what else it says; 1006 for none."""
    try:
        while True:
            await heard(socket)
    except ConnectionClosed as error:
        return 1006 if error.rcvd is None else error.rcvd.code


async def heard_until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """Return a WebSocket's messages up to the first of a kind."""
    messages = [await heard(socket)]
    while messages[-1]["type"] != kind:
        messages.append(await heard(socket))
    return messages


def soon() -> datetime:
    """Return an instant in the next second, and not this one."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
