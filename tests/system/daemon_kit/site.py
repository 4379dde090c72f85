"""A site for tests: a folder with a configuration and tokens, and the daemon as a process of it.

The daemon is the command `acd serve` as an operator starts it. Whoever tests looks at it from the
outside only: HTTP, WebSockets, the exit code and what it prints.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import httpx

from acd.daemon.http.tokens import Role, new_token

ACD: Final = Path(sys.executable).with_name("acd")

CONFIG: Final = """\
[domain]
name = "site"

[queues.chats]
exclusion_s = 1
[queues.chats.chat]
ring_s = {ring_s}
[queues.calls]
exclusion_s = 1
[queues.calls.voice]
ring_s = {ring_s}

[capacities.one]
voice = {{ cost = 50 }}
chat = {{ cost = 50 }}

[[profiles.all]]
queue = "chats"
[[profiles.all]]
queue = "calls"

[groups.team]
members = {agents}
profile = "all"
capacity = "one"

[daemon]
state = "{state}"
[daemon.journal]
snapshot_entries = {snapshot_entries}
snapshot_s = 5
[daemon.http]
port = 0
tokens = "tokens.toml"
"""

SWITCH: Final = """
[daemon.switch]
kind = "simulated"
routes = {{ "4000" = "calls" }}
options = {{ socket = "{socket}" }}
"""

AnySite = TypeVar("AnySite", bound="Site")

START_S: Final = 60.0
"""How long the daemon may take to be ready."""


class Site:
    """A folder, and the daemon that runs in it."""

    def __init__(
        self,
        folder: Path,
        *,
        agents: int = 4,
        ring_s: float = 15,
        state: str = "state",
        snapshot_entries: int = 100_000,
        socket: Path | None = None,
    ) -> None:
        self.folder = folder
        self.config = folder / "site.toml"
        text = CONFIG.format(
            agents=agents, ring_s=ring_s, state=state, snapshot_entries=snapshot_entries
        )
        if socket is not None:
            text += SWITCH.format(socket=socket)
        self.config.write_text(text)
        self.agents = [f"team-{number:03}" for number in range(1, agents + 1)]
        self.secrets: dict[str, str] = {}
        tables = []
        for name, role in (("producer", Role.PRODUCER), ("supervisor", Role.SUPERVISOR)):
            self.secrets[name], table = new_token(name=name, role=role, domain="site")
            tables.append(table)
        for agent in self.agents:
            self.secrets[agent], table = new_token(
                name=agent, role=Role.AGENT, domain="site", agent=agent
            )
            tables.append(table)
        (folder / "tokens.toml").write_text("\n".join(tables))
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    @property
    def journal(self) -> Path:
        """Return the journal's path."""
        found = next(self.folder.rglob("journal.db"), None)
        assert found is not None
        return found

    def start(
        self, *, by: Sequence[str | Path] = (), command: Sequence[str | Path] = (ACD,)
    ) -> str:
        """Start the daemon, wait until it is ready, and return its address.

        Args:
            by: What starts it in its turn, as strace does.
            command: What is started instead of `acd`.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*by, *command, "serve", self.config],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=kept,
            )
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], START_S)
        line = self.process.stdout.readline() if readable else ""
        words = [word for word in line.split() if word.startswith("http")]
        assert words, f"not ready: {line!r} {self.log()[-2_000:]}"
        self.url = words[0]
        return self.url

    def log(self) -> str:
        """Return what the daemon wrote to stderr, in all of its lives."""
        return (self.folder / "log").read_text()

    def signal(self, number: signal.Signals) -> None:
        """Send the daemon a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End the daemon as a power cut ends a process."""
        assert self.process is not None
        self.process.kill()
        self.wait()

    def stop(self) -> int:
        """Ask the daemon to end, and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self, timeout_s: float = 30.0) -> int:
        """Wait for the daemon's end, and return its exit code."""
        assert self.process is not None
        code = self.process.wait(timeout_s)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def headers(self, who: str) -> dict[str, str]:
        """Return the headers of a request by somebody."""
        return {"Authorization": f"Bearer {self.secrets[who]}"}

    def submit(self, client: httpx.Client, key: str) -> httpx.Response:
        """Submit a chat."""
        return client.post(
            f"{self.url}/v1/contacts",
            json={"queue": "chats", "channel": "chat"},
            headers={**self.headers("producer"), "Idempotency-Key": key},
        )

    def get(self, path: str) -> object:
        """Return what a supervisor reads."""
        response = httpx.get(f"{self.url}{path}", headers=self.headers("supervisor"), timeout=30)
        response.raise_for_status()
        return json.loads(response.content)

    def calls(self) -> set[str]:
        """Return the ids of all open calls."""
        found: set[str] = set()
        after: int | None = 0
        while after is not None:
            page = self.get(f"/v1/contacts?queue=calls&limit=500&after={after}")
            assert isinstance(page, dict)
            found |= {contact["contact_id"] for contact in page["contacts"]}
            after = page["next"]
        return found


@contextlib.contextmanager
def running(site: AnySite, **given: Sequence[str | Path]) -> Iterator[AnySite]:
    """Run the daemon while a test needs it, and see that it is gone afterwards."""
    try:
        site.start(**given)
        yield site
    finally:
        if site.process is not None:
            site.kill()
