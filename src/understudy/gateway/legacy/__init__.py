"""Older APIs, which are answered by translation: no provider is asked in them."""
