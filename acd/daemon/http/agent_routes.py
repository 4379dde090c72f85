"""Agents over HTTP: he changes his state, supervisors look at all and change what each takes."""

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from acd.daemon.http.access import BEARER, Himself, Leader, Supervisor, SupervisorOrHimself
from acd.daemon.http.desk_commands import state_event
from acd.daemon.http.errors import HttpError, refused, respond, responses
from acd.daemon.http.models import (
    AgentChange,
    AgentChangeKept,
    AgentPage,
    AgentPath,
    AgentQuery,
    StateChange,
    StateChanged,
)
from acd.daemon.http.parts import Daemon
from acd.daemon.http.views import AgentDetail, agent_detail, agent_view
from acd.events import AgentChanged, SingleEvent
from acd.ids import Reason


def make_router(daemon: Daemon) -> APIRouter:
    """Return the routes under `/v1/agents`."""
    router = APIRouter(prefix="/v1/agents", tags=["agents"], dependencies=[BEARER])

    @router.get("", response_model=AgentPage, responses=responses(400, 401, 403, 422, 503))
    async def list_agents(query: Annotated[AgentQuery, Query()], _: Supervisor) -> Response:
        """List the agents, in the configuration's order."""
        core = daemon.owner.router
        end = query.after + query.limit
        agents = [agent_view(one, core) for one in islice(core.agents, query.after, end)]
        await daemon.owner.durable()
        following = end if end < len(core.agents) else None
        return respond({"agents": agents, "next": following})

    @router.get(
        "/{agent_id}", response_model=AgentDetail, responses=responses(400, 401, 403, 404, 422, 503)
    )
    async def show_agent(agent_id: AgentPath, _: SupervisorOrHimself) -> Response:
        """Show an agent, with what he may take and has in hand."""
        core = daemon.owner.router
        try:
            view = agent_detail(core.agent(agent_id), core)
        except KeyError:
            raise _unknown(agent_id) from None
        await daemon.owner.durable()
        return respond(view)

    @router.post(
        "/{agent_id}/state",
        response_model=StateChanged,
        responses=responses(400, 401, 403, 404, 408, 413, 415, 422, 503),
    )
    async def change_state(agent_id: AgentPath, body: StateChange, _: Himself) -> Response:
        """Log in or out, be ready or not. It is kept when the answer comes."""
        event = state_event(
            agent_id, body.state, reason=body.reason, after_this_one=body.after_this_one
        )
        entry = await _keep(daemon, agent_id, event)
        return respond(StateChanged(agent_id=agent_id, entry=entry).model_dump())

    @router.post(
        "/{agent_id}/change",
        response_model=AgentChangeKept,
        responses=responses(400, 401, 403, 404, 408, 413, 415, 422, 503),
    )
    async def change_agent(agent_id: AgentPath, body: AgentChange, _: Leader) -> Response:
        """Change what an agent may take: profiles, skills, attributes. The rest stays."""
        event = AgentChanged(agent_id=agent_id, **body.model_dump())
        entry = await _keep(daemon, agent_id, event)
        return respond(AgentChangeKept(agent_id=agent_id, entry=entry).model_dump())

    return router


async def _keep(daemon: Daemon, agent_id: str, event: SingleEvent) -> int:
    """Have what is said of an agent kept; return the number of its entry."""
    receipt = await daemon.owner.submit(event)
    refusal = receipt.refusal()
    if refusal is not None and refusal.reason is Reason.UNKNOWN_AGENT:
        raise _unknown(agent_id)
    if refusal is not None:
        raise refused(refusal)
    return receipt.entry


def _unknown(agent_id: str) -> HttpError:
    message = "there is no such agent"
    return HttpError(404, "not_found", message, agent_id, Reason.UNKNOWN_AGENT)
