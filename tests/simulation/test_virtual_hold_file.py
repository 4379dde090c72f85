"""How a scenario file says how customers take callbacks, each mistake in it, and what is shown.

Method: the rude mixture's file is read, then spoilt in one place after another, and the one mistake
told is compared word for word; what is shown is compared with what the run found.
"""

import re
from pathlib import Path

import msgspec
import pytest

from sim.driver import run
from sim.page import as_html
from sim.report import as_json, callback_rows
from sim.scenario import parse, problems
from sim.study import names_of, study
from sim.study_page import study_page
from sim.study_table import table
from sim.textbook import QUEUE, m_m_n
from sim.workload import SECOND_US, CallBack, Lost
from tests.simulation.rude_callbacks import RUDE, rude

HERE = "scenario.arrivals[0].callbacks"
TABLE = "callbacks = { accept_share = 0.4, answer_share = 0.4, busy_share = 0.3, answer_s = 4 }"


def test_a_file_says_how_customers_take_callbacks():
    calls, letters = parse(RUDE.encode(), file="a.toml").streams
    assert calls.callbacks == CallBack(
        accept_share=0.4, answer_share=0.4, busy_share=0.3, answer_us=4 * SECOND_US
    )
    assert letters.callbacks == CallBack()
    assert calls.redial is not None
    assert calls.redial.causes[-1] is Lost.NOT_REACHED
    bare = parse(RUDE.replace(TABLE, "callbacks = {}").encode(), file="a.toml")
    assert bare.streams[0].callbacks == CallBack()


def test_plans_without_callbacks_may_say_how_customers_would_take_them():
    of_queues = ('callback = "we', "attempts =", "offer_callback")
    kept = (one for one in RUDE.splitlines() if not any(word in one for word in of_queues))
    plain = "\n".join(kept)
    scenario = parse(plain.encode(), file="a.toml")
    assert scenario.streams[0] == parse(RUDE.encode(), file="a.toml").streams[0]
    assert run(scenario, 1).callbacks == ()


WRONG = [
    ("accept_share = 0.4", "accept_share = 1.4", ".accept_share: is 1.4; wanted a number of at mo"),
    (
        "accept_share = 0.4",
        "accept_share = -0.4",
        ".accept_share: is -0.4; wanted a number of at l",
    ),
    ("answer_share = 0.4", "answer_share = nan", ".answer_share: is nan; wanted "),
    (
        "busy_share = 0.3",
        "busy_share = 0.7",
        ".busy_share: is 0.7; wanted at most 0.6, which answer_share leaves",
    ),
    ("answer_s = 4 }", "answer_s = -1 }", ".answer_s: is -1; wanted a number of at least 0"),
    (
        "answer_s = 4 }",
        "answer_s = 12 }",
        ".answer_s: is 12; wanted below the dial_s of callbacks in `sales`, 12",
    ),
    ("accept_share", "accepts_share", ".accepts_share: is an unknown key; wanted a known key; did"),
    (TABLE, "callbacks = 0.4", ": is 0.4; wanted a table"),
    (TABLE, "", ": "),
]


@pytest.mark.parametrize("before,after,want", WRONG, ids=[want[:40] for *_, want in WRONG])
def test_one_mistake_is_told_once(before, after, want):
    text = RUDE.replace(before, after, 1)
    want = f"scenario.arrivals[0].callbacks{want}"
    if not after:
        want = "scenario.arrivals[0].redials: is for those who were not reached; wanted `callbacks`"
    told = [str(one) for one in problems(text.encode(), file="a.toml")]
    assert [one[: len(want)] for one in told] == [want]


def test_the_page_shows_what_its_example_says():
    root = Path(__file__).parents[2]
    page = root.joinpath("docs", "people.md").read_text(encoding="utf-8")
    example = root.joinpath("configs", "callbacks.toml").read_text(encoding="utf-8")
    shown = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[1]
    assert set(shown.splitlines()) <= set(example.splitlines())


def test_nobody_is_called_by_email():
    text = f"{RUDE}callbacks = {{ answer_share = 0.5 }}\n"
    (one,) = problems(text.encode(), file="a.toml")
    assert str(one) == (
        "scenario.arrivals[1].callbacks: is given; wanted nothing: by email nobody is called"
    )


def test_who_is_promised_a_callback_must_have_time_to_answer():
    text = (
        RUDE.replace(TABLE, "")
        .replace(', "not_reached"]', "]")
        .replace("dial_s = 12", "dial_s = 8")
    )
    (one,) = problems(text.encode(), file="a.toml")
    assert str(one) == f"{HERE}.answer_s: is 10; wanted below the dial_s of callbacks in `sales`, 8"


@pytest.mark.parametrize("value", ["-3", '"x"', "[1]", "[[1]]", "true", "nan"])
def test_values_of_other_types_are_mistakes_and_no_crash(value):
    told = problems(RUDE.replace(TABLE, f"callbacks = {value}").encode(), file="a.toml")
    assert any("callbacks" in one.key for one in told)


def test_callbacks_are_in_the_table_the_page_the_json_and_a_study():
    scenario = rude()
    result = run(scenario, 1)
    row, _ = callback_rows(result)
    page = as_html(scenario, 1, result)
    assert "<h2>Callbacks</h2>" in page
    assert all(f">{cell}<" in page for cell in row)
    # Above all others too: without them the figures there do not add up.
    headline = dict(re.findall(r'<b>(.*?)</b><span class="soft">(.*?)</span>', page))
    promised = sum(one.promised for one in result.callbacks)
    assert list(headline.items())[:4][3] == (str(promised), "callbacks")
    facts = msgspec.json.decode(as_json(scenario, 1, result))
    assert facts["callbacks"] == [msgspec.to_builtins(one) for one in result.callbacks]
    found = study(scenario, replications=2)
    mean = found.estimate("sales.voice.callbacks_reached")
    assert mean is not None
    assert (
        mean.mean == sum(one.figures["sales.voice.callbacks_reached"] for one in found.samples) / 2
    )
    assert "sales.email.callbacks" not in found.names()
    assert set(found.names()) <= set(names_of(scenario))
    shown = [each for each in table(found).renderables if hasattr(each, "columns")]
    assert [one.header for one in shown[-1].columns] == ["Queue", "Callbacks", "Reached"]
    # The page has the tables of the terminal.
    parts = re.findall("<h2>(.*?)</h2>", study_page(scenario, found))
    assert parts[:4] == ["Queues and channels", "Groups of agents", "Customers", "Callbacks"]
    plain = m_m_n(agents=2, contacts=20, load=0.5)
    assert "<h2>Callbacks</h2>" not in as_html(plain, 1, run(plain, 1))
    assert QUEUE not in [name for name in study(plain, replications=1).names() if "callb" in name]
