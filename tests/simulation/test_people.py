"""How customers and agents behave, against queues whose answers are known exactly.

Method: worlds of the production router in the steady state, counted contact by contact by a watcher
of events that shares no code with `sim.customers` and `acd.metrics`. Exact values come from the
calculators (M/M/n+G), from product forms, and from the stationary distribution of a Markov chain,
solved by numpy. Standard errors are from batch means over 20 batches; every figure lies within
3.5 of them (a right program fails that once in 2,000 figures, and the seeds are fixed), and the
half-width of its interval is small enough for the comparison to mean something. Where two runs meet
the same customers they are compared contact by contact, without tolerance.
"""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import replace

from acd.actions import AnnounceWait, OfferContact
from acd.events import ContactArrived, ContactLeft, LegConnected, LegEnded, LegTransferred
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
)
from sim.arrivals import handle_times_us, patience_times_us
from sim.draws import KEPT_MAX, Draws, uniform
from sim.driver import run
from sim.erlang import line
from sim.hands import paced_us
from sim.patience import (
    Exponential,
    Gamma,
    Hyperexponential,
    Lognormal,
    Steps,
    deterministic,
    erlang,
)
from sim.textbook import START_US, m_m_n
from sim.workload import (
    SECOND_US,
    Handle,
    Lost,
    Pace,
    Redial,
    Scenario,
    Shape,
    Stream,
    Transfer,
    WaitOf,
)

BATCHES = 20
ERRORS = 3.5

SHAPES = {
    "exponential": Exponential(40.0),
    "lognormal": Lognormal(40.0, 2.0),
    "gamma": Gamma(40.0, 0.5),
    "erlang": erlang(4, 40.0),
    "hyperexponential": Hyperexponential((10.0, 70.0), (0.5, 0.5)),
    "deterministic": deterministic(30.0),
    "empirical": Steps((5.0, 20.0, 60.0, 90.0), (0.8, 0.55, 0.3, 0.2)),
}


class Passage:
    """One leg: when it came, was answered, and left."""

    def __init__(self, came_us):
        self.came_us = came_us
        self.wait_us = None
        self.left = False
        self.handle_us = None


class Watcher:
    """Every leg by contact, in order."""

    def __init__(self):
        self.legs = defaultdict(list)
        self.told = {}
        self._by_offer = {}

    def __call__(self, event, actions, now_us):
        match event:
            case ContactArrived():
                self.legs[event.contact_id].append(Passage(now_us))
            case ContactLeft():
                last = self.legs[event.contact_id][-1]
                last.wait_us, last.left = now_us - last.came_us, True
            case LegConnected():
                leg = self._by_offer[event.offer_id][1]
                leg.wait_us = now_us - leg.came_us
                leg.connected_us = now_us
            case LegEnded() | LegTransferred():
                contact_id, leg = self._by_offer[event.offer_id]
                leg.handle_us = now_us - leg.connected_us
                if type(event) is LegTransferred:
                    self.legs[contact_id].append(Passage(now_us))
            case _:
                pass
        for action in actions:
            match action:
                case OfferContact():
                    last = self.legs[action.contact_id][-1]
                    self._by_offer[action.offer_id] = (action.contact_id, last)
                case AnnounceWait():
                    self.told[action.contact_id] = action.wait_us
                case _:
                    pass


def watched(scenario, seed=1):
    watcher = Watcher()
    return run(scenario, seed, on_step=watcher), watcher


def batch_means(scenario, pairs):
    """Return mean and standard error of (instant, value) pairs, the first batch left out."""
    length_us = (scenario.end_us - START_US) / BATCHES
    batch = np.array([int((at - START_US) / length_us) for at, _ in pairs])
    values = np.array([float(value) for _, value in pairs])
    counts = np.bincount(batch, minlength=BATCHES)[1:]
    sums = np.bincount(batch, values, minlength=BATCHES)[1:]
    mean = sums.sum() / counts.sum()
    # A ratio of batches' sums: its error is that of what the sums are off it.
    off = sums - mean * counts
    return mean, float(np.sqrt(off.var(ddof=1) * len(counts))) / counts.sum()


def assert_close(name, scenario, pairs, exact, *, half_width):
    mean, error = batch_means(scenario, pairs)
    text = f"{name}: {mean:.5g}, exact {exact:.5g}, {(mean - exact) / error:+.2f} errors"
    assert abs(mean - exact) <= ERRORS * error, text
    assert 2.1 * error <= half_width * exact, f"{text}, ±{2.1 * error / exact:.1%}"


def legs(watcher, place=0):
    """Return the legs of all contacts, each contact's first one or a later one."""
    return [of[place] for of in watcher.legs.values() if len(of) > place]


def of_stream(scenario, **changes):
    return replace(scenario, streams=tuple(replace(one, **changes) for one in scenario.streams))


# --- patience ------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", SHAPES.values(), ids=SHAPES)
def test_what_is_drawn_has_the_survival_function_of_its_law(law):
    count = 40_000
    drawn = law.draw(np.random.default_rng(3), count)
    for wait_s in (1.0, 5.0, 20.0, 31.0, 60.0, 100.0, 1e9):
        share, exact = (drawn > wait_s).mean(), float(law.survival(wait_s))
        assert abs(share - exact) <= 4 * np.sqrt(max(exact * (1 - exact), 1e-9) / count) + 1e-9
    cut = np.minimum(drawn, 50.0)
    exact = float(law.integral(50.0))
    assert abs(cut.mean() - exact) <= 4 * cut.std() / np.sqrt(count) + 1e-9


def test_who_never_leaves_has_no_end_of_patience():
    drawn = deterministic(10.0, share=0.25).draw(np.random.default_rng(1), 8_000)
    assert set(patience_times_us(drawn).tolist()) == {0, 10 * SECOND_US}
    assert abs((drawn == 10.0).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 8_000)


@pytest.mark.parametrize("law", SHAPES.values(), ids=SHAPES)
def test_a_line_of_such_customers_is_m_m_n_g(law):
    scenario = m_m_n(agents=5, contacts=4_000, load=1.0, mean_s=60.0)
    scenario = of_stream(scenario, patience=law)
    _, found = watched(scenario)
    done = [leg for leg in legs(found) if leg.wait_us is not None]
    exact = line(5, 5.0, 60.0, 20.0, patience=law)
    left = [(leg.came_us, leg.left) for leg in done]
    assert_close("abandons", scenario, left, float(exact.abandons), half_width=0.2)
    wait = [(leg.came_us, leg.wait_us / SECOND_US) for leg in done]
    assert_close("wait", scenario, wait, float(exact.mean_wait_s), half_width=0.2)


# --- balking and redials -------------------------------------------------------------------------


def announcing(scenario):
    """Let waits be announced."""
    settings = scenario.settings
    (queue,) = settings.queues
    channel = replace(queue.channels[Channel.VOICE], handle_time_us=60 * SECOND_US)
    queue = replace(queue, channels={Channel.VOICE: channel})
    return replace(scenario, settings=replace(settings, queues=(queue,), estimated_wait=True))


def stationary(states, rate):
    """Return the stationary distribution of a chain, by its rates from state to state."""
    place = {state: number for number, state in enumerate(states)}
    q = np.zeros((len(states), len(states)))
    for state in states:
        for after, per_s in rate(*state):
            if after in place:  # What lies beyond the cut is left out.
                q[place[state], place[after]] += per_s
                q[place[state], place[state]] -= per_s
    q[:, 0] = 1.0  # One equation too many, for the sum.
    right = np.zeros(len(states))
    right[0] = 1.0
    return dict(zip(states, np.linalg.solve(q.T, right), strict=True))


def test_who_hears_of_a_wait_and_balks_leaves_the_rest_a_birth_death_chain():
    # Of those who would have to wait a share balks, so that fewer come where all agents are busy.
    agents, share, load, mean_s = 4, 0.4, 0.8, 60.0
    scenario = announcing(m_m_n(agents=agents, contacts=5_000, load=load, mean_s=mean_s))
    scenario = of_stream(scenario, accepts=deterministic(1e-6, share=share))
    result, found = watched(scenario)
    come, served = load * agents / mean_s, 1 / mean_s

    def rate(k):
        yield (k + 1,), come if k < agents else come * (1 - share)
        yield (k - 1,), min(k, agents) * served

    chance = stationary([(k,) for k in range(80)], rate)
    busy = sum(p for (k,), p in chance.items() if k >= agents)
    first = legs(found)
    balks = [(leg.came_us, leg.left and leg.wait_us == 0) for leg in first]
    assert_close("balks", scenario, balks, busy * share, half_width=0.15)
    waiting = sum(p * max(k - agents, 0) for (k,), p in chance.items())
    done = [(leg.came_us, leg.wait_us / SECOND_US) for leg in first if leg.wait_us is not None]
    assert_close("wait", scenario, done, waiting / come, half_width=0.3)
    (row,) = result.customers
    assert (row.balked, row.lost, row.abandoned) == (sum(one.left for one in first),) * 2 + (0,)
    # Only who heard of a wait balked, and nobody was told who did not wait.
    assert all(found.told[name] > 0 for name, of in found.legs.items() if of[0].left)


def test_balking_and_redialling_without_end_is_the_retrial_queue():
    # Source: G. I. Falin and J. G. C. Templeton, "Retrial queues", 1997, section 1.2: M/M/1 whose
    # blocked customers call again at θ each: E orbit = ρ (λ + ρ θ) / ((1 - ρ) θ).
    mean_s, load, pause_s = 60.0, 0.4, 90.0
    scenario = announcing(m_m_n(agents=1, contacts=3_000, load=load, mean_s=mean_s))
    redial = Redial(share=1.0, pause=Exponential(pause_s), attempts_max=200, causes=(Lost.BALKED,))
    scenario = of_stream(scenario, accepts=deterministic(1e-6), redial=redial)
    result, found = watched(scenario)
    firsts = {name: of for name, of in found.legs.items() if name.count(".") == 1}
    came_per_s, again_per_s = load / mean_s, 1 / pause_s
    busy = [(of[0].came_us, of[0].left) for of in firsts.values()]
    assert_close("blocked", scenario, busy, load, half_width=0.1)
    orbit = load * (came_per_s + load * again_per_s) / ((1 - load) * again_per_s)
    attempts = [(of[0].came_us, float(name.count(".") == 2)) for name, of in found.legs.items()]
    # Attempts at rate θ from each in orbit: so is their share of all attempts.
    exact = orbit * again_per_s / (came_per_s + orbit * again_per_s)
    assert_close("redials", scenario, attempts, exact, half_width=0.1)
    (row,) = result.customers
    assert row.lost == row.abandoned == row.turned_away == 0
    assert row.customers == len(firsts) == row.served + row.waiting + row.pausing
    assert row.attempts == len(found.legs)


def test_abandoning_and_redialling_is_a_chain_of_two_dimensions():
    agents, load, mean_s, patience_s, pause_s, share = 2, 0.8, 60.0, 40.0, 50.0, 0.6
    base = m_m_n(
        agents=agents, contacts=7_000, load=load, mean_s=mean_s, patience_mean_s=patience_s
    )
    redial = Redial(share=share, pause=Exponential(pause_s), attempts_max=100)
    scenario = of_stream(base, redial=redial)
    result, found = watched(scenario)
    come = load * agents / mean_s

    def rate(k, j):
        yield (k + 1, j), come
        yield (k + 1, j - 1), j / pause_s
        yield (k - 1, j), min(k, agents) / mean_s + max(k - agents, 0) / patience_s * (1 - share)
        yield (k - 1, j + 1), max(k - agents, 0) / patience_s * share

    chance = stationary([(k, j) for k in range(18) for j in range(14)], rate)
    waiting = sum(p * max(k - agents, 0) for (k, _), p in chance.items())
    orbit = sum(p * j for (_, j), p in chance.items())
    calls = come + orbit / pause_s
    done = [(of[0].came_us, of[0]) for of in found.legs.values() if of[0].wait_us is not None]
    assert_close(
        "abandons",
        scenario,
        [(at, leg.left) for at, leg in done],
        waiting / patience_s / calls,
        half_width=0.15,
    )
    again = [(of[0].came_us, name.count(".") == 2) for name, of in found.legs.items()]
    assert_close("redials", scenario, again, orbit / pause_s / calls, half_width=0.2)
    (row,) = result.customers
    assert row.customers == row.served + row.lost + row.waiting + row.pausing
    # Who does not call again gave up, and in the long run so many are lost.
    lost = waiting / patience_s * (1 - share) / come
    assert row.lost / row.customers == pytest.approx(lost, rel=0.15)
    assert row.served_share == pytest.approx(1 - lost, rel=0.05)


def _attempts(found):
    """Return the attempts of each customer, by his first contact's id."""
    by_root = defaultdict(list)
    for name, of in found.legs.items():
        root = ".".join(name.split(".")[:2])
        by_root[root].append(of[0])
    return by_root


def _impatient(agents, **changes):
    base = m_m_n(agents=agents, contacts=800, load=1.0, mean_s=60.0, patience_mean_s=15.0)
    redial = Redial(share=0.7, pause=Lognormal(60.0, 1.0), attempts_max=4)
    # As many customers come to more agents.
    rates = m_m_n(agents=3, contacts=1, load=1.3, mean_s=60.0).streams[0].rates_per_h
    return replace(of_stream(base, redial=redial, rates_per_h=rates), **changes)


def test_a_customer_pauses_alike_whatever_the_agents():
    few, many = (_attempts(watched(_impatient(agents))[1]) for agents in (2, 3))

    def pauses(attempts):
        return [
            after.came_us - (before.came_us + before.wait_us)
            for before, after in pairwise(attempts)
        ]

    compared = 0
    for root in few.keys() & many.keys():
        for one, other in zip(pauses(few[root]), pauses(many[root]), strict=False):
            assert one == other
            compared += 1
    assert compared > 100
    assert max(map(len, few.values())) == 4


@pytest.mark.parametrize("wait_of", WaitOf)
def test_the_wait_of_a_customer_is_of_one_attempt_or_of_all(wait_of):
    scenario = _impatient(2, customer_wait=wait_of)
    result, found = watched(scenario)
    waits = []
    for attempts in _attempts(found).values():
        if attempts[-1].wait_us is not None and not attempts[-1].left:
            each = [one.wait_us for one in attempts]
            waits.append(sum(each) if wait_of is WaitOf.CUMULATIVE else each[-1])
    (row,) = result.customers
    assert (row.served, row.wait_us) == (len(waits), sum(waits))
    assert row.served_in_time == sum(wait <= 20 * SECOND_US for wait in waits)
    assert row.wait_s == row.wait_us / SECOND_US / row.served
    assert row.attempts_each == row.attempts / row.customers
    assert row.service_level == row.served_in_time / (row.served + row.lost)


def test_who_is_turned_away_may_call_again_and_one_who_has_thought_better_of_it_does_not():
    scenario = m_m_n(agents=1, contacts=600, load=1.5, mean_s=60.0)
    (queue,) = scenario.settings.queues
    channel = replace(queue.channels[Channel.VOICE], expires_us=30 * SECOND_US)
    queue = replace(queue, channels={Channel.VOICE: channel})
    scenario = replace(scenario, settings=replace(scenario.settings, queues=(queue,)))
    # Of those who would call again half never do, since their pause has no end.
    redial = Redial(
        share=1.0,
        pause=deterministic(40.0, share=0.5),
        attempts_max=2,
        causes=(Lost.TURNED_AWAY,),
    )
    result, found = watched(of_stream(scenario, redial=redial))
    (row,) = result.customers
    again = row.attempts - row.customers
    firsts = sum(of[0].wait_us is None for name, of in found.legs.items() if name.count(".") == 1)
    assert row.turned_away > 100
    assert abs(again / firsts - 0.5) < 4 * np.sqrt(0.25 / firsts)
    assert row.customers == row.served + row.lost + row.waiting + row.pausing
    nobody = m_m_n(agents=1, contacts=1, load=0.5)
    nobody = of_stream(nobody, redial=redial, rates_per_h=(0.0,))
    (row,) = run(nobody, 1).customers
    assert (row.attempts_each, row.served_share, row.service_level, row.wait_s) == (None,) * 4


# --- agents --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pace", [Pace(mean_factor=1.5), Pace(mean_factor=0.7, scv_factor=3.0)])
def test_an_agents_time_has_the_contacts_variate_and_his_own_mean_and_scv(pace):
    handle = Handle(mean_s=200.0, scv=0.8)
    standard = np.random.default_rng(1).standard_normal(500)
    own = Handle(mean_s=200.0 * pace.mean_factor, scv=0.8 * pace.scv_factor)
    wanted = handle_times_us(own, standard)
    got = [paced_us(handle, pace, int(one)) for one in handle_times_us(handle, standard)]
    assert np.allclose(got, wanted, rtol=1e-6, atol=2)
    assert paced_us(Handle(mean_s=1.0, shape=Shape.EXPONENTIAL), pace, 10) == round(
        10 * pace.mean_factor
    )


def test_an_agents_pace_goes_before_his_groups_and_another_agents_contacts_stay_as_they_are():
    scenario = m_m_n(agents=3, contacts=300, load=0.7)
    paces = {"all": Pace(mean_factor=2.0), "agent-2": Pace(mean_factor=0.5)}
    paced = replace(scenario, paces=paces)

    def handled(of):
        agents, times = {}, {}

        def watch(event, actions, now_us):
            for action in actions:
                if type(action) is OfferContact:
                    agents[action.offer_id] = (action.contact_id, action.agent_id, now_us)
            if type(event) is LegEnded:
                contact_id, agent_id, since_us = agents[event.offer_id]
                times[contact_id] = (agent_id, now_us - since_us)

        run(of, 1, on_step=watch)
        return times

    plain, other = handled(scenario), handled(paced)
    both = plain.keys() & other.keys()
    assert len(both) > 200
    for name in both:
        agent_id, time_us = other[name]
        factor = 0.5 if agent_id == "agent-2" else 2.0
        assert time_us == round(plain[name][1] * factor)


def _domain(queues, agents, *, slots=1, channel=Channel.VOICE):
    """Queues with agents of their own, each a group."""
    return DomainSettings(
        name="house",
        queues=tuple(
            QueueSettings(name=name, channels={channel: ChannelSettings(auto_answer=True)})
            for name in queues
        ),
        profiles=tuple(
            ProfileSettings(name=name, serves=(Serves(queue=name, channels=(channel,)),))
            for name in queues
        ),
        capacities=(
            CapacitySettings(
                name="desk", channels={channel: SlotSettings(slots=slots, cost=100 // slots)}
            ),
        ),
        agents=tuple(
            AgentSettings(agent_id=f"{name}-{n}", profile=name, capacity="desk", group=name)
            for name in queues
            for n in range(agents)
        ),
    )


def _steady(settings, per_s, mean_s, contacts, channel=Channel.VOICE, **more):
    """Return a scenario of Poisson arrivals, exponential handling times."""
    streams = tuple(
        Stream(
            name=queue,
            queue=queue,
            channel=channel,
            rates_per_h=(rate * 3600,),
            handle=Handle(mean_s=mean_s[queue], shape=Shape.EXPONENTIAL),
        )
        for queue, rate in per_s.items()
    )
    return Scenario(
        title="Steady",
        settings=settings,
        start_us=START_US,
        interval_us=round(contacts / sum(per_s.values()) * SECOND_US),
        intervals=1,
        streams=streams,
        staffing={
            queue.name: (sum(agent.group == queue.name for agent in settings.agents),)
            for queue in settings.queues
        },
        **more,
    )


def test_chats_that_slow_each_other_are_a_birth_death_chain():
    # One agent with three slots: with k chats open each goes at the pace of k, the rest wait.
    paces, mean_s, per_s = (1.0, 0.7, 0.5), 60.0, 1.1 / 60.0
    settings = _domain(["chat"], 1, slots=3, channel=Channel.CHAT)
    scenario = _steady(
        settings,
        {"chat": per_s},
        {"chat": mean_s},
        5_000,
        Channel.CHAT,
        concurrency={Channel.CHAT: paces},
    )
    _, found = watched(scenario)

    def rate(k):
        open_ = min(k, 3)
        yield (k + 1,), per_s
        if k:
            yield (k - 1,), open_ * paces[open_ - 1] / mean_s

    chance = stationary([(k,) for k in range(120)], rate)
    done = [leg for leg in legs(found) if leg.handle_us is not None]
    waits = [(leg.came_us, leg.wait_us > 0) for leg in done]
    full = sum(p for (k,), p in chance.items() if k >= 3)
    assert_close("waits", scenario, waits, full, half_width=0.15)
    # Little: so many are open, at so many a second.
    takes_s = sum(p * min(k, 3) for (k,), p in chance.items()) / per_s
    times = [(leg.came_us, leg.handle_us / SECOND_US) for leg in done]
    assert_close("handle", scenario, times, takes_s, half_width=0.1)


def test_what_is_left_of_a_chat_is_rescaled_at_each_change_to_the_microsecond():
    # The drawn work is what a chat takes alone; a naive integral of the pace gives it back.
    tenths = (10, 7, 4)
    settings = _domain(["chat"], 2, slots=3, channel=Channel.CHAT)
    scenario = _steady(
        settings,
        {"chat": 0.03},
        {"chat": 60.0},
        500,
        Channel.CHAT,
        concurrency={Channel.CHAT: [tenth / 10 for tenth in tenths]},
    )
    spans = []
    open_: defaultdict[str, dict[int, int]] = defaultdict(dict)
    offers = {}
    last_us: defaultdict[str, int] = defaultdict(int)

    def catch_up(agent_id, now_us):
        desk = open_[agent_id]
        for offer in desk:
            desk[offer] += (now_us - last_us[agent_id]) * tenths[len(desk) - 1]
        last_us[agent_id] = now_us

    def watch(event, actions, now_us):
        for action in actions:
            if type(action) is OfferContact:
                offers[action.offer_id] = (action.agent_id, action.contact_id)
        if type(event) is LegConnected:
            agent_id, _ = offers[event.offer_id]
            catch_up(agent_id, now_us)
            open_[agent_id][event.offer_id] = 0
        if type(event) is LegEnded:
            agent_id, contact_id = offers[event.offer_id]
            catch_up(agent_id, now_us)
            spans.append((contact_id, open_[agent_id].pop(event.offer_id)))

    run(scenario, 1, on_step=watch)
    alone = replace(scenario, concurrency={})
    _, found = watched(alone)
    assert len(spans) > 400
    compared = [
        (work, 10 * found.legs[name][0].handle_us)
        for name, work in spans
        if found.legs[name][0].handle_us is not None
    ]
    assert len(compared) > 400
    # A chat ends with a whole microsecond, in which it may not have needed all of its pace.
    assert all(0 <= work - drawn < 10 for work, drawn in compared)


def test_transfers_between_queues_are_a_network_of_jackson():
    # Source: J. R. Jackson, "Networks of waiting lines", 1957: each queue as if its arrivals were
    # Poisson, at the rates that solve the traffic equations.
    agents, go, come_back = 2, 0.3, 0.2
    mean_s = {"sales": 50.0, "service": 80.0}
    per_s = {"sales": 0.02, "service": 0.006}
    handles = {name: Handle(mean_s=each, shape=Shape.EXPONENTIAL) for name, each in mean_s.items()}
    transfers = tuple(
        Transfer(queue=one, channel=Channel.VOICE, to=to, share=share, handle=handles[to])
        for one, to, share in (("sales", "service", go), ("service", "sales", come_back))
    )
    settings = _domain(["sales", "service"], agents)
    scenario = _steady(settings, per_s, mean_s, 5_000, transfers=transfers)
    result, found = watched(scenario)
    sales = (per_s["sales"] + come_back * per_s["service"]) / (1 - go * come_back)
    service = per_s["service"] + go * sales
    given = [
        (of[0].came_us, len(of) > 1) for name, of in found.legs.items() if name.startswith("sales")
    ]
    assert_close("given further", scenario, given, go, half_width=0.1)
    for queue, rate in (("sales", sales), ("service", service)):
        exact = line(agents, rate * mean_s[queue], mean_s[queue], 20.0)
        waits = [
            (leg.came_us, leg.wait_us / SECOND_US)
            for name, of in found.legs.items()
            # They alternate between the two.
            for number, leg in enumerate(of)
            if (number % 2 == 0) == name.startswith(queue) and leg.wait_us is not None
        ]
        assert_close(queue, scenario, waits, float(exact.mean_wait_s), half_width=0.3)
    offered = sum(row.total.offered for row in result.report.rows)
    assert offered == sum(map(len, found.legs.values()))
    assert max(map(len, found.legs.values())) <= 8


def test_a_transferred_customer_is_as_patient_as_his_stream_says_and_keeps_his_place_if_asked():
    def world(*, keep_place):
        transfer = Transfer(
            queue="sales",
            channel=Channel.VOICE,
            to="service",
            share=1.0,
            handle=Handle(mean_s=300.0, scv=0.5),
            keep_place=keep_place,
        )
        scenario = _steady(
            _domain(["sales", "service"], 1),
            {"sales": 0.01, "service": 0.002},
            {"sales": 60.0, "service": 60.0},
            300,
            transfers=(transfer,),
        )
        return of_stream(scenario, patience=Exponential(100.0))

    result, found = watched(world(keep_place=False))
    second = legs(found, 1)
    assert sum(leg.left for leg in second) > 30
    assert {len(of) for of in found.legs.values()} == {1, 2}
    kept, _ = watched(world(keep_place=True))
    assert kept.digest == result.digest == ""
    assert [row.total.offered for row in kept.report.rows] != []
    assert kept.report != result.report


# --- all of it together --------------------------------------------------------------------------


def _everybody():
    """Return settings, streams and transfers in which people do all that they can."""
    chat, voice = Channel.CHAT, Channel.VOICE
    queues = ("sales", "service")
    channels = {
        voice: ChannelSettings(handle_time_us=60 * SECOND_US),
        chat: ChannelSettings(
            handle_time_us=60 * SECOND_US, auto_answer=True, expires_us=200 * SECOND_US
        ),
    }
    slots = {voice: SlotSettings(), chat: SlotSettings(slots=3, cost=30, interrupted_by=(voice,))}
    settings = DomainSettings(
        name="house",
        queues=tuple(QueueSettings(name=name, channels=channels) for name in queues),
        profiles=(
            ProfileSettings(
                name="all",
                serves=tuple(Serves(queue=name, channels=(voice, chat)) for name in queues),
            ),
        ),
        capacities=(CapacitySettings(name="desk", channels=slots),),
        agents=tuple(
            AgentSettings(agent_id=f"a-{n}", profile="all", capacity="desk", group="day")
            for n in range(6)
        ),
        estimated_wait=True,
    )
    streams = tuple(
        Stream(
            name=f"{queue}-{channel}",
            queue=queue,
            channel=channel,
            rates_per_h=(100.0, 160.0, 30.0),
            handle=Handle(mean_s=80.0),
            patience=Gamma(60.0, 0.5),
            accepts=Lognormal(60.0, 1.0),
            redial=Redial(share=0.8, pause=Exponential(90.0), attempts_max=5, causes=tuple(Lost)),
            answer_us=3 * SECOND_US if channel is voice else 0,
        )
        for queue in queues
        for channel in (voice, chat)
    )
    transfers = tuple(
        Transfer(
            queue=one,
            channel=channel,
            to=to,
            share=0.4,
            handle=Handle(mean_s=40.0),
            answer_us=3 * SECOND_US if channel is voice else 0,
        )
        for one, to in (queues, queues[::-1])
        for channel in (voice, chat)
    )
    return settings, streams, transfers


@pytest.mark.parametrize("seed", range(3))
def test_no_customer_is_lost_whatever_people_do(seed):
    # The world itself checks offered against came, called again and given further, and for each
    # customer that he is served, lost, waiting or about to call again, and nothing else.
    settings, streams, transfers = _everybody()
    scenario = Scenario(
        title="All",
        settings=settings,
        start_us=START_US,
        interval_us=900 * SECOND_US,
        intervals=3,
        streams=streams,
        staffing={"day": (4, 6, 2)},
        paces={"day": Pace(mean_factor=1.2, scv_factor=1.5), "a-1": Pace(mean_factor=0.6)},
        concurrency={Channel.CHAT: (1.0, 0.8, 0.6)},
        transfers=transfers,
    )
    once, again = (run(scenario, seed, digest=True) for _ in range(2))
    assert once == again
    totals = [sum(getattr(row, key) for row in once.customers) for key in (
        "customers", "abandoned", "balked", "turned_away", "served", "lost"
    )]  # fmt: skip
    assert min(totals) > 0
    assert totals[0] == once.arrived


def test_blocks_that_are_kept_give_the_variates_of_the_blocks_that_are_drawn():
    draws = Draws(1, "calls", "redial", uniform)
    for block in (*range(KEPT_MAX + 5), 0):
        number = block * 1024 + 7
        assert draws.one(number, leg=2) == draws.of(number, 1, leg=2)[0]
    assert len(draws._kept) == KEPT_MAX
