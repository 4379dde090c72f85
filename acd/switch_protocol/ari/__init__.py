"""Asterisk by its REST interface (ARI).

`adapter.py` fills the port. Below it: `transport.py` (the sockets), `codec.py` (bytes and what they
mean), `session.py` and `watching.py` (one link: log-in, requests and their answers), and the mapper
(`mapper.py` and what it is made of), which makes CSTA's words of it. Only the adapter and the
transport know a clock or a socket.
"""

from acd.switch_protocol.ari.adapter import make

__all__ = ["make"]
