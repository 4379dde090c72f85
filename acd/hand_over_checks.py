"""Other domains that cannot be told apart, or asked in a sensible time."""

from typing import Final

from acd.errors import shown
from acd.ids import ID_MAX
from acd.mistakes import Findings, seconds_text
from acd.settings import SECOND_US, DomainSettings

DOMAINS_MAX: Final = 100
"""Most other domains: the sites of a large operator."""

ANSWER_MAX_US: Final = 60 * SECOND_US
"""Longest time for an answer, in which nobody is offered the contact."""


def report_domains(found: Findings, settings: DomainSettings) -> None:
    """Report mistakes in the tables of other domains."""
    if len(settings.domains) > DOMAINS_MAX:
        seen = f"has {len(settings.domains)} tables"
        found.report(("domains",), seen, f"at most {DOMAINS_MAX}")
    found.doubles("domains", (one.name for one in settings.domains))
    for one in settings.domains:
        path = ("domains", one.name)
        if not 1 <= len(one.name) <= ID_MAX:
            seen = f"has a name of {len(one.name)} characters"
            found.report(path, seen, f"from 1 to {ID_MAX} characters")
        if one.name == settings.name and not found.doubtful("domain", "name"):
            found.report(path, f"is {shown(one.name)}", "another domain than this one")
        if not 0 < one.answer_us <= ANSWER_MAX_US:
            wanted = f"a number of seconds above 0 and up to {seconds_text(ANSWER_MAX_US)}"
            found.report((*path, "answer_s"), f"is {seconds_text(one.answer_us)}", wanted)
        found.span((*path, "retry_s"), one.retry_us, zero=False)
