"""The console: pages, an API and metrics for operators of a gateway. It is imported with the first request to it.

`console` answers a request; `routes` says which paths there are, and `context` what their handlers work with.
"""
