"""Who a customer is: at the door, his number or address becomes a token.

    [daemon.customers]
    key_file = "customers.key"
    directory = "customers.toml"
    country_code = "49"

Core and journal know a customer by a token only. It is the id that the directory has for his
number or address, or else a keyed digest of it (HMAC-SHA256): the same at each of his contacts, and
nothing to whoever has the journal and not the key. Without a key a digest would hide nothing, since
all numbers of a country are tried in minutes. Numbers and addresses are neither kept nor logged.

Source: RFC 2104 (HMAC; 5. for the length to which it may be cut).
"""

import hmac
from collections.abc import Mapping
from typing import Final

from acd.daemon.addresses import canonical
from acd.daemon.directory import Known, read_directory
from acd.daemon.settings import CustomerSettings
from acd.errors import ConfigError, Problem
from acd.secret_files import SecretError, read_secret
from acd.settings import DomainSettings

KEY_MIN: Final = 32
"""Fewest characters of a key: 128 bits in hexadecimal."""

KEY_MAX: Final = 256

PREFIX: Final = "k-"
"""Begins every token that is a digest."""

_DIGITS: Final = 32
"""Of a token, in hexadecimal: 128 bits, half the digest, so that no two customers share one."""

NOBODY: Final = Known()


class Customers:
    """Knows customers by their numbers and addresses.

    Args:
        settings: What is configured; None where nobody is identified.
        domain: Whose agents and attributes the directory may name.
        file: The configuration's path, for messages.

    Raises:
        ConfigError: There is no key that will do, or the directory has mistakes.
        OSError: The directory cannot be read.
    """

    def __init__(
        self, settings: CustomerSettings | None, domain: DomainSettings, *, file: str = ""
    ) -> None:
        self._settings = settings
        self._key = b""
        self._shared: frozenset[str | None] = frozenset()
        if settings is not None:
            self._key = _key(settings, file)
            self._shared = frozenset(canonical(one, settings.numbering) for one in settings.shared)
        self._directory = self.read(domain)

    @property
    def are_identified(self) -> bool:
        """Whether customers are identified at all."""
        return self._settings is not None

    def read(self, domain: DomainSettings) -> Mapping[str, Known]:
        """Return the directory as it stands in its file, for `change`.

        Raises:
            ConfigError: It has mistakes.
            OSError: It cannot be read.
        """
        if self._settings is None or self._settings.directory is None:
            return {}
        return read_directory(self._settings.directory, domain, self.canonical)

    def change(self, directory: Mapping[str, Known]) -> None:
        """Know customers by another directory from now on."""
        self._directory = directory

    def canonical(self, address: str) -> str | None:
        """Return a number or address as it is compared.

        Empty if it is nobody's in particular; None if it is neither.
        """
        if self._settings is None:
            return None
        found = canonical(address, self._settings.numbering)
        return "" if found in self._shared else found

    def of(self, address: str) -> Known:
        """Return what is known of whoever has a number or address. Cost: a digest, some us."""
        key = self.canonical(address)
        if not key:
            return NOBODY
        known = self._directory.get(key)
        if known is not None or not self._key:
            return known or NOBODY
        digest = hmac.digest(self._key, key.encode(), "sha256").hex()
        return Known(customer=f"{PREFIX}{digest[:_DIGITS]}")


def _key(settings: CustomerSettings, file: str) -> bytes:
    """Return the key; empty where only the directory is asked.

    Raises:
        ConfigError: It cannot be read, or is too short.
    """
    if settings.key_file is None and settings.key_env is None and settings.directory is not None:
        return b""
    path = "daemon.customers"
    try:
        key = read_secret(
            "key",
            file=settings.key_file,
            variable=settings.key_env,
            folder=settings.folder,
            bytes_max=KEY_MAX,
        )
    except SecretError as error:
        name, seen, wanted = error.args
        raise ConfigError(file, Problem(f"{path}.{name}", seen, wanted)) from None
    if len(key) < KEY_MIN:
        name = "key_env" if settings.key_file is None else "key_file"
        wanted = f"at least {KEY_MIN} characters (`openssl rand -hex 32` makes a key)"
        raise ConfigError(file, Problem(f"{path}.{name}", "holds too short a key", wanted))
    return key.encode()
