"""Three ways of routing on one Asterisk, for `asterisk_gap`: ours, Asterisk's own, a bare script.

Each gets the same telephones, and a backlog that is kept up: a new customer calls when an agent has
answered, so that none comes at the moment that is measured.
"""

import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

# `tests` is no package, and another distribution (ciw) brings one of that name.
_tests = types.ModuleType("tests")
_tests.__path__ = [str(Path(__file__).parents[1] / "tests")]
sys.modules["tests"] = _tests

from tests.system.daemon_kit.site import ACD, running  # noqa: E402 - after the line above.
from tests.system.pbx_kit.phones import Habit, Phone  # noqa: E402
from tests.system.pbx_kit.server import Asterisk  # noqa: E402
from tests.system.pbx_kit.site import PbxSite, until  # noqa: E402

BACKLOG: Final = 20
LONGEST_S: Final = 240.0

QUEUE: Final = """
[{name}]
strategy = rrmemory
ringinuse = no
autofill = yes
retry = 1
wrapuptime = 0
timeout = 15
musicclass = default
{members}
"""

CALLERS: Final = """
[test-callers]
exten => s,1,Answer()
 same => n,Wait(3600)
[into-queue]
exten => _q.,1,Answer()
 same => n,Queue(${EXTEN},t)
 same => n,Hangup()
[into-floor]
exten => _X.,1,Answer()
 same => n,StartMusicOnHold()
 same => n,Stasis(floor)
 same => n,Hangup()
"""


class Gap(NamedTuple):
    """An agent's idle time between two calls, from his BYE to his next INVITE."""

    phone: str
    bye_s: float
    invite_s: float

    @property
    def ms(self) -> float:
        """How long it was."""
        return (self.invite_s - self.bye_s) * 1_000


class Run:
    """One way of routing, and the gaps that it leaves.

    Args:
        pbx: The Asterisk.
        phones: The agents'.
        number: What customers call.
        context: Where.
    """

    def __init__(
        self, pbx: Asterisk, phones: Sequence[Phone], *, number: str, context: str
    ) -> None:
        self._pbx = pbx
        self._phones = phones
        self._number = number
        self._context = context
        self._seen = 0
        """Answers of agents for which somebody called."""

    def fill(self) -> None:
        """Let as many call as talk and wait."""
        for _ in range(len(self._phones) + BACKLOG):
            self._call()
        self._seen = self._answered()

    def gaps(self, wanted: int) -> list[Gap]:
        """Return so many gaps."""
        deadline_s = time.monotonic() + LONGEST_S
        while len(found := self._gaps()) < wanted:
            assert time.monotonic() < deadline_s, f"only {len(found)} gaps"
            self._refill()
        return found

    def empty(self) -> None:
        """Let everybody go."""
        for phone in self._phones:
            phone.habit = Habit()
        until(self._is_empty)
        for phone in self._phones:
            phone.dialogs.clear()
            phone.ledger.clear()

    def _is_empty(self) -> bool:
        """Let go who is there; return whether nobody was: agents are still offered the next one."""
        channels = self._pbx.channels()
        for channel in channels:
            self._pbx.rest("DELETE", f"/channels/{channel}")
        return not channels

    def _refill(self) -> None:
        """Wait until an agent has answered, and let another customer call for each who did."""
        until(lambda: self._answered() > self._seen, LONGEST_S)
        now = self._answered()
        for _ in range(now - self._seen):
            self._call()
        self._seen = now

    def _call(self) -> None:
        self._pbx.call_in(self._number, context=self._context)

    def _answered(self) -> int:
        return sum(len(phone.did("answered")) for phone in self._phones)

    def _gaps(self) -> list[Gap]:
        found = []
        for phone in self._phones:
            bye_s = 0.0
            for line in tuple(phone.ledger):
                if line.did == "bye_sent":
                    bye_s = line.at_s
                elif line.did == "invite" and bye_s:
                    found.append(Gap(phone.name, bye_s, line.at_s))
                    bye_s = 0.0
        return found


def disk() -> Path:
    """Return a folder that is on the disk: /tmp may lie in memory, where a sync costs nothing."""
    folder = Path.cwd() / "build"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def by_acd(pbx: Asterisk, phones: Sequence[Phone], trace: Path | None) -> Iterator[Run]:
    """Let the daemon route, its journal on this machine's disk.

    Args:
        pbx: The Asterisk.
        phones: The agents'.
        trace: Where to note what it does, if that is wanted.
    """
    watched = (sys.executable, "-m", "benchmarks.asterisk_trace", str(trace))
    with tempfile.TemporaryDirectory(dir=disk()) as folder:
        site = PbxSite(Path(folder), pbx, [phone.name for phone in phones])
        with running(site, command=watched if trace else (ACD,)):
            site.ready(*phones)
            for phone in phones:
                phone.ledger.clear()
            yield Run(pbx, phones, number="4000", context="from-customers")
            site.stop()


@contextmanager
def by_app_queue(pbx: Asterisk, phones: Sequence[Phone]) -> Iterator[Run]:
    """Let Asterisk's own queue route."""
    yield Run(pbx, phones, number=f"q{len(phones)}", context="into-queue")


@contextmanager
def by_floor(pbx: Asterisk, phones: Sequence[Phone]) -> Iterator[Run]:
    """Let a bare script route."""
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "ari.secret"
        secret.touch(mode=0o600)
        secret.write_text(pbx.password)
        names = [phone.name for phone in phones]
        command = [sys.executable, "-m", "benchmarks.asterisk_floor", pbx.url, str(secret), *names]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                yield Run(pbx, phones, number="8000", context="into-floor")
            finally:
                process.terminate()


def queues(sizes: Sequence[int], names: Sequence[str]) -> str:
    """Return queues.conf: a queue for each number of agents."""
    tables = [
        QUEUE.format(
            name=f"q{size}",
            members="\n".join(f"member => PJSIP/{name}" for name in names[:size]),
        )
        for size in sizes
    ]
    return "[general]\n" + "".join(tables)
