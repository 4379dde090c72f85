"""A switch to try things with: a process of its own, so that it survives the daemon.

`adapter.py` is the daemon's side; `python -m acd.switch_protocol.simulated` starts the switch:
`exchange.py` (calls, phones and offers; pure), `robots.py` (customers and agents who act by
themselves), `rudeness.py` (what goes wrong on the way), `server.py` and `control.py`.
"""

from acd.switch_protocol.simulated.adapter import make

__all__ = ["make"]
