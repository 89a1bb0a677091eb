"""What a gateway loads of its console before it is used: nothing that takes time or memory."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import asyncio, sys
import understudy.cli.serve, understudy.gateway.serving.running, understudy.gateway.serving.worker
from understudy.gateway import app
gateway = app({"llm": {"provider": "ollama", "ollama_url": "http://127.0.0.1:9", "text_model": "x"}})
print(*sorted(each for each in sys.modules if each.startswith(("understudy.console", "understudy.reports", "jinja2"))))
"""


def test_the_console_is_loaded_with_its_first_request() -> None:
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    loaded = set(found.stdout.split()) - {"understudy.console", "understudy.reports", "understudy.reports.results"}
    assert loaded == set(), "the command line loads the reports of its other commands"
