"""Errors of the daemon, told apart by who must act."""

from acd.errors import AcdError


class OverloadedError(AcdError):
    """More is pending than is kept; whoever sends tries again later. Args: how much, the limit."""

    def __init__(self, pending: int, limit: int) -> None:
        super().__init__(pending, limit)

    def __str__(self) -> str:
        pending, limit = self.args
        return f"{pending} inputs are pending; wanted fewer than {limit}"
