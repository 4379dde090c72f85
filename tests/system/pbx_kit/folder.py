"""Where the Asterisk that tests run is: unpacked from Debian's packages into a folder, once.

`make asterisk` does it, in about a minute and 0.5 GB; it needs root, since Asterisk is started
there by chroot. Nothing of it is installed on the machine. Debian bookworm has no Asterisk: the
unstable suite has version 22; where that cannot be unpacked, bullseye has 16, and the output says
which one it is.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

SUITES: Final = ("sid", "bullseye")
PACKAGES: Final = "asterisk,asterisk-moh-opsound-wav,ca-certificates"
UNPACK_S: Final = 900.0
BINARY: Final = "usr/sbin/asterisk"


def folder() -> Path:
    """Return where it is, or will be: `ACD_ASTERISK`, or a folder of the user's cache."""
    given = os.environ.get("ACD_ASTERISK")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(cache) / "acd" / "asterisk-22"


def why_missing() -> str:
    """Return why no Asterisk can be started here; "" if one can."""
    if os.geteuid() != 0:
        return "Asterisk (starting it in its folder needs root)"
    if not (folder() / BINARY).is_file():
        return f"Asterisk in {folder()} (`make asterisk` unpacks it)"
    return ""


def version() -> str:
    """Return the version that is there."""
    done = subprocess.run(
        ["chroot", folder(), f"/{BINARY}", "-V"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()[-1]


def unpack() -> str:
    """Unpack it, unless it is there; return why that failed, or ""."""
    target = folder()
    if os.geteuid() != 0:
        return "needs root"
    if (target / BINARY).is_file():
        return ""
    if shutil.which("debootstrap") is None:
        return "needs the package debootstrap"
    target.parent.mkdir(parents=True, exist_ok=True)
    why = ""
    for suite in SUITES:
        # Beside it and then renamed, so that what is there is whole.
        work = Path(tempfile.mkdtemp(prefix="asterisk-", dir=target.parent))
        why = _unpack(suite, work)
        if not why:
            work.chmod(0o755)
            work.rename(target)
            return ""
        shutil.rmtree(work, ignore_errors=True)
        say(f"suite {suite} failed: {why}")
    return why


def _unpack(suite: str, work: Path) -> str:
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(work)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=UNPACK_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"took more than {UNPACK_S:.0f} s"
    if done.returncode:
        return " / ".join(done.stdout.splitlines()[-3:])
    # Without its own name there, Asterisk's SIP threads hang in look-ups, 5 s each.
    (work / "etc/hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")
    return ""


def say(text: str) -> None:
    """Tell whoever runs `make`."""
    sys.stdout.write(f"asterisk: {text}\n")


def main() -> int:
    """Unpack it; where it cannot be had, say why, and fail only in CI."""
    began_s = time.monotonic()
    why = unpack()
    if why:
        say(f"cannot be had: {why}")
        return 1 if os.environ.get("CI") == "true" else 0
    say(f"{version()} in {folder()}, {time.monotonic() - began_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
