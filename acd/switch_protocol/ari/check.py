"""Whether an Asterisk is as the daemon needs it: `acd switch check`.

A line for each thing; `findings.py` says what each means. Nothing is changed at the switch. The
daemon's application is never connected to, since that would throw the daemon out: a name of our own
is used, and what it says of ARI holds for both.
"""

import asyncio
import secrets
import time
from typing import Any, Final, TypeVar

from acd.errors import UnreachableError, printable, shown
from acd.switch_protocol.ari import findings, options
from acd.switch_protocol.ari.asking import Asking, Listening, decoded, shown_answer
from acd.switch_protocol.ari.check_call import Trial
from acd.switch_protocol.ari.findings import Finding, Verdict
from acd.switch_protocol.ari.frames import Bridge, Channel, DeviceState, Endpoint, Info, Response
from acd.switch_protocol.ari.line import NOT_FOUND
from acd.switch_protocol.ari.options import AriOptions
from acd.switch_protocol.ari.transport import HandshakeError
from acd.switch_protocol.checks import CheckOptions, Say

_T = TypeVar("_T")

SETTINGS: Final = ("asterisk", "config", "dynamic", "res_ari", "general", "general")
"""Where ARI tells its own settings, if they are kept by Sorcery (seen with 22.10.1)."""


def check(given: CheckOptions, say: Say) -> bool:
    """Check an Asterisk; the entry point `ari` of `acd.switch_checks`.

    Returns:
        Whether nothing failed.

    Raises:
        ConfigError: The options are wrong.
        UnreachableError: Asterisk does not answer.
    """
    return asyncio.run(_Check(given, options.read(given.switch), say).run())


class _Check:
    """One check.

    Args:
        given: What is to be checked.
        found: The options, which are sound.
        say: Takes the lines.
    """

    def __init__(self, given: CheckOptions, found: AriOptions, say: Say) -> None:
        self._given = given
        self._address = found.address
        self._app = found.mapper.app
        self._endpoint = found.mapper.endpoint
        self._own = f"acd-check-{secrets.token_hex(4)}"
        """Under which name we connect."""
        self._say = say
        self._failed = False
        self._is_known = False
        """Whether the daemon's application is known there."""
        self._names: set[str] | None = None
        """The variables that channels show, if that is known."""
        self._asking: Asking

    async def run(self) -> bool:
        """Check everything; return whether nothing failed."""
        address = self._address
        where = f"{address.origin}{address.path}"
        text = f"{where}, user {address.user}, application {self._app}"
        self._tell(Verdict.OK, "configuration", text)
        async with Asking(address) as self._asking:
            await self._asking.reach()
            self._tell(Verdict.OK, "reachable", f"{address.host}, port {address.port}")
            if not await self._log_in():
                return False
            await self._daemon()
            await self._settings()
            await self._snapshot()
            try:
                async with Listening(address, self._own) as listening:
                    await self._connected(listening)
                    await self._fallback()
            except HandshakeError as error:
                self._tell(Verdict.FAILED, "websocket", str(error))
            except OSError as error:
                why = printable(str(error)) or "no answer"
                raise UnreachableError(f"{where}/events", why) from error
            self._tell(*findings.channelvars(self._names))
        return not self._failed

    def _tell(self, verdict: Verdict, what: str, text: str) -> None:
        self._failed |= verdict is Verdict.FAILED
        self._say(str(Finding(verdict, what, text)))

    async def _log_in(self) -> bool:
        """See who we are there, and what runs; return whether it makes sense to go on."""
        response = await self._asking.ask("GET", "asterisk", "info")
        info = decoded(response, Info)
        if info is None:
            self._tell(Verdict.FAILED, "login", self._refusal(response))
            return False
        self._tell(Verdict.OK, "login", f"user {self._address.user}")
        for one in findings.version(info.system.version):
            self._tell(*one)
        return True

    def _refusal(self, response: Response) -> str:
        given = self._given.switch.options
        key = "password_file" if given.get("password_file") else "password_env"
        match response.status:
            case 200:
                return "what answers is no Asterisk: see `url`"
            case 401:
                return (
                    f"user {shown(self._address.user)} with the password of {key}"
                    f" {shown(str(given.get(key)))} is refused (401): see ari.conf there"
                    " (`module reload res_ari.so` after a change)"
                )
            case 404:
                return "there is no ARI (404): see `url`, and `enabled` in http.conf and ari.conf"
            case 503:
                return "Asterisk is still starting (503): try again"
            case _:
                return shown_answer(response)

    async def _daemon(self) -> None:
        """See whether a daemon is connected under the application's name."""
        self._is_known = await self._knows(self._app)
        if self._is_known:
            text = (
                f"one is, or was, connected as {self._app}, and is left alone: a second one under"
                " that name would throw it out"
            )
            self._tell(Verdict.HINT, "daemon", text)
        else:
            self._tell(Verdict.OK, "daemon", f"none is connected as {self._app}")

    async def _settings(self) -> None:
        """See ARI's own settings."""
        pairs = decoded(await self._asking.ask("GET", *SETTINGS), list[dict[str, str]]) or []
        found = {one.get("attribute", ""): one.get("value", "") for one in pairs}
        self._tell(*findings.write_timeout(found))
        if "channelvars" in found:
            self._names = {name.strip() for name in found["channelvars"].split(",")}

    async def _snapshot(self) -> None:
        """Read what the daemon reads after a log-in."""
        technology = self._endpoint.partition("/")[0]
        began_s = time.perf_counter()
        channels = await self._list(Channel, "channels")
        bridges = await self._list(Bridge, "bridges")
        endpoints = await self._list(Endpoint, "endpoints", technology)
        lamps = await self._list(DeviceState, "deviceStates")
        span_ms = (time.perf_counter() - began_s) * 1e3
        text = (
            f"{len(channels)} channels, {len(bridges)} bridges, {len(endpoints)} endpoints,"
            f" {len(lamps)} device states in {span_ms:.1f} ms"
        )
        self._tell(Verdict.OK, "snapshot", text)
        wanted = [self._endpoint.format(device=one) for one in self._given.devices]
        for one in findings.devices(wanted, endpoints):
            self._tell(*one)
        if channels and self._names is None:
            self._names = set(channels[-1].channelvars)

    async def _connected(self, listening: Listening) -> None:
        """See what may be done while we are connected."""
        if await listening.takes_requests():
            self._tell(Verdict.OK, "websocket", "it takes requests")
        else:
            text = (
                "it takes no requests, so they go by HTTP (20.14, 21.9, 22.4 and later take them)"
            )
            self._tell(Verdict.HINT, "websocket", text)
        if await self._knows(self._own):
            self._tell(Verdict.OK, "application", "is registered where one connects")
        else:
            text = f"{self._own} is connected, and not registered"
            self._tell(Verdict.FAILED, "application", text)
        # A change that changes nothing.
        response = await self._asking.ask(
            "PUT", "applications", self._own, "eventFilter", body=b'{"disallowed":[]}'
        )
        user = self._address.user
        if response.is_good or response.status == NOT_FOUND:  # Before 16.3 there is no filter.
            self._tell(Verdict.OK, "rights", f"{user} may write")
        elif response.status == 403:
            text = f"{user} may only read (403): set `read_only = no` in ari.conf"
            self._tell(Verdict.FAILED, "rights", text)
        else:
            self._tell(Verdict.FAILED, "rights", shown_answer(response))

    async def _fallback(self) -> None:
        """Place the test call."""
        number, context = self._given.test_call, self._given.context
        if not number:
            text = "not checked: give --test-call NUMBER (it rings what the fallback rings)"
            self._tell(Verdict.HINT, "fallback", text)
            return
        every = self._given.every_number
        if self._is_known and (every or number in self._given.routes):
            wanted = "end it first" if every else "give a number that has no queue"
            text = (
                f"not checked: a daemon may be connected, and {number} would ring an agent;"
                f" {wanted}"
            )
            self._tell(Verdict.HINT, "fallback", text)
            return
        trial = Trial(self._asking, app=self._app, own=self._own, call=self._own)
        verdict, text = await trial.run(number, context)
        self._tell(verdict, "fallback", text)
        if trial.channel is not None and self._names is None:
            self._names = set(trial.channel.channelvars)

    async def _knows(self, app: str) -> bool:
        """Return whether an application is registered."""
        listed = await self._list(dict[str, Any], "applications")
        return any(one.get("name") == app for one in listed)

    async def _list(self, of: type[_T], *path: str) -> list[_T]:
        """Return a list; an empty one, and a failed check, if there is none."""
        response = await self._asking.ask("GET", *path)
        found = decoded(response, list[of])  # type: ignore[valid-type]
        if found is None:
            text = f"GET {'/'.join(path)}: {shown_answer(response)}"
            self._tell(Verdict.FAILED, "snapshot", text)
            return []
        return found
