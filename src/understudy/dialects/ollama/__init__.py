"""Ollama's native API: chats as newline-delimited JSON, embeddings, and local models."""
