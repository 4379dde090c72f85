"""Whether the daemon runs, whether it is ready, its figures, and the status page."""

import base64
import hashlib
import re
from importlib.resources import files
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from acd.daemon.http.access import BEARER, Supervisor
from acd.daemon.http.errors import respond, responses
from acd.daemon.http.models import Alive, Ready
from acd.daemon.http.parts import Daemon

_FIGURES: Final[dict[str, Any]] = {
    "description": "The figures.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


def make_router(daemon: Daemon) -> APIRouter:
    """Return the routes that belong to no part of the API."""
    router = APIRouter(tags=["health"])
    page = files("acd.daemon.http").joinpath("status.html").read_text(encoding="utf-8")
    policy = content_policy(page)

    @router.get("/livez", response_model=Alive)
    async def live() -> Response:
        """Say that the process runs."""
        return respond({"alive": True})

    @router.get(
        "/readyz",
        response_model=Ready,
        responses={503: {"model": Ready, "description": "Not ready, and why."}},
    )
    async def ready() -> Response:
        """Say whether contacts can be taken and routed."""
        reasons = daemon.ready()
        body = {"ready": not reasons, "reasons": reasons}
        return respond(body, status=503 if reasons else 200)

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: _FIGURES, **responses(400, 401, 403)},
        dependencies=[BEARER],
    )
    async def metrics(_: Supervisor) -> Response:
        """Return the figures for Prometheus."""
        return Response(generate_latest(daemon.registry), media_type=CONTENT_TYPE_LATEST)

    @router.get("/", response_class=HTMLResponse)
    async def status() -> Response:
        """Return the status page. It holds no data: it asks the live stream."""
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    return router


def content_policy(page: str) -> str:
    """Return the policy that lets a page's own script and style run, and nothing else."""

    def sources(tag: str) -> str:
        blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digests = (hashlib.sha256(block.encode()).digest() for block in blocks)
        return " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in digests)

    return (
        f"default-src 'none'; script-src {sources('script')}; style-src {sources('style')}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
