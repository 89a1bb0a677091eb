"""The emulated providers of the live demo, what they cost, and the configuration of the gateway over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from understudy.client.granting import BudgetGrant, KeyGrants
from understudy.emulator import Emulator


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the configuration."""

    name: str
    provider: str
    model: str
    pace: float
    """Seconds between two pieces of a stream."""
    price: tuple[float, float] | None
    """US dollars per million tokens of prompt and answer; `None`: unknown. Demo prices, not those of today."""
    extra_models: tuple[str, ...] = ()


ENTRIES = (
    Entry(name="primary", provider="openai", model="gpt-4.1", pace=0.03, price=(2.0, 8.0)),
    Entry(name="backup", provider="anthropic", model="claude-sonnet-4-5", pace=0.04, price=(3.0, 15.0)),
    Entry(name="fast", provider="groq", model="llama-3.3-70b-versatile", pace=0.01, price=(0.59, 0.79)),
    Entry(name="google", provider="google", model="gemini-2.5-flash", pace=0.02, price=(0.3, 2.5)),
    Entry(
        name="lab", provider="together", model="acme/preview-1", pace=0.05, price=None, extra_models=("acme/preview-1",)
    ),
    Entry(name="local", provider="ollama", model="llama3.2", pace=0.06, price=None),
)
BY_NAME = {entry.name: entry for entry in ENTRIES}
PRIMARY = ENTRIES[0]
PRICED = "2026-11-01"
"""The date of the prices, which each cost states."""

KEYS: Mapping[str, str] = {name: f"demo-key-of-{name}-only-here" for name in ("search", "support", "ci", "agents")}
"""The callers' keys, by name. They open nothing but this demo's gateway, on this machine, while it runs."""

VIRTUAL_KEYS: Mapping[str, KeyGrants] = {
    "mobile": KeyGrants(
        routes=("chat",), labels={"team": "mobile"}, budgets=(BudgetGrant(max_usd="5", period="day", unpriced="allow"),)
    ),
    "contractor": KeyGrants(models=("fast", "cheap"), requests_per_minute=30, expires="14d"),
}
"""Keys that are made before the gateway starts; their values are not printed."""

_ROUTES = """
[llm.fallback]
strategy = "priority"
max_retries = 2
retry_delay_ms = 200
active_probes = true
probe_interval = 5

[[llm.routes]]
name = "chat"
targets = ["primary", "backup", "local"]

[[llm.routes]]
name = "cheap"
targets = ["fast", "google", "local"]

[[llm.routes]]
name = "code"
targets = ["backup", "primary/gpt-5"]

[llm.gateway.aliases]
"claude-*" = "code"
"gpt-*" = "chat"

[[llm.budgets]]
name = "everyone"
max = 60
period = "day"
hard = false
unpriced = "allow"

[[llm.budgets]]
name = "team"
max = 15
per = "key"
period = "day"
hard = false
unpriced = "allow"

[[llm.limits]]
per = "key"
requests_per_minute = 600
concurrent = 64
"""


class Stage:
    """Emulators of all entries' providers, each with a pace of its own. An async context manager."""

    def __init__(self) -> None:
        self._emulators = {
            entry.name: Emulator((entry.provider,), pace=entry.pace, models={entry.provider: entry.extra_models})
            for entry in ENTRIES
        }
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Stage:
        try:
            for emulator in self._emulators.values():
                await self._stack.enter_async_context(emulator)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def emulator(self, entry: Entry) -> Emulator:
        """Return the emulator behind an entry."""
        return self._emulators[entry.name]

    def speaking(self, *names: str) -> Iterator[tuple[str, Emulator]]:
        """Yield providers and their emulators, of the entries with these names."""
        for name in names:
            yield BY_NAME[name].provider, self._emulators[name]

    def configuration(self, ledger: Path) -> str:
        """Return the configuration of a gateway over these emulators that keeps its ledger in a file."""
        entries = (self._entry(entry, priority) for priority, entry in enumerate(ENTRIES, start=1))
        keys = (
            f'[[llm.gateway.keys]]\nname = "{name}"\nkey = "{key}"\nlabels = {{ team = "{name}" }}\n'
            for name, key in KEYS.items()
        )
        return "\n".join(
            [*entries, _ROUTES, *keys, f"[llm.ledger]\npath = {msgspec.json.encode(str(ledger)).decode()}"]
        )

    def _entry(self, entry: Entry, priority: int) -> str:
        emulator = self.emulator(entry)
        lines = [
            "[[llm.providers]]",
            f'name = "{entry.name}"',
            f'provider = "{entry.provider}"',
            f'base_url = "{emulator.url(entry.provider)}"',
            f'api_key = "{emulator.key}"',
            f'text_model = "{entry.model}"',
            f"priority = {priority}",
            "first_event_timeout = 3",  # a stall is noticed while one looks
            'proxy = "none"',  # the emulators are on this machine
        ]
        if entry is PRIMARY:
            lines.append('embedding_model = "text-embedding-3-small"')
        if entry.price is not None:
            lines.append(f'price = {{ input = {entry.price[0]}, output = {entry.price[1]}, as_of = "{PRICED}" }}')
        return "\n".join([*lines, ""])
