"""The history: who came, what became of it, and what the agents did, in tables for questions.

`keeper` writes it beside the daemon, `reader` answers questions. docs/history.md describes both.
"""

from acd.daemon.history.keeper import History
from acd.daemon.history.reader import HistoryReader

__all__ = ["History", "HistoryReader"]
