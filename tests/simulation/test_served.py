"""Who was served after how long, and by whom: counts, and their pictures.

Method: counts are held against the report's own figures of the same run; pictures are read as SVG,
whose texts are texts. How they look was looked at.
"""

import re

import pytest
from msgspec.structs import replace

from acd.ids import Channel
from acd.wait_counts import wait_quantiles_s
from sim.driver import run
from sim.plots import colours_of
from sim.result import Result
from sim.scenario import load
from sim.served import Served, by_group, together
from sim.served_plots import LINES_MAX, handled_plot, served_plots
from sim.study import study
from sim.textbook import m_m_n
from tests.simulation.test_report import CONFIGS

BUSY = m_m_n(agents=10, contacts=400, load=0.95)
LINE = ("line", Channel.VOICE)


@pytest.fixture(scope="module")
def christmas() -> Result:
    """Return a day of calls, chats, web forms and emails, for five groups."""
    return run(load(next(path for path in CONFIGS if path.stem == "toy_store_christmas")), 1)


def texts(svg: str) -> list[str]:
    """Return the texts of a picture."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_the_counts_of_waits_are_those_of_the_reports_quantiles():
    result = run(BUSY, 1)
    (row,) = result.report.rows
    (waits,) = result.served.waits.values()
    assert sum(waits.values()) == row.total.answered
    assert wait_quantiles_s(waits, (50, 95)) == (row.wait_p50_s, row.wait_p95_s)


def test_every_contact_answered_is_counted_with_the_group_that_had_it(christmas):
    served = christmas.served.by_group
    assert list(served) == [team.name for team in christmas.report.groups]
    for row in christmas.report.rows:
        # An email that was handed back at the end of a shift is connected again.
        connected = sum(taken.get((row.queue, row.channel), 0) for taken in served.values())
        assert connected >= row.total.answered
        if row.channel is Channel.VOICE:
            assert connected == row.total.answered
    assert not any(channel is Channel.CHAT for _, channel in served["telephone"])


def test_groups_are_added_up_and_runs_too():
    groups = {"ann": "day", "bob": "day", "cem": "night", "eve": ""}
    email = ("line", Channel.EMAIL)
    found = by_group(groups, {("ann", *LINE): 2, ("bob", *LINE): 3, ("eve", *email): 1})
    assert found == {"day": {LINE: 5}, "night": {}, "": {email: 1}}
    assert list(found) == ["day", "night", ""]
    both = together([Served({LINE: {0: 1}}, found), Served({LINE: {0: 2, 7: 1}}, found)])
    assert both.waits == {LINE: {0: 3, 7: 1}}
    assert both.by_group == {"day": {LINE: 10}, "night": {}, "": {email: 2}}


def test_a_study_keeps_the_counts_of_each_run():
    found = study(BUSY, replications=2)
    for sample in found.samples:
        assert sum(sample.served.waits[LINE].values()) == sample.figures["line.voice.answered"]


def test_a_map_says_each_groups_shares_and_contacts():
    email = ("line", Channel.EMAIL)
    taken = {"day": {LINE: 300, email: 100}, "night": {}, "": {email: 7}}
    (plot,) = handled_plot(Served({}, taken), runs=2)
    assert texts(plot.svg) == [
        *("line voice", "line email", "day", "no group"),
        *("200", "75", "25", "4", "100", "contacts", "% of each group's contacts"),
    ]
    assert handled_plot(Served({}, {"day": {}})) == []


def test_of_many_queues_and_groups_the_small_ones_are_put_together():
    lines = [(f"queue {number}", Channel.VOICE) for number in range(LINES_MAX + 5)]
    taken = {f"group {one}": {line: one + 1} for one, line in enumerate(lines)}
    (plot,) = handled_plot(Served({line: {0: 1} for line in lines}, taken))
    told = texts(plot.svg)
    assert told.count("6 others") == 2
    assert "21" in told  # Contacts of the six smallest groups: 1 + … + 6.
    assert "queue 5" not in told
    assert "queue 6" in told


def test_waits_have_a_panel_for_each_channel_and_a_curve_for_all_queues(christmas):
    waits, _ = served_plots(christmas.report, christmas.served)
    told = texts(waits.svg)
    assert [one for one in told if one in {"Voice", "Chat", "Email", "Web form"}] == [
        *("Voice", "Chat", "Web form", "Email")
    ]
    assert told.count("all queues") == 4
    assert "waited at most (min); threshold 1 h" in told
    assert served_plots(christmas.report, Served({}, {})) == []


def test_of_many_queues_the_largest_have_colours_of_their_own():
    (row,) = (report := run(BUSY, 1).report).rows
    few = [replace(row, queue=f"queue {number}") for number in range(3)]
    assert list(colours_of(replace(report, rows=tuple(few)))) == ["queue 0", "queue 1", "queue 2"]
    many = [
        replace(row, queue=f"queue {number}", total=replace(row.total, offered=number))
        for number in range(20)
    ]
    colours = colours_of(replace(report, rows=tuple(many)))
    assert len({colours[f"queue {number}"] for number in range(11, 20)}) == 9
