"""The `replicate` dialect: predictions, both halves.

Replicate is no chat API: it runs models whose inputs each model describes itself. The client half reads that
description, writes a conversation into the inputs that there are, and follows the prediction to its end.
Sources: Replicate's HTTP API reference and official Python client 1.0.7, as of 2026-11.
"""
