"""What can be wrong with a question to the history.

A wrong file is a `ConfigError`, a damaged one a `StorageError`, as everywhere.
"""

from acd.errors import AcdError


class BadQueryError(AcdError):
    """A question has no answer: whoever asks changes it. Args: what was seen, what is wanted."""

    def __init__(self, seen: str, wanted: str) -> None:
        super().__init__(seen, wanted)

    def __str__(self) -> str:
        seen, wanted = self.args
        return f"{seen}; wanted {wanted}"


class SlowQueryError(AcdError):
    """A question took too long and was given up: whoever asks asks for less. Args: seconds."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(limit_s)

    def __str__(self) -> str:
        return f"no answer within {self.args[0]:g} s; wanted a shorter span of time"
