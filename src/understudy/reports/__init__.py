"""What is reported of requests, targets and entries, as data for JSON: the same for every face.

Every key is always there; what is unknown is null. Money is in US dollars, durations are in seconds.
"""
