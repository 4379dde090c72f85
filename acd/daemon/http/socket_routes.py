"""The WebSockets: an agent's desk, and the live stream for supervisors."""

from typing import Final

from fastapi import APIRouter, WebSocket

from acd.daemon.http.access import SUBPROTOCOL, Himself, Supervisor
from acd.daemon.http.desk import Desks
from acd.daemon.http.errors import HttpError
from acd.daemon.http.models import AgentPath
from acd.daemon.http.parts import Daemon
from acd.daemon.http.sockets import CloseCode, SocketEndError, Sockets
from acd.ids import Reason

_DIGITS_MAX: Final = 18
"""Most digits of a number to resume after."""


def make_router(daemon: Daemon, sockets: Sockets, desks: Desks) -> APIRouter:
    """Return the WebSocket routes."""
    router = APIRouter(prefix="/v1")

    @router.websocket("/agents/{agent_id}/desk")
    async def desk(websocket: WebSocket, agent_id: AgentPath, token: Himself) -> None:
        """Open an agent's desk."""
        sockets.check_room()
        try:
            daemon.owner.router.agent(agent_id)
        except KeyError:
            message = "there is no such agent"
            raise HttpError(404, "not_found", message, agent_id, Reason.UNKNOWN_AGENT) from None
        await _accept(websocket)
        with sockets.opened(websocket, token) as socket:
            await desks.sit(websocket, socket, agent_id)

    @router.websocket("/live")
    async def live(websocket: WebSocket, token: Supervisor) -> None:
        """Open the live stream."""
        sockets.check_room()
        resume = websocket.query_params.get("resume", "")
        plain = resume.isascii() and resume.isdigit() and len(resume) <= _DIGITS_MAX
        await _accept(websocket)
        with sockets.opened(websocket, token) as socket:
            follow = daemon.live.follow(socket, resume=int(resume) if plain else None)
            await socket.run(_hear_nothing(websocket), follow)

    return router


async def _accept(websocket: WebSocket) -> None:
    """Accept a handshake. Of the subprotocols only ours is repeated: the other is a token."""
    offered = websocket.scope.get("subprotocols", ())
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)


async def _hear_nothing(websocket: WebSocket) -> None:
    """Wait until the other side goes; it has nothing to say."""
    message = await websocket.receive()
    if message["type"] != "websocket.disconnect":
        raise SocketEndError(CloseCode.BAD_MESSAGE, "this stream takes no messages")
