"""The `anthropic` dialect: the Messages API, both halves.

Source: Anthropic API reference and docs as of 2026-11, API versions 2023-06-01 and 2026-10-21.
"""
