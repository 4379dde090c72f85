"""Who asks, and whether he may.

The guard finds the token before anything else is looked at; each route then says whom it is for.
A route that says nothing is open, so tests/system/test_http_matrix.py asks every route as everyone.
"""

from typing import Annotated, Final

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection
from starlette.types import Scope

from acd.daemon.http.errors import HttpError
from acd.daemon.http.tokens import Role, Token, Tokens
from acd.daemon.settings import Anonymous
from acd.ids import AgentId

SUBPROTOCOL: Final = "acd"
"""What a browser's WebSocket speaks. It cannot send headers, so it offers its token as another."""

_ANONYMOUS: Final = "(anonymous)"
"""How whoever may read without a token is called; no token has such a name. He changes nothing."""

_TOKEN_SUBPROTOCOL: Final = "acd.bearer."  # noqa: S105 - the word before the token.

PUBLIC: Final = ("/", "/livez", "/readyz")
"""Paths that tell nothing of anybody."""


class Access:
    """Finds the token of a request.

    Args:
        tokens: Those of the file.
        domain: The domain's name.
        anonymous: What a request without a token may do.
    """

    def __init__(self, tokens: Tokens, *, domain: str, anonymous: Anonymous) -> None:
        self._tokens = tokens
        self._domain = domain
        self._anonymous = anonymous

    def token_of(self, scope: Scope) -> Token:
        """Return the token that a request came with.

        Raises:
            HttpError: There is none, or it does not count here.
        """
        secret = _secret_in(scope)
        if secret is None:
            if self._anonymous is Anonymous.SUPERVISOR:
                return Token(name=_ANONYMOUS, role=Role.SUPERVISOR, domain=self._domain)
            raise HttpError(401, "no_token", "wanted a token: Authorization: Bearer …")
        token = self._tokens.find(secret)
        if token is None:
            raise HttpError(401, "bad_token", "the token is not known")
        if token.is_expired:
            raise HttpError(401, "expired_token", "the token's time is over")
        if token.domain != self._domain:
            raise HttpError(403, "other_domain", "the token is for another domain")
        return token


def public(scope: Scope) -> bool:
    """Return whether a path is for everybody."""
    return scope["type"] == "http" and scope["path"] in PUBLIC


def _secret_in(scope: Scope) -> str | None:
    """Return what a request offers as its token; None if nothing."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, secret = value.decode("latin-1").partition(" ")
            return secret.strip() if scheme.lower() == "bearer" else ""
    for offered in scope.get("subprotocols", ()):
        if offered.startswith(_TOKEN_SUBPROTOCOL):
            return str(offered.removeprefix(_TOKEN_SUBPROTOCOL))
    return None


# Whom a route is for. The bearer scheme stands here for OpenAPI; the guard has read the header.

_bearer = HTTPBearer(auto_error=False, description="A token of `acd token`.")


def token_of(connection: HTTPConnection) -> Token:
    """Return the token that the guard found."""
    token = connection.state.token
    assert isinstance(token, Token)
    return token


def _of_role(token: Token, *roles: Role) -> Token:
    if token.role not in roles:
        wanted = " or ".join(roles)
        raise HttpError(403, "not_allowed", f"this is for the role {wanted}")
    return token


def _named(token: Token) -> Token:
    """Refuse who came without a token: reading may be open to everybody here, changing is not."""
    if token.name == _ANONYMOUS:
        raise HttpError(401, "no_token", "wanted a token: Authorization: Bearer …")
    return token


async def _producer(connection: HTTPConnection) -> Token:
    return _of_role(token_of(connection), Role.PRODUCER)


async def _supervisor(connection: HTTPConnection) -> Token:
    return _of_role(token_of(connection), Role.SUPERVISOR)


async def _leader(connection: HTTPConnection) -> Token:
    return _named(_of_role(token_of(connection), Role.SUPERVISOR))


async def _rater(connection: HTTPConnection) -> Token:
    return _named(_of_role(token_of(connection), Role.PRODUCER, Role.SUPERVISOR))


async def _himself(connection: HTTPConnection, agent_id: AgentId) -> Token:
    token = _of_role(token_of(connection), Role.AGENT)
    if token.agent != agent_id:
        raise HttpError(403, "not_yourself", "the token is another agent's")
    return token


async def _supervisor_or_himself(connection: HTTPConnection, agent_id: AgentId) -> Token:
    token = _of_role(token_of(connection), Role.SUPERVISOR, Role.AGENT)
    if token.role is Role.AGENT and token.agent != agent_id:
        raise HttpError(403, "not_yourself", "the token is another agent's")
    return token


BEARER: Final = Depends(_bearer)
"""Has OpenAPI say that a route wants a token."""

Producer = Annotated[Token, Depends(_producer)]
Supervisor = Annotated[Token, Depends(_supervisor)]
Leader = Annotated[Token, Depends(_leader)]
Rater = Annotated[Token, Depends(_rater)]
Himself = Annotated[Token, Depends(_himself)]
SupervisorOrHimself = Annotated[Token, Depends(_supervisor_or_himself)]
