"""The table `[daemon.switch.options]` of the kind "ari".

    url = "http://127.0.0.1:8088/ari"
    user = "acd"
    password_file = "ari.secret"
    endpoint = "PJSIP/{device}"
    [daemon.switch.options.outbound]
    endpoint = "PJSIP/{number}@trunk"
    prefixes = ["+49"]

The password stands in a file or in the environment, and is never shown. One that everybody tries
first is refused, as is clear text to another machine, and an endpoint that could name several.
"""

import ipaddress
import os
import re
import ssl
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from acd.errors import ConfigError, shown
from acd.mistakes import KeyPath, Mistake, in_file_order
from acd.secret_files import SecretError, read_secret
from acd.switch_protocol.ari.mapper import MapperOptions
from acd.switch_protocol.ari.outbound import Outbound
from acd.switch_protocol.ari.transport import Address
from acd.switch_protocol.port import SwitchOptions
from acd.tables import Table, Whole, read_model

PASSWORD_MAX: Final = 256
"""Longest password, in bytes."""

PER_MINUTE_MAX: Final = 6_000
"""Most numbers dialled in a minute that can be allowed."""

PREFIXES_MAX: Final = 100

PORTS: Final = {"http": 80, "https": 443}

DEFAULT_PASSWORDS: Final = frozenset(
    {
        *("1234", "12345", "123456", "acd", "admin", "ari", "asterisk", "changeme", "changethis"),
        *("mypassword", "mysecret", "mysecretpassword", "pass", "passw0rd", "password", "peekaboo"),
        *("root", "secret", "supersecret", "test", "user", "verysecret"),
    }
)
"""Passwords of examples and of guessers."""

_PATH: Final = ("daemon", "switch", "options")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_USER: Final = re.compile(r"[\x21-\x39\x3b-\x7e]{1,64}")
"""Visible ASCII without the colon, which would end it."""
_PREFIX: Final = re.compile(r"\+?[0-9]{1,16}")
_SAFE: Final = r"[A-Za-z0-9_.:@+/-]*"
"""What may stand around the placeholder of an endpoint: no `&`, which would name a second one."""
_URL_PATH: Final = re.compile(r"(/[A-Za-z0-9_.-]+)+")
_LABEL: Final = r"[A-Za-z0-9_-]{1,63}"
_HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\.?")
"""A name, or an address of IPv4."""


class AriOptions(NamedTuple):
    """What the adapter needs."""

    address: Address
    mapper: MapperOptions


class _OutboundTable(Table):
    endpoint: str
    prefixes: list[str] | None = None
    per_minute: Whole = 10


class _Options(Table):
    url: str = "http://127.0.0.1:8088/ari"
    app: str = "acd"
    user: str = "acd"
    password_file: str | None = None
    password_env: str | None = None
    endpoint: str = "PJSIP/{device}"
    allow_insecure: bool = False
    tls_ca: str | None = None
    outbound: _OutboundTable | None = None
    voicemail_context: str | None = None


class _Switch(Table):
    options: _Options


class _Daemon(Table):
    switch: _Switch


class _Document(Table):
    daemon: _Daemon


def read(given: SwitchOptions, environment: Mapping[str, str] = os.environ) -> AriOptions:
    """Return the options.

    Args:
        given: What the factory is given.
        environment: Where `password_env` is looked up.

    Raises:
        ConfigError: All mistakes.
    """
    tree: dict[str, Any] = {"daemon": {"switch": {"options": given.options}}}
    document, found, faulty = read_model(_Document, tree)
    options = document.daemon.switch.options
    check = _Check(found, faulty)
    where = check.url(options.url, allow_insecure=options.allow_insecure)
    check.matches(_NAME, "app", options.app, "up to 64 of A-Z a-z 0-9 _ . -")
    check.matches(_USER, "user", options.user, "up to 64 visible letters of ASCII, and no colon")
    check.endpoint(("endpoint",), options.endpoint, "device", "PJSIP/{device}")
    outbound = check.outbound(options.outbound)
    context = options.voicemail_context
    if context is not None:
        check.matches(_NAME, "voicemail_context", context, "up to 64 of A-Z a-z 0-9 _ . -")
    password = check.password(options, given.folder, environment)
    tls = check.tls(options.tls_ca, given.folder, is_secure=where.scheme == "https")
    if found:
        raise ConfigError(given.file, *in_file_order(found, tree))
    secret = b64encode(f"{options.user}:{password}".encode()).decode()
    address = Address(
        host=where.hostname or "",
        port=where.port or PORTS[where.scheme],
        path=where.path.rstrip("/"),
        user=options.user,
        authorization=f"Basic {secret}",
        tls=tls,
    )
    mapper = MapperOptions(
        app=options.app,
        endpoint=options.endpoint,
        outbound=outbound,
        voicemail_context=context or "",
    )
    return AriOptions(address, mapper)


class _Check:
    """Finds what is wrong beside the kinds of values.

    Args:
        found: Where mistakes are added.
        faulty: Places that were found faulty before: nothing is said of them.
    """

    def __init__(self, found: list[Mistake], faulty: set[KeyPath]) -> None:
        self._found = found
        self._faulty = faulty

    def report(self, key: KeyPath, seen: str, wanted: str) -> None:
        path = (*_PATH, *key)
        if not any(path[: len(one)] == one for one in self._faulty):
            self._found.append(Mistake(path, seen, wanted))

    def matches(self, pattern: re.Pattern[str], key: str, value: str, wanted: str) -> None:
        if not pattern.fullmatch(value):
            self.report((key,), f"is {shown(value)}", wanted)

    def endpoint(self, key: KeyPath, value: str, name: str, example: str) -> None:
        pattern = rf"[A-Za-z0-9]+/{_SAFE}\{{{name}\}}{_SAFE}"
        if not re.fullmatch(pattern, value):
            self.report(key, f"is {shown(value)}", f"a technology and a place, as `{example}`")

    def url(self, value: str, *, allow_insecure: bool) -> SplitResult:
        """Check the address; return its parts."""
        wanted = "an address as http://127.0.0.1:8088/ari, without user and password"
        fallback = urlsplit(_Options().url)
        try:
            parts = urlsplit(value)
            has_port = parts.port != 0
        except ValueError:
            self.report(("url",), "is no address", wanted)
            return fallback
        if (
            not value.isascii()
            or not value.isprintable()
            or parts.scheme not in PORTS
            or not _is_host(parts.hostname or "")
            or not _URL_PATH.fullmatch(parts.path.rstrip("/"))
            or not has_port
            or parts.query
            or parts.fragment
        ):
            self.report(("url",), f"is {shown(value)}", wanted)
            return fallback
        if "@" in parts.netloc:  # Not shown: it may have a password.
            self.report(("url",), "has a user", wanted)
            return fallback
        if parts.scheme == "http" and not allow_insecure and not _is_loopback(parts.hostname or ""):
            seen = f"is clear text to {shown(parts.hostname or '')}, which is not loopback"
            self.report(("url",), seen, "https, a tunnel on loopback, or allow_insecure = true")
        return parts

    def outbound(self, table: _OutboundTable | None) -> Outbound | None:
        if table is None:
            return None
        key = ("outbound",)
        self.endpoint((*key, "endpoint"), table.endpoint, "number", "PJSIP/{number}@trunk")
        prefixes = table.prefixes or []
        if not 1 <= len(prefixes) <= PREFIXES_MAX:
            wanted = f"1 to {PREFIXES_MAX} beginnings of numbers"
            self.report((*key, "prefixes"), f"has {len(prefixes)}", wanted)
        for place, prefix in enumerate(prefixes):
            if not _PREFIX.fullmatch(prefix):
                wanted = "up to 16 digits, with a + before them or without"
                self.report((*key, "prefixes", place), f"is {shown(prefix)}", wanted)
        if not 1 <= table.per_minute <= PER_MINUTE_MAX:
            wanted = f"a whole number from 1 to {PER_MINUTE_MAX}"
            self.report((*key, "per_minute"), f"is {table.per_minute}", wanted)
        return Outbound(table.endpoint, tuple(prefixes), table.per_minute)

    def password(self, options: _Options, folder: Path, environment: Mapping[str, str]) -> str:
        """Return the password; "" if something is wrong with it."""
        try:
            password = read_secret(
                "password",
                file=options.password_file,
                variable=options.password_env,
                folder=folder,
                bytes_max=PASSWORD_MAX,
                environment=environment,
            )
        except SecretError as error:
            key, seen, wanted = error.args
            self.report((key,), seen, wanted)
            return ""
        if password.casefold() in DEFAULT_PASSWORDS or password == options.user:
            key = "password_env" if options.password_file is None else "password_file"
            self.report((key,), "holds a password that everybody tries first", "another one")
        return password

    def tls(self, ca: str | None, folder: Path, *, is_secure: bool) -> ssl.SSLContext | None:
        """Return how the peer is checked; None for clear text."""
        if not is_secure:
            if ca is not None:
                self.report(("tls_ca",), f"is {shown(ca)}", "nothing, or `url` with https")
            return None
        path = None if ca is None else folder / ca
        try:
            context = ssl.create_default_context(cafile=path)
        except (OSError, ssl.SSLError) as error:
            seen = f"is {shown(str(path))}, which cannot be used ({error.strerror or error})"
            self.report(("tls_ca",), seen, "a file with certificates of authorities, in PEM")
            return None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def _is_host(host: str) -> bool:
    """Return whether a host can be looked up, or is an address."""
    if ":" not in host:
        return _HOST.fullmatch(host) is not None
    try:
        return not ipaddress.IPv6Address(host).scope_id
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    """Return whether a host is this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
