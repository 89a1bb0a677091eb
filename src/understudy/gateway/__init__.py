"""The gateway: one HTTP endpoint in the wire formats of six vendors, in front of all configured providers.

`app(config)` is an ASGI application, for any ASGI server and to mount into others; `understudy serve` runs it.
"""

from understudy.gateway.application import Gateway, app

__all__ = ["Gateway", "app"]
