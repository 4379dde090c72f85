"""The options of the adapter for Asterisk: what is taken, what is refused, and in which words.

Method: `read` gets tables and a folder with secrets; nothing is connected.
"""

import ssl

import pytest
from rich.pretty import pretty_repr

from acd.errors import ConfigError
from acd.switch_protocol.ari import options
from acd.switch_protocol.ari.adapter import AriSwitch
from acd.switch_protocol.ari.mapper import MapperOptions
from acd.switch_protocol.ari.outbound import Outbound
from acd.switch_protocol.port import SwitchOptions
from acd.switch_protocol.registry import kinds, load

SECRET = "correct horse battery staple"
GIVEN = {"password_file": "ari.secret"}
OUTBOUND = {"endpoint": "PJSIP/{number}@trunk", "prefixes": ["+49", "0"]}


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, f"{SECRET}\n")
    return tmp_path


def write(folder, text, *, mode=0o600):
    path = folder / "ari.secret"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)


def read(folder, given=GIVEN, environment=None):
    return options.read(
        SwitchOptions(name="pbx", options=given, folder=folder, file="acd.toml"),
        environment or {},
    )


def problems(folder, given, environment=None):
    """Return what is wrong, as key and the rest."""
    with pytest.raises(ConfigError) as caught:
        read(folder, given, environment)
    text = str(caught.value)
    assert SECRET not in text
    found = {}
    for problem in caught.value.problems:
        assert problem.key.startswith("daemon.switch.options")
        found[problem.key.removeprefix("daemon.switch.options.")] = problem
    assert len(found) == len(caught.value.problems)
    return found


def test_a_password_is_all_that_must_be_given(folder):
    address, mapper = read(folder)
    assert (address.host, address.port, address.path) == ("127.0.0.1", 8088, "/ari")
    assert address.tls is None
    assert mapper == MapperOptions(app="acd", endpoint="PJSIP/{device}", outbound=None)


def test_everything_can_be_given(folder):
    given = {
        "url": "https://pbx.example:8089/asterisk/ari/",
        "app": "shop.acd-1",
        "user": "router",
        "password_env": "ARI",
        "endpoint": "SIP/phone-{device}",
        "outbound": {**OUTBOUND, "per_minute": 3},
        "voicemail_context": "acd-voicemail",
    }
    address, mapper = read(folder, given, {"ARI": SECRET})
    assert mapper.voicemail_context == "acd-voicemail"
    assert (address.host, address.port, address.path) == ("pbx.example", 8089, "/asterisk/ari")
    assert address.origin == "https://pbx.example:8089"
    assert address.tls is not None
    assert address.tls.check_hostname
    assert address.tls.verify_mode is ssl.CERT_REQUIRED
    assert address.tls.minimum_version is ssl.TLSVersion.TLSv1_2
    assert mapper.outbound == Outbound("PJSIP/{number}@trunk", ("+49", "0"), 3)
    assert (mapper.app, mapper.endpoint) == ("shop.acd-1", "SIP/phone-{device}")


def test_the_password_is_never_shown(folder):
    address, _ = read(folder)
    assert SECRET not in repr(address)
    assert address.authorization not in repr(address)
    assert SECRET not in str(address)
    shown = pretty_repr(address)  # As in the tracebacks of a console.
    assert "127.0.0.1" in shown
    assert address.authorization not in shown
    assert "Basic" not in shown


@pytest.mark.parametrize("text", [SECRET, f"{SECRET}\n", f"{SECRET}\r\n"])
def test_one_line_s_end_is_no_part_of_the_password(folder, text):
    first, _ = read(folder)
    write(folder, text)
    second, _ = read(folder)
    assert first.authorization == second.authorization


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"a\nb\n",
        b"a\x00b",
        b"\x1b[31m",
        b"\xff\xfe",
        b"x" * 257,
        b"x" * 100_000,
        b"a\n\n",
    ],
    ids=lambda text: f"{len(text)}, {text[:8]!a}",
)
def test_a_file_that_holds_no_password_is_refused(folder, text):
    write(folder, text)
    found = problems(folder, GIVEN)
    assert found["password_file"].wanted == "1 to 256 bytes of text on one line"


@pytest.mark.parametrize(
    "text", ["secret", "asterisk", "Password", "acd", "mysecretpassword", "changeme", "1234"]
)
def test_a_password_that_everybody_tries_first_is_refused(folder, text):
    write(folder, text)
    found = problems(folder, GIVEN)
    assert found["password_file"].seen == "holds a password that everybody tries first"
    assert problems(folder, {"password_env": "ARI"}, {"ARI": text})


def test_the_user_s_name_is_no_password(folder):
    write(folder, "router")
    assert "password_file" in problems(folder, {**GIVEN, "user": "router"})


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o666])
def test_a_file_that_everybody_may_read_or_write_is_refused(folder, mode):
    write(folder, SECRET, mode=mode)
    found = problems(folder, GIVEN)
    assert "everybody may read or write" in found["password_file"].seen
    assert "chmod 600 ari.secret" in found["password_file"].wanted
    write(folder, SECRET, mode=0o640)
    read(folder)


@pytest.mark.parametrize(
    "given, key, seen",
    [
        ({}, "password_file", "is missing"),
        ({**GIVEN, "password_env": "ARI"}, "password_file", "stands beside password_env"),
        ({"password_file": "none"}, "password_file", "cannot be read"),
        ({"password_file": "."}, "password_file", "cannot be read"),
        ({"password_env": "ARI"}, "password_env", "is `ARI`, which is not set"),
        ({**GIVEN, "url": "http://pbx:8088/ari"}, "url", "is clear text to `pbx`"),
        ({**GIVEN, "url": "http://10.0.0.1/ari"}, "url", "is clear text to `10.0.0.1`"),
        ({**GIVEN, "url": "http://127.0.0.1.pbx/ari"}, "url", "is clear text"),
        ({**GIVEN, "url": "http://acd:" + SECRET + "@127.0.0.1/ari"}, "url", "has a user"),
        ({**GIVEN, "url": "http://@127.0.0.1/ari"}, "url", "has a user"),
        ({**GIVEN, "url": "ws://127.0.0.1/ari"}, "url", "is `ws://127.0.0.1/ari`"),
        ({**GIVEN, "url": "127.0.0.1:8088"}, "url", "is `127.0.0.1:8088`"),
        ({**GIVEN, "url": "http://127.0.0.1"}, "url", "is `http://127.0.0.1`"),
        ({**GIVEN, "url": "http://127.0.0.1/ari?x=1"}, "url", "is `http"),
        ({**GIVEN, "url": "http://127.0.0.1/ari#x"}, "url", "is `http"),
        ({**GIVEN, "url": "http://127.0.0.1/a b"}, "url", "is `http"),
        ({**GIVEN, "url": "http://127.0.0.1/ari\r\nX: y"}, "url", "is `http"),
        ({**GIVEN, "url": "http://127.0.0.1:0/ari"}, "url", "is `http"),
        ({**GIVEN, "url": "http://127.0.0.1:99999/ari"}, "url", "is no address"),
        ({**GIVEN, "url": "http://[::1/ari"}, "url", "is no address"),
        ({**GIVEN, "url": "https://pbx..example/ari"}, "url", "is `https://pbx..example/ari`"),
        ({**GIVEN, "url": "https://.example/ari"}, "url", "is `https"),
        ({**GIVEN, "url": "https://" + "a" * 64 + ".example/ari"}, "url", "is `https"),
        ({**GIVEN, "url": "https://" + "a.b." * 64 + "c/ari"}, "url", "is `https"),
        ({**GIVEN, "url": "https://[::1::2]/ari"}, "url", "is "),
        ({**GIVEN, "url": "https://[fe80::1.2..3]/ari"}, "url", "is "),
        ({**GIVEN, "url": "http:///ari"}, "url", "is `http:///ari`"),
        ({**GIVEN, "url": "http://\u0131.example/ari"}, "url", "is `http"),
        ({**GIVEN, "app": ""}, "app", "is ``"),
        ({**GIVEN, "app": "a,b"}, "app", "is `a,b`"),
        ({**GIVEN, "app": "a&subscribeAll=true"}, "app", "is `a&"),
        ({**GIVEN, "user": "a:b"}, "user", "is `a:b`"),
        ({**GIVEN, "user": "a\nb"}, "user", "is `a\\nb`"),
        ({**GIVEN, "endpoint": "PJSIP"}, "endpoint", "is `PJSIP`"),
        ({**GIVEN, "endpoint": "PJSIP/101"}, "endpoint", "is `PJSIP/101`"),
        ({**GIVEN, "endpoint": "PJSIP/{number}"}, "endpoint", "is `PJSIP/{number}`"),
        ({**GIVEN, "endpoint": "PJSIP/{device}&SIP/1"}, "endpoint", "is `PJSIP"),
        ({**GIVEN, "endpoint": "PJSIP/{device}{device}"}, "endpoint", "is `PJSIP"),
        ({**GIVEN, "endpoint": "PJSIP/{device!r}"}, "endpoint", "is `PJSIP"),
        ({**GIVEN, "voicemail_context": "a b"}, "voicemail_context", "is `a b`"),
        ({**GIVEN, "tls_ca": "ca.pem"}, "tls_ca", "is `ca.pem`"),
        ({**GIVEN, "url": "https://x/ari", "tls_ca": "none"}, "tls_ca", "cannot be used"),
        ({**GIVEN, "url": "https://x/ari", "tls_ca": "ari.secret"}, "tls_ca", "cannot be used"),
        ({**GIVEN, "url": 7}, "url", "is 7"),
        ({**GIVEN, "allow_insecure": "yes"}, "allow_insecure", "is `yes`"),
        ({**GIVEN, "outbound": {"prefixes": ["0"]}}, "outbound.endpoint", "is missing"),
        (
            {**GIVEN, "outbound": {**OUTBOUND, "endpoint": "PJSIP/{device}"}},
            "outbound.endpoint",
            "is `PJSIP/{device}`",
        ),
        ({**GIVEN, "outbound": {**OUTBOUND, "prefixes": []}}, "outbound.prefixes", "has 0"),
        (
            {**GIVEN, "outbound": {**OUTBOUND, "prefixes": ["0", ""]}},
            "outbound.prefixes[1]",
            "is ``",
        ),
        (
            {**GIVEN, "outbound": {**OUTBOUND, "prefixes": ["0&SIP/1"]}},
            "outbound.prefixes[0]",
            "is `0&SIP/1`",
        ),
        ({**GIVEN, "outbound": {**OUTBOUND, "per_minute": 0}}, "outbound.per_minute", "is 0"),
    ],
)
def test_a_mistake_is_told_with_its_key(folder, given, key, seen):
    found = problems(folder, given)
    assert list(found) == [key]
    assert seen in found[key].seen


def test_the_adapter_is_found_by_its_kind(folder):
    assert "ari" in kinds()
    switch = load("ari", SwitchOptions(name="pbx", options=GIVEN, folder=folder))
    assert isinstance(switch, AriSwitch)
    with pytest.raises(ConfigError):
        load("ari", SwitchOptions(name="pbx", options={}, folder=folder))


def test_a_misspelt_key_is_told_with_the_one_that_was_meant(folder):
    found = problems(folder, {"pasword_file": "ari.secret"})
    assert "did you mean `password_file`?" in found["pasword_file"].wanted


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8088/ari", "http://127.8.9.1/ari", "http://[::1]:8088/ari"],
)
def test_clear_text_on_loopback_is_taken(folder, url):
    address, _ = read(folder, {**GIVEN, "url": url})
    assert url.startswith(address.origin.removesuffix(":80"))


def test_clear_text_to_elsewhere_must_be_asked_for(folder):
    url = "http://10.0.0.1:8088/ari"
    address, _ = read(folder, {**GIVEN, "url": url, "allow_insecure": True})
    assert (address.host, address.tls) == ("10.0.0.1", None)


def test_all_mistakes_are_told_at_once(folder):
    given = {"url": "ftp://x", "app": "", "user": "", "endpoint": "x", "outbound": {}}
    found = problems(folder, given)
    assert {"url", "app", "user", "endpoint", "password_file", "outbound.endpoint"} <= set(found)
