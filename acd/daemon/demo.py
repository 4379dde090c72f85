"""The demonstration: the daemon in a folder of its own, with a simulated world around it.

Nothing needs to be installed or set up: the configuration is the package's, tokens are made for the
hour, and the world (switch, customers, agents) is the command `acd sim world`, a process of its own
that is found by its entry point and sees the daemon only from the outside.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import urlopen

from acd.daemon import serve
from acd.daemon.http.tokens import Role, new_token
from acd.daemon.settings import load
from acd.errors import UnreachableError

ONCE_S: Final = 60.0
"""How long the first contact may take to be routed: a start takes a few seconds."""

LOOK_S: Final = 0.2
"""How often it is looked whether one was."""

STOP_S: Final = 10.0

Say = Callable[[str], Any]


def demonstrate(*, speed: float, port: int, once: bool, say: Say) -> None:
    """Run the daemon with a world around it until it is told to end.

    Args:
        speed: How fast customers and agents live.
        port: Where to listen; 0 takes a free port.
        once: End when it is ready and a contact was routed.
        say: Prints a line.

    Raises:
        UnreachableError: The simulator is not installed; or, once, no contact was routed in time.
        OSError: The port cannot be listened at.
    """
    if not entry_points(group="acd.commands", name="sim"):
        raise UnreachableError("acd sim", "is not installed; wanted acd-engine[sim]")
    with tempfile.TemporaryDirectory(prefix="acd-demo-") as name:
        demo = _Demo(Path(name), speed=speed, port=port, once=once, say=say)
        try:
            serve.serve(demo.config, ready=demo.ready)
        finally:
            demo.end()
        if demo.problem:
            raise UnreachableError(*demo.problem)


class _Demo:
    """A folder with a configuration and tokens, and the world."""

    def __init__(self, folder: Path, *, speed: float, port: int, once: bool, say: Say) -> None:
        self.config = folder / "demo.toml"
        self.problem: tuple[str, str] | None = None
        self._secrets = folder / "secrets.json"
        self._speed = speed
        self._once = once
        self._say = say
        self._world: subprocess.Popen[bytes] | None = None
        text = files("acd.daemon").joinpath("demo.toml").read_text(encoding="utf-8")
        self.config.write_text(text.replace("\nport = 0\n", f"\nport = {port}\n"))
        (folder / "tokens.toml").touch(mode=0o600)
        domain, _ = load(self.config)
        tables: list[str] = []

        def secret_of(name: str, role: Role, agent: str = "") -> str:
            secret, table = new_token(name=name, role=role, domain=domain.name, agent=agent)
            tables.append(table)
            return secret

        agents = [agent.agent_id for agent in domain.agents]
        secrets = {
            "producer": secret_of("customers", Role.PRODUCER),
            "agents": {agent: secret_of(f"desk-{agent}", Role.AGENT, agent) for agent in agents},
        }
        (folder / "tokens.toml").write_text("\n".join(tables))
        self._secrets.touch(mode=0o600)
        self._secrets.write_text(json.dumps(secrets))

    def ready(self, line: str) -> None:
        """Let the world begin around the daemon that just became ready."""
        url = line.rpartition(" ")[2]
        command = [sys.executable, "-m", "acd", "sim", "world", str(self.config)]
        command += ["--url", url, "--secrets", str(self._secrets), "--speed", str(self._speed)]
        # In a group of its own, so that Ctrl-C ends the daemon first.
        self._world = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - ours
        self._say(f"{line} (customers and agents live {self._speed:g} times as fast)")
        if self._once:
            threading.Thread(target=self._watch, args=(url,), daemon=True).start()
        else:
            self._say("Open it in a browser; end with Ctrl-C.")

    def _watch(self, url: str) -> None:
        """See that the daemon is ready and routes a contact, then end it."""
        try:
            deadline_s = time.monotonic() + ONCE_S
            while not (handled := self._handled(url)):
                if time.monotonic() > deadline_s:
                    self.problem = (url, f"routed no contact within {ONCE_S:g} s")
                    return
                time.sleep(LOOK_S)
            self._say(f"ready, and {handled} contacts were routed to agents and handled")
        except (OSError, HTTPException, ValueError) as error:
            self.problem = (url, str(error))
        finally:
            os.kill(os.getpid(), 15)

    @staticmethod
    def _handled(url: str) -> int:
        """Return how many contacts were handled, where the daemon is ready."""
        try:
            with urlopen(f"{url}/readyz", timeout=STOP_S):  # noqa: S310 - our own address
                pass
        except HTTPError:
            return 0
        with urlopen(f"{url}/metrics", timeout=STOP_S) as answer:  # noqa: S310 - our own address
            for line in answer.read().decode().splitlines():
                if line.startswith('acd_contacts_closed_total{outcome="handled"}'):
                    return int(float(line.split()[-1]))
        return 0

    def end(self) -> None:
        """End the world."""
        if self._world is not None:
            self._world.terminate()
            try:
                self._world.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._world.kill()
                self._world.wait()
