"""One running Asterisk: the example files of configs/asterisk, with ports and phones of a test.

Each has a folder of its own inside the unpacked system, and free ports on loopback. `rest` is an
observer's access, beside the daemon's: it places customers' calls and looks at channels.
"""

import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx

from tests.system.conftest import ROOT
from tests.system.pbx_kit.folder import BINARY, folder

START_S: Final = 60.0
LOOK_S: Final = 0.1
EXAMPLES: Final = ROOT / "configs" / "asterisk"
TRUNK: Final = "X-Line: customers"
"""The header by which a phone says that it is the trunk of the customers."""

PATHS: Final = """\
[directories]
astcachedir => {inside}
astetcdir => {inside}/etc
astmoddir => {modules}
astvarlibdir => {inside}/db
astdbdir => {inside}/db
astkeydir => {inside}/db
astdatadir => /usr/share/asterisk
astagidir => {inside}/db
astspooldir => {inside}/spool
astrundir => {inside}/run
astlogdir => {inside}/log
"""

CALLERS: Final = """
[test-callers]
exten => s,1,Answer()
 same => n,Wait(3600)
"""

PHONE: Final = """
[{name}](agent)
aors = {name}
[{name}]
type = aor
{contact}
"""

LINE: Final = f"""
[trunk]
type = endpoint
context = from-customers
allow_transfer = no
disallow = all
allow = ulaw
direct_media = no
dtmf_mode = auto_info
[trunk]
type = identify
endpoint = trunk
match_header = {TRUNK}
"""


def free_port(kind: socket.SocketKind) -> int:
    """Return a port of loopback that nobody uses."""
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Asterisk:
    """An Asterisk.

    Args:
        phones: Its phones' names, and the ports where they are; without one, a phone registers.
        more: Files beside the examples, or instead of them.
        callers: The dialplan of the callers' ends, and what else is called.
    """

    def __init__(
        self,
        phones: Mapping[str, int | None],
        more: dict[str, str] | None = None,
        *,
        callers: str = CALLERS,
    ) -> None:
        self.http_port = free_port(socket.SOCK_STREAM)
        self.sip_port = free_port(socket.SOCK_DGRAM)
        self.password = secrets.token_urlsafe(16)
        self._run = f"/acd-runs/{secrets.token_hex(4)}"
        self._home = folder() / self._run[1:]
        self._process: subprocess.Popen[bytes] | None = None
        observer = secrets.token_urlsafe(16)
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.http_port}/ari",
            auth=("observer", observer),
            trust_env=False,
            timeout=10,
        )
        self._write(phones, observer, more or {}, callers)

    def _write(
        self, phones: Mapping[str, int | None], observer: str, more: dict[str, str], callers: str
    ) -> None:
        for name in ("etc", "db", "spool", "run", "log"):
            (self._home / name).mkdir(parents=True)
        files = {path.name: path.read_text() for path in EXAMPLES.glob("*.conf")}
        modules = next((folder() / "usr/lib").rglob("asterisk/modules/app_stasis.so")).parent
        inside = f"/{modules.relative_to(folder())}"
        files["asterisk.conf"] += PATHS.format(inside=self._run, modules=inside)
        files["http.conf"] = files["http.conf"].replace("8088", str(self.http_port))
        files["ari_password.conf"] = f"password = {self.password}\n"
        files["ari.conf"] += f"\n[observer]\ntype = user\nread_only = no\npassword = {observer}\n"
        files["extensions.conf"] += callers
        files["logger.conf"] = "[general]\n[logfiles]\nmessages => notice,warning,error\n"
        files["rtp.conf"] = "[general]\nrtpstart=20000\nrtpend=29999\n"
        pjsip = files["pjsip.conf"].replace(":5060", f":{self.sip_port}") + LINE
        for name, port in phones.items():
            contact = f"contact = sip:{name}@127.0.0.1:{port}" if port else "max_contacts = 1"
            pjsip += PHONE.format(name=name, contact=contact)
        files["pjsip.conf"] = pjsip
        for name in ("musiconhold.conf", "indications.conf"):
            files[name] = (folder() / "etc/asterisk" / name).read_text()
        for name, text in (files | more).items():
            (self._home / "etc" / name).write_text(text)

    @property
    def url(self) -> str:
        """Return the address of the REST interface."""
        return f"http://127.0.0.1:{self.http_port}/ari"

    def start(self) -> None:
        """Start it; return when it answers."""
        config = f"{self._run}/etc/asterisk.conf"
        with (self._home / "output").open("ab") as output:
            self._process = subprocess.Popen(
                ["chroot", folder(), f"/{BINARY}", "-C", config, "-f", "-n"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline_s = time.monotonic() + START_S
        while not self._is_up():
            assert self._process.poll() is None, (self._home / "output").read_text()[-2_000:]
            assert time.monotonic() < deadline_s, (self._home / "log/messages").read_text()[-2_000:]

    def _is_up(self) -> bool:
        try:
            return self._client.get("/asterisk/info").status_code == httpx.codes.OK
        except httpx.TransportError:
            threading.Event().wait(LOOK_S)
            return False

    def stop(self) -> None:
        """End it at once, as a power cut does; its files stay, so that it can be started again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_S)
            self._process = None

    def remove(self) -> None:
        """End it, and remove its files."""
        self.stop()
        self._client.close()
        shutil.rmtree(self._home, ignore_errors=True)

    # What an observer sees and does.

    def rest(self, method: str, path: str, **query: str) -> Any:
        """Ask the REST interface; None for what is not there."""
        response = self._client.request(method, path, params=query)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        response.raise_for_status()
        return response.json() if response.content else None

    def try_rest(self, method: str, path: str, **query: str) -> int:
        """Ask the REST interface for something that may be refused; return the status."""
        return self._client.request(method, path, params=query).status_code

    def call_in(
        self,
        number: str,
        *,
        ani: str = "+4930123",
        name: str = "",
        context: str = "from-customers",
    ) -> str:
        """Let a customer call; return the id of the channel that the daemon sees."""
        caller = f"customer-{secrets.token_hex(6)}"
        self.rest(
            "POST",
            "/channels",
            channelId=caller,
            endpoint=f"Local/{number}@{context}/n",
            context="test-callers",
            extension="s",
            priority="1",
            formats="slin",  # The default is 192 kHz, whose music fills two cores at fifty calls.
            callerId=f'"{name}" <{ani}>' if name else ani,
        )
        # A local channel has two ends; Asterisk names the other one so.
        return f"{caller};2"

    def hang_up(self, call: str) -> None:
        """Let a customer hang up."""
        self.rest("DELETE", f"/channels/{call.removesuffix(';2')}")

    def channels(self) -> dict[str, dict[str, Any]]:
        """Return all channels by id."""
        return {one["id"]: one for one in self.rest("GET", "/channels")}

    def bridges(self) -> list[set[str]]:
        """Return which channels are together."""
        return [set(one["channels"]) for one in self.rest("GET", "/bridges") if one["channels"]]

    def log(self) -> str:
        """Return what it logged."""
        path = self._home / "log/messages"
        return path.read_text(errors="replace") if path.is_file() else ""
