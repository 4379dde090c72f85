"""Who may ask what: tokens, hosts, sites; and the file of tokens.

Method: raw headers to a real server; the file's mistakes word for word. The whole matrix of routes
and roles is in tests/system/test_http_matrix.py.
"""

import asyncio
import re
from datetime import UTC, datetime

import pytest
from websockets.exceptions import InvalidStatus

from acd.daemon.http.tokens import Role, Tokens, hash_of, new_token, parse
from acd.daemon.settings import Anonymous
from acd.errors import ConfigError
from tests.unit.http_daemon import LONG_AGO, closed, heard, house, soon

HASH = hash_of("acd_x")

MISTAKES = {
    f'[[token]]\nname = "a b"\nsha256 = "{HASH}"\nrole = "producer"\ndomain = "shop"': (
        "token[0].name: is `a b`; wanted 1 to 64 letters, digits, dots, underscores and hyphens"
    ),
    '[[token]]\nname = "a"\nsha256 = "acd_secret"\nrole = "producer"\ndomain = "shop"': (
        "token[0].sha256: is no hash; wanted a SHA-256 in lower-case hexadecimal "
        "(`acd token` makes one)"
    ),
    f'[[token]]\nname = "a"\nsha256 = "{HASH}"\nrole = "boss"\ndomain = "shop"': (
        "token[0].role: is `boss`; wanted one of `producer`, `agent`, `supervisor`"
    ),
    f'[[token]]\nname = "a"\nsha256 = "{HASH}"\nrole = "agent"\ndomain = "shop"': (
        "token[0].agent: is missing; wanted whose token it is"
    ),
    f'[[token]]\nname = "a"\nsha256 = "{HASH}"\nrole = "producer"\ndomain = "s"\nagent = "ann"': (
        "token[0].agent: is `ann`; wanted none for this role"
    ),
    f'[[token]]\nname = "a"\nsha256 = "{HASH}"\nrole = "producer"\ndomain = "s"\n'
    "expires = 2027-01-01T00:00:00": (
        "token[0].expires: is 2027-01-01 00:00:00; wanted a time with an offset, "
        "like 2027-01-01T00:00:00Z"
    ),
    f'[[token]]\nname = "a"\nsha256 = "{HASH}"\nrole = "producer"\ndomain = "shop"\nrolle = 1': (
        "token[0].rolle: is an unknown key; wanted a known key; did you mean `role`?"
    ),
}


@pytest.mark.parametrize("text, said", MISTAKES.items(), ids=range(len(MISTAKES)))
def test_a_mistake_in_the_file_is_named(text, said):
    with pytest.raises(ConfigError) as caught:
        parse(text.encode(), file="tokens.toml")
    assert str(caught.value) == f"tokens.toml: {said}"


def test_all_mistakes_are_named_at_once_and_no_secret_is():
    table = '[[token]]\nname = "a"\nsha256 = "acd_secret"\nrole = "agent"\ndomain = "shop"\n'
    with pytest.raises(ConfigError) as caught:
        parse((table * 2).encode(), file="tokens.toml")
    keys = [problem.key for problem in caught.value.problems]
    assert keys == [
        *("token[0].sha256", "token[0].agent"),
        *("token[1].name", "token[1].sha256", "token[1].agent"),
    ]
    assert "secret" not in str(caught.value)


def test_a_new_token_is_random_and_only_its_hash_is_in_the_table():
    secret, text = new_token(
        name="ann-desk", role=Role.AGENT, domain='a "shop"', agent="ann", expires=LONG_AGO
    )
    other, _ = new_token(name="ann-desk", role=Role.AGENT, domain="shop", agent="ann")
    assert re.fullmatch(r"acd_[A-Za-z0-9_-]{43}", secret)
    assert secret != other
    assert secret not in text
    (token,) = parse(text.encode(), file="t").values()
    assert (token.name, token.domain, token.agent) == ("ann-desk", 'a "shop"', "ann")
    assert token.is_expired
    with pytest.raises(ConfigError):
        new_token(name="", role=Role.PRODUCER, domain="shop")


def test_a_reload_with_mistakes_leaves_all_as_it_was(tmp_path):
    path = tmp_path / "tokens.toml"
    secret, text = new_token(name="a", role=Role.PRODUCER, domain="shop")
    path.write_text(text)
    tokens = Tokens(path)
    path.write_text("[[token]]\n")
    with pytest.raises(ConfigError):
        tokens.reload()
    assert tokens.find(secret)
    path.write_text("")
    tokens.reload()
    assert tokens.find(secret) is None


def test_without_a_token_that_counts_nothing_is_shown(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            told = {
                "": (401, "no_token"),
                "acd_wrong": (401, "bad_token"),
                "x" * 5_000: (401, "bad_token"),
                "expired": (401, "expired_token"),
                "other": (403, "other_domain"),
                "form": (403, "not_allowed"),
                "ann": (403, "not_allowed"),
                "chef": (200, None),
            }
            for name, (status, code) in told.items():
                async with made.client(name) as client:
                    answer = await client.get("/v1/queues")
                assert answer.status_code == status, name
                assert answer.json().get("error", {}).get("code") == code
                if status == 401:
                    assert answer.headers["www-authenticate"] == "Bearer"
                assert made.secrets.get(name, "acd_wrong") not in answer.text
            async with made.client() as client:
                basic = await client.get("/v1/queues", headers={"Authorization": "Basic eDp5"})
                assert basic.json()["error"]["code"] == "bad_token"
                two = [("Authorization", f"Bearer {made.secrets[one]}") for one in ("chef", "ann")]
                assert (await client.get("/v1/queues", headers=two)).status_code == 400

    asyncio.run(main())


def test_a_token_in_the_address_does_not_count(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.client() as client:
            for key in ("token", "access_token"):
                answer = await client.get("/v1/queues", params={key: made.secrets["chef"]})
                assert answer.status_code == 401

    asyncio.run(main())


def test_on_loopback_supervisors_may_be_nobody(tmp_path):
    async def main():
        async with house(tmp_path, anonymous=Anonymous.SUPERVISOR) as made:
            async with made.client() as client:
                assert (await client.get("/v1/queues")).status_code == 200
                assert (await client.get("/metrics")).status_code == 200
                body = {"queue": "sales", "channel": "chat"}
                headers = {"Idempotency-Key": "1"}
                answer = await client.post("/v1/contacts", json=body, headers=headers)
                assert answer.status_code == 403
            async with made.client("acd_wrong") as client:
                assert (await client.get("/v1/queues")).status_code == 401
            async with made.socket("/v1/live", "") as stream:
                assert (await heard(stream))["type"] == "snapshot"

    asyncio.run(main())


def test_the_daemon_is_asked_for_by_its_own_names_only(tmp_path):
    async def main():
        async with house(tmp_path, hosts=("acd.example",)) as made, made.client("chef") as client:
            port = made.url.rpartition(":")[2]
            good = (
                "localhost",
                f"127.0.0.1:{port}",
                f"[::1]:{port}",
                "acd.example",
                "ACD.example:1",
            )
            for host in good:
                answer = await client.get("/v1/queues", headers={"Host": host})
                assert answer.status_code == 200, host
            for host in ("evil.example", f"127.0.0.1.evil.example:{port}", "localhost.", "[::2]"):
                for path in ("/v1/queues", "/", "/livez"):
                    answer = await client.get(path, headers={"Host": host})
                    assert answer.json()["error"]["code"] == "wrong_host", host

    asyncio.run(main())


def test_pages_of_other_sites_get_nothing(tmp_path):
    async def main():
        async with house(tmp_path, anonymous=Anonymous.SUPERVISOR) as made:
            async with made.client() as client:
                assert (
                    await client.get("/v1/queues", headers={"Origin": made.url})
                ).status_code == 200
                for headers in (
                    {"Origin": "http://evil.example"},
                    {"Origin": "null"},
                    {"Origin": made.url.replace("http", "https")},
                    {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"},
                ):
                    answer = await client.get("/v1/queues", headers=headers)
                    assert answer.json()["error"]["code"] == "cross_site", headers
                    # A link to the page is no harm.
                    assert (await client.get("/", headers=headers)).status_code == 200
            with pytest.raises(InvalidStatus) as caught:
                await made.socket("/v1/live", "", origin="http://evil.example")
            assert caught.value.response.status_code == 403
            async with made.socket("/v1/live", "", origin=made.url) as stream:
                assert (await heard(stream))["type"] == "snapshot"

    asyncio.run(main())


def test_a_browsers_websocket_brings_its_token_as_a_subprotocol(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            async with made.socket("/v1/live", "chef", browser=True) as stream:
                assert stream.subprotocol == "acd"
                assert (await heard(stream))["type"] == "snapshot"
            refused = {
                "acd_wrong": 401,
                "expired": 401,
                "other": 403,
                "form": 403,
                "ann": 403,
            }
            for name, status in refused.items():
                for browser in (True, False):
                    with pytest.raises(InvalidStatus) as caught:
                        await made.socket("/v1/live", name, browser=browser)
                    assert caught.value.response.status_code == status, name
            for name, status in {"bob": 403, "chef": 403, "form": 403, "": 401}.items():
                with pytest.raises(InvalidStatus) as caught:
                    await made.socket("/v1/agents/ann/desk", name)
                assert caught.value.response.status_code == status, name

    asyncio.run(main())


def test_a_token_that_ends_ends_the_live_stream(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            made.add("today", Role.SUPERVISOR, expires=soon())
            made.add("guest", Role.SUPERVISOR, expires=datetime(2100, 1, 1, tzinfo=UTC))
            made.tokens.reload()
            async with (
                made.socket("/v1/live", "today") as today,
                made.socket("/v1/live", "guest") as guest,
            ):
                await heard(today)
                await heard(guest)
                made.remove("guest")
                made.tokens.reload()
                assert await closed(guest) == 1008
                assert await closed(today) == 1008

    asyncio.run(main())
