"""The keys of a scenario file that say how people behave: what they mean, and each mistake in them.

Method: the example of docs/people.md is read, and compared key by key with the values that it says;
then it is spoilt in one place after another, and the one mistake told is compared word for word.
"""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from acd.ids import Channel
from sim.cli import sim
from sim.driver import run
from sim.page import as_html
from sim.patience import (
    Exponential,
    Gamma,
    Hyperexponential,
    Lognormal,
    Steps,
    deterministic,
    erlang,
)
from sim.patience_csv import read_patience, write_patience
from sim.report import NOTHING, customer_rows
from sim.scenario import load, parse, problems
from sim.study import study
from sim.study_table import table
from sim.workload import SECOND_US, Handle, Lost, Pace, Redial, Transfer, WaitOf

PAGE = Path(__file__).parents[2].joinpath("docs", "people.md").read_text(encoding="utf-8")
GOOD = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]

PATIENCE = 'patience = { shape = "lognormal", mean_s = 180, scv = 2 }'
CHATS = "patience_mean_s = 240"


def test_the_example_says_what_its_page_describes():
    scenario = parse(GOOD.encode(), file="evening.toml")
    calls, chats = scenario.streams
    assert (calls.patience, chats.patience) == (Lognormal(180, 2), Exponential(240))
    assert calls.accepts == deterministic(120, share=0.5)
    assert calls.redial == Redial(
        share=0.6, pause=Exponential(300), attempts_max=4, causes=(Lost.ABANDONED, Lost.BALKED)
    )
    assert (chats.accepts, chats.redial) == (None, None)
    assert calls.handle == Handle(mean_s=240, scv=1.2)
    assert chats.handle == Handle(mean_s=300, scv=0.7)
    assert scenario.paces == {"new": Pace(mean_factor=1.25, scv_factor=1.4)}
    assert scenario.concurrency == {Channel.CHAT: (1, 0.8, 0.65)}
    assert scenario.transfers == (
        Transfer(
            queue="sales",
            channel=Channel.VOICE,
            to="repairs",
            share=0.1,
            handle=Handle(mean_s=400),
        ),
    )
    assert scenario.customer_wait is WaitOf.CUMULATIVE


@pytest.mark.parametrize(
    "law,want",
    [
        ("{ mean_s = 60 }", Exponential(60)),
        ('{ shape = "gamma", mean_s = 60, scv = 0.5 }', Gamma(60, 0.5)),
        ('{ shape = "erlang", mean_s = 60, phases = 3 }', erlang(3, 60)),
        (
            '{ shape = "hyperexponential", means_s = [10, 90], shares = [0.4, 0.6] }',
            Hyperexponential((10, 90), (0.4, 0.6)),
        ),
        ('{ shape = "deterministic", mean_s = 60 }', deterministic(60)),
    ],
)
def test_each_shape_is_the_law_of_its_name(law, want):
    text = GOOD.replace(PATIENCE, f"patience = {law}")
    assert parse(text.encode(), file="a.toml").streams[0].patience == want


def test_a_leg_that_follows_a_transfer_is_answered_as_its_row_says_or_the_scenario():
    text = GOOD.replace("chat = { objective_s = 60, handle_time_s = 300, auto_answer = true }", "")
    text = text.partition("[scenario.concurrency]")[0] + text[text.index("[[scenario.tr") :]
    text = text[: text.rindex("[[scenario.arrivals]]")].replace(
        ", chat = { mean_s = 300, scv = 0.7 }", ""
    )
    text = text.replace(
        "voice = { objective_s = 60, handle_time_s = 400, auto_answer = true }",
        "voice = { objective_s = 60, handle_time_s = 400 }",
    )
    assert parse(text.encode(), file="a.toml").transfers[0].answer_us == 4 * SECOND_US
    own = text.replace("share = 0.1", "share = 0.1\nanswer_s = 7\nkeep_place = true")
    (row,) = parse(own.encode(), file="a.toml").transfers
    assert (row.answer_us, row.keep_place) == (7 * SECOND_US, True)
    late = text.replace("share = 0.1", "share = 0.1\nanswer_s = 99")
    (one,) = problems(late.encode(), file="a.toml")
    want = "scenario.transfers[0].answer_s: is 99; wanted below the ring_s of voice in `repairs`, "
    assert str(one).startswith(want)


A, T = "scenario.arrivals[0]", "scenario.transfers[0]"
NO_ZERO = (
    "is 0; wanted a number above 0; who leaves at once when he hears that he must wait does not "
    "lack patience, he balks: see `accepts`"
)
WRONG = [
    (CHATS, "patience_mean_s = 0", f"scenario.arrivals[1].patience_mean_s: {NO_ZERO}"),
    ("mean_s = 180, scv", "mean_s = 0, scv", f"{A}.patience.mean_s: {NO_ZERO}"),
    (
        CHATS,
        f"{CHATS}\npatience = {{ mean_s = 3 }}",
        "scenario.arrivals[1]: has patience and patience_mean_s; wanted one of them",
    ),
    (
        "mean_s = 180, scv = 2",
        "mean_s = 180",
        f"{A}.patience.scv: is missing; wanted what lognormal needs: mean_s, scv",
    ),
    (
        '"lognormal", mean_s = 180',
        '"exponential", mean_s = 180',
        f"{A}.patience.scv: is given; wanted nothing, since exponential has none",
    ),
    (
        '"lognormal", mean_s',
        '"weibull", mean_s',
        f"{A}.patience.shape: is `weibull`; wanted one of `exponential`, `lognormal`, `gamma`",
    ),
    (
        PATIENCE,
        'patience = { shape = "hyperexponential", means_s = [1, 2], shares = [1] }',
        f"{A}.patience.shares: has 1 figures; wanted 2 as means_s",
    ),
    (
        PATIENCE,
        'patience = { shape = "hyperexponential", means_s = [1, 2], shares = [0.2, 0.7] }',
        f"{A}.patience.shares: is 0.9 in all; wanted 1",
    ),
    (
        PATIENCE,
        'patience = { shape = "empirical", csv = "none.csv" }',
        f"{A}.patience.csv: none.csv: No such file or directory; wanted a file that can be read",
    ),
    (
        'pause = { shape = "exponential", mean_s = 300 }',
        'pause = { shape = "erlang", mean_s = 300 }',
        f"{A}.redials.pause.phases: is missing; wanted what erlang needs: mean_s, phases",
    ),
    (
        'accepts = { shape = "deterministic", mean_s = 120, share = 0.5 }',
        "",
        f"{A}.redials: is for those who have balked; wanted `accepts` beside it, without which",
    ),
    (
        PATIENCE,
        "",
        f"{A}.redials: is for those who have abandoned; wanted `patience` beside it, without which",
    ),
    ("attempts_max = 4", "attempts_max = 1", f"{A}.redials.attempts_max: is 1; wanted a number of"),
    ("share = 0.6", "share = 1.6", f"{A}.redials.share: is 1.6; wanted a number of at most 1"),
    (
        '"balked"]',
        '"bored"]',
        f"{A}.redials.causes[1]: is `bored`; wanted one of `abandoned`, `balked`, `turned_away`",
    ),
    (
        "sales = { voice = { mean_s = 240, scv = 1.2 }, chat",
        "sales = { chat",
        f"{A}.handle: is missing; wanted a table, here or in [scenario.handles] for the queue and",
    ),
    (
        "repairs = { voice = { mean_s = 400 } }",
        "",
        f"{T}.handle: is missing; wanted a table, here or in [scenario.handles] for the queue and",
    ),
    (
        "repairs = { voice = { mean_s = 400 } }",
        "repairs = { voice = { mean_s = 400 }, chat = { mean_s = 3 } }",
        "scenario.handles.repairs.chat: is `chat`; wanted a channel that `repairs` has, one of ",
    ),
    (
        "sales = { voice = {",
        "sails = { voice = { mean_s = 3 } }\nsales = { voice = {",
        "scenario.handles.sails: is `sails`; wanted a declared queue, one of `sales`, `repairs`",
    ),
    ('to = "repairs"', 'to = "repair"', f"{T}.to: is `repair`; wanted a declared queue, one of "),
    (
        "share = 0.1",
        "share = 0.1\nanswer_s = 3",
        f"{T}.answer_s: is 3; wanted nothing, since voice in `repairs` answers by itself",
    ),
    (
        "[scenario.paces]",
        "[scenario.paces]\nnewer = { mean_factor = 2 }",
        "scenario.paces.newer: is neither group nor agent; wanted a declared group or agent; did",
    ),
    (
        "mean_factor = 1.25",
        "mean_factor = 0",
        "scenario.paces.new.mean_factor: is 0; wanted a number of at least 0.01",
    ),
    (
        "{ mean_s = 400 }",
        '{ mean_s = 400, shape = "exponential" }',
        "scenario.paces.new.scv_factor: is 1.4; wanted 1, or no handle of the exponential shape",
    ),
    (
        "chat = [1, 0.8, 0.65]",
        "chat = [1, 0.8, 0.9]",
        "scenario.concurrency.chat: is an array; wanted 1 for a contact alone, then numbers that",
    ),
    (
        "chat = [1, 0.8, 0.65]",
        "voice = [1, 0.8]",
        "scenario.concurrency.voice: is given; wanted a capacity with two slots for voice or more",
    ),
    (
        '"cumulative"',
        '"all"',
        "scenario.customer_wait: is `all`; wanted one of `attempt`, `cumulative`",
    ),
]


@pytest.mark.parametrize("before,after,want", WRONG, ids=[want[:70] for *_, want in WRONG])
def test_one_mistake_is_told_once(before, after, want):
    assert before in GOOD
    told = [str(one) for one in problems(GOOD.replace(before, after, 1).encode(), file="a.toml")]
    assert [text[: len(want)] for text in told] == [want]


def test_balking_needs_waits_that_are_estimated():
    text = re.sub(r", handle_time_s = \d+", "", GOOD.replace("estimated_wait = true", ""))
    (one,) = problems(text.encode(), file="a.toml")
    wanted = "domain.estimated_wait = true, without which no wait can be announced"
    assert str(one) == f"{A}.accepts: is given; wanted {wanted}"


def test_transfers_share_the_legs_of_a_queue():
    more = """
[[scenario.transfers]]
queue = "sales"
channel = "voice"
to = "sales"
share = 0.95
"""
    (one,) = problems((GOOD + more).encode(), file="a.toml")
    wanted = "scenario.transfers[1].share: makes 1.05 of voice in `sales`; wanted at most 1 in all"
    assert str(one) == wanted
    (one,) = problems(
        (GOOD + more.replace("voice", "chat")).replace("0.95", "2").encode(), file="a"
    )
    assert str(one) == "scenario.transfers[1].share: is 2; wanted a number of at most 1"


@pytest.mark.parametrize("value", ["-3", '"x"', "[1]", "[[1]]", "{ a = 1 }", "true", "nan"])
@pytest.mark.parametrize(
    "key", ["handles", "paces", "concurrency", "transfers", "patience", "accepts", "redials"]
)
def test_values_of_other_types_are_mistakes_and_no_crash(key, value):
    head, _, tail = GOOD.partition("[scenario]\n")
    if key in {"handles", "paces", "concurrency", "transfers"}:
        cut = tail.partition("[scenario.handles]")[0]
        rows = tail.split("[[scenario.arrivals]]")[1]
        text = f"{head}[scenario]\n{key} = {value}\n{cut}[[scenario.arrivals]]{rows}"
    else:
        text = GOOD.replace(CHATS, f"{key} = {value}")
    told = problems(text.encode(), file="a.toml")
    assert any(key in one.key for one in told)


# --- patience as it was observed -----------------------------------------------------------------

OBSERVED = "queue,wait_s,stays\nsales,3.5,0.9\nrepairs,1,0.5\nsales,8,0.25\n"
EMPIRICAL = 'patience = { shape = "empirical", csv = "patience.csv" }'


def _with(folder, observed, law=EMPIRICAL):
    (folder / "patience.csv").write_text(observed)
    path = folder / "evening.toml"
    path.write_text(GOOD.replace(PATIENCE, law))
    return path


@pytest.mark.parametrize(
    "more,want",
    [
        ("", Steps((3.5, 8), (0.9, 0.25))),
        (', tail = "stays"', Steps((3.5, 8), (0.9, 0.25))),
        (', tail = "leaves"', Steps((3.5, 8), (0.9, 0.0))),
        (', queue = "repairs"', Steps((1,), (0.5,))),
    ],
)
def test_patience_is_read_by_queue_with_what_becomes_of_the_tail(tmp_path, more, want):
    path = _with(tmp_path, OBSERVED, EMPIRICAL.replace(" }", more + " }"))
    assert load(path).streams[0].patience == want


HERE = f"{A}.patience.csv: patience.csv"
WRONG_ROWS = [
    (OBSERVED.replace("8,", "3,"), [f"{HERE} row 4, wait_s: '3'; wanted above 3.5"]),
    (OBSERVED.replace("0.9", "1"), [f"{HERE} row 2, stays: '1'; wanted from 0 to below 1.0"]),
    (OBSERVED.replace("0.9", "nan"), [f"{HERE} row 2, stays: 'nan'; wanted from 0 to below 1.0"]),
    (OBSERVED.replace("3.5", "x"), [f"{HERE} row 2, wait_s: 'x'; wanted above 0.0"]),
    (
        OBSERVED.replace("3.5", "x").replace("8,", "-8,"),
        [f"{HERE} row 2, wait_s", f"{HERE} row 4, wait_s: '-8'; wanted above 0.0"],
    ),
    (OBSERVED + "sales,9\n", [f"{HERE} row 5: 2 columns; wanted 3 columns"]),
    (OBSERVED.replace("wait_s", "wait"), [f"{HERE} row 1: ['queue', 'wait', 'stays']; wanted que"]),
    ("queue,wait_s,stays\n", [f"{HERE}: no row of `sales`; wanted its patience"]),
    (OBSERVED + 'sales,"9', [f"{HERE}: unexpected end of data; wanted comma-separated values"]),
]


@pytest.mark.parametrize("rows,want", WRONG_ROWS, ids=[want[0][-50:] for _, want in WRONG_ROWS])
def test_wrong_rows_are_told_with_their_number(tmp_path, rows, want):
    path = _with(tmp_path, rows)
    told = [str(one) for one in problems(path.read_bytes(), file=str(path))]
    assert [text[: len(start)] for text, start in zip(told, want, strict=True)] == want


def test_mistakes_in_rows_are_told_up_to_a_limit(tmp_path):
    path = _with(tmp_path, "queue,wait_s,stays\n" + "sales,0,0\n" * 500)
    assert len(problems(path.read_bytes(), file=str(path))) == 100


def test_what_is_written_is_read_again_to_the_last_digit(tmp_path):
    steps = {"a": Steps((5e-324, 1 / 3, 7.0), (1 - 2**-53, 1 / 3, 0.0)), "b": Steps((1.0,), (0.5,))}
    write_patience(steps, tmp_path / "patience.csv")
    assert {name: read_patience(tmp_path / "patience.csv", name)[0] for name in steps} == steps


def test_the_patience_of_a_queue_log_is_that_of_a_scenario(tmp_path):
    lines = []
    for number, (wait_s, end) in enumerate([(4, "ABANDON"), (9, "CONNECT"), (12, "ABANDON")]):
        at_s = 1_797_206_400 + 100 * number
        lines.append(f"{at_s}|{number}|sales|NONE|ENTERQUEUE||555000{number}|1")
        lines.append(f"{at_s + wait_s}|{number}|sales|ann|{end}|1|1|{wait_s}")
        lines.append(f"{at_s}|x{number}|other|NONE|ENTERQUEUE||555000{number}|1")
    log = tmp_path / "queue_log"
    log.write_text("\n".join(sorted(lines, key=lambda line: float(line.split("|")[0]))) + "\n")
    options = f"--format queue_log --time-zone UTC -o {tmp_path / 'history.csv'}"
    words = f"import {log} {options} --patience {tmp_path / 'patience.csv'}"
    done = CliRunner().invoke(sim, words.split())
    assert done.exit_code == 0, done.output
    assert f"patience: {tmp_path / 'patience.csv'}, of 1 queues" in done.output
    path = _with(tmp_path, (tmp_path / "patience.csv").read_text())
    assert load(path).streams[0].patience == Steps((4.0, 12.0), (1 - 1 / 3, 0.0))
    words = f"import {log} --time-zone UTC -o {tmp_path / 'h.csv'} --patience {tmp_path / 'p.csv'}"
    done = CliRunner().invoke(sim, words.split())
    assert done.exit_code == 2
    assert "--patience: intervals do not tell; wanted --format queue_log" in done.output


# --- what is shown -------------------------------------------------------------------------------


def test_customers_are_in_the_page_and_in_a_study():
    scenario = parse(GOOD.encode(), file="evening.toml")
    result = run(scenario, 1)
    (row,) = customer_rows(result)
    page = as_html(scenario, 1, result)
    assert "<h2>Customers</h2>" in page
    assert all(f">{cell}<" in page for cell in row if cell != NOTHING)
    found = study(scenario, replications=2)
    mean = found.estimate("customers.calls.attempts_each")
    assert mean is not None
    assert mean.mean > 1
    assert "Attempts" in [column.header for column in table(found).renderables[3].columns]  # type: ignore[union-attr]
