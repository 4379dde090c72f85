"""Logs: one line an event, JSON where nobody looks, with fields from a list of allowed ones.

What is not on the list is left out, whoever logs it: no number, name, text or token of anybody
reaches a log, also not by a mistake made later.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

ALLOWED: Final = frozenset(
    {
        *("event", "level", "timestamp", "exception"),
        *("agent_id", "applied", "contacts", "count", "domain", "entry", "epoch", "error"),
        *("file", "host", "journal", "kind", "keys", "limit", "method", "parts", "path", "port"),
        *("reason", "role", "router", "sqlite", "status", "stage", "switch", "took_us", "token"),
        *("offset_us", "url", "where", "why", "code", "calls"),
    }
)
"""Fields that may stand in a log. `token` is a token's name, never the token; `path` is a route's
pattern, never what was asked for."""

TEXT_MAX: Final = 300
"""Longest text in a log, in characters."""


def configure() -> None:
    """Set logging up, once, before anything is logged."""
    on_terminal = sys.stderr.isatty()
    shown: Any = (
        structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            only_allowed,
            shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries that log by themselves may quote what came from outside.
    logging.getLogger().setLevel(logging.CRITICAL)


def only_allowed(
    _logger: object, _method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Return the fields that may be logged, texts cut and without line breaks.

    >>> only_allowed(None, "info", {"event": "a call", "caller": "+49 170", "entry": 7})
    {'event': 'a call', 'entry': 7}
    """
    return {name: _plain(name, value) for name, value in fields.items() if name in ALLOWED}


def _plain(name: str, value: object) -> object:
    if not isinstance(value, str) or name == "exception":
        return value
    return "".join(letter if letter.isprintable() else "?" for letter in value[:TEXT_MAX])
