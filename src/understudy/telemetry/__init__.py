"""What is measured while requests are served, for whoever operates a gateway: counts and durations by target, the state
of each target, and what other systems are sent of them."""
