"""Tokens: who may ask what. Only their hashes are kept.

    [[token]]
    name = "web-form"
    sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    role = "producer"
    domain = "shop"
    expires = 2027-01-01T00:00:00Z

A token is 256 random bits, so its plain SHA-256 cannot be guessed back; and it is found by its
hash, so that how long a look-up takes tells nothing about a token.
"""

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from msgspec import Struct
from pydantic import Field

from acd.errors import ConfigError, listed, shown
from acd.ids import ID_MAX, AgentId, plain
from acd.mistakes import Mistake, in_file_order
from acd.tables import Table, read_model
from acd.toml_guard import FILE_BYTES_MAX, read_toml

PREFIX: Final = "acd_"
"""Begins every token, so that one that leaked into a file is found by a search."""

SECRET_MAX: Final = 128
"""Longest token that is looked at; ours have 47 characters."""

_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{ID_MAX - 1}}}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@plain
class Role(StrEnum):
    """What a token is for."""

    PRODUCER = "producer"
    """Brings contacts, and takes back his own."""
    AGENT = "agent"
    """Works: one agent, and only himself."""
    SUPERVISOR = "supervisor"
    """Reads everything, changes nothing."""


_ROLES: Final = tuple(Role)


class Token(Struct, frozen=True, kw_only=True):
    """What is known of a token. The token itself is not."""

    name: str
    role: Role
    domain: str
    sha256: str = ""
    """Empty for requests without a token."""
    agent: AgentId = ""
    """Whose it is, where the role is agent."""
    expires_us: int | None = None

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_us is not None and self.expires_us <= time.time_ns() // 1_000


class Tokens:
    """The tokens of a file.

    Args:
        path: The file; None where there are no tokens.

    Raises:
        ConfigError: The file has mistakes; all of them are named.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._by_hash: dict[str, Token] = {} if path is None else read(path)
        self._listeners: list[Callable[[], None]] = []

    def find(self, secret: str) -> Token | None:
        """Return what is known of a token, expired or not; None if nothing."""
        if not secret or len(secret) > SECRET_MAX:
            return None
        return self._by_hash.get(hash_of(secret))

    def holds(self, token: Token) -> bool:
        """Return whether a token, as it was found, still stands in the file."""
        return not token.sha256 or self._by_hash.get(token.sha256) == token

    def reload(self) -> None:
        """Read the file again, and cut off whoever is no longer in it.

        Raises:
            ConfigError: The file has mistakes; the tokens are as before.
            OSError: It cannot be read; the tokens are as before.
        """
        if self._path is not None:
            self._by_hash = read(self._path)
        for listener in self._listeners:
            listener()

    def on_reload(self, listener: Callable[[], None]) -> None:
        """Have a function called after each reload."""
        self._listeners.append(listener)


def new_token(
    *, name: str, role: Role, domain: str, agent: AgentId = "", expires: datetime | None = None
) -> tuple[str, str]:
    """Return a new token, and the table to be added to the file of tokens.

    Args:
        name: By what the token is known in logs; `[A-Za-z0-9_.-]`, 64 characters at most.
        role: What it is for.
        domain: The domain's name.
        agent: Whose it is, where the role is agent.
        expires: Until when it counts, with an offset.

    Raises:
        ConfigError: The table would be wrong.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    lines = [
        "[[token]]",
        f"name = {_quoted(name)}",
        f'sha256 = "{hash_of(secret)}"',
        f'role = "{role}"',
        f"domain = {_quoted(domain)}",
    ]
    if agent:
        lines.append(f"agent = {_quoted(agent)}")
    if expires is not None:
        lines.append(f"expires = {expires.astimezone(UTC).isoformat(timespec='seconds')}")
    text = "\n".join(lines) + "\n"
    parse(text.encode(), file="token")
    return secret, text


def hash_of(secret: str) -> str:
    """Return a token's SHA-256 in hexadecimal."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# The file.


class _TokenTable(Table):
    name: str
    sha256: str
    role: str
    domain: str
    agent: str | None = None
    expires: datetime | None = None


class _Document(Table):
    token: Annotated[list[_TokenTable], Field(default_factory=list)]


def read(path: Path) -> dict[str, Token]:
    """Return the tokens in a file, by their hashes.

    Raises:
        ConfigError: All mistakes.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return parse(file.read(FILE_BYTES_MAX + 1), file=str(path))


def parse(data: bytes, *, file: str) -> dict[str, Token]:
    """Return the tokens in `data`, a TOML document; `file` is its path.

    Raises:
        ConfigError: All mistakes.
    """
    tree = read_toml(data, file)
    document, found, _ = read_model(_Document, tree)
    if not found:
        found = _mistakes(document.token)
    if found:
        raise ConfigError(file, *in_file_order(found, tree))
    return {table.sha256: _token(table) for table in document.token}


def _mistakes(tables: list[_TokenTable]) -> list[Mistake]:
    """Return what is wrong beside the shape. No text names what stands where a hash should."""
    found: list[Mistake] = []
    names: set[str] = set()
    hashes: set[str] = set()
    for at, table in enumerate(tables):
        path = ("token", at)
        if not _NAME.fullmatch(table.name):
            wanted = f"1 to {ID_MAX} letters, digits, dots, underscores and hyphens"
            found.append(Mistake((*path, "name"), f"is {shown(table.name)}", wanted))
        elif table.name in names:
            found.append(Mistake((*path, "name"), f"is {shown(table.name)} again", "another name"))
        names.add(table.name)
        if not _HASH.fullmatch(table.sha256):
            wanted = "a SHA-256 in lower-case hexadecimal (`acd token` makes one)"
            found.append(Mistake((*path, "sha256"), "is no hash", wanted))
        elif table.sha256 in hashes:
            found.append(Mistake((*path, "sha256"), "stands here again", "a token once"))
        hashes.add(table.sha256)
        if table.role not in _ROLES:
            wanted = f"one of {listed(_ROLES)}"
            found.append(Mistake((*path, "role"), f"is {shown(table.role)}", wanted))
        if table.role == Role.AGENT and not table.agent:
            found.append(Mistake((*path, "agent"), "is missing", "whose token it is"))
        if table.role != Role.AGENT and table.agent is not None:
            seen = f"is {shown(table.agent)}"
            found.append(Mistake((*path, "agent"), seen, "none for this role"))
        if table.expires is not None and table.expires.tzinfo is None:
            wanted = "a time with an offset, like 2027-01-01T00:00:00Z"
            found.append(Mistake((*path, "expires"), f"is {table.expires}", wanted))
    return found


def _token(table: _TokenTable) -> Token:
    expires_us = None if table.expires is None else int(table.expires.timestamp() * 1e6)
    return Token(
        name=table.name,
        role=Role(table.role),
        domain=table.domain,
        sha256=table.sha256,
        agent=table.agent or "",
        expires_us=expires_us,
    )
