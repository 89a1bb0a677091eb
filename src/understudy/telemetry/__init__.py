"""What is measured while requests are served, for operators of a gateway: counts and durations by target, the state
of each target, and what other systems are sent of them."""
