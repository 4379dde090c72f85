"""Which releases of Asterisk have what: by the names that they give themselves. Pure.

REST over the WebSocket came with 20.14, 21.9 and 22.4. The security releases of 2026-06-25 closed
two holes of ARI: GHSA-wcvv-g26m-wx5c (a user who may only read could write, by that very way) and
GHSA-vrfp-mg3q-3959 (`live_dangerously = no` did not hold for ARI). Which releases those are:

- 22.10.1, 23.4.1: by Asterisk's own announcements and change logs;
- 20.20.1, 21.12.3, certified-20.7-cert11, certified-22.8-cert3: by quotations of CERT-FR's notice
  2026-AVI-0805, which were not read at their source.

A distribution may have put the repairs into an older release; its name does not say so.
"""

import re
from typing import Final

from acd.errors import shown

ADVISORIES: Final = "GHSA-wcvv-g26m-wx5c, GHSA-vrfp-mg3q-3959"

FIXED: Final = {20: (20, 1), 21: (12, 3), 22: (10, 1), 23: (4, 1)}
"""The first repaired release of each branch: what follows the first number."""

FIXED_CERTIFIED: Final = {(20, 7): 11, (22, 8): 3}
"""The first repaired `certN` of each certified branch."""

_RELEASE: Final = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![0-9.]|-rc|-beta)")
_CERTIFIED: Final = re.compile(r"certified[-/](\d{1,3})\.(\d{1,3})-cert(\d{1,3})(?![0-9])")


def missing_repairs(version: str) -> str:
    """Return why a release cannot be shown to have the repairs; "" if it can.

    >>> missing_repairs("22.10.1+dfsg+~cs6.17"), missing_repairs("24.0.0")
    ('', '')
    >>> missing_repairs("certified-20.7-cert11"), missing_repairs("20.20.0")[:31]
    ('', '`20.20.0` is older than 20.20.1')
    """
    if found := _CERTIFIED.match(version):
        major, minor, number = map(int, found.groups())
        first = FIXED_CERTIFIED.get((major, minor))
        if first is not None and number >= first:
            return ""
        wanted = "" if first is None else f"certified-{major}.{minor}-cert{first}"
    elif found := _RELEASE.match(version):
        major, minor, number = map(int, found.groups())
        branch = FIXED.get(major)
        if major > max(FIXED) or (branch is not None and (minor, number) >= branch):
            return ""
        wanted = "" if branch is None else f"{major}.{branch[0]}.{branch[1]}"
    else:
        return f"{shown(version)} does not say whether it has the repairs of {ADVISORIES}"
    if wanted:
        return (
            f"{shown(version)} is older than {wanted}, the first with the repairs of {ADVISORIES}"
        )
    return f"{shown(version)} has no release with the repairs of {ADVISORIES}"
