"""The `gemini` dialect: Google's Gemini API (`generateContent`), both halves.

Source: Google AI developer documentation, API version v1beta, and the official Python SDK google-genai 3.4.0 (2026-11).
"""
