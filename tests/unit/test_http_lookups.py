"""A slow, wrong or endless source of context delays nobody, and the desk is told why there is none.

Method: sources that hang, fail, flood and talk nonsense, each behind a real server on loopback or
in Python; a real desk at a real daemon waits for what it is told. How fast offers come is measured
beside a source that never answers.
"""

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from acd.daemon.context.from_history import FromHistory
from acd.daemon.context.from_http import BODY_MAX, FACTS_MAX, FromHttp
from acd.daemon.context.lookups import ANSWER_BYTES_MAX, Found, Lookups
from acd.daemon.context.making import make_lookups
from acd.daemon.context.port import Asked, ContextError, Unavailable
from acd.daemon.context.settings import ContextSettings, CrmContext, HistoryContext
from acd.daemon.settings import HistorySettings, parse, problems
from acd.errors import ConfigError
from acd.events import LegConnected, LegEnded, LegTransferred
from acd.ids import Channel
from tests.unit.http_daemon import bring, heard, heard_until, house, work

ANA = Asked(
    customer="k-1", contact_id="c1", queue="sales", channel=Channel.CHAT, attributes={"tier": "b"}
)
DEADLINE_S = 10.0


class Source:
    """A source in Python."""

    def __init__(self, look_up: Any, *, name: str = "own", open_max: int = 4) -> None:
        self._look_up = look_up
        self.name = name
        self.open_max = open_max
        self.asked = 0
        self.closed = False

    async def look_up(self, asked: Asked) -> Any:
        self.asked += 1
        return await self._look_up(asked)

    async def close(self) -> None:
        self.closed = True


async def hang(_: Asked) -> Any:
    await asyncio.Event().wait()


async def know(asked: Asked) -> Any:
    return {"name": asked.customer}


async def cling(_: Asked) -> Any:
    """Do not end when told to, but when told again."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.Event().wait()


async def ask(*sources: Any, asked: Asked = ANA, timeout_s: float = 5.0) -> list[Found]:
    """Return what sources say."""
    lookups = Lookups(sources, timeout_s=timeout_s, registry=CollectorRegistry())
    found = await wait_for(lookups, asked, len(sources))
    await lookups.close()
    return found


async def wait_for(lookups: Lookups, asked: Asked, count: int) -> list[Found]:
    found: list[Found] = []
    done = asyncio.Event()

    def tell(one: Found) -> None:
        found.append(one)
        if len(found) == count:
            done.set()

    lookups.ask(asked, tell)
    async with asyncio.timeout(DEADLINE_S):
        await done.wait()
    return found


def why(found: list[Found]) -> list[str]:
    return [str(one.reason) if one.reason else "found" for one in found]


# The limits.


async def fail(_: Asked) -> Any:
    raise ContextError(Unavailable.FAILED)


async def break_down(_: Asked) -> Any:
    raise ZeroDivisionError


async def end_oneself(_: Asked) -> Any:
    raise asyncio.CancelledError


async def flood(_: Asked) -> Any:
    return "x" * ANSWER_BYTES_MAX


async def nonsense(_: Asked) -> Any:
    return object()


async def circle(_: Asked) -> Any:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "look_up, outcome",
    [
        (know, "found"),
        (hang, "timeout"),
        (cling, "timeout"),
        (fail, "failed"),
        (break_down, "failed"),
        (end_oneself, "failed"),
        (flood, "too_large"),
        (nonsense, "bad_answer"),
        (circle, "bad_answer"),
    ],
)
def test_whatever_a_source_does_the_desk_is_told(look_up, outcome):
    timeout_s = 0.05 if outcome == "timeout" else 5.0
    assert why(asyncio.run(ask(Source(look_up), timeout_s=timeout_s))) == [outcome]


def test_one_source_is_no_matter_of_another():
    async def main():
        sources = (Source(hang, name="slow"), Source(know), Source(break_down, name="broken"))
        found = await ask(*sources, timeout_s=0.2)
        assert {one.source: one.ok for one in found} == {
            "slow": False,
            "own": True,
            "broken": False,
        }
        assert found[-1].source == "slow"
        assert all(source.closed for source in sources)

    asyncio.run(main())


def test_of_nobody_nobody_is_asked():
    async def main():
        source = Source(know)
        nobody = msgspec.structs.replace(ANA, customer="")
        assert why(await ask(source, asked=nobody)) == ["no_customer"]
        assert source.asked == 0

    asyncio.run(main())


def test_several_desks_ask_once_and_too_many_questions_are_not_asked():
    async def main():
        go = asyncio.Event()

        async def wait(asked: Asked) -> Any:
            await go.wait()
            return asked.contact_id

        source = Source(wait, open_max=2)
        registry = CollectorRegistry()
        lookups = Lookups((source,), timeout_s=5.0, registry=registry)
        told: list[tuple[str, Found]] = []

        def note(of: str, found: Found) -> None:
            told.append((of, found))

        for contact_id in ("c1", "c1", "c2", "c1", "c3"):
            asked = msgspec.structs.replace(ANA, contact_id=contact_id)
            lookups.ask(asked, partial(note, contact_id))
        assert [(of, found.reason) for of, found in told] == [("c3", Unavailable.BUSY)]
        go.set()
        async with asyncio.timeout(DEADLINE_S):
            while len(told) < 5:
                await asyncio.wait([asyncio.ensure_future(hand_over())])
        assert source.asked == 2
        assert Counter(of for of, found in told if found.ok) == {"c1": 3, "c2": 1}
        count = registry.get_sample_value
        assert count("acd_context_lookups_total", {"source": "own", "outcome": "found"}) == 4
        assert count("acd_context_lookups_total", {"source": "own", "outcome": "busy"}) == 1
        # Its places are free again.
        assert why(await wait_for(lookups, ANA, 1)) == ["found"]
        await lookups.close()

    asyncio.run(main())


async def hand_over() -> None:
    """Let the others run."""
    loop = asyncio.get_running_loop()
    turn = loop.create_future()
    loop.call_later(0.001, turn.set_result, None)
    await turn


def test_a_source_that_does_not_end_keeps_its_place():
    async def main():
        source = Source(cling, open_max=1)
        lookups = Lookups((source,), timeout_s=0.05, registry=CollectorRegistry())
        assert why(await wait_for(lookups, ANA, 1)) == ["timeout"]
        assert why(await wait_for(lookups, ANA, 1)) == ["busy"]
        await lookups.close()

    asyncio.run(main())


# By HTTP.


@asynccontextmanager
async def server(answer: Any):
    """Serve connections on loopback by a function; give the address."""
    tasks: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await answer(head.decode(), await reader.readexactly(length), writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/context"
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def says(body: bytes, *, status: str = "200 OK", more: str = ""):
    """Return a server's answer."""

    async def answer(_head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return answer


async def silence(_head: str, _body: bytes, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def drip(_head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await hand_over()


async def pour(_head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
    """Send without end, as fast as it is taken."""
    writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"a": "')
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def pour_headers(_head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 8_000 + b"\r\n")
        await writer.drain()


async def hang_up(_head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


MANY = msgspec.json.encode({f"f{number}": number for number in range(FACTS_MAX + 1)})


ANSWERS = {
    "facts": (
        says(b'{"name": "Ana", "since": 2019, "score": 1.5, "vip": true, "note": null}'),
        "found",
    ),
    "no facts": (says(b"{}"), "found"),
    "silence": (silence, "timeout"),
    "a byte now and then": (drip, "timeout"),
    "no end": (pour, "too_large"),
    "no end of headers": (pour_headers, "failed"),
    "a cut line": (hang_up, "failed"),
    "too long": (says(b"x" * (BODY_MAX + 1)), "too_large"),
    "500": (says(b"{}", status="500 Internal Server Error"), "failed"),
    "404": (says(b"{}", status="404 Not Found"), "failed"),
    "302": (says(b"{}", status="302 Found", more="Location: http://127.0.0.1:1/\r\n"), "failed"),
    "no status": (says(b"nonsense", status="nonsense"), "failed"),
    "nothing": (says(b""), "bad_answer"),
    "no json": (says(b"no json"), "bad_answer"),
    "an array": (says(b"[1, 2]"), "bad_answer"),
    "an object in it": (says(b'{"a": {"b": 1}}'), "bad_answer"),
    "an array in it": (says(b'{"a": [1]}'), "bad_answer"),
    "no number": (says(b'{"a": NaN}'), "bad_answer"),
    "a name twice": (says(b'{"a": 1, "a": 2}'), "bad_answer"),
    "no name": (says(b'{"": 1}'), "bad_answer"),
    "a long text": (says(b'{"a": "' + b"x" * 513 + b'"}'), "bad_answer"),
    "no utf-8": (says(b'{"a": "\xff"}'), "bad_answer"),
    "deep": (says(b"[" * 20_000), "bad_answer"),
    "many facts": (says(MANY), "bad_answer"),
    "packed": (says(b"\x1f\x8b", more="Content-Encoding: gzip\r\n"), "bad_answer"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_a_crm_answers_is_bounded_and_typed(name):
    answer, outcome = ANSWERS[name]

    async def main():
        async with server(answer) as url:
            timeout_s = 0.3 if outcome == "timeout" else DEADLINE_S
            return await ask(FromHttp(url, "geheim"), timeout_s=timeout_s)

    (found,) = asyncio.run(main())
    assert why([found]) == [outcome]


def test_a_crm_is_asked_with_the_token_of_the_customer_and_ours():
    heads: list[tuple[str, bytes]] = []

    async def answer(head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append((head, body))
        await says(b'{"name": "Ana"}')(head, body, writer)

    async def main():
        async with server(answer) as url:
            (found,) = await ask(FromHttp(url, "geheim"))
            assert found.context is not None
            assert bytes(found.context) == b'{"name":"Ana"}'
            await ask(FromHttp(url, ""))

    asyncio.run(main())
    (head, body), (without, _) = heads
    assert head.startswith("POST /context HTTP/1.1\r\n")
    assert "Bearer geheim" in head
    assert "authorization" not in without.lower()
    assert msgspec.json.decode(body) == {
        "customer": "k-1",
        "contact_id": "c1",
        "queue": "sales",
        "channel": "chat",
        "attributes": {"tier": "b"},
    }


def test_a_crm_that_is_not_there_has_failed():
    assert why(asyncio.run(ask(FromHttp("http://127.0.0.1:1/", "")))) == ["failed"]


# The history.


def test_earlier_contacts_on_every_channel_are_shown_with_bounds(tmp_path):
    async def main():
        async with house(tmp_path, agents_at_work=False) as made:
            for number in range(4):
                await bring(made, f"old-{number}", customer="k-1")
            await bring(made, "other", customer="k-2")
            last = (await bring(made, "new", customer="k-1")).json()["contact_id"]
            await made.history.reach(made.owner.on_disk, within_s=DEADLINE_S)
            now_us = made.owner.clock.now_us
            asked = msgspec.structs.replace(ANA, contact_id=last)
            for contacts, days_later, count in ((10, 0, 4), (2, 0, 2), (10, 3, 0)):
                source = FromHistory(
                    made.history.reader,
                    partial(sum, (now_us(), days_later * 86_400_000_000)),
                    contacts=contacts,
                    days=2,
                )
                answer = (await source.look_up(asked))["contacts"]
                assert len(answer) == count
                assert last not in {one["contact_id"] for one in answer}
                came_us = [one["entered_us"] for one in answer]
                assert came_us == sorted(came_us, reverse=True)
            async with made.client("chef") as client:
                path = "/v1/history/customers/k-1"
                shown = (await client.get(path)).json()
                assert shown["customer"] == "k-1"
                assert shown["contacts"][0]["contact_id"] == last
                assert len(shown["contacts"]) == 5
                assert len((await client.get(f"{path}?limit=2")).json()["contacts"]) == 2
                assert (await client.get(f"{path}?days=0")).status_code == 422
                nobody = await client.get("/v1/history/customers/k-3")
                assert nobody.json() == {"customer": "k-3", "contacts": []}

    asyncio.run(main())


def test_a_contact_that_went_on_is_shown_once_as_it_ended(tmp_path):
    async def main():
        async with house(tmp_path, agents_at_work=True) as made:
            came = (await bring(made, "1", customer="k-1")).json()["contact_id"]
            (number,) = made.owner.router.offers
            first = made.owner.router.agents[made.owner.router.offers[number].agent].agent_id
            second = "bob" if first == "ann" else "ann"
            await made.owner.submit(LegConnected(offer_id=number))
            await made.owner.submit(LegTransferred(offer_id=number, agent_id=second))
            (number,) = made.owner.router.offers
            await made.owner.submit(LegConnected(offer_id=number))
            await made.owner.submit(LegEnded(offer_id=number))
            await made.history.reach(made.owner.on_disk, within_s=DEADLINE_S)
            assert not made.owner.router.contacts
            (row,) = await made.history.reader.of_customer("k-1", 0)
            assert (row["contact_id"], row["legs"]) == (came, 2)
            assert (row["agent_id"], row["outcome"]) == (second, "handled")
            whole = await made.history.reader.contact(came)
            assert whole is not None
            legs = whole["leg_rows"]
            assert row["entered_us"] == legs[0]["entered_us"] < legs[1]["entered_us"]
            assert row["ended_us"] == legs[1]["ended_us"]

    asyncio.run(main())


def test_a_history_that_cannot_be_read_or_not_in_time_is_unavailable(tmp_path):
    async def main():
        settings = ContextSettings(history=HistoryContext())
        registry = CollectorRegistry()
        gone = HistorySettings(path=tmp_path / "gone.db")
        lookups = make_lookups(settings, gone, now_us=lambda: 0, registry=registry, file="f")
        assert why(await wait_for(lookups, ANA, 1)) == ["failed"]
        await lookups.close()

    asyncio.run(main())


# At the desk.


def test_the_offer_comes_first_and_what_is_known_when_it_is_known(tmp_path):
    async def main():
        go = asyncio.Event()

        async def late(asked: Asked) -> Any:
            await go.wait()
            return {"of": asked.customer, "attributes": asked.attributes}

        sources = (Source(late, name="crm"), Source(fail, name="broken"))
        async with house(tmp_path, sources=sources) as made:
            await work(made, "ann")
            async with made.socket("/v1/agents/ann/desk", "ann") as desk:
                await heard(desk)
                attributes = {"campaign": "may"}
                await bring(made, "order-1", customer="k-1", attributes=attributes)
                *before, broken = await heard_until(desk, "context")
                assert [one["type"] for one in before].count("offer") == 1
                offer = next(one for one in before if one["type"] == "offer")
                assert broken == {
                    "type": "context",
                    "offer_id": offer["offer_id"],
                    "source": "broken",
                    "ok": False,
                    "reason": "failed",
                    "context": None,
                }
                go.set()
                *_, known = await heard_until(desk, "context")
                assert (known["source"], known["ok"], known["reason"]) == ("crm", True, None)
                assert known["context"] == {"of": "k-1", "attributes": attributes}
            # A desk that is opened again asks again for what is there.
            async with made.socket("/v1/agents/ann/desk", "ann") as desk:
                await heard(desk)
                told = [(await heard_until(desk, "context"))[-1] for _ in sources]
                assert {one["source"] for one in told} == {"crm", "broken"}

    asyncio.run(main())


def test_of_an_offer_that_is_over_nothing_is_told(tmp_path):
    async def main():
        go = asyncio.Event()

        async def late(_: Asked) -> Any:
            await go.wait()

        async with house(tmp_path, sources=(Source(late),)) as made:
            await work(made, "ann")
            async with made.socket("/v1/agents/ann/desk", "ann") as desk:
                await heard(desk)
                taken = (await bring(made, "order-1", customer="k-1")).json()
                await heard_until(desk, "offer")
                async with made.client("form") as client:
                    await client.delete(f"/v1/contacts/{taken['contact_id']}")
                *_, gone = await heard_until(desk, "withdraw")
                go.set()
                await bring(made, "order-2", customer="k-2")
                *_, known = await heard_until(desk, "context")
                assert known["offer_id"] > gone["offer_id"]

    asyncio.run(main())


def test_a_source_that_hangs_delays_no_offer(tmp_path):
    async def main():
        async with house(tmp_path, sources=(Source(hang), Source(cling, name="other"))) as made:
            # Ten contacts that waited for their lookups would take ten minutes.
            made.lookups._timeout_s = 60.0
            await work(made, "ann")
            async with made.socket("/v1/agents/ann/desk", "ann") as desk:
                await heard(desk)
                began_s = time.monotonic()
                for number in range(10):
                    await bring(made, f"order-{number}", customer="k-1")
                    *_, offer = await heard_until(desk, "offer")
                    for do in ("accept", "end"):
                        text = msgspec.json.encode(
                            {"id": f"{do}{number}", "do": do, "offer_id": offer["offer_id"]}
                        )
                        await desk.send(text.decode())
                        *_, answer = await heard_until(desk, "result")
                        assert answer["ok"], answer
                assert time.monotonic() - began_s < 55
            made.lookups._timeout_s = 1.0  # For its end.

    asyncio.run(main())


# The configuration.

FILE = """\
[domain]
name = "shop"
[queues.sales.voice]
[capacities.one]
voice = {}
[[profiles.all]]
queue = "sales"
[agents.ann]
profile = "all"
capacity = "one"
[daemon.context]
timeout_s = 1.5
history = { contacts = 5, days = 30 }
crm = { url = "https://crm.example/context", secret_file = "crm.secret" }
"""


def test_what_is_configured_is_read():
    _, daemon = parse(FILE.encode(), file="folder/shop.toml")
    context = daemon.context
    assert context is not None
    assert context.timeout_us == 1_500_000
    assert context.history == HistoryContext(contacts=5, days=30)
    assert context.crm == CrmContext(url="https://crm.example/context", secret_file="crm.secret")
    assert str(context.folder) == "folder"
    text = f"{FILE.partition('timeout_s')[0]}history = {{}}\n"
    _, daemon = parse(text.encode(), file="shop.toml")
    assert daemon.context == ContextSettings(history=HistoryContext())


@pytest.mark.parametrize(
    "old, new, wanted",
    [
        ("1.5", "0", "timeout_s: is 0; wanted a number of seconds above 0 and up to 30"),
        ("1.5", "31", "timeout_s: is 31; wanted a number of seconds above 0 and up to 30"),
        ("= 5", "= 0", "history.contacts: is 0; wanted a whole number from 1 to 100"),
        ("= 30", "= 9999", "history.days: is 9999; wanted a whole number from 1 to 3660"),
        (
            'secret_file = "crm.secret"',
            'secret_file = "crm.secret", secret_env = "CRM"',
            "crm.secret_file: stands beside secret_env; wanted either secret_file or secret_env",
        ),
        (
            "https:",
            "http:",
            (
                "crm.url: is clear text to `crm.example`, which is not loopback; wanted https, or a"
                " tunnel on loopback"
            ),
        ),
        *(
            (
                "https://crm.example/context",
                url,
                (
                    f"crm.url: {seen}; wanted an address as https://crm.example/context, without"
                    " user, query and fragment"
                ),
            )
            for url, seen in (
                ("crm.example", "is no address"),
                ("ftp://crm.example/", "is no address"),
                ("https:///context", "is no address"),
                ("https://crm.example:99999/", "is no address"),
                ("https://crm example/", "is no address"),
                ("https://ana:geheim@crm.example/", "has a user, a query or a fragment"),
                ("https://crm.example/?key=geheim", "has a user, a query or a fragment"),
            )
        ),
    ],
)
def test_each_mistake_of_the_table_has_its_message(old, new, wanted):
    (found,) = problems(FILE.replace(old, new).encode(), file="shop.toml")
    assert str(found) == f"daemon.context.{wanted}"
    assert "geheim" not in str(found)


def test_a_table_that_names_no_source_is_a_mistake():
    text = f"{FILE.partition('history =')[0]}"
    (found,) = problems(text.encode(), file="shop.toml")
    assert str(found) == (
        "daemon.context: names no source; wanted a table `history`, `crm`, or both"
    )


def test_the_secret_of_a_crm_is_read_and_never_shown(tmp_path):
    async def main():
        crm = CrmContext(url="http://127.0.0.1:1/", secret_file="crm.secret")
        settings = ContextSettings(crm=crm, folder=tmp_path)
        history = HistorySettings(path=tmp_path / "history.db")
        given: dict[str, Any] = {
            "now_us": lambda: 0,
            "registry": CollectorRegistry(),
            "file": "shop.toml",
        }
        with pytest.raises(ConfigError) as refused:
            make_lookups(settings, history, **given)
        assert str(refused.value).startswith("shop.toml: daemon.context.crm.secret_file: is ")
        secret = tmp_path / "crm.secret"
        secret.write_text("geheim\n")
        secret.chmod(0o600)
        given["registry"] = CollectorRegistry()
        lookups = make_lookups(settings, history, **given)
        assert lookups.is_on
        assert "geheim" not in repr(lookups._sources)
        await lookups.close()
        nobody = make_lookups(None, history, **{**given, "registry": CollectorRegistry()})
        assert not nobody.is_on
        await nobody.close()

    asyncio.run(main())
