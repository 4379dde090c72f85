"""Asks the sources of context, each within limits: a slow one delays nobody.

    an offer is committed ─▶ its desk is told (the offer rings)
                         └─▶ Lookups.ask ─▶ each source ─▶ its desk is told more, or why not

Nothing waits for an answer: no decision, no commit, no other desk. What one source does is no
matter of another's. Where several desks ask for one contact at once, a source is asked once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client import Counter as Meter

from acd.daemon.context.port import Asked, ContextError, ContextSource, Unavailable
from acd.ids import ContactId

ANSWER_BYTES_MAX: Final = 65_536
"""Largest context of a source, as JSON: some screens of text."""


class Found(Struct, frozen=True, kw_only=True):
    """What a source said of a contact's customer."""

    source: str
    ok: bool
    reason: Unavailable | None = None
    """Why there is none."""
    context: msgspec.Raw | None = None
    """The source's own, as JSON."""


Tell = Callable[[Found], None]


class Lookups:
    """The sources, and the questions that are open.

    Args:
        sources: Each with a name of its own.
        timeout_s: How long one may take to answer.
        registry: Gets the counter of answers.
    """

    def __init__(
        self, sources: Sequence[ContextSource], *, timeout_s: float, registry: CollectorRegistry
    ) -> None:
        self._sources = tuple(sources)
        self._timeout_s = timeout_s
        self._asked: dict[tuple[str, ContactId], asyncio.Task[Found]] = {}
        self._open: Counter[str] = Counter()
        """How many questions each source has not ended, also those for which nobody waits."""
        self._at_work: set[asyncio.Task[object]] = set()
        self._answers = Meter(
            "acd_context_lookups",
            "How lookups of customers ended.",
            ("source", "outcome"),
            registry=registry,
        )

    @property
    def is_on(self) -> bool:
        """Whether anybody is asked at all."""
        return bool(self._sources)

    def ask(self, asked: Asked, tell: Tell) -> None:
        """Ask each source; `tell` is called once for each, on the event loop, now or later."""
        for source in self._sources:
            if not asked.customer:
                self._finish(_nothing(source, Unavailable.NO_CUSTOMER), tell)
                continue
            key = (source.name, asked.contact_id)
            task = self._asked.get(key)
            if task is None:
                if self._open[source.name] >= source.open_max:
                    self._finish(_nothing(source, Unavailable.BUSY), tell)
                    continue
                work = self._begin(source, asked)
                task = asyncio.get_running_loop().create_task(self._wait_for(source, work))
                self._asked[key] = task
                task.add_done_callback(partial(self._answered, key))
            task.add_done_callback(partial(self._tell, tell))

    async def close(self) -> None:
        """Ask no more, and tell nobody anything."""
        tasks = [*self._asked.values(), *self._at_work]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._timeout_s)
        for source in self._sources:
            await source.close()

    def _answered(self, key: tuple[str, ContactId], _: asyncio.Task[Found]) -> None:
        del self._asked[key]

    def _tell(self, tell: Tell, answered: asyncio.Task[Found]) -> None:
        if not answered.cancelled():
            self._finish(answered.result(), tell)

    def _finish(self, found: Found, tell: Tell) -> None:
        self._answers.labels(found.source, "found" if found.ok else str(found.reason)).inc()
        tell(found)

    def _begin(self, source: ContextSource, asked: Asked) -> "asyncio.Task[object]":
        work: asyncio.Task[object] = asyncio.ensure_future(source.look_up(asked))
        self._open[source.name] += 1
        self._at_work.add(work)
        work.add_done_callback(partial(self._ended, source))
        return work

    async def _wait_for(self, source: ContextSource, work: "asyncio.Task[object]") -> Found:
        """Return what a source says, or that it does not; it is not waited for any longer.

        One that does not end when it is told to keeps its place among the open questions.
        """
        try:
            await asyncio.wait({work}, timeout=self._timeout_s)
        finally:
            work.cancel()
        if not work.done():
            return _nothing(source, Unavailable.TIMEOUT)
        if work.cancelled():
            return _nothing(source, Unavailable.FAILED)
        try:
            answer = msgspec.json.encode(work.result())
        except ContextError as error:
            return _nothing(source, error.why)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return _nothing(source, Unavailable.BAD_ANSWER)
        except Exception:  # noqa: BLE001 - whatever a source does, the desk is told.
            return _nothing(source, Unavailable.FAILED)
        if len(answer) > ANSWER_BYTES_MAX:
            return _nothing(source, Unavailable.TOO_LARGE)
        return Found(source=source.name, ok=True, context=msgspec.Raw(answer))

    def _ended(self, source: ContextSource, work: "asyncio.Task[object]") -> None:
        self._open[source.name] -= 1
        self._at_work.discard(work)
        if not work.cancelled():
            work.exception()  # Of one that came too late nobody asks.


def _nothing(source: ContextSource, why: Unavailable) -> Found:
    return Found(source=source.name, ok=False, reason=why)
