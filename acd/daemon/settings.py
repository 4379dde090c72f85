"""How the daemon is set up: the table `[daemon]` of a configuration file.

    [daemon]
    state = "state"
    [daemon.http]
    port = 8080
    tokens = "tokens.toml"
    [daemon.switch]
    kind = "simulated"
    routes = { "4000" = "sales" }
    options = { socket = "switch.sock" }

docs/daemon.md describes every key. Paths are relative to the file. Secrets stand in files of their
own, never here.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Struct
from pydantic import Field

from acd import config
from acd.classes import is_text
from acd.daemon.addresses import Numbering, canonical
from acd.daemon.context import settings as context_table
from acd.daemon.hosts import is_loopback
from acd.errors import ConfigError, Problem, shown
from acd.ids import ID_MAX, AgentId, Channel, QueueName, plain
from acd.mistakes import KeyPath, Mistake, in_file_order
from acd.settings import HOUR_US, SECOND_US, DomainSettings
from acd.tables import Span, Table, Whole, read_model
from acd.toml_guard import FILE_BYTES_MAX, read_toml

PORT_MAX: Final = 65_535

DNIS: Final = "dnis"
"""The attribute of a contact that holds the called number, where it is declared."""

CAMPAIGN: Final = "campaign"
"""The attribute that holds the campaign of the called number, where there are campaigns."""

ANI_PREFIX: Final = "ani_prefix"
"""The attribute that holds the beginning of the caller's number, where it is declared."""

PREFIX_DIGITS_MAX: Final = 5
"""Longest country code or prefix: those in use have up to four digits."""

SHARED_MAX: Final = 1_000
"""Most numbers and addresses that many share."""

ANI_PREFIX_DIGITS_MAX: Final = 8
"""Most digits of a caller's number that may be kept: a country code of 3 with an area code of 5."""


@plain
class Anonymous(StrEnum):
    """What a request without a token may do."""

    NONE = "none"
    SUPERVISOR = "supervisor"
    """Read everything, change nothing; only where the daemon listens on loopback."""


_PREFIX: Final = re.compile(rf"[0-9]{{0,{PREFIX_DIGITS_MAX}}}")


class _Settings(Struct, frozen=True, kw_only=True):
    """Base."""


class JournalSettings(_Settings, frozen=True):
    """How the journal is kept."""

    path: Path
    snapshot_entries: int = 100_000
    """A snapshot is taken after so many entries, or …"""
    snapshot_us: int = 300 * SECOND_US
    """… so long after the last one, if there is anything new."""
    keep_us: int = 24 * HOUR_US
    """How long entries and the keys of inputs are kept at least."""


class HistorySettings(_Settings, frozen=True):
    """How the history is kept."""

    path: Path
    keep_us: int = 90 * 24 * HOUR_US
    """How long closed contacts are kept at least."""


class HttpSettings(_Settings, frozen=True):
    """Where and for whom the daemon listens."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0 takes a free one."""
    tokens: Path | None = None
    anonymous: Anonymous = Anonymous.NONE
    tls_cert: Path | None = None
    tls_key: Path | None = None
    hosts: tuple[str, ...] = ()
    """Names by which the daemon may be asked for, beside `host` and loopback."""

    @property
    def on_loopback(self) -> bool:
        """Whether nobody on another machine can connect."""
        return is_loopback(self.host)


class SwitchSettings(_Settings, frozen=True):
    """The switch, and what of it is ours."""

    kind: str
    """Name of an adapter in the entry-point group `acd.switches`."""
    name: str = "switch"
    """Begins the ids of its contacts."""
    routes: dict[str, QueueName] = {}
    """The queue of each called number (DNIS); of the others the domain's entry rules say it."""
    campaigns: dict[str, str] = {}
    """The campaign of each called number that was told in one: a contact's attribute."""
    ani_prefix_digits: int = 4
    """With so many digits at most a caller's number becomes the attribute `ani_prefix`."""
    devices: dict[AgentId, str] = {}
    options: dict[str, Any] = {}
    """The adapter's own."""
    folder: Path = Path()
    """What relative paths in `options` are relative to."""

    def device_of(self, agent_id: AgentId) -> str:
        """Return an agent's phone."""
        return self.devices.get(agent_id, agent_id)


class CustomerSettings(_Settings, frozen=True):
    """How customers are known by their numbers and addresses."""

    key_file: str | None = None
    key_env: str | None = None
    """Where the key of their tokens stands; needed where there is no directory."""
    directory: Path | None = None
    """The file of those who are known by other ids."""
    numbering: Numbering = Numbering()
    shared: tuple[str, ...] = ()
    """Numbers and addresses of many, from whom nobody is known."""
    folder: Path = Path()
    """What `key_file` is relative to."""


class DaemonSettings(_Settings, frozen=True):
    """Everything the daemon needs beside the domain."""

    journal: JournalSettings
    history: HistorySettings
    http: HttpSettings = HttpSettings()
    switch: SwitchSettings | None = None
    customers: CustomerSettings | None = None
    context: context_table.ContextSettings | None = None


def load(path: Path) -> tuple[DomainSettings, DaemonSettings]:
    """Return the domain's and the daemon's settings in a configuration file.

    Raises:
        ConfigError: All mistakes.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return parse(file.read(FILE_BYTES_MAX + 1), file=str(path))


def parse(data: bytes, *, file: str) -> tuple[DomainSettings, DaemonSettings]:
    """Return the settings in `data`, a TOML document; `file` is its path.

    Raises:
        ConfigError: All mistakes, those of the routing part first.
    """
    tree = read_toml(data, file)
    routing: tuple[Problem, ...] = ()
    domain: DomainSettings | None = None
    try:
        domain = config.parse(data, file=file)
    except ConfigError as error:
        routing = error.problems
    document, found, _ = read_model(_Document, {"daemon": tree.get("daemon", {})})
    found += _mistakes(document.daemon, domain)
    if routing or found or domain is None:
        raise ConfigError(file, *routing, *in_file_order(found, tree))
    return domain, _settings(document.daemon, Path(file).parent)


def problems(data: bytes, *, file: str) -> list[Problem]:
    """Return every mistake of a daemon's file, of its routing part first; `acd check` calls this.

    Args:
        data: The file's bytes.
        file: Its path.
    """
    try:
        parse(data, file=file)
    except ConfigError as error:
        return list(error.problems)
    return []


# The file.


class _JournalTable(Table):
    snapshot_entries: Whole | None = None
    snapshot_us: Span | None = None
    keep_us: Span | None = None


class _HistoryTable(Table):
    keep_us: Span | None = None


class _HttpTable(Table):
    host: str | None = None
    port: Whole | None = None
    tokens: str | None = None
    anonymous: Annotated[Anonymous, Field(strict=False)] | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    hosts: list[str] | None = None


class _SwitchTable(Table):
    kind: str
    name: str | None = None
    routes: dict[str, str] | None = None
    campaigns: dict[str, str] | None = None
    ani_prefix_digits: Whole | None = None
    devices: dict[str, str] | None = None
    options: dict[str, Any] | None = None


class _CustomerTable(Table):
    key_file: str | None = None
    key_env: str | None = None
    directory: str | None = None
    country_code: str | None = None
    international_prefix: str | None = None
    national_prefix: str | None = None
    shared: list[str] | None = None


class _DaemonTable(Table):
    state: str = "state"
    journal: _JournalTable = _JournalTable()
    history: _HistoryTable = _HistoryTable()
    http: _HttpTable = _HttpTable()
    switch: _SwitchTable | None = None
    customers: _CustomerTable | None = None
    context: context_table.ContextTable | None = None


class _Document(Table):
    daemon: _DaemonTable = _DaemonTable()


def _mistakes(table: _DaemonTable, domain: DomainSettings | None) -> list[Mistake]:
    """Return what is wrong beside the shape."""
    found: list[Mistake] = []
    journal = ("daemon", "journal")
    for name, least in (("snapshot_entries", 1), ("snapshot_us", 1), ("keep_us", 0)):
        value = getattr(table.journal, name)
        if value is not None and value < least:
            key = f"{name.removesuffix('_us')}_s" if name.endswith("_us") else name
            found.append(Mistake((*journal, key), f"is {value}", "a number above 0"))
    found += _http_mistakes(table.http)
    if domain is not None and domain.domains:
        wanted = "no such table beside [daemon]: the daemon carries nothing to other domains yet"
        found.append(Mistake(("domains",), "is given", wanted))
    if table.switch is not None and domain is not None:
        found += _switch_mistakes(table.switch, domain)
    if table.customers is not None:
        found += _customer_mistakes(table.customers)
    if table.context is not None:
        found += context_table.mistakes(table.context)
    return found


def _http_mistakes(table: _HttpTable) -> list[Mistake]:
    path = ("daemon", "http")
    found: list[Mistake] = []
    if table.port is not None and not 0 <= table.port <= PORT_MAX:
        wanted = f"a whole number from 0 to {PORT_MAX}"
        found.append(Mistake((*path, "port"), f"is {table.port}", wanted))
    if (table.tls_cert is None) != (table.tls_key is None):
        missing = "tls_key" if table.tls_key is None else "tls_cert"
        found.append(Mistake((*path, missing), "is missing", "both tls_cert and tls_key"))
    host = HttpSettings().host if table.host is None else table.host
    if not is_loopback(host):
        where = f"since {shown(host)} is not loopback"
        if table.tls_cert is None:
            found.append(Mistake((*path, "tls_cert"), "is missing", f"a certificate, {where}"))
        if table.tokens is None:
            found.append(Mistake((*path, "tokens"), "is missing", f"a file of tokens, {where}"))
        if table.anonymous not in {None, Anonymous.NONE}:
            seen = f"is {table.anonymous}"
            found.append(Mistake((*path, "anonymous"), seen, f"`none`, {where}"))
    return found


def _switch_mistakes(table: _SwitchTable, domain: DomainSettings) -> list[Mistake]:
    path = ("daemon", "switch")
    found: list[Mistake] = []
    voice = {queue.name for queue in domain.queues if Channel.VOICE in queue.channels}
    for dnis, queue in (table.routes or {}).items():
        if queue not in voice:
            wanted = "a queue with a table for voice"
            found.append(Mistake((*path, "routes", dnis), f"is {shown(queue)}", wanted))
    digits = table.ani_prefix_digits
    if digits is not None and not 1 <= digits <= ANI_PREFIX_DIGITS_MAX:
        wanted = f"a whole number from 1 to {ANI_PREFIX_DIGITS_MAX}"
        found.append(Mistake((*path, "ani_prefix_digits"), f"is {digits}", wanted))
    if table.campaigns:
        found += _campaign_mistakes((*path, "campaigns"), table.campaigns, domain)
    for name in (DNIS, ANI_PREFIX):
        if name in domain.contact_numbers:
            wanted = "a text, since the switch's numbers may begin with `+`"
            found.append(Mistake(("domain", "contact_numbers"), f"names {shown(name)}", wanted))
    agents = {agent.agent_id for agent in domain.agents}
    taken: dict[str, str] = {}
    for agent_id, device in (table.devices or {}).items():
        if agent_id not in agents:
            found.append(Mistake((*path, "devices", agent_id), "is no agent", "an agent's id"))
        if device in taken:
            seen = f"is {shown(device)}, as {shown(taken[device])} has"
            found.append(Mistake((*path, "devices", agent_id), seen, "a phone of his own"))
        taken[device] = agent_id
    return found


def _campaign_mistakes(
    path: KeyPath, campaigns: dict[str, str], domain: DomainSettings
) -> list[Mistake]:
    found: list[Mistake] = []
    if CAMPAIGN not in domain.contact_attributes:
        wanted = f"{shown(CAMPAIGN)} in domain.contact_attributes, which carries them"
        found.append(Mistake(path, "stands alone", wanted))
    elif CAMPAIGN in domain.contact_numbers:
        seen = f"names {shown(CAMPAIGN)}"
        found.append(Mistake(("domain", "contact_numbers"), seen, "a text, since it is a name"))
    for dnis, campaign in campaigns.items():
        if not (campaign.strip() and is_text(campaign) and campaign.isprintable()):
            wanted = f"a name of at most {ID_MAX} characters"
            found.append(Mistake((*path, dnis), f"is {shown(campaign)}", wanted))
    return found


def _customer_mistakes(table: _CustomerTable) -> list[Mistake]:
    """Return what is wrong with how customers are known. No number or address is shown."""
    path = ("daemon", "customers")
    found: list[Mistake] = []
    if table.key_file is not None and table.key_env is not None:
        wanted = "either key_file or key_env"
        found.append(Mistake((*path, "key_file"), "stands beside key_env", wanted))
    if table.key_file is None and table.key_env is None and table.directory is None:
        wanted = "key_file, key_env or directory"
        found.append(Mistake((*path, "key_file"), "is missing", wanted))
    prefixes = ("country_code", "international_prefix", "national_prefix")
    for name in prefixes:
        value = getattr(table, name)
        if value is not None and not _PREFIX.fullmatch(value):
            wanted = f"at most {PREFIX_DIGITS_MAX} digits"
            found.append(Mistake((*path, name), f"is {shown(value)}", wanted))
        elif value and not table.country_code:
            wanted = "a country_code, without which numbers stay as they came"
            found.append(Mistake((*path, name), "stands alone", wanted))
    shared = table.shared or []
    if len(shared) > SHARED_MAX:
        wanted = f"at most {SHARED_MAX} numbers and addresses"
        found.append(Mistake((*path, "shared"), f"has {len(shared)}", wanted))
    for place, address in enumerate(shared):
        if canonical(address, Numbering()) is None:
            wanted = "one of both"
            found.append(Mistake((*path, "shared", place), "is no number and no address", wanted))
    return found


def _customers(table: _CustomerTable, folder: Path) -> CustomerSettings:
    given = _given(table)
    numbering = {name: given.pop(name) for name in Numbering.__struct_fields__ if name in given}
    if "directory" in given:
        given["directory"] = folder / given["directory"]
    return CustomerSettings(folder=folder, numbering=Numbering(**numbering), **given)


def _settings(table: _DaemonTable, folder: Path) -> DaemonSettings:
    state = folder / table.state
    http = {
        name: folder / value if name in {"tokens", "tls_cert", "tls_key"} else value
        for name, value in _given(table.http).items()
    }
    switch = None
    if table.switch is not None:
        switch = SwitchSettings(folder=folder, **_given(table.switch))
    return DaemonSettings(
        journal=JournalSettings(path=state / "journal.db", **_given(table.journal)),
        history=HistorySettings(path=state / "history.db", **_given(table.history)),
        http=HttpSettings(**http),
        switch=switch,
        customers=None if table.customers is None else _customers(table.customers, folder),
        context=None if table.context is None else context_table.settings_of(table.context, folder),
    )


def _given(table: Table) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in table
        if value is not None
    }
