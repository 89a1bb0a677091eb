"""The `cohere` dialect: Cohere's API version 2 (chat, embeddings) with tokenization and models, both halves.

Source: Cohere's OpenAPI description (2026-08) and API reference (2026-11); official Python SDK 7.3.1.
"""
