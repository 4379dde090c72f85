"""When the disk is slow, full or broken: nothing is acknowledged that is not kept.

Method: the daemon runs as an operator starts it, and producers outside keep a ledger of what they
were told. strace makes the daemon's syncs fail or take long, or writes down the order of its system
calls; a small file system in memory runs full. After each, a daemon that is left alone recovers the
journal, and everything in the ledger must be in it.
"""

import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.system.daemon_kit.auditor import all_are_kept
from tests.system.daemon_kit.ledger import Ledger, produce
from tests.system.daemon_kit.site import Site, running

STORAGE_FAILED = 4

SENDS = 10_000


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.fixture
def strace(missing):
    """Return the path of strace; None, after telling, where there is none that may attach."""
    found = shutil.which("strace")
    if found is None or os.geteuid() != 0:
        missing("strace as root, for the tests of storage faults")
        return None
    return found


@contextmanager
def attached(strace, site, *inject):
    """Let strace do something to the system calls of the running daemon."""
    assert site.process is not None
    command = [strace, "-f", "-q", "-p", str(site.process.pid)]
    for one in inject:
        command += ["-e", f"inject={one}"]
    log = site.folder / "strace.log"
    tracer = subprocess.Popen([*command, "-e", "trace=fdatasync,fsync", "-o", log])
    try:
        # It is attached when the kernel says who traces the daemon.
        status = Path(f"/proc/{site.process.pid}/status")
        deadline_s = time.monotonic() + 30
        with suppress(FileNotFoundError):
            while f"TracerPid:\t{tracer.pid}" not in status.read_text():
                assert time.monotonic() < deadline_s
        yield
    finally:
        tracer.terminate()
        tracer.wait(30)


def until_it_ends(site, ledger):
    """Send contacts until the daemon ends; return its exit code."""
    produce(site, ledger, count=20_000)
    return site.wait()


def test_a_failing_sync_ends_the_daemon_at_once(site, strace):
    if strace is None:
        return
    ledger = Ledger()
    with running(site):
        produce(site, ledger, count=50)
        assert len(ledger.acknowledged) == 50
        with attached(strace, site, "fdatasync,fsync:error=EIO"):
            began_s = time.monotonic()
            assert until_it_ends(site, ledger) == STORAGE_FAILED
            assert time.monotonic() - began_s < 3, "it went on"
    assert len(ledger.acknowledged) == 50
    assert re.search(r"acd: .*journal\.db: cannot be written: disk I/O error", site.log())
    all_are_kept(site, ledger)
    with running(site):
        produce(site, ledger, count=10)
        assert not ledger.open_keys()
        assert site.stop() == 0
    all_are_kept(site, ledger)


def test_a_full_disk_ends_the_daemon_and_loses_nothing(tmp_path, missing):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        missing("the right to mount a small file system, for the test of a full disk")
        return
    try:
        site = Site(tmp_path, state="disk")
        ledger = Ledger()
        with running(site):
            assert until_it_ends(site, ledger) == STORAGE_FAILED
        assert ledger.acknowledged
        assert "database or disk is full" in site.log()
        subprocess.run([*mount[:4], "remount,size=64m", *mount[5:]], check=True)
        all_are_kept(site, ledger)
        with running(site):
            produce(site, ledger, count=10)
            site.stop()
        all_are_kept(site, ledger)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("delay_ms", [20, 200, 2_000])
def test_a_slow_sync_makes_answers_late_and_none_wrong(site, strace, delay_ms):
    if strace is None:
        return
    ledger = Ledger()
    with running(site):
        produce(site, ledger, count=20)
        with attached(strace, site, f"fdatasync:delay_exit={delay_ms * 1_000}"):
            assert site.process is not None
            began_s = time.monotonic()
            produce(site, ledger, count=24)
            took_s = time.monotonic() - began_s
            # Three rounds of eight producers; and killed while a sync is under way.
            assert took_s > 3 * delay_ms / 1_000
            produce(site, ledger, count=200, acknowledged=site.process.kill)
    assert len(ledger.acknowledged) >= 44
    all_are_kept(site, ledger)


def test_nothing_leaves_before_its_sync(site, strace):
    """Of each answer that names an entry: the mark was written before, and the log synced before.

    The mark is written by the writer's thread right after the commit, so it stands for the commit
    in the order of system calls: between the last write of the log and the mark there must be a
    sync of the log, and of a sent entry the mark must have come.
    """
    if strace is None:
        return
    log = site.folder / "calls.log"
    calls = "trace=pwrite64,fdatasync,openat,write,writev,sendto,sendmsg"
    ledger = Ledger()
    with running(site, by=[strace, "-f", "-q", "-s", "600", "-e", calls, "-o", log]):
        produce(site, ledger, count=SENDS)
        subprocess.run(["pkill", "-TERM", "-P", str(site.process.pid)], check=True)
        site.wait(60)
    assert len(ledger.acknowledged) == SENDS
    order = Order()
    with log.open(errors="replace") as lines:
        for line in lines:
            order.take(line)
    assert order.sends >= SENDS
    assert order.syncs > 100
    assert not order.early


class Order:
    """Reads system calls in their order, and keeps the sends that came too early."""

    def __init__(self):
        self.sends = self.syncs = 0
        self.early: list[str] = []
        self._log = self._mark = ""
        self._unsynced = False
        self._on_disk = 0
        self._begun: dict[str, str] = {}

    def take(self, line):
        """Take a line: `PID call(…) = result`, or the two halves of one that was interrupted."""
        pid, _, call = line.strip().partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            self._begun[pid] = call.removesuffix("<unfinished ...>").rstrip()
            # What is sent leaves when the call begins; what is written or synced counts at its end.
            if not call.startswith(("fdatasync", "pwrite64", "openat")):
                self._send(call)
            return
        if call.startswith("<... "):
            begun = self._begun.pop(pid, "")
            call = begun + call.partition("resumed>")[2]
            if not begun.startswith(("fdatasync", "pwrite64", "openat")):
                return
        self._done(call)

    def _done(self, call):
        opened = re.match(
            r'openat\(\S+, "[^"]*journal\.db(-wal|-mark)", O_RDWR\S* .*= (\d+)$', call
        )
        if opened:
            if opened[1] == "-wal":
                self._log = opened[2]
            else:
                self._mark = opened[2]
        elif call.startswith(f"pwrite64({self._log},"):
            self._unsynced = True
        elif call.startswith(f"fdatasync({self._log})"):
            assert call.endswith("= 0")
            self.syncs += 1
            self._unsynced = False
        elif call.startswith(f"pwrite64({self._mark},"):
            if self._unsynced:
                self.early.append(call)
            self._on_disk = number_in(call)
        elif call.startswith(("write", "send")):
            self._send(call)

    def _send(self, call):
        for entry in re.findall(r'\\"entry\\":\s*(\d+)', call):
            self.sends += 1
            if int(entry) > self._on_disk:
                self.early.append(call)


def number_in(call):
    """Return the number that a write of the mark holds."""
    text = re.search(r'"((?:[^"\\]|\\.)*)"', call)
    assert text is not None
    data = text[1].encode().decode("unicode_escape").encode("latin-1")
    return int.from_bytes(data[:8], "little")


def test_the_reader_of_system_calls_sees_an_early_send():
    order = Order()
    for line in (
        '7 openat(AT_FDCWD, "/x/journal.db-wal", O_RDWR) = 5',
        '7 openat(AT_FDCWD, "/x/journal.db-mark", O_RDWR) = 6',
        '7 pwrite64(5, "abc", 3, 0) = 3',
        "7 fdatasync(5 <unfinished ...>",
        '8 write(9, "{\\"entry\\":1}", 11) = 11',
        "7 <... fdatasync resumed>) = 0",
        '7 pwrite64(6, "\\1\\0\\0\\0\\0\\0\\0\\0abcd", 12, 0) = 12',
        '8 write(9, "{\\"entry\\":1}", 11) = 11',
        '7 pwrite64(5, "abc", 3, 0) = 3',
        '7 pwrite64(6, "\\2\\0\\0\\0\\0\\0\\0\\0abcd", 12, 0) = 12',
    ):
        order.take(line)
    assert order.sends == 2
    assert len(order.early) == 2
