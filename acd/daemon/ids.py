"""Ids of the commands that leave the daemon.

They are the same after a restart, so that a switch that got one already refuses its repeat:
`acd-{domain}-{journal}-{offer}` for all that concerns an offer; for any other action
`acd-{domain}-{journal}-{entry}.{position}`, by the entry of the journal and its place there.
"""

import re

from acd.ids import OfferId

_FOREIGN = re.compile(r"[^A-Za-z0-9_]")
_DOMAIN_MAX = 32
"""Longest part of the domain's name: the whole id then stays under 64 characters."""


class CommandIds:
    """Makes and reads the ids of one journal."""

    __slots__ = ("prefix",)

    def __init__(self, domain: str, journal: str) -> None:
        """Take the domain's name and the journal's id, which is [A-Za-z0-9_]."""
        self.prefix = f"acd-{_FOREIGN.sub('_', domain)[:_DOMAIN_MAX]}-{journal}-"

    def offer(self, offer_id: OfferId) -> str:
        """Return the id of an offer's commands.

        >>> CommandIds("shop", "k3f9").offer(7)
        'acd-shop-k3f9-7'
        """
        return f"{self.prefix}{offer_id}"

    def action(self, entry: int, position: int) -> str:
        """Return the id of an action that is not an offer's.

        >>> CommandIds("shop", "k3f9").action(12, 0)
        'acd-shop-k3f9-12.0'
        """
        return f"{self.prefix}{entry}.{position}"

    def further(self, entry: int, what: str, number: int) -> str:
        """Return the id of a command that follows from an entry beside those of its actions.

        >>> CommandIds("shop", "k3f9").further(12, "r", 0)
        'acd-shop-k3f9-12.r0'
        """
        return f"{self.prefix}{entry}.{what}{number}"

    def is_further(self, command_id: str, what: str) -> bool:
        """Return whether `further` made an id, for this.

        >>> ids = CommandIds("shop", "k3f9")
        >>> ids.is_further("acd-shop-k3f9-12.r0", "r"), ids.is_further("acd-shop-k3f9-12.0", "r")
        (True, False)
        """
        entry, _, rest = command_id.removeprefix(self.prefix).partition(".")
        return entry.isdigit() and rest.startswith(what)

    def offer_of(self, command_id: str) -> OfferId | None:
        """Return the offer that a command id is of; None if it is another journal's or no offer's.

        >>> ids = CommandIds("shop", "k3f9")
        >>> ids.offer_of("acd-shop-k3f9-7"), ids.offer_of("acd-shop-x-7"), ids.offer_of("9")
        (7, None, None)
        """
        number = command_id.removeprefix(self.prefix)
        if number == command_id or not number.isascii() or not number.isdigit():
            return None
        return int(number)
