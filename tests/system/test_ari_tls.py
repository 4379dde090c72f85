"""The adapter for Asterisk over TLS: it talks to whom it can verify, and to nobody else.

Method: certificates made by openssl for the scripted peer of the unit tests; the adapter is given
the authority, or not.
"""

import asyncio
import shutil
import ssl

import pytest

from acd.switch_protocol import messages as sw
from tests.unit.ari_peer import Peer


async def good(connection):
    await connection.log_in()
    await connection.serve()


@pytest.fixture
def made(tmp_path, run, missing):
    """Return what makes a peer's certificate for a name, and returns how it listens."""
    if shutil.which("openssl") is None:
        missing("openssl")

    def make(name):
        key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
        run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=pbx", "-addext", f"subjectAltName={name}"),
                *("-keyout", key, "-out", certificate),
            ]
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    return make


def told(tmp_path, tls, *, options):
    """Return the first thing that the adapter tells."""

    async def first():
        async with Peer(tmp_path, good, tls=tls, options=options) as peer:
            return await asyncio.wait_for(peer.events.get(), 20)

    return asyncio.run(first())


def test_a_private_authority_that_was_named_is_trusted(tmp_path, made):
    tls = made("IP:127.0.0.1")
    assert isinstance(told(tmp_path, tls, options={"tls_ca": "cert.pem"}), sw.LinkUp)


def test_an_unknown_authority_is_not_trusted(tmp_path, made):
    down = told(tmp_path, made("IP:127.0.0.1"), options={})
    assert isinstance(down, sw.LinkDown)
    assert "CERTIFICATE_VERIFY_FAILED" in down.cause


def test_a_certificate_for_another_name_is_not_trusted(tmp_path, made):
    down = told(tmp_path, made("DNS:pbx.example"), options={"tls_ca": "cert.pem"})
    assert isinstance(down, sw.LinkDown)
    assert "IP address mismatch" in down.cause


def test_tls_1_1_is_not_spoken(tmp_path, made):
    tls = made("IP:127.0.0.1")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        tls.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    assert isinstance(told(tmp_path, tls, options={"tls_ca": "cert.pem"}), sw.LinkDown)
