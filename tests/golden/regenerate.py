"""Write the actions of stories anew, as the router decides them now; then review every line.

    python tests/golden/regenerate.py tests/golden/*.journal

Events, comments and settings stay as they are; an action's line stands after its event's.
"""

import io
import sys
from pathlib import Path

from acd.errors import CallerError, JournalError
from acd.journal import followed, format_action, read


def regenerated(text: str, file: str) -> str:
    """Return a story with its actions decided anew."""
    lines = [line for line in text.splitlines() if not line.startswith("< ")]
    journal = read(io.BytesIO("\n".join(lines).encode() + b"\n"), file)
    after: dict[int, list[str]] = {}
    for router, entry in followed(journal):
        try:
            actions = router.step(entry.event, now_us=entry.now_us)
        except CallerError as error:
            raise JournalError(file, entry.line, str(error)) from error
        place = entry.line
        while place < len(lines) and lines[place].startswith(">> "):
            place += 1
        after[place] = [format_action(action).rstrip("\n") for action in actions]
    written = []
    for number, line in enumerate(lines, start=1):
        written += [line, *after.get(number, ())]
    return "\n".join(written) + "\n"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(regenerated(path.read_text(), name))
