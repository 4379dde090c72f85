"""How long an agent is idle between two calls on a real Asterisk while customers wait.

Question: from the BYE that an agent's telephone sends to the next INVITE that it gets, with a
standing backlog, for 10 and for 50 agents: is it ≤ 10 ms in the median and ≤ 20 ms at the 99th
percentile, with the durable journal on?

Method: one Asterisk, the same telephones, the same talking times (drawn from a seed, so that calls
do not end in bunches), first `acd serve` as an operator starts it, then Asterisk's own `app_queue`
(retry = 1, wrapuptime = 0, autofill). Twenty customers or more wait all the time: a new one comes
when an agent answers, so that none is placed at the moment that is measured. Both ends of the gap
are taken at the telephone. Everything runs on one machine, the telephones and the callers' music
included, which is part of the figure; the reference names 4-5 ms (p99 7-9 ms) for a bare script.

    make bench-asterisk                             # five minutes; needs root and `make asterisk`
    python -m benchmarks.asterisk_gap --smoke       # seconds; against rot
"""

import os
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.measuring import is_smoke, machine, quantile

# `tests` is no package, and another distribution (ciw) brings one of that name.
_tests = types.ModuleType("tests")
_tests.__path__ = [str(Path(__file__).parents[1] / "tests")]
sys.modules["tests"] = _tests

from tests.system.daemon_kit.site import running  # noqa: E402 - after the line above.
from tests.system.pbx_kit.folder import version, why_missing  # noqa: E402
from tests.system.pbx_kit.phones import Habit, Phone, PhoneBank  # noqa: E402
from tests.system.pbx_kit.server import Asterisk  # noqa: E402
from tests.system.pbx_kit.site import PbxSite, until  # noqa: E402

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

GOAL_MS: Final = (10.0, 20.0)
"""p50 and p99."""
BACKLOG: Final = 20
CALLS_A_SECOND: Final = 5.0
GAPS: Final = 400
LONGEST_S: Final = 240.0
SPREAD: Final = 0.5
FSYNCS: Final = 50

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
"""


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

    def gaps_ms(self, wanted: int) -> list[float]:
        """Return so many gaps, sorted."""
        deadline_s = time.monotonic() + LONGEST_S
        while len(found := self._gaps_ms()) < wanted:
            assert time.monotonic() < deadline_s, f"only {len(found)} gaps"
            self._refill()
        return sorted(found)

    def empty(self) -> None:
        """Let everybody go."""
        for phone in self._phones:
            phone.habit = Habit()
        for channel in self._pbx.channels():
            self._pbx.rest("DELETE", f"/channels/{channel}")
        until(lambda: not self._pbx.channels())
        for phone in self._phones:
            phone.dialogs.clear()
            phone.ledger.clear()

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

    def _gaps_ms(self) -> list[float]:
        found = []
        for phone in self._phones:
            bye_s = 0.0
            for line in tuple(phone.ledger):
                if line.did == "bye_sent":
                    bye_s = line.at_s
                elif line.did == "invite" and bye_s:
                    found.append((line.at_s - bye_s) * 1_000)
                    bye_s = 0.0
        return found


@contextmanager
def by_acd(pbx: Asterisk, phones: Sequence[Phone]) -> Iterator[Run]:
    """Let the daemon route."""
    with tempfile.TemporaryDirectory() as folder:
        site = PbxSite(Path(folder), pbx, [phone.name for phone in phones])
        with running(site):
            site.ready(*phones)
            for phone in phones:
                phone.ledger.clear()
            yield Run(pbx, phones, number="4000", context="from-customers")


@contextmanager
def by_app_queue(pbx: Asterisk, phones: Sequence[Phone]) -> Iterator[Run]:
    """Let Asterisk's own queue route."""
    yield Run(pbx, phones, number=f"q{len(phones)}", context="into-queue")


def measure(pbx: Asterisk, phones: Sequence[Phone], gaps: int) -> None:
    """Measure both ways with so many agents, and print it."""
    habit = Habit(answer_s=0, talk_s=len(phones) / CALLS_A_SECOND, spread=SPREAD)
    ways: tuple[tuple[str, AbstractContextManager[Run]], ...] = (
        ("acd", by_acd(pbx, phones)),
        ("app_queue", by_app_queue(pbx, phones)),
    )
    means = {}
    for name, way in ways:
        with way as run:
            for phone in phones:
                phone.habit = habit
            run.fill()
            found = run.gaps_ms(gaps)
            run.empty()
        means[name] = statistics.fmean(found)
        shares = "  ".join(
            f"p{100 * one:g} {quantile(found, one):7.1f}" for one in (0.5, 0.9, 0.99)
        )
        print(
            f"{len(phones):3} agents  {name:9}  {shares}  max {found[-1]:7.1f}"
            f"  mean {means[name]:7.1f} ms  ({len(found)} gaps)"
        )
        if name == "acd":
            p50, p99 = quantile(found, 0.5), quantile(found, 0.99)
            met = p50 <= GOAL_MS[0] and p99 <= GOAL_MS[1]
            goal = f"goal p50 ≤ {GOAL_MS[0]:g}, p99 ≤ {GOAL_MS[1]:g} ms"
            print(f"            {goal}: {'met' if met else 'MISSED'}")
    times = means["app_queue"] / means["acd"]
    print(f"            app_queue leaves an agent idle {times:.0f} times as long")


def fsync_ms(folder: Path) -> float:
    """Return how long the disk takes to keep a page, in the median."""
    took = []
    with (folder / "page").open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(bytes(4_096))
            began_s = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began_s) * 1_000)
    return statistics.median(took)


def main() -> int:
    """Run the benchmark."""
    small = is_smoke(__doc__)
    why = why_missing()
    if why:
        print(f"missing, so not measured: {why}")
        return 1 if os.environ.get("CI") == "true" else 0
    sizes, gaps = ((3,), 12) if small else ((10, 50), GAPS)
    names = [str(101 + number) for number in range(max(sizes))]
    queues = "".join(
        QUEUE.format(
            name=f"q{size}",
            members="\n".join(f"member => PJSIP/{name}" for name in names[:size]),
        )
        for size in sizes
    )
    with tempfile.TemporaryDirectory() as folder:
        took_ms = fsync_ms(Path(folder))
    print(machine())
    print(f"Asterisk {version()}, {os.cpu_count()} cores, fsync {took_ms:.2f} ms")
    with PhoneBank(*names) as bank:
        ports = {name: phone.port for name, phone in bank.phones.items()}
        pbx = Asterisk(ports, {"queues.conf": f"[general]\n{queues}"}, callers=CALLERS)
        bank.sip_port = pbx.sip_port
        try:
            pbx.start()
            for size in sizes:
                measure(pbx, [bank[name] for name in names[:size]], gaps)
        finally:
            pbx.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
