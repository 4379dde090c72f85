"""What a run found."""

from typing import NamedTuple

from acd.figures import Report
from sim.customers import Followed
from sim.served import Served
from sim.time_book import PaidTime
from sim.virtual_hold import CalledBack


class Result(NamedTuple):
    """What a run found."""

    report: Report
    arrived: int
    """Contacts of the workload, all of them."""
    steps: int
    """Calls of `Router.step`."""
    digest: str
    """SHA-256 of all actions; empty unless asked for."""
    paid: tuple[PaidTime, ...] = ()
    """What became of the time that each group was scheduled."""
    customers: tuple[Followed, ...] = ()
    """Of the streams whose customers are told how long they wait, or call again."""
    callbacks: tuple[CalledBack, ...] = ()
    """Of the queues that call back."""
    served: Served = Served({}, {})


def check(report: Report, *, entered: int, waiting: int) -> None:
    """Fail if a contact is lost: it entered, and the measures know nothing of its end.

    Args:
        report: The measures.
        entered: How many contacts entered a queue, each as often as it did.
        waiting: How many are on the line and wait.
    """
    totals = [row.total for row in report.rows]
    assert sum(total.offered for total in totals) == entered
    assert sum(total.waiting for total in totals) == waiting
    for total in totals:
        ended = total.answered + total.abandoned + total.other_exits
        ended += total.overflowed + total.rejected + total.callbacks
        assert total.offered == ended + total.waiting, total
