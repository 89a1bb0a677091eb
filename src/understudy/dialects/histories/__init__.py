"""Repairs of conversations, each a pure step over the unified messages; `understudy.dialects.history` runs them."""
