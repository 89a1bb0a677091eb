"""The gateway of this project, and the floors beneath it: relays that do less and less."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.answers import MODEL
from benchmarks.gateways.launching import Gateway, Launch, Place

_ROOT = Path(__file__).resolve().parents[2]
_KEY = "bench-key-0123456789abcdef0123456789abcdef"
_CONFIG = """
[llm.gateway]
port = {port}
secret = "bench-secret-0123456789abcdef0123456789abcdef"

[[llm.gateway.keys]]
name = "bench"
key = "{key}"

[[llm.providers]]
name = "primary"
provider = "openai"
base_url = "{origin}/v1"
{trust}api_key = "upstream-key"
text_model = "{model}"

[[llm.providers]]
name = "backup"
provider = "openai"
base_url = "{origin}/v1"
{trust}api_key = "upstream-key"
text_model = "{model}"
priority = 20
"""


def _own(place: Place) -> Launch:
    trust = f'ca_file = "{place.authority}"\n' if place.authority else ""
    config = _CONFIG.format(key=_KEY, port=place.port, origin=place.origin, trust=trust, model=MODEL)
    serve = ["serve", "--config", place.path("understudy.toml"), "--access-log", place.path("access.log")]
    return Launch(
        [sys.executable, "-m", "understudy", *serve],
        {"understudy.toml": config},
        {"PYTHONPYCACHEPREFIX": place.path("compiled"), "PYTHONPATH": str(_ROOT / "src")},
        {"authorization": f"Bearer {_KEY}"},
    )


def _relay(module: str, place: Place) -> Launch:
    environment = {"PYTHONPYCACHEPREFIX": place.path("compiled"), "PYTHONPATH": str(_ROOT)}
    authority = [place.authority] if place.authority else []
    command = [sys.executable, "-m", module, str(place.port), str(place.upstream), *authority]
    return Launch(command, environment=environment)


OWN = Gateway(
    "understudy",
    _own,
    "A key, two targets with fallback, the access log and the ledger in a file; one worker, as by default.",
    sources=("docs/gateway.md",),
)
TYPED_RELAY = Gateway(
    "typed relay",
    lambda place: _relay("benchmarks.gateways.typed_relay", place),
    "uvicorn, aiohttp and uvloop: reads `model` and `stream`, and forwards. No keys, errors, fallback or records.",
    sources=("benchmarks/gateways/typed_relay.py",),
)
BYTE_RELAY = Gateway(
    "byte relay",
    lambda place: _relay("benchmarks.gateways.byte_relay", place),
    "asyncio and uvloop: copies bytes between two sockets, and reads none of them. Over TLS it keeps the connections "
    "to the upstream for later callers, as the pools of the others do.",
    sources=("benchmarks/gateways/byte_relay.py",),
)
