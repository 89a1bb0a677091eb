"""The gateway as a server: a strict HTTP protocol, limits, draining, workers and reloading.

It needs the packages of the extra `gateway`. `running.serve` is what the command line calls.
"""
