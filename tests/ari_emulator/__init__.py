"""A strict emulator of Asterisk's REST interface (ARI), for tests of what speaks to it.

What is emulated: HTTP with Basic authentication, the WebSocket of events, REST requests over that
WebSocket; channels, bridges, playbacks, phones, device states, subscriptions and event filters, a
dialplan with `Stasis(acd,call)` and a fallback behind it. Phones ring, answer, refuse and hang up
as the test says; customers call and hang up. No sound, no SIP.

From which facts: the resources, parameters and status codes are those of the REST description in
Asterisk 22; texts of refusals, and which events come how often and in which order, were measured
at a real Asterisk 22.10.1 (Debian) in November 2026: originate, create and dial, answer, busy,
decline, time-out, DELETE, bridges, playbacks, a closed and replaced WebSocket. Not measured, but
from the documentation: masquerades, `continue` into the dialplan, snoop channels' bridges, a
restart. What a real server does rarely, and a client must survive, is in `quirks.py`.

Where it is stricter than Asterisk: whatever no correct client does is answered as Asterisk would,
and noted as a violation, too (`Exchange.violations`): unknown resources, methods and parameters,
control characters in a value, a foreign host, a `dial` or an `addChannel` before the leg is in the
application, a second offer of a customer beside a living one.

How to read it: `channels.py` (what there is), `exchange.py` (what happens), `rest.py` (what may be
asked), `server.py` (sockets), `quirks.py` (rudeness), `world.py` (customers, phones and the ledger
that judges), `scenarios.py` (one story per quirk, for any client).

It imports nothing of the product or the simulator, so that no mistake is made twice; a test checks.
"""
