"""What HTTP needs of the daemon."""

from typing import Protocol

from prometheus_client import CollectorRegistry

from acd.daemon.context.lookups import Lookups
from acd.daemon.customers import Customers
from acd.daemon.history import History
from acd.daemon.http.tokens import Tokens
from acd.daemon.live import Live
from acd.daemon.numbers import Numbers
from acd.daemon.owner import Owner
from acd.daemon.settings import HttpSettings
from acd.settings import DomainSettings


class Daemon(Protocol):
    """The daemon, as HTTP sees it. What changes while it runs is read anew each time."""

    @property
    def owner(self) -> Owner:
        """Who owns the router."""

    @property
    def domain(self) -> DomainSettings:
        """The settings in force."""

    @property
    def http(self) -> HttpSettings:
        """Where and for whom it listens."""

    @property
    def tokens(self) -> Tokens:
        """Who may ask what."""

    @property
    def customers(self) -> Customers:
        """Knows customers by their addresses."""

    @property
    def lookups(self) -> Lookups:
        """Asks what is known of customers whom agents are offered."""

    @property
    def live(self) -> Live:
        """The live stream, and what waits where."""

    @property
    def history(self) -> History:
        """What was, for questions."""

    @property
    def numbers(self) -> Numbers:
        """Of customers who are to be called back."""

    @property
    def registry(self) -> CollectorRegistry:
        """What `/metrics` shows; whoever counts something registers there."""

    def can_control(self) -> bool:
        """Return whether the switch can give calls further: consult, transfer, confer."""
        ...

    def ready(self) -> list[str]:
        """Return why it is not ready; nothing where it is."""
