"""A journal replayed: the same customers and agents, under the rules of then and under others.

Method: a simulated day is written as a journal, of which the truth is known. Under its own rules
the recorded figures must come out again, exactly, since the answer times are constant and the
draws concern what never came to pass. Under another policy, where the journal tells everything
(nobody leaves, all are handled), the replay must be the direct simulation of the same customers.
That patience is drawn beyond the wait is held against the law from which the day was made. Stories
written by hand, and the golden ones, try what a simulated day does not hold.
"""

import json
import re
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from acd import journal
from acd.cli import main
from acd.errors import AcdError, ConfigError, JournalError
from acd.ids import Channel, Play
from acd.journal.file import JournalFile
from acd.journal.records import Entry
from acd.settings import OverflowRule, Urgency
from acd.waiting_settings import CallbackSettings, Treatment
from sim import driver, scenario
from sim.cli import sim
from sim.past_file import read_past
from sim.past_replay import replay
from sim.past_rules import with_agents
from sim.past_scenario import Beyond, staged
from sim.patience import Exponential, kaplan_meier
from sim.result import Result
from sim.study import study_of_one
from sim.textbook import m_m_n
from sim.workload import Scenario

DOCS = Path(__file__).parents[2] / "docs"
GOLDEN = Path(__file__).parents[1] / "golden"

STORY = """\
= acd-journal 1
| [domain]
| name = "shop"
|
| [queues.sales]
| voice = { objective_s = 20, ring_s = 15, wrap_up_s = 10 }
|
| [capacities.phone]
| voice = {}
|
| [profiles]
| sales = [{ queue = "sales" }]
|
| [agents.ann]
| profile = "sales"
| capacity = "phone"
> 0.000000 batch
>> agent.logged_in agent_id=ann
>> agent.ready agent_id=ann
"""

HANDLED = """\
> 10.000000 contact.arrived contact_id=c1 queue=sales channel=voice
< offer 1 1 c1 25000000
> 12.000000 leg.connected offer_id=1
> 20.000000 leg.ended offer_id=1
< customer.release contact_id=c1
> 30.000000 clock.ticked
< wrap_up.end offer_id=1 agent_id=ann
< contact.close contact_id=c1 outcome=handled
"""


def morning_text() -> str:
    found = re.search(r"```toml\n(.*?)```", (DOCS / "simulation.md").read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def morning() -> Scenario:
    return scenario.parse(morning_text().encode(), file="morning.toml")


def written(day: Scenario, path: Path, seed: int = 1) -> Result:
    """Simulate a day, and write it as a journal."""
    with path.open("w", encoding="utf-8") as file:
        file.write(journal.format_header(day.settings))

        def write(event, actions, now_us):
            file.write(journal.format_entry(event, actions, now_us))

        return driver.run(day, seed, on_step=write)


def told(tmp_path: Path, lines: str) -> Path:
    """Write a story; `< offer 1 2 c3 4` is offer 1 of leg 2, contact c3, which rings until 4 µs."""
    path = tmp_path / "story.journal"
    offer = (
        r"< offer.contact offer_id=\1 leg_id=\2 contact_id=\3 ring_until_us=\4 "
        "agent_id=ann queue=sales channel=voice"
    )
    lines = re.sub(r"< offer (\d+) (\d+) (c\d) (\d+)", offer, lines)
    path.write_text(STORY + lines, encoding="utf-8")
    return path


@pytest.fixture
def day(tmp_path):
    path = tmp_path / "day.journal"
    written(morning(), path)
    return path


def test_under_its_own_rules_what_was_recorded_comes_out_again(day):
    found = replay(read_past(day), replications=3)
    assert len(found.beside()) > 20
    for one in found.beside():
        assert one.replayed.mean == pytest.approx(one.recorded, rel=1e-12), one.name
        assert one.replayed.half_width == pytest.approx(0.0, abs=1e-9), one.name
        assert one.deviation == pytest.approx(0.0, abs=1e-9)
    known = found.known
    assert (known.contacts, known.left + known.answered) == (360, 360)
    assert known.patience_drawn + known.patience_endless == known.answered


def test_shifts_breaks_and_overtime_come_out_again(tmp_path):
    shifts = """
[[scenario.shifts]]
name = "early"
group = "day"
count = 8
hours = "08:00-11:00"
late = { share = 0.5, mean_min = 7 }
breaks = [{ after_min = 60, minutes = 15, within_min = 45 }]
"""
    text = re.sub(r"\[scenario.staffing\]\nday.*\n", "", morning_text())
    path = tmp_path / "shifts.journal"
    plan = scenario.parse((text + shifts).encode(), file="shifts.toml")
    written(plan, path)
    past = read_past(path)
    assert sum(len(duty.breaks) for duty in past.duties) > 3
    assert len({duty.comes_us for duty in past.duties}) > 2
    for one in replay(past, replications=2).beside():
        assert one.replayed.mean == pytest.approx(one.recorded, rel=1e-12), one.name


def test_another_policy_is_the_direct_simulation_where_everything_is_known(tmp_path):
    """The horizon is long behind the last arrival, so that all are handled."""
    plan = m_m_n(agents=4, contacts=600, load=0.93, priorities={1: 0.5, 2: 0.5})
    quiet = tuple(replace(one, rates_per_h=(*one.rates_per_h, 0.0)) for one in plan.streams)
    before = replace(plan, streams=quiet, intervals=2, staffing={"all": (4, 4)})
    after = replace(before, settings=replace(plan.settings, urgency=Urgency.LONGEST_WAIT))
    path = tmp_path / "priorities.journal"
    written(before, path)
    past = read_past(path)
    found = replay(past, ("fifo", after.settings), replications=2)
    assert found.known.handle_drawn == found.known.handle_unended == 0
    direct = study_of_one(after, 1, driver.run(after, 1)).samples[0].figures
    (same, other) = (one.samples[0].figures for one in found.studies)
    for name in ("offered", "answered", "service_level", "asa_s", "aht_s", "wait_p95_s"):
        key = f"line.voice.{name}"
        assert other[key] == pytest.approx(direct[key], rel=1e-12), name
    assert same["line.voice.wait_p95_s"] != other["line.voice.wait_p95_s"]


def test_patience_beyond_a_wait_is_that_of_the_law():
    """Exponential patience forgets: what is left of it after any wait has the same mean.

    Half of 4,000 are served before they leave. The mean of what is left, cut at 300 s, has a
    standard deviation of below 100 s among the drawn, and that of the estimate behind it is alike.
    """
    random = np.random.default_rng(5)
    patience_s, served_s = random.exponential(100.0, 4_000), random.exponential(100.0, 4_000)
    law = kaplan_meier(np.minimum(patience_s, served_s).tolist(), (patience_s < served_s).tolist())
    beyond = Beyond(law, 60.0)
    drawn_s = beyond.draw(np.random.default_rng(1), 4_000)
    assert drawn_s.min() > 60.0
    left_s = np.minimum(drawn_s, 260.0).mean() - 60.0
    wanted_s = float(Exponential(100.0).integral(200.0))
    assert left_s == pytest.approx(wanted_s, abs=4 * 100 * 2**0.5 / 2_000**0.5)
    assert float(beyond.integral(260.0)) == pytest.approx(60 + left_s, abs=4 * 100 / 4_000**0.5)
    assert float(beyond.survival(60.0)) == 1.0
    assert float(beyond.survival(30.0)) == 1.0
    assert float(beyond.survival(160.0)) == pytest.approx(np.exp(-1), abs=0.05)
    assert beyond.knots_s[0] > 60.0
    assert beyond.mean_s > 60.0


def test_what_is_drawn_is_the_same_under_all_rules_and_new_in_each_run(day):
    past = read_past(day)
    more = with_agents(past.settings, "day", 2)
    found = replay(past, ("more", more), replications=4)
    assert found.known.agents_new == 2
    assert found.comparison is not None
    wait = found.comparison.difference("sales.voice.asa_s", 1)
    assert wait is not None
    assert wait.change.mean < 0
    assert wait.is_clear
    assert len({one.figures["sales.voice.asa_s"] for one in found.studies[1].samples}) > 1
    streams = [one.scenario.streams for one in found.staged]
    assert streams[0] == streams[1]


def test_with_fewer_agents_the_others_are_not_replaced(day):
    past = read_past(day)
    fewer = replace(past.settings, agents=past.settings.agents[1:])
    found = staged(past, fewer, title="fewer")
    assert found.known.agents_away == 1
    assert found.scenario.duties is not None
    assert len(found.scenario.duties) < len(past.duties)


def test_a_story_tells_handling_holds_and_patience(tmp_path):
    """c1 rings 2 s and is handled 40 s with a hold; c2 leaves after 5.25 s; c3 is in hand."""
    path = told(
        tmp_path,
        """\
> 10.000000 contact.arrived contact_id=c1 queue=sales channel=voice priority=3 customer=mia
< offer 1 1 c1 25000000
> 12.000000 leg.connected offer_id=1
> 20.000000 leg.held offer_id=1
> 25.000000 leg.retrieved offer_id=1
> 30.000000 contact.arrived contact_id=c2 queue=sales channel=voice
> 35.250000 contact.left contact_id=c2
< contact.close contact_id=c2 outcome=abandoned
> 40.000000 agent.not_ready agent_id=ann reason=lunch after_this_one=true
> 52.000000 leg.ended offer_id=1
< customer.release contact_id=c1
> 62.000000 clock.ticked
< wrap_up.end offer_id=1 agent_id=ann
< agent.set_state agent_id=ann availability=not_ready reason=lunch
< contact.close contact_id=c1 outcome=handled
> 70.000000 agent.ready agent_id=ann
> 80.000000 contact.arrived contact_id=c3 queue=sales channel=voice
< offer 2 3 c3 95000000
> 84.000000 leg.connected offer_id=2
> 85.000000 leg.held offer_id=2
""",
    )
    past = read_past(path)
    first, second, third = past.contacts
    assert (first.handle_us, first.answer_us, first.is_known) == (40_000_000, 2_000_000, True)
    assert (second.left_us, second.connected_us) == (35_250_000, None)
    assert (third.answer_us, third.is_known) == (4_000_000, False)
    (duty,) = past.duties
    assert (duty.comes_us, duty.to_us) == (0, 85_000_001)
    assert [tuple(one) for one in duty.breaks] == [(40_000_000, 8_000_000, "lunch")]
    stream, left, _ = staged(past, past.settings, title="").scenario.streams
    assert (stream.customer, stream.priority, stream.answer_us) == ("mia", 3, 2_000_000)
    assert left.answer_us == 3_000_000  # The mean.
    assert left.replay is not None
    assert left.replay.patience_us == (5_250_000,)


def test_what_a_daemon_kept_is_read_alike(day, tmp_path):
    path = tmp_path / "kept.journal"
    with day.open("rb") as stream:
        story = journal.read(stream, "day")
        entries = [
            Entry(number, one.now_us, one.event, one.actions)
            for number, one in enumerate(story.entries, start=1)
        ]
    with closing(JournalFile.open(path, settings=story.settings)) as kept:
        kept.commit(entries)
    text, durable = read_past(day), read_past(path)
    assert durable.contacts == text.contacts
    assert durable.duties == text.duties
    # A daemon keeps a queue's channels in another order.
    rows = [{(row.queue, row.channel): row for row in one.report.rows} for one in (durable, text)]
    assert rows[0] == rows[1]
    assert durable.report.groups == text.report.groups


def test_golden_stories_are_replayed_or_told_why_not():
    replayed, refusals = 0, []
    for path in sorted(GOLDEN.glob("*.journal")):
        try:
            past = read_past(path)
            replay(past, ("the same", past.settings), replications=2)
            replayed += 1
        except AcdError as error:
            refusals.append(str(error))
    assert replayed > 60
    assert len(refusals) < replayed
    known = re.compile("nobody (was handled|arrived)")
    assert [one for one in refusals if not known.search(one)] == []


def test_what_came_before_the_last_settings_is_counted_and_left_out(tmp_path):
    """c1 is over, c2 is in hand, when the objective changes; c3 alone is replayed."""
    other = "".join(line for line in STORY.splitlines(keepends=True) if line.startswith("|"))
    path = told(
        tmp_path,
        HANDLED
        + """\
> 40.000000 contact.arrived contact_id=c2 queue=sales channel=voice
< offer 2 2 c2 55000000
> 41.000000 leg.connected offer_id=2
= settings
"""
        + other.replace("objective_s = 20", "objective_s = 30")
        + """\
> 50.000000 settings.changed
> 60.000000 leg.ended offer_id=2
< customer.release contact_id=c2
> 70.000000 clock.ticked
< wrap_up.end offer_id=2 agent_id=ann
< contact.close contact_id=c2 outcome=handled
"""
        + """\
> 110.000000 contact.arrived contact_id=c3 queue=sales channel=voice
< offer 3 3 c3 125000000
> 112.000000 leg.connected offer_id=3
> 120.000000 leg.ended offer_id=3
< customer.release contact_id=c3
> 130.000000 clock.ticked
< wrap_up.end offer_id=3 agent_id=ann
< contact.close contact_id=c3 outcome=handled
""",
    )
    past = read_past(path)
    assert (past.losses.before_settings, past.losses.inside) == (2, 1)
    assert past.start_us == 50_000_000
    assert [one.arrival.contact_id for one in past.contacts] == ["c3"]
    (duty,) = past.duties
    assert duty.comes_us == 50_000_000
    found = replay(past, replications=2)
    assert all(one.deviation == pytest.approx(0.0) for one in found.beside() if "asa" in one.name)


def test_rules_that_promise_callbacks_are_followed(day):
    past = read_past(day)
    (sales,) = past.settings.queues
    rule = OverflowRule(max_waiting=1, callback="we-call-you")
    channels = {
        channel: replace(one, overflow=(rule,) if channel is Channel.VOICE else ())
        for channel, one in sales.channels.items()
    }
    sales = replace(sales, channels=channels, callbacks=CallbackSettings())
    rules = replace(past.settings, queues=(sales,), messages=("we-call-you",))
    (called,) = driver.run(staged(past, rules, title="called").scenario, 1).callbacks
    assert called.promised > 10
    assert called.promised == called.reached + called.canceled + called.open
    assert called.not_reached == 0


def test_rules_under_which_customers_hear_something_at_once_are_followed(tmp_path):
    """A timer is due at the instant at which each contact arrives."""
    past = read_past(told(tmp_path, HANDLED))
    (sales,) = past.settings.queues
    welcome = Treatment(after_us=0, play=Play.MESSAGE, message="welcome")
    rules = replace(
        past.settings, queues=(replace(sales, treatments=(welcome,)),), messages=("welcome",)
    )
    found = replay(past, ("welcomed", rules), replications=2)
    assert found.studies[1].values("sales.voice.answered") == [1.0, 1.0]


def test_what_is_required_must_be_a_figure_before_anything_is_replayed(tmp_path, capsys):
    """Told before rules that are refused, which are when the replay begins."""
    file = told(tmp_path, HANDLED)
    rules = tmp_path / "rules.toml"
    rules.write_text(Path(DOCS.parent / "configs" / "help_desk.toml").read_text("utf-8"), "utf-8")
    words = ["sim", "replay", str(file), "--config", str(rules), "--require"]
    assert main([*words, "help.voice.asa_ss<=9"]) == 2
    assert "--require: `help.voice.asa_ss` is no figure" in capsys.readouterr().err
    assert main([*words, "help.voice.asa_s<=9"]) == 2
    assert "contacts: unknown queue `sales`" in capsys.readouterr().err


def test_rules_that_lack_what_contacts_need_are_refused_with_their_number(day):
    past = read_past(day)
    with pytest.raises(ConfigError) as caught:
        staged(past, m_m_n(agents=2, contacts=9, load=0.5).settings, title="line.toml")
    text = str(caught.value)
    assert "line.toml: contacts: unknown queue `sales`, for 360 of " in text
    assert "line.toml: agents: has none of the " in text


@pytest.mark.parametrize(
    "lines,want",
    [
        ("", "17: ends, and nobody arrived; wanted contacts"),
        ("> 1.000000 agent.sang agent_id=ann\n", "agent.sang"),
        (
            "> 1 contact.arrived contact_id=c queue=sales channel=voice\n",
            "ends, and nobody was handled; wanted handling times",
        ),
    ],
)
def test_a_journal_that_tells_nothing_is_refused(tmp_path, capsys, lines, want):
    path = told(tmp_path, lines)
    with pytest.raises(JournalError, match=re.escape(want)):
        read_past(path)
    assert main(["sim", "replay", str(path)]) == 2
    assert want in capsys.readouterr().err


def test_a_damaged_journal_of_a_daemon_has_the_exit_code_of_storage(tmp_path, capsys):
    path = tmp_path / "kept.journal"
    path.write_bytes(b"SQLite format 3\0" + b"rubbish" * 100)
    assert main(["sim", "replay", str(path)]) == 4
    assert str(path) in capsys.readouterr().err


def test_the_command_prints_json_a_page_and_a_verdict(day, tmp_path):
    page = tmp_path / "page.html"
    words = f"replay {day} --agents-add day=1 --replications 2 --json --report {page}"
    asked = ["--require", "sales.voice.service_level>=99%"]
    done = CliRunner().invoke(sim, [*words.split(), *asked], standalone_mode=False)
    assert done.return_value == 1
    facts = json.loads(done.stdout)
    assert facts["requirements"][0]["is_met"] is False
    assert facts["known"]["agents_new"] == 1
    name = "sales.voice.asa_s"
    assert facts["same_rules"][name]["mean"] == pytest.approx(facts["recorded"][name])
    assert facts["other_rules"][name]["change"] < 0
    html = page.read_text("utf-8")
    leaves = "95 % interval; * leaves 0 out."
    for part in (
        "Recorded and replayed",
        "+day=1 against same rules",
        "beyond their wait: ",
        leaves,
    ):
        assert part in html
    # Each figure once: the table of the replay is that of the comparison.
    assert html.count(f'<td class="name">{name}</td>') == 1
    story = str(told(tmp_path, HANDLED))
    zone = ["--time-zone", "Asia/Kolkata"]
    done = CliRunner().invoke(sim, ["replay", story, "--report", str(page), *zone])
    assert done.exit_code == 0, done.output
    assert "05:30" in page.read_text("utf-8")
    assert "(Asia/Kolkata)" in page.read_text("utf-8")
    done = CliRunner().invoke(sim, ["replay", story, "--time-zone", "Berlin"])
    assert done.exit_code == 2
    assert "--time-zone: `Berlin`; wanted one like Europe/Berlin" in done.output
    alone = page.read_text("utf-8")
    assert "Recorded and replayed" in alone
    assert f"<h1>{story}, replayed</h1>" in alone
    assert f"{story}: 1 contact, replayed 10 times, seed 1. Mean" in alone


def test_a_file_of_rules_may_leave_the_numbers_of_its_groups_open(day, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(morning_text(), encoding="utf-8")
    words = ["replay", str(day), "--replications", "2", "--config", str(rules)]
    done = CliRunner().invoke(sim, words)
    assert done.exit_code == 0, done.output
    assert "-0.0 pp" not in done.output
    assert len(re.findall(r"\+0\.0 ± 0\.0 (?:pp|s)", done.output)) == 12


@pytest.mark.parametrize(
    "text,want",
    [
        ("day", "--agents-add: is day; wanted GROUP=N, N from 1 to 1000"),
        ("day=0", "--agents-add: is day=0; wanted GROUP=N"),
        ("night=1", "agents-add: `night` is no group of an agent"),
    ],
)
def test_agents_added_to_nothing_are_refused(day, capsys, text, want):
    assert main(["sim", "replay", str(day), "--agents-add", text]) == 2
    assert want in capsys.readouterr().err
