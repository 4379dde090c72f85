"""How fast the router and the simulator are: question, method, peers, one command each."""
