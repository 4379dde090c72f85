"""The daemon beside a real Asterisk: a site's folder whose switch is of the kind "ari"."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

from acd.daemon.http.tokens import Role, new_token
from acd.daemon.recovery import recover
from acd.events import Batch, OfferFailed
from acd.ids import FailureCause
from acd.journal.file import JournalFile
from tests.system.daemon_kit.site import Site, running
from tests.system.pbx_kit.phones import Phone, PhoneBank
from tests.system.pbx_kit.server import Asterisk

DEADLINE_S: Final = 20.0
LOOK_S: Final = 0.05

DOMAIN: Final = """\
[domain]
name = "site"
urgency = "strict_priority"
agent_selection = ["highest_proficiency", "longest_idle"]
back_off_s = 1
skills = ["spanish"]

[queues.calls]
priority = 1
exclusion_s = 1
[queues.calls.voice]
ring_s = {ring_s}
parallel_offers = {parallel}
[queues.gold]
priority = 2
exclusion_s = 1
[queues.gold.voice]
ring_s = {ring_s}
[queues.spanish]
priority = 1
requires = "spanish"
exclusion_s = 1
[queues.spanish.voice]
ring_s = {ring_s}

[capacities.one]
voice = {{ slots = 1, cost = 100 }}

[[profiles.all]]
queue = "calls"
[[profiles.all]]
queue = "gold"
[[profiles.all]]
queue = "spanish"
"""

AGENT: Final = """
[agents.a{device}]
profile = "all"
capacity = "one"
skills = {{ {skills} }}
"""

DAEMON: Final = """
[daemon]
state = "state"
[daemon.http]
port = 0
tokens = "tokens.toml"
[daemon.switch]
kind = "ari"
name = "pbx"
routes = {{ "4000" = "calls", "5000" = "gold", "6000" = "spanish" }}
devices = {{ {devices} }}
[daemon.switch.options]
url = "{url}"
password_file = "ari.secret"
"""


class PbxSite(Site):
    """A site with a real Asterisk.

    Args:
        folder: Where its files are.
        pbx: The Asterisk.
        devices: The agents' phones; the agent at 101 is "a101".
        skills: Proficiencies in Spanish, by device.
        parallel: At how many phones a call to 4000 rings.
        url: Where the REST interface is reached, if not directly.
    """

    def __init__(
        self,
        folder: Path,
        pbx: Asterisk,
        devices: Sequence[str],
        *,
        skills: dict[str, int] | None = None,
        ring_s: float = 15,
        parallel: int = 1,
        url: str = "",
        more: str = "",
    ) -> None:
        super().__init__(folder, agents=1)
        skilled = skills or {devices[0]: 5}
        text = DOMAIN.format(ring_s=ring_s, parallel=parallel)
        for device in devices:
            skill = f"spanish = {skilled[device]}" if device in skilled else ""
            text += AGENT.format(device=device, skills=skill)
        names = ", ".join(f'a{device} = "{device}"' for device in devices)
        self.config.write_text(text + DAEMON.format(devices=names, url=url or pbx.url) + more)
        secret = folder / "ari.secret"
        secret.write_text(f"{pbx.password}\n")
        secret.chmod(0o600)
        self.pbx = pbx
        tables = []
        for device in devices:
            agent = f"a{device}"
            self.secrets[agent], table = new_token(
                name=agent, role=Role.AGENT, domain="site", agent=agent
            )
            tables.append(table)
        with (folder / "tokens.toml").open("a") as tokens:
            tokens.write("\n" + "\n".join(tables))

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Return the open contacts, by call."""
        found: dict[str, dict[str, Any]] = {}
        for queue in ("calls", "gold", "spanish"):
            after: int | None = 0
            while after is not None:
                page = self.get(f"/v1/contacts?queue={queue}&limit=500&after={after}")
                assert isinstance(page, dict)
                for one in page["contacts"]:
                    found[one["contact_id"].removeprefix("pbx:")] = one
                after = page["next"]
        return found

    def agents_are(self, availability: str, *, device: str = "reachable") -> bool:
        """Return whether all agents are in one state."""
        page = self.get("/v1/agents")
        assert isinstance(page, dict)
        return all(
            one["availability"] == availability and one["device"] == device
            for one in page["agents"]
        )

    def agent(self, device: str) -> dict[str, Any]:
        """Return the agent at a phone."""
        found = self.get(f"/v1/agents/a{device}")
        assert isinstance(found, dict)
        return found

    def failures(self) -> list[FailureCause]:
        """Return why offers failed, by the journal; the daemon is stopped for that."""
        assert self.stop() == 0
        with closing(JournalFile.open(self.journal)) as journal:
            recover(journal)
            events = [entry.event for entry in journal.entries(journal.first())]
        singles = [
            one for event in events for one in (event.events if type(event) is Batch else (event,))
        ]
        return [one.cause for one in singles if type(one) is OfferFailed]

    def ready(self, *phones: Phone) -> None:
        """Log agents in at their phones, and make them ready."""
        use_all(phones, "*63")
        until(lambda: all(self.agent(one.name)["availability"] == "ready" for one in phones))
        until(lambda: all(self.agent(one.name)["device"] == "reachable" for one in phones))


def use(phone: Phone, code: str) -> None:
    """Dial a feature code, and wait until the switch has hung up."""
    use_all((phone,), code)


def use_all(phones: Sequence[Phone], code: str) -> None:
    """Dial a feature code at several phones at once."""
    before = [len(phone.did("connected")) for phone in phones]
    for phone in phones:
        phone.dial(code)
    for phone, count in zip(phones, before, strict=True):
        phone.wait(partial(_was_connected, count))
        phone.wait_idle()


def _was_connected(count: int, phone: Phone) -> bool:
    return len(phone.did("connected")) > count


def until(true: Callable[[], object], timeout_s: float = DEADLINE_S) -> None:
    """Look again and again until something is true."""
    deadline_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {true!r}"
        threading.Event().wait(LOOK_S)


@contextlib.contextmanager
def pbx_with(*names: str, unregistered: str = "") -> Iterator[tuple[Asterisk, PhoneBank]]:
    """Run an Asterisk with phones; the last one is the emergency group's, "line" the customers'.

    Args:
        names: Of the agents' phones.
        unregistered: One of them that is nowhere until it registers.
    """
    with PhoneBank(*names, "900", "line") as bank:
        pbx = Asterisk(
            {
                name: None if name == unregistered else phone.port
                for name, phone in bank.phones.items()
                if name != "line"
            }
        )
        bank.sip_port = pbx.sip_port
        try:
            pbx.start()
            yield pbx, bank
        finally:
            pbx.remove()


@contextlib.contextmanager
def at_work(
    pbx: Asterisk,
    bank: PhoneBank,
    folder: Path,
    devices: Sequence[str],
    *,
    ready: Sequence[Sequence[str]],
    **more: Any,
) -> Iterator[PbxSite]:
    """Run a daemon whose agents sit at phones; all calls are gone afterwards.

    Args:
        pbx: Its switch.
        bank: With the phones.
        folder: The site's.
        devices: At which agents sit.
        ready: Who becomes ready together, one group after the other.
        more: What else the site is told.
    """
    bank.forget()
    with running(PbxSite(folder, pbx, devices, **more)) as site:
        for group in ready:
            site.ready(*(bank[name] for name in group))
        bank.forget()
        yield site
        for channel in pbx.channels():
            pbx.rest("DELETE", f"/channels/{channel}")
        until(lambda: not pbx.channels())
        for device in devices:
            pbx.rest("DELETE", f"/deviceStates/Stasis:acd-{device}")
        assert "Traceback" not in site.log()
