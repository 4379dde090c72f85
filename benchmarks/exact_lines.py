"""The models of `benchmarks.bench_exact` in the steady state, each with its exact values."""

from collections.abc import Iterable, Iterator
from typing import Final

from acd.figures import Figures
from acd.ids import Channel
from acd.settings import (
    SECOND_US,
    AgentCriterion,
    HeadroomSettings,
    OverflowRule,
    Serves,
    SlotSettings,
    Urgency,
)
from benchmarks.exact_models import (
    EXPONENTIAL,
    LINE,
    MEAN_S,
    OBJECTIVE_S,
    VOICE,
    Kind,
    Line,
    Team,
    centre,
    one_line,
    prioritised,
    serving,
)
from benchmarks.exact_values import (
    Chain,
    Class,
    State,
    batches_m_1,
    cobham,
    cobham_agents,
    kleinrock,
    m_d_1_within,
    m_d_n_wait,
    pollaczek_khinchine,
    preemptive,
    second_moment,
)
from sim.batches import Batch, Sizes
from sim.erlang import erlang_b, erlang_c, line
from sim.patience import Exponential, deterministic
from sim.steady import Parts
from sim.workload import Handle

CONSTANT: Final = Handle(mean_s=MEAN_S, scv=1e-18)
"""The lognormal shape has no variance of 0; 60 s within 60 ns are 60 s to the microsecond."""


def lines() -> tuple[Line, ...]:
    """Return all models."""
    return (
        *erlang_lines(),
        *one_agent(),
        *priorities(),
        *skills(),
        *channels(),
        *losses(),
        *in_batches(),
    )


def erlang_lines() -> Iterator[Line]:
    """Yield M/M/n and M/M/n+M."""
    for agents, load in ((1, 0.7), (2, 0.8), (10, 0.8), (40, 0.85)):
        exact = line(agents, load * agents, MEAN_S, OBJECTIVE_S)
        of = one_line(agents, load)
        name = f"M/M/{agents}, load {load}"
        yield Line(name, f"{LINE}service_level", float(exact.service_level), of)
        yield Line(name, f"{LINE}asa_s", float(exact.mean_wait_served_s), of)
    for agents, load, patience_s in ((10, 1.0, 30.0), (40, 1.1, 120.0)):
        exact = line(agents, load * agents, MEAN_S, OBJECTIVE_S, patience=Exponential(patience_s))
        of = one_line(agents, load, patience_s=patience_s)
        name = f"M/M/{agents}+M, load {load}"
        yield Line(name, f"{LINE}service_level", float(exact.service_level), of)
        yield Line(name, f"{LINE}abandonment", float(exact.abandons), of)
        yield Line(name, f"{LINE}asa_s", float(exact.mean_wait_served_s), of)
        yield Line(name, f"{LINE}occupancy", float(exact.occupancy), of)


def one_agent() -> Iterator[Line]:
    """Yield M/G/1 and constant handling times."""
    asa = f"{LINE}asa_s"
    per_s = 0.7 / MEAN_S
    for scv in (0.5, 2.0):
        handle = Handle(mean_s=MEAN_S, scv=scv)
        exact = pollaczek_khinchine(per_s, MEAN_S, second_moment(MEAN_S, scv))
        yield Line(f"M/G/1, lognormal, scv {scv}", asa, exact, one_line(1, 0.7, handle=handle))
    yield Line(
        "M/D/1, load 0.7",
        f"{LINE}service_level",
        m_d_1_within(per_s, MEAN_S, OBJECTIVE_S),
        one_line(1, 0.7, handle=CONSTANT),
    )
    exact = m_d_n_wait(5, 5 * 0.8 / MEAN_S, MEAN_S)
    yield Line("M/D/5, load 0.8", asa, exact, one_line(5, 0.8, handle=CONSTANT))
    # Wrap-up and ringing keep the agent too: he is busy for handling + a constant.
    for name, more_s, ring_s, of in (
        ("wrap-up", 15.0, 0.0, one_line(1, 0.6, channel={"wrap_up_us": 15 * SECOND_US})),
        (
            "ringing",
            6.0,
            6.0,
            one_line(1, 0.6, channel={"auto_answer": False}, answer_us=6 * SECOND_US),
        ),
    ):
        square = MEAN_S**2 + (MEAN_S + more_s) ** 2
        wait_s = pollaczek_khinchine(0.6 / MEAN_S, MEAN_S + more_s, square)
        yield Line(f"M/G/1, with {name}", asa, wait_s + ring_s, of)


def priorities() -> Iterator[Line]:
    """Yield queues that share agents, by urgency."""
    two, agents = (0.3, 0.5), 8
    of = prioritised(tuple(agents * load for load in two), agents)
    waits = float(erlang_c(agents, agents * sum(two)))
    for k, exact in enumerate(cobham_agents(waits, MEAN_S, agents, two)):
        yield Line(f"two priorities, M/M/{agents}", f"q{k}.voice.asa_s", exact, of)
    handles = (Handle(mean_s=30, scv=1.5), Handle(mean_s=60, scv=0.5), Handle(mean_s=120))
    loads = (0.2, 0.3, 0.2)
    of = prioritised(loads, 1, handles)
    kinds = [
        Class(load / one.mean_s, one.mean_s, one.scv)
        for load, one in zip(loads, handles, strict=True)
    ]
    for k, exact in enumerate(cobham(kinds)):
        yield Line("three priorities, M/G/1", f"q{k}.voice.asa_s", exact, of)

    # Whoever has waited longest has the most points where all age alike: first come first served.
    def alike(_place: int) -> dict[str, int]:
        return {"priority": 5, "ageing_per_h": 60}

    of = prioritised((1.5, 1.7), 4, urgency=Urgency.AGEING, each=alike)
    exact_line = line(4, 3.2, MEAN_S, OBJECTIVE_S)
    for k in range(2):
        exact = float(exact_line.mean_wait_served_s)
        yield Line("ageing, one rate, M/M/4", f"q{k}.voice.asa_s", exact, of)

    # Head starts reorder who waits and no more, so the mean over both queues is that of one line.
    def ahead(place: int) -> dict[str, int]:
        return {"priority": 3 * (1 - place), "ageing_per_h": 120}

    of = prioritised((1.5, 1.7), 4, urgency=Urgency.AGEING, each=ahead)
    exact = float(exact_line.mean_wait_served_s)
    yield Line("ageing, head start, M/M/4", "asa_s of both", exact, of, _asa)

    def faster(place: int) -> dict[str, int]:
        return {"priority": 0, "ageing_per_h": 3_000 if place else 1_000}

    of = prioritised((1.5, 1.7), 4, urgency=Urgency.AGEING, each=faster)
    rest = float(erlang_c(4, 3.2)) * MEAN_S / 4
    for k, exact in enumerate(kleinrock(rest, (1.5 / 4, 1.7 / 4), (1.0, 3.0))):
        yield Line("ageing, rates 1 to 3, M/M/4", f"q{k}.voice.asa_s", exact, of)


def _asa(one: Figures) -> Parts:
    return Parts(one.wait_us / SECOND_US, one.answered)


def skills() -> Iterator[Line]:
    """Yield two skills: all have both; some have both and help at once, or in reserve."""
    of = centre((Kind("a", 2.0), Kind("b", 2.8)), (Team("both", 6, serving("a", "b")),))
    exact = float(line(6, 4.8, MEAN_S, OBJECTIVE_S).service_level)
    for name in "ab":
        yield Line("two skills, all have both", f"{name}.voice.service_level", exact, of)
    for reserve in (None, 3):
        helps = Serves(queue="a", channels=(VOICE,), tier=2, reserve_waiting=reserve)
        teams = (
            Team("one", 2, serving("a")),
            Team("two", 2, (*serving("b"), helps)),
        )
        of = centre(
            (Kind("a", 1.9), Kind("b", 0.9)),
            teams,
            agent_selection=(AgentCriterion.LEAST_FLEXIBLE, AgentCriterion.LONGEST_IDLE),
        )
        chain = _two_skills(1.9 / MEAN_S, 0.9 / MEAN_S, reserve or 1)
        name = f"two skills, help {'in reserve' if reserve else 'at once'}"
        waits_a = chain.mean(lambda state: state[2]) / (1.9 / MEAN_S)
        waits_b = chain.mean(lambda state: state[3]) / (0.9 / MEAN_S)
        yield Line(name, "a.voice.asa_s", waits_a, of)
        yield Line(name, "b.voice.asa_s", waits_b, of)


def _two_skills(a_per_s: float, b_per_s: float, reserve: int) -> Chain:
    """Return the chain of two agents for a, and two for b who help where `reserve` of a wait.

    A state has how many of each are busy, and how many of a and b wait.
    """

    def rates(x: int, y: int, a: int, b: int) -> Iterable[tuple[State, float]]:
        if x < 2:
            yield (x + 1, y, a, b), a_per_s
        elif y < 2 and a + 1 >= reserve:
            yield (x, y + 1, a, b), a_per_s
        else:
            yield (x, y, a + 1, b), a_per_s
        yield ((x, y + 1, a, b) if y < 2 else (x, y, a, b + 1)), b_per_s
        yield ((x, y, a - 1, b) if a else (x - 1, y, a, b)), x / MEAN_S
        if b:
            yield (x, y, a, b - 1), y / MEAN_S
        elif a >= reserve:
            yield (x, y, a - 1, b), y / MEAN_S
        elif y:
            yield (x, y - 1, a, b), y / MEAN_S

    return Chain((0, 0, 0, 0), rates)


def channels() -> Iterator[Line]:
    """Yield several chats at a time, calls that set emails aside, and headroom for calls."""
    chat, email = Channel.CHAT, Channel.EMAIL
    of = centre(
        (Kind("chat", 4.8, channel=chat),),
        (Team("all", 2, serving("chat", channel=chat)),),
        slots={chat: SlotSettings(slots=3, cost=30)},
    )
    exact = line(6, 4.8, MEAN_S, OBJECTIVE_S)
    yield Line("chat, 2 agents of 3 slots", "chat.chat.asa_s", float(exact.mean_wait_served_s), of)
    yield Line(
        "chat, 2 agents of 3 slots", "chat.chat.service_level", float(exact.service_level), of
    )
    kinds = (
        Kind("calls", 0.3, settings={"priority": 1}),
        Kind("mails", 0.4, Handle(mean_s=MEAN_S, scv=2.0), email, {"priority": 0}),
    )
    both = (Serves(queue="calls", channels=(VOICE,)), Serves(queue="mails", channels=(email,)))
    of = centre(
        kinds,
        (Team("all", 1, both),),
        slots={VOICE: SlotSettings(), email: SlotSettings(interrupted_by=(VOICE,))},
        urgency=Urgency.STRICT_PRIORITY,
    )
    classes = [Class(0.3 / MEAN_S, MEAN_S), Class(0.4 / MEAN_S, MEAN_S, 2.0)]
    for one, exact_s in zip(kinds, preemptive(classes), strict=True):
        measure = f"{one.name}.{one.channel}.asa_s"
        yield Line("calls set emails aside, M/G/1", measure, exact_s, of)
    kinds = (
        Kind("calls", 1.8, settings={"priority": 1}),
        Kind("mails", 0.9, EXPONENTIAL, email, {"priority": 0}),
    )
    of = centre(
        kinds,
        (Team("all", 4, both),),
        slots={VOICE: SlotSettings(), email: SlotSettings()},
        urgency=Urgency.STRICT_PRIORITY,
        headrooms=(HeadroomSettings(name="phone", queue="calls", keep_free=1),),
    )
    chain = _headroom(1.8 / MEAN_S, 0.9 / MEAN_S, 4, 1)
    calls_s = chain.mean(lambda state: state[1]) / (1.8 / MEAN_S)
    mails_s = chain.mean(lambda state: state[2]) / (0.9 / MEAN_S)
    yield Line("headroom of 1 of 4", "calls.voice.asa_s", calls_s, of)
    yield Line("headroom of 1 of 4", "mails.email.asa_s", mails_s, of)


def _headroom(calls_per_s: float, mails_per_s: float, agents: int, kept: int) -> Chain:
    """Return the chain of (busy, calls waiting, emails waiting)."""

    def rates(busy: int, calls: int, mails: int) -> Iterable[tuple[State, float]]:
        free = busy < agents
        yield ((busy + 1, calls, mails) if free else (busy, calls + 1, mails)), calls_per_s
        takes = agents - busy > kept
        yield ((busy + 1, calls, mails) if takes else (busy, calls, mails + 1)), mails_per_s
        if calls:
            yield (busy, calls - 1, mails), busy / MEAN_S
        elif mails and agents - (busy - 1) > kept:
            yield (busy, calls, mails - 1), busy / MEAN_S
        elif busy:
            yield (busy - 1, calls, mails), busy / MEAN_S

    return Chain((0, 0, 0), rates, most=100)


def losses() -> Iterator[Line]:
    """Yield lines that turn contacts away, at once or after a time."""
    # Nobody waits a millisecond on average: Erlang's loss, whatever the law of handling.
    for name, handle in (("M/M/10/10", EXPONENTIAL), ("M/G/10/10", Handle(mean_s=MEAN_S, scv=2))):
        of = one_line(10, 0.8, handle=handle, patience_s=1e-3)
        yield Line(name, f"{LINE}abandonment", float(erlang_b(10, 8.0)), of)
    rule = OverflowRule(max_waiting=2, message="full")
    of = one_line(5, 0.9, channel={"overflow": (rule,)}, domain={"messages": ("full",)})
    weights = [4.5**k for k in range(8)]
    for k in range(1, 8):
        weights[k] = weights[k - 1] * 4.5 / min(k, 5)
    yield Line("M/M/5/7: two may wait", "rejected", weights[7] / sum(weights), of, _rejected)
    # Whoever expires was as patient as all others: M/M/n+D.
    of = one_line(5, 1.0, channel={"expires_us": 30 * SECOND_US})
    exact = line(5, 5.0, MEAN_S, OBJECTIVE_S, patience=deterministic(30.0))
    yield Line("M/M/5+D: expiry", f"{LINE}asa_s", float(exact.mean_wait_served_s), of)
    yield Line("M/M/5+D: expiry", "expired", float(exact.abandons), of, _expired)


def _rejected(one: Figures) -> Parts:
    return Parts(one.rejected, one.offered)


def _expired(one: Figures) -> Parts:
    return Parts(one.other_exits, one.offered)


def in_batches() -> Iterator[Line]:
    """Yield contacts that come in groups."""
    asa = f"{LINE}asa_s"
    per_s = 0.7 / MEAN_S
    batch = Batch(mean=3)
    exact = batches_m_1(per_s, MEAN_S, 3.0, 9.0)
    yield Line("M^3/M/1, load 0.7", asa, exact, one_line(1, 0.7, batch=batch), share=1.5)
    batch = Batch(mean=2, sizes=Sizes.GEOMETRIC)
    exact = batches_m_1(per_s, MEAN_S, 2.0, 6.0)
    of = one_line(1, 0.7, batch=batch)
    yield Line("M^geometric/M/1, load 0.7", asa, exact, of, share=1.5)
    pairs_per_s = 4 * 0.75 / MEAN_S / 2

    def rates(k: int) -> Iterable[tuple[State, float]]:
        yield (k + 2,), pairs_per_s
        if k:
            yield (k - 1,), min(k, 4) / MEAN_S

    chain = Chain((0,), rates, most=300)
    exact = chain.mean(lambda state: max(state[0] - 4, 0)) / (2 * pairs_per_s)
    yield Line("M^2/M/4, load 0.75", asa, exact, one_line(4, 0.75, batch=Batch(mean=2)))
