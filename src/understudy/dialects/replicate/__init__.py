"""The `replicate` dialect: predictions, both halves.

Replicate is not a chat API: it runs models, each of which describes its own inputs. The client half reads that
description, encodes a conversation into those inputs, and follows the prediction to its end.
Sources: Replicate's HTTP API reference and official Python client 1.0.7, as of 2026-11.
"""
