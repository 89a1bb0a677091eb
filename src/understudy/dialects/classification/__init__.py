"""How errors are classified, as data: what a provider or server writes, the kind of failure that it means, and where
that is stated.

`codes` and `words` hold what all dialects share, because servers use each other's wire formats; `statuses` holds what a
status means by itself. What only one wire format or provider has stands in its `errors.py` or in the provider's row.
`understudy.dialects.errors` reads the tables, and docs/failures.md prints them.
"""

from __future__ import annotations

VERSION = "2026-11-29"
"""The day of the last change to any row."""
