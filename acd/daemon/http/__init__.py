"""HTTP and WebSocket: contacts come in, agents work, supervisors look.

Read `app.py` for what there is, `guard.py` for what every request passes first, and
docs/http_api.md for the outside view.
"""
