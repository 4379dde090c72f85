"""The app: all routes behind the guard. docs/openapi.json is what it says of itself."""

from fastapi import FastAPI
from starlette.types import ASGIApp

from acd import __version__
from acd.daemon.http import (
    agent_routes,
    callback_routes,
    contact_routes,
    health_routes,
    history_routes,
    leg_routes,
    outcome_routes,
    queue_routes,
    socket_routes,
    supervision_routes,
    wait_routes,
)
from acd.daemon.http.access import Access
from acd.daemon.http.desk import Desks
from acd.daemon.http.errors import add_handlers
from acd.daemon.http.guard import Guard
from acd.daemon.http.meters import Figures, Meters
from acd.daemon.http.parts import Daemon
from acd.daemon.http.sockets import Sockets


def make_app(daemon: Daemon) -> ASGIApp:
    """Return the app of a daemon, with everything that a request must pass.

    To be made on the daemon's event loop, once.
    """
    sockets = Sockets(daemon.tokens)
    desks = Desks(daemon.owner, daemon.live.fold, daemon.can_control, daemon.lookups)
    daemon.registry.register(Figures(daemon, lambda: len(sockets)))
    api = make_api(daemon)
    api.include_router(socket_routes.make_router(daemon, sockets, desks))
    access = Access(daemon.tokens, domain=daemon.domain.name, anonymous=daemon.http.anonymous)
    guard = Guard(api, routes=api.routes, access=access, http=daemon.http)
    return Meters(guard, daemon.registry, daemon.owner.clock.now_us)


def make_api(daemon: Daemon) -> FastAPI:
    """Return the routes but those of WebSockets, which OpenAPI does not know."""
    api = FastAPI(
        title="acd",
        version=__version__,
        description="A contact router. docs/http_api.md is the reference.",
        # Nobody has a token for these, and their pages load scripts from elsewhere.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    add_handlers(api)
    api.include_router(contact_routes.make_router(daemon))
    api.include_router(callback_routes.make_router(daemon))
    api.include_router(supervision_routes.make_router(daemon))
    api.include_router(outcome_routes.make_router(daemon))
    api.include_router(wait_routes.make_router(daemon))
    api.include_router(agent_routes.make_router(daemon))
    api.include_router(leg_routes.make_router(daemon))
    api.include_router(queue_routes.make_router(daemon))
    api.include_router(history_routes.make_router(daemon))
    api.include_router(health_routes.make_router(daemon))
    return api
