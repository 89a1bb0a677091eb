"""All routes of the API."""

from __future__ import annotations

from understudy.console.api import own
from understudy.console.api.errors import json_error
from understudy.console.routes import Table

TABLE = Table(routes=own.ROUTES, error=json_error)
"""All routes of the API."""
