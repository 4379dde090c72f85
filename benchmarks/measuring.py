"""What all benchmarks share: the collector's pauses, a digest of the work done, the head line."""

import argparse
import gc
import hashlib
import platform
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec


class Pauses(AbstractContextManager["Pauses"]):
    """Listens to the garbage collector and keeps its longest pause, in nanoseconds."""

    def __init__(self) -> None:
        self.longest_ns = 0
        self.count = 0
        self._began_ns = 0

    def __enter__(self) -> Self:
        gc.callbacks.append(self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        gc.callbacks.remove(self._note)

    def _note(self, phase: str, _info: dict[str, int]) -> None:
        now_ns = time.perf_counter_ns()
        if phase == "start":
            self._began_ns = now_ns
        else:
            self.longest_ns = max(self.longest_ns, now_ns - self._began_ns)
            self.count += 1


class Digest:
    """SHA-256 of everything told to it: equal digests, equal work."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._encode = msgspec.msgpack.Encoder().encode

    def add(self, what: Any) -> None:  # noqa: ANN401 - whatever msgspec can encode
        """Hash one thing more, in the encoding of the journal."""
        self._sha.update(self._encode(what))

    def text(self) -> str:
        """Return the first 12 digits."""
        return self._sha.hexdigest()[:12]


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the sorted values lie: the next one above."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def machine() -> str:
    """Return what the figures hang on: interpreter, libraries, processor."""
    libraries = " ".join(f"{name} {version(name)}" for name in ("msgspec", "numpy", "simpy", "ciw"))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        f"{python}, {libraries}, {_cpu()}\na million additions take {pace_ms():.0f} ms here and now"
    )


def pace_ms() -> float:
    """Return how long a plain loop of a million additions takes, the median of five.

    A machine shared with others is at times half as fast; so this says how a run's figures are to
    be taken, and whether two runs had the same machine.
    """
    taken_ms = []
    for _ in range(5):
        began = time.perf_counter()
        total = 0
        for number in range(1_000_000):
            total += number
        taken_ms.append((time.perf_counter() - began) * 1e3)
    return sorted(taken_ms)[2]


def is_smoke(docstring: str | None, arguments: Sequence[str] | None = None) -> bool:
    """Parse a benchmark's command line: return whether its small form is asked for."""
    parser = argparse.ArgumentParser(
        description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true", help="the small form: against rot only")
    return bool(parser.parse_args(arguments).smoke)


def _cpu() -> str:
    try:
        with Path("/proc/cpuinfo").open() as lines:
            name = next(line for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"
    return name.partition(":")[2].strip()
