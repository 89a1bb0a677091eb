"""The types of decoded JSON."""

from __future__ import annotations

from typing import Any

Json = Any
"""A decoded JSON value."""

JsonObject = dict[str, Any]
"""A decoded JSON object."""
