"""What `/metrics` tells, beside what other parts of the daemon register.

Labels come from the configuration and from closed sets only: no id of a contact, customer or agent.
"""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acd.daemon.http.parts import Daemon

BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0)
"""Around the goals for an acknowledgement: 2 ms in the median, 10 ms at the 99th percentile."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})


class Meters:
    """Counts requests: pure ASGI, outside of everything else."""

    def __init__(
        self, app: ASGIApp, registry: CollectorRegistry, now_us: Callable[[], int]
    ) -> None:
        self._app = app
        self._now_us = now_us
        self._requests = Counter(
            "acd_http_requests", "Requests answered.", ("route", "method", "status"),
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "acd_http_request_seconds", "How long answers took.", ("route",),
            buckets=BUCKETS_S, registry=registry,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_us = self._now_us()
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._requests.labels(route, method, status).inc()
            self._seconds.labels(route).observe((self._now_us() - began_us) / 1e6)


class Figures(Collector):
    """The router's figures, read when somebody asks."""

    def __init__(self, daemon: Daemon, sockets: Callable[[], int]) -> None:
        self._daemon = daemon
        self._sockets = sockets

    def collect(self) -> Iterable[Metric]:
        """Return all figures. Cost: queues and channels."""
        owner, live = self._daemon.owner, self._daemon.live
        places = ("queue", "channel")
        waiting = GaugeMetricFamily("acd_contacts_waiting", "Who wait.", labels=places)
        offered = GaugeMetricFamily("acd_contacts_offered", "Who ring.", labels=places)
        handling = GaugeMetricFamily("acd_contacts_handling", "Who are handled.", labels=places)
        parked = GaugeMetricFamily("acd_contacts_parked", "Who are put away.", labels=places)
        oldest = GaugeMetricFamily("acd_oldest_wait_seconds", "Longest wait.", labels=places)
        now_us = owner.clock.now_us()
        for queue in live.queues():
            for one in queue.channels:
                place = (queue.name, one.channel)
                waiting.add_metric(place, one.waiting)
                offered.add_metric(place, one.offered)
                handling.add_metric(place, one.handling)
                parked.add_metric(place, one.parked)
                since_us = now_us if one.oldest_us is None else one.oldest_us
                oldest.add_metric(place, max(0, now_us - since_us) / 1e6)
        yield from (waiting, offered, handling, parked, oldest)
        totals = live.totals()
        agents = GaugeMetricFamily("acd_agents", "Agents.", labels=("availability",))
        for availability, count in totals.agents.items():
            agents.add_metric((availability,), count)
        yield agents
        yield CounterMetricFamily("acd_contacts_arrived", "Contacts so far.", value=totals.arrived)
        closed = CounterMetricFamily("acd_contacts_closed", "Ends so far.", labels=("outcome",))
        closed.add_metric(("handled",), totals.handled)
        closed.add_metric(("abandoned",), totals.abandoned)
        yield closed
        yield GaugeMetricFamily("acd_entries_stepped", "Last entry stepped.", value=owner.stepped)
        yield GaugeMetricFamily("acd_entries_on_disk", "Last entry kept.", value=owner.on_disk)
        yield GaugeMetricFamily("acd_inputs_pending", "Inputs pending.", value=owner.pending)
        yield GaugeMetricFamily("acd_websockets", "WebSockets open.", value=self._sockets())
