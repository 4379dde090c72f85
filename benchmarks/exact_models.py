"""Models with known answers: of lines in the steady state, and of days.

A model is a scenario, what is measured of it, and the exact value, which `benchmarks.exact_values`
and `sim.erlang` compute. Handling takes a minute on average, and whoever rings is answered at once,
unless a model says otherwise.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec.structs import replace

from acd.figures import Figures
from acd.ids import Channel
from acd.settings import (
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    MeasureSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
    Urgency,
)
from sim.intervals import Estimate, mean_of, ratio_of_batches
from sim.steady import BATCHES, Parts, steady
from sim.study import Sample, study
from sim.textbook import START_US, m_m_n
from sim.workload import MINUTE_US, SECOND_US, Handle, Scenario, Shape, Stream

MEAN_S: Final = 60.0
OBJECTIVE_S: Final = 20.0
LINE: Final = "line.voice."
VOICE: Final = Channel.VOICE
EXPONENTIAL: Final = Handle(mean_s=MEAN_S, shape=Shape.EXPONENTIAL)

OfInterval = Callable[[Figures], Parts]
OfRun = Callable[[Sample], float]


class Line(NamedTuple):
    """A model in the steady state: one long run, of which the beginning is left out."""

    name: str
    measure: str
    """For the reader; and of `sim.steady` unless `parts` says what."""
    exact: float
    of: Callable[[float], Scenario]
    """The scenario in which so many contacts are expected."""
    parts: OfInterval | None = None
    share: float = 1.0
    """How long a run it needs, to those of the others."""

    def measured(self, contacts: int, seed: int) -> tuple[Estimate, str]:
        """Return the figure with its interval by batch means, and the run's digest.

        The beginning, which is left out, is as long as a batch.
        """
        scenario, many = in_batches(self.of(contacts * self.share))
        (run,) = study(scenario, seed=seed, replications=1).samples
        if self.parts is None:
            measures = scenario.settings.measures
            warm_up_us = many * measures.interval_us
            found = steady(run.report, measures.abandons, warm_up_us=warm_up_us)[self.measure]
            return found, run.digest
        # By interval: parts and wholes, of all queues together.
        of_rows = [[self.parts(one) for one in row.intervals[many:]] for row in run.report.rows]
        sums = np.sum(np.array(of_rows), axis=0)
        summed = ratio_of_batches(sums[:, 0], sums[:, 1], batches=BATCHES)
        assert summed is not None, self.name
        return summed, run.digest


class Days(NamedTuple):
    """A model of a day, which is run many times."""

    name: str
    measure: str
    exact: float
    scenario: Scenario
    value: OfRun | None = None
    """What a run says; the figure called `measure` if absent."""

    def measured(self, replications: int, seed: int) -> tuple[Estimate, str]:
        """Return the mean over the runs with its interval, and their digest."""
        found = study(self.scenario, seed=seed, replications=replications)
        if self.value is None:
            estimate = found.estimate(self.measure)
        else:
            estimate = mean_of([self.value(one) for one in found.samples])
        assert estimate is not None, self.name
        return estimate, found.digest


Model = Line | Days


def in_batches(scenario: Scenario) -> tuple[Scenario, int]:
    """Return a scenario with measures by batch, and how many intervals of theirs a batch has.

    It is as long as all batches, and a beginning as long as one.
    """
    batch_us = (scenario.end_us - scenario.start_us) / (BATCHES + 1)
    # Intervals divide a day.
    divisors = (n * MINUTE_US for n in range(1, 1441) if 1440 % n == 0)
    each_us = max((each_us for each_us in divisors if each_us <= batch_us), default=MINUTE_US)
    many = max(round(batch_us / each_us), 1)
    settings = replace(scenario.settings, measures=MeasureSettings(interval_us=each_us))
    length_us = each_us * many * (BATCHES + 1)
    return replace(scenario, settings=settings, interval_us=length_us), many


# --- scenarios ------------------------------------------------------------------------------------


def one_line(
    agents: int,
    load: float,
    *,
    handle: Handle = EXPONENTIAL,
    channel: dict[str, Any] | None = None,
    domain: dict[str, Any] | None = None,
    patience_s: float | None = None,
    **stream: Any,  # noqa: ANN401 - fields of the stream.
) -> Callable[[float], Scenario]:
    """Return a line at a load: with another law of handling, channel or stream than M/M/n has."""

    def of(contacts: float) -> Scenario:
        scenario = m_m_n(
            agents=agents,
            contacts=round(contacts),
            load=load,
            mean_s=MEAN_S,
            patience_mean_s=patience_s,
            objective_s=OBJECTIVE_S,
        )
        (queue,) = scenario.settings.queues
        voice = replace(queue.channels[VOICE], **(channel or {}))
        queues = (replace(queue, channels={VOICE: voice}),)
        settings = replace(scenario.settings, queues=queues, **(domain or {}))
        (all_,) = scenario.streams
        streams = (replace(all_, handle=handle, **stream),)
        return replace(scenario, settings=settings, streams=streams)

    return of


class Kind(NamedTuple):
    """A queue of a centre, and its stream."""

    name: str
    load: float
    """Erlang."""
    handle: Handle = EXPONENTIAL
    channel: Channel = VOICE
    settings: dict[str, Any] = {}  # noqa: RUF012 - never changed.
    """Of the queue."""


class Team(NamedTuple):
    """Agents who are alike."""

    name: str
    size: int
    serves: tuple[Serves, ...]


def centre(
    kinds: tuple[Kind, ...],
    teams: tuple[Team, ...],
    *,
    slots: dict[Channel, SlotSettings] | None = None,
    **domain: Any,  # noqa: ANN401 - fields of the domain.
) -> Callable[[float], Scenario]:
    """Return queues with Poisson arrivals and teams who serve them."""
    capacity = CapacitySettings(name="desk", channels=slots or {VOICE: SlotSettings()})
    settings = DomainSettings(
        name="centre",
        queues=tuple(
            QueueSettings(
                name=kind.name,
                channels={kind.channel: ChannelSettings(auto_answer=True)},
                **kind.settings,
            )
            for kind in kinds
        ),
        profiles=tuple(ProfileSettings(name=team.name, serves=team.serves) for team in teams),
        capacities=(capacity,),
        agents=tuple(
            AgentSettings(
                agent_id=f"{team.name}-{n:02}",
                profile=team.name,
                capacity="desk",
                group=team.name,
            )
            for team in teams
            for n in range(team.size)
        ),
        **domain,
    )
    per_s = {kind.name: kind.load / kind.handle.mean_s for kind in kinds}
    streams = tuple(
        Stream(
            name=kind.name,
            queue=kind.name,
            channel=kind.channel,
            rates_per_h=(per_s[kind.name] * 3600,),
            handle=kind.handle,
        )
        for kind in kinds
    )

    def of(contacts: float) -> Scenario:
        return Scenario(
            title="Centre",
            settings=settings,
            start_us=START_US,
            interval_us=round(contacts / sum(per_s.values()) * SECOND_US),
            intervals=1,
            streams=streams,
            staffing={team.name: (team.size,) for team in teams},
        )

    return of


def serving(*names: str, channel: Channel = VOICE) -> tuple[Serves, ...]:
    """Return the lines of a profile that serves these queues alike."""
    return tuple(Serves(queue=name, channels=(channel,)) for name in names)


def prioritised(
    loads: tuple[float, ...],
    agents: int,
    handles: tuple[Handle, ...] = (),
    urgency: Urgency = Urgency.STRICT_PRIORITY,
    each: Callable[[int], dict[str, Any]] = lambda place: {"priority": 9 - place},
) -> Callable[[float], Scenario]:
    """Return queues q0, q1, … that share some agents, q0 the most urgent."""
    kinds = tuple(
        Kind(f"q{k}", load, handles[k] if handles else EXPONENTIAL, settings=each(k))
        for k, load in enumerate(loads)
    )
    team = Team("all", agents, serving(*(kind.name for kind in kinds)))
    return centre(kinds, (team,), urgency=urgency)
