"""Ollama's native API: chats as newline-delimited JSON, embeddings, and the models that are pulled."""
