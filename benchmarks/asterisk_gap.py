"""How long an agent is idle between two calls on a real Asterisk while customers wait.

Question: from the BYE that an agent's telephone sends to the next INVITE that it gets, with a
standing backlog, for 10 and for 50 agents: is it ≤ 10 ms in the median and ≤ 20 ms at the 99th
percentile, with the durable journal on?

Method: one Asterisk, the same telephones, the same talking times (drawn from a seed, so that calls
do not end in bunches). In turn, and twice each: a bare script without a journal (the floor), then
`acd serve` as an operator starts it, then Asterisk's own `app_queue` (retry = 1, wrapuptime = 0,
autofill). Twenty customers wait all the time. Both ends of the gap are taken at the telephone.
Everything runs on one machine, the telephones and the callers' music included, which is part of
the figure: so read it beside the floor's. How many cores were busy stands in each line, and in the
head how many were before anything of this began: with other work beside it, all figures are larger.

With --trace the daemon notes what it does, and each gap is cut into parts: see asterisk_trace.

    make bench-asterisk                             # eight minutes; needs root and `make asterisk`
    python -m benchmarks.asterisk_gap --trace       # the same, and where the time goes
    python -m benchmarks.asterisk_gap --smoke       # seconds; against rot
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from benchmarks.asterisk_trace import parts
from benchmarks.asterisk_ways import CALLERS, Gap, Run, by_acd, by_app_queue, by_floor, disk, queues
from benchmarks.measuring import machine, quantile
from tests.system.pbx_kit.folder import version, why_missing
from tests.system.pbx_kit.phones import Habit, Phone, PhoneBank
from tests.system.pbx_kit.server import Asterisk

GOAL_MS: Final = (10.0, 20.0)
"""p50 and p99."""
CALLS_A_SECOND: Final = 5.0
SPREAD: Final = 0.5
SIZES: Final = (10, 50)
GAPS: Final = 160
"""Fewest in each turn."""
TURNS: Final = 2
FSYNCS: Final = 20
FSYNC_PAUSE_S: Final = 0.05
"""A disk that has had nothing to do for a while takes longer, and between two calls it has not."""


class Table:
    """The gaps of each way with so many agents.

    Args:
        pbx: The Asterisk.
        phones: The agents'.
        trace: Where the daemon notes what it does; "" if it does not.
    """

    def __init__(self, pbx: Asterisk, phones: Sequence[Phone], trace: Path | None) -> None:
        self._pbx = pbx
        self._phones = phones
        self._trace = trace
        self._ms: dict[str, list[float]] = defaultdict(list)
        self._busy: dict[str, list[float]] = defaultdict(list)
        self._parts: dict[str, list[float]] = defaultdict(list)

    def turn(self, wanted: int) -> None:
        """Measure each way once."""
        pbx, phones = self._pbx, self._phones
        self._measure("floor", by_floor(pbx, phones), wanted)
        gaps = self._measure("acd", by_acd(pbx, phones, self._trace), wanted)
        self._measure("app_queue", by_app_queue(pbx, phones), wanted)
        if self._trace is not None:
            for part, values in parts(self._trace, gaps).items():
                self._parts[part] += values

    def _measure(self, name: str, way: AbstractContextManager[Run], wanted: int) -> list[Gap]:
        talk_s = len(self._phones) / CALLS_A_SECOND
        with way as run:
            for phone in self._phones:
                phone.habit = Habit(answer_s=0, talk_s=talk_s, spread=SPREAD)
            run.fill()
            busy = Busy()
            found = run.gaps(wanted)
            self._busy[name].append(busy.cores())
            run.empty()
        self._ms[name] += [gap.ms for gap in found]
        return found

    def show(self) -> None:
        """Print it."""
        size = len(self._phones)
        for name, found in self._ms.items():
            print(
                f"{size:3} agents  {name:9}  {_shares(found)}  ({len(found)} gaps,"
                f" {statistics.fmean(self._busy[name]):.1f} cores busy)"
            )
        for part, found in self._parts.items():
            print(f"            part of acd's: {part:8}  {_shares(found)}")
        ordered = sorted(self._ms["acd"])
        p50, p99 = quantile(ordered, 0.5), quantile(ordered, 0.99)
        met = p50 <= GOAL_MS[0] and p99 <= GOAL_MS[1]
        goal = f"goal p50 ≤ {GOAL_MS[0]:g}, p99 ≤ {GOAL_MS[1]:g} ms"
        print(f"            {goal}: {'met' if met else 'MISSED'}")
        means = {name: statistics.fmean(found) for name, found in self._ms.items()}
        print(
            f"            app_queue leaves an agent idle {means['app_queue'] / means['acd']:.0f}"
            f" times as long, acd {means['acd'] / means['floor']:.1f} times the floor"
        )


class Busy:
    """How busy this machine is, with all that runs on it, from the making of this on."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._before_s = _busy_s()

    def cores(self) -> float:
        """Return how many cores were busy in the mean, or taken away by the host."""
        return (_busy_s() - self._before_s) / (time.monotonic() - self._began_s)


def _busy_s() -> float:
    """Return the processor time of the whole machine: all of /proc/stat but idle and iowait."""
    with Path("/proc/stat").open() as lines:
        user, nice, system, _, _, irq, soft, steal = map(int, next(lines).split()[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def _shares(found: Iterable[float]) -> str:
    ordered = sorted(found)
    shares = "  ".join(f"p{100 * one:g} {quantile(ordered, one):6.1f}" for one in (0.5, 0.9, 0.99))
    return f"{shares}  max {ordered[-1]:6.1f}  mean {statistics.fmean(ordered):6.1f} ms"


def head(folder: Path) -> str:
    """Return what the figures hang on."""
    took_ms = []
    busy = Busy()
    with (folder / "page").open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(bytes(4_096))
            threading.Event().wait(FSYNC_PAUSE_S)
            began_s = time.perf_counter()
            os.fsync(file.fileno())
            took_ms.append((time.perf_counter() - began_s) * 1_000)
    others = busy.cores()
    return (
        f"{machine()}\nAsterisk {version()}, Linux {platform.release()}, {os.cpu_count()} cores,"
        f" {others:.1f} of them busy with other work, fsync {statistics.median(took_ms):.2f} ms"
    )


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true", help="the small form: against rot only")
    parser.add_argument("--trace", action="store_true", help="say where the daemon's time goes")
    given = parser.parse_args()
    why = why_missing()
    if why:
        print(f"missing, so not measured: {why}")
        return 1 if os.environ.get("CI") == "true" else 0
    sizes, gaps, turns = ((3,), 8, 1) if given.smoke else (SIZES, GAPS, TURNS)
    names = [str(101 + number) for number in range(max(sizes))]
    # The telephones' thread is not to wait for the one that places calls.
    sys.setswitchinterval(0.0005)
    with tempfile.TemporaryDirectory(dir=disk()) as folder:
        print(head(Path(folder)), flush=True)
        trace = Path(folder) / "trace.json" if given.trace else None
        with PhoneBank(*names) as bank:
            ports = {name: phone.port for name, phone in bank.phones.items()}
            more = {"queues.conf": queues(sizes, names)}
            pbx = Asterisk(ports, more, callers=CALLERS)
            bank.sip_port = pbx.sip_port
            try:
                pbx.start()
                for size in sizes:
                    table = Table(pbx, [bank[name] for name in names[:size]], trace)
                    for _ in range(turns):
                        table.turn(gaps)
                    table.show()
            finally:
                pbx.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
