"""The command `acd`: what it prints where, and its exit codes.

Method: `main` is called as the console script calls it and its two streams are read, word for word;
what concerns the process (imports, pipes, entry points of other distributions) is tried in
processes of their own. Distributions with plug-ins are made on the spot: a folder with metadata and
a module, put on the path.
"""

import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import click
import pytest

from acd import __version__
from acd.cli import acd, main
from acd.events import Event
from acd.journal.file import JournalFile
from acd.journal.records import Entry
from acd.router import Router
from tests.unit.shop import arrived, at_work, several

DOCS = Path(__file__).parents[2] / "docs" / "journal.md"

SHOP = """\
[domain]
name = "shop"

[queues.sales]
voice = {}

[capacities.phone]
voice = {}

[profiles]
sales = [{ queue = "sales" }]

[agents.ann]
profile = "sales"
capacity = "phone"
"""


@pytest.fixture
def story(tmp_path, monkeypatch) -> str:
    """Write the story of docs/journal.md to story.journal, in the working folder."""
    text = DOCS.read_text(encoding="utf-8").split("```journal\n")[1].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    Path("story.journal").write_text(text, encoding="utf-8")
    return text


def plug_in(folder: Path, entry_points: str, module: str = "") -> None:
    """Make a distribution with a module `plugged`."""
    metadata = folder / "plugged-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(entry_points)
    (folder / "plugged.py").write_text(module)


@pytest.fixture
def plugged(tmp_path, monkeypatch):
    """Return a function that makes a distribution and puts it on this process's path."""

    def make(entry_points: str, module: str = "") -> None:
        plug_in(tmp_path, entry_points, module)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "plugged", raising=False)

    yield make
    sys.modules.pop("plugged", None)


def run(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """Run `python -m acd`, or a program, in a process of its own."""
    command = ["-c", code] if code else ["-m", "acd"]
    return subprocess.run(
        [sys.executable, *command, *arguments], capture_output=True, text=True, check=False
    )


# Help -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_no_heavy_library(option):
    code = f"""
import sys
from acd.cli import main
assert main(["{option}"]) == 0
heavy = {{"numpy", "pydantic", "simpy", "rich", "msgspec", "sim", "matplotlib"}} & set(sys.modules)
print("heavy:", sorted(heavy), file=sys.stderr)
"""
    done = run(code=code)
    assert done.stderr == "heavy: []\n"
    assert done.returncode == 0


def test_the_version_is_that_of_the_distribution():
    assert run("--version").stdout == f"acd {__version__}\n"


def test_help_lists_commands_of_other_distributions_without_importing_them(plugged, capsys):
    plugged("[acd.commands]\nplug = plugged:plug\n", "raise RuntimeError")
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "  check    Check configuration files" in out
    assert "  plug     From plugged:plug." in out


# Plug-ins ---------------------------------------------------------------------------------------

PLUG = """
import click

@click.command()
@click.argument("code", type=int)
def plug(code):
    click.echo("plugged in")
    return code
"""


def test_a_plug_in_is_called_and_gives_the_exit_code(plugged, capsys):
    plugged("[acd.commands]\nplug = plugged:plug\n", PLUG)
    assert main(["plug", "3"]) == 3
    assert capsys.readouterr().out == "plugged in\n"


@pytest.mark.parametrize(
    "module,what",
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("", "module 'plugged' has no attribute 'plug'"),
    ],
)
def test_a_plug_in_that_cannot_be_loaded_is_named(module, what, plugged, capsys):
    plugged("[acd.commands]\nplug = plugged:plug\n", module)
    assert main(["plug"]) == 2
    want = f"acd: plug: {what}; wanted plugged:plug; is acd-engine[plug] installed?\n"
    assert capsys.readouterr().err == want


def test_an_unknown_command_is_a_usage_error(capsys):
    assert main(["fly"]) == 2
    assert "No such command 'fly'" in capsys.readouterr().err


# check ------------------------------------------------------------------------------------------


def test_a_sound_file_is_counted(tmp_path, capsys):
    file = tmp_path / "shop.toml"
    file.write_text(SHOP)
    assert main(["check", str(file), str(file)]) == 0
    got = capsys.readouterr()
    assert got.out == f"{file}: ok: 1 queue, 1 agent\n" * 2
    assert got.err == ""


def test_every_mistake_of_every_file_is_told_and_the_others_are_checked(tmp_path, capsys):
    good, bad, worse = (tmp_path / name for name in ("good", "bad", "worse"))
    good.write_text(SHOP)
    bad.write_text(SHOP.replace("voice = {}", "voice = { ring_s = -1, objective_s = -2 }", 1))
    worse.write_text("[")
    missing = tmp_path / "missing"
    assert main(["check", *map(str, (bad, missing, tmp_path, worse, good))]) == 2
    got = capsys.readouterr()
    assert got.out == f"{good}: ok: 1 queue, 1 agent\n"
    lines = got.err.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith(f"acd: {bad}: queues.sales.voice.ring_s: ")
    assert lines[1].startswith(f"acd: {bad}: queues.sales.voice.objective_s: ")
    assert lines[2] == f"acd: {missing}: No such file or directory"
    assert lines[3] == f"acd: {tmp_path}: Is a directory"
    assert lines[4].startswith(f"acd: {worse}: line 1: ")


CHECK = """
from acd.errors import Problem

def problems(data, *, file):
    assert file.endswith("shop.toml")
    return [Problem("party.guests", "is 0", "at least 1")] if b"guests = 0" in data else []
"""


def test_a_further_table_is_checked_by_its_plug_in(plugged, tmp_path, capsys):
    plugged("[acd.sections]\nparty = plugged:problems\nother = plugged:other\n", CHECK)
    file = tmp_path / "shop.toml"
    file.write_text(SHOP + "[party]\nguests = 0\n")
    assert main(["check", str(file)]) == 2
    assert capsys.readouterr().err == f"acd: {file}: party.guests: is 0; wanted at least 1\n"
    file.write_text(SHOP + "[party]\nguests = 1\n")
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: ok: 1 queue, party\n"
    file.write_text("queues = 1\n[party]\nguests = 1\n")
    assert main(["check", str(file)]) == 0  # What is wrong with it, the plug-in would have said.
    assert capsys.readouterr().out == f"{file}: ok: 0 queues, party\n"


def test_of_a_file_with_very_many_mistakes_the_first_are_told_and_the_rest_counted(
    tmp_path, capsys
):
    many, good = tmp_path / "many.toml", tmp_path / "good.toml"
    good.write_text(SHOP)
    for count, last in [(200, []), (201, ["1 more mistake"]), (2_200, ["2,000 more mistakes"])]:
        many.write_text("".join(f"a{number} = 1\n" for number in range(count)) + SHOP)
        assert main(["check", str(many), str(good)]) == 2
        got = capsys.readouterr()
        lines = got.err.splitlines()
        assert lines[199].startswith(f"acd: {many}: a199: is an unknown key; wanted one of ")
        assert lines[200:] == [f"acd: {many}: … and {more}" for more in last]
        assert got.out == f"{good}: ok: 1 queue, 1 agent\n"


def test_that_a_policy_bounds_no_wait_is_said_of_a_sound_file(plugged, tmp_path, capsys):
    file = tmp_path / "shop.toml"
    strict = SHOP.replace('name = "shop"', 'name = "shop"\nurgency = "strict_priority"')
    strict = strict.replace("[queues.sales]", "[queues.sales]\npriority = 1")
    file.write_text(strict)
    assert main(["check", str(file)]) == 0
    got = capsys.readouterr()
    assert got.out == (
        f"{file}: ok: 1 queue, 1 agent\n"
        f"{file}: note: urgency strict_priority bounds nobody's wait\n"
    )
    assert got.err == ""
    plugged("[acd.sections]\nparty = plugged:problems\n", CHECK)
    file.write_text(strict + "[party]\nguests = 1\n")
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == (
        f"{file}: ok: 1 queue, party\n{file}: note: urgency strict_priority bounds nobody's wait\n"
    )


def test_what_is_noted_does_not_hang_on_how_many_work(plugged, tmp_path, capsys):
    """The members of a group may stand in a further table."""
    plugged("[acd.sections]\nparty = plugged:problems\n", CHECK)
    file = tmp_path / "shop.toml"
    group = '[groups.desk]\nprofile = "sales"\ncapacity = "phone"\n'
    file.write_text(f'{SHOP}\n{group}[calendars.day]\nmon = ["08:00-18:00"]\n')
    assert main(["check", str(file)]) == 2
    assert "groups.desk.members: is missing" in capsys.readouterr().err
    file.write_text(f"{file.read_text()}[party]\nguests = 1\n")
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == (
        f"{file}: ok: 1 queue, party\n{file}: note: calendars.day: no queue or shift keeps it\n"
    )


def test_a_calendar_whose_days_are_over_is_said_of_a_sound_file(tmp_path, capsys):
    file = tmp_path / "shop.toml"
    text = SHOP.replace("[queues.sales]", '[queues.sales]\nopening_hours = "fair"')
    file.write_text(f'{text}\n[calendars.fair.special_days]\n2020-05-01 = ["09:00-17:00"]\n')
    assert main(["check", str(file)]) == 0
    noted = "note: calendars.fair: does not open within a year from now"
    assert capsys.readouterr().out.endswith(f"{file}: {noted}\n")


def test_hours_at_which_nobody_is_on_shift_are_said_of_a_sound_file(plugged, tmp_path, capsys):
    hours = 'time_zone = "Europe/Madrid"\nmon = ["09:00-{}:00"]\n'
    more = f"[calendars.open]\n{hours.format(17)}[calendars.early]\n{hours.format(16)}"
    text = SHOP.replace("[queues.sales]", '[queues.sales]\nopening_hours = "open"')
    text = text.replace('capacity = "phone"', 'capacity = "phone"\nshift = "early"')
    file = tmp_path / "shop.toml"
    file.write_text(f"{text}\n{more}")
    since = f"{file}: note: queues.sales.voice: is open from "
    until = ":00, and nobody who may take it is on shift"
    found = f"{re.escape(since)}(20..-..-..) 16:.. to \\1 17{re.escape(until)}\n"
    assert main(["check", str(file)]) == 0
    assert re.fullmatch(f"{re.escape(str(file))}: ok: 1 queue, 1 agent\n{found}",
                        capsys.readouterr().out)  # fmt: skip
    # Also where the file has a section of another program.
    plugged("[acd.sections]\nparty = plugged:problems\n", CHECK)
    file.write_text(f"{text}\n{more}\n[party]\nguests = 1\n")
    assert main(["check", str(file)]) == 0
    assert since in capsys.readouterr().out


@pytest.mark.parametrize(
    "policy, number, noted",
    [
        ("strict_priority", "priority = 1", True),
        ("c_mu", "delay_cost = 1\nvoice.handle_time_s = 60", True),
        ("queue_ratio", "waiting_share = 1", True),
        ("generalized_c_mu", "delay_cost = 1\nvoice.handle_time_s = 60", False),
        ("wait_over_objective", "", False),
        ("ageing", "priority = 1\nageing_per_h = 60", False),
    ],
)
def test_the_policies_without_a_bound_are_noted(policy, number, noted, tmp_path, capsys):
    text = SHOP.replace('name = "shop"', f'name = "shop"\nurgency = "{policy}"')
    numbers = number if "voice." in number else f"{number}\nvoice = {{}}"
    file = tmp_path / "shop.toml"
    file.write_text(text.replace("[queues.sales]\nvoice = {}", f"[queues.sales]\n{numbers}"))
    assert main(["check", str(file)]) == 0
    note = f"{file}: note: urgency {policy} bounds nobody's wait\n"
    assert capsys.readouterr().out == f"{file}: ok: 1 queue, 1 agent\n{note if noted else ''}"


def test_check_wants_a_file(capsys):
    assert main(["check"]) == 2
    assert "Missing argument" in capsys.readouterr().err


# replay -----------------------------------------------------------------------------------------


def test_a_journal_is_applied_and_verified(story, capsys):
    assert main(["replay", "story.journal"]) == 0
    assert main(["replay", "--verify", "story.journal"]) == 0
    assert capsys.readouterr().out == (
        "story.journal: applied: 10 events, 8 actions\n"
        "story.journal: verified: 10 events, 8 actions\n"
    )


def test_an_action_that_the_journal_lacks_is_only_got(story, capsys):
    lines = [line for line in story.splitlines() if "contact.close contact_id=c2" not in line]
    Path("story.journal").write_text("\n".join(lines), encoding="utf-8")
    assert main(["replay", "--verify", "story.journal"]) == 1
    line = lines.index("> 45.250000 contact.left contact_id=c2") + 1
    assert capsys.readouterr().out == (
        f"story.journal:{line}: the router decides otherwise\n"
        "+ < contact.close contact_id=c2 outcome=abandoned\n"
    )


@pytest.mark.parametrize(
    "change,what",
    [
        (("leg.connected", "leg.conected"), "has no event 'leg.conected'; wanted one of"),
        (("> 27.500000 clock.ticked", "> 27.5 leg.ended offer_id=1"), "a tick is owed"),
    ],
)
def test_a_journal_that_is_wrong_is_the_users_mistake(change, what, story, capsys):
    Path("story.journal").write_text(story.replace(*change), encoding="utf-8")
    assert main(["replay", "story.journal"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("acd: story.journal:")
    assert what in err
    assert main(["replay", "missing.journal"]) == 2
    assert capsys.readouterr().err == "acd: missing.journal: No such file or directory\n"


# explain ----------------------------------------------------------------------------------------

EXPLAINED = {
    "c1": """\
12.500000 offer 1: c1 (leg 1, sales voice) to ann: the only agent who might be offered it; \
not to bob (not_ready)
27.500000 offer 2: c1 (leg 1, sales voice) to bob: the only agent who might be offered it; \
not to ann (excluded until 87.500000, not_ready: not_responding)
71.000000 c1 ended: handled
""",
    "c2": "45.250000 c2 ended: abandoned\n",
}


@pytest.mark.parametrize("contact", EXPLAINED)
def test_the_offers_of_a_contact_are_explained_and_how_it_ended(contact, story, capsys):
    assert main(["explain", "story.journal", contact]) == 0
    assert capsys.readouterr().out == EXPLAINED[contact]


def test_that_a_contact_ended_is_told_though_the_journal_does_not_say_how(story, capsys):
    closed = re.compile("^< contact.close contact_id=c2 .*\n", re.MULTILINE)
    assert closed.search(story)
    Path("story.journal").write_text(closed.sub("", story), encoding="utf-8")
    assert main(["explain", "story.journal", "c2"]) == 0
    assert capsys.readouterr().out == "45.250000 c2 ended\n"


def test_at_the_end_of_a_journal_it_is_told_what_waits_and_what_does_not(story, capsys):
    Path("story.journal").write_text(story.partition("> 45.250000")[0], encoding="utf-8")
    assert main(["explain", "story.journal", "c1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "40.000000 c1 (leg 1) is connected"
    assert main(["explain", "story.journal", "c2"]) == 0
    assert capsys.readouterr().out == (
        "40.000000 c2 (leg 2, sales voice) waits since 40.000000 for bob: capacity; "
        "not to ann (not_ready: not_responding)\n"
    )


def test_a_contact_that_a_journal_has_not_is_the_users_mistake(story, capsys):
    assert main(["explain", "story.journal", "cc1"]) == 2
    line = story.splitlines().index("> 71.000000 clock.ticked") + 1
    assert capsys.readouterr().err == (
        f"acd: story.journal:{line}: ends without a contact `cc1`; wanted one that arrives in it; "
        "did you mean `c1`?\n"
    )
    assert main(["explain", "missing.journal", "c1"]) == 2
    assert capsys.readouterr().err == "acd: missing.journal: No such file or directory\n"
    wrong = story.replace("> 27.500000 clock.ticked", "> 27.5 leg.ended offer_id=1")
    Path("story.journal").write_text(wrong, encoding="utf-8")
    assert main(["explain", "story.journal", "c1"]) == 2
    assert "a tick is owed" in capsys.readouterr().err


@pytest.fixture
def piped():
    """Return a function that gives the name of a pipe with some bytes in it."""
    readers = []

    def piped(data: bytes) -> str:
        reader, writer = os.pipe()
        readers.append(reader)
        with os.fdopen(writer, "wb") as stream:
            stream.write(data)
        return f"/dev/fd/{reader}"

    yield piped
    for reader in readers:
        os.close(reader)


def test_a_journal_may_come_through_a_pipe(story, piped, capsys):
    assert main(["explain", piped(story.encode()), "c1"]) == 0
    assert capsys.readouterr().out == EXPLAINED["c1"]
    assert main(["replay", "--verify", piped(story.encode())]) == 0
    assert ": verified: " in capsys.readouterr().out


def test_a_daemons_journal_does_not_come_through_a_pipe(piped, capsys):
    for command in (["replay"], ["explain"]):
        path = piped(b"SQLite format 3\0 and so on")
        assert main([*command, path, *["c1"] * (command == ["explain"])]) == 2
        assert capsys.readouterr().err == (
            f"acd: {path}:1: is a daemon's journal in a pipe; "
            "wanted its file, or a readable journal\n"
        )


def test_the_journal_that_a_daemon_kept_is_explained_too(tmp_path, capsys):
    router = Router(several(1))
    path = tmp_path / "journal.db"
    with closing(JournalFile.open(path, settings=router.settings)) as journal:
        contacts = [arrived(one) for one in ("c1", "c2", "c3")]
        events: list[Event] = [at_work("ann", "bob"), *contacts]
        for number, event in enumerate(events, start=1):
            actions = router.step(event, now_us=number)
            journal.commit([Entry(number, number, event, actions)])
    assert main(["explain", str(path), "c2"]) == 0
    assert main(["explain", str(path), "c3"]) == 0
    assert capsys.readouterr().out == (
        "0.000003 offer 2: c2 (leg 2, sales voice) to bob: the only agent who might be offered "
        "it; not to ann (capacity), carl (logged_out)\n"
        "0.000004 c2 (leg 2) is offered\n"
        "0.000004 c3 (leg 3, sales voice) waits since 0.000004 for ann: capacity; "
        "not to bob (capacity), carl (logged_out)\n"
    )
    assert main(["explain", str(path), "c4"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(
        f"acd: {path}:4: ends without a contact `c4`; wanted one that arrives in it"
    )


# Exit codes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error,code,err",
    [
        (ConnectionRefusedError(111, "Connection refused"), 3, "[Errno 111] Connection refused"),
        (TimeoutError("timed out"), 3, "timed out"),
        (OSError(28, "No space left on device", "big.db"), 4, "big.db: No space left on device"),
        (PermissionError(13, "Permission denied", "x.toml"), 2, "x.toml: Permission denied"),
        (click.ClickException("some trouble"), 1, "some trouble"),
    ],
)
def test_the_exit_code_says_who_must_act(error, code, err, monkeypatch, capsys):
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setitem(acd.commands, "fail", fail)
    assert main(["fail"]) == code
    assert capsys.readouterr().err == f"acd: {err}\n"


def test_what_a_terminal_cannot_show_is_replaced(tmp_path):
    plug_in(
        tmp_path,
        "[acd.commands]\nplug = plugged:plug\n",
        "import click\n\n@click.command()\ndef plug():\n    print('8–9 ─')\n",
    )
    for encoding, printed in [("ascii", b"8?9 ?\n"), ("latin-1", b"8?9 ?\n"), ("utf-8", None)]:
        done = subprocess.run(
            [sys.executable, "-m", "acd", "plug"],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": encoding},
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == (printed or "8–9 ─\n".encode())


def test_an_interrupted_command_failed(monkeypatch):
    @click.command()
    def fail() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(acd.commands, "fail", fail)
    assert main(["fail"]) == 1


def test_our_own_mistakes_keep_their_traceback(monkeypatch):
    @click.command()
    def fail() -> None:
        raise AssertionError

    monkeypatch.setitem(acd.commands, "fail", fail)
    with pytest.raises(AssertionError):
        main(["fail"])


@pytest.mark.parametrize("statement", ["click.echo('x')", "print('x', end='')"])
def test_a_reader_who_has_seen_enough_ends_it_quietly(statement, tmp_path):
    module = f"import click\n\n@click.command()\ndef plug():\n    {statement}\n"
    plug_in(tmp_path, "[acd.commands]\nplug = plugged:plug\n", module)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    environment.pop("PYTHONUNBUFFERED", None)  # The second statement fails at the last flush only.
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "acd", "plug"]
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, check=False, env=environment
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


# The documentation ------------------------------------------------------------------------------


def test_the_documented_commands_print_what_the_page_says(story):
    blocks = DOCS.read_text(encoding="utf-8").split("```console\n")[1:]
    tried = 0
    for block in blocks:
        commands = [part.partition("\n") for part in block.partition("```")[0].split("$ ")[1:]]
        script = "".join(f"{command}\n" for command, _, _ in commands)
        bin_folder = str(Path(sys.executable).parent)
        environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, check=False, env=environment
        )
        assert done.stdout == "".join(printed for _, _, printed in commands)
        tried += len(commands)
    assert tried == 5
