"""How customers are looked up: the table `[daemon.context]`.

[daemon.context]
timeout_s = 2
[daemon.context.history]
contacts = 10
days = 90
[daemon.context.crm]
url = "https://crm.example/context"
secret_file = "crm.secret"
"""

from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from acd.daemon.hosts import is_loopback
from acd.errors import shown
from acd.mistakes import Findings, KeyPath, Mistake, seconds_text
from acd.settings import SECOND_US
from acd.tables import Span, Table, Whole

TIMEOUT_MAX_US: Final = 30 * SECOND_US
"""Longest wait for a source: who hears nothing so long has begun to talk."""

CONTACTS_MAX: Final = 100
"""Most earlier contacts shown with an offer: 25 KB."""

DAYS_MAX: Final = 3_660

PATH: Final = ("daemon", "context")


class HistoryContext(Struct, frozen=True, kw_only=True):
    """How much of the history is shown."""

    contacts: int = 10
    days: int = 90


class CrmContext(Struct, frozen=True, kw_only=True):
    """Whom to ask by HTTP."""

    url: str
    secret_file: str | None = None
    secret_env: str | None = None


class ContextSettings(Struct, frozen=True, kw_only=True):
    """Who is asked of customers, and for how long he is waited for."""

    timeout_us: int = 2 * SECOND_US
    history: HistoryContext | None = None
    crm: CrmContext | None = None
    folder: Path = Path()
    """What `secret_file` is relative to."""


class _HistoryTable(Table):
    contacts: Whole | None = None
    days: Whole | None = None


class _CrmTable(Table):
    url: str
    secret_file: str | None = None
    secret_env: str | None = None


class ContextTable(Table):
    """The table in the file."""

    timeout_us: Span | None = None
    history: _HistoryTable | None = None
    crm: _CrmTable | None = None


def mistakes(table: ContextTable) -> list[Mistake]:
    """Return what is wrong beside the shape."""
    found = Findings()
    if table.timeout_us is not None and not 0 < table.timeout_us <= TIMEOUT_MAX_US:
        seen = f"is {seconds_text(table.timeout_us)}"
        wanted = f"a number of seconds above 0 and up to {seconds_text(TIMEOUT_MAX_US)}"
        found.report((*PATH, "timeout_s"), seen, wanted)
    if table.history is None and table.crm is None:
        found.report(PATH, "names no source", "a table `history`, `crm`, or both")
    if table.history is not None:
        path = (*PATH, "history")
        if table.history.contacts is not None:
            found.range((*path, "contacts"), table.history.contacts, 1, CONTACTS_MAX)
        if table.history.days is not None:
            found.range((*path, "days"), table.history.days, 1, DAYS_MAX)
    if table.crm is not None:
        path = (*PATH, "crm")
        _check_url(found, (*path, "url"), table.crm.url)
        if table.crm.secret_file is not None and table.crm.secret_env is not None:
            wanted = "either secret_file or secret_env"
            found.report((*path, "secret_file"), "stands beside secret_env", wanted)
    return found.all()


def settings_of(table: ContextTable, folder: Path) -> ContextSettings:
    """Return the settings of a table without mistakes."""
    history = table.history
    return ContextSettings(
        timeout_us=table.timeout_us or ContextSettings().timeout_us,
        history=None
        if history is None
        else HistoryContext(
            contacts=history.contacts or HistoryContext().contacts,
            days=history.days or HistoryContext().days,
        ),
        crm=None if table.crm is None else CrmContext(**dict(table.crm)),
        folder=folder,
    )


def _check_url(found: Findings, path: KeyPath, url: str) -> None:
    wanted = "an address as https://crm.example/context, without user, query and fragment"
    parts = _parts(url)
    if parts is None or not parts.hostname:
        found.report(path, "is no address", wanted)
    elif "@" in parts.netloc or parts.query or parts.fragment:  # Not shown: it may have a password.
        found.report(path, "has a user, a query or a fragment", wanted)
    elif parts.scheme == "http" and not is_loopback(parts.hostname):
        seen = f"is clear text to {shown(parts.hostname)}, which is not loopback"
        found.report(path, seen, "https, or a tunnel on loopback")


def _parts(url: str) -> SplitResult | None:
    """Return the parts of an address of HTTP; None if it is none."""
    if not (url.isascii() and url.isprintable() and " " not in url):
        return None
    try:
        parts = urlsplit(url)
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and is_port else None
