"""All routes of the API."""

from __future__ import annotations

from understudy.console.api import configuration, keys, ledger, now, orders, own, spending
from understudy.console.api.errors import json_error
from understudy.console.routes import Table

TABLE = Table(
    routes=(
        *own.ROUTES,
        *now.ROUTES,
        *ledger.ROUTES,
        *spending.ROUTES,
        *keys.ROUTES,
        *orders.ROUTES,
        *configuration.ROUTES,
    ),
    error=json_error,
)
"""All routes of the API."""
