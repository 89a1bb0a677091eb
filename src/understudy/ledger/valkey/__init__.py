"""Limits in Valkey or Redis: those of all processes and machines that share one server."""
