"""The switch port: the neutral model (`messages.py`), and the adapters that fill it.

docs/switch_port.md is the reference for whoever writes another adapter.
"""
