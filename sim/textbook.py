"""Textbook queues as scenarios: the yardsticks of tests and benchmarks, with known answers.

One queue on the voice channel, agents who answer by themselves, Poisson arrivals, exponential
handling times: M/M/n, and with exponential patience M/M/n+M (Palm 1957; Garnett, Mandelbaum and
Reiman 2002).
"""

from typing import Final

from acd.ids import Channel
from acd.settings import (
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
    Urgency,
)
from sim.patience import Exponential
from sim.workload import SECOND_US, Handle, Scenario, Shape, Stream

QUEUE: Final = "line"

START_US: Final = 1_797_206_400_000_000
"""2026-12-14 00:00 UTC, a Monday."""


def m_m_n(
    *,
    agents: int,
    contacts: int,
    load: float,
    mean_s: float = 240.0,
    patience_mean_s: float | None = None,
    objective_s: float = 20.0,
    priorities: dict[int, float] | None = None,
) -> Scenario:
    """Return M/M/n or M/M/n+M over the time in which `contacts` contacts are expected to arrive.

    Args:
        agents: How many agents, n.
        contacts: Expected number of arrivals.
        load: Offered load over agents, ρ = λ / (n µ).
        mean_s: Mean handling time, 1 / µ.
        patience_mean_s: Mean patience; None: nobody leaves.
        objective_s: The service level's threshold.
        priorities: Share of the arrivals by priority, for the non-preemptive priority queue
            (Cobham 1954); None: one class, first come first served.
    """
    per_s = load * agents / mean_s
    streams = tuple(
        Stream(
            name=f"priority{priority}" if priorities else "all",
            queue=QUEUE,
            channel=Channel.VOICE,
            rates_per_h=(per_s * share * 3600.0,),
            handle=Handle(mean_s=mean_s, shape=Shape.EXPONENTIAL),
            patience=None if patience_mean_s is None else Exponential(patience_mean_s),
            priority=priority,
        )
        for priority, share in (priorities or {0: 1.0}).items()
    )
    return Scenario(
        title=f"M/M/{agents}" + ("" if patience_mean_s is None else "+M"),
        settings=_settings(agents, objective_s, prioritised=priorities is not None),
        start_us=START_US,
        interval_us=round(contacts / per_s * SECOND_US),
        intervals=1,
        streams=streams,
        staffing={"all": (agents,)},
    )


def _settings(agents: int, objective_s: float, *, prioritised: bool) -> DomainSettings:
    channel = ChannelSettings(objective_us=round(objective_s * SECOND_US), auto_answer=True)
    return DomainSettings(
        name="textbook",
        queues=(
            QueueSettings(
                name=QUEUE,
                channels={Channel.VOICE: channel},
                # The policy wants a number of every queue; each contact brings its own.
                priority=0 if prioritised else None,
            ),
        ),
        profiles=(
            ProfileSettings(name="all", serves=(Serves(queue=QUEUE, channels=(Channel.VOICE,)),)),
        ),
        capacities=(CapacitySettings(name="one", channels={Channel.VOICE: SlotSettings()}),),
        agents=tuple(
            AgentSettings(agent_id=f"agent-{n}", profile="all", capacity="one", group="all")
            for n in range(1, agents + 1)
        ),
        urgency=Urgency.STRICT_PRIORITY if prioritised else Urgency.LONGEST_WAIT,
    )
