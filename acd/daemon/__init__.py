"""The daemon: the router in real time, against a switch, agents' desktops and HTTP.

Read `serve.py` for what there is, and `owner.py` for how nothing is lost.
"""
