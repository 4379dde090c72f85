"""HTTP and WebSockets over TLS.

Method: a certificate made by openssl, and clients that trust it and nothing else.
"""

import asyncio
import shutil
import ssl

import httpx
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import connect

from acd.daemon.http.server import HttpServer
from tests.unit.http_daemon import heard, house


def test_everything_works_over_tls(tmp_path, run, missing):
    if shutil.which("openssl") is None:
        missing("openssl")
        return
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=acd", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", key, "-out", certificate),
        ]
    )
    context = ssl.create_default_context(cafile=str(certificate))

    async def main():
        async with house(tmp_path) as made:
            made.http = replace(made.http, tls_cert=certificate, tls_key=key)
            made.registry = CollectorRegistry()
            server = HttpServer(made)
            url = await server.start()
            assert url == f"https://127.0.0.1:{server.port}"
            headers = {"Authorization": f"Bearer {made.secrets['chef']}", "Origin": url}
            async with httpx.AsyncClient(verify=context, headers=headers) as client:
                assert (await client.get(f"{url}/v1/queues")).status_code == 200
            address = f"wss{url.removeprefix('https')}/v1/live"
            async with connect(address, additional_headers=headers, ssl=context) as stream:
                assert (await heard(stream))["type"] == "snapshot"
            await server.close()

    asyncio.run(main())
