"""What is known of a customer, looked up beside the routing and told to the desk that gets him.

`port` is what a source is, `lookups` asks them within limits, `from_history` and `from_http` are
two, and `making` puts together what is configured.
"""
