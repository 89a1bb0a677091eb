"""The name of the dialect; its bodies are bare arrays of numbers."""

from __future__ import annotations

NAME = "hf-features"
