"""Adds a token to a configuration's file of tokens."""

import os
from datetime import datetime

from acd.daemon.http.tokens import Role, new_token, read
from acd.daemon.settings import DaemonSettings
from acd.errors import ConfigError, Problem
from acd.settings import DomainSettings


def add_token(
    file: str,
    domain: DomainSettings,
    settings: DaemonSettings,
    *,
    name: str,
    role: Role,
    agent: str = "",
    expires: datetime | None = None,
) -> str:
    """Return a new token, after its hash was added to the file; nobody can read it there.

    Args:
        file: The configuration's path, for messages.
        domain: Its domain.
        settings: Its daemon.
        name: By what logs call the token.
        role: What it is for.
        agent: Whose it is, for the role agent.
        expires: From when on it is void; None for never.

    Raises:
        ConfigError: There is no file of tokens, or the token would be wrong in it.
        OSError: The file cannot be written.
    """
    path = settings.http.tokens
    if path is None:
        raise ConfigError(file, Problem("daemon.http.tokens", "is missing", "a file's path"))
    if agent and agent not in {one.agent_id for one in domain.agents}:
        raise ConfigError(file, Problem("agents", f"has no {agent!r}", "an agent of the domain"))
    known = read(path).values() if path.exists() else ()
    if name in {token.name for token in known}:
        raise ConfigError(str(path), Problem("token", f"has {name!r} already", "another name"))
    secret, table = new_token(
        name=name, role=role, domain=domain.name, agent=agent, expires=expires
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        # A last line may lack its end.
        stream.write(f"\n{table}" if stream.tell() else table)
    return secret
