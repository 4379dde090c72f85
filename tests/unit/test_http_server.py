"""The server itself: where it listens, and how it ends.

Method: real sockets on free ports.
"""

import asyncio
import errno
import socket

import httpx
import pytest
from msgspec.structs import replace

from acd.daemon.http.server import HttpServer
from tests.unit.http_daemon import DEADLINE_S, house


def test_a_taken_port_is_an_error_before_anything_is_started(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            port = int(made.url.rpartition(":")[2])
            made.http = replace(made.http, port=port)
            with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is checked.
                await HttpServer(made).start()
            assert caught.value.errno == errno.EADDRINUSE
            async with made.client() as client:
                assert (await client.get("/livez")).status_code == 200

    asyncio.run(main())


def test_after_the_end_nobody_listens(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            url = made.url
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{url}/livez")

    asyncio.run(main())


def test_a_request_in_progress_ends_before_the_server_does(tmp_path, monkeypatch):
    async def main():
        begun = asyncio.Event()
        async with house(tmp_path) as made:
            submit = made.owner.submit

            def submitting(*given, **named):
                begun.set()
                return submit(*given, **named)

            monkeypatch.setattr(made.owner, "submit", submitting)

            async def bring():
                async with made.client("form") as client:
                    body = {"queue": "sales", "channel": "chat"}
                    headers = {"Idempotency-Key": "1"}
                    return await client.post("/v1/contacts", json=body, headers=headers)

            request = asyncio.create_task(bring())
            async with asyncio.timeout(DEADLINE_S):
                await begun.wait()
        assert (await request).status_code == 201

    asyncio.run(main())


def test_a_certificate_that_is_not_there_is_an_error_and_frees_the_port(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            free = socket.create_server(("127.0.0.1", 0))
            port = free.getsockname()[1]
            free.close()
            missing = tmp_path / "missing.pem"
            made.http = replace(made.http, port=port, tls_cert=missing, tls_key=missing)
            made.registry = type(made.registry)()
            with pytest.raises(FileNotFoundError):
                await HttpServer(made).start()
            socket.create_server(("127.0.0.1", port)).close()

    asyncio.run(main())
