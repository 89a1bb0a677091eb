"""All routes of the API."""

from __future__ import annotations

from understudy.console.api import configuration, events, keys, ledger, now, openapi, orders, own, spending
from understudy.console.api.errors import json_error
from understudy.console.routes import Table

_ROUTES = (
    *own.ROUTES,
    *now.ROUTES,
    *ledger.ROUTES,
    *events.ROUTES,
    *spending.ROUTES,
    *keys.ROUTES,
    *orders.ROUTES,
    *configuration.ROUTES,
)

TABLE = Table(routes=(*_ROUTES, openapi.route(_ROUTES)), error=json_error)
"""All routes of the API."""
