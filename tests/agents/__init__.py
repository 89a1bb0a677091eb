"""Coding agents, headless, against emulated providers: directly, and through the gateway."""
