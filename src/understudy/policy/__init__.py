"""What is tried, in which order, how long, and what happens after a failure. Time and chance are arguments."""
