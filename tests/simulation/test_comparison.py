"""Variants beside each other, and what is required of a plan.

Method: differences are worked out by hand from hand-made studies; that pairing is right is tried
where the truth is known: of M/M/n lines the difference of the expected waits is a closed form, and
the intervals of many small comparisons must cover it as often as they say, and be narrower than
independent runs'. Pages are looked at for what they must hold; pictures by eye.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from acd.cli import main
from acd.ids import Channel
from acd.settings import Abandons
from sim.busyness import Busyness
from sim.comparison import DifferentWorkloadError, compare, workload_differences
from sim.comparison_table import as_json, thresholds
from sim.driver import run
from sim.intervals import mean_of
from sim.requirement import judge, named, parse_requirement, refuse_unknown, wilson
from sim.scenario import load
from sim.study import names_of, study, study_of_one
from sim.study_page import comparison_page
from sim.textbook import m_m_n
from sim.workload import Scenario
from tests.long.test_closed_forms import erlang_c

DOCS = Path(__file__).parents[2] / "docs" / "simulation.md"
ASA = "line.voice.asa_s"


def line(agents: int, *, contacts: int = 400, load: float = 0.8, base: int = 10) -> Scenario:
    """Return a line with the arrivals of `base` agents at a load, served by so many agents."""
    return m_m_n(agents=agents, contacts=contacts, load=load * base / agents)


def test_differences_by_hand():
    found = compare({"ten": line(10), "eleven": line(11)}, replications=4)
    (level,) = (one for one in found.differences(1) if one.name == ASA)
    ten, eleven = (np.array(one.values(ASA)) for one in found.studies)
    by_hand = mean_of((eleven - ten).tolist())
    assert by_hand is not None
    assert level.change.mean == pytest.approx(by_hand.mean)
    assert level.change.half_width == pytest.approx(by_hand.half_width)
    apart = ten.var(ddof=1) + eleven.var(ddof=1)
    assert level.variance_ratio == pytest.approx((eleven - ten).var(ddof=1) / apart)
    assert level.base.mean == pytest.approx(ten.mean())
    assert level.other.mean == pytest.approx(eleven.mean())
    assert level.is_clear == (by_hand.high < 0)
    assert found.difference(ASA, 1) == level
    with pytest.raises(
        LookupError, match=r"`line\.voice\.asa` is no figure .* `line\.voice\.asa_s`"
    ):
        found.difference("line.voice.asa", 1)


def test_by_interval_the_parts_are_those_of_the_whole():
    found = compare({"ten": line(10), "eleven": line(11)}, replications=3)
    offered = found.by_interval("line", Channel.VOICE, "offered", 1)
    # The same customers come, in every interval.
    assert all(one is not None and (one.mean, one.deviation) == (0.0, 0.0) for one in offered)
    waits = found.by_interval("line", Channel.VOICE, "asa_s", 1)
    assert len(waits) == len(found.studies[0].samples[0].report.rows[0].intervals)
    with pytest.raises(LookupError, match="there is no chat of the queue line"):
        found.by_interval("line", Channel.CHAT, "asa_s", 1)


def test_the_interval_of_a_difference_holds_the_closed_form_and_pairing_narrows_it():
    """The lines begin empty, a bias that the long runs make small; the seed is fixed."""
    ten, eleven = (float(erlang_c(agents, 8.0)) * 240.0 / (agents - 8.0) for agents in (10, 11))
    variants = {"ten": line(10, contacts=3_000), "eleven": line(11, contacts=3_000)}
    one = compare(variants, seed=3, replications=4).difference(ASA, 1)
    assert one is not None
    assert one.change.low <= eleven - ten <= one.change.high
    assert one.is_clear
    assert one.variance_ratio is not None
    assert one.variance_ratio < 0.5


def test_variants_with_other_customers_are_refused():
    with pytest.raises(DifferentWorkloadError) as caught:
        compare({"a": line(10), "b": line(10, load=0.7)}, replications=2)
    assert str(caught.value) == (
        "b: has another workload than the first (`interval_min`, `arrivals.all`); wanted a variant "
        "that meets the same customers"
    )
    assert workload_differences(line(10), line(10, contacts=500)) == ("interval_min",)
    assert workload_differences(line(10), line(12)) == ()


def test_busy_days_are_of_one_clock():
    base = line(10)
    assert workload_differences(base, replace(base, time_zone="Asia/Tokyo")) == ()
    streams = tuple(replace(one, busyness=Busyness(name="b", day_cv=0.2)) for one in base.streams)
    busy = replace(base, streams=streams)
    assert workload_differences(busy, replace(busy, time_zone="Asia/Tokyo")) == ("time_zone",)


def test_variants_that_count_otherwise_are_refused():
    base = line(10)
    measures = replace(base.settings.measures, abandons=Abandons.IGNORED)
    other = replace(base, settings=replace(base.settings, measures=measures))
    with pytest.raises(ValueError, match=r"b: counts otherwise .*; wanted the same table \[meas"):
        compare({"a": base, "b": other}, replications=2)


def test_another_threshold_is_told_beside_the_service_levels():
    """The same line, which in b promises 200 s: its service level is higher, its waits are not."""
    base = line(10, contacts=200)
    (queue,) = base.settings.queues
    voice = replace(queue.channels[Channel.VOICE], objective_us=200_000_000)
    slow = replace(queue, channels={Channel.VOICE: voice})
    other = replace(base, settings=replace(base.settings, queues=(slow,)))
    found = compare({"a": base, "b": other}, replications=2)
    waits = found.difference(ASA, 1)
    assert waits is not None
    assert waits.change.mean == 0.0
    (note,) = thresholds(found)
    assert note.startswith("Service level of line voice: within 200 s in b, 20 s in a; ")
    assert json.loads(as_json(found))["notes"] == [note]
    assert note in comparison_page({"a": base, "b": other}, found)
    three = {"a": base, "b": line(11, contacts=200), "c": line(12, contacts=200)}
    alike = compare(three, replications=2)
    assert thresholds(alike) == []
    assert "<h1>b and c against a</h1>" in comparison_page(three, alike)


def test_a_queue_that_a_variant_lacks_has_no_differences():
    base = line(10, contacts=200)
    (queue,) = base.settings.queues
    more = replace(queue, name="more")
    (profile,) = base.settings.profiles
    serves = (*profile.serves, replace(profile.serves[0], queue="more"))
    settings = replace(
        base.settings, queues=(queue, more), profiles=(replace(profile, serves=serves),)
    )
    found = compare({"a": replace(base, settings=settings), "b": base}, replications=2)
    facts = json.loads(as_json(found))["variants"]["b"]["service_level_by_interval"]
    assert set(facts) == {"line.voice", "more.voice"}
    assert set(facts["more.voice"]) == {None}
    assert "line, voice" in comparison_page({"a": base, "b": base}, found)


def test_one_variant_or_one_run_compares_nothing():
    with pytest.raises(ValueError, match="variants: are 1; wanted two or more"):
        compare({"a": line(10)})
    with pytest.raises(ValueError, match="replications: is 1; wanted 2 or more"):
        compare({"a": line(10), "b": line(11)}, replications=1)


# --- requirements ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, name, sign, bound",
    [
        ("sales.service_level>=0.8", "sales.service_level", ">=", 0.8),
        ("sales.voice.asa_s <= 20", "sales.voice.asa_s", "<=", 20.0),
        ("group.day.occupancy<=85%", "group.day.occupancy", "<=", 0.85),
        ("a queue.x>=1e3", "a queue.x", ">=", 1000.0),
    ],
)
def test_what_requirements_say(text, name, sign, bound):
    found = parse_requirement(text)
    assert (found.name, str(found.sign)) == (name, sign)
    assert found.bound == pytest.approx(bound)


@pytest.mark.parametrize(
    "text", ["", "sales", "sales>0.8", "sales>=", "sales>=x", "sales>=nan", "=1"]
)
def test_what_is_no_requirement_is_refused(text):
    with pytest.raises(ValueError, match=r"require: is `.*`; wanted NAME>=BOUND or NAME<=BOUND"):
        parse_requirement(text)


def test_figures_are_meant_with_and_without_their_channel():
    names = ["sales.voice.asa_s", "sales.chat.asa_s", "a.b.voice.asa_s", "group.day.occupancy"]
    assert named("sales.chat.asa_s", names) == "sales.chat.asa_s"
    assert named("a.b.asa_s", names) == "a.b.voice.asa_s"
    assert named("group.day.occupancy", names) == "group.day.occupancy"
    with pytest.raises(ValueError, match=r"`sales\.asa_s` may be one of several; wanted one of"):
        named("sales.asa_s", names)
    with pytest.raises(
        ValueError, match=r"is no figure of this scenario; did you mean `a\.b\.asa_s`"
    ):
        named("a.b.asa_ss", names)


def test_all_figures_of_a_run_are_known_before_it():
    scenario = load(DOCS.parents[1] / "configs" / "toy_store_christmas.toml")
    found = study_of_one(scenario, 1, run(scenario, 1)).names()
    assert len(found) > 20
    assert set(found) <= set(names_of(scenario))
    # A group that nobody is in has hours, none of them worked.
    line = m_m_n(agents=2, contacts=10, load=0.5)
    idle = replace(line, staffing={**line.staffing, "idle": (0,)}, scheduled={"idle": (0,)})
    assert "group.idle.worked_h" in study_of_one(idle, 1, run(idle, 1)).names()
    assert set(study_of_one(idle, 1, run(idle, 1)).names()) <= set(names_of(idle))
    refuse_unknown([parse_requirement("group.all.occupancy<=0.9")], names_of(scenario))
    with pytest.raises(ValueError, match=r"did you mean `group\.all\.occupancy`"):
        refuse_unknown([parse_requirement("group.al.occupancy<=0.9")], names_of(scenario))


def test_a_requirement_is_about_the_mean_and_days_are_counted_beside_it():
    found = study(line(10, contacts=100), replications=10)
    waits = sorted(found.values(ASA))
    middle = (waits[4] + waits[5]) / 2
    verdict = judge(found, parse_requirement(f"line.asa_s<={middle}"))
    assert verdict.days == wilson(5, 10, 0.95)
    assert verdict.is_met == (np.mean(waits) <= middle)
    assert not verdict.is_sure
    verdict = judge(found, parse_requirement("line.asa_s<=1e6"))
    assert (verdict.is_met, verdict.is_sure) == (True, True)
    verdict = judge(found, parse_requirement("line.asa_s>=1e6"))
    assert (verdict.is_met, verdict.is_sure) == (False, True)
    assert verdict.days is not None
    assert verdict.days.share == 0.0


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_wilsons_interval_covers(share):
    """The exact coverage, summed over the binomial: near 95 % on average, also at the edges."""
    count = 40
    hits = np.arange(count + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    chance = np.exp(
        logs[count] - logs - logs[::-1] + hits * np.log(share) + (count - hits) * np.log1p(-share)
    )
    covers = [
        found.low <= share <= found.high for found in (wilson(int(k), count, 0.95) for k in hits)
    ]
    assert chance[covers].sum() > 0.9


# --- the commands ---------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return the page's example, and the same with one agent more in each hour."""
    match = re.search(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert match is not None
    base, more = tmp_path / "base.toml", tmp_path / "more.toml"
    base.write_text(match[1])
    more.write_text(match[1].replace("[6, 8, 9, 8]", "[7, 9, 10, 9]"))
    return base, more


def test_two_files_are_compared(files, tmp_path, capsys):
    page = tmp_path / "page.html"
    asked = ["--replications", "3", "--require", "sales.voice.service_level>=5%"]
    assert main(["sim", "compare", *map(str, files), *asked, "--report", str(page)]) == 0
    told = capsys.readouterr().out
    assert "sales.voice.service_level" in told
    assert "Variance ratio" in told
    assert re.search(
        r"Required of more +Mean[^~]+sales\.voice\.service_level >= 0\.05 .* met", told
    )
    text = page.read_text()
    assert "<h2>What was required of more</h2>" in text
    assert text.count("<svg") == 6
    for title in ("How likely a good day is", "How long the answered waited"):
        assert title in text
    assert "Who handled what: base" in text
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    assert main(["sim", "compare", *map(str, files), *asked, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["base"] == "base"
    change = facts["variants"]["more"]["figures"]["sales.voice.service_level"]
    assert change["change"] == pytest.approx(change["other"] - change["base"])
    assert facts["requirements"][0]["is_met"]
    by_interval = facts["variants"]["more"]["service_level_by_interval"]["sales.voice"]
    assert len(by_interval) == 8


def test_what_is_required_and_missed_is_exit_code_1(files, tmp_path, capsys):
    base, more = map(str, files)
    missed = ["--replications", "2", "--require", "sales.voice.asa_s<=0.001"]
    assert main(["sim", "compare", base, more, *missed]) == 1
    page = tmp_path / "page.html"
    assert main(["sim", "run", base, *missed, "--report", str(page)]) == 1
    assert "not met" in capsys.readouterr().out
    assert "not met" in page.read_text()
    assert main(["sim", "run", base, "--require", "sales.voice.offered>=1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["requirements"][0]["mean"] == 294


@pytest.mark.parametrize(
    "asked, message",
    [
        (["--require", "sales.voice.asa<=20"], "did you mean `sales.voice.asa_s`?"),
        (["--require", "sales"], "wanted NAME>=BOUND or NAME<=BOUND"),
        (["--workers", "2", "--cluster", "tcp://127.0.0.1:1"], "wanted none with --cluster"),
    ],
)
def test_what_cannot_be_asked_is_usage(asked, message, files, capsys):
    assert main(["sim", "compare", *map(str, files), "--replications", "2", *asked]) == 2
    assert message in capsys.readouterr().err


def test_files_with_other_customers_or_alone_are_usage(files, capsys):
    base, more = files
    more.write_text(more.read_text().replace("[50, 70, 80, 60]", "[50, 70, 80, 61]"))
    assert main(["sim", "compare", str(base), str(more)]) == 2
    assert "more: has another workload than the first (`arrivals.calls`)" in capsys.readouterr().err
    assert main(["sim", "compare", str(base)]) == 2
    assert "SCENARIOS: 1 given; wanted two or more" in capsys.readouterr().err
