"""What starting takes: CPU milliseconds and memory of a process that imports this library and builds a manager."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLE = """
[[llm.providers]]
name = "primary"
provider = "openai"
api_key = "${OPENAI_API_KEY}"
text_model = "gpt-4-turbo-preview"

[[llm.providers]]
name = "backup"
provider = "anthropic"
api_key = "${ANTHROPIC_API_KEY}"
text_model = "claude-3-sonnet-20240229"
priority = 11

[[llm.providers]]
name = "local"
provider = "ollama"
text_model = "llama3.2"
priority = 12
"""
START = {
    "bare Python": "pass",
    "import asyncio, msgspec": "import asyncio, msgspec",
    "manager of the example": "import understudy; understudy.from_config({path!r})",
}
PROBE = """
{code}
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
try:
    memory = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
except OSError:
    memory = used.ru_maxrss * 1024
print(used.ru_utime + used.ru_stime, memory)
"""


def start_up(rounds: int) -> dict[str, tuple[float, float]]:
    """Return CPU milliseconds since process start, and resident megabytes, for each way to start."""
    best: dict[str, tuple[float, float]] = {}
    environment = {**os.environ, "OPENAI_API_KEY": "x", "ANTHROPIC_API_KEY": "x"}
    # Installed packages are byte-compiled; a checkout that may not write its caches would measure the compiler.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        environment["PYTHONPYCACHEPREFIX"] = folder
        path = Path(folder) / "understudy.toml"
        path.write_text(EXAMPLE)
        for _ in range(rounds + 1):
            for name, code in START.items():
                script = PROBE.format(code=code.format(path=str(path)))
                out = subprocess.run(
                    [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
                ).stdout.split()
                seconds, memory = float(out[0]), float(out[1])
                if name not in best or seconds * 1e3 < best[name][0]:
                    best[name] = (seconds * 1e3, memory / 2**20)
    return best
