"""Reads the single-provider form: `[llm]` with `ollama_url`, `text_model` and so on, and no list of providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from understudy.config.entries import Entries, make_entry
from understudy.config.lines import KeyPath
from understudy.config.model import Disabled, NoticeKind
from understudy.config.schema import LEGACY
from understudy.config.tables import Context, read_table
from understudy.settings import ProviderConfig, ProviderType

_PATH: KeyPath = ("llm",)


def read_legacy(context: Context, llm: Mapping[str, Any]) -> Entries:
    """Read the one provider that `[llm]` describes: Ollama, unless `provider` says otherwise."""
    values = read_table(context, llm, _PATH, LEGACY)
    if "provider" not in llm:
        values["provider"] = ProviderType.OLLAMA.value
    address = "base_url"
    if ollama_url := values.pop("ollama_url", None):
        if "base_url" in values or not _is_ollama(values.get("provider")):
            reason = "base_url is set" if "base_url" in values else "the provider is not Ollama"
            context.report.notice(
                NoticeKind.IGNORED, (*_PATH, "ollama_url"), f"ollama_url is ignored: {reason}", "leave it away"
            )
        else:
            values["base_url"], address = ollama_url, "ollama_url"
    match make_entry(context, values, llm, _PATH, address=address):
        case ProviderConfig() as entry:
            return Entries((entry,))
        case Disabled() as entry:
            return Entries((), (entry,), (_PATH,))
        case None:
            return Entries(())


def report_overridden(context: Context, llm: Mapping[str, Any]) -> None:
    """Say of each key of the single-provider form that the list of providers overrides it."""
    for key in LEGACY:
        if key in llm:
            context.report.notice(
                NoticeKind.IGNORED,
                (*_PATH, key),
                f"{key} in [llm] is ignored: [[llm.providers]] says who is asked",
                f"move {key} into an entry, or leave it away",
            )


def _is_ollama(provider: str | None) -> bool:
    try:
        return provider is not None and ProviderType(provider) is ProviderType.OLLAMA
    except ValueError:
        return False
