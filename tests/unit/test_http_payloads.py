"""Bad payloads: each is answered with what is wrong, none with an error of ours.

Method: bytes as an attacker would write them, over a real connection; the answers' statuses and
codes are a table. A daemon that got all of them takes a contact as before.
"""

import asyncio
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.daemon.http import guard
from acd.daemon.http.strict_json import StrictJsonError, read
from tests.unit.http_daemon import DEADLINE_S, bring, house

GOOD = b'{"queue":"sales","channel":"chat"}'
JSON = "application/json"

BODIES = {
    "empty": (b"", 400, "bad_json"),
    "truncated": (GOOD[:-1], 400, "bad_json"),
    "two": (GOOD + GOOD, 400, "bad_json"),
    "deep arrays": (b"[" * 65_536, 400, "bad_json"),
    "deep objects": (b'{"a":' * 10_000, 400, "bad_json"),
    "deep and closed": (b"[" * 30_000 + b"]" * 30_000, 400, "bad_json"),
    "latin-1": ('{"queue":"sälés"}'.encode("latin-1"), 400, "bad_json"),
    "utf-16": (GOOD.decode().encode("utf-16"), 400, "bad_json"),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, 400, "bad_json"),
    "key twice": (b'{"queue":"sales","queue":"other","channel":"chat"}', 400, "bad_json"),
    "key twice within": (b'{"attributes":{"a":"1","a":"2"}}', 400, "bad_json"),
    "not a number": (b'{"priority":NaN}', 400, "bad_json"),
    "infinity": (b'{"priority":-Infinity}', 400, "bad_json"),
    "too large a float": (b'{"priority":1e999}', 400, "bad_json"),
    "many digits": (b'{"priority":' + b"9" * 5_000 + b"}", 400, "bad_json"),
    "lone surrogate": (b'{"queue":"\\ud800","channel":"chat"}', 400, "bad_json"),
    "lone surrogate as key": (b'{"\\udfff":1}', 400, "bad_json"),
    "too large": (b" " * 65_537, 413, "too_large"),
    "an array": (b"[]", 422, "invalid"),
    "null": (b"null", 422, "invalid"),
    "unknown key": (GOOD[:-1] + b',"more":1}', 422, "invalid"),
    "number for text": (b'{"queue":7,"channel":"chat"}', 422, "invalid"),
    "text for number": (GOOD[:-1] + b',"priority":"7"}', 422, "invalid"),
    "truth for number": (GOOD[:-1] + b',"priority":true}', 422, "invalid"),
    "beyond 64 bits": (GOOD[:-1] + b',"priority":9223372036854775808}', 422, "invalid"),
    "nul and escapes": (b'{"queue":"\\u0000\\u001b[2J","channel":"chat"}', 422, "refused"),
    "long text": (b'{"queue":"' + b"x" * 65 + b'","channel":"chat"}', 422, "invalid"),
    "many attributes": (
        json.dumps({"queue": "s", "channel": "chat", "attributes": {str(n): "" for n in range(65)}})
        .encode(), 422, "invalid",
    ),
}  # fmt: skip


def test_every_bad_body_is_refused_and_the_daemon_goes_on(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.client("form") as client:
            headers = {"Content-Type": JSON, "Idempotency-Key": "1"}
            for name, (body, status, code) in BODIES.items():
                answer = await client.post("/v1/contacts", content=body, headers=headers)
                assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), name
            assert not made.owner.stepped
            assert (await bring(made, "1")).status_code == 201

    asyncio.run(main())


def test_other_types_of_content_are_refused(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.client("form") as client:
            wrong = (None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx")
            for kind in (*wrong, "application/json; charset=latin-1", "multipart/form-data"):
                headers = {"Idempotency-Key": "1", **({"Content-Type": kind} if kind else {})}
                answer = await client.post("/v1/contacts", content=GOOD, headers=headers)
                assert answer.status_code == 415, kind
            for kind in ("application/json; charset=UTF-8", "Application/JSON"):
                headers = {"Idempotency-Key": "1", "Content-Type": kind}
                answer = await client.post("/v1/contacts", content=GOOD, headers=headers)
                assert answer.status_code in {200, 201}, kind

    asyncio.run(main())


def test_a_body_without_a_length_is_counted_while_it_comes(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.client("form") as client:

            async def chunks(count):
                for _ in range(count):
                    yield b" " * 1_000
                yield GOOD

            headers = {"Content-Type": JSON, "Idempotency-Key": "1"}
            for count, status in ((10, 201), (66, 413)):
                answer = await client.post("/v1/contacts", content=chunks(count), headers=headers)
                assert answer.status_code == status

    asyncio.run(main())


async def _raw(made, data):
    """Send bytes; return all that comes back until the server closes."""
    port = int(made.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def _head(made, *lines):
    first = ("POST /v1/contacts HTTP/1.1", "Host: localhost", f"Content-Type: {JSON}")
    token = f"Authorization: Bearer {made.secrets['form']}"
    return "\r\n".join([*first, token, *lines, "", ""]).encode()


def test_a_length_beyond_the_limit_is_refused_before_the_body(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            for length in (70_000, 10**18):
                answer = await _raw(made, _head(made, f"Content-Length: {length}"))
                assert answer.startswith(b"HTTP/1.1 413 ")

    asyncio.run(main())


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "BODY_S", 0.05)

    async def main():
        async with house(tmp_path) as made:
            answer = await _raw(made, _head(made, "Content-Length: 100") + b"{")
            assert answer.startswith(b"HTTP/1.1 408 ")

    asyncio.run(main())


def test_headers_and_addresses_have_limits(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.client("chef") as client:
            answer = await client.get("/v1/contacts", params={"queue": "x" * 5_000})
            assert answer.status_code == 400
            answer = await client.get("/v1/contacts/" + "x" * 5_000)
            assert answer.status_code == 400
            assert (await client.get("/v1/contacts/" + "x" * 65)).status_code == 422
            answer = await _raw(made, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000)
            assert answer.startswith(b"HTTP/1.1 400 ")
            answer = await _raw(made, b"\x16\x03\x01\x02\x00nonsense\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 400 ")

    asyncio.run(main())


def test_no_answer_repeats_what_was_wrong_in_a_value(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.client("form") as client:
            headers = {"Idempotency-Key": "1"}
            body = {"queue": "sales", "channel": "4111111111111111", "priority": "4111111111111111"}
            answer = await client.post("/v1/contacts", json=body, headers=headers)
            assert answer.status_code == 422
            assert "4111" not in answer.text
            assert {one["where"] for one in answer.json()["error"]["problems"]} == {
                "body.channel",
                "body.priority",
            }

    asyncio.run(main())


def test_an_error_of_ours_leaves_no_word_of_it(tmp_path, monkeypatch, capsys):
    async def main():
        async with house(tmp_path) as made:

            def broken(*_: object, **__: object) -> None:
                raise RuntimeError("the secret of 4111111111111111")

            monkeypatch.setattr(made.owner, "submit", broken)
            answer = await bring(made, "1")
            assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
            assert "secret" not in answer.text

    asyncio.run(main())
    said = capsys.readouterr()
    assert "RuntimeError" in said.out + said.err
    assert "4111" not in said.out + said.err


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    try:
        value = read(data)
    except StrictJsonError:
        return
    assert json.loads(data) == value


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('ab"\\[{', max_size=3), inner)
    ),
    max_leaves=12,
)


@given(_values, st.booleans())
def test_what_is_json_is_read_as_json(value, ascii_only):
    data = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert read(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b'"' * 65_536,
        b'"\\' * 32_768,
        b"[" * 65_536,
        b'{"":' * 16_384,
        b"\\" * 65_536,
        b'"a"' * 21_845,
        b"1" * 65_536,
        b"-" * 65_536,
    ],
    ids=range(8),
)
def test_no_body_costs_more_than_its_size(data):
    began = time.perf_counter()
    with pytest.raises(StrictJsonError):
        read(data)
    assert time.perf_counter() - began < 1.0
