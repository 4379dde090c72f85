"""`acd switch check`: what it says of an Asterisk, and its exit code.

Method: the command runs in a thread, as the console script calls it, against the emulator of
tests/ari_emulator. What that one has not (its own settings, Local channels, older releases) is
added here by a subclass of its resources. What is printed is compared by the beginnings of its
lines. The same command meets a real Asterisk in tests/system/test_asterisk_check.py.
"""

import asyncio
import re
import socket
from pathlib import Path

import pytest

from acd.cli import main
from acd.switch_protocol.ari import asking, check_call, findings, options
from acd.switch_protocol.ari.asking import Listening
from acd.switch_protocol.ari.findings import CHANNELVARS, Verdict
from acd.switch_protocol.port import SwitchOptions
from tests.ari_emulator import server as emulated
from tests.ari_emulator.channels import Channel
from tests.ari_emulator.rest import Answer
from tests.ari_emulator.rest_channels import Resources
from tests.ari_emulator.world import PASSWORD, World

ROOT = Path(__file__).parents[2]

SITE = """\
[domain]
name = "site"
[queues.calls.voice]
[capacities.one]
voice = {{}}
[[profiles.all]]
queue = "calls"
{agents}
[daemon.switch]
kind = "ari"
routes = {{ "4000" = "calls" }}
[daemon.switch.options]
url = "{url}"
password_file = "ari.secret"
"""

AGENT = """\
[agents.{device}]
profile = "all"
capacity = "one"
"""

GOOD = [
    "ok     configuration: http://127.0.0.1:",
    "ok     reachable: 127.0.0.1, port ",
    "ok     login: user acd",
    "ok     version: Asterisk 22.10.1",
    "ok     daemon: none is connected as acd",
    "ok     write time-out: 5000 ms",
    "ok     snapshot: 0 channels, 0 bridges, 2 endpoints, 0 device states in ",
    "ok     devices: 2 known, none offline",
    "ok     websocket: it takes requests",
    "ok     application: is registered where one connects",
    "ok     rights: acd may write",
    "hint   fallback: not checked: give --test-call NUMBER",
    "ok     channelvars: all 14",
]


class Switch(Resources):
    """The emulator's resources, and what only a check asks for."""

    def __init__(self, exchange):
        super().__init__(exchange)
        self.version = "22.10.1"
        self.info: Answer | None = None
        """What GET asterisk/info answers instead."""
        self.settings: dict[str, str] | None = {
            "websocket_write_timeout": "5000",
            "channelvars": ", ".join(CHANNELVARS),
        }
        """None: they are not told."""
        self.is_read_only = False
        self.lists_apps = True
        self.callers = "fall back"
        """What becomes of callers, in the words of the test."""
        self.caller: Channel | None = None
        self.looks = 0

    def answer(self, method, parts, query, body):
        given = dict(query)
        if parts == ("asterisk", "info") and self.info is not None:
            return self.info
        if parts[:2] == ("asterisk", "config"):
            assert parts[2:] == ("dynamic", "res_ari", "general", "general")
            if self.settings is None:
                return Answer(404, {"message": "configClass 'res_ari' not found"})
            pairs = self.settings.items()
            return Answer(200, [{"attribute": key, "value": value} for key, value in pairs])
        if self.is_read_only and method != "GET":
            return Answer(403, {"message": "Write access denied"})
        if parts == ("applications",) and not self.lists_apps:
            return Answer(200, [])
        if method == "POST" and given.get("endpoint", "").startswith("Local/"):
            return self.call_in(parts[1], given)
        answer = super().answer(method, parts, query, body)
        if self.caller is not None and method == "GET" and parts[1:2] == (self.caller.id,):
            self.proceed(self.caller, parts[2:] == ("variable",))
        return answer

    def get_asterisk_info(self, asked):
        answer = super().get_asterisk_info(asked)
        assert isinstance(answer.body, dict)
        return answer._replace(body=answer.body | {"system": {"version": self.version}})

    def call_in(self, call, given):
        """Let a Local channel call a number, whose other end is ours."""
        ((number, context),) = re.findall(r"^Local/(.+)@(.+)/n$", given["endpoint"])
        if self.callers == "none":
            return Answer(500, {"message": "Allocation failed"})
        ours, caller = (Channel(one, "Local") for one in (call, given["otherChannelId"]))
        for one in (ours, caller):
            one.state, one.customer = "Up", "check"
            self.exchange.channels[one.id] = one
        assert self.exchange.enter(ours, given["app"], (given["appArgs"],))
        caller.plan = (context, number, 1, "Answer", "")
        if self.callers == "begin nothing":
            caller.plan = (context, number, 1, "", "")
        if self.callers == "unknown":
            self.exchange.end(caller, 3)
        self.caller, self.looks = caller, 0
        return Answer(200, ours.json())

    def proceed(self, caller, was_for_status):
        """Let the caller go on by what was seen of him, so that no time decides what is seen."""
        status = caller.variables.get("STASISSTATUS")
        if was_for_status:
            if status and self.callers == "hang up":
                self.exchange.end(caller, 16)
            return
        self.looks += 1
        match self.callers, self.looks:
            case "vanish" | "begin nothing", 1:
                self.exchange.end(caller, 16)
            case "fall back" | "hang up", 1:
                self.go_on(caller, "FAILED")
            case "handed back" | "kept", 1:
                assert self.exchange.enter(caller, "acd", ("call",))
            case "handed back", 2:
                self.go_on(caller, "SUCCESS")
            case _:
                pass

    def go_on(self, caller, status):
        caller.variables["STASISSTATUS"] = status
        self.exchange.go_on(caller)


class DeafSocket(emulated.Socket):
    """A WebSocket of an Asterisk that takes no requests there."""

    async def _request(self, data):
        del data


class Site:
    """A configuration in a folder, and an emulated Asterisk."""

    def __init__(self, folder, capsys, world):
        self.folder, self.capsys, self.world = folder, capsys, world
        self.switch = Switch(world.exchange)
        world.server.rest = self.switch
        self.config = folder / "site.toml"
        self.write()

    def write(self, *, password=PASSWORD, phones=2, url="", more=""):
        agents = "".join(AGENT.format(device=101 + place) for place in range(phones))
        text = SITE.format(agents=agents, url=url or self.world.server.url)
        self.config.write_text(text + more)
        secret = self.folder / "ari.secret"
        secret.write_text(f"{password}\n")
        secret.chmod(0o600)

    async def check(self, *arguments):
        """Run the command; return its exit code, the lines it printed, and its complaints."""
        code = await asyncio.to_thread(main, ["switch", "check", str(self.config), *arguments])
        out, err = self.capsys.readouterr()
        assert PASSWORD not in out + err
        return code, out.splitlines(), err

    async def finds(self, line, *arguments, code=0):
        """Run the command, and see that a line begins so; return all."""
        got, lines, err = await self.check(*arguments)
        assert any(one.startswith(line) for one in lines), (lines, err)
        assert (got, err) == (code, "")
        return lines

    def listening(self, app="acd"):
        """Return a connection under a name, as a daemon has it."""
        given = SwitchOptions(
            name="pbx",
            options={"url": self.world.server.url, "password_file": "ari.secret"},
            folder=self.folder,
        )
        return Listening(options.read(given).address, app)


@pytest.fixture
def play(tmp_path, capsys):
    """Return what plays a story at a site."""

    def play(story):
        async def run():
            async with World(("101", "102")) as world:
                await story(Site(tmp_path, capsys, world))
                assert not world.exchange.violations

        asyncio.run(run())

    return play


def test_a_good_asterisk_is_good_in_every_line(play):
    async def story(site):
        code, lines, err = await site.check()
        for line, good in zip(lines, GOOD, strict=True):
            assert line.startswith(good)
        assert (code, err) == (0, "")
        (own,) = site.world.exchange.apps
        assert own.startswith("acd-check-")

    play(story)


def test_a_wrong_password_is_told_with_its_user_and_its_file(play):
    async def story(site):
        site.write(password="w5Tq-mistyped")
        line = "FAILED login: user `acd` with the password of password_file `ari.secret` is refused"
        lines = await site.finds(line, code=1)
        assert "w5Tq-mistyped" not in "".join(lines)
        assert len(lines) == 3

    play(story)


@pytest.mark.parametrize(
    "answer,text",
    [
        (Answer(200, ["no Asterisk"]), "what answers is no Asterisk: see `url`"),
        (Answer(404, {"message": "Not found"}), "there is no ARI (404): see `url`"),
        (Answer(503, {"message": "Asterisk not booted"}), "Asterisk is still starting (503)"),
        (Answer(502, {"message": "gate\nway"}), '502 {"message": "gate\\nway"}'),
    ],
)
def test_what_answers_otherwise_is_told(play, answer, text):
    async def story(site):
        site.switch.info = answer
        await site.finds(f"FAILED login: {text}", code=1)

    play(story)


def test_a_password_that_everybody_tries_is_refused_before_anything_is_sent(play):
    async def story(site):
        site.write(password="asterisk")
        code, lines, err = await site.check()
        where = f"acd: {site.config}: daemon.switch.options.password_file: holds a password that"
        assert (code, lines) == (2, [])
        assert err.startswith(where)
        assert err.endswith("wanted another one\n")
        assert not site.switch.requests

    play(story)


def test_clear_text_to_another_machine_is_refused(play):
    async def story(site):
        site.write(url="http://192.0.2.1:8088/ari")
        code, lines, err = await site.check()
        assert (code, lines) == (2, [])
        assert "url: is clear text to `192.0.2.1`, which is not loopback; wanted https" in err

    play(story)


def test_an_asterisk_that_is_not_there_is_told_with_why(play):
    async def story(site):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
            site.write(url=f"http://127.0.0.1:{port}/ari")
            code, lines, err = await site.check()
        assert (code, len(lines)) == (3, 1)
        assert err.startswith(f"acd: http://127.0.0.1:{port}/ari: Connection refused: is Asterisk")
        site.write(url="https://no-such-name.invalid/ari")
        code, _, err = await site.check()
        assert code == 3
        assert err.startswith("acd: https://no-such-name.invalid:443/ari: ")

    play(story)


def test_silence_is_told(play, monkeypatch):
    monkeypatch.setattr(asking, "ANSWER_US", 100_000)

    async def story(site):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            where = f"http://127.0.0.1:{silent.getsockname()[1]}/ari"
            site.write(url=where)
            code, _, err = await site.check()
            assert (code, err) == (3, f"acd: {where}: no answer to GET asterisk/info\n")
            site.write(url=where.replace("http", "https"))
            monkeypatch.setattr(asking, "CONNECT_S", 0.1)
            code, _, err = await site.check()
            assert (code, err.endswith("no answer within 0 s\n")) == (3, True)

    play(story)


def test_beside_a_daemon_with_entry_rules_every_number_would_ring_an_agent(play):
    async def story(site):
        with site.config.open("a") as file:
            file.write('[[entry]]\nname = "rest"\nqueue = "calls"\n')
        async with site.listening():
            lines = await site.finds("hint   daemon: one is", "--test-call", "4999")
            wanted = "hint   fallback: not checked: a daemon may be connected, and 4999 would ring"
            assert f"{wanted} an agent; end it first" in lines[-2]

    play(story)


def test_a_daemon_that_is_connected_is_left_alone(play):
    async def story(site):
        async with site.listening() as daemon:
            line = "hint   daemon: one is, or was, connected as acd, and is left alone"
            lines = await site.finds(line, "--test-call", "4000")
            assert "hint   fallback: not checked: a daemon may be connected, and 4000" in lines[-2]
            assert site.world.is_connected
            assert site.world.server.connected == 2
            assert await daemon.takes_requests()

    play(story)


def test_an_asterisk_without_requests_on_its_websocket_is_told(play, monkeypatch):
    monkeypatch.setattr(emulated, "Socket", DeafSocket)
    monkeypatch.setattr(asking, "PROBE_US", 100_000)

    async def story(site):
        await site.finds("hint   websocket: it takes no requests, so they go by HTTP")

    play(story)


def test_a_websocket_that_is_refused_is_told(play):
    async def story(site):
        def refuse():
            site.world.server.password = "changed meanwhile"
            return {}

        site.switch.get_devicestates = lambda _: Answer(200, list(refuse()))
        await site.finds("FAILED websocket: ARI refused the log-in of user 'acd' (401)", code=1)

    play(story)


def test_a_user_who_may_only_read_is_told(play):
    async def story(site):
        site.switch.is_read_only = True
        await site.finds("FAILED rights: acd may only read (403)", code=1)

    play(story)


def test_an_application_that_does_not_appear_is_told(play):
    async def story(site):
        site.switch.lists_apps = False
        await site.finds("FAILED application: acd-check-", code=1)

    play(story)


def test_the_settings_of_ari_are_judged(play):
    async def story(site):
        site.switch.settings = {"websocket_write_timeout": "100", "channelvars": "ACD_DNIS"}
        lines = await site.finds("hint   write time-out: 100 ms", code=1)
        assert lines[-1].startswith("FAILED channelvars: without ACD_ANI, ACD_UUI, ")

    play(story)


def test_settings_that_are_not_told_are_looked_for_at_a_channel(play):
    async def story(site):
        site.switch.settings = None
        lines = await site.finds("hint   write time-out: this Asterisk does not tell it")
        assert lines[-1].startswith("hint   channelvars: not checked")
        await site.finds("ok     channelvars: all 14", "--test-call", "4000")
        site.world.call("eve")
        await site.finds("ok     channelvars: all 14")

    play(story)


def test_phones_are_counted(play):
    async def story(site):
        site.world.register("102", on=False)
        await site.finds("hint   devices: 1 of 2 are not registered now, PJSIP/102")
        site.write(phones=19)
        line = "FAILED devices: 17 of 19 are no endpoints there, PJSIP/103, PJSIP/104, "
        lines = await site.finds(line, code=1)
        assert any("PJSIP/112 and 7 more: see `devices`" in one for one in lines)

    play(story)


def test_a_technology_that_is_not_there_fails(play):
    async def story(site):
        site.write(more='endpoint = "SIP/{device}"\n')
        await site.finds("FAILED snapshot: GET endpoints/SIP: 404 ", code=1)

    play(story)


@pytest.mark.parametrize(
    "callers,line,code",
    [
        ("fall back", "ok     fallback: no daemon was there, and the caller goes on, at", 0),
        ("hang up", "FAILED fallback: no daemon was there, and the caller was hung up", 1),
        ("vanish", "FAILED fallback: `777` in `in-here` hangs up, at `in-here,777` with", 1),
        ("begin nothing", "FAILED fallback: `777` in `in-here` does not exist, or hangs up at", 1),
        ("unknown", "FAILED fallback: `777` in `in-here` does not exist, or hangs up at", 1),
        ("wander", "FAILED fallback: `777` in `in-here` does not come to Stasis(acd,call), at", 1),
        ("none", "FAILED fallback: no call can be placed: 500 ", 1),
    ],
)
def test_a_test_call_shows_what_callers_get_without_a_daemon(
    play, monkeypatch, callers, line, code
):
    if callers == "wander":
        monkeypatch.setattr(check_call, "WAIT_S", 0.3)
    monkeypatch.setattr(check_call, "STAYS_S", 0.1)

    async def story(site):
        site.switch.callers = callers
        await site.finds(line, "--test-call", "777", "--context", "in-here", code=code)
        assert not site.world.exchange.channels

    play(story)


def test_a_test_call_beside_a_daemon_shows_what_it_hands_back(play, monkeypatch):
    monkeypatch.setattr(check_call, "TAKEN_S", 0.2)
    monkeypatch.setattr(check_call, "STAYS_S", 0.1)

    async def story(site):
        async with site.listening():
            site.switch.callers = "handed back"
            line = "ok     fallback: the daemon handed the call back, and the caller goes on, at "
            await site.finds(line, "--test-call", "777")
            site.switch.callers = "kept"
            line = "hint   fallback: a daemon has taken the call, and keeps it"
            await site.finds(line, "--test-call", "777")
        assert not site.world.exchange.channels

    play(story)


@pytest.mark.parametrize("number", ["7&8", "7/n", "7@else", "7\n8", "", "1" * 65])
def test_a_number_that_a_dialplan_cannot_have_is_a_mistake(play, number):
    async def story(site):
        code, lines, err = await site.check("--test-call", number, "--context", number)
        assert (code, lines) == (2, [])
        assert "wanted up to 64 of A-Z a-z 0-9 _ . + -" in err

    play(story)


def test_a_switch_without_a_check_and_a_site_without_a_switch_are_mistakes(play):
    async def story(site):
        text = site.config.read_text()
        site.config.write_text(text.replace('"ari"', '"simulated"'))
        code, _, err = await site.check()
        wanted = "daemon.switch.kind: is `simulated`, which brings no check; wanted one of ari\n"
        assert (code, err) == (2, f"acd: {site.config}: {wanted}")
        site.config.write_text(text.partition("[daemon")[0])
        code, _, err = await site.check()
        wanted = "daemon.switch: is missing; wanted a switch to check\n"
        assert (code, err) == (2, f"acd: {site.config}: {wanted}")

    play(story)


@pytest.mark.parametrize(
    "name,verdicts",
    [
        ("13.38.3", "FAILED"),
        ("16.28.0~dfsg-0+deb11u4", "ok hint"),
        ("20.20.0", "ok hint"),
        ("20.20.1", "ok"),
        ("21.12.2", "ok hint"),
        ("21.12.3", "ok"),
        ("22.9.5", "ok hint"),
        ("22.10.1-rc1", "ok hint"),
        ("22.10.1+dfsg+~cs6.17.60671434-1", "ok"),
        ("22.11.0", "ok"),
        ("23.4.0", "ok hint"),
        ("23.4.1", "ok"),
        ("24.0.0", "ok"),
        ("certified-20.7-cert10", "ok hint"),
        ("certified/20.7-cert11", "ok"),
        ("certified-22.8-cert3", "ok"),
        ("certified-18.9-cert20", "ok hint"),
        ("GIT-master-1a2b3c4", "ok hint"),
        ("", "ok hint"),
    ],
)
def test_a_release_is_judged_by_its_name(name, verdicts):
    found = findings.version(name)
    assert [one.verdict for one in found] == verdicts.split()
    for one in found:
        if one.verdict is Verdict.HINT:
            assert "GHSA-wcvv-g26m-wx5c" in one.text


def test_the_example_for_ari_names_the_variables_that_are_looked_for():
    text = (ROOT / "configs/asterisk/ari.conf").read_text(encoding="utf-8")
    (line,) = re.findall(r"^channelvars = (.*)$", text, re.MULTILINE)
    assert line.split(",") == list(CHANNELVARS)
    assert f"websocket_write_timeout = {findings.WRITE_TIMEOUT_MS}" in text
