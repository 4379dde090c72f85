"""The directory of customers: who has which numbers and addresses, in a file of its own.

    [[customer]]
    id = "k-1001"
    addresses = ["+4930123456", "ana@example.org"]
    named_agent = "carla"
    attributes = { tier = "gold" }

It is small: key accounts, not everybody. What is wrong with it is told without what stands there,
since numbers and addresses are shown nowhere.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated

from msgspec import Struct
from pydantic import Field

from acd.classes import is_text
from acd.conditions import number_of
from acd.errors import ConfigError, did_you_mean, nearest, shown
from acd.ids import ID_MAX, AgentId
from acd.mistakes import KeyPath, Mistake, in_file_order
from acd.settings import DomainSettings
from acd.tables import MISSING, UNKNOWN_KEY, Table, read_model
from acd.toml_guard import FILE_BYTES_MAX, read_toml

Canonical = Callable[[str], str | None]


class Known(Struct, frozen=True, kw_only=True):
    """What is known of a customer when he comes."""

    customer: str = ""
    """His token; empty where nobody knows who he is."""
    named_agent: AgentId = ""
    attributes: tuple[tuple[str, str], ...] = ()
    """By name."""

    def attributed(self, brought: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Return a contact's attributes with the customer's, which come before those it brought."""
        given = {name for name, _ in self.attributes}
        return (*(pair for pair in brought if pair[0] not in given), *self.attributes)


class _CustomerTable(Table):
    id: str
    addresses: Annotated[list[str], Field(default_factory=list)]
    named_agent: str | None = None
    attributes: dict[str, str] | None = None


class _Document(Table):
    customer: Annotated[list[_CustomerTable], Field(default_factory=list)]


def read_directory(path: Path, domain: DomainSettings, canonical: Canonical) -> dict[str, Known]:
    """Return who is known, by each of his numbers and addresses.

    Args:
        path: The file.
        domain: Whose agents and attributes it may name.
        canonical: How numbers and addresses are compared.

    Raises:
        ConfigError: All mistakes.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(FILE_BYTES_MAX + 1)
    tree = read_toml(data, str(path))
    document, mistakes, _ = read_model(_Document, tree)
    found = [_hidden(mistake) for mistake in mistakes]
    directory: dict[str, Known] = {}
    if not found:
        check = _Check(found, domain, canonical)
        for at, table in enumerate(document.customer):
            check.customer(("customer", at), table)
            for key in check.addresses(("customer", at, "addresses"), table.addresses):
                directory[key] = Known(
                    customer=table.id,
                    named_agent=table.named_agent or "",
                    attributes=tuple(sorted((table.attributes or {}).items())),
                )
    if found:
        raise ConfigError(str(path), *in_file_order(found, tree))
    return directory


def _hidden(mistake: Mistake) -> Mistake:
    """Return a mistake of the file's shape without what stands there."""
    if mistake.seen == UNKNOWN_KEY:
        return Mistake(mistake.path[:-1], "has an unknown key", mistake.wanted)
    return mistake if mistake.seen == MISSING else mistake._replace(seen="is of another kind")


class _Check:
    """Finds what is wrong beside the shape."""

    def __init__(self, found: list[Mistake], domain: DomainSettings, canonical: Canonical) -> None:
        self._found = found
        self._domain = domain
        self._agents = {agent.agent_id for agent in domain.agents}
        self._canonical = canonical
        self._ids: set[str] = set()
        self._taken: set[str] = set()

    def customer(self, path: KeyPath, table: _CustomerTable) -> None:
        """Look at a customer's id, agent and attributes."""
        key = table.id
        if not key or not is_text(key) or not key.isprintable() or "@" in key or key[0] == "+":
            wanted = f"1 to {ID_MAX} characters that are no number and no address"
            self._report((*path, "id"), "is no id", wanted)
        elif key in self._ids:
            self._report((*path, "id"), f"is {shown(key)} again", "another id")
        self._ids.add(key)
        if table.named_agent is not None and table.named_agent not in self._agents:
            self._unknown((*path, "named_agent"), table.named_agent, "agent", self._agents)
        for name, value in (table.attributes or {}).items():
            at = (*path, "attributes", name)
            if name not in self._domain.contact_attributes:
                self._unknown(at, name, "attribute", self._domain.contact_attributes)
            elif not is_text(value):
                self._report(at, "is too long", f"at most {ID_MAX} characters")
            elif name in self._domain.contact_numbers and number_of(value) is None:
                self._report(at, f"is {shown(value)}", "a number in a text, like 99.95")

    def addresses(self, path: KeyPath, addresses: list[str]) -> list[str]:
        """Return a customer's numbers and addresses as they are compared, without the faulty."""
        if not addresses:
            self._report(path, "is empty", "numbers and addresses of the customer")
        good = []
        for place, address in enumerate(addresses):
            key = self._canonical(address)
            if key is None:
                self._report((*path, place), "is no number and no address", "one of both")
            elif not key:
                self._report((*path, place), "is nobody's in particular", "the customer's own")
            elif key in self._taken:
                self._report((*path, place), "stands here again", "an address once")
            else:
                good.append(key)
            self._taken.add(key or "")
        return good

    def _report(self, path: KeyPath, seen: str, wanted: str) -> None:
        self._found.append(Mistake(path, seen, wanted))

    def _unknown(self, path: KeyPath, name: str, kind: str, choices: Collection[str]) -> None:
        near = did_you_mean(nearest(name, choices))
        seen = f"is no {kind}" if path[-1] == name else f"is {shown(name)}"
        self._report(path, seen, f"an {kind} of the domain{near}")
