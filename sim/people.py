"""How the people of a scenario file behave: the checks between its keys, and their values.

`sim.people_file` has the tables, docs/people.md what they mean.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from acd.errors import did_you_mean, nearest, shown
from acd.ids import Channel
from acd.mistakes import KeyPath, Mistake, seconds_text
from acd.settings import ChannelSettings, DomainSettings
from sim.patience import (
    SHARE_SLACK,
    Exponential,
    Gamma,
    Hyperexponential,
    Lognormal,
    Patience,
    Steps,
    deterministic,
    erlang,
)
from sim.patience_csv import read_patience
from sim.people_file import (
    CallbackTable,
    CustomersTable,
    HandleTable,
    LawShape,
    LawTable,
    PeopleTable,
    Tail,
    TransferTable,
)
from sim.scenario_file import ArrivalsTable, ScenarioTable
from sim.scenario_kinds import Known, listed, rows_in, table_in
from sim.workload import CallBack, Handle, Lost, Pace, Redial, Shape, Transfer

_HERE: Final = ("scenario",)

LAWS: Final = (("patience",), ("accepts",), ("redials", "pause"))
"""Where a stream has distributions of times."""

NEEDED: Final[Mapping[LawShape, tuple[str, ...]]] = {
    LawShape.EXPONENTIAL: ("mean_s",),
    LawShape.LOGNORMAL: ("mean_s", "scv"),
    LawShape.GAMMA: ("mean_s", "scv"),
    LawShape.ERLANG: ("mean_s", "phases"),
    LawShape.HYPEREXPONENTIAL: ("means_s", "shares"),
    LawShape.DETERMINISTIC: ("mean_s",),
    LawShape.EMPIRICAL: ("csv",),
}
ALLOWED: Final[Mapping[LawShape, tuple[str, ...]]] = {
    LawShape.DETERMINISTIC: ("share",),
    LawShape.EMPIRICAL: ("queue", "tail"),
}
"""Beside the needed ones."""

Observed = Mapping[KeyPath, Steps]
"""Distributions that were read from files, by the place of their table."""


# --- what several keys must agree in --------------------------------------------------------------


def across(raw: Mapping[str, Any], known: Known) -> Iterator[Mistake]:
    """Yield mistakes that show only between keys of the raw table `[scenario]`."""
    handles = table_in(raw, "handles")
    for queue, by_channel in handles.items():
        yield from _declared((*_HERE, "handles", queue), queue, known)
        for channel in by_channel if isinstance(by_channel, dict) else ():
            yield from _served((*_HERE, "handles", queue, channel), queue, channel, known)
    for number, stream in enumerate(rows_in(raw, "arrivals")):
        path = (*_HERE, "arrivals", number)
        yield from _customers(path, stream)
        if stream:
            yield from _handled(path, stream, stream.get("queue"), handles, known)
    shares: dict[tuple[object, object], float] = {}
    for number, row in enumerate(rows_in(raw, "transfers")):
        path = (*_HERE, "transfers", number)
        channel, share = row.get("channel"), row.get("share")
        for key in ("queue", "to"):
            name = row.get(key)
            if isinstance(name, str):
                yield from _declared((*path, key), name, known)
                yield from _served((*path, "channel"), name, channel, known)
        if row:
            yield from _handled(path, row, row.get("to"), handles, known)
        if isinstance(share, int | float) and 0 < share <= 1 and isinstance(channel, str):
            place = (str(row.get("queue")), channel)
            shares[place] = shares.get(place, 0.0) + share
            if shares[place] > 1 + SHARE_SLACK:
                seen = f"makes {shares[place]:g} of {channel} in {shown(place[0])}"
                yield Mistake((*path, "share"), seen, "at most 1 in all")


def _declared(path: KeyPath, queue: str, known: Known) -> Iterator[Mistake]:
    if queue not in known.queues:
        yield Mistake(path, f"is {shown(queue)}", f"a declared queue, {listed(known.queues)}")


def _served(path: KeyPath, queue: str, channel: object, known: Known) -> Iterator[Mistake]:
    channels = known.queues.get(queue)
    if channels is not None and channel in set(Channel) and channel not in channels:
        seen = f"is {shown(str(channel))}"
        yield Mistake(path, seen, f"a channel that {shown(queue)} has, {listed(channels)}")


def _handled(
    path: KeyPath, row: Mapping[str, Any], queue: object, handles: Mapping[str, Any], known: Known
) -> Iterator[Mistake]:
    """Yield a mistake where nothing says how long contacts are handled."""
    if "handle" in row or not isinstance(queue, str) or queue not in known.queues:
        return
    if row.get("channel") not in table_in(handles, queue):
        wanted = "a table, here or in [scenario.handles] for the queue and channel"
        yield Mistake((*path, "handle"), "is missing", wanted)


def _customers(path: KeyPath, stream: Mapping[str, Any]) -> Iterator[Mistake]:
    if "patience" in stream and "patience_mean_s" in stream:
        yield Mistake(path, "has patience and patience_mean_s", "one of them")
    for place, law in _laws(stream):
        yield from _law((*path, *place), law)
    causes = table_in(stream, "redials").get("causes", [Lost.ABANDONED])
    for cause, keys, who, nobody in (
        (Lost.ABANDONED, ("patience", "patience_mean_s", "replay"), "have abandoned", "has"),
        (Lost.BALKED, ("accepts",), "have balked", "has"),
        (Lost.NOT_REACHED, ("callbacks",), "were not reached", "was"),
    ):
        is_asked = "redials" in stream and isinstance(causes, list) and cause in causes
        if is_asked and not any(key in stream for key in keys):
            wanted = f"`{keys[0]}` beside it, without which nobody {nobody}"
            yield Mistake((*path, "redials"), f"is for those who {who}", wanted)
    channel = stream.get("channel")
    if "callbacks" in stream and channel in set(Channel) and channel != Channel.VOICE:
        yield Mistake((*path, "callbacks"), "is given", f"nothing: by {channel} nobody is called")


def _laws(stream: Mapping[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Yield a stream's tables of distributions, and where each stands in it."""
    for place in LAWS:
        node: Any = stream
        for key in place:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict):
            yield place, node


def _law(path: KeyPath, raw: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield what is missing in a distribution, and what its shape does not have."""
    try:
        shape = LawShape(raw.get("shape", LawShape.EXPONENTIAL))
    except ValueError:
        return
    needed = NEEDED[shape]
    for key in needed:
        if key not in raw:
            yield Mistake((*path, key), "is missing", f"what {shape} needs: {', '.join(needed)}")
    fields = {field.alias or name for name, field in LawTable.model_fields.items()} - {"shape"}
    for key in raw:
        if key in fields and key not in {*needed, *ALLOWED.get(shape, ())}:
            yield Mistake((*path, key), "is given", f"nothing, since {shape} has none")
    means, shares = raw.get("means_s"), raw.get("shares")
    if shape is LawShape.HYPEREXPONENTIAL and isinstance(means, list) and isinstance(shares, list):
        if len(means) != len(shares):
            yield Mistake(
                (*path, "shares"), f"has {len(shares)} figures", f"{len(means)} as means_s"
            )
        elif all(type(share) in {int, float} for share in shares):
            total = math.fsum(shares)
            if not abs(total - 1) <= SHARE_SLACK:
                yield Mistake((*path, "shares"), f"is {total:g} in all", "1")


# --- what was observed ----------------------------------------------------------------------------


def observed(
    rows: list[dict[str, Any]], folder: Path
) -> tuple[dict[KeyPath, Steps], list[Mistake]]:
    """Return the distributions that streams have in files, and all mistakes in these."""
    found: dict[KeyPath, Steps] = {}
    mistakes: list[Mistake] = []
    for number, row in enumerate(rows):
        for place, law in _laws(row):
            name, queue = law.get("csv"), law.get("queue", row.get("queue"))
            if law.get("shape") != LawShape.EMPIRICAL or not isinstance(name, str):
                continue
            if isinstance(queue, str):
                steps, errors = read_patience(folder / name, queue)
                path = (*_HERE, "arrivals", number, *place, "csv")
                mistakes += (Mistake(path, *error.args) for error in errors)
                if steps is not None:
                    found[(number, *place)] = steps
    return found, mistakes


# --- what they must find in the routing part ------------------------------------------------------


def against(settings: DomainSettings, table: ScenarioTable, known: Known) -> Iterator[Mistake]:
    """Yield mistakes that show only beside the routing part."""
    for number, stream in enumerate(table.arrivals):
        if stream.accepts is not None and not settings.estimated_wait:
            wanted = "domain.estimated_wait = true, without which no wait can be announced"
            yield Mistake((*_HERE, "arrivals", number, "accepts"), "is given", wanted)
        if stream.channel is Channel.VOICE:
            here = (*_HERE, "arrivals", number, "callbacks")
            yield from _called_back(here, stream.queue, stream.callbacks, settings)
    names = [*known.groups, *(agent.agent_id for agent in settings.agents)]
    for name, pace in table.paces.items():
        path = (*_HERE, "paces", name)
        if name not in names:
            wanted = f"a declared group or agent{did_you_mean(nearest(name, names))}"
            yield Mistake(path, "is neither group nor agent", wanted)
        if pace.scv_factor != 1 and any(one.shape is Shape.EXPONENTIAL for one in _handles(table)):
            wanted = "1, or no handle of the exponential shape: that has one scv"
            yield Mistake((*path, "scv_factor"), f"is {pace.scv_factor:g}", wanted)
    for channel in table.concurrency:
        slots = [one.channels[channel] for one in settings.capacities if channel in one.channels]
        if all(slot.slots < 2 for slot in slots):
            wanted = f"a capacity with two slots for {channel} or more"
            yield Mistake((*_HERE, "concurrency", channel), "is given", wanted)
    queues = {queue.name: queue for queue in settings.queues}
    for number, row in enumerate(table.transfers):
        place = (*_HERE, "transfers", number, "answer_s")
        there = queues[row.to].channels.get(row.channel) if row.to in queues else None
        if there is not None and (row.answer_us is not None or not there.auto_answer):
            answer_us = table.answer_us if row.answer_us is None else row.answer_us
            yield from answers(place, answer_us, there, f"{row.channel} in {shown(row.to)}")


def _called_back(
    path: KeyPath, queue: str, table: CallbackTable | None, settings: DomainSettings
) -> Iterator[Mistake]:
    """Yield a mistake where nobody who is called back would answer in time.

    How customers take callbacks may be said where no queue calls back, for plans with and without
    are compared with the same customers.
    """
    dial_us = {each.name: each.callbacks.dial_us for each in settings.queues if each.callbacks}
    if not dial_us or (table is None and queue not in dial_us):
        return
    answer_us = (table or CallbackTable()).answer_us
    name = min(dial_us, key=dial_us.__getitem__)
    if answer_us >= dial_us[name]:
        seen = f"is {seconds_text(answer_us)}"
        wanted = f"below the dial_s of callbacks in {shown(name)}, {seconds_text(dial_us[name])}"
        yield Mistake((*path, "answer_s"), seen, wanted)


def answers(
    path: KeyPath, answer_us: int, channel: ChannelSettings, where: str
) -> Iterator[Mistake]:
    """Yield a mistake where agents would answer too late, or need not."""
    seen = f"is {seconds_text(answer_us)}"
    if channel.auto_answer:
        yield Mistake(path, seen, f"nothing, since {where} answers by itself")
    elif answer_us >= channel.ring_us:
        yield Mistake(path, seen, f"below the ring_s of {where}, {seconds_text(channel.ring_us)}")


def _handles(table: ScenarioTable) -> Iterator[HandleTable]:
    yield from (row.handle for row in table.arrivals if row.handle is not None)
    yield from (row.handle for row in table.transfers if row.handle is not None)
    yield from (handle for of_queue in table.handles.values() for handle in of_queue.values())


# --- from tables to values ------------------------------------------------------------------------


class Customers(NamedTuple):
    """How the customers of a stream behave."""

    patience: Patience | None
    accepts: Patience | None
    redial: Redial | None
    callbacks: CallBack


def customers_of(number: int, table: CustomersTable, found: Observed) -> Customers:
    """Return how the customers of the stream of this place behave."""

    def law(of: LawTable | None, *place: str) -> Patience | None:
        return None if of is None else _value(of, found.get((number, *place)))

    patience = law(table.patience, "patience")
    if table.patience_mean_s is not None:
        patience = Exponential(table.patience_mean_s)
    redial = None
    if table.redials is not None:
        pause = law(table.redials.pause, "redials", "pause")
        assert pause is not None
        redial = Redial(
            share=table.redials.share,
            pause=pause,
            attempts_max=table.redials.attempts_max,
            causes=tuple(table.redials.causes),
        )
    callbacks = (table.callbacks or CallbackTable()).value()
    return Customers(patience, law(table.accepts, "accepts"), redial, callbacks)


def _value(law: LawTable, steps: Steps | None) -> Patience:
    """Return a distribution of a table without mistakes."""
    if steps is not None:
        leaves = law.tail is Tail.LEAVES
        return Steps(steps.times_s, (*steps.survival_after[:-1], 0.0)) if leaves else steps
    if law.means_s is not None and law.shares is not None:
        return Hyperexponential(tuple(law.means_s), tuple(law.shares))
    assert law.mean_s is not None
    if law.phases is not None:
        return erlang(law.phases, law.mean_s)
    if law.shape is LawShape.DETERMINISTIC:
        return deterministic(law.mean_s, share=1.0 if law.share is None else law.share)
    if law.scv is None:
        return Exponential(law.mean_s)
    kind = Gamma if law.shape is LawShape.GAMMA else Lognormal
    return kind(law.mean_s, law.scv)


def handle_of(
    row: ArrivalsTable | TransferTable, queue: str, channel: Channel, table: PeopleTable
) -> Handle:
    """Return how long contacts are handled: as their row says, or else their queue and channel."""
    return (row.handle or table.handles[queue][channel]).value()


def answer_us(
    row: ArrivalsTable | TransferTable, table: ScenarioTable, channel: ChannelSettings
) -> int:
    """Return how long an agent takes to answer an offer: not at all where the queue does."""
    if channel.auto_answer:
        return 0
    return table.answer_us if row.answer_us is None else row.answer_us


def paces_of(table: PeopleTable) -> dict[str, Pace]:
    """Return the agents' and groups' paces."""
    return {
        name: Pace(mean_factor=pace.mean_factor, scv_factor=pace.scv_factor)
        for name, pace in table.paces.items()
    }


def transfers_of(settings: DomainSettings, table: ScenarioTable) -> tuple[Transfer, ...]:
    """Return what agents give further."""
    queues = {queue.name: queue for queue in settings.queues}
    return tuple(
        Transfer(
            queue=row.queue,
            channel=row.channel,
            to=row.to,
            share=row.share,
            handle=handle_of(row, row.to, row.channel, table),
            answer_us=answer_us(row, table, queues[row.to].channels[row.channel]),
            keep_place=row.keep_place,
        )
        for row in table.transfers
    )
