"""The models of `benchmarks.bench_exact` in which people behave: patience, balking, redials, chats.

Customers wait by laws of several shapes, balk, and call again; agents have several chats that slow
each other, and give contacts further.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from msgspec.structs import replace

from acd.ids import Channel
from acd.settings import SECOND_US, SlotSettings
from benchmarks.exact_models import (
    LINE,
    MEAN_S,
    OBJECTIVE_S,
    VOICE,
    Kind,
    Line,
    Team,
    centre,
    one_line,
    serving,
)
from benchmarks.exact_values import Chain, State
from sim.erlang import line
from sim.patience import Exponential as Pause
from sim.patience import (
    Gamma,
    Hyperexponential,
    Lognormal,
    Patience,
    Steps,
    deterministic,
    erlang,
)
from sim.workload import Handle, Lost, Redial, Scenario, Shape, Transfer

PATIENCE: Final[dict[str, Patience]] = {
    "lognormal": Lognormal(40.0, 2.0),
    "gamma": Gamma(40.0, 0.5),
    "Erlang-4": erlang(4, 40.0),
    "hyperexponential": Hyperexponential((10.0, 70.0), (0.5, 0.5)),
    "deterministic": deterministic(30.0),
    "empirical": Steps((5.0, 20.0, 60.0, 90.0), (0.8, 0.55, 0.3, 0.2)),
}
CHAT: Final = Channel.CHAT


def people() -> tuple[Line, ...]:
    """Return all models."""
    return (*patience(), *balking(), *redials(), *slowed_chats(), *transfers())


def patience() -> Iterator[Line]:
    """Yield M/M/n+G, by the shape of the patience."""
    for name, law in PATIENCE.items():
        exact = line(5, 5.0, MEAN_S, OBJECTIVE_S, patience=law)
        of = one_line(5, 1.0, patience=law)
        title = f"M/M/5+G, {name}"
        yield Line(title, f"{LINE}abandonment", float(exact.abandons), of)
        yield Line(title, f"{LINE}asa_s", float(exact.mean_wait_served_s), of)


def balking() -> Iterator[Line]:
    """Yield customers who hear that they must wait, of whom a share leaves at once."""
    agents, share, load = 4, 0.4, 0.8
    come = load * agents / MEAN_S

    def rates(k: int) -> Iterable[tuple[State, float]]:
        yield (k + 1,), come if k < agents else come * (1 - share)
        if k:
            yield (k - 1,), min(k, agents) / MEAN_S

    chain = Chain((0,), rates, most=200)
    balks = share * chain.mean(lambda state: state[0] >= agents)
    waiting = chain.mean(lambda state: max(state[0] - agents, 0))
    of = one_line(agents, load, accepts=deterministic(1e-6, share=share), **announcing())
    yield Line("balking, M/M/4", f"{LINE}abandonment", balks, of)
    yield Line("balking, M/M/4", f"{LINE}asa_s", waiting / come / (1 - balks), of)


def announcing() -> dict[str, Any]:
    """Return what a line needs that tells customers how long they wait."""
    channel = {"handle_time_us": round(MEAN_S) * SECOND_US}
    return {"channel": channel, "domain": {"estimated_wait": True}}


def redials() -> Iterator[Line]:
    """Yield customers who call again, after they were blocked or gave up."""
    # All who would wait balk, and call again until they are served: the retrial queue M/M/1.
    # Source: G. I. Falin and J. G. C. Templeton, "Retrial queues", 1997, section 1.2.
    load, pause_s = 0.4, 90.0
    come, again = load / MEAN_S, 1 / pause_s
    redial = Redial(share=1.0, pause=Pause(pause_s), attempts_max=20, causes=(Lost.BALKED,))
    of = one_line(1, load, accepts=deterministic(1e-6), redial=redial, **announcing())
    orbit = load * (come + load * again) / ((1 - load) * again)
    blocked = 1 - come / (come + orbit * again)
    yield Line("redial without end, M/M/1", f"{LINE}abandonment", blocked, of, share=0.5)
    # Whoever gives up calls again with some probability: a chain of who is inside and who pauses.
    agents, load, patience_s, pause_s, share = 2, 0.8, 40.0, 50.0, 0.6
    come = load * agents / MEAN_S

    def rates(k: int, j: int) -> Iterable[tuple[State, float]]:
        gives_up = max(k - agents, 0) / patience_s
        yield (k + 1, j), come
        if j:
            yield (k + 1, j - 1), j / pause_s
        if k:
            yield (k - 1, j), min(k, agents) / MEAN_S + gives_up * (1 - share)
            yield (k - 1, j + 1), gives_up * share

    chain = Chain((0, 0), rates, most=30)
    waiting = chain.mean(lambda state: max(state[0] - agents, 0))
    calls = come + chain.mean(lambda state: state[1]) / pause_s
    redial = Redial(share=share, pause=Pause(pause_s), attempts_max=20)
    of = one_line(agents, load, patience=Pause(patience_s), redial=redial)
    name = "redial after giving up, M/M/2+M"
    yield Line(name, f"{LINE}abandonment", waiting / patience_s / calls, of)
    yield Line(name, f"{LINE}queue_length", waiting, of)


def slowed_chats() -> Iterator[Line]:
    """Yield an agent with three slots, whose chats go the slower the more of them are open."""
    paces, load = (1.0, 0.7, 0.5), 1.1

    def rates(k: int) -> Iterable[tuple[State, float]]:
        yield (k + 1,), load / MEAN_S
        if k:
            taken = min(k, 3)
            yield (k - 1,), taken * paces[taken - 1] / MEAN_S

    chain = Chain((0,), rates, most=300)
    waiting = chain.mean(lambda state: max(state[0] - 3, 0))
    opened = chain.mean(lambda state: min(state[0], 3))
    chats = centre(
        (Kind("chat", load, channel=CHAT),),
        (Team("all", 1, serving("chat", channel=CHAT)),),
        slots={CHAT: SlotSettings(slots=3, cost=30)},
    )
    of = _with(chats, concurrency={CHAT: paces})
    per_s = load / MEAN_S
    yield Line("chats that slow each other", "chat.chat.asa_s", waiting / per_s, of)
    yield Line("chats that slow each other", "chat.chat.aht_s", opened / per_s, of)


def transfers() -> Iterator[Line]:
    """Yield two queues whose agents give contacts to each other.

    Source: J. R. Jackson, "Networks of waiting lines", 1957: each queue as if its arrivals were
    Poisson, at the rates that solve the traffic equations.
    """
    go, back = 0.3, 0.2
    handles = {
        "sales": Handle(mean_s=50.0, shape=Shape.EXPONENTIAL),
        "service": Handle(mean_s=80.0, shape=Shape.EXPONENTIAL),
    }
    loads = {"sales": 1.0, "service": 0.5}
    given = tuple(
        Transfer(queue=one, channel=VOICE, to=to, share=share, handle=handles[to])
        for one, to, share in (("sales", "service", go), ("service", "sales", back))
    )
    plain = centre(
        tuple(Kind(name, load, handles[name]) for name, load in loads.items()),
        tuple(Team(name, 2, serving(name)) for name in loads),
    )
    of = _with(plain, transfers=given)
    come = {name: load / handles[name].mean_s for name, load in loads.items()}
    sales = (come["sales"] + back * come["service"]) / (1 - go * back)
    rates = {"sales": sales, "service": come["service"] + go * sales}
    for name, per_s in rates.items():
        mean_s = handles[name].mean_s
        exact = line(2, per_s * mean_s, mean_s, OBJECTIVE_S)
        yield Line(
            "transfers, Jackson's network",
            f"{name}.voice.asa_s",
            float(exact.mean_wait_served_s),
            of,
        )


def _with(of: Callable[[float], Scenario], **more: Any) -> Callable[[float], Scenario]:  # noqa: ANN401 - fields.
    return lambda contacts: replace(of(contacts), **more)
