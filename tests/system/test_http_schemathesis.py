"""What OpenAPI promises is what the daemon does, whatever is sent.

Method: schemathesis draws requests from docs/openapi.json, right ones and wrong ones, always the
same; each is sent to a real server in a thread, with the token that its route wants. Of each answer
it is checked that it is no error of ours and is as the document says; wrong requests must be
refused.
"""

import asyncio
import json
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from tests.unit.http_daemon import House, house

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"

KNOWN = {
    "agent_id": "ann",
    "name": "sales",
    "contact_id": "c-0123456789abcdef01234567",
    "customer": "k-1",
    "offer_id": 1,
    "reference": "HD8J-GY35-VMDE",
}
"""What right requests ask for, so that not all of them end at an unknown name."""


def without_tokens() -> dict[str, Any]:
    """Return the document as if nobody wanted tokens: these are the matrix's affair."""
    document: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    del document["components"]["securitySchemes"]
    for ways in document["paths"].values():
        for operation in ways.values():
            operation.pop("security", None)
    return document


SCHEMA = schemathesis.openapi.from_dict(without_tokens())

EXAMPLES = 100
"""Drawn requests for each route, beside those that cover each limit of each field."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return a daemon that runs in a thread of its own."""
    folder = tmp_path_factory.mktemp("daemon")
    started: queue.SimpleQueue[House] = queue.SimpleQueue()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        end = asyncio.Event()
        loops.append((asyncio.get_running_loop(), end))
        async with house(folder, within_s=170) as made:
            started.put(made)
            await end.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    yield started.get(timeout=10)
    loop, end = loops[0]
    loop.call_soon_threadsafe(end.set)
    thread.join(timeout=20)
    assert not thread.is_alive()


def asks_as(case: schemathesis.Case[Any]) -> str:
    """Return whose token a route wants."""
    if case.operation.path == "/v1/agents/{agent_id}/state":
        return "ann"
    if case.operation.path.startswith("/v1/contacts/{contact_id}/"):
        return "chef"
    producing = case.operation.method.upper() in {"POST", "DELETE"}
    return "form" if producing else "chef"


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[*HealthCheck],
)
def test_the_daemon_does_what_the_document_says(case, daemon):
    name = asks_as(case)
    wrong = case.meta is not None and case.meta.generation.mode is GenerationMode.NEGATIVE
    if not wrong:
        case.path_parameters.update({one: KNOWN[one] for one in case.path_parameters})
        if case.path == "/v1/contacts" and isinstance(case.body, dict) and "queue" in case.body:
            case.body.update(queue="sales", channel="chat")
    case.call_and_validate(
        base_url=daemon.url,
        headers={"Authorization": f"Bearer {daemon.secrets[name]}"},
        checks=[
            not_a_server_error,
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_headers_conformance,
            checks.response_schema_conformance,
            checks.negative_data_rejection,
            checks.missing_required_header,
            checks.unsupported_method,
        ],
    )
