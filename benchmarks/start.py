"""Imports the library and makes a manager of two entries; as a program, between two marks for `benchmarks.callgrind`.

It imports nothing else, so that all that the library loads is counted.
"""

import os


def start() -> object:
    """Import the library, and make a manager."""
    import understudy as u

    entries = ({"provider": "openai", "name": name, "api_key": "sk-count", "text_model": "m"} for name in ("a", "b"))
    return u.ProviderManager(list(entries))


if __name__ == "__main__":
    os.getppid()
    start()
    os.getppid()
