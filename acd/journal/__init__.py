"""The journal: what the router was told and what it ordered, as evidence and to recover from.

`acd.journal.text` is the readable form (stories, tests), exported here. `acd.journal.records` and
`acd.journal.file` are the durable form that the daemon keeps: MessagePack in an SQLite file.
"""

from acd.journal.text import (
    LINE_BYTES_MAX,
    Difference,
    Journal,
    Replayed,
    followed,
    format_action,
    format_entry,
    format_event,
    format_header,
    format_settings,
    read,
    replay,
    under,
)

__all__ = [
    "LINE_BYTES_MAX",
    "Difference",
    "Journal",
    "Replayed",
    "followed",
    "format_action",
    "format_entry",
    "format_event",
    "format_header",
    "format_settings",
    "read",
    "replay",
    "under",
]
