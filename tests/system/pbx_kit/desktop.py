"""An agent's desktop: his WebSocket at the daemon, spoken to and waited for one after the other."""

import json
from types import TracebackType
from typing import Any, Final, Self

from websockets.sync.client import connect

from tests.system.daemon_kit.site import Site

ANSWER_S: Final = 20.0


class Desktop:
    """One agent's desktop, while the block runs.

    Args:
        site: Where the daemon is.
        agent: Whose it is.
    """

    def __init__(self, site: Site, agent: str) -> None:
        url = f"{site.url.replace('http', 'ws', 1)}/v1/agents/{agent}/desk"
        self._link = connect(url, additional_headers=site.headers(agent), compression=None)
        self._said = 0
        self.agent: dict[str, Any] = {}
        """The agent, as the desktop was told last."""

    def __enter__(self) -> Self:
        self._socket = self._link.__enter__()
        self._hear()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._link.__exit__(kind, error, trace)

    def _hear(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(ANSWER_S))
        if message["type"] in {"snapshot", "state"}:
            self.agent = message["agent"]
        return message

    def say(self, do: str, **fields: object) -> dict[str, Any]:
        """Say something; return the daemon's answer."""
        self._said += 1
        command = {"id": f"{do}{self._said}", "do": do, **fields}
        self._socket.send(json.dumps(command))
        while (answer := self._hear()).get("id") != command["id"]:
            pass
        return answer

    def do(self, do: str, **fields: object) -> None:
        """Do something with the one contact that the agent has; it must be taken."""
        (leg,) = self.agent["legs"]
        answer = self.say(do, offer_id=leg["offer_id"], **fields)
        assert answer["ok"], answer

    def until_legs(self, *states: str) -> dict[str, Any]:
        """Wait until the agent's one leg, and the others of its contact, are in these states.

        Returns:
            The leg.
        """
        while True:
            for leg in self.agent["legs"]:
                if [leg["state"], *(one["state"] for one in leg["others"])] == list(states):
                    found: dict[str, Any] = leg
                    return found
            self._hear()
