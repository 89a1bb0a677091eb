"""Changes single values of configuration files and leaves every other byte as it is.

Each format has `read(text)`, which returns its values, and `write(text, values)`, which returns the text with values
set, by their paths, or removed where the value is `GONE`. `edit` calls them, and makes sure that the result holds what
was meant and that nothing else has changed; otherwise it refuses.
"""

from __future__ import annotations

from understudy.cli.agents.edits.editing import GONE, CannotEdit, edit, read_values, value_at

__all__ = ["GONE", "CannotEdit", "edit", "read_values", "value_at"]
